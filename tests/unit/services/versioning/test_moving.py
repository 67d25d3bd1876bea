"""Moving content between the stores of storage classes."""

from types import SimpleNamespace

import msgspec
import pytest

from zotplus.adapters.blobs_classes import BlobsByClass
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import split_address
from zotplus.records import layout
from zotplus.records.blobs import REFERENCE, ReferenceRecord
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.upkeep.backups import Backups, restore_blobs
from zotplus.services.upkeep.collector import Collector
from zotplus.services.upkeep.scrub import FindingKind, Scrub
from zotplus.services.values import Assembly, Attributes, Copy, PartChoice, PartSource
from zotplus.services.versioning import moving
from zotplus.services.versioning.finding import find_place, find_version
from zotplus.services.versioning.moving import Moving, move

LARGE = bytes(range(256)) * 20
LATER = 2e9


@pytest.fixture
def default():
    return BlobsMemory()


@pytest.fixture
def blobs(default):
    return BlobsByClass(default, {"COOL": BlobsMemory(), "COLD": BlobsMemory()})


@pytest.fixture
def put(objects, bucket, content):
    async def one(key="k", data=LARGE, storage_class="STANDARD"):
        return await objects.put(bucket, key, content.source(data), Attributes(storage_class=storage_class))

    return one


@pytest.fixture
def where(blobs):
    """The classes of all blobs there are, default ones as the empty name."""

    async def classes():
        return sorted([split_address(info.digest)[1] async for info in blobs.list()])

    return classes


@pytest.fixture
def transfer(store, blobs, bucket):
    """Move the newest version of a key; whether there was something to do."""

    async def one(storage_class, key="k", judge=None):
        def found(snapshot):
            place = find_place(snapshot, bucket, key)
            version = find_version(snapshot, place, "null")
            return None if version is None or version.record.storage_class == storage_class else (place, version)

        suffix = moving.class_suffix(blobs, storage_class)
        told = []
        wanted = Moving(
            judge=judge or found, storage_class=storage_class, suffix=suffix, finish=lambda *what: told.append(what)
        )
        return await move(store, blobs, wanted) and len(told) == 1

    return one


@pytest.fixture
def read(objects, content, bucket):
    async def one(key="k"):
        return await content.read((await objects.get(bucket, key))[0])

    return one


@pytest.fixture
def sound(store, blobs):
    return lambda: assert_sound(store, blobs)


async def assert_sound(store, blobs):
    assert (await Scrub(store, blobs).run()).findings == ()
    await Collector(store, blobs).run(LATER + 1e6)
    assert (await Scrub(store, blobs).run()).findings == ()


@pytest.fixture
def box(put, where, read, transfer, sound):
    return SimpleNamespace(put=put, where=where, read=read, transfer=transfer, sound=sound)


async def test_content_is_written_into_the_store_of_its_class(put, where, read, objects, bucket):
    await put(storage_class="COLD")
    assert await where() == ["COLD"]
    assert await read() == LARGE
    assert (await objects.head(bucket, "k")).attributes.storage_class == "COLD"


async def test_amazons_classes_without_a_store_are_only_noted(put, where, objects, bucket):
    await put(storage_class="STANDARD_IA")
    assert await where() == [""]
    assert (await objects.head(bucket, "k")).attributes.storage_class == "STANDARD_IA"


async def test_a_moved_object_reads_as_before_and_leaves_nothing_behind(put, where, read, transfer, sound):
    before = await put()
    assert await transfer("COLD")
    assert await read() == LARGE
    assert await where() == ["", "COLD"]  # the collector's, after its grace period
    await sound()
    assert await where() == ["COLD"]
    assert not await transfer("COLD")
    assert before.etag


async def test_a_small_object_changes_its_class_where_it_is(box, objects, bucket):
    await box.put(data=b"small")
    assert await box.transfer("COLD")
    assert (await objects.head(bucket, "k")).attributes.storage_class == "COLD"
    assert (await box.where(), await box.read()) == ([], b"small")


async def test_what_others_refer_to_stays_for_them(put, where, read, transfer, sound):
    await put("k")
    await put("other")
    assert await transfer("COLD")
    await sound()
    assert await where() == ["", "COLD"]
    assert await transfer("COLD", "other")
    await sound()
    assert await where() == ["COLD"]
    assert (await read("k"), await read("other")) == (LARGE, LARGE)


async def test_every_part_of_an_object_moves(box, multipart, bucket, content):
    upload = (await multipart.create(bucket, "k", "owner", Attributes(), None)).upload_id
    pieces = [b"a" * 5_242_880, b"b" * 5_242_880, b"a" * 5_242_880]
    parts = [
        await multipart.put_part(bucket, "k", upload, number, content.source(data))
        for number, data in enumerate(pieces, 1)
    ]
    choices = tuple(PartChoice(number=part.number, etag=part.etag) for part in parts)
    await multipart.complete(bucket, "k", upload, Assembly(parts=choices), UNCONDITIONAL_WRITE)
    assert await box.transfer("COLD")
    assert await box.read() == b"".join(pieces)
    await box.sound()
    assert await box.where() == ["COLD", "COLD"]  # equal parts are one blob


async def test_what_changes_while_a_blob_is_copied_is_judged_again(box, bucket):
    await box.put()
    asked = 0

    def judge(snapshot):
        nonlocal asked
        asked += 1
        place = find_place(snapshot, bucket, "k")
        return (place, find_version(snapshot, place, "null")) if asked == 1 else None

    assert not await box.transfer("COLD", judge=judge)
    assert await box.where() == ["", "COLD"]  # an orphan now
    assert await box.read() == LARGE
    await box.sound()
    assert await box.where() == [""]


async def test_a_blob_that_was_collected_after_it_was_looked_at_is_copied_again(put, transfer, read, store, blobs):
    await put("k")
    await put("other", storage_class="COLD")
    address = next(iter([info.digest async for info in blobs.list() if info.digest.endswith("434f4c44")]))
    original = store.write

    async def write(function):
        store.write = original
        await store.write(lambda t: t.delete(layout.reference(bytes.fromhex(address))))
        return await original(function)

    store.write = write
    assert await transfer("COLD", "k")
    assert await read("k") == LARGE
    record = await store.read(lambda s: REFERENCE.decode(s.get(layout.reference(bytes.fromhex(address)))))
    assert record.count == 1


async def test_damaged_content_is_not_moved(put, transfer, where, blobs, default):
    await put()
    (info,) = [info async for info in blobs.list()]
    stored = default.blobs[info.digest]
    default.blobs[info.digest] = type(stored)(content=b"?" * info.size, modified=stored.modified)
    with pytest.raises(Problem) as raised:
        await transfer("COLD")
    assert raised.value.fault is errors.BLOB_CORRUPT
    assert await where() == [""]


async def test_content_without_a_record_is_missing(put, transfer, store):
    await put()
    await store.write(lambda t: t.delete(next(iter(t.scan(b"R", b"S")))[0]))
    with pytest.raises(Problem) as raised:
        await transfer("COLD")
    assert raised.value.fault is errors.BLOB_MISSING


async def test_a_copy_goes_to_the_store_of_the_class_that_was_asked_for(box, objects, bucket):
    await box.put("k")
    await objects.copy(Copy(source=(bucket, "k"), target=(bucket, "cold"), storage_class="COLD"))
    assert await box.where() == ["", "COLD"]
    await objects.copy(Copy(source=(bucket, "cold"), target=(bucket, "kept")))
    await objects.copy(Copy(source=(bucket, "cold"), target=(bucket, "warm"), storage_class="STANDARD"))
    assert [(await objects.head(bucket, key)).attributes.storage_class for key in ("kept", "warm")] == [
        "COLD",
        "STANDARD",
    ]
    assert [await box.read(key) for key in ("k", "cold", "kept", "warm")] == [LARGE] * 4
    await box.sound()


async def test_a_copy_that_cannot_be_moved_stays_where_it_can_be_read(box, objects, bucket, blobs):
    await box.put("k")

    async def full(_):
        raise Problem(errors.STORAGE_FULL)

    blobs.create_in = full
    await objects.copy(Copy(source=(bucket, "k"), target=(bucket, "cold"), storage_class="COLD"))
    assert (await box.read("cold"), await box.where()) == (LARGE, [""])


async def test_a_copy_that_is_replaced_before_it_is_moved_is_left_alone(put, objects, bucket, store, blobs):
    info = await put("k")
    gone = msgspec.structs.replace(info, key="gone")
    await moving.settle(store, blobs, bucket, gone)
    other = msgspec.structs.replace(info, attributes=Attributes(storage_class="COLD"))
    await moving.settle(store, blobs, bucket, other)
    assert (await objects.head(bucket, "k")).attributes.storage_class == "STANDARD"


async def test_parts_of_an_upload_go_where_its_object_will_be(box, multipart, bucket, content):
    await box.put("source")
    upload = (await multipart.create(bucket, "k", "owner", Attributes(storage_class="COLD"), None)).upload_id
    own = await multipart.put_part(bucket, "k", upload, 1, content.source(b"x" * 5_242_880))
    assert await box.where() == ["", "COLD"]
    copied = await multipart.copy_part(bucket, "k", upload, 2, PartSource(bucket=bucket, key="source"))
    choices = tuple(PartChoice(number=part.number, etag=part.etag) for part in (own, copied))
    await multipart.complete(bucket, "k", upload, Assembly(parts=choices), UNCONDITIONAL_WRITE)
    assert await box.where() == ["", "COLD", "COLD"]
    assert await box.read() == b"x" * 5_242_880 + LARGE


async def test_the_scrub_looks_into_every_store(put, store, blobs):
    await put(storage_class="COLD")
    (info,) = [info async for info in blobs.list()]
    assert (await Scrub(store, blobs).run()).findings == ()
    await blobs.quarantine(info.digest)
    (finding,) = (await Scrub(store, blobs).run()).findings
    assert (finding.kind, finding.objects) == (FindingKind.MISSING, ("box/k",))


async def test_counts_are_kept_for_each_store(put, store):
    await put("a", storage_class="COLD")
    await put("b", storage_class="COLD")
    await put("c")
    found = await store.read(lambda s: [(key[33:], REFERENCE.decode(value)) for key, value in s.scan(b"R", b"S")])
    size = len(LARGE)
    assert found == [(b"", ReferenceRecord(count=1, size=size)), (b"COLD", ReferenceRecord(count=2, size=size))]


async def test_a_backup_holds_the_content_of_all_classes(put, store, blobs, tmp_path):
    await put("a", storage_class="COLD")
    await put("b", LARGE + b"b")

    async def note(_):
        return None

    store.backup = note
    saved, restored = (BlobsByClass(BlobsMemory(), {"COLD": BlobsMemory()}) for _ in range(2))
    assert (await Backups(store, blobs, saved).create(tmp_path)).copied == 2
    assert (await restore_blobs(tmp_path / "manifest.txt", store, saved, restored)).copied == 2
    assert [info.digest async for info in restored.list()] == [info.digest async for info in blobs.list()]


@pytest.fixture
def objects(store, blobs):
    return Objects(store, blobs, inline_limit=100)


@pytest.fixture
def multipart(store, blobs):
    return Multipart(store, blobs)
