"""boto3 at both addresses: everyday work, large files, conditions, checksums, links, and what is refused."""

import hashlib
import os
import uuid

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, call
from tests.peers.s3.conftest import client

KEYS = [
    "a",
    "a/b",
    "a//b",
    "a/../b",
    "ü/ö 1+2%3",
    "%2F",
    "x" * 1024,
    "quote\"'&<>",
    "日本/語",
    "trailing/",
    "./dot",
    "a?b#c",
]


@pytest.fixture
def bucket(s3):
    name = f"boto3-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def code_of(raised):
    return raised.value.response["Error"]["Code"]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:12])
def test_a_key_is_a_name_and_never_a_path(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(key.encode())
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key[:5])["Contents"]
    assert key in [entry["Key"] for entry in listed]
    s3.copy_object(Bucket=bucket, Key="copy of it", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy of it")["Body"].read() == key.encode()
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": "copy of it"}]})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_large_file_goes_up_and_down_in_parts(s3, bucket, tmp_path):
    content = os.urandom(1 << 20) * 40
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    parts = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
    s3.upload_file(str(source), bucket, "large", Config=parts, ExtraArgs={"Metadata": {"colour": "blue"}})
    s3.download_file(bucket, "large", str(target), Config=parts)
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(content).digest()
    head = s3.head_object(Bucket=bucket, Key="large")
    assert head["ETag"].endswith('-5"')
    assert head["Metadata"] == {"colour": "blue"}
    piece = s3.get_object(Bucket=bucket, Key="large", Range="bytes=8388600-8388620")
    assert piece["Body"].read() == content[8388600:8388621]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_kept_and_wrong_ones_refused(s3, bucket, algorithm):
    s3.put_object(Bucket=bucket, Key="sum", Body=b"content", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"]
    wrong = {f"Checksum{algorithm}": head[f"Checksum{algorithm}"]}
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="sum", Body=b"other content", **wrong)
    assert code_of(raised) == "BadDigest"
    assert s3.get_object(Bucket=bucket, Key="sum")["Body"].read() == b"content"


def test_conditions_guard_reads_and_writes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="guarded", Body=b"1", IfNoneMatch="*")["ETag"]
    for refused in ({"IfNoneMatch": "*"}, {"IfMatch": '"0123"'}):
        with pytest.raises(ClientError) as raised:
            s3.put_object(Bucket=bucket, Key="guarded", Body=b"2", **refused)
        assert code_of(raised) == "PreconditionFailed"
    s3.put_object(Bucket=bucket, Key="guarded", Body=b"3", IfMatch=etag)
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=bucket, Key="guarded", IfMatch=etag)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_pages_of_a_listing_join_without_gap(s3, bucket):
    keys = sorted(f"dir{number % 7}/key{number:03}" for number in range(120))
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    for operation in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 11})
        assert [entry["Key"] for page in pages for entry in page.get("Contents", [])] == keys
        pages = s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 3})
        found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        assert found == [f"dir{number}/" for number in range(7)]


def test_a_presigned_link_works_and_a_changed_one_does_not(endpoint, s3, bucket):
    s3.put_object(Bucket=bucket, Key="linked", Body=b"for you")
    signer = client(endpoint, signature_version="s3v4")
    link = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "linked"}, ExpiresIn=60)
    status, _, body = call("GET", link)
    assert (status, body) == (200, b"for you")
    assert call("GET", link.replace("linked", "other"))[0] == 403


def test_signature_version_2_is_refused_with_the_reason(endpoint, bucket):
    old = client(endpoint, signature_version="s3")
    link = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "linked"})
    status, _, body = call("GET", link)
    assert status == 400
    assert b"Please use AWS4-HMAC-SHA256" in body


@pytest.mark.parametrize(
    ("key", "secret", "expected"),
    [(ADMIN_KEY, "wrong", "SignatureDoesNotMatch"), ("NOBODY", ADMIN_SECRET, "InvalidAccessKeyId")],
)
def test_wrong_credentials_are_told_apart(endpoint, bucket, key, secret, expected):
    with pytest.raises(ClientError) as raised:
        client(endpoint, key, secret).list_objects_v2(Bucket=bucket)
    assert code_of(raised) == expected


def test_a_key_without_grants_may_nothing(endpoint, bucket, bare_gateway):
    stranger = client(endpoint, *bare_gateway.add_user(f"stranger-{uuid.uuid4().hex}"))
    for attempt in (
        lambda: stranger.list_objects_v2(Bucket=bucket),
        lambda: stranger.put_object(Bucket=bucket, Key="k", Body=b""),
        lambda: stranger.get_object(Bucket=bucket, Key="k"),
        lambda: stranger.delete_bucket(Bucket=bucket),
    ):
        with pytest.raises(ClientError) as raised:
            attempt()
        assert code_of(raised) == "AccessDenied"
    assert bucket not in [entry["Name"] for entry in stranger.list_buckets()["Buckets"]]


def test_a_typo_in_the_bucket_says_so(s3):
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket="no-such-bucket-here", Key="k")
    assert code_of(raised) == "NoSuchBucket"


def test_parts_can_be_copied_listed_and_aborted(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"s" * (6 << 20))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="joined")["UploadId"]
    source = {"Bucket": bucket, "Key": "source"}
    first = s3.upload_part_copy(Bucket=bucket, Key="joined", PartNumber=1, UploadId=upload, CopySource=source)
    second = s3.upload_part(Bucket=bucket, Key="joined", PartNumber=2, UploadId=upload, Body=b"end")
    assert [part["Size"] for part in s3.list_parts(Bucket=bucket, Key="joined", UploadId=upload)["Parts"]] == [
        6 << 20,
        3,
    ]
    assert [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["joined"]
    parts = [
        {"PartNumber": 1, "ETag": first["CopyPartResult"]["ETag"]},
        {"PartNumber": 2, "ETag": second["ETag"]},
    ]
    s3.complete_multipart_upload(Bucket=bucket, Key="joined", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="joined")["Body"].read() == b"s" * (6 << 20) + b"end"
    other = s3.create_multipart_upload(Bucket=bucket, Key="given up")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="given up", UploadId=other)
    with pytest.raises(ClientError) as raised:
        s3.list_parts(Bucket=bucket, Key="given up", UploadId=other)
    assert code_of(raised) == "NoSuchUpload"
