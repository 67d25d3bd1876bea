"""aws-chunked bodies: what is well-formed comes out whole over any split, anything else is a Problem."""

import hmac
from contextlib import suppress
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures import chunked
from zotplus.domain.signatures.chunk_signatures import ChunkSeed
from zotplus.domain.signatures.chunked import MIN_CHUNK, ChunkedDecoder, decoded_length
from zotplus.domain.signatures.signing_key import SigningKey, signing_key

KEY = b"k" * 32
SEED = ChunkSeed(
    key=SigningKey(KEY), timestamp="20260524T120000Z", scope="20260524/us-east-1/s3/aws4_request", signature="ab" * 32
)
EMPTY = sha256(b"").hexdigest()
TRAILER = "x-amz-checksum-crc32"


def encode(chunks, *, signed=False, trailers=None):
    """A body written independently of the decoder."""
    out, previous = b"", SEED.signature

    def signature(kind, digests):
        text = "\n".join([kind, SEED.timestamp, SEED.scope, previous, *digests])
        return hmac.new(KEY, text.encode(), "sha256").hexdigest()

    for chunk in [*chunks, b""]:
        extension = b""
        if signed:
            previous = signature("AWS4-HMAC-SHA256-PAYLOAD", [EMPTY, sha256(chunk).hexdigest()])
            extension = b";chunk-signature=" + previous.encode()
        out += b"%x%b\r\n" % (len(chunk), extension) + (chunk + b"\r\n" if chunk else b"")
    for name, value in (trailers or {}).items():
        out += f"{name}:{value}\r\n".encode()
    if signed and trailers is not None:
        canonical = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items()))
        last = signature("AWS4-HMAC-SHA256-TRAILER", [sha256(canonical.encode()).hexdigest()])
        out += f"x-amz-trailer-signature:{last}\r\n".encode()
    return out + b"\r\n"


def decode(body, splits=(), **arguments):
    decoder = ChunkedDecoder(**arguments)
    payload = b""
    bounds = [0, *sorted(min(split, len(body)) for split in splits), len(body)]
    for start, end in pairwise(bounds):
        payload += b"".join(decoder.feed(body[start:end]))
    trailers = dict(decoder.finish())
    assert decoder.received == len(payload)
    return payload, trailers


def refusal(body, splits=(), **arguments):
    with pytest.raises(Problem) as caught:
        decode(body, splits, **arguments)
    return caught.value.fault


bodies = st.tuples(
    st.lists(st.integers(MIN_CHUNK, MIN_CHUNK + 99), max_size=3),
    st.integers(0, 99),
    st.booleans(),
    st.sampled_from([None, {}, {TRAILER: "AAAAAA=="}, {TRAILER: "AAAAAA==", "x-amz-checksum-note": ""}]),
)


def build(body):
    sizes, last, signed, trailers = body
    chunks = [bytes([65 + number]) * size for number, size in enumerate([*sizes, last]) if size]
    announced = None if trailers is None else tuple(trailers)
    arguments = {"length": sum(map(len, chunks)), "seed": SEED if signed else None, "announced": announced}
    return chunks, encode(chunks, signed=signed, trailers=trailers), arguments, trailers or {}


@settings(max_examples=100, deadline=None)
@given(bodies, st.lists(st.integers(0, 40_000), max_size=12))
def test_any_split_gives_the_same_payload(body, splits):
    chunks, encoded, arguments, trailers = build(body)
    assert decode(encoded, splits, **arguments) == (b"".join(chunks), trailers)


@settings(max_examples=60, deadline=None)
@given(bodies, st.data())
def test_a_truncated_body_is_incomplete(body, data):
    _, encoded, arguments, _ = build(body)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    assert refusal(encoded[:cut], **arguments) is errors.BODY_CHUNK_INVALID


@settings(max_examples=100, deadline=None)
@given(bodies, st.data())
def test_no_changed_byte_of_a_signed_body_is_accepted(body, data):
    _, encoded, arguments, _ = build((body[0], body[1], True, body[3]))
    position = data.draw(st.integers(0, len(encoded) - 1))
    changed = bytearray(encoded)
    changed[position] ^= data.draw(st.integers(1, 255))
    with suppress(Problem):
        # The case of a size's digits and of a trailer's name is all that may differ without a trace.
        decode(bytes(changed), **arguments)
        assert bytes(changed).lower() == encoded.lower()


def test_bytewise_input_is_decoded():
    body = encode([b"hello"], signed=True, trailers={TRAILER: "v"})
    assert decode(body, range(len(body)), length=5, seed=SEED, announced=(TRAILER,)) == (b"hello", {TRAILER: "v"})


def test_payload_is_not_copied():
    body = bytearray(b"5\r\nhello\r\n0\r\n\r\n")
    (piece,) = ChunkedDecoder(length=5).feed(body)
    assert piece.obj is body


def test_the_documented_example_is_verified():
    # AWS, "Transferring Payload in Multiple Chunks (Chunked Upload)": 66,560 bytes 'a' in chunks of 65,536 and 1,024.
    key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", date="20130524", region="us-east-1", service="s3")
    seed = ChunkSeed(
        key=key, timestamp="20130524T000000Z", scope="20130524/us-east-1/s3/aws4_request",
        signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    )  # fmt: skip
    body = b"".join([
        b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + b"a" * 65536,
        b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + b"a" * 1024,
        b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
    ])  # fmt: skip
    assert len(body) == 66_824
    assert decode(body, length=66_560, seed=seed)[0] == b"a" * 66_560


def test_the_documented_trailer_example_is_verified():
    # AWS, "… Including Trailing Headers (Chunked Upload)": the same body with a CRC32C and its signature.
    key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", date="20130524", region="us-east-1", service="s3")
    seed = ChunkSeed(
        key=key, timestamp="20130524T000000Z", scope="20130524/us-east-1/s3/aws4_request",
        signature="106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    )  # fmt: skip
    body = b"".join([
        b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" + b"a" * 65536,
        b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + b"a" * 1024,
        b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n",
        b"x-amz-checksum-crc32c:sOO8/Q==\n\r\n",
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    ])  # fmt: skip
    payload, trailers = decode(body, length=66_560, seed=seed, announced=("x-amz-checksum-crc32c",))
    assert (len(payload), trailers) == (66_560, {"x-amz-checksum-crc32c": "sOO8/Q=="})


def test_the_trailer_form_of_minio_go_is_read():
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\n\r\n\r\n"
    assert decode(body, length=5, announced=(TRAILER,)) == (b"hello", {TRAILER: "NhCmhg=="})


@pytest.mark.parametrize("size", [
    b"+5", b"0x5", b"-1", b" 5", b"5 ", b"", b"5" * 17, b"0" * 17, b"5;x=y", b"5;", b"5;chunk-signature=" + b"0" * 64,
    b"g", b"5_0", b"\xd9\xa5", b"5\n", b"5" + b" " * 2000,
])  # fmt: skip
def test_a_bad_chunk_size_is_refused(size):
    assert refusal(size + b"\r\nhello\r\n0\r\n\r\n", length=5) is errors.BODY_CHUNK_INVALID


@pytest.mark.parametrize("body", [
    b"5\r\nhelloo\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\nx", b"5\r\nhello\r\n0\r\n\r\n\r\n", b"a" * 5000, b"\r\n",
])  # fmt: skip
def test_bad_framing_is_refused(body):
    assert refusal(body, length=5) is errors.BODY_CHUNK_INVALID
    assert refusal(body, range(len(body)), length=5) is errors.BODY_CHUNK_INVALID


@pytest.mark.parametrize("length", [4, 6])
def test_a_length_other_than_announced_is_refused(length):
    assert refusal(encode([b"hello"]), length=length) is errors.BODY_INCOMPLETE


def test_an_enormous_chunk_is_refused_at_its_header():
    assert refusal(b"ffffffffffffffff\r\n", length=10) is errors.BODY_INCOMPLETE


def test_only_the_last_chunk_may_be_small():
    def sizes(*counts):
        return {"body": encode([b"x" * count for count in counts]), "length": sum(counts)}

    assert len(decode(**sizes(MIN_CHUNK, MIN_CHUNK + 1, 20))[0]) == 2 * MIN_CHUNK + 21
    assert refusal(**sizes(20, MIN_CHUNK)) is errors.BODY_CHUNK_TOO_SMALL
    assert refusal(**sizes(1, 1, 1)) is errors.BODY_CHUNK_TOO_SMALL


@pytest.mark.parametrize("extension", [b"", b";chunk-signature=", b";chunk-signature=" + b"0" * 63, b";x=" + b"0" * 64,
                                       b";chunk-signature=" + b"g" * 64, b";chunk-signature=" + b"0" * 65])  # fmt: skip
def test_a_chunk_without_a_readable_signature_is_refused(extension):
    assert refusal(b"5" + extension + b"\r\nhello\r\n", length=5, seed=SEED) is errors.BODY_CHUNK_INVALID


def test_a_chunk_with_a_bad_signature_is_refused():
    good = encode([b"hello"], signed=True)
    for bad in (good.replace(b"hello", b"jello"), b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n"):
        assert refusal(bad, length=5, seed=SEED) is errors.BODY_CHUNK_SIGNATURE_MISMATCH
    other = ChunkSeed(key=SEED.key, timestamp=SEED.timestamp, scope=SEED.scope, signature="00" * 32)
    assert refusal(good, length=5, seed=other) is errors.BODY_CHUNK_SIGNATURE_MISMATCH


def test_chunks_in_another_order_are_refused():
    first, second = b"a" * MIN_CHUNK, b"b" * MIN_CHUNK
    body = encode([first, second], signed=True)
    parts = body.split(b"\r\n")
    swapped = b"\r\n".join([*parts[2:4], *parts[:2], *parts[4:]])
    assert refusal(swapped, length=2 * MIN_CHUNK, seed=SEED) is errors.BODY_CHUNK_SIGNATURE_MISMATCH


@pytest.mark.parametrize("trailer", [
    b"", b"x:1\r\n", b":1\r\n", b"nothing\r\n", b"x-amz-checksum-crc32:1\r\nx-amz-checksum-crc32:1\r\n",
    b"x-amz-checksum-crc32:\xff\r\n", b"x-amz-checksum-crc32:\x00\r\n", b"x-amz-checksum-crc32:\r1\r\n", b"\n\r\n",
    b"x-amz-trailer-signature:1\r\n", b"x-amz-checksum-crc32 :1\r\n",
])  # fmt: skip
def test_a_bad_trailer_is_refused(trailer):
    body = b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n"
    assert refusal(body, length=5, announced=(TRAILER,)) is errors.BODY_TRAILER_INVALID


def test_a_trailer_in_a_mode_without_trailers_is_refused():
    assert refusal(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", length=0) is errors.BODY_TRAILER_INVALID


def test_a_flood_of_trailers_is_refused():
    names = tuple(f"x-amz-checksum-{number}" for number in range(chunked.MAX_TRAILERS + 1))
    body = b"0\r\n" + b"".join(name.encode() + b":1\r\n" for name in names) + b"\r\n"
    assert refusal(body, length=0, announced=names) is errors.BODY_TRAILER_INVALID
    long = b"0\r\n" + b"".join(name.encode() + b":" + b"1" * 900 + b"\r\n" for name in names) + b"\r\n"
    assert refusal(long, length=0, announced=names) is errors.BODY_TRAILER_INVALID


def test_the_signature_of_trailers_is_needed_once_and_last():
    arguments = {"length": 0, "seed": SEED, "announced": (TRAILER,)}
    good = encode([], signed=True, trailers={TRAILER: "1"})
    assert decode(good, **arguments)[1] == {TRAILER: "1"}
    assert refusal(good.replace(b"crc32:1", b"crc32:2"), **arguments) is errors.BODY_CHUNK_SIGNATURE_MISMATCH
    size, trailer, signature, _ = good.split(b"\r\n", 3)
    for lines in ([size, trailer], [size, signature, trailer], [size, trailer, signature, signature]):
        assert refusal(b"\r\n".join(lines) + b"\r\n\r\n", **arguments) is errors.BODY_TRAILER_INVALID


def test_a_refused_body_stays_refused():
    decoder = ChunkedDecoder(length=5)
    for _ in range(2):
        with pytest.raises(Problem):
            decoder.feed(b"x\r\n")
    with pytest.raises(Problem):
        decoder.finish()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"5\r\n", b"hello", b"\r\n", b"0\r\n", b"0;chunk-signature=", b"ab" * 32, b"a:b\r\n"]),
        )
    ),
    st.booleans(),
    st.sampled_from([None, (), (TRAILER,)]),
)
def test_arbitrary_bytes_raise_nothing_but_problems(parts, signed, announced):
    with suppress(Problem):
        decode(b"".join(parts), length=20, seed=SEED if signed else None, announced=announced)


def test_the_decoded_length_is_a_plain_number():
    assert decoded_length(PlainHeaders([("x-amz-decoded-content-length", "12")])) == 12
    for values in ([], ["abc"], ["12x"], ["-1"], ["\u0661"], ["1" * 14], [""], ["1", "1"]):
        with pytest.raises(Problem) as caught:
            decoded_length(PlainHeaders([("X-Amz-Decoded-Content-Length", value) for value in values]))
        assert caught.value.fault is errors.BODY_LENGTH_REQUIRED
