"""``zotplus keys rotate-master`` on a stopped server's data folder."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from zotplus.adapters.sealing_aead.sealing import generate_master_key, read_keyring, write_keyring
from zotplus.app.offline import administrator_key, prepare
from zotplus.cli.commands import cli
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.serve.data_folder import claim
from zotplus.settings import load


@pytest.fixture
def settings_of(tmp_path):
    def make(**environment):
        return load(None, {"ZOTPLUS_DATA_DIR": str(tmp_path / "data"), **environment})

    return make


def rotate(tmp_path, *arguments, **environment):
    command = ["keys", "rotate-master", "--data-dir", str(tmp_path / "data"), "--json", *arguments]
    return CliRunner().invoke(cli, command, env={"ZOTPLUS_MASTER_KEY": None, **environment})


def test_the_administrator_is_the_same_under_the_new_key(settings_of, tmp_path):
    drawn = prepare(settings_of())
    [old] = read_keyring(settings_of().data)
    result = rotate(tmp_path, "--save-old-key", str(tmp_path / "old.key"))
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["resumed"], told["resealed"]["keys and robots"]) == (False, 1)
    [new] = read_keyring(settings_of().data)
    assert new != old
    assert administrator_key(settings_of()) == drawn
    assert (tmp_path / "old.key").read_text().strip() == old
    assert (tmp_path / "old.key").stat().st_mode & 0o777 == 0o600


def test_the_old_key_opens_nothing_afterwards(settings_of, tmp_path):
    prepare(settings_of())
    [old] = read_keyring(settings_of().data)
    assert rotate(tmp_path, "--discard-old-key").exit_code == 0
    with pytest.raises(Problem) as raised:
        administrator_key(settings_of(ZOTPLUS_MASTER_KEY=old))
    assert raised.value.fault is errors.STORAGE_FAILED
    with pytest.raises(Problem) as raised:
        prepare(settings_of(ZOTPLUS_MASTER_KEY=old))
    assert raised.value.fault is errors.SETTING_INVALID


def test_a_backup_that_was_made_before_is_opened_by_the_old_key(settings_of, tmp_path):
    drawn = prepare(settings_of())
    shutil.copytree(settings_of().metadata.path, tmp_path / "restored/metadata")
    rotate(tmp_path, "--save-old-key", str(tmp_path / "old.key"))
    restored = settings_of(ZOTPLUS_DATA_DIR=str(tmp_path / "restored"))
    shutil.copy(settings_of().data / "master.key", tmp_path / "restored/master.key")
    with pytest.raises(Problem, match="another master key"):
        prepare(restored)
    shutil.copy(tmp_path / "old.key", tmp_path / "restored/master.key")
    assert prepare(restored) is None
    assert administrator_key(restored) == drawn


@pytest.mark.parametrize("arguments", [[], ["--discard-old-key", "--save-old-key", "old.key"]])
def test_what_becomes_of_the_old_key_has_to_be_said(settings_of, tmp_path, arguments):
    prepare(settings_of())
    before = read_keyring(settings_of().data)
    result = rotate(tmp_path, *arguments)
    assert result.exit_code == 2
    assert "Backups made before need the old key" in result.stderr
    assert read_keyring(settings_of().data) == before


def test_a_file_that_holds_something_else_is_not_written_over(settings_of, tmp_path):
    prepare(settings_of())
    before = read_keyring(settings_of().data)
    (tmp_path / "old.key").write_text("notes")
    (tmp_path / "old.key").chmod(0o600)
    result = rotate(tmp_path, "--save-old-key", str(tmp_path / "old.key"))
    assert "holds something else" in result.stderr
    assert read_keyring(settings_of().data) == before


def test_a_rotation_that_was_interrupted_is_finished_without_another_key(settings_of, tmp_path):
    drawn = prepare(settings_of())
    [old] = read_keyring(settings_of().data)
    new = generate_master_key()
    write_keyring(settings_of().data, [new, old])
    assert administrator_key(settings_of()) == drawn
    result = rotate(tmp_path, "--save-old-key", str(tmp_path / "old.key"))
    assert json.loads(result.stdout)["resumed"] is True
    assert "no new key was drawn" in result.stderr
    assert read_keyring(settings_of().data) == [new]
    assert (tmp_path / "old.key").read_text().strip() == old
    assert administrator_key(settings_of()) == drawn


def test_a_key_that_is_a_setting_is_changed_with_both_given(settings_of, tmp_path):
    old, new = generate_master_key(), generate_master_key()
    drawn = prepare(settings_of(ZOTPLUS_MASTER_KEY=old))
    both = {"ZOTPLUS_MASTER_KEY": new, "ZOTPLUS_PREVIOUS_MASTER_KEY": old}
    assert prepare(settings_of(**both)) is None  # it serves with both before anything is sealed anew
    assert administrator_key(settings_of(**both)) == drawn
    result = rotate(tmp_path, **both)
    assert json.loads(result.stdout)["resealed"]["keys and robots"] == 1
    assert administrator_key(settings_of(ZOTPLUS_MASTER_KEY=new)) == drawn
    assert not (tmp_path / "data/master.key").exists()


def test_a_key_that_is_a_setting_needs_the_one_before(settings_of, tmp_path):
    old = generate_master_key()
    prepare(settings_of(ZOTPLUS_MASTER_KEY=old))
    result = rotate(tmp_path, ZOTPLUS_MASTER_KEY=generate_master_key())
    assert json.loads(result.stderr)["error"]["fields"] == {"setting": "previous_master_key"}
    assert administrator_key(settings_of(ZOTPLUS_MASTER_KEY=old))


def test_the_wrong_previous_key_changes_nothing(settings_of, tmp_path):
    old, new = generate_master_key(), generate_master_key()
    drawn = prepare(settings_of(ZOTPLUS_MASTER_KEY=old))
    result = rotate(tmp_path, ZOTPLUS_MASTER_KEY=new, ZOTPLUS_PREVIOUS_MASTER_KEY=generate_master_key())
    assert json.loads(result.stderr)["error"]["code"] == "storage_failed"
    assert administrator_key(settings_of(ZOTPLUS_MASTER_KEY=old)) == drawn


def test_it_waits_for_no_running_server(settings_of, tmp_path):
    prepare(settings_of())
    lock = claim(settings_of().data)
    try:
        result = rotate(tmp_path, "--discard-old-key")
    finally:
        os.close(lock)
    assert json.loads(result.stderr)["error"]["code"] == "data_dir_busy"


def test_without_a_store_nothing_is_made(tmp_path):
    assert json.loads(rotate(tmp_path, "--discard-old-key").stderr)["error"]["code"] == "record_not_found"
    assert not (tmp_path / "data").exists()


def test_people_are_told_what_backups_need(settings_of, tmp_path):
    prepare(settings_of())
    command = ["keys", "rotate-master", "--data-dir", str(tmp_path / "data"), "--discard-old-key"]
    result = CliRunner().invoke(cli, command)
    assert result.stdout.splitlines()[0].split() == ["keys", "and", "robots", "sealed", "anew", "1"]
    assert "Backups made until now need the old key" in result.stderr
