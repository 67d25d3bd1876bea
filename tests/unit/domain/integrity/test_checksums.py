"""Checksums of objects."""

import base64
import hashlib

import pytest
from botocore.httpchecksum import (
    CrtCrc32cChecksum,
    CrtCrc32Checksum,
    CrtCrc64NvmeChecksum,
    Sha1Checksum,
    Sha256Checksum,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity import checksums
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, ChecksumType

FOREIGN = {
    ChecksumAlgorithm.CRC32: CrtCrc32Checksum,
    ChecksumAlgorithm.CRC32C: CrtCrc32cChecksum,
    ChecksumAlgorithm.CRC64NVME: CrtCrc64NvmeChecksum,
    ChecksumAlgorithm.SHA1: Sha1Checksum,
    ChecksumAlgorithm.SHA256: Sha256Checksum,
}
CRCS = [ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME]


@pytest.mark.parametrize(("algorithm", "value"), [
    ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
    ("SHA512", hashlib.sha512(b"abc").hexdigest()),
    ("XXHASH64", "44bc2cf5ad770999"),
    ("XXHASH3", "78af5f94892f3950"),
    ("XXHASH128", "06b05ab6733a618578af5f94892f3950"),
])  # fmt: skip
def test_values_are_those_of_the_algorithms_own_test_vectors(algorithm, value):
    running = checksums.start(ChecksumAlgorithm(algorithm))
    running.update(bytearray(b"a"))
    running.update(memoryview(b"bc"))
    assert base64.b64decode(running.digest()).hex() == value
    assert checksums.is_value(ChecksumAlgorithm(algorithm), running.digest())


@settings(max_examples=60)
@given(st.sampled_from(sorted(FOREIGN)), st.lists(st.binary(max_size=99)))
def test_values_are_botocores(algorithm, pieces):
    ours, theirs = checksums.start(algorithm), FOREIGN[algorithm]()
    for piece in pieces:
        ours.update(memoryview(piece))
        theirs.update(piece)
    assert ours.digest() == theirs.b64digest() == checksums.compute(algorithm, b"".join(pieces))
    assert checksums.is_value(algorithm, ours.digest())
    assert algorithm.header == f"x-amz-checksum-{algorithm.lower()}"


@pytest.mark.parametrize(
    "text", ["", "AAAA", "AAAAAA=", "AAAAAA==\n", "AAAAA===", "AAAAAB==", "AAAA*A==", "AAAAAAAA", "é" * 8]
)
def test_other_text_is_no_crc32(text):
    assert not checksums.is_value(ChecksumAlgorithm.CRC32, text)
    assert checksums.is_value(ChecksumAlgorithm.CRC32, "AAAAAA==")


def test_a_wrong_checksum_is_refused():
    checksums.check(ChecksumAlgorithm.CRC32, "AAAAAA==", "AAAAAA==")
    checksums.check(ChecksumAlgorithm.CRC32, "AAAAAA==", "AAAAAA==-2")
    checksums.check(ChecksumAlgorithm.CRC32, "AAAAAA==-2", "AAAAAA==-2")
    for expected, found in (("AAAAAQ==", "AAAAAA=="), ("AAAAAA==-3", "AAAAAA==-2"), ("", "AAAAAA==")):
        with pytest.raises(Problem) as caught:
            checksums.check(ChecksumAlgorithm.CRC32, expected, found)
        assert caught.value.fault is errors.CHECKSUM_MISMATCH


@settings(max_examples=60)
@given(st.sampled_from(CRCS), st.lists(st.binary(max_size=99), min_size=1))
def test_the_full_object_value_needs_no_bytes(algorithm, parts):
    known = [(checksums.compute(algorithm, part), len(part)) for part in parts]
    assert checksums.full_object(algorithm, known) == checksums.compute(algorithm, b"".join(parts))


@given(st.sampled_from(ChecksumAlgorithm), st.lists(st.binary(max_size=20), min_size=1, max_size=9))
def test_the_composite_value_is_of_the_parts_values(algorithm, parts):
    values = [checksums.compute(algorithm, part) for part in parts]
    whole = checksums.compute(algorithm, b"".join(map(base64.b64decode, values)))
    assert checksums.composite(algorithm, values) == f"{whole}-{len(parts)}"


def test_a_damaged_stored_value_is_not_taken():
    with pytest.raises(ValueError, match="no CRC32 value"):
        checksums.composite(ChecksumAlgorithm.CRC32, ["nonsense"])


def test_the_types_of_each_algorithm_are_those_of_s3():
    supported = {
        algorithm: [kind.value for kind in ChecksumType if algorithm.supports(kind)] for algorithm in ChecksumAlgorithm
    }
    assert supported == {
        "CRC32": ["COMPOSITE", "FULL_OBJECT"],
        "CRC32C": ["COMPOSITE", "FULL_OBJECT"],
        "CRC64NVME": ["FULL_OBJECT"],
        "MD5": ["COMPOSITE"],
        "SHA1": ["COMPOSITE"],
        "SHA256": ["COMPOSITE"],
        "SHA512": ["COMPOSITE"],
        "XXHASH128": ["COMPOSITE"],
        "XXHASH3": ["COMPOSITE"],
        "XXHASH64": ["COMPOSITE"],
    }
    assert all(algorithm.supports(algorithm.default_type) for algorithm in ChecksumAlgorithm)


def test_the_etag_of_parts_is_the_md5_of_their_md5s():
    digests = [hashlib.md5(part).digest() for part in (b"a", b"b")]  # noqa: S324 - the API's own
    assert checksums.multipart_etag(digests) == hashlib.md5(b"".join(digests)).hexdigest() + "-2"  # noqa: S324 - same


def test_content_md5_is_sixteen_bytes_of_base64():
    assert checksums.parse_content_md5("1B2M2Y8AsgTpgAmY7PhCfg==") == hashlib.md5(b"").digest()  # noqa: S324 - same
    for text in ("", "1B2M2Y8AsgTpgAmY7PhCfg", "1B2M2Y8AsgTpgAmY7PhCfg=", "d41d8cd98f00b204e9800998ecf8427e", "AAAA"):
        with pytest.raises(Problem) as caught:
            checksums.parse_content_md5(text)
        assert caught.value.fault is errors.DIGEST_MALFORMED


@given(st.sampled_from(ChecksumAlgorithm), st.text(max_size=50))
def test_arbitrary_text_is_a_value_or_not(algorithm, text):
    if checksums.is_value(algorithm, text):
        assert len(base64.b64decode(text)) == algorithm.size
