"""The frames of encrypted content."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.domain import errors
from zotplus.domain.encryption.framing import (
    FRAME_BYTES,
    TAG_BYTES,
    Opener,
    Sealer,
    plain_size,
    sealed_size,
    split_streams,
    stream_id,
    stream_key,
)
from zotplus.domain.errors import Problem

KEY = b"k" * 32
SALT = b"s" * 16
SIZES = (0, 1, 1000, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 7)
STORED = FRAME_BYTES + TAG_BYTES


def content_of(size):
    return bytes([(i * 7 + i // 251) & 0xFF for i in range(size)])


def cipher_of(number=0, salt=SALT, key=KEY):
    return AesGcm(stream_key(key, stream_id(number, salt)))


def sealed_of(data, step=None, number=0):
    sealer = Sealer(cipher_of(number), stream_id(number, SALT))
    step = step or max(1, len(data))
    return b"".join([sealer.update(data[i : i + step]) for i in range(0, len(data), step)]) + sealer.finish()


def opened(sealed, size, start=0, stop=None, **other):
    return b"".join(Opener(cipher_of(**other), size).open_run(sealed, start, size if stop is None else stop))


def refused(sealed, size, **other):
    with pytest.raises(Problem) as raised:
        opened(sealed, size, **other)
    return raised.value.fault is errors.BLOB_CORRUPT


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens_however_it_arrived(size):
    data = content_of(size)
    for step in (None, 1000, FRAME_BYTES, FRAME_BYTES + 1):
        sealed = sealed_of(data, step)
        assert len(sealed) == sealed_size(size)
        assert plain_size(len(sealed)) == size
        assert opened(sealed, size) == data
    assert size < 100 or data[:50] not in sealed


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_range_is_the_same_slice_of_the_plaintext(data):
    size = data.draw(st.sampled_from(SIZES[1:]))
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    content = content_of(size)
    opener, sealed = Opener(cipher_of(), size), sealed_of(content)
    offset, length = opener.stored_run(start, stop)
    assert length <= (stop - start) + 2 * FRAME_BYTES + (length // STORED + 1) * TAG_BYTES
    run = sealed[offset : offset + length]
    assert b"".join(opener.open_run(run, start, stop)) == content[start:stop]
    buffer = memoryview(bytearray(length))
    assert opener.open_into(memoryview(run), start, stop, buffer) == content[start:stop]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, sealed_size(SIZES[-1]) * 8 - 1))
def test_every_flipped_bit_is_found(bit):
    size = SIZES[-1]
    sealed = bytearray(sealed_of(content_of(size)))
    sealed[bit // 8] ^= 1 << bit % 8
    assert refused(bytes(sealed), size)
    with pytest.raises(Problem):
        Opener(cipher_of(), size).open_into(memoryview(sealed), 0, size, memoryview(bytearray(size)))


def test_a_cut_stream_is_refused_even_at_the_end_of_a_frame():
    size = SIZES[-1]
    sealed = sealed_of(content_of(size))
    assert refused(sealed[:-1], size)
    assert refused(sealed[: 2 * STORED], size)
    # the record lies too: then the frame that is last now was not sealed as the last
    assert refused(sealed[: 2 * STORED], 2 * FRAME_BYTES)


def test_a_stream_cannot_be_made_longer():
    size = 2 * FRAME_BYTES
    sealed = sealed_of(content_of(size))
    assert refused(sealed + sealed[:STORED], 3 * FRAME_BYTES)


def test_frames_cannot_change_places_or_be_repeated():
    size = 3 * FRAME_BYTES
    sealed = sealed_of(content_of(size))
    first, second, third = (sealed[i * STORED : (i + 1) * STORED] for i in range(3))
    for other in (second + first + third, first + first + third, first + third + second, third + second + first):
        assert refused(other, size)


def test_a_frame_of_another_stream_key_or_part_does_not_open():
    size = 100
    sealed = sealed_of(content_of(size))
    assert refused(sealed, size, salt=b"t" * 16)
    assert refused(sealed, size, number=1)
    assert refused(sealed, size, key=b"x" * 32)
    assert opened(sealed_of(content_of(size), number=7), size, number=7) == content_of(size)


def test_equal_content_is_never_equal_on_disk():
    streams = [Sealer(cipher_of(salt=bytes([i]) * 16), b"") for i in range(2)]
    assert len({sealer.finish() for sealer in streams}) == 2


@pytest.mark.parametrize("stored", [0, 1, 15, STORED + 1, STORED + TAG_BYTES])
def test_a_size_that_no_stream_has_is_refused(stored):
    with pytest.raises(Problem) as raised:
        plain_size(stored)
    assert raised.value.fault is errors.BLOB_CORRUPT


def test_ids_of_streams_are_read_back_and_must_ascend():
    joined = stream_id(1, SALT) + stream_id(5, SALT)
    assert split_streams(joined) == (stream_id(1, SALT), stream_id(5, SALT))
    for bad in (b"", joined[:-1], stream_id(5, SALT) + stream_id(1, SALT), stream_id(5, SALT) * 2):
        with pytest.raises(Problem) as raised:
            split_streams(bad)
        assert raised.value.fault is errors.BLOB_CORRUPT


def test_an_opener_does_not_show_its_key():
    assert repr(Opener(cipher_of(), 5)) == "Opener(5)"


def test_the_key_of_a_stream_is_hkdf():
    stream = stream_id(3, SALT)
    expected = HKDF(SHA256(), 32, salt=stream, info=b"zotplus content stream 1").derive(KEY)
    assert stream_key(KEY, stream) == expected
