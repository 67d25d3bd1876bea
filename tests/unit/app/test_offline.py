"""The first start on an empty data folder."""

import pytest
from click.testing import CliRunner

from zotplus.app import omissions
from zotplus.app.offline import administrator_key, prepare, restore
from zotplus.cli.commands import cli
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.settings import load

SECRET = "chosen-by-the-operator"


@pytest.fixture
def settings_of(tmp_path):
    def make(**environment):
        return load(None, {"ZOTPLUS_DATA_DIR": str(tmp_path / "data"), **environment})

    return make


def test_the_first_start_draws_an_administrator_and_tells_it_once(settings_of):
    drawn = prepare(settings_of())
    assert drawn is not None
    assert administrator_key(settings_of()) == drawn
    assert prepare(settings_of()) is None


def test_no_two_servers_draw_the_same_secret(settings_of, tmp_path):
    there = prepare(settings_of())
    elsewhere = prepare(settings_of(ZOTPLUS_DATA_DIR=str(tmp_path / "other")))
    assert there is not None
    assert elsewhere is not None
    assert there[1] != elsewhere[1]


def test_a_secret_that_was_set_is_never_told(settings_of):
    chosen = {"ZOTPLUS_ADMIN__ACCESS_KEY": "OPERATOR", "ZOTPLUS_ADMIN__SECRET_KEY": SECRET}
    for secret in (SECRET, SECRET, SECRET + "-2"):
        chosen["ZOTPLUS_ADMIN__SECRET_KEY"] = secret
        assert prepare(settings_of(**chosen)) is None
        assert administrator_key(settings_of()) == ("OPERATOR", secret)


def test_a_secret_from_a_file_is_never_told(settings_of, tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o600)
    chosen = {"ZOTPLUS_ADMIN__ACCESS_KEY": "OPERATOR", "ZOTPLUS_ADMIN__SECRET_KEY_FILE": str(file)}
    assert prepare(settings_of(**chosen)) is None
    assert administrator_key(settings_of()) == ("OPERATOR", SECRET)


def test_a_store_without_its_master_key_is_not_given_another(settings_of):
    """A backup holds no master key; with a new one every stored secret would be lost without a word."""
    drawn = prepare(settings_of())
    key = settings_of().data / "master.key"
    text = key.read_text()
    key.unlink()
    with pytest.raises(Problem, match=r"master\.key") as raised:
        prepare(settings_of())
    assert raised.value.fault is errors.SETTING_INVALID
    assert not key.exists()
    assert prepare(settings_of(ZOTPLUS_MASTER_KEY=text.strip())) is None
    assert administrator_key(settings_of(ZOTPLUS_MASTER_KEY=text.strip())) == drawn


@pytest.fixture
def backup(tmp_path):
    """A backup of an empty store."""
    folder = tmp_path / "backup"
    (folder / "metadata").mkdir(parents=True)
    (folder / "manifest.txt").touch()
    return folder


def test_a_restore_says_what_has_to_be_put_in_place(settings_of, backup, tmp_path):
    where = {row.what: row.where for row in restore(settings_of(), backup).left_out}
    assert where == {
        "the master key": str(tmp_path / "data/master.key"),
        "OCI images and charts of a managed Zot": str(tmp_path / "data/zot"),
    }


def test_a_restore_asks_for_nothing_that_is_there(settings_of, backup, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/master.key").touch()
    assert restore(settings_of(ZOTPLUS_UPSTREAM__URL="http://zot:5000"), backup).left_out == []


def test_a_backup_names_what_the_settings_put_elsewhere(settings_of):
    elsewhere = settings_of(ZOTPLUS_UPSTREAM__URL="http://zot:5000", ZOTPLUS_MASTER_KEY="00" * 32)
    assert [row.where for row in omissions.of_backup(elsewhere)] == [
        "the setting master_key",
        "the registry at http://zot:5000",
    ]


def test_the_restored_folder_is_told_in_full(backup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZOTPLUS_DATA_DIR", raising=False)
    result = CliRunner().invoke(cli, ["restore", str(backup)])
    assert result.exit_code == 0, result.stderr
    assert f"restored                  {tmp_path}/var" in result.stdout
    assert f"still to be put in place  the master key: {tmp_path}/var/master.key" in result.stdout
