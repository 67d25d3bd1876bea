import asyncio
import hashlib

import pytest

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.services.objects import Objects
from zotplus.services.upkeep import backups as module
from zotplus.services.upkeep.backups import MANIFEST, METADATA_FOLDER, Backups, restore_blobs
from zotplus.services.upkeep.collector import Collector
from zotplus.services.upkeep.scrub import Scrub
from zotplus.services.values import Attributes

DATA = [b"%d" % number * 300 for number in range(5)]
DIGESTS = [hashlib.sha256(data).hexdigest() for data in DATA]


@pytest.fixture
def target():
    return BlobsMemory()


@pytest.fixture
def backups(store, blobs, target):
    return Backups(store, blobs, target)


@pytest.fixture(autouse=True)
async def stored(objects, content, bucket):
    for number, data in enumerate(DATA):
        await objects.put(bucket, f"k{number}", content.source(data), Attributes(), UNCONDITIONAL_WRITE)


async def test_a_backup_is_restored_whole(backups, target, tmp_path, content):
    report = await backups.create(tmp_path)
    assert (report.blobs, report.copied, report.copied_bytes) == (5, 5, 1500)
    restored = BlobsMemory()
    store = KeyValueMemory.from_backup(str(tmp_path / METADATA_FOLDER))
    assert (await restore_blobs(tmp_path / MANIFEST, store, target, restored)).copied == 5
    assert [one for one in (await Scrub(store, restored).run()).findings] == []  # noqa: C416 - reads as a list
    found, _ = await Objects(store, restored).get("box", "k3")
    content.blobs = restored
    assert await content.read(found) == DATA[3]


async def test_a_second_backup_copies_only_what_is_new(backups, objects, content, tmp_path):
    await backups.create(tmp_path / "1")
    await objects.put("box", "new", content.source(b"new" * 100), Attributes(), UNCONDITIONAL_WRITE)
    report = await backups.create(tmp_path / "2")
    assert (report.blobs, report.copied) == (6, 1)


async def test_what_is_deleted_while_a_backup_runs_is_still_in_it(
    *, store, blobs, target, objects, tmp_path, content, monkeypatch
):
    """After the metadata copy everything is deleted and the collector runs, hours ahead."""
    real = store.backup

    async def then_delete(folder):
        await real(folder)
        for number in range(5):
            await objects.delete("box", f"k{number}")
        collected = await Collector(store, blobs).run(module.time.time() + 3900)
        assert collected.held
        assert len(blobs.blobs) == 5

    monkeypatch.setattr(store, "backup", then_delete)
    monkeypatch.setattr(module, "HOLD_SECONDS", 7200)
    report = await Backups(store, blobs, target).create(tmp_path)
    assert (report.copied, report.missing) == (5, [])
    copy = KeyValueMemory.from_backup(str(tmp_path / METADATA_FOLDER))
    assert (await Scrub(copy, target).run()).findings == ()
    assert (await Collector(store, blobs).run(module.time.time() + 3900)).blobs == 5


async def test_the_hold_is_renewed_while_it_lasts_and_released(store, blobs, target, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HOLD_SECONDS", 0.03)
    holds = []
    real = store.backup

    async def slowly(folder):
        for _ in range(40):
            holds.append(await store.read(lambda snapshot: [value for _, value in snapshot.scan(b"H", b"I")]))
            await asyncio.sleep(0.005)
        await real(folder)

    monkeypatch.setattr(store, "backup", slowly)
    await Backups(store, blobs, target).create(tmp_path)
    assert all(len(one) == 1 for one in holds)
    assert len({one[0] for one in holds}) > 3
    assert await store.read(lambda snapshot: list(snapshot.scan(b"H", b"I"))) == []


async def test_a_failed_backup_releases_its_hold(store, blobs, target, tmp_path):
    (tmp_path / METADATA_FOLDER).mkdir()
    (tmp_path / METADATA_FOLDER / "occupied").touch()
    with pytest.raises(Problem):
        await Backups(store, blobs, target).create(tmp_path)
    assert await store.read(lambda snapshot: list(snapshot.scan(b"H", b"I"))) == []


async def test_what_cannot_be_copied_is_reported_and_the_rest_saved(backups, blobs, target, tmp_path):
    del blobs.blobs[DIGESTS[0]]
    blobs.blobs[DIGESTS[1]] = blobs.blobs[DIGESTS[2]]
    report = await backups.create(tmp_path)
    assert (report.copied, report.missing, report.damaged) == (3, [DIGESTS[0]], [DIGESTS[1]])
    assert sorted(target.blobs) == sorted(DIGESTS[2:])
    assert not target.unfinished


async def test_a_full_target_ends_the_backup(backups, target, tmp_path):
    target.capacity = 700
    with pytest.raises(Problem) as raised:
        await backups.create(tmp_path)
    assert raised.value.fault is errors.STORAGE_FULL
    assert not target.unfinished


@pytest.mark.parametrize("line", ["no", f"{'0' * 64}", f"{'0' * 64} x", f"{'0' * 64} ²"])
async def test_a_file_that_is_no_manifest_is_refused(store, tmp_path, target, blobs, line):
    (tmp_path / MANIFEST).write_text(line)
    with pytest.raises(Problem) as raised:
        await restore_blobs(tmp_path / MANIFEST, store, target, blobs)
    assert raised.value.fault is errors.ARGUMENT_INVALID


async def test_a_manifest_with_a_bad_digest_is_refused(store, tmp_path, target, blobs):
    (tmp_path / MANIFEST).write_text("../../etc/passwd 5\n")
    with pytest.raises(Problem) as raised:
        await restore_blobs(tmp_path / MANIFEST, store, target, blobs)
    assert raised.value.fault is errors.DIGEST_MALFORMED


async def test_a_manifest_that_is_no_text_is_refused(store, tmp_path, target, blobs):
    (tmp_path / MANIFEST).write_bytes(b"\xff" * 64 + b" 5\n")
    with pytest.raises(Problem) as raised:
        await restore_blobs(tmp_path / MANIFEST, store, target, blobs)
    assert raised.value.fault is errors.DIGEST_MALFORMED


@pytest.mark.parametrize("lines", [0, 4])
async def test_a_manifest_without_a_blob_of_the_metadata_is_refused_before_copying(
    *, backups, store, target, tmp_path, lines
):
    await backups.create(tmp_path)
    kept = (tmp_path / MANIFEST).read_text().splitlines(keepends=True)[:lines]
    (tmp_path / MANIFEST).write_text("".join(kept))
    restored = BlobsMemory()
    with pytest.raises(Problem) as raised:
        await restore_blobs(tmp_path / MANIFEST, store, target, restored)
    assert raised.value.fault is errors.BLOB_MISSING
    assert not restored.blobs


async def test_metadata_without_records_are_refused(backups, target, tmp_path):
    await backups.create(tmp_path)
    with pytest.raises(Problem) as raised:
        await restore_blobs(tmp_path / MANIFEST, KeyValueMemory(), target, BlobsMemory())
    assert raised.value.fault is errors.STORAGE_FAILED


async def test_a_damaged_or_missing_blob_is_reported_and_the_rest_restored(backups, store, target, tmp_path):
    await backups.create(tmp_path)
    del target.blobs[DIGESTS[0]]
    target.blobs[DIGESTS[1]] = target.blobs[DIGESTS[2]]
    report = await restore_blobs(tmp_path / MANIFEST, store, target, BlobsMemory())
    assert (report.copied, report.missing, report.damaged) == (3, [DIGESTS[0]], [DIGESTS[1]])
