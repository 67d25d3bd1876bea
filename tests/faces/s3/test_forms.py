"""Uploads by HTML forms: made by a real SDK and by hand, over the whole pipeline."""

import base64
import hashlib
import hmac
import json
import time
import urllib.parse
from datetime import UTC, datetime, timedelta

import pytest

from tests.faces.gateway import client_of
from tests.faces.s3.stage import ADMIN, NOBODY, Answer, Call, Stage
from zotplus.domain.errors import Problem
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role
from zotplus.services.policies.values import NewVersion

BOUNDARY = "----form-boundary"
KEY = "uploads/picture.png"


def encode(fields: dict[str, str], content: bytes, *, filename: str = "picture.png", last: bytes = b"") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    return "".join([*parts, file]).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode() + last


def presigned(fields: dict | None = None, conditions: list | None = None, **options) -> dict[str, str]:
    """The fields of a form as an SDK makes them."""
    user = options.pop("user", ADMIN)
    key = (user.access_key, options.pop("secret", user.secret_key))
    client = client_of("s3", "http://s3.test", key, signature_version=options.pop("signature", "s3v4"))
    both = [{name: value} for name, value in (fields or {}).items()]
    made = client.generate_presigned_post(
        options.pop("bucket", "bucket"),
        options.pop("key", KEY),
        Fields=fields,
        Conditions=[*both, *(conditions or [])],
        ExpiresIn=options.pop("expires", 300),
    )
    client.close()
    return made["fields"]


async def post(stage: Stage, fields: dict[str, str], content: bytes = b"content", **options) -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **options.pop("headers", {})}
    path = options.pop("path", "/bucket")
    signed = options.pop("signed", None)
    body = options.pop("body", None) or encode(fields, content, **options)
    return await stage.call(Call(method="POST", path=path, headers=headers, body=body, signed=signed))


async def stored(stage: Stage, key: str = KEY) -> bytes | None:
    answer = await stage.ask("GET", f"/bucket/{urllib.parse.quote(key)}")
    return answer.body if answer.status == 200 else None


async def test_a_form_of_an_sdk_uploads_and_says_where(stage):
    answer = await post(stage, presigned())
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Location"] == f"http://s3.test/bucket/{KEY}"
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"content", usedforsecurity=False).hexdigest()}"'
    assert await stored(stage) == b"content"


@pytest.mark.parametrize("size", [0, 1, 16_384, 300_000])
async def test_a_file_of_any_size_comes_whole(stage, size):
    content = hashlib.sha256(b"seed").digest() * (size // 32 + 1)
    content = content[:size]
    assert (await post(stage, presigned(), content)).status == 204
    assert await stored(stage) == content


async def test_what_follows_the_file_is_ignored(stage):
    assert (await post(stage, presigned(), last=b"tail of no form" * 100)).status == 204
    assert await stored(stage) == b"content"
    assert (await post(stage, presigned(), last=b"x" * 1_200_000)).code == "MalformedPOSTRequest"


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204)])
async def test_the_status_of_a_success_is_what_the_form_asks_for(stage, asked, status):
    answer = await post(stage, presigned({"success_action_status": asked}))
    assert answer.status == status
    if status == 201:
        told = {name: answer.text(name) for name in ("Bucket", "Key", "Location", "ETag")}
        assert (told["Bucket"], told["Key"], told["ETag"]) == ("bucket", KEY, answer.headers["ETag"])
        assert told["Location"] == answer.headers["Location"]


async def test_the_fields_are_the_headers_of_the_object(stage):
    fields = {
        "Content-Type": "image/png",
        "Cache-Control": "max-age=1",
        "Content-Disposition": "inline",
        "x-amz-meta-owner": "größe",
        "acl": "private",
    }
    assert (await post(stage, presigned(fields))).status == 204
    answer = await stage.ask("HEAD", f"/bucket/{KEY}")
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("image/png", "max-age=1")
    assert (answer.headers["Content-Disposition"], answer.headers["x-amz-meta-owner"]) == ("inline", "größe")


async def test_without_a_content_type_it_is_amazons(stage):
    await post(stage, presigned())
    assert (await stage.ask("HEAD", f"/bucket/{KEY}")).headers["Content-Type"] == "binary/octet-stream"


async def test_the_files_name_goes_into_the_key(stage):
    fields = presigned(key="user/${filename}")
    assert (await post(stage, fields, filename="C:\\\\pictures\\\\a b.png")).status == 204
    assert await stored(stage, "user/a b.png") == b"content"


async def test_checksums_of_a_form_are_checked(stage):
    good = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    bad = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert (await post(stage, presigned({"x-amz-checksum-sha256": good}))).status == 204
    answer = await post(stage, presigned({"x-amz-checksum-sha256": bad}, key="bad"))
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert await stored(stage, "bad") is None


async def test_a_success_sends_the_reader_where_the_policy_says(stage):
    target = "https://example.org/done?x=1#part"
    answer = await post(stage, presigned({"success_action_redirect": target}))
    assert answer.status == 303
    etag = urllib.parse.quote(answer.headers["ETag"])
    expected = f"https://example.org/done?x=1&bucket=bucket&key={urllib.parse.quote(KEY, safe='')}&etag={etag}#part"
    assert answer.headers["Location"] == expected


@pytest.mark.parametrize("target", ["javascript:alert(1)", "//example.org", "https://[", "/done", "https://a\r\nb: c/"])
async def test_what_is_no_address_of_the_web_sends_nobody_anywhere(stage, target):
    """S3 API Reference, POST Object: what cannot be interpreted is as if the field were not there."""
    answer = await post(stage, presigned({"redirect": target}))
    assert answer.status == 204


async def test_a_form_that_nobody_signed_is_no_open_redirect(stage):
    await stage.services.policies.put("open", _public_write())
    answer = await post(stage, {"key": "public/a", "success_action_redirect": "https://evil.example"})
    assert answer.status == 403
    assert await stored(stage, "public/a") is None
    assert (await post(stage, {"key": "public/a"})).status == 204
    assert (await post(stage, {"key": "private/a"})).status == 403


def _public_write():
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::bucket/public/*",
    }
    document = {"Version": "2012-10-17", "Statement": [statement | {"Resource": "s3:bucket/public/*"}]}
    return NewVersion(text=json.dumps(document).encode(), author="test")


async def test_a_form_of_somebody_without_rights_is_refused(stage):
    answer = await post(stage, presigned(user=NOBODY))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert await stored(stage) is None


async def test_a_form_that_nobody_signed_writes_nothing_private(stage):
    await stage.services.grants.give(PUBLIC, Role.READER, "*")
    answer = await post(stage, {"key": KEY})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert await stored(stage) is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"key": "other"}, "AccessDenied"),
        ({"bucket": "other"}, "AccessDenied"),
        ({"acl": "public-read"}, "AccessDenied"),
        ({"x-amz-meta-a": "b"}, "AccessDenied"),
        ({"x-amz-storage-class": "STANDARD"}, "AccessDenied"),
        ({"success_action_redirect": "https://evil.example"}, "AccessDenied"),
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x-amz-credential": "AKADMIN/20260101/us-east-1/s3/aws4_request"}, "InvalidArgument"),
        ({"AWSAccessKeyId": "AKADMIN", "signature": "AAAA"}, "InvalidArgument"),
        ({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, "AccessDenied"),
    ],
)
async def test_a_form_cannot_say_more_than_its_policy(stage, changed, code):
    """CVE-2021-21362, RustFS GHSA-w5fh: what the policy did not cover was done all the same."""
    answer = await post(stage, {**presigned(), **changed})
    assert answer.code == code
    assert stage.objects_stored() == 0
    assert await stored(stage) is None


@pytest.mark.parametrize("path", ["/bucket", "/other-bucket"])
async def test_a_form_uploads_to_the_bucket_of_its_policy_only(stage, path):
    """CVE-2023-43040: a form signed for one bucket, sent to the address of another, wrote into that.

    CVE-2023-28434: a form wrote into a bucket that its address could not name.
    """
    await stage.ask("PUT", "/other-bucket")
    fields = presigned()
    assert (await post(stage, fields, path=path)).status == (204 if path == "/bucket" else 403)
    fields = presigned(bucket="other-bucket")
    assert (await post(stage, fields, path=path)).status == (403 if path == "/bucket" else 204)
    assert (await post(stage, presigned(bucket=".zotplus"), path="/.zotplus")).code == "InvalidBucketName"


async def test_a_field_does_not_stand_in_for_the_bucket_of_the_address(stage):
    """CVE-2023-43040, RustFS GHSA-w5fh: what a form says of its bucket is nothing that its policy could allow."""
    await stage.ask("PUT", "/other-bucket")
    answer = await post(stage, {"bucket": "bucket", **presigned()}, path="/other-bucket")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert stage.objects_stored() == 0
    assert (await stage.ask("HEAD", f"/other-bucket/{KEY}")).status == 404
    assert (await post(stage, {"bucket": "bucket", **presigned()})).status == 204


async def test_a_form_has_no_field_for_the_owner_that_is_expected(stage):
    """The header is understood; a field would be believed to be, and was passed over."""
    answer = await post(stage, presigned({"x-amz-expected-bucket-owner": "111122223333"}))
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert stage.objects_stored() == 0


async def test_the_bucket_must_be_in_the_policy(stage):
    policy = {"expiration": "2100-01-01T00:00:00Z", "conditions": [["starts-with", "$key", ""]]}
    answer = await post(stage, _signed(policy, {"key": KEY}))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert "Extra input fields: bucket" in answer.xml.findtext("Message")


def _signed(policy: dict, fields: dict[str, str], *, at: datetime | None = None) -> dict[str, str]:
    """A form signed by hand, in whatever it says."""
    at = at or datetime.now(UTC)
    date = at.strftime("%Y%m%d")
    own = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{ADMIN.access_key}/{date}/us-east-1/s3/aws4_request",
        "x-amz-date": at.strftime("%Y%m%dT%H%M%SZ"),
    }
    conditions = [*policy["conditions"], *[{name: value} for name, value in own.items()]]
    encoded = base64.b64encode(json.dumps({**policy, "conditions": conditions}).encode()).decode()
    key = b"AWS4" + ADMIN.secret_key.encode()
    for part in (date, "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return {**fields, **own, "policy": encoded, "x-amz-signature": hmac.digest(key, encoded.encode(), "sha256").hex()}


async def test_a_policy_expires(stage):
    answer = await post(stage, presigned(expires=-1))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert "Policy expired." in answer.xml.findtext("Message")
    policy = {"expiration": "2100-01-01T00:00:00Z", "conditions": [{"bucket": "bucket"}, {"key": KEY}]}
    long_ago = datetime.now(UTC) - timedelta(days=7, minutes=1)
    assert (await post(stage, _signed(policy, {"key": KEY}, at=long_ago))).status == 403
    assert (await post(stage, _signed(policy, {"key": KEY}))).status == 204


@pytest.mark.parametrize(
    ("content", "code", "limit"),
    [(b"0123456789", "EntityTooLarge", "5"), (b"x" * 400_000, "EntityTooLarge", "5"), (b"", "EntityTooSmall", "1")],
)
async def test_the_size_of_the_file_is_that_of_the_policy(stage, content, code, limit):
    answer = await post(stage, presigned(conditions=[["content-length-range", 1, 5]]), content)
    assert (answer.status, answer.code) == (400, code)
    assert answer.xml.findtext("ProposedSize") == str(len(content))
    name = "MaxSizeAllowed" if code == "EntityTooLarge" else "MinSizeAllowed"
    assert answer.xml.findtext(name) == limit
    assert stage.objects_stored() == 0
    assert (await post(stage, presigned(conditions=[["content-length-range", 1, 5]]), b"12345")).status == 204


@pytest.mark.parametrize(
    ("content_type", "status", "code"),
    [
        ("application/json", 412, "PreconditionFailed"),
        ("multipart/form-data", 400, "MalformedPOSTRequest"),
    ],
)
async def test_what_is_no_form_is_refused(stage, content_type, status, code):
    answer = await post(stage, {}, headers={"Content-Type": content_type}, body=b"body")
    assert (answer.status, answer.code) == (status, code)
    assert not answer.body_was_read


async def test_a_form_that_is_cut_short_leaves_nothing(stage):
    whole = encode(presigned(), b"x" * 100_000)
    for body in (whole[:100], whole[:50_000], whole[: -len(BOUNDARY) - 8]):
        answer = await post(stage, {}, body=body)
        assert answer.code == "MalformedPOSTRequest"
    assert stage.objects_stored() == 0
    assert await stored(stage) is None


async def test_the_fields_are_bounded(stage):
    assert (await post(stage, {"key": "a", "x": "x" * 21_000})).code == "MaxPostPreDataLengthExceeded"
    assert (await post(stage, {})).code == "InvalidArgument"
    assert (await post(stage, {"key": "k" * 1025})).code == "KeyTooLongError"


async def test_a_header_that_says_something_about_the_object_is_no_way_around_the_policy(stage):
    for name in ("x-amz-meta-a", "x-amz-acl", "x-amz-tagging", "x-amz-storage-class"):
        answer = await post(stage, presigned(), headers={name: "private"})
        assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert await stored(stage) is None


async def test_the_conditions_of_a_write_hold_for_forms(stage):
    assert (await post(stage, presigned(), headers={"If-None-Match": "*"})).status == 204
    answer = await post(stage, presigned(), b"new", headers={"If-None-Match": "*"})
    assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_a_request_that_is_signed_itself_needs_no_policy(stage):
    body = encode({"key": KEY}, b"content")
    answer = await post(stage, {}, body=body, signed=ADMIN)
    assert answer.status == 204
    assert await stored(stage) == b"content"
    answer = await post(stage, {}, body=encode(presigned(), b"content"), signed=ADMIN)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert (await post(stage, {}, body=body, signed=NOBODY)).status == 403


async def test_a_signed_body_is_checked_before_anything_is_stored(stage):
    body = encode({"key": KEY}, b"content")
    call = Call(
        method="POST",
        path="/bucket",
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        body=body,
        payload=hashlib.sha256(body).hexdigest(),
    )
    assert (await stage.call(call)).status == 204
    changed = Call(**{**call.__dict__, "body": body.replace(b"content", b"CONTENT"), "path": "/bucket"})
    answer = await stage.call(changed)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert await stored(stage) == b"content"


async def test_a_version_2_form_is_behind_the_switch(stage):
    fields = presigned(signature="s3")
    assert "AWSAccessKeyId" in fields
    answer = await post(stage, fields)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    other = await Stage(allow_signature_v2=True).prepare()
    await other.ask("PUT", "/bucket")
    assert (await post(other, fields)).status == 204
    assert await stored(other) == b"content"
    assert (await post(other, {**fields, "acl": "private"})).status == 403
    assert (await post(other, presigned(signature="s3", secret="wrong"))).code == "SignatureDoesNotMatch"


async def test_tags_come_as_a_document(stage):
    good = "<Tagging><TagSet><Tag><Key>env</Key><Value>a b</Value></Tag></TagSet></Tagging>"
    assert (await post(stage, presigned({"tagging": "invalid"}))).code == "MalformedXML"
    assert (await post(stage, presigned({"tagging": good}))).status == 204
    tagging = await stage.ask("GET", f"/bucket/{KEY}", query="tagging=")
    assert tagging.texts("TagSet/Tag/Value") == ["a b"]


async def test_the_time_of_a_form_is_checked(stage):
    ahead = datetime.fromtimestamp(time.time() + 3600, UTC)
    policy = {"expiration": "2100-01-01T00:00:00Z", "conditions": [{"bucket": "bucket"}, {"key": KEY}]}
    assert (await post(stage, _signed(policy, {"key": KEY}, at=ahead))).code == "RequestTimeTooSkewed"


async def test_conditions_of_policies_see_the_fields_of_a_form(stage):
    """RustFS GHSA-6r96: what decides is what is stored, not what a header says beside it."""
    deny = {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": "*",
        "Condition": {"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}},
    }
    wanted = NewVersion(text=json.dumps({"Statement": deny}).encode(), author="test")
    await stage.services.policies.put("no-ia", wanted)
    await stage.services.policies.attach("no-ia", ADMIN.access_key, "test")
    assert (await post(stage, presigned({"x-amz-storage-class": "STANDARD"}))).status == 204
    answer = await post(stage, presigned({"x-amz-storage-class": "STANDARD_IA"}, key="denied"))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert await stored(stage, "denied") is None


async def test_a_field_about_the_body_is_none_of_a_form(stage):
    answer = await post(stage, presigned({"x-amz-trailer": "x-amz-checksum-crc32"}))
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("expected", ["md5", "checksum"])
async def test_a_digest_of_the_whole_form_is_checked(stage, expected):
    body = encode({"key": KEY}, b"content")
    good = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    sha = base64.b64encode(hashlib.sha256(body).digest()).decode()
    header, value = ("Content-MD5", good) if expected == "md5" else ("x-amz-checksum-sha256", sha)
    assert (await post(stage, {}, body=body, signed=ADMIN, headers={header: value})).status == 204
    other = body.replace(b"content", b"CONTENT")
    answer = await post(stage, {}, body=other, signed=ADMIN, headers={header: value})
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert await stored(stage) == b"content"


async def test_a_form_makes_a_version_that_is_encrypted_as_it_asks(stage):
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    await stage.ask("PUT", "/bucket", query="versioning=", body=enabled)
    answer = await post(stage, presigned({"x-amz-server-side-encryption": "AES256"}))
    assert answer.status == 204, answer.body
    assert answer.headers["x-amz-server-side-encryption"] == "AES256"
    head = await stage.ask("HEAD", f"/bucket/{KEY}")
    assert head.headers["x-amz-version-id"] == answer.headers["x-amz-version-id"]
    assert head.headers["x-amz-server-side-encryption"] == "AES256"
    assert await stored(stage) == b"content"


async def test_a_list_of_grants_in_a_form_needs_its_own_right(stage):
    """CVE-2021-21362: a form set what its signer could not have set by a PUT."""
    document = {"Statement": {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}
    await stage.services.policies.put("writer", NewVersion(text=json.dumps(document).encode(), author="test"))
    await stage.services.policies.attach("writer", NOBODY.access_key, "test")
    assert (await post(stage, presigned(user=NOBODY))).status == 204
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    for fields in ({"tagging": tags}, {"acl": "public-read"}):
        answer = await post(stage, presigned(fields, user=NOBODY, key="more"))
        assert answer.status in (400, 403)
        assert await stored(stage, "more") is None


async def test_the_file_of_a_form_can_be_read_at_once_within_a_limit():
    from zotplus.domain.forms.multipart import FormReader  # noqa: PLC0415 - only here
    from zotplus.protocols.s3.forms.opening import FormBody  # noqa: PLC0415 - only here

    for limit, fault in ((7, None), (6, "body_too_large")):
        reader = FormReader(BOUNDARY)
        head = reader.head(encode({"key": "a"}, b"content"))
        body = FormBody(_nothing(), reader, head, None)
        try:
            assert await body.read(limit) == b"content"
        except Problem as problem:
            assert problem.fault.code == fault  # noqa: PT017 - one of both happens
        else:
            assert fault is None


async def _nothing():
    for piece in ():
        yield piece


async def test_a_form_can_ask_for_encryption(stage):
    answer = await post(stage, presigned({"x-amz-server-side-encryption": "AES256"}), b"a secret" * 5000)
    assert answer.status == 204
    assert answer.headers["x-amz-server-side-encryption"] == "AES256"
    assert not [blob for blob in stage.blobs.blobs.values() if b"a secret" in blob.content]
    assert await stored(stage) == b"a secret" * 5000


async def test_conditions_of_policies_know_how_a_form_was_signed(stage):
    conditions = {
        "StringEquals": {"s3:authType": "POST", "s3:signatureversion": "AWS4-HMAC-SHA256"},
        "NumericLessThan": {"s3:signatureAge": "60000"},
    }
    allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*", "Condition": conditions}
    wanted = NewVersion(text=json.dumps({"Statement": allow}).encode(), author="test")
    await stage.services.policies.put("forms-only", wanted)
    await stage.services.policies.attach("forms-only", NOBODY.access_key, "test")
    assert (await post(stage, presigned(user=NOBODY))).status == 204
    assert (await post(stage, {}, body=encode({"key": KEY}, b"x"), signed=NOBODY)).status == 403
    assert (await stage.put("a", signed=NOBODY)).status == 403
