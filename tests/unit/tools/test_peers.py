import pytest

from tools.peers import cache, find, why_missing
from tools.peers.building import install_go, install_node
from tools.peers.cache import is_stamped, note_success
from tools.peers.kinds import mark
from tools.peers.programs import GO_PROGRAMS, GO_SOURCES, NODE_PACKAGES, PYTHON_PROGRAMS, all_programs


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOTPLUS_PEERS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    for variable in ("ZOTPLUS_ZOT", "ZOTPLUS_TERRAFORM"):
        monkeypatch.delenv(variable, raising=False)
    for folder in ("bin", "stamps", "path"):
        (tmp_path / folder).mkdir()
    return tmp_path


def program(folder, name):
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_program_that_is_nowhere_has_a_reason():
    assert find("crane") is None
    assert "make peers" in why_missing("crane")


def test_the_reason_of_a_failed_build_is_kept(empty_cache):
    (empty_cache / "stamps" / "helm.failed").write_text("go install failed: no network\n")
    assert why_missing("helm") == "helm: go install failed: no network"


def test_the_pinned_program_goes_before_the_one_on_the_path(empty_cache):
    on_path = program(empty_cache / "path", "crane")
    assert find("crane") == on_path
    pinned = program(empty_cache / "bin", "crane")
    assert find("crane") == pinned


@pytest.mark.parametrize(("name", "variable"), [("zot", "ZOTPLUS_ZOT"), ("terraform", "ZOTPLUS_TERRAFORM")])
def test_a_program_that_is_looked_for_is_taken_from_its_variable_or_not_at_all(
    empty_cache, monkeypatch, name, variable
):
    on_path = program(empty_cache / "path", name)
    assert find(name) == on_path
    monkeypatch.setenv(variable, str(empty_cache / "nowhere"))
    assert find(name) is None
    assert variable in why_missing(name)
    monkeypatch.setenv(variable, str(on_path))
    assert find(name) == on_path


def test_every_program_is_pinned_and_named_once():
    names = [p.name for p in all_programs()]
    assert len(names) == len(set(names))
    assert all(p.version.startswith("v") for p in (*GO_PROGRAMS, *GO_SOURCES))
    assert not any("unknown" in p.version for p in (*PYTHON_PROGRAMS, *GO_SOURCES))


@pytest.mark.parametrize("made", [GO_PROGRAMS[0], GO_SOURCES[0]], ids=lambda made: made.name)
def test_a_go_program_that_cannot_be_built_is_noted_and_no_failure(empty_cache, made):
    install_go(made)
    assert "needs the Go toolchain" in why_missing(made.name)
    assert list((empty_cache / "bin").iterdir()) == []


def test_packages_without_node_are_noted_and_no_failure():
    install_node(NODE_PACKAGES[0])
    assert "needs Node.js" in why_missing(NODE_PACKAGES[0].name)


def test_a_program_of_another_version_or_without_its_entry_is_not_there_yet(empty_cache):
    note_success("crane", "crane-v1")
    assert not is_stamped("crane", "crane-v1")
    program(cache() / "bin", "crane")
    assert is_stamped("crane", "crane-v1")
    assert not is_stamped("crane", "crane-v2")


def test_the_mark_of_a_folder_changes_with_any_file_in_it(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "main.go").write_text("one")
    first = mark(folder)
    (folder / "main.go").write_text("two")
    second = mark(folder)
    (folder / "go.sum").touch()
    assert len({first, second, mark(folder)}) == 3
