"""What requests say about checksums."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.integrity import checksum_headers
from zotplus.domain.integrity.checksum_headers import ChecksumClaim, MultipartChecksum
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, ChecksumType

CRC32 = ("x-amz-checksum-crc32", "AAAAAA==")
SHA1 = ("X-Amz-Checksum-SHA1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")


def refused(parse, *pairs):
    with pytest.raises(Problem) as caught:
        parse(PlainHeaders(pairs))
    assert caught.value.fault is errors.REQUEST_INVALID
    return caught.value.detail


@pytest.mark.parametrize(("pairs", "claim"), [
    ([], None),
    ([("x-amz-checksum-mode", "ENABLED"), ("x-amz-checksum-algorithm", "SHA1"), ("x-amz-checksum-type", "X")], None),
    ([CRC32], ("CRC32", "AAAAAA==")),
    ([SHA1], ("SHA1", SHA1[1])),
    ([CRC32, ("x-amz-sdk-checksum-algorithm", "crc32")], ("CRC32", "AAAAAA==")),
    ([("x-amz-trailer", "x-amz-checksum-crc64nvme")], ("CRC64NVME", None)),
    ([("x-amz-trailer", " X-Amz-Checksum-SHA256 "), ("x-amz-sdk-checksum-algorithm", "SHA256")], ("SHA256", None)),
    ([("x-amz-trailer", "")], None),
])  # fmt: skip
def test_an_upload_has_one_checksum_or_none(pairs, claim):
    expected = claim and ChecksumClaim(algorithm=ChecksumAlgorithm(claim[0]), value=claim[1])
    assert checksum_headers.parse_checksum(PlainHeaders(pairs)) == expected


@pytest.mark.parametrize(("pairs", "detail"), [
    ([CRC32, SHA1], "Expecting a single"),
    ([CRC32, ("x-amz-trailer", "x-amz-checksum-crc32")], "Expecting a single"),
    ([("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1")], "Expecting a single"),
    ([("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-trailer", "x-amz-checksum-sha1")], "Expecting a single"),
    ([CRC32, CRC32], "Value for x-amz-checksum-crc32 header is invalid."),
    ([("x-amz-checksum-crc32", "nonsense")], "Value for x-amz-checksum-crc32 header is invalid."),
    ([("x-amz-checksum-crc32", "AAAAAA==-2")], "Value for x-amz-checksum-crc32 header is invalid."),
    ([("x-amz-checksum-crc16", "AAA=")], "The algorithm type you specified"),
    ([("x-amz-trailer", "x-evil")], "The value specified in the x-amz-trailer header is not supported"),
    ([CRC32, ("x-amz-sdk-checksum-algorithm", "SHA1")], "Value for x-amz-sdk-checksum-algorithm header is invalid."),
    ([CRC32, ("x-amz-sdk-checksum-algorithm", "X")], "Value for x-amz-sdk-checksum-algorithm header is invalid."),
    ([("x-amz-sdk-checksum-algorithm", "SHA1")], "x-amz-sdk-checksum-algorithm specified, but no corresponding"),
])  # fmt: skip
def test_contradicting_checksums_are_refused(pairs, detail):
    assert refused(checksum_headers.parse_checksum, *pairs).startswith(detail)


def test_a_completed_upload_may_name_its_number_of_parts():
    headers = PlainHeaders([("x-amz-checksum-crc32", "AAAAAA==-2")])
    assert checksum_headers.parse_checksum(headers, composite=True).value == "AAAAAA==-2"
    plain = PlainHeaders([CRC32])
    assert checksum_headers.parse_checksum(plain, composite=True).value == "AAAAAA=="
    for value in ("AAAAAA==-", "AAAAAA==-x", "AAAAAA==-\u0661", "-2"):
        with pytest.raises(Problem):
            checksum_headers.parse_checksum(PlainHeaders([("x-amz-checksum-crc32", value)]), composite=True)


def test_the_value_of_a_trailer_is_checked():
    checksum_headers.check_trailer_value(ChecksumAlgorithm.CRC32, "AAAAAA==")
    with pytest.raises(Problem, match="Value for x-amz-checksum-crc32 trailing header is invalid"):
        checksum_headers.check_trailer_value(ChecksumAlgorithm.CRC32, "x")


@pytest.mark.parametrize(("pairs", "found"), [
    ([], None),
    ([("x-amz-checksum-algorithm", "CRC32")], ("CRC32", "COMPOSITE")),
    ([("x-amz-checksum-algorithm", "crc64nvme")], ("CRC64NVME", "FULL_OBJECT")),
    ([("x-amz-checksum-algorithm", "CRC32C"), ("x-amz-checksum-type", "full_object")], ("CRC32C", "FULL_OBJECT")),
])  # fmt: skip
def test_a_multipart_upload_chooses_its_checksum(pairs, found):
    expected = found and MultipartChecksum(algorithm=ChecksumAlgorithm(found[0]), type=ChecksumType(found[1]))
    assert checksum_headers.parse_multipart_checksum(PlainHeaders(pairs)) == expected


@pytest.mark.parametrize(("pairs", "detail"), [
    ([("x-amz-checksum-algorithm", "MD4")], "Checksum algorithm provided is unsupported."),
    ([("x-amz-checksum-type", "COMPOSITE")], "The x-amz-checksum-type header can only be used"),
    ([("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "X")], "Value for x-amz-checksum-type header"),
    ([("x-amz-checksum-algorithm", "SHA1"), ("x-amz-checksum-type", "FULL_OBJECT")], "The FULL_OBJECT checksum type"),
    ([("x-amz-checksum-algorithm", "CRC64NVME"), ("x-amz-checksum-type", "COMPOSITE")], "The COMPOSITE checksum type"),
])  # fmt: skip
def test_pairs_that_s3_does_not_have_are_refused(pairs, detail):
    assert refused(checksum_headers.parse_multipart_checksum, *pairs).startswith(detail)
