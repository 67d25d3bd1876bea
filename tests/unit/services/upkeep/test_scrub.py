import asyncio
import hashlib

import pytest

from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.records import layout
from zotplus.records.blobs import REFERENCE, ReferenceRecord
from zotplus.records.buckets import USAGE, UsageRecord
from zotplus.services.configuration.counting import Usage
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.lookups import find_bucket
from zotplus.services.upkeep import references
from zotplus.services.upkeep.scrub import Scrub
from zotplus.services.values import Attributes

DATA = b"data" * 100
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def scrub(store, blobs):
    return Scrub(store, blobs)


@pytest.fixture(autouse=True)
async def stored(objects, multipart, content, bucket, monkeypatch):
    """Two objects and a part share a blob; another object is inline. Pages are small."""
    monkeypatch.setattr(references, "PAGE", 2)
    for key in ("a", "b"):
        await objects.put(bucket, key, content.source(DATA), Attributes(), UNCONDITIONAL_WRITE)
    await objects.put(bucket, "inline", content.source(b"small"), Attributes(), UNCONDITIONAL_WRITE)
    await objects.put(bucket, "other", content.source(DATA[::-1]), Attributes(), UNCONDITIONAL_WRITE)
    upload = await multipart.create(bucket, "c", "ada", Attributes(), None)
    await multipart.put_part(bucket, "c", upload.upload_id, 7, content.source(DATA))
    return upload.upload_id


def damage(blobs, digest=DIGEST, data=b"DATA" * 100):
    blobs.blobs[digest] = type(blobs.blobs[digest])(data, blobs.blobs[digest].modified)


def findings(report):
    return [(one.kind.value, one.digest, one.objects) for one in report.findings]


def everybody(upload_id):
    return ("box/a", "box/b", f"box/c (upload {upload_id}, part 7)")


async def test_what_is_whole_has_no_findings(scrub):
    seen = []
    report = await scrub.run(on_progress=lambda progress: seen.append(progress.read_bytes))
    assert report.findings == ()
    assert (report.progress.blobs, report.progress.objects, report.progress.read_bytes) == (2, 4, 800)
    assert seen == [400, 800]


@pytest.mark.parametrize("data", [b"DATA" * 100, b"short", DATA + b"more"])
async def test_a_damaged_blob_is_set_aside_and_everybody_named(scrub, blobs, stored, data):
    damage(blobs, data=data)
    report = await scrub.run()
    assert findings(report) == [("damaged", DIGEST, everybody(stored))]
    assert DIGEST in blobs.quarantined
    assert DIGEST not in blobs.blobs
    assert findings(await scrub.run()) == [("missing", DIGEST, everybody(stored))]


async def test_earlier_versions_refer_to_blobs_and_are_named(scrub, store, blobs, objects, content, stored):  # noqa: PLR0917 - fixtures
    await Versioning(store).set("box", "Enabled")
    await objects.put("box", "a", content.source(b"newer"), Attributes(), UNCONDITIONAL_WRITE)
    assert (await scrub.run()).findings == ()
    damage(blobs)
    ((_, _, who),) = findings(await scrub.run())
    assert set(who) == {"box/a (earlier version)", "box/b", f"box/c (upload {stored}, part 7)"}


async def test_putting_the_content_again_heals(scrub, blobs, objects, content):
    damage(blobs)
    await scrub.run()
    await objects.put("box", "new", content.source(DATA), Attributes(), UNCONDITIONAL_WRITE)
    assert (await scrub.run()).findings == ()


async def test_a_blob_that_went_rightly_while_scrubbing_is_not_missing(scrub, blobs, store, monkeypatch):
    del blobs.blobs[DIGEST]
    record = REFERENCE.encode(ReferenceRecord(count=0, size=400))
    real = scrub._hash

    async def while_deleted(digest, state):
        await store.write(lambda transaction: transaction.put(b"R" + bytes.fromhex(DIGEST), record))
        return await real(digest, state)

    monkeypatch.setattr(scrub, "_hash", while_deleted)
    assert not [one for one in (await scrub.run()).findings if one.kind.value == "missing"]


async def test_a_blob_that_cannot_be_read_is_reported_and_left(scrub, blobs, monkeypatch):
    async def fail(self, digest, offset=0, length=None):
        raise Problem(errors.STORAGE_FAILED, "I/O error")
        yield

    monkeypatch.setattr(type(blobs), "read", fail)
    report = await scrub.run()
    assert {one.kind.value for one in report.findings} == {"unreadable"}
    assert DIGEST in blobs.blobs


async def test_damaged_inline_content_is_found(scrub, store):
    def change(transaction):
        (key, value) = next((k, v) for k, v in transaction.scan(b"O") if k.endswith(b"inline"))
        transaction.put(key, value[:-1] + b"?")

    await store.write(change)
    assert findings(await scrub.run()) == [("damaged", "", ("box/inline",))]


@pytest.mark.parametrize("count", [0, 1, 2, 4, None])
async def test_a_wrong_count_is_reported_and_repaired(scrub, store, counts, count):
    place = b"R" + bytes.fromhex(DIGEST)

    def miscount(transaction):
        if count is None:
            transaction.delete(place)
        else:
            transaction.put(place, REFERENCE.encode(ReferenceRecord(count=count, size=400)))

    await store.write(miscount)
    report = await scrub.run()
    assert [one.kind.value for one in report.findings] == ["miscounted"]
    assert report.repaired == 0
    assert (await scrub.run(repair=True)).repaired == 1
    assert (await counts())[DIGEST] == 3
    assert (await scrub.run(repair=True)).findings == ()


async def test_a_reference_to_nothing_is_counted_down_to_zero(scrub, store, counts):
    await store.write(
        lambda transaction: transaction.put(b"R" + b"d" * 32, REFERENCE.encode(ReferenceRecord(count=5, size=1)))
    )
    report = await scrub.run(repair=True)
    assert [one.kind.value for one in report.findings] == ["missing", "miscounted"]
    assert (await counts())[(b"d" * 32).hex()] == 0


async def test_a_count_that_was_only_changing_is_no_finding(store, objects, monkeypatch):
    """The first round sees a stale count; the next does not."""
    stale = references.Miscount(bytes.fromhex(DIGEST), 2, 3)
    real, rounds = references._compare, []

    async def compare(store, only):
        rounds.append(only)
        return [stale] if only is None else await real(store, only)

    monkeypatch.setattr(references, "_compare", compare)
    assert await references.find_miscounts(store) == []
    assert rounds == [None, {stale.digest}]
    assert await references.correct_counts(store, [stale], 1) == 0


async def test_the_rate_is_kept(store, blobs, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await Scrub(store, blobs, bytes_per_second=8).run()
    assert 90 < max(slept) <= 100


async def test_content_of_a_bucket_being_purged_is_named_as_such(scrub, store, blobs):
    damage(blobs)
    await store.write(lambda transaction: transaction.delete(b"Bbox"))
    (finding,) = (await scrub.run()).findings
    assert finding.objects[0] == "(removed bucket)/a"


@pytest.mark.parametrize("repair", [False, True])
async def test_a_wrong_usage_is_reported_and_repaired(scrub, store, repair):
    usage = Usage(store)
    right = await usage.read("box")

    def miscount(transaction):
        place = layout.usage(find_bucket(transaction, "box").id)
        transaction.put(place, USAGE.encode(UsageRecord(size=1, objects=1, parts=0)))

    await store.write(miscount)
    report = await scrub.run(repair=repair)
    assert [(one.kind.value, "the usage of bucket box" in one.detail) for one in report.findings] == [
        ("miscounted", True)
    ]
    assert report.repaired == int(repair)
    assert ((await usage.read("box")) == right) is repair
