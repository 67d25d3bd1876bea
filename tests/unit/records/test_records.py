import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.listing import Listed, format_listing_date, render_fragment
from zotplus.records import layout
from zotplus.records.buckets import BUCKET, BucketRecord
from zotplus.records.objects import ObjectRecord, decode_object, encode_object, fragment_of
from zotplus.records.shape import Previous, Shape

SAMPLES = json.loads(Path(__file__).with_name("samples.json").read_text())
RECORD = ObjectRecord(size=3, etag="e", modified_ms=5)
names = st.text(min_size=1, max_size=8).filter(lambda text: "\0" not in text and text.isprintable())


class Old(msgspec.Struct, array_like=True):
    """A shape that was replaced."""

    name: str


class New(msgspec.Struct, array_like=True):
    """Its successor."""

    first: str
    last: str


OLD = Shape(b"T\x01", Old)
NEW = Shape(b"T\x02", New, Previous(OLD, lambda old: New(*old.name.split())))


def test_an_old_record_migrates_itself_when_it_is_read():
    assert NEW.decode(OLD.encode(Old("Ada Lovelace"))) == New("Ada", "Lovelace")
    assert NEW.decode(NEW.encode(New("A", "B"))) == New("A", "B")


@pytest.mark.parametrize("data", [b"", b"T", b"T\x03\x92\xa1a\xa1b", b"X\x01", b"T\x02", b"T\x02\xc1", b"T\x01\x93"])
def test_a_record_that_cannot_be_read_is_a_storage_failure(data):
    with pytest.raises(Problem) as raised:
        NEW.decode(data)
    assert raised.value.fault.code == "storage_failed"


def test_a_marker_has_two_bytes():
    with pytest.raises(ValueError, match="marker"):
        Shape(b"T", Old)


@settings(max_examples=100)
@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_bytes_never_raise_anything_else(sample, data):
    raw = bytearray(bytes.fromhex(sample["hex"]))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for decode in (decode_object, BUCKET.decode):
        with contextlib.suppress(Problem):
            decode(cut)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_an_object_comes_back_as_it_was_stored(fragment, inline):
    data = encode_object(RECORD, fragment, inline)
    assert decode_object(data) == (RECORD, inline)
    assert fragment_of(data) == fragment


@given(st.lists(st.tuples(names, st.integers(0, 9)), min_size=2, max_size=6, unique=True))
def test_uploads_sort_by_object_key_and_then_by_id(uploads):
    keys = [(name.encode(), f"{number:032x}") for name, number in uploads]
    stored = sorted(layout.upload(b"b" * 8, name, upload_id) for name, upload_id in keys)
    assert [layout.split_upload(key) for key in stored] == sorted(keys)


@given(st.binary(min_size=1, max_size=5), st.binary(max_size=3), st.binary(min_size=1, max_size=8))
def test_after_is_the_least_key_above_all_with_the_prefix(prefix, rest, other):
    bound = layout.after(prefix)
    if bound is None:
        assert set(prefix) == {0xFF}
        return
    assert prefix + rest < bound
    assert (other < bound) or not other.startswith(prefix)
    assert (prefix <= other < bound) == other.startswith(prefix)


def test_the_longest_key_fits_the_port():
    assert len(layout.upload(b"b" * 8, b"k" * 1024, "0" * 32)) == 1066


def test_numbers_keep_their_order_and_come_back():
    assert layout.part("0" * 32, 255) < layout.part("0" * 32, 256)
    assert layout.part_number(layout.part("0" * 32, 9_999)) == 9_999
    assert layout.part_upload(layout.part("0" * 32, 1)) == "0" * 32
    assert layout.split_unreferenced(layout.unreferenced(77, b"d" * 32)) == (77, b"d" * 32)


def test_tables_never_share_a_letter():
    letters = [value for name, value in vars(layout).items() if name.isupper() and isinstance(value, bytes)]
    letters = [letter for letter in letters if letter != b"\0"]
    assert len(letters) == len(set(letters)) >= 18


def test_a_fragment_has_amazon_s_order_and_escapes_everything():
    listed = Listed(
        modified_ms=1_700_000_000_123,
        etag="e<",
        size=5,
        storage_class="A&B",
        checksum_algorithm="CRC32",
        checksum_type="FULL_OBJECT",
    )
    assert render_fragment(listed) == (
        b"<LastModified>2023-11-14T22:13:20.123Z</LastModified><ETag>&quot;e&lt;&quot;</ETag>"
        b"<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
        b"<Size>5</Size><StorageClass>A&amp;B</StorageClass>"
    )


def test_a_fragment_names_no_checksum_that_is_not_there():
    assert b"Checksum" not in render_fragment(Listed(modified_ms=0, etag="e", size=0))
    assert b"Type" not in render_fragment(Listed(modified_ms=0, etag="e", size=0, checksum_algorithm="CRC32"))
    assert format_listing_date(0) == "1970-01-01T00:00:00.000Z"


def test_a_bucket_record_is_small():
    record = BucketRecord(id=b"b" * 8, created_ms=1_700_000_000_000, owner="ada", region="eu-north-1")
    assert len(BUCKET.encode(record)) < 80


@settings(max_examples=100)
@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_record_with_a_flipped_bit_is_never_taken_for_an_object(inline, data):
    raw = bytearray(encode_object(RECORD, b"fragment", inline))
    position = data.draw(st.integers(8, len(raw) - 1))
    raw[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Problem) as raised:
        decode_object(bytes(raw))
    assert raised.value.fault is errors.BLOB_CORRUPT
