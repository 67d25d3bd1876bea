"""The first start on an empty data folder."""

import asyncio
import hashlib
import json

import pytest
from click.testing import CliRunner

from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.app import omissions
from zotplus.app.composition import local_blobs, local_store, saved_blobs
from zotplus.app.offline import administrator_key, prepare, restore
from zotplus.cli.commands import cli
from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.services.buckets import Buckets
from zotplus.services.objects import Objects
from zotplus.services.upkeep.backups import Backups
from zotplus.services.values import Attributes, Expected, Source
from zotplus.settings import load

SECRET = "chosen-by-the-operator"
CONTENT = b"content" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()


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
def backup(settings_of, tmp_path):
    """A backup of a server with one object, whose blob has the digest ``DIGEST``."""
    folder, serving = tmp_path / "backup", settings_of(ZOTPLUS_DATA_DIR=str(tmp_path / "serving"))
    prepare(serving)
    asyncio.run(_store_and_back_up(serving, folder))
    return folder


async def _store_and_back_up(settings, folder):
    store, blobs = local_store(settings), local_blobs(settings)
    saved = BlobsFilesystem(FilesystemBlobsSettings(path=str(folder)))
    try:
        await Buckets(store, "here").create("box", "owner")
        source = Source(chunks=_chunks(), expected=Expected())
        await Objects(store, blobs, inline_limit=0).put("box", "key", source, Attributes(), UNCONDITIONAL_WRITE)
        await Backups(store, blobs, saved).create(folder)
    finally:
        for one in (store, blobs, saved):
            await one.close()


async def _chunks():
    yield CONTENT


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


def restore_by_command(backup, tmp_path):
    result = CliRunner().invoke(cli, ["restore", str(backup), "--data-dir", str(tmp_path / "new/data"), "--json"])
    return result.exit_code, result.stdout


def blob_file(backup):
    [file] = [one for one in backup.rglob("*") if one.is_file() and one.stat().st_size == len(CONTENT)]
    return file


def test_a_whole_backup_is_restored_and_serves_its_administrator(backup, settings_of, tmp_path):
    code, printed = restore_by_command(backup, tmp_path)
    assert (code, json.loads(printed)["copied"]) == (0, 1)
    assert {one.name for one in (tmp_path / "new/data").iterdir()} == {"blobs", "metadata"}
    (tmp_path / "serving/master.key").rename(tmp_path / "new/data/master.key")
    restored = settings_of(ZOTPLUS_DATA_DIR=str(tmp_path / "new/data"))
    assert administrator_key(restored)[0]


def test_a_restore_of_a_damaged_blob_fails_after_the_report(backup, tmp_path):
    blob_file(backup).chmod(0o600)
    blob_file(backup).write_bytes(b"C" + CONTENT[1:])
    code, printed = restore_by_command(backup, tmp_path)
    assert (code, json.loads(printed)["damaged"]) == (8, [DIGEST])


def test_a_restore_of_a_missing_blob_fails_after_the_report(backup, tmp_path):
    blob_file(backup).unlink()
    code, printed = restore_by_command(backup, tmp_path)
    assert (code, json.loads(printed)["missing"]) == (8, [DIGEST])


@pytest.mark.parametrize("data", [None, b"", b"garbage" * 4096])
def test_metadata_that_are_no_store_are_refused_and_nothing_is_left(backup, tmp_path, data):
    saved = backup / "metadata/data.mdb"
    if data is None:
        saved.unlink()
        saved.parent.rmdir()
    else:
        saved.write_bytes(data)
    assert restore_by_command(backup, tmp_path) == (7, "")
    assert not (tmp_path / "new").exists()


def test_an_empty_manifest_is_refused_and_only_what_was_there_is_left(backup, tmp_path):
    (backup / "manifest.txt").write_text("")
    (tmp_path / "new/data").mkdir(parents=True)
    (tmp_path / "new/data/master.key").touch()
    assert restore_by_command(backup, tmp_path) == (8, "")
    assert [one.name for one in (tmp_path / "new/data").iterdir()] == ["master.key"]


def test_an_attempt_that_was_killed_is_begun_again(backup, tmp_path):
    left = tmp_path / "new/data/metadata.restoring/data.mdb"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    assert restore_by_command(backup, tmp_path)[0] == 0
    assert not left.parent.exists()


def test_metadata_that_were_cut_off_are_refused_and_do_not_kill_the_restore(backup, tmp_path):
    saved = backup / "metadata/data.mdb"
    saved.write_bytes(saved.read_bytes()[:8_192])
    assert restore_by_command(backup, tmp_path) == (7, "")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ZOTPLUS_MASTER_KEY": "short"}, "master_key: The master key must be 32 random bytes"),
        (
            {"ZOTPLUS_HTTP__TLS__CERTIFICATE": "/nope", "ZOTPLUS_HTTP__TLS__KEY": "/x"},
            "http.tls.certificate: there is no file /nope",
        ),
        (
            {
                "ZOTPLUS_IDENTITY__ISSUERS": json.dumps(
                    [{"name": "cluster", "url": "https://x.test", "audiences": ["a"], "jwks_file": "/nope/keys.json"}]
                )
            },
            "identity.issuers, cluster: jwks_file: there is no file /nope/keys.json",
        ),
    ],
)
def test_what_the_server_could_not_use_is_no_valid_configuration(monkeypatch, tmp_path, variables, told):
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli, ["config", "check"])
    assert (result.exit_code, told in result.stderr) == (2, True), result.stderr
    assert list(tmp_path.iterdir()) == []


def cold(folder):
    return {"ZOTPLUS_STORAGE_CLASSES": json.dumps([{"name": "COLD", "blobs": {"path": str(folder)}}])}


@pytest.fixture
def cold_backup(settings_of, tmp_path):
    """As ``backup``, of a server that has the object in a storage class of its own."""
    folder = tmp_path / "backup"
    serving = settings_of(ZOTPLUS_DATA_DIR=str(tmp_path / "serving"), **cold(tmp_path / "cold"))
    prepare(serving)

    async def store_and_back_up():
        store, blobs, saved = local_store(serving), local_blobs(serving), saved_blobs(serving, folder)
        try:
            await Buckets(store, "here").create("box", "owner")
            attributes = Attributes(storage_class="COLD")
            await Objects(store, blobs, inline_limit=0).put("box", "key", Source(chunks=_chunks()), attributes)
            await Backups(store, blobs, saved).create(folder)
        finally:
            for one in (store, blobs, saved):
                await one.close()

    asyncio.run(store_and_back_up())
    return folder


def test_a_backup_of_storage_classes_is_restored_into_each(cold_backup, settings_of, tmp_path):
    assert blob_file(cold_backup).is_relative_to(cold_backup / "classes/COLD")
    data, place = tmp_path / "new", tmp_path / "new-cold"
    restored = settings_of(ZOTPLUS_DATA_DIR=str(data), **cold(place))
    assert restore(restored, cold_backup).copied == 1
    assert blob_file(place).read_bytes() == CONTENT
    assert [path for path in data.rglob(DIGEST) if path.is_file()] == []


def test_a_backup_needs_the_storage_classes_that_it_holds(cold_backup, settings_of, tmp_path):
    with pytest.raises(Problem) as raised:
        restore(settings_of(ZOTPLUS_DATA_DIR=str(tmp_path / "new")), cold_backup)
    assert raised.value.fault is errors.STORAGE_FAILED
    assert "COLD" in raised.value.detail
