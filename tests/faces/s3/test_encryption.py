"""Encryption as a real SDK uses it, over real sockets and real files: what comes back, and what is on the disk."""

import asyncio
import base64
import hashlib
import json
import logging
import os
import urllib.error
import urllib.request

import msgspec
import pytest
from botocore.exceptions import ClientError

from tests.faces.gateway import settings_for, start
from zotplus.adapters.keyring_vault.settings import VaultSettings
from zotplus.adapters.keyring_vault.transit import VaultKeyRing
from zotplus.app.composition import local_blobs, local_store
from zotplus.services.identity.roles import Role
from zotplus.services.policies.values import NewVersion

MIB = 1024 * 1024
CUSTOMER, OTHER = b"C" * 32, b"D" * 32
SMALL = b"the quick brown fox jumps over the lazy dog"
LARGE = b"".join(hashlib.sha256(bytes([i % 251, i // 251])).digest() for i in range(9000)) + b"end"
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CUSTOMER}
SENT = {**SSE_C, "SSECustomerKey": base64.b64encode(CUSTOMER).decode()}
SCHEMES = {
    "SSE-S3": {"ServerSideEncryption": "AES256"},
    "SSE-KMS": {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSEncryptionContext": base64.b64encode(b'{"team":"one"}').decode(),
        "BucketKeyEnabled": True,
    },
    "SSE-C": SSE_C,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("encrypted")


@pytest.fixture(scope="module")
def gateway(folder):
    settings = settings_for(folder)
    settings = msgspec.structs.replace(settings, s3=msgspec.structs.replace(settings.s3, allow_sse_c_over_http=True))
    running = start(folder, settings=settings, store=local_store(settings), blobs=local_blobs(settings))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3(gateway):
    return gateway.client()


@pytest.fixture
def bucket(s3, request):
    name = "b-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:16]
    s3.create_bucket(Bucket=name)
    return name


def read_keys(scheme):
    return SSE_C if scheme is SSE_C else {}


def code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def on_disk(folder):
    """Every byte of every file below the data folder: the blobs and the map of the metadata."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def told(answer):
    return {
        name: answer.get(name)
        for name in ("ServerSideEncryption", "SSEKMSKeyId", "SSECustomerAlgorithm", "SSECustomerKeyMD5")
    }


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=len)
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_content_comes_back_and_the_answers_say_how_it_is_kept(s3, bucket, scheme, data):
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, Metadata={"a": "b"}, **scheme)
    got = s3.get_object(Bucket=bucket, Key="k", **read_keys(scheme))
    head = s3.head_object(Bucket=bucket, Key="k", **read_keys(scheme))
    assert got["Body"].read() == data
    assert got["ContentLength"] == head["ContentLength"] == len(data)
    assert got["Metadata"] == {"a": "b"}
    assert told(put) == told(got) == told(head)
    if scheme is SSE_C:
        assert (
            put["SSECustomerKeyMD5"] == base64.b64encode(hashlib.md5(CUSTOMER, usedforsecurity=False).digest()).decode()
        )
        assert put["SSECustomerAlgorithm"] == "AES256"
    else:
        assert put["ServerSideEncryption"] == scheme["ServerSideEncryption"]
    if "BucketKeyEnabled" in scheme:
        assert (put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("s3-default", True)
        assert json.loads(base64.b64decode(put["SSEKMSEncryptionContext"])) == {"team": "one"}
        assert "SSEKMSEncryptionContext" not in got
    is_md5 = put["ETag"].strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert is_md5 is (scheme is SCHEMES["SSE-S3"])


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=len)
def test_ranges_are_those_of_the_plaintext(s3, bucket, scheme, data):
    s3.put_object(Bucket=bucket, Key="k", Body=data, **scheme)
    for first, last in ((0, 0), (3, 9), (len(data) // 2, len(data) - 1), (0, len(data) - 1)):
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}", **read_keys(scheme))
        assert got["Body"].read() == data[first : last + 1]
        assert got["ContentRange"] == f"bytes {first}-{last}/{len(data)}"


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_uploads_in_parts(s3, bucket, scheme, folder):
    parts = [os.urandom(5 * MIB), LARGE]
    keys = read_keys(scheme)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **scheme)
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    chosen = []
    for number, data in enumerate(parts, 1):
        part = s3.upload_part(**where, PartNumber=number, Body=data, **keys)
        assert told(part) == told(upload)
        chosen.append({"PartNumber": number, "ETag": part["ETag"]})
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": chosen})
    assert done.get("ServerSideEncryption") == scheme.get("ServerSideEncryption")
    assert s3.get_object(Bucket=bucket, Key="k", **keys)["Body"].read() == b"".join(parts)
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, **keys)
    assert (second["Body"].read(), second["PartsCount"]) == (LARGE, 2)
    stored = on_disk(folder)
    assert parts[0][:64] not in stored
    assert parts[0][3 * MIB : 3 * MIB + 64] not in stored


def test_nothing_plain_reaches_the_disk(s3, bucket, folder):
    """RustFS GHSA-xrrf, MinIO CVE-2026-34204: what is said to be encrypted is, in blobs, in the map and in copies."""
    secrets = [os.urandom(64) * 3 for _ in range(5)]
    for number, scheme in enumerate(SCHEMES.values()):
        s3.put_object(Bucket=bucket, Key=f"small{number}", Body=secrets[number], **scheme)
        s3.put_object(Bucket=bucket, Key=f"large{number}", Body=secrets[number] * 500, **scheme)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/large0")
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_object(Bucket=bucket, Key="default", Body=secrets[3] * 500)
    stored = on_disk(folder)
    for secret in secrets[:4]:
        assert secret[:64] not in stored
    assert CUSTOMER not in stored
    s3.delete_bucket_encryption(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="plain", Body=secrets[4])
    assert secrets[4][:64] in on_disk(folder), "the search would not have found anything"


def test_the_key_of_a_customer_is_asked_for_and_proven(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=SMALL, **SSE_C)
    s3.put_object(Bucket=bucket, Key="plain", Body=SMALL)
    where = {"Bucket": bucket, "Key": "k"}
    wrong = {**SSE_C, "SSECustomerKey": OTHER}
    assert code(s3.get_object, **where) == ("InvalidRequest", 400)
    assert code(s3.get_object, **where, **wrong) == ("AccessDenied", 403)
    assert code(s3.head_object, **where)[1] == 400
    assert code(s3.head_object, **where, **wrong)[1] == 403
    assert code(s3.get_object, Bucket=bucket, Key="plain", **SSE_C) == ("InvalidRequest", 400)
    bad_md5 = {**SENT, "SSECustomerKeyMD5": base64.b64encode(b"0" * 16).decode()}
    assert code(s3.put_object, **where, Body=b"", **bad_md5) == ("InvalidArgument", 400)
    short = {**SSE_C, "SSECustomerKey": b"short"}
    assert code(s3.put_object, **where, Body=b"", **short) == ("InvalidArgument", 400)
    other = {**SSE_C, "SSECustomerAlgorithm": "AES128"}
    assert code(s3.put_object, **where, Body=b"", **other) == ("InvalidEncryptionAlgorithmError", 400)
    both = {**SSE_C, "ServerSideEncryption": "AES256"}
    assert code(s3.put_object, **where, Body=b"", **both) == ("InvalidArgument", 400)


def test_copies_between_schemes(s3, bucket):
    for given in (None, *SCHEMES.values()):
        for wanted in (None, *SCHEMES.values()):
            s3.put_object(Bucket=bucket, Key="a", Body=LARGE, **(given or {}))
            source = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": CUSTOMER}
            copied = s3.copy_object(
                Bucket=bucket,
                Key="b",
                CopySource=f"{bucket}/a",
                **(wanted or {}),
                **(source if given is SSE_C else {}),
            )
            keys = read_keys(wanted)
            got = s3.get_object(Bucket=bucket, Key="b", **keys)
            assert got["Body"].read() == LARGE
            assert told(got) == told(copied)
            if wanted is None and given is not None:
                assert got["ServerSideEncryption"] == "AES256"


def test_a_part_is_copied_from_an_encrypted_source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=LARGE, **SSE_C)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="b", ServerSideEncryption="AES256")
    where = {"Bucket": bucket, "Key": "b", "UploadId": upload["UploadId"], "PartNumber": 1}
    asked = {"CopySource": f"{bucket}/a", "CopySourceRange": "bytes=5-100000"}
    assert code(s3.upload_part_copy, **where, **asked) == ("InvalidRequest", 400)
    part = s3.upload_part_copy(
        **where, **asked, CopySourceSSECustomerAlgorithm="AES256", CopySourceSSECustomerKey=CUSTOMER
    )
    chosen = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    del where["PartNumber"]
    s3.complete_multipart_upload(**where, MultipartUpload=chosen)
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == LARGE[5:100_001]


def test_the_default_of_a_bucket(s3, bucket):
    assert code(s3.get_bucket_encryption, Bucket=bucket) == ("ServerSideEncryptionConfigurationNotFoundError", 404)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    (found,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert found["BucketKeyEnabled"]
    assert found["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert s3.put_object(Bucket=bucket, Key="k", Body=SMALL)["ServerSideEncryption"] == "aws:kms"
    assert s3.put_object(Bucket=bucket, Key="k", Body=SMALL, ServerSideEncryption="AES256")["ServerSideEncryption"] == (
        "AES256"
    )
    s3.delete_bucket_encryption(Bucket=bucket)
    s3.delete_bucket_encryption(Bucket=bucket)
    assert "ServerSideEncryption" not in s3.put_object(Bucket=bucket, Key="k", Body=SMALL)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse"}}], "NotImplemented"),
        ([{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES128"}}], "MalformedXML"),
        (
            [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "k"}}],
            "InvalidArgument",
        ),
        (
            [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "nothing"}}],
            "KMS.NotFoundException",
        ),
        (
            [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/x"}}],
            "InvalidArgument",
        ),
        ([{"BucketKeyEnabled": True}], "MalformedXML"),
        ([], "MalformedXML"),
        ([{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}] * 2, "MalformedXML"),
    ],
)
def test_a_default_that_cannot_be_is_refused(s3, bucket, rules, expected):
    assert code(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})[0] == (
        expected
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "nothing"}, "KMS.NotFoundException"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/x"}, "InvalidArgument"),
        ({"ServerSideEncryption": "AES256", "SSEKMSKeyId": "k"}, "InvalidArgument"),
        ({"SSEKMSKeyId": "k"}, "InvalidArgument"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "?"}, "InvalidArgument"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "WzFd"}, "InvalidArgument"),
    ],
)
def test_what_contradicts_itself_is_refused(s3, bucket, arguments, expected):
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=SMALL, **arguments)[0] == expected
    assert code(s3.create_multipart_upload, Bucket=bucket, Key="k", **arguments)[0] == expected
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_read_with_encryption_headers_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=SMALL)
    s3.meta.events.register("before-sign.s3.HeadObject", add_header)
    try:
        assert code(s3.head_object, Bucket=bucket, Key="k")[1] == 400
    finally:
        s3.meta.events.unregister("before-sign.s3.HeadObject", add_header)


def add_header(request, **_):
    request.headers["x-amz-server-side-encryption"] = "AES256"


def test_a_customers_key_is_never_logged(s3, bucket, gateway, caplog, capsys):
    caplog.set_level(logging.DEBUG, logger="zotplus")
    s3.put_object(Bucket=bucket, Key="k", Body=SMALL, **SSE_C)
    s3.get_object(Bucket=bucket, Key="k", **SSE_C)["Body"].read()
    code(s3.get_object, Bucket=bucket, Key="k", **{**SSE_C, "SSECustomerKey": OTHER})
    code(s3.put_object, Bucket=bucket, Key="k", Body=SMALL, **{**SENT, "SSECustomerKeyMD5": "x"})
    seen = caplog.text + "".join(capsys.readouterr()) + repr(gateway.parts.telemetry.finished)
    for secret in (CUSTOMER, OTHER):
        assert base64.b64encode(secret).decode() not in seen
        assert secret.decode() not in seen


def test_a_customers_key_over_plain_http_is_refused_by_default(tmp_path):
    running = start(tmp_path)
    try:
        plain = running.client()
        plain.create_bucket(Bucket="bucket")
        assert code(plain.put_object, Bucket="bucket", Key="k", Body=SMALL, **SSE_C) == ("InvalidRequest", 400)
        assert code(plain.get_object, Bucket="bucket", Key="k", **SSE_C) == ("InvalidRequest", 400)
        plain.close()
    finally:
        running.stop()


def test_damaged_ciphertext_is_never_sent(s3, bucket, folder):
    before = {path for path in folder.rglob("*") if path.is_file()}
    s3.put_object(Bucket=bucket, Key="k", Body=os.urandom(300_000), ServerSideEncryption="AES256")
    (blob,) = [path for path in folder.rglob("*") if path.is_file() and path not in before and "blobs" in path.parts]
    content = bytearray(blob.read_bytes())
    content[70_000] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(bytes(content))
    assert code(s3.get_object, Bucket=bucket, Key="k") == ("InternalError", 500)
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-60000")["ContentLength"] == 60_001


def test_a_named_key_needs_its_own_right(s3, bucket, gateway):
    key, secret = gateway.key((Role.PUBLISHER, f"s3:{bucket}"), name="writer")
    somebody = gateway.client(key=(key, secret))
    named = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "s3-default"}
    somebody.put_object(Bucket=bucket, Key="k", Body=SMALL, **named)  # the default key is everybody's
    named["SSEKMSKeyId"] = "payroll"
    assert code(somebody.put_object, Bucket=bucket, Key="k", Body=SMALL, **named) == ("AccessDenied", 403)
    assert code(somebody.create_multipart_upload, Bucket=bucket, Key="k", **named) == ("AccessDenied", 403)
    assert code(somebody.copy_object, Bucket=bucket, Key="b", CopySource=f"{bucket}/k", **named) == (
        "AccessDenied",
        403,
    )
    somebody.close()


def test_what_is_not_about_content_needs_no_customers_key(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=SMALL, Tagging="a=b", **SSE_C)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert code(s3.get_object_attributes, Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"]) == (
        "InvalidRequest",
        400,
    )
    md5 = base64.b64encode(hashlib.md5(CUSTOMER, usedforsecurity=False).digest()).decode()
    keys = {**SENT, "SSECustomerKeyMD5": md5}
    found = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"], **keys)
    assert found["ObjectSize"] == len(SMALL)


def allowed(gateway, name, document):
    """A client for a new key that has that policy."""
    policy = NewVersion(text=json.dumps(document).encode(), author="tests")
    gateway.run(gateway.services.policies.put(name, policy))
    key, secret = gateway.key(name=name)
    gateway.run(gateway.services.policies.attach(name, key, "tests"))
    return gateway.client(key=(key, secret))


def test_tags_of_a_source_need_their_right_whatever_its_key(s3, bucket, gateway):
    """Also GHSA-mx42: a copy takes nothing along that its maker may not read."""
    s3.put_object(Bucket=bucket, Key="k", Body=SMALL, Tagging="a=b", **SSE_C)
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"s3:{bucket}/*"},
        ],
    }
    somebody = allowed(gateway, "copier", document)
    source = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": CUSTOMER}
    assert code(somebody.copy_object, Bucket=bucket, Key="b", CopySource=f"{bucket}/k", **source) == (
        "AccessDenied",
        403,
    )
    somebody.close()


def test_rights_on_a_key_are_those_to_write_and_to_read(s3, bucket, gateway):
    gateway.run(gateway.services.kms_keys.create("payroll"))
    on_objects = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"s3:{bucket}/*"}
    may_write = {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "kms:payroll"}
    may_read = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "kms:payroll"}
    version = {"Version": "2012-10-17"}
    writer = allowed(gateway, "key-writer", {**version, "Statement": [on_objects, may_write]})
    reader = allowed(gateway, "key-reader", {**version, "Statement": [on_objects, may_read]})
    named = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:000000000000:key/payroll"}
    assert writer.put_object(Bucket=bucket, Key="k", Body=SMALL, **named)["SSEKMSKeyId"] == "payroll"
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == SMALL
    assert code(writer.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert code(reader.put_object, Bucket=bucket, Key="k", Body=SMALL, **named) == ("AccessDenied", 403)
    # a copy would be another way to read
    assert code(writer.copy_object, Bucket=bucket, Key="b", CopySource=f"{bucket}/k") == ("AccessDenied", 403)
    upload = writer.create_multipart_upload(Bucket=bucket, Key="b")["UploadId"]
    where = {"Bucket": bucket, "Key": "b", "UploadId": upload, "PartNumber": 1}
    assert code(writer.upload_part_copy, **where, CopySource=f"{bucket}/k") == ("AccessDenied", 403)
    assert reader.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/k")["ServerSideEncryption"] == "AES256"
    # and so would be a default that names the key
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "payroll"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert code(reader.put_object, Bucket=bucket, Key="c", Body=SMALL) == ("AccessDenied", 403)
    assert writer.put_object(Bucket=bucket, Key="c", Body=SMALL)["SSEKMSKeyId"] == "payroll"
    gateway.run(gateway.services.kms_keys.enable("payroll", enabled=False))
    assert code(s3.get_object, Bucket=bucket, Key="k") == ("KMS.DisabledException", 400)
    writer.close()
    reader.close()


def test_a_customers_key_is_no_part_of_a_link(s3, bucket):
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    link = f"{url}&x-amz-server-side-encryption-customer-key={SENT['SSECustomerKey']}"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(link, timeout=20)
    with raised.value as answer:
        assert (answer.code, b"InvalidArgument" in answer.read()) == (400, True)


async def test_what_is_small_is_read_from_a_key_service_too(tmp_path, transit):
    """Small objects are answered without a task of their own, in which no question to a key service could wait."""
    vault = VaultSettings(url=transit.url, token="good")
    settings = settings_for(tmp_path)
    kms = msgspec.structs.replace(settings.kms, vault=vault, default_key="backups")
    running = start(tmp_path, settings=msgspec.structs.replace(settings, kms=kms), keyring=VaultKeyRing(vault))
    try:
        await asyncio.to_thread(_use_key_service, running, transit)
    finally:
        await asyncio.to_thread(running.stop)


def _use_key_service(running, transit):
    s3 = running.client()
    s3.create_bucket(Bucket="bucket")
    for key, data in (("small", SMALL), ("large", LARGE)):
        s3.put_object(Bucket="bucket", Key=key, Body=data, ServerSideEncryption="aws:kms")
        got = s3.get_object(Bucket="bucket", Key=key)
        assert (got["Body"].read(), got["SSEKMSKeyId"]) == (data, "backups")
    transit.rotate("backups")
    assert running.run(running.services.rewrapping.run()).rewrapped == 2
    assert s3.get_object(Bucket="bucket", Key="small")["Body"].read() == SMALL
    transit.tokens.clear()
    assert code(s3.get_object, Bucket="bucket", Key="small") == ("AccessDenied", 403)
    assert code(s3.put_object, Bucket="bucket", Key="n", Body=SMALL, ServerSideEncryption="aws:kms") == (
        "AccessDenied",
        403,
    )
    s3.close()


def test_a_policy_can_demand_a_scheme(s3, bucket, gateway):
    on_objects = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"s3:{bucket}/*"}
    demand = {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": f"s3:{bucket}/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    }
    somebody = allowed(gateway, "demanding", {"Version": "2012-10-17", "Statement": [on_objects, demand]})
    where = {"Bucket": bucket, "Key": "k", "Body": SMALL}
    assert code(somebody.put_object, **where) == ("AccessDenied", 403)
    assert code(somebody.put_object, **where, ServerSideEncryption="AES256") == ("AccessDenied", 403)
    assert somebody.put_object(**where, ServerSideEncryption="aws:kms")["SSEKMSKeyId"] == "s3-default"
    somebody.close()
