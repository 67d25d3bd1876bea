"""A real SDK over real sockets, against both addresses of the face."""

import hashlib
import io
import urllib.error
import urllib.request
from email.utils import formatdate

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.faces.gateway import settings_for, start
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role

MIB = 1024 * 1024
KEYS = ["a", "a/b", "a//b", "plus+ per% cent", "naïve/日本語", "..", "semi;colon?#&=", "\x07", "k" * 1024]


@pytest.fixture(scope="module", params=["main", "s3"])
def at(request):
    return request.param


@pytest.fixture(scope="module")
def s3(gateway, at):
    return gateway.client(at=at, region_name="eu-central-1")


@pytest.fixture(scope="module")
def bucket(s3, at):
    name = f"boto-{at}"
    s3.create_bucket(Bucket=name)
    return name


def code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_the_bucket_is_listed_found_and_located(s3, bucket):
    assert bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert code(s3.create_bucket, Bucket=bucket) == "BucketAlreadyOwnedByYou"
    assert code(s3.head_bucket, Bucket="missing-bucket") == "404"


@pytest.mark.parametrize("key", KEYS)
def test_a_key_comes_back_as_it_went_in(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"content", Metadata={"a": "b"}, ContentType="text/x")
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == b"content"
    assert (got["Metadata"], got["ContentType"]) == ({"a": "b"}, "text/x")
    assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"][0]["Key"] == key
    assert s3.list_objects(Bucket=bucket, Prefix=key)["Contents"][0]["Key"] == key
    s3.copy_object(Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copied"}]})
    s3.delete_object(Bucket=bucket, Key=key)
    assert code(s3.get_object, Bucket=bucket, Key=key) == "NoSuchKey"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_every_checksum_is_taken_and_given_back(s3, bucket, algorithm, size):
    content = b"x" * size
    put = s3.put_object(Bucket=bucket, Key="sum", Body=content, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
    assert got["Body"].read() == content
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_ranges_and_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")["Body"].read() == b"234"
    assert code(s3.get_object, Bucket=bucket, Key="k", Range="bytes=20-") == "InvalidRange"
    assert code(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == "304"
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*") == "PreconditionFailed"
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"new", IfMatch=etag)["ETag"] != etag


@pytest.mark.parametrize("size", [10, 100_000])
def test_if_range_holds_for_the_very_object_only(s3, bucket, size):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)["ETag"]
    moment = s3.head_object(Bucket=bucket, Key="k")["LastModified"].timestamp()
    for verb in ("get", "head"):
        link = s3.generate_presigned_url(f"{verb}_object", Params={"Bucket": bucket, "Key": "k"})
        for demand, status, length in [
            (etag, 206, 5),
            (formatdate(moment, usegmt=True), 206, 5),
            (formatdate(moment + 1, usegmt=True), 200, size),
            ('"other"', 200, size),
        ]:
            headers = {"Range": "bytes=2-6", "If-Range": demand}
            request = urllib.request.Request(link, method=verb.upper(), headers=headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert (answer.status, int(answer.headers["Content-Length"])) == (status, length)
                assert len(answer.read()) == (length if verb == "get" else 0)


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "SHA1", "SHA256"])
def test_a_copy_gets_the_checksum_that_is_asked_for(s3, bucket, algorithm):
    content = hashlib.sha256(b"part").digest() * (5 * MIB // 32 + 1)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm="CRC32")["UploadId"]
    target = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    parts = [
        {"PartNumber": number, **s3.upload_part(**target, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")}
        for number, body in enumerate([content, b"end"], 1)
    ]
    chosen = [{name: part[name] for name in ("PartNumber", "ETag", "ChecksumCRC32")} for part in parts]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": chosen})
    whole = s3.put_object(Bucket=bucket, Key="whole", Body=content + b"end", ChecksumAlgorithm=algorithm)
    source = {"Bucket": bucket, "Key": "parts"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm=algorithm)
    copied = s3.get_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert copied[f"Checksum{algorithm}"] == whole[f"Checksum{algorithm}"]
    assert (copied["ChecksumType"], "ChecksumCRC32" in copied) == ("FULL_OBJECT", False)
    assert copied["Body"].read() == content + b"end"


@pytest.mark.parametrize("size", [9 * MIB, 17 * MIB + 1])
def test_a_large_file_goes_up_in_parts_and_comes_down(s3, bucket, size):
    content = hashlib.sha256(b"seed").digest() * (size // 32 + 1)
    content = content[:size]
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=2)
    s3.upload_fileobj(io.BytesIO(content), bucket, "large", Config=config)
    back = io.BytesIO()
    s3.download_fileobj(bucket, "large", back, Config=config)
    assert hashlib.sha256(back.getvalue()).digest() == hashlib.sha256(content).digest()
    copy = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=1)
    s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "large-copy", Config=copy)
    assert s3.head_object(Bucket=bucket, Key="large-copy")["ContentLength"] == size


def test_an_upload_is_listed_and_aborted(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x" * 100)
    assert [found["UploadId"] for found in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert s3.list_parts(Bucket=bucket, Key="parts", UploadId=upload)["Parts"][0]["Size"] == 100
    s3.abort_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload)
    assert code(s3.list_parts, Bucket=bucket, Key="parts", UploadId=upload) == "NoSuchUpload"


def test_a_list_is_paged_by_the_sdk(s3, bucket):
    names = [f"page/{n:03}" for n in range(25)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    for operation in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(operation).paginate(Bucket=bucket, Prefix="page/", PaginationConfig={"PageSize": 10})
        assert [found["Key"] for page in pages for found in page["Contents"]] == names
    found = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="pa")
    assert [prefix["Prefix"] for prefix in found["CommonPrefixes"]] == ["page/"]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names]})
    assert len(deleted["Deleted"]) == 25


def fetch(url, method="GET", data=None, **headers):
    request = urllib.request.Request(url, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def test_presigned_links_read_and_write(s3, bucket):
    target = {"Bucket": bucket, "Key": "ünï/a+b c"}
    link = s3.generate_presigned_url("put_object", Params=target)
    assert fetch(link, "PUT", b"by link")[0] == 200
    link = s3.generate_presigned_url("get_object", Params={**target, "ResponseContentType": "text/x"})
    assert fetch(link) == (200, b"by link")
    assert fetch(link.replace("text%2Fx", "text%2Fy"))[0] == 403
    assert fetch(link, "DELETE")[0] == 403


def test_a_version_2_link_is_refused_with_the_reason(gateway, at, bucket):
    s3 = gateway.client(at=at, signature_version="s3")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "x"})
    assert "AWSAccessKeyId" in link
    status, body = fetch(link)
    assert status == 400
    assert b"InvalidRequest" in body


def test_version_2_links_work_when_they_are_switched_on(tmp_path):
    settings = settings_for(tmp_path)
    import msgspec  # noqa: PLC0415 - only here

    allowed = msgspec.structs.replace(settings, s3=msgspec.structs.replace(settings.s3, allow_signature_v2=True))
    other = start(tmp_path, settings=allowed)
    try:
        for at in ("main", "s3"):
            s3 = other.client(at=at, signature_version="s3")
            if at == "main":
                s3.create_bucket(Bucket="links")
            s3.put_object(Bucket="links", Key="a b+c/ü", Body=b"content")
            link = s3.generate_presigned_url("get_object", Params={"Bucket": "links", "Key": "a b+c/ü"})
            assert fetch(link) == (200, b"content")
            assert fetch(link.replace("a%20b", "a%20x"))[0] == 403
            assert [found["Key"] for found in s3.list_objects_v2(Bucket="links")["Contents"]] == ["a b+c/ü"]
            assert s3.list_buckets()["Buckets"][0]["Name"] == "links"
    finally:
        other.stop()


def test_wrong_credentials_get_the_codes_that_sdks_know(gateway, at, bucket):
    for access_key, secret, expected in (
        (gateway.access_key, "wrong", "SignatureDoesNotMatch"),
        ("UNKNOWN", "wrong", "InvalidAccessKeyId"),
    ):
        s3 = gateway.client(at=at, key=(access_key, secret))
        assert code(s3.list_objects_v2, Bucket=bucket) == expected


def test_rights_hold_for_keys_and_for_the_public(gateway, at, s3, bucket):
    s3.put_object(Bucket=bucket, Key="public/a", Body=b"open")
    s3.put_object(Bucket=bucket, Key="private/a", Body=b"closed")
    gateway.run(gateway.services.grants.give(PUBLIC, Role.READER, f"s3:{bucket}/public/*"))
    nobody = gateway.client(at=at, key=None)
    assert nobody.get_object(Bucket=bucket, Key="public/a")["Body"].read() == b"open"
    assert code(nobody.get_object, Bucket=bucket, Key="private/a") == "AccessDenied"
    assert code(nobody.put_object, Bucket=bucket, Key="public/b", Body=b"x") == "AccessDenied"
    assert code(nobody.delete_object, Bucket=bucket, Key="public/a") == "AccessDenied"
    access_key, secret = gateway.key((Role.READER, f"s3:{bucket}/private/*"), name="reader")
    reader = gateway.client(at=at, key=(access_key, secret))
    assert reader.get_object(Bucket=bucket, Key="private/a")["Body"].read() == b"closed"
    source = {"Bucket": bucket, "Key": "private/a"}
    assert code(reader.copy_object, Bucket=bucket, Key="public/c", CopySource=source) == "AccessDenied"


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_policy_status", "NoSuchBucketPolicy"),
        ("get_public_access_block", "NoSuchPublicAccessBlockConfiguration"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
    ],
)
def test_what_is_not_there_says_so(s3, bucket, call, missing):
    assert code(getattr(s3, call), Bucket=bucket) == missing


def test_put_acl_does_not_overwrite_the_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="acl", Body=b"kept")
    s3.put_object_acl(Bucket=bucket, Key="acl", ACL="private")
    assert code(s3.put_object_acl, Bucket=bucket, Key="acl", ACL="public-read") == "AccessControlListNotSupported"
    assert s3.get_object(Bucket=bucket, Key="acl")["Body"].read() == b"kept"


def test_the_request_id_is_in_every_answer(s3, bucket):
    told = s3.list_objects_v2(Bucket=bucket)["ResponseMetadata"]
    assert len(told["RequestId"]) == 16
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="missing")
    assert len(caught.value.response["ResponseMetadata"]["RequestId"]) == 16
