import pytest

from tools import peers


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOTPLUS_PEERS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("ZOTPLUS_ZOT", raising=False)
    for folder in ("bin", "stamps", "path"):
        (tmp_path / folder).mkdir()
    return tmp_path


def program(folder, name):
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_program_that_is_nowhere_has_a_reason():
    assert peers.find("crane") is None
    assert "make peers" in peers.why_missing("crane")


def test_the_reason_of_a_failed_build_is_kept(empty_cache):
    (empty_cache / "stamps" / "helm.failed").write_text("go install failed: no network\n")
    assert peers.why_missing("helm") == "helm: go install failed: no network"


def test_the_pinned_program_goes_before_the_one_on_the_path(empty_cache):
    on_path = program(empty_cache / "path", "crane")
    assert peers.find("crane") == on_path
    pinned = program(empty_cache / "bin", "crane")
    assert peers.find("crane") == pinned


def test_zot_is_taken_from_its_variable_and_a_wrong_one_is_not_replaced_by_another(empty_cache, monkeypatch):
    on_path = program(empty_cache / "path", "zot")
    assert peers.find("zot") == on_path
    monkeypatch.setenv("ZOTPLUS_ZOT", str(empty_cache / "nowhere"))
    assert peers.find("zot") is None
    monkeypatch.setenv("ZOTPLUS_ZOT", str(on_path))
    assert peers.find("zot") == on_path


def test_every_program_is_pinned_and_named_once():
    names = [p.name for p in (*peers.GO_PROGRAMS, *peers.PYTHON_PROGRAMS, *peers.DEBIAN_PROGRAMS)]
    assert len(names) == len(set(names))
    assert all(p.version.startswith("v") for p in peers.GO_PROGRAMS)
    assert "unknown" not in peers.PYTHON_PROGRAMS[0].version


def test_a_go_program_that_cannot_be_built_is_noted_and_no_failure(empty_cache):
    peers._install_go(peers.GO_PROGRAMS[0])
    assert "needs the Go toolchain" in peers.why_missing(peers.GO_PROGRAMS[0].name)
    assert list((empty_cache / "bin").iterdir()) == []
