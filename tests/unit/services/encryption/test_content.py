"""Objects and uploads whose content is encrypted: what is stored, and what comes back."""

import base64
import hashlib

import msgspec
import pytest

from zotplus.adapters.blobs_classes import BlobsByClass
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.encryption.framing import FRAME_BYTES, TAG_BYTES
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, compute
from zotplus.domain.ranges import FromTo, Part
from zotplus.ports.blobs import class_suffix
from zotplus.records import layout
from zotplus.records.buckets import DefaultEncryptionRecord
from zotplus.records.objects import decode_object, encode_object
from zotplus.services import objects as objects_module
from zotplus.services.configuration.documents import Documents
from zotplus.services.content import contents
from zotplus.services.content.contents import read_slices
from zotplus.services.encryption.content_keys import new_content_key
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.projections import with_extras
from zotplus.services.upkeep.collector import Collector
from zotplus.services.upkeep.scrub import Scrub
from zotplus.services.values import (
    Assembly,
    Attributes,
    Copy,
    PartChoice,
    PartSource,
    Protection,
    Selection,
)
from zotplus.services.versioning.finding import find_place, find_version
from zotplus.services.versioning.moving import Moving, move

CUSTOMER = b"c" * 32
OTHER = b"d" * 32
SSE_S3 = Protection(scheme="SSE-S3")
SSE_KMS = Protection(scheme="SSE-KMS", context='{"a":"b"}')
SSE_C = Protection(scheme="SSE-C", customer_key=CUSTOMER)
SCHEMES = [SSE_S3, SSE_KMS, SSE_C]
SMALL = b"a secret of few words"
LARGE = bytes([(i * 13 + i // 256) & 0xFF for i in range(3 * FRAME_BYTES + 1234)])
PART = LARGE * 28  # above 5 MiB


@pytest.fixture
def objects(store, blobs, encryption):
    return Objects(store, blobs, inline_limit=100, encryption=encryption)


@pytest.fixture
def multipart(store, blobs, encryption):
    return Multipart(store, blobs, encryption=encryption)


@pytest.fixture
def put(objects, content, bucket):
    async def act(key, data, protection=None, **expected):
        return await objects.put(bucket, key, content.source(data, **expected), Attributes(protection=protection))

    return act


@pytest.fixture
def read(objects, blobs, bucket):
    async def act(key, wanted=None, customer_key=b""):
        found, _ = await objects.get(bucket, key, Selection(wanted=wanted, customer_key=customer_key))
        if found.inline is not None:
            return found.inline
        return b"".join([chunk async for chunk in read_slices(blobs, found.slices)])

    return act


@pytest.fixture
def everything(store, blobs):
    """All that is stored, in one piece."""

    async def act():
        rows = await store.read(lambda snapshot: [key + value for key, value in snapshot.scan(b"")])
        files = [chunk async for info in blobs.list() async for chunk in blobs.read(info.digest)]
        return b"".join(rows + files)

    return act


@pytest.fixture
def rewrite(store, bucket):
    """Changes a stored record behind the services' back."""

    async def act(key, change):
        def run(transaction):
            at = next(at for at, _ in transaction.scan(*layout.table_span(b"O")) if at.endswith(key.encode()))
            data = transaction.get(at)
            transaction.put(at, encode_object(*change(*decode_object(data))))

        await store.write(run)

    return act


async def refusal(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault


def copy_of(protection=None, **more):
    return Copy(source=("box", "a"), target=("box", "b"), target_attributes=Attributes(protection=protection), **more)


def window(data, size=40):
    """A run of ``data`` that is found nowhere by chance."""
    return data[len(data) // 2 - size // 2 :][:size]


@pytest.mark.parametrize("data", [b"", SMALL, LARGE, LARGE[:FRAME_BYTES]], ids=len)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda one: one.scheme)
async def test_what_is_put_encrypted_is_read_back_and_is_nowhere_plain(put, read, everything, scheme, data):
    info = await put("k", data, scheme)
    assert info.attributes.protection.scheme == scheme.scheme
    assert info.size == len(data)
    assert await read("k", customer_key=scheme.customer_key) == data
    stored = await everything()
    assert not data or data[:40] not in stored
    assert not data or window(data) not in stored
    assert CUSTOMER not in stored
    assert base64.b64encode(CUSTOMER) not in stored


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=len)
async def test_a_range_is_the_slice_of_the_plaintext(put, read, data):
    await put("k", data, SSE_S3)
    for first, last in ((0, 0), (5, 9), (len(data) - 3, len(data) - 1), (0, len(data) - 1), (3, FRAME_BYTES + 1)):
        assert await read("k", FromTo(first=first, last=last)) == data[first : last + 1]


async def test_a_blob_is_named_by_what_is_stored_not_by_what_was_sent(put, blobs):
    await put("k", LARGE, SSE_S3)
    (info,) = [info async for info in blobs.list()]
    stored = b"".join([chunk async for chunk in blobs.read(info.digest)])
    assert info.digest == hashlib.sha256(stored).hexdigest() != hashlib.sha256(LARGE).hexdigest()
    assert len(stored) == len(LARGE) + 4 * TAG_BYTES


async def test_equal_contents_share_nothing(put, blobs):
    await put("a", LARGE, SSE_S3)
    await put("b", LARGE, SSE_S3)
    assert len([info async for info in blobs.list()]) == 2


async def test_the_etag_is_the_md5_for_sse_s3_and_says_nothing_for_the_others(put):
    md5 = hashlib.md5(SMALL, usedforsecurity=False).hexdigest()
    assert (await put("k", SMALL, SSE_S3)).etag == md5
    for scheme in (SSE_KMS, SSE_C):
        assert (await put("k", SMALL, scheme)).etag != md5
        assert (await put("k", LARGE, scheme, md5=hashlib.md5(LARGE, usedforsecurity=False).hexdigest())).size == len(
            LARGE
        )
        assert await refusal(put("k", SMALL, scheme, md5="0" * 32)) is errors.DIGEST_MISMATCH
        assert await refusal(put("k", LARGE, scheme, md5="0" * 32)) is errors.DIGEST_MISMATCH


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=len)
async def test_digests_that_the_client_sends_are_of_the_plaintext(put, data):
    sha256 = hashlib.sha256(data).hexdigest()
    crc = compute(ChecksumAlgorithm.CRC32, data)
    info = await put("k", data, SSE_S3, sha256=sha256, algorithm="CRC32", checksum=crc)
    assert info.checksum.value == crc
    assert await refusal(put("k", data, SSE_S3, sha256="0" * 64)) is errors.CONTENT_SHA256_MISMATCH
    assert await refusal(put("k", data, SSE_S3, size=len(data) + 1)) is errors.BODY_INCOMPLETE


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=len)
async def test_a_customers_key_is_asked_for_by_reads_and_heads(put, objects, read, data):
    await put("k", data, SSE_C)
    await put("plain", data)
    await put("other", data, SSE_S3)
    for key, given, fault in (
        ("k", b"", errors.ENCRYPTION_KEY_MISSING),
        ("k", OTHER, errors.ENCRYPTION_KEY_WRONG),
        ("plain", CUSTOMER, errors.ENCRYPTION_KEY_UNWANTED),
        ("other", CUSTOMER, errors.ENCRYPTION_KEY_UNWANTED),
    ):
        assert await refusal(read(key, customer_key=given)) is fault
        assert await refusal(objects.head("box", key, Selection(customer_key=given))) is fault
    assert (await objects.head("box", "k", Selection(customer_key=CUSTOMER))).size == len(data)
    assert (await objects.head("box", "other")).size == len(data)


async def test_the_buckets_default_counts_where_nothing_is_said(put, store, read):
    await Documents(store).change("box", encryption=DefaultEncryptionRecord(scheme="SSE-KMS", bucket_key=True))
    info = await put("k", SMALL)
    assert (info.attributes.protection.key_id, info.attributes.protection.bucket_key) == ("s3-default", True)
    assert await read("k") == SMALL


async def test_a_store_without_rings_refuses_to_encrypt_rather_than_to_store_plaintext(store, blobs, content, bucket):
    """RustFS GHSA-xrrf and MinIO CVE-2026-34204: SSE claimed, plaintext stored."""
    plain = Objects(store, blobs)
    source = content.source(SMALL)
    assert await refusal(plain.put("box", "k", source, Attributes(protection=SSE_S3))) is (
        errors.HEADER_CRYPTO_UNSUPPORTED
    )


async def flip(store, blobs, key_part=-1):
    def run(transaction):
        at, value = list(transaction.scan(*layout.table_span(b"O")))[-1]
        record, inline = decode_object(value)
        damaged = inline[:5] + bytes([inline[5] ^ 1]) + inline[6:]
        transaction.put(at, encode_object(record, b"", damaged))

    await store.write(run)


async def test_damage_is_found_and_never_served(put, read, store, blobs):
    await put("k", SMALL, SSE_S3)
    await flip(store, blobs)
    assert await refusal(read("k")) is errors.BLOB_CORRUPT


async def test_a_record_that_contradicts_itself_is_refused(put, read, rewrite):
    def with_detail(detail):
        def change(record, inline):
            encryption = msgspec.structs.replace(record.extras.encryption, detail=detail)
            return with_extras(record, encryption=encryption), b"", inline

        return change

    await put("k", LARGE, SSE_S3)
    await put("s", SMALL, SSE_S3)
    await rewrite("k", lambda record, inline: (msgspec.structs.replace(record, size=record.size - 1), b"", inline))
    assert await refusal(read("k")) is errors.BLOB_CORRUPT
    await rewrite("s", lambda record, inline: (record, b"", inline[:-1]))
    assert await refusal(read("s")) is errors.BLOB_CORRUPT
    for detail in (b"", b"x" * 20 + b"y" * 20):
        await put("k", LARGE, SSE_S3)
        await rewrite("k", with_detail(detail))
        assert await refusal(read("k")) is errors.BLOB_CORRUPT


async def test_a_slice_without_encryption_names_no_streams(put, objects, rewrite, store):
    await put("k", LARGE)
    record, _ = await store.read(lambda s: decode_object(next(iter(s.scan(*layout.table_span(b"O"))))[1]))
    with pytest.raises(Problem):
        contents.encrypted_slices(record, new_content_key(AesGcm), 0, 1)


# --- copies


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=len)
@pytest.mark.parametrize("to", [None, *SCHEMES], ids=lambda one: one.scheme if one else "plain")
@pytest.mark.parametrize("given", [None, *SCHEMES], ids=lambda one: one.scheme if one else "plain")
async def test_a_copy_can_have_any_encryption(*, put, read, objects, everything, data, given, to):
    await put("a", data, given)
    source_key = b"" if given is None else given.customer_key
    info = await objects.copy(copy_of(to, source_key=source_key))
    expected = to or (SSE_S3 if given else None)  # what was encrypted is never plain again
    assert (info.attributes.protection and info.attributes.protection.scheme) == (expected and expected.scheme)
    assert await read("b", customer_key=b"" if to is None else to.customer_key) == data
    await objects.delete("box", "a")
    assert await read("b", customer_key=b"" if to is None else to.customer_key) == data
    if given is not None and data:
        assert data[:40] not in await everything()


async def test_a_copy_between_keys_moves_no_bytes(put, objects, blobs, counts):
    await put("a", LARGE, SSE_S3)
    await objects.copy(copy_of(SSE_KMS))
    (count,) = (await counts()).values()
    assert count == 2


async def test_a_copy_has_a_checksum_of_the_plaintext(put, objects):
    for data in (SMALL, LARGE):
        for scheme in (SSE_KMS, SSE_C, None):
            await put("a", data, SSE_S3)
            copied = await objects.copy(copy_of(scheme, algorithm="SHA256"))
            assert copied.checksum.value == compute(ChecksumAlgorithm.SHA256, data)


async def test_a_copy_asks_for_the_sources_key(put, objects):
    await put("a", LARGE, SSE_C)
    assert await refusal(objects.copy(copy_of())) is errors.ENCRYPTION_KEY_MISSING
    assert await refusal(objects.copy(copy_of(source_key=OTHER))) is errors.ENCRYPTION_KEY_WRONG
    await put("a", LARGE)
    assert await refusal(objects.copy(copy_of(source_key=OTHER))) is errors.ENCRYPTION_KEY_UNWANTED


async def test_a_source_that_becomes_encrypted_while_it_is_copied_is_copied_encrypted(put, read, objects, monkeypatch):
    await put("a", LARGE)
    carry, scheme = objects_module.carry, [SSE_S3]

    async def slowly(*given):
        carried = await carry(*given)
        if scheme:
            await put("a", SMALL, scheme.pop())
        return carried

    monkeypatch.setattr(objects_module, "carry", slowly)
    assert (await objects.copy(copy_of())).attributes.protection.scheme == "SSE-S3"
    assert await read("b") == SMALL


# --- uploads


def sent(source, customer_key):
    return msgspec.structs.replace(source, customer_key=customer_key)


@pytest.fixture
def begin(multipart):
    async def act(scheme):
        upload = await multipart.create("box", "k", "me", Attributes(protection=scheme), None)
        return "box", "k", upload.upload_id

    return act


def assembly(*parts):
    return Assembly(parts=tuple(PartChoice(number=part.number, etag=part.etag) for part in parts))


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda one: one.scheme)
async def test_an_upload_in_parts_is_encrypted_as_a_whole(*, multipart, begin, read, content, everything, scheme):
    key, where = scheme.customer_key, await begin(scheme)
    for _ in range(2):  # a part that is sent again is another stream
        first = await multipart.put_part(*where, 1, sent(content.source(PART), key))
    second = await multipart.put_part(*where, 3, sent(content.source(LARGE), key))
    done = await multipart.complete(*where, assembly(first, second), UNCONDITIONAL_WRITE)
    again = await multipart.complete(*where, assembly(first, second), UNCONDITIONAL_WRITE)
    assert done == again
    assert done.part_sizes == (len(PART), len(LARGE))
    assert done.attributes.protection.scheme == scheme.scheme
    whole, border = PART + LARGE, len(PART)
    assert await read("k", customer_key=key) == whole
    assert await read("k", FromTo(first=border - 5, last=border + 5), key) == whole[border - 5 : border + 6]
    assert await read("k", Part(number=2), key) == LARGE
    assert window(PART) not in await everything()
    is_md5 = first.etag == hashlib.md5(PART, usedforsecurity=False).hexdigest()
    assert is_md5 is (scheme is SSE_S3)


async def test_a_part_without_bytes_has_no_stream(multipart, begin, read, content):
    where = await begin(SSE_S3)
    first = await multipart.put_part(*where, 1, content.source(PART))
    last = await multipart.put_part(*where, 2, content.source(b""))
    await multipart.complete(*where, assembly(first, last), UNCONDITIONAL_WRITE)
    assert await read("k") == PART
    where = await begin(SSE_S3)
    only = await multipart.put_part(*where, 1, content.source(b""))
    await multipart.complete(*where, assembly(only), UNCONDITIONAL_WRITE)
    assert await read("k") == b""


async def test_parts_need_the_key_of_their_upload(multipart, begin, content, put):
    await put("source", LARGE)
    where, plain = await begin(SSE_C), await begin(None)
    source = PartSource(bucket="box", key="source")
    for given, fault in ((b"", errors.REQUEST_INVALID), (OTHER, errors.REQUEST_INVALID)):
        assert await refusal(multipart.put_part(*where, 1, sent(content.source(SMALL), given))) is fault
        replaced = msgspec.structs.replace(source, part_key=given)
        assert await refusal(multipart.copy_part(*where, 1, replaced)) is fault
    assert await refusal(multipart.put_part(*plain, 1, sent(content.source(SMALL), OTHER))) is (
        errors.ENCRYPTION_KEY_UNWANTED
    )


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=len)
@pytest.mark.parametrize("to", [None, *SCHEMES], ids=lambda one: one.scheme if one else "plain")
@pytest.mark.parametrize("given", [None, *SCHEMES], ids=lambda one: one.scheme if one else "plain")
async def test_a_part_can_be_copied_from_any_encryption_to_any(*, multipart, begin, put, read, data, given, to):
    await put("source", data, given)
    source_key, part_key = (b"" if one is None else one.customer_key for one in (given, to))
    where = await begin(to)
    source = PartSource(
        bucket="box", key="source", wanted=(3, len(data) - 2), customer_key=source_key, part_key=part_key
    )
    part = await multipart.copy_part(*where, 1, source)
    await multipart.complete(*where, assembly(part), UNCONDITIONAL_WRITE)
    assert await read("k", customer_key=part_key) == data[3:-1]


async def test_the_source_of_a_part_needs_its_own_key(multipart, begin, put):
    await put("source", LARGE, SSE_C)
    where = await begin(None)
    assert await refusal(multipart.copy_part(*where, 1, PartSource(bucket="box", key="source"))) is (
        errors.ENCRYPTION_KEY_MISSING
    )


async def test_parts_cannot_change_places_in_the_record(multipart, begin, content, read, rewrite):
    where = await begin(SSE_S3)
    first = await multipart.put_part(*where, 1, content.source(PART))
    second = await multipart.put_part(*where, 2, content.source(PART[::-1]))
    await multipart.complete(*where, assembly(first, second), UNCONDITIONAL_WRITE)

    def swapped(record, inline):
        detail = record.extras.encryption.detail
        encryption = msgspec.structs.replace(record.extras.encryption, detail=detail[20:] + detail[:20])
        record = msgspec.structs.replace(record, slices=record.slices[::-1])
        return with_extras(record, encryption=encryption), b"", inline

    await rewrite("k", swapped)
    assert await refusal(read("k")) is errors.BLOB_CORRUPT


# --- upkeep, which needs no key


async def test_the_scrub_finds_encrypted_content_whole_and_the_collector_leaves_it(put, objects, store, blobs, read):
    for number, scheme in enumerate((None, *SCHEMES)):
        await put(f"{number}", LARGE, scheme)
        await put(f"small{number}", SMALL, scheme)
    await objects.copy(Copy(source=("box", "1"), target=("box", "copy")))
    await objects.delete("box", "1")
    assert (await Scrub(store, blobs).run()).findings == ()
    await Collector(store, blobs).run(2e9 + 1e6)
    assert (await Scrub(store, blobs).run()).findings == ()
    assert await read("copy") == LARGE


async def test_encrypted_content_moves_to_the_store_of_another_class_as_it_is(store, encryption, content, bucket):
    blobs = BlobsByClass(BlobsMemory(), {"COLD": BlobsMemory()})
    objects = Objects(store, blobs, inline_limit=100, encryption=encryption)
    await objects.put(bucket, "k", content.source(LARGE), Attributes(protection=SSE_S3))
    await objects.put(bucket, "c", content.source(LARGE), Attributes(protection=SSE_S3, storage_class="COLD"))

    def judge(snapshot):
        place = find_place(snapshot, bucket, "k")
        found = find_version(snapshot, place, "null")
        return None if found is None or found.record.storage_class == "COLD" else (place, found)

    moving = Moving(judge=judge, storage_class="COLD", suffix=class_suffix(blobs, "COLD"), finish=lambda *_: None)
    assert await move(store, blobs, moving)
    assert (await Scrub(store, blobs).run()).findings == ()
    for key in ("k", "c"):
        found, _ = await objects.get(bucket, key)
        assert b"".join([chunk async for chunk in read_slices(blobs, found.slices)]) == LARGE
        assert found.info.attributes.storage_class == "COLD"
