import asyncio
import base64
import hashlib

import msgspec
import pytest

from zotplus.domain.conditions import UNCONDITIONAL_WRITE, ReadConditions, WriteConditions
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, compute
from zotplus.domain.ranges import FromTo
from zotplus.services import completion
from zotplus.services.content import part_content
from zotplus.services.values import Assembly, Attributes, Expected, PartChoice, PartSource, Selection

PART = bytes(range(256)) * 4
NO_CONDITIONS = ReadConditions()


async def refused(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault.code


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts of a kilobyte instead of 5 MiB."""
    monkeypatch.setattr(completion, "MIN_PART_BYTES", 1024)


class Upload:
    """One upload under test."""

    def __init__(self, multipart, content, upload_id):
        self.multipart, self.content, self.id = multipart, content, upload_id

    async def put(self, number, data, **expected):
        source = self.content.source(data, **expected)
        return await self.multipart.put_part("box", "k", self.id, number, source)

    async def complete(self, parts, conditions=UNCONDITIONAL_WRITE, **expected):
        choices = tuple(_choice(part) for part in parts)
        return await self.complete_as(Assembly(parts=choices, expected=Expected(**expected)), conditions)

    async def complete_as(self, assembly, conditions=UNCONDITIONAL_WRITE):
        return await self.multipart.complete("box", "k", self.id, assembly, conditions)


def _choice(part):
    if part.checksum is None:
        return PartChoice(number=part.number, etag=part.etag)
    value, algorithm = part.checksum.value, part.checksum.algorithm
    return PartChoice(number=part.number, etag=part.etag, algorithm=algorithm, checksum=value)


@pytest.fixture
async def begin(multipart, content, bucket):
    async def act(checksum=None, attributes=Attributes()):  # noqa: B008 - frozen
        upload = await multipart.create(bucket, "k", "ada", attributes, checksum)
        return Upload(multipart, content, upload.upload_id)

    return act


@pytest.fixture
async def upload(begin):
    return await begin()


async def everything(objects, content, wanted=None):
    found, _ = await objects.get("box", "k", Selection(wanted=wanted))
    return await content.read(found)


async def test_parts_become_one_object_without_moving_bytes(upload, objects, content, blobs, counts):
    parts = [await upload.put(number, PART + b"%d" % number) for number in (1, 2)]
    parts.append(await upload.put(7, b"tiny last part"))
    stored = dict(blobs.blobs)
    made = await upload.complete(parts)
    whole = PART + b"1" + PART + b"2" + b"tiny last part"
    md5s = b"".join(bytes.fromhex(part.etag) for part in parts)
    assert made.etag == f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-3"
    assert (made.size, len(made.part_sizes)) == (len(whole), 3)
    assert await everything(objects, content) == whole
    assert await everything(objects, content, FromTo(first=1020, last=2055)) == whole[1020:2056]
    assert await everything(objects, content, FromTo(first=1030, last=1040)) == whole[1030:1041]
    assert blobs.blobs == stored
    assert list((await counts()).values()) == [1, 1, 1]
    assert await objects.head("box", "k") == made


async def test_without_a_checksum_the_object_gets_the_crc64nvme_of_all_bytes(upload):
    made = await upload.complete([await upload.put(1, PART), await upload.put(2, b"end")])
    assert made.checksum.type == "FULL_OBJECT"
    assert made.checksum.value == compute(ChecksumAlgorithm.CRC64NVME, PART + b"end")


async def test_a_composite_checksum_is_that_of_the_parts(begin):
    upload = await begin(("SHA256", "COMPOSITE"))
    parts = [await upload.put(1, PART, algorithm="SHA256"), await upload.put(2, b"end", algorithm="SHA256")]
    raw = hashlib.sha256(hashlib.sha256(PART).digest() + hashlib.sha256(b"end").digest()).digest()
    value = base64.b64encode(raw).decode() + "-2"
    assert parts[0].checksum.value == base64.b64encode(hashlib.sha256(PART).digest()).decode()
    assert await refused(upload.complete(parts, algorithm="SHA256", checksum="A" * 43 + "=")) == "checksum_mismatch"
    assert await refused(upload.complete(parts, algorithm="CRC32", checksum="AAAAAA==")) == "request_invalid"
    made = await upload.complete(parts, algorithm="SHA256", checksum=value)
    assert (made.checksum.value, made.checksum.type) == (value, "COMPOSITE")


async def test_a_composite_upload_wants_the_checksum_of_every_part(begin):
    upload = await begin(("SHA256", "COMPOSITE"))
    assert await refused(upload.put(1, PART)) == "request_invalid"
    part = await upload.put(1, PART, algorithm="SHA256")
    bare = Assembly(parts=(PartChoice(number=1, etag=part.etag),))
    assert await refused(upload.complete_as(bare)) == "request_invalid"
    assert (await upload.complete([part])).checksum.type == "COMPOSITE"


@pytest.mark.parametrize("named", [None, "FULL_OBJECT"])
async def test_an_upload_is_completed_with_its_own_checksum_type(begin, named):
    upload = await begin(("CRC32", "FULL_OBJECT"))
    choice = _choice(await upload.put(1, PART))
    assert await refused(upload.complete_as(Assembly(parts=(choice,), checksum_type="COMPOSITE"))) == "request_invalid"
    made = await upload.complete_as(Assembly(parts=(choice,), checksum_type=named))
    assert made.checksum.type == "FULL_OBJECT"


async def test_a_part_is_not_proved_by_another_algorithm(begin):
    upload = await begin(("CRC32", "FULL_OBJECT"))
    part = await upload.put(1, PART)
    choice = PartChoice(number=1, etag=part.etag, algorithm="SHA1", checksum="AAAA")
    assert await refused(upload.complete_as(Assembly(parts=(choice,)))) == "digest_mismatch"


async def test_a_full_object_crc_is_joined_from_the_parts(begin):
    upload = await begin(("CRC32", "FULL_OBJECT"))
    made = await upload.complete([await upload.put(1, PART), await upload.put(2, b"end")])
    assert made.checksum.value == compute(ChecksumAlgorithm.CRC32, PART + b"end")


async def test_a_part_may_bring_its_own_checksum_where_the_upload_asked_for_none(upload):
    value = compute(ChecksumAlgorithm.CRC32, PART)
    part = await upload.put(1, PART, algorithm="CRC32", checksum=value)
    assert (part.checksum.algorithm, part.checksum.value) == ("CRC32", value)
    assert (await upload.complete([part])).checksum.algorithm == "CRC64NVME"


async def test_a_part_with_another_checksum_than_the_upload_s_is_refused(begin):
    upload = await begin(("CRC32", "COMPOSITE"))
    assert await refused(upload.put(1, PART, algorithm="SHA1")) == "request_invalid"


@pytest.mark.parametrize("number", [0, -1, 10_001])
async def test_a_part_number_outside_is_refused(upload, number):
    assert await refused(upload.put(number, PART)) == "argument_invalid"


async def test_attributes_of_the_upload_are_the_object_s(begin):
    attributes = Attributes(headers={"content-type": "x/y"}, metadata={"a": "b"})
    upload = await begin(attributes=attributes)
    assert (await upload.complete([await upload.put(1, b"")])).attributes == attributes


async def test_an_empty_part_makes_an_empty_object(upload, objects, content, counts):
    made = await upload.complete([await upload.put(1, b"")])
    assert made.size == 0
    assert await everything(objects, content) == b""
    assert await counts() == {}


async def test_a_part_replaces_one_of_its_number(upload, objects, content, counts):
    await upload.put(1, b"first" * 300)
    await upload.complete([await upload.put(1, b"second" * 300)])
    assert await everything(objects, content) == b"second" * 300
    assert sorted((await counts()).values()) == [0, 1]


async def test_parts_that_are_not_listed_are_released(upload, counts):
    kept = await upload.put(1, PART)
    await upload.put(2, b"left out")
    await upload.complete([kept])
    assert sorted((await counts()).values()) == [0, 1]


async def test_the_old_object_is_released(upload, objects, content, counts):
    await objects.put("box", "k", content.source(b"old" * 100), Attributes(), UNCONDITIONAL_WRITE)
    await upload.complete([await upload.put(1, PART)])
    assert sorted((await counts()).values()) == [0, 1]


async def test_a_small_part_before_the_last_is_refused(upload):
    parts = [await upload.put(1, b"small"), await upload.put(2, PART)]
    assert await refused(upload.complete(parts)) == "part_too_small"


async def test_an_object_that_is_too_large_is_refused(monkeypatch, upload):
    monkeypatch.setattr(completion, "MAX_OBJECT_BYTES", 1000)
    assert await refused(upload.complete([await upload.put(1, PART)])) == "entity_too_large"


async def test_a_list_out_of_order_is_refused(upload):
    parts = [await upload.put(1, PART), await upload.put(2, PART)]
    assert await refused(upload.complete(parts[::-1])) == "part_order_invalid"
    assert await refused(upload.complete([parts[0], parts[0]])) == "part_order_invalid"
    assert await refused(upload.complete([])) == "part_invalid"


@pytest.mark.parametrize(
    "choice",
    [
        PartChoice(number=2, etag="e"),
        PartChoice(number=1, etag="e"),
        PartChoice(number=70_000, etag="e"),
        PartChoice(
            number=1, etag=hashlib.md5(PART, usedforsecurity=False).hexdigest(), algorithm="CRC64NVME", checksum="AAAA"
        ),
    ],
)
async def test_a_part_that_is_not_there_as_listed_is_refused(upload, multipart, choice):
    await upload.put(1, PART)
    call = multipart.complete("box", "k", upload.id, Assembly(parts=(choice,)), UNCONDITIONAL_WRITE)
    assert await refused(call) == "part_invalid"


async def test_an_etag_in_quotes_is_the_same_etag(upload, multipart):
    part = await upload.put(1, PART)
    choice = PartChoice(number=1, etag=f'"{part.etag}"')
    await multipart.complete("box", "k", upload.id, Assembly(parts=(choice,)), UNCONDITIONAL_WRITE)


async def test_another_size_than_expected_is_refused(upload):
    part = await upload.put(1, PART)
    assert await refused(upload.complete([part], size=5)) == "request_invalid"
    await upload.complete([part], size=len(PART))


async def test_completing_is_conditional(upload, objects, content):
    await objects.put("box", "k", content.source(b"old"), Attributes(), UNCONDITIONAL_WRITE)
    part = await upload.put(1, PART)
    assert await refused(upload.complete([part], WriteConditions(absent=True))) == "precondition_failed"
    assert await everything(objects, content) == b"old"
    await upload.complete([part])


async def test_completing_again_returns_the_same_object(upload):
    parts = [await upload.put(1, PART), await upload.put(2, b"x")]
    first = await upload.complete(parts)
    assert await upload.complete(parts) == first
    assert await refused(upload.complete(parts[:1])) == "upload_not_found"
    assert await refused(upload.put(1, PART)) == "upload_not_found"


async def test_completing_at_the_same_time_makes_one_object(upload, counts):
    parts = [await upload.put(1, PART)]
    first, second = await asyncio.gather(upload.complete(parts), upload.complete(parts))
    assert first == second
    assert list((await counts()).values()) == [1]


@pytest.mark.parametrize(("times", "outcome"), [(1, "completed"), (9, "conditional_conflict")])
async def test_a_part_sent_again_while_completing_is_taken(upload, store, monkeypatch, times, outcome):
    part = await upload.put(1, PART)
    write, left = store.write, [times]

    async def after_another_part(function):
        if left[0] and "completing" in function.__qualname__:
            left[0] -= 1
            monkeypatch.setattr(store, "write", write)
            await asyncio.sleep(0.002)  # the part's time is in milliseconds
            await upload.put(1, PART)
            monkeypatch.setattr(store, "write", after_another_part)
        return await write(function)

    monkeypatch.setattr(store, "write", after_another_part)
    if outcome == "completed":
        assert (await upload.complete([part])).size == len(PART)
    else:
        assert await refused(upload.complete([part])) == outcome


async def test_an_aborted_upload_is_gone_and_released(upload, multipart, counts):
    await upload.put(1, PART)
    await multipart.abort("box", "k", upload.id)
    assert list((await counts()).values()) == [0]
    assert await refused(multipart.abort("box", "k", upload.id)) == "upload_not_found"


@pytest.mark.parametrize("upload_id", ["", "x", "0" * 32, "\ud800" * 32, "a" * 5000])
async def test_what_is_no_upload_is_not_found(upload, multipart, content, upload_id):
    choices = (PartChoice(number=1, etag="e"),)
    for call in (
        multipart.put_part("box", "k", upload_id, 1, content.source(PART)),
        multipart.copy_part("box", "k", upload_id, 1, PartSource(bucket="box", key="k")),
        multipart.complete("box", "k", upload_id, Assembly(parts=choices), UNCONDITIONAL_WRITE),
        multipart.abort("box", "k", upload_id),
        multipart.list_parts("box", "k", upload_id, 0, 10),
        multipart.abort("box", "other key", upload.id),
    ):
        assert await refused(call) == "upload_not_found"


async def test_a_missing_bucket_comes_first(multipart, content):
    choices = (PartChoice(number=1, etag="e"),)
    for call in (
        multipart.create("none", "k", "ada", Attributes(), None),
        multipart.put_part("none", "k", "x", 1, content.source(PART)),
        multipart.complete("none", "k", "x", Assembly(parts=choices), UNCONDITIONAL_WRITE),
        multipart.list_parts("none", "k", "x", 0, 10),
    ):
        assert await refused(call) == "bucket_not_found"


async def test_an_upload_aborted_while_a_part_arrives_is_missed(upload, multipart, content, counts):
    source = content.source(PART)

    async def chunks():
        async for chunk in source.chunks:
            yield chunk
        await multipart.abort("box", "k", upload.id)

    arriving = type(source)(chunks=chunks())
    assert await refused(multipart.put_part("box", "k", upload.id, 1, arriving)) == "upload_not_found"
    assert await counts() == {}


async def test_parts_are_listed_in_pages(begin, multipart):
    upload = await begin(("CRC32", "COMPOSITE"))
    for number in (3, 1, 300):
        await upload.put(number, b"%d" % number, algorithm="CRC32")
    info, parts, more = await multipart.list_parts("box", "k", upload.id, 0, 2)
    assert (info.upload_id, info.checksum_algorithm, info.initiator) == (upload.id, "CRC32", "ada")
    assert ([part.number for part in parts], more) == ([1, 3], True)
    assert parts[0].checksum.value == compute(ChecksumAlgorithm.CRC32, b"1")
    _, parts, more = await multipart.list_parts("box", "k", upload.id, 3, 2)
    assert ([part.number for part in parts], more) == ([300], False)
    for beyond in (300, 10_000, 99_999):
        assert (await multipart.list_parts("box", "k", upload.id, beyond, 2))[1:] == ((), False)


async def test_uploads_of_a_key_are_listed_in_the_order_they_began(multipart, bucket):
    made = [await multipart.create(bucket, "k", "ada", Attributes(), None) for _ in range(3)]
    ids = [one.upload_id for one in made]
    first, marker = await multipart.list_uploads(bucket, "", "", ("", ""), 2)
    rest, last = await multipart.list_uploads(bucket, "", "", marker, 2)
    assert sorted(ids) == [one.upload_id for one in (*first, *rest)]
    assert last is None
    assert (await multipart.list_uploads(bucket, "", "", ("k", ""), 9))[0] == ()


@pytest.mark.parametrize("size", [50, 5000])
async def test_a_part_may_be_copied_from_an_object(*, upload, multipart, objects, content, counts, size):
    data = bytes(range(250)) * 20
    await objects.put("box", "source", content.source(data[:size]), Attributes(), UNCONDITIONAL_WRITE)
    parts = [await upload.put(1, PART)]
    parts.append(
        await multipart.copy_part("box", "k", upload.id, 2, PartSource(bucket="box", key="source", wanted=(10, 39)))
    )
    assert parts[1].etag == hashlib.md5(data[10:40], usedforsecurity=False).hexdigest()
    parts[1] = await multipart.copy_part(
        "box", "k", upload.id, 2, PartSource(bucket="box", key="source", wanted=(20, 49))
    )
    await objects.delete("box", "source")
    made = await upload.complete(parts)
    assert await everything(objects, content) == PART + data[20:50]
    assert made.checksum.value == compute(ChecksumAlgorithm.CRC64NVME, PART + data[20:50])
    await objects.delete("box", "k")
    assert set((await counts()).values()) == {0}


async def test_a_part_may_be_copied_from_a_range_over_several_parts(upload, begin, multipart, objects, content):
    await upload.complete([await upload.put(1, PART), await upload.put(2, PART[::-1])])
    whole = PART + PART[::-1]
    second = await begin()
    part = await multipart.copy_part("box", "k", second.id, 1, PartSource(bucket="box", key="k", wanted=(1000, 1500)))
    every = await multipart.copy_part("box", "k", second.id, 2, PartSource(bucket="box", key="k"))
    assert (part.size, every.size) == (501, 2048)
    await second.complete([every])
    assert await everything(objects, content) == whole


async def test_no_part_is_made_of_damaged_content(upload, multipart, objects, content, blobs):
    await objects.put("box", "source", content.source(b"x" * 1000), Attributes(), UNCONDITIONAL_WRITE)
    ((digest, stored),) = blobs.blobs.items()
    blobs.blobs[digest] = msgspec.structs.replace(stored, content=b"x" * 999 + b"y")
    source = PartSource(bucket="box", key="source", wanted=(0, 9))
    assert await refused(multipart.copy_part("box", "k", upload.id, 1, source)) == "blob_corrupt"
    blobs.blobs.clear()
    assert await refused(multipart.copy_part("box", "k", upload.id, 1, source)) == "blob_missing"


async def test_copying_a_part_is_refused_as_copying_is(monkeypatch, upload, multipart, objects, content):
    made = await objects.put("box", "source", content.source(b"abc"), Attributes(), UNCONDITIONAL_WRITE)

    async def copy(key="source", wanted=None, conditions=NO_CONDITIONS, number=1, bucket="box"):
        source = PartSource(bucket=bucket, key=key, wanted=wanted, conditions=conditions)
        return await refused(multipart.copy_part("box", "k", upload.id, number, source))

    assert await copy("none") == "object_not_found"
    assert await copy(bucket="none") == "bucket_not_found"
    assert await copy(wanted=(0, 3)) == "argument_invalid"
    assert await copy(conditions=ReadConditions(none_match=(made.etag,))) == "precondition_failed"
    assert await copy(number=0) == "argument_invalid"
    monkeypatch.setattr(part_content, "MAX_CONTENT_BYTES", 2)
    assert await copy() == "entity_too_large"
