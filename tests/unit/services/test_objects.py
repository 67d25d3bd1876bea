import asyncio
import base64
import hashlib
import zlib

import msgspec
import pytest

from zotplus.domain.conditions import UNCONDITIONAL_WRITE, ReadConditions, Unchanged, WriteConditions
from zotplus.domain.errors import Problem
from zotplus.domain.ranges import FromTo, Suffix
from zotplus.services import copying
from zotplus.services import objects as objects_module
from zotplus.services.objects import Objects
from zotplus.services.values import NOW, Attributes, Checksum, Copy, Deletion, Selection, Source, Trailer

SMALL, LARGE = b"small content", bytes(range(256)) * 40
PLAIN = Attributes()


async def refused(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault.code


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


@pytest.fixture
async def put(objects, content, bucket):
    async def act(key, data, conditions=UNCONDITIONAL_WRITE, attributes=PLAIN, **expected):
        return await objects.put(bucket, key, content.source(data, **expected), attributes, conditions)

    return act


@pytest.fixture
async def read(objects, content, bucket):
    async def act(key, wanted=None):
        found, span = await objects.get(bucket, key, Selection(wanted=wanted))
        return await content.read(found), span

    return act


@pytest.mark.parametrize("data", [b"", b"x", SMALL, b"e" * 100, b"f" * 101, LARGE])
async def test_what_is_put_is_got(put, read, objects, data):
    made = await put("k", data)
    assert (made.size, made.part_sizes) == (len(data), ())
    assert made.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert await read("k") == (data, (0, len(data)))
    assert await objects.head("box", "k") == made


async def test_only_content_above_the_limit_becomes_a_blob(put, blobs):
    await put("small", b"e" * 100)
    assert not blobs.blobs
    await put("large", b"e" * 101)
    assert list(blobs.blobs) == [hashlib.sha256(b"e" * 101).hexdigest()]


async def test_attributes_are_kept(put, objects):
    attributes = Attributes(headers={"content-type": "text/plain"}, metadata={"colour": "röd"}, storage_class="COLD")
    await put("k", SMALL, attributes=attributes)
    assert (await objects.head("box", "k")).attributes == attributes


@pytest.mark.parametrize("data", [SMALL, LARGE])
@pytest.mark.parametrize(("wanted", "start", "length"), [(FromTo(first=2, last=5), 2, 4), (Suffix(length=3), None, 3)])
async def test_a_range_is_cut_out(*, put, read, data, wanted, start, length):
    await put("k", data)
    start = len(data) - length if start is None else start
    assert await read("k", wanted) == (data[start : start + length], (start, length))


async def test_a_range_outside_is_refused(put, read):
    await put("k", SMALL)
    assert await refused(read("k", FromTo(first=13, last=20))) == "range_unsatisfiable"


@pytest.mark.parametrize("data", [SMALL, LARGE])
async def test_a_range_counts_for_the_unchanged_object_only(*, put, objects, content, data):
    made = await put("k", data)
    cases = [(FromTo(first=2, last=5), made.etag, 2, 4), (FromTo(first=2, last=5), "other", 0, len(data))]
    for wanted, etag, start, length in [*cases, (FromTo(first=len(data), last=len(data)), "other", 0, len(data))]:
        found, span = await objects.get("box", "k", Selection(wanted=wanted, unchanged=Unchanged(tags=(etag,))))
        assert span == (start, length)
        assert await content.read(found) == data[start : start + length]


async def test_block_sums_come_with_the_slices(put, objects):
    await put("k", LARGE)
    found, _ = await objects.get("box", "k")
    assert len(found.slices[0].sums) == 4


async def test_the_client_s_checksum_is_kept_and_without_one_crc64nvme(put):
    assert (await put("a", SMALL)).checksum.algorithm == "CRC64NVME"
    made = await put("b", LARGE, algorithm="CRC32", checksum=crc32(LARGE))
    assert (made.checksum.algorithm, made.checksum.value) == ("CRC32", crc32(LARGE))
    assert (await put("c", SMALL, algorithm="SHA256")).checksum.value == base64.b64encode(
        hashlib.sha256(SMALL).digest()
    ).decode()


WRONG = [
    ({"size": 5}, "body_incomplete"),
    ({"size": 50_000}, "body_incomplete"),
    ({"size": 6 * 1024**3}, "entity_too_large"),
    ({"md5": "0" * 32}, "digest_mismatch"),
    ({"sha256": "0" * 64}, "content_sha256_mismatch"),
    ({"algorithm": "CRC32", "checksum": "AAAAAA=="}, "checksum_mismatch"),
    ({"algorithm": "NONE"}, "request_invalid"),
    ({"algorithm": "CRC32", "trailer": Trailer()}, "body_chunk_invalid"),
    ({"algorithm": "CRC32", "trailer": Trailer({"x-amz-checksum-crc32": "AAAAAA=="})}, "checksum_mismatch"),
    ({"algorithm": "CRC32", "trailer": Trailer({"x-amz-checksum-crc32": "no"})}, "request_invalid"),
    ({"algorithm": "CRC32", "trailer": Trailer({"x-amz-checksum-sha1": "no"})}, "body_chunk_invalid"),
]


@pytest.mark.parametrize("data", [SMALL, LARGE])
@pytest.mark.parametrize(("expected", "code"), WRONG)
async def test_content_that_is_not_as_announced_changes_nothing(*, put, read, blobs, counts, data, expected, code):
    await put("k", b"old")
    assert await refused(put("k", data, pieces=7, **expected)) == code
    assert await read("k") == (b"old", (0, 3))
    assert not blobs.blobs
    assert not blobs.unfinished
    assert await counts() == {}


@pytest.mark.parametrize("data", [SMALL, LARGE])
async def test_content_that_is_as_announced_is_taken(put, data):
    trailer = Trailer({"x-amz-checksum-crc32": crc32(data), "x-amz-meta-later": "ignored"})
    await put(
        "a",
        data,
        size=len(data),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest().upper(),
        algorithm="CRC32",
        trailer=trailer,
    )
    await put("b", data, sha256=hashlib.sha256(data).hexdigest().upper(), trailer=Trailer())


async def test_a_body_that_breaks_off_leaves_nothing(objects, bucket, blobs):
    async def chunks():
        for _ in range(5):
            yield b"x" * 1_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await objects.put(bucket, "k", Source(chunks=chunks()), PLAIN, UNCONDITIONAL_WRITE)
    assert not blobs.unfinished
    assert await refused(objects.head(bucket, "k")) == "object_not_found"


async def test_a_request_that_is_cancelled_leaves_nothing(objects, bucket, blobs):
    started = asyncio.Event()

    async def chunks():
        for _ in range(3):
            yield b"x" * 1_048_576
        started.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(objects.put(bucket, "k", Source(chunks=chunks()), PLAIN, UNCONDITIONAL_WRITE))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not blobs.unfinished
    assert not blobs.blobs


async def test_a_full_disk_leaves_nothing(put, blobs):
    blobs.capacity = 1_500_000
    assert await refused(put("k", b"x" * 3_000_000, pieces=65_536)) == "storage_full"
    assert not blobs.unfinished


async def test_content_without_end_is_cut_off(monkeypatch, put):
    monkeypatch.setattr("zotplus.services.content.ingest.MAX_CONTENT_BYTES", 5000)
    assert await refused(put("k", b"x" * 6000)) == "entity_too_large"


async def test_chunks_of_every_size_give_the_same(put, objects):
    data = bytes(range(251)) * 10_000  # 2.5 MB, over several pieces
    etags = set()
    for pieces in (65_537, 300_000, 1_048_576, len(data)):
        made = await put("k", data, pieces=pieces, size=len(data))
        etags.add((made.etag, made.checksum.value))
    assert etags == {(hashlib.md5(data, usedforsecurity=False).hexdigest(), made.checksum.value)}
    found, _ = await objects.get("box", "k")
    assert len(found.slices[0].sums) == 12


async def test_chunks_may_be_views_of_a_buffer(objects, bucket):
    made = await objects.put(bucket, "k", _source_of_views(), PLAIN, UNCONDITIONAL_WRITE)
    assert made.etag == hashlib.md5(b"abc", usedforsecurity=False).hexdigest()


def _source_of_views():
    async def chunks():
        yield memoryview(b"abc")

    return Source(chunks=chunks())


async def test_equal_content_is_stored_once_and_counted(put, objects, counts, blobs):
    digest = hashlib.sha256(LARGE).hexdigest()
    for key in "abc":
        await put(key, LARGE)
    assert await counts() == {digest: 3}
    assert len(blobs.blobs) == 1
    await put("a", LARGE)
    await put("b", SMALL)
    await objects.delete("box", "c")
    assert await counts() == {digest: 1}
    await objects.delete("box", "a")
    assert await counts() == {digest: 0}
    await put("a", LARGE)
    assert await counts() == {digest: 1}


async def test_absent_holds_once_among_many_writers(put, objects):
    async def attempt(number):
        try:
            await put("k", b"%d" % number, WriteConditions(absent=True))
        except Problem as problem:
            return problem.fault.code
        return number

    outcomes = await asyncio.gather(*(attempt(number) for number in range(20)))
    winners = [one for one in outcomes if isinstance(one, int)]
    assert len(winners) == 1
    assert outcomes.count("precondition_failed") == 19
    assert (await objects.get("box", "k"))[0].inline == b"%d" % winners[0]


async def test_a_lost_update_is_refused(put):
    first = await put("k", b"1")
    await put("k", b"2", WriteConditions(match=(first.etag,)))
    assert await refused(put("k", b"3", WriteConditions(match=(first.etag,)))) == "precondition_failed"
    assert await refused(put("none", b"3", WriteConditions(match=(first.etag,)))) == "object_not_found"


async def test_conditions_are_refused_before_the_body_is_read(objects, put, bucket):
    await put("k", b"1")

    async def chunks():
        raise AssertionError
        yield

    conditions = WriteConditions(absent=True)
    assert await refused(objects.put(bucket, "k", Source(chunks=chunks()), PLAIN, conditions)) == "precondition_failed"


async def test_conditions_are_judged_again_when_the_object_becomes_visible(objects, put, bucket, blobs, counts):
    async def chunks():
        yield LARGE
        await put("k", b"meanwhile")

    conditions = WriteConditions(absent=True)
    assert await refused(objects.put(bucket, "k", Source(chunks=chunks()), PLAIN, conditions)) == "precondition_failed"
    assert await counts() == {}


async def test_a_bucket_that_goes_while_the_body_arrives_is_missed(objects, bucket, store):
    async def chunks():
        yield b"x"
        await store.write(lambda transaction: transaction.delete(b"Bbox"))

    source = Source(chunks=chunks())
    assert await refused(objects.put(bucket, "k", source, PLAIN, UNCONDITIONAL_WRITE)) == "bucket_not_found"


async def test_a_blob_that_waited_too_long_is_looked_for(monkeypatch, objects, put, bucket, blobs):
    monkeypatch.setattr("zotplus.services.content.ingest.ASSURED_SECONDS", 0.0)
    await put("k", LARGE)
    real = type(blobs).stat

    async def gone(self, digest):
        await real(self, digest)

    monkeypatch.setattr(type(blobs), "stat", gone)
    assert await refused(put("k2", LARGE)) == "slow_down"


async def test_reads_are_conditional(put, objects):
    made = await put("k", SMALL)
    assert (await objects.get("box", "k", Selection(conditions=ReadConditions(match=(made.etag,)))))[1] == (
        0,
        len(SMALL),
    )
    assert (await objects.head("box", "k", Selection(conditions=ReadConditions(match=(made.etag,))))) == made
    for call in (
        lambda c: objects.head("box", "k", Selection(conditions=c)),
        lambda c: objects.get("box", "k", Selection(conditions=c)),
    ):
        assert await refused(call(ReadConditions(none_match=(made.etag,)))) == "not_modified"
        assert await refused(call(ReadConditions(match=("other",)))) == "precondition_failed"


def copy_of(source="a", target="b", **wanted):
    return Copy(source=("box", source), target=("box", target), **wanted)


@pytest.mark.parametrize("data", [SMALL, LARGE])
async def test_a_copy_moves_no_bytes(*, put, read, objects, blobs, counts, data):
    source = await put("a", data, attributes=Attributes(metadata={"x": "1"}))
    stored = dict(blobs.blobs)
    copied = await objects.copy(copy_of())
    assert (copied.key, copied.etag, copied.checksum) == ("b", source.etag, source.checksum)
    assert copied.attributes.metadata == {"x": "1"}
    assert blobs.blobs == stored
    await objects.delete("box", "a")
    assert await read("b") == (data, (0, len(data)))
    assert all(count == 1 for count in (await counts()).values())


async def test_a_copy_onto_itself_needs_a_change(put, read, objects, counts):
    await put("a", LARGE)
    assert await refused(objects.copy(copy_of("a", "a"))) == "copy_onto_itself"
    await objects.copy(copy_of("a", "a", attributes=Attributes(metadata={"new": "1"})))
    assert (await objects.copy(copy_of("a", "a", algorithm="CRC32"))).checksum.algorithm == "CRC32"
    assert (await objects.head("box", "a")).attributes.metadata == {"new": "1"}
    assert list((await counts()).values()) == [1]
    assert (await read("a"))[0] == LARGE


@pytest.mark.parametrize("algorithm", [None, "SHA256"])
async def test_a_copy_is_conditional_on_both_ends(put, objects, algorithm):
    made = await put("a", SMALL)
    await put("b", SMALL)

    async def refusal(source="a", **wanted):
        return await refused(objects.copy(copy_of(source, algorithm=algorithm, **wanted)))

    assert await refusal(conditions=ReadConditions(none_match=(made.etag,))) == "precondition_failed"
    assert await refusal(target_conditions=WriteConditions(absent=True)) == "precondition_failed"
    assert await refusal("-") == "object_not_found"
    nowhere = Copy(source=("box", "a"), target=("-", "b"), algorithm=algorithm)
    assert await refused(objects.copy(nowhere)) == "bucket_not_found"


async def test_a_copy_of_a_damaged_record_relies_on_nothing(put, objects, store):
    await put("a", LARGE)
    await store.write(lambda transaction: transaction.delete(b"R" + hashlib.sha256(LARGE).digest()))
    assert await refused(objects.copy(copy_of())) == "blob_missing"
    assert (await objects.delete("box", "a")).was_there


@pytest.mark.parametrize("data", [b"", SMALL, LARGE, LARGE * 410])
async def test_a_copy_has_the_checksum_that_is_asked_for(*, put, read, objects, data):
    source = await put("a", data, attributes=Attributes(metadata={"x": "1"}), algorithm="CRC32")
    copied = await objects.copy(copy_of(algorithm="SHA256"))
    value = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert copied.checksum == Checksum(algorithm="SHA256", value=value)
    assert (copied.etag, copied.attributes) == (source.etag, source.attributes)
    assert await objects.head("box", "b") == copied
    assert await read("b") == (data, (0, len(data)))


async def test_content_is_read_only_for_a_checksum_that_is_not_there(put, objects, blobs):
    await put("a", LARGE, algorithm="CRC32")
    blobs.blobs.clear()
    assert (await objects.copy(copy_of())).checksum.algorithm == "CRC32"
    assert (await objects.copy(copy_of(algorithm="CRC32"))).checksum == Checksum(algorithm="CRC32", value=crc32(LARGE))
    assert await refused(objects.copy(copy_of(algorithm="SHA1"))) == "blob_missing"


async def test_no_checksum_is_made_of_damaged_content(put, objects, blobs):
    await put("a", LARGE * 410)
    (stored,) = blobs.blobs.values()
    damaged = bytearray(stored.content)
    damaged[-1] ^= 1
    (digest,) = blobs.blobs
    blobs.blobs[digest] = msgspec.structs.replace(stored, content=bytes(damaged))
    assert await refused(objects.copy(copy_of(algorithm="SHA1"))) == "blob_corrupt"
    assert await refused(objects.head("box", "b")) == "object_not_found"


async def test_more_than_a_request_carries_is_not_read_for_a_copy(put, objects, monkeypatch):
    await put("a", LARGE)
    monkeypatch.setattr(copying, "MAX_CONTENT_BYTES", len(LARGE) - 1)
    assert await refused(objects.copy(copy_of(algorithm="SHA1"))) == "request_invalid"
    await objects.copy(copy_of())


async def test_a_source_that_is_replaced_while_it_is_summed_is_summed_again(put, read, objects, monkeypatch):
    await put("a", LARGE)
    contents = [SMALL]
    carry = objects_module.carry

    async def slowly(*given):
        carried = await carry(*given)
        if contents:
            await put("a", contents.pop())
        return carried

    monkeypatch.setattr(objects_module, "carry", slowly)
    copied = await objects.copy(copy_of(algorithm="CRC32"))
    assert copied.checksum == Checksum(algorithm="CRC32", value=crc32(SMALL))
    assert (await read("b"))[0] == SMALL
    contents += [bytes([number]) for number in range(9)]
    assert await refused(objects.copy(copy_of(algorithm="CRC32"))) == "conditional_conflict"


async def test_delete_says_whether_it_was_there(put, objects):
    made = await put("k", SMALL)
    assert (
        await refused(objects.delete("box", "k", Deletion(conditions=WriteConditions(match=("-",)))))
        == "precondition_failed"
    )
    assert (await objects.delete("box", "k", Deletion(conditions=WriteConditions(match=(made.etag,))))).was_there
    assert not (await objects.delete("box", "k")).was_there


async def test_many_are_deleted_at_once(put, objects):
    for key in ("a", "b"):
        await put(key, SMALL)
    assert [one.was_there for one in await objects.delete_many("box", (("b", NOW), ("-", NOW), ("a", NOW)))] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("key", ["a//b", "../x", "..", "/", "a b+c%2F", "ключ", "k" * 1024, "a\nb", "\U0001f600"])
async def test_every_key_is_its_own(put, read, key):
    await put(key, key.encode())
    assert (await read(key))[0] == key.encode()


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "path_invalid"), ("a\0b", "path_invalid"), ("\ud800", "path_invalid"), ("é" * 513, "key_too_long")],
)
async def test_what_is_no_key_is_refused(put, key, code):
    assert await refused(put(key, b"x")) == code


async def test_nothing_is_found_in_a_bucket_that_is_not_there(store, blobs, content):
    objects = Objects(store, blobs)
    for call in (
        objects.put("none", "k", content.source(b""), PLAIN, UNCONDITIONAL_WRITE),
        objects.get("none", "k"),
        objects.head("none", "k"),
        objects.copy(Copy(source=("none", "k"), target=("none", "l"))),
        objects.delete("none", "k"),
        objects.delete_many("none", (("k", NOW),)),
    ):
        assert await refused(call) == "bucket_not_found"


async def test_a_failed_write_of_a_blob_ends_the_upload(monkeypatch, put, blobs):
    async def fail(self, digest):
        raise OSError

    monkeypatch.setattr("zotplus.adapters.blobs_memory.store.MemoryBlobWriter.commit", fail)
    with pytest.raises(OSError):
        await put("k", LARGE)
    assert not blobs.unfinished
