"""Object lock by a real SDK, over both addresses, and by single requests where an SDK would hide what matters."""

import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError

from tests.faces.s3.stage import NOBODY, READER
from tests.faces.s3.test_forms import BOUNDARY, encode
from zotplus.records import layout
from zotplus.records.buckets import BUCKET
from zotplus.services.emptying import holds_objects
from zotplus.services.policies.values import NewVersion

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
LATER = SOON + timedelta(days=2)
BYPASS = "BypassGovernanceRetention"


@pytest.fixture(scope="module", params=["main", "s3"])
def s3(gateway, request):
    return gateway.client(at=request.param)


@pytest.fixture
def bucket(s3):
    """One with object lock."""
    name = f"lock-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


@pytest.fixture
def plain(s3):
    name = f"plain-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def put(s3, bucket, key="key", **lock):
    return s3.put_object(Bucket=bucket, Key=key, Body=b"content", **lock)["VersionId"]


def governed(until=SOON):
    return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}


def test_a_bucket_that_is_created_with_object_lock_keeps_versions_for_good(s3, bucket):
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled"
    }
    suspended = {"Status": "Suspended"}
    assert code(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=suspended) == "InvalidBucketState"


def test_object_lock_is_switched_on_later_only_where_versions_are_kept(s3, plain):
    assert code(s3.get_object_lock_configuration, Bucket=plain) == "ObjectLockConfigurationNotFoundError"
    configuration = {"ObjectLockEnabled": "Enabled"}
    setting = {"Bucket": plain, "ObjectLockConfiguration": configuration}
    assert code(s3.put_object_lock_configuration, **setting) == "InvalidBucketState"
    s3.put_bucket_versioning(Bucket=plain, VersioningConfiguration={"Status": "Suspended"})
    assert code(s3.put_object_lock_configuration, **setting) == "InvalidBucketState"
    s3.put_bucket_versioning(Bucket=plain, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(**setting)
    assert s3.get_object_lock_configuration(Bucket=plain)["ObjectLockConfiguration"] == configuration


@pytest.mark.parametrize("period", [{"Days": 3}, {"Years": 2}])
def test_new_versions_get_the_default_retention(s3, bucket, period):
    retention = {"Mode": "GOVERNANCE", **period}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == configuration
    version = put(s3, bucket)
    found = s3.get_object_retention(Bucket=bucket, Key="key", VersionId=version)["Retention"]
    days = period.get("Days", 730)
    assert found["Mode"] == "GOVERNANCE"
    assert abs(found["RetainUntilDate"] - datetime.now(UTC) - timedelta(days=days)) < timedelta(days=1, minutes=5)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "key"})
    for key in ("parts", "copy"):
        assert s3.head_object(Bucket=bucket, Key=key)["ObjectLockMode"] == "GOVERNANCE"


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ({"Mode": "GOVERNANCE"}, "MalformedXML"),
        ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML"),
        ({"Mode": "ELSE", "Days": 1}, "MalformedXML"),
        ({"Mode": "GOVERNANCE", "Days": 0}, "InvalidArgument"),
        ({"Mode": "GOVERNANCE", "Days": 36501}, "InvalidArgument"),
        ({"Mode": "GOVERNANCE", "Years": 101}, "InvalidArgument"),
    ],
)
def test_a_default_that_is_none_is_refused(s3, bucket, default, expected):
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}
    setting = {"Bucket": bucket, "ObjectLockConfiguration": configuration}
    assert code(s3.put_object_lock_configuration, **setting) == expected


def test_a_locked_version_stays_while_its_object_can_be_hidden(s3, bucket):
    version = put(s3, bucket, **governed())
    assert code(s3.delete_object, Bucket=bucket, Key="key", VersionId=version) == "AccessDenied"
    marker = s3.delete_object(Bucket=bucket, Key="key")
    assert marker["DeleteMarker"]
    assert code(s3.get_object, Bucket=bucket, Key="key") == "NoSuchKey"
    s3.delete_object(Bucket=bucket, Key="key", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"
    newer = put(s3, bucket)
    assert code(s3.delete_object, Bucket=bucket, Key="key", VersionId=version) == "AccessDenied"
    s3.delete_object(Bucket=bucket, Key="key", VersionId=newer)
    s3.delete_object(Bucket=bucket, Key="key", VersionId=version, BypassGovernanceRetention=True)
    s3.delete_bucket(Bucket=bucket)


def test_compliance_holds_against_everybody(s3, bucket):
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": SOON}
    version = put(s3, bucket, **lock)
    doomed = {"Bucket": bucket, "Key": "key", "VersionId": version}
    assert code(s3.delete_object, **doomed) == "AccessDenied"
    assert code(s3.delete_object, **doomed, BypassGovernanceRetention=True) == "AccessDenied"
    weaker = (
        {"Mode": "GOVERNANCE", "RetainUntilDate": LATER},
        {},
        {"Mode": "COMPLIANCE", "RetainUntilDate": SOON - timedelta(days=1)},
    )
    for retention in weaker:
        change = {**doomed, "Retention": retention, "BypassGovernanceRetention": True}
        assert code(s3.put_object_retention, **change) == "AccessDenied"
    s3.put_object_retention(**doomed, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": LATER})
    assert s3.get_object_retention(**doomed)["Retention"] == {"Mode": "COMPLIANCE", "RetainUntilDate": LATER}


def test_governance_is_changed_only_by_who_bypasses_it(s3, bucket):
    version = put(s3, bucket, **governed(LATER))
    named = {"Bucket": bucket, "Key": "key", "VersionId": version}
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": SOON}
    for retention in (shorter, {}, {"Mode": "COMPLIANCE", "RetainUntilDate": LATER}):
        assert code(s3.put_object_retention, **named, Retention=retention) == "AccessDenied"
    s3.put_object_retention(**named, Retention=shorter, BypassGovernanceRetention=True)
    assert s3.get_object_retention(**named)["Retention"] == shorter
    s3.put_object_retention(**named, Retention={}, BypassGovernanceRetention=True)
    assert code(s3.get_object_retention, **named) == "NoSuchObjectLockConfiguration"
    s3.delete_object(**named)


def test_a_legal_hold_holds_against_everybody_until_it_is_taken_off(s3, bucket):
    version = put(s3, bucket)
    named = {"Bucket": bucket, "Key": "key", "VersionId": version}
    assert code(s3.get_object_legal_hold, **named) == "NoSuchObjectLockConfiguration"
    s3.put_object_legal_hold(**named, LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(**named)["LegalHold"] == {"Status": "ON"}
    assert s3.head_object(**named)["ObjectLockLegalHoldStatus"] == "ON"
    assert code(s3.delete_object, **named, BypassGovernanceRetention=True) == "AccessDenied"
    s3.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**named)["LegalHold"] == {"Status": "OFF"}
    s3.delete_object(**named)


def test_locks_come_with_put_copy_and_uploads_in_parts(s3, bucket):
    lock = {**governed(), "ObjectLockLegalHoldStatus": "ON"}
    put(s3, bucket, "put", **lock)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "put"}, **governed(LATER))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **lock)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    expected = {"put": (SOON, "ON"), "copy": (LATER, "OFF"), "parts": (SOON, "ON")}
    for key, (until, hold) in expected.items():
        got = s3.get_object(Bucket=bucket, Key=key)
        assert got["ObjectLockMode"] == "GOVERNANCE"
        assert (got["ObjectLockRetainUntilDate"], got["ObjectLockLegalHoldStatus"]) == (until, hold)


def test_of_many_versions_those_that_are_locked_stay(s3, bucket):
    locked, free = put(s3, bucket, "locked", **governed()), put(s3, bucket, "free")
    objects = [{"Key": "locked", "VersionId": locked}, {"Key": "free", "VersionId": free}, {"Key": "other"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("locked", "AccessDenied")]
    assert {found["Key"] for found in answer["Deleted"]} == {"free", "other"}
    again = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "locked", "VersionId": locked}]}, BypassGovernanceRetention=True
    )
    assert [found["Key"] for found in again["Deleted"]] == ["locked"]


@pytest.mark.parametrize(
    "lock",
    [{"ObjectLockLegalHoldStatus": "ON"}, {"ObjectLockLegalHoldStatus": "OFF"}, governed()],
)
def test_a_lock_in_a_bucket_without_object_lock_is_refused(s3, plain, lock):
    put_it = {"Bucket": plain, "Key": "key"}
    assert code(s3.put_object, **put_it, Body=b"", **lock) == "InvalidRequest"
    assert code(s3.create_multipart_upload, **put_it, **lock) == "InvalidRequest"
    s3.put_object(**put_it, Body=b"content")
    assert code(s3.copy_object, Bucket=plain, Key="copy", CopySource=f"{plain}/key", **lock) == "InvalidRequest"
    for call in (s3.get_object_retention, s3.get_object_legal_hold):
        assert code(call, **put_it) == "InvalidRequest"
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": SOON}
    assert code(s3.put_object_retention, **put_it, Retention=retention) == "InvalidRequest"
    assert code(s3.put_object_legal_hold, **put_it, LegalHold={"Status": "ON"}) == "InvalidRequest"


def test_half_a_retention_and_one_that_is_past_are_refused(s3, bucket):
    past = datetime.now(UTC) - timedelta(hours=1)
    for lock in (
        {"ObjectLockMode": "GOVERNANCE"},
        {"ObjectLockRetainUntilDate": SOON},
        {"ObjectLockMode": "ELSE", "ObjectLockRetainUntilDate": SOON},
        governed(past),
        {"ObjectLockLegalHoldStatus": "MAYBE"},
    ):
        assert code(s3.put_object, Bucket=bucket, Key="key", Body=b"", **lock) == "InvalidArgument"
    put(s3, bucket)
    for retention, expected in (
        ({"Mode": "GOVERNANCE"}, "MalformedXML"),
        ({"Mode": "ELSE", "RetainUntilDate": SOON}, "MalformedXML"),
        ({"Mode": "GOVERNANCE", "RetainUntilDate": past}, "InvalidArgument"),
    ):
        assert code(s3.put_object_retention, Bucket=bucket, Key="key", Retention=retention) == expected
    assert code(s3.put_object_legal_hold, Bucket=bucket, Key="key", LegalHold={"Status": "X"}) == "MalformedXML"
    for call in (s3.put_object_legal_hold, s3.put_object_retention):
        assert code(call, Bucket=bucket, Key="key") == "MalformedXML"
        assert code(call, Bucket="missing-bucket", Key="key") == "NoSuchBucket"


def test_a_marker_has_no_lock(s3, bucket):
    marker = s3.delete_object(Bucket=bucket, Key="key")["VersionId"]
    named = {"Bucket": bucket, "Key": "key", "VersionId": marker}
    assert code(s3.get_object_retention, **named) == "MethodNotAllowed"
    assert code(s3.put_object_legal_hold, **named, LegalHold={"Status": "ON"}) == "MethodNotAllowed"
    assert code(s3.get_object_retention, Bucket=bucket, Key="none") == "NoSuchKey"
    assert code(s3.get_object_retention, Bucket=bucket, Key="key") == "NoSuchKey"


RETENTION_HEADERS = {
    "x-amz-object-lock-mode": "GOVERNANCE",
    "x-amz-object-lock-retain-until-date": "2999-01-01T00:00:00Z",
}
CHECKSUM = {"x-amz-checksum-crc32": "g9zvtw=="}
LOCKED = RETENTION_HEADERS | CHECKSUM | {"x-amz-object-lock-legal-hold": "ON"}
RELEASE = b"<LegalHold><Status>OFF</Status></LegalHold>"


async def allow(stage, *actions, user=NOBODY, **more):
    """Let ``user`` do that, in the bucket ``lock``."""
    statement = {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": "s3:lock/*"} | more
    document = {"Version": "2012-10-17", "Statement": [statement]}
    name = f"p{uuid.uuid4().hex[:8]}"
    await stage.services.policies.put(name, NewVersion(text=json.dumps(document).encode(), author="test"))
    await stage.services.policies.attach(name, user.access_key, "test")


@pytest.fixture
async def locking(stage):
    """A stage whose bucket ``lock`` holds a locked version of ``key``."""
    answer = await stage.ask("PUT", "/lock", headers={"x-amz-bucket-object-lock-enabled": "true"})
    assert answer.status == 200
    answer = await stage.ask("PUT", "/lock/key", body=b"1", headers=LOCKED)
    assert answer.status == 200, answer.body
    stage.version = f"versionId={answer.headers['x-amz-version-id']}"
    return stage


async def test_a_lock_needs_a_checksum_of_the_content(locking):
    answer = await locking.ask("PUT", "/lock/other", body=b"1", headers=RETENTION_HEADERS)
    assert (answer.status, answer.code, answer.body_was_read) == (400, "InvalidRequest", False)
    headers = {"Content-MD5": "xMpCOKC5I4INzFCab3WEmw=="}
    assert (await locking.ask("PUT", "/lock/other", body=b"1", headers=RETENTION_HEADERS | headers)).status == 200
    signed = {"headers": RETENTION_HEADERS, "payload": hashlib.sha256(b"1").hexdigest()}
    assert (await locking.ask("PUT", "/lock/other", body=b"1", **signed)).status == 200


async def test_a_lock_without_object_lock_is_refused_before_the_body_is_read(stage):
    answer = await stage.ask("PUT", "/bucket/key", body=b"1", headers=LOCKED)
    assert (answer.status, answer.code, answer.body_was_read) == (400, "InvalidRequest", False)


async def test_locks_are_shown_to_those_who_may_read_them(locking):
    mode, until, hold = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"
    for method in ("GET", "HEAD"):
        shown = (await locking.ask(method, "/lock/key")).headers
        assert (shown[mode], shown[until], shown[hold]) == ("GOVERNANCE", "2999-01-01T00:00:00.000Z", "ON")
    await allow(locking, "GetObject")
    hidden = (await locking.ask("GET", "/lock/key", signed=NOBODY)).headers
    assert {mode, until, hold}.isdisjoint(hidden)
    await allow(locking, "GetObjectRetention")
    shown = (await locking.ask("GET", "/lock/key", signed=NOBODY)).headers
    assert (shown[mode], hold in shown) == ("GOVERNANCE", False)
    await allow(locking, "GetObjectLegalHold")
    assert (await locking.ask("GET", "/lock/key", signed=NOBODY)).headers[hold] == "ON"


async def test_to_write_what_is_locked_takes_the_rights_to_lock(locking):
    await allow(locking, "PutObject")
    for headers in (RETENTION_HEADERS, {"x-amz-object-lock-legal-hold": "ON"}):
        ask = {"headers": headers | CHECKSUM, "signed": NOBODY}
        assert (await locking.ask("PUT", "/lock/other", body=b"1", **ask)).status == 403
        assert (await locking.ask("POST", "/lock/other", query="uploads=", **ask)).status == 403
    await allow(locking, "PutObjectRetention")
    ask = {"body": b"1", "signed": NOBODY}
    assert (await locking.ask("PUT", "/lock/other", headers=RETENTION_HEADERS | CHECKSUM, **ask)).status == 200
    assert (await locking.ask("PUT", "/lock/other", headers=LOCKED, **ask)).status == 403
    await allow(locking, "PutObjectLegalHold")
    assert (await locking.ask("PUT", "/lock/other", headers=LOCKED, **ask)).status == 200


async def test_a_form_can_ask_for_a_lock(locking):
    body = encode({"key": "form", **LOCKED}, b"1")
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    await allow(locking, "PutObject")
    answer = await locking.ask("POST", "/lock", body=body, headers=headers, signed=NOBODY)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    await allow(locking, "PutObjectRetention", "PutObjectLegalHold")
    answer = await locking.ask("POST", "/lock", body=body, headers=headers, signed=NOBODY)
    assert answer.status == 204, answer.body
    shown = (await locking.ask("HEAD", "/lock/form")).headers
    assert (shown["x-amz-object-lock-mode"], shown["x-amz-object-lock-legal-hold"]) == ("GOVERNANCE", "ON")


async def test_to_create_a_bucket_with_object_lock_takes_the_rights_to_switch_it_on(stage):
    await allow(stage, "CreateBucket", Resource="s3:new-*")
    ask = {"headers": {"x-amz-bucket-object-lock-enabled": "true"}, "signed": NOBODY}
    assert (await stage.ask("PUT", "/new-1", **ask)).status == 403
    await allow(stage, "PutBucketObjectLockConfiguration", "PutBucketVersioning", Resource="s3:new-*")
    assert (await stage.ask("PUT", "/new-1", **ask)).status == 200
    ask["headers"] = {"x-amz-bucket-object-lock-enabled": "maybe"}
    assert (await stage.ask("PUT", "/new-2", **ask)).code == "InvalidArgument"


async def test_governance_is_bypassed_only_with_the_right_and_the_wish_to(locking):
    """CVE-2023-25812: a deletion passed over governance retention though a policy denied that."""
    assert (await locking.ask("PUT", "/lock/key", query="legal-hold=", body=RELEASE)).status == 200
    await allow(locking, "DeleteObjectVersion", "PutObjectRetention")
    bypass = {"x-amz-bypass-governance-retention": "true"}
    document = f"<Delete><Object><Key>key</Key><VersionId>{locking.version[10:]}</VersionId></Object></Delete>".encode()
    calls = [
        ("DELETE", "/lock/key", {"query": locking.version}),
        ("PUT", "/lock/key", {"query": f"retention=&{locking.version}", "body": b"<Retention/>"}),
        ("POST", "/lock", {"query": "delete=", "body": document}),
    ]
    for wish in ({}, bypass):
        for method, path, more in calls:
            answer = await locking.ask(method, path, headers=wish, signed=NOBODY, **more)
            assert answer.status == 403 or answer.texts("Error/Code") == ["AccessDenied"], (method, wish)
    await allow(locking, BYPASS)
    denied = {"Effect": "Deny", "Resource": "s3:lock/key"}
    await allow(locking, BYPASS, **denied)
    for method, path, more in calls:
        answer = await locking.ask(method, path, headers=bypass, signed=NOBODY, **more)
        assert answer.status == 403 or answer.texts("Error/Code") == ["AccessDenied"], method
    assert (await locking.ask("GET", "/lock/key")).status == 200
    await allow(locking, "DeleteObjectVersion", BYPASS, user=READER)
    answer = await locking.ask("DELETE", "/lock/key", query=locking.version, signed=READER)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    answer = await locking.ask("DELETE", "/lock/key", query=locking.version, headers=bypass, signed=READER)
    assert answer.status == 204


async def test_policies_can_speak_of_the_lock_that_is_asked_for(locking):
    days = "s3:object-lock-remaining-retention-days"
    await allow(locking, "PutObject", "PutObjectRetention", Condition={"NumericLessThanEquals": {days: "10"}})
    await allow(locking, "PutObjectLegalHold", Condition={"StringEquals": {"s3:object-lock-legal-hold": "ON"}})

    def until(days):
        return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert (await locking.ask("PUT", "/lock/key", query="legal-hold=", body=RELEASE)).status == 200
    for wanted, status in ((9, 200), (12, 403)):
        date = until(wanted)
        headers = RETENTION_HEADERS | CHECKSUM | {"x-amz-object-lock-retain-until-date": date}
        answer = await locking.ask("PUT", f"/lock/put-{wanted}", body=b"1", headers=headers, signed=NOBODY)
        assert answer.status == status
        await locking.ask("PUT", "/lock/free", body=b"1")
        body = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>".encode()
        answer = await locking.ask("PUT", "/lock/free", query="retention=", body=body, signed=NOBODY)
        assert answer.status == status
    hold = RELEASE.replace(b"OFF", b"ON")
    assert (await locking.ask("PUT", "/lock/key", query="legal-hold=", body=RELEASE, signed=NOBODY)).status == 403
    assert (await locking.ask("PUT", "/lock/key", query="legal-hold=", body=hold, signed=NOBODY)).status == 200


async def test_a_right_can_be_about_one_version(locking):
    ask = {"query": f"legal-hold=&{locking.version}", "signed": NOBODY}
    id_ = locking.version.removeprefix("versionId=")
    await allow(locking, "GetObjectLegalHold", Condition={"StringEquals": {"s3:VersionId": id_}})
    assert (await locking.ask("GET", "/lock/key", **ask)).status == 200
    assert (await locking.ask("GET", "/lock/key", query="legal-hold=", signed=NOBODY)).status == 403
    await allow(locking, "PutObjectLegalHold", Condition={"StringEquals": {"s3:VersionId": id_}})
    assert (await locking.ask("PUT", "/lock/key", body=RELEASE, **ask)).status == 200
    assert (await locking.ask("PUT", "/lock/key", query="legal-hold=", body=RELEASE, signed=NOBODY)).status == 403


@pytest.mark.parametrize("what", ["retention", "legal-hold"])
async def test_an_empty_version_is_the_newest(locking, what):
    """Clients in Go send it so, where no version is meant."""
    assert (await locking.ask("GET", "/lock/key", query=f"{what}=&versionId=")).status == 200


async def test_a_version_whose_lock_cannot_be_read_stays(locking):
    """RustFS GHSA-j548: a lock whose metadata could not be read was taken for none, and the version deleted."""

    def damage(transaction):
        ((at, data),) = list(transaction.scan(*layout.table_span(layout.objects(_lock_id(transaction)))))
        transaction.put(at, data.replace(b"GOVERNANCE", b"GOVERNANCF"))

    await locking.store.write(damage)
    bypass = {"x-amz-bypass-governance-retention": "true"}
    for ask in ({"query": locking.version}, {"query": locking.version, "headers": bypass}):
        assert (await locking.ask("DELETE", "/lock/key", **ask)).status == 500
    document = f"<Delete><Object><Key>key</Key><VersionId>{locking.version[10:]}</VersionId></Object></Delete>".encode()
    answer = await locking.ask("POST", "/lock", query="delete=", body=document, headers=bypass)
    assert answer.status == 500 or answer.texts("Error/Code") == ["InternalError"]
    assert await locking.store.read(lambda snapshot: holds_objects(snapshot, _lock_id(snapshot)))


def _lock_id(snapshot):
    return BUCKET.decode(snapshot.get(layout.bucket("lock"))).id


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("DELETE", "/bucket/key", "", b""),
        ("DELETE", "/bucket/key", "versionId=null", b""),
        (
            "PUT",
            "/bucket",
            "versioning=",
            b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        ),
    ],
)
async def test_mfa_delete_is_refused_by_name(stage, method, path, query, body):
    answer = await stage.ask(method, path, query=query, body=body, headers={"x-amz-mfa": "serial 123456"})
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert b"x-amz-mfa" in answer.body


async def test_mfa_delete_cannot_be_switched_on(stage):
    body = b"<VersioningConfiguration><MfaDelete>Enabled</MfaDelete><Status>Enabled</Status></VersioningConfiguration>"
    answer = await stage.ask("PUT", "/bucket", query="versioning=", body=body)
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert b"MFA delete" in answer.body


@pytest.mark.parametrize("body", [b"", b"malformed"])
async def test_object_lock_needs_a_document(locking, body):
    answer = await locking.ask("PUT", "/lock", query="object-lock=", body=body)
    assert answer.code == ("MalformedXML" if body else "MissingRequestBodyError")


@pytest.mark.parametrize(
    "until", ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+14:00"]
)
async def test_a_date_that_is_outside_of_all_years_with_its_zone_is_refused(stage, until):
    await stage.ask("PUT", "/locked-bucket", headers={"x-amz-bucket-object-lock-enabled": "true"})
    await stage.ask("PUT", "/locked-bucket/key", body=b"content")
    lock = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": until}
    assert (await stage.ask("PUT", "/locked-bucket/key", body=b"other", headers=lock)).status == 400
    document = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>".encode()
    assert (await stage.ask("PUT", "/locked-bucket/key", query="retention=", body=document)).status == 400
    assert (await stage.ask("GET", "/locked-bucket/key")).body == b"content"


async def test_what_locks_a_version_is_told_to_those_who_may_read_it(locking):
    _, _, version = locking.version.partition("=")
    named = f"<Delete><Object><Key>key</Key><VersionId>{version}</VersionId></Object></Delete>".encode()
    many = {"query": "delete=", "body": named, "headers": {"Content-MD5": md5(named)}}
    shorter = b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2998-01-01T00:00:00Z</RetainUntilDate></Retention>"
    calls = (
        ("DELETE", "/lock/key", {"query": locking.version}),
        ("PUT", "/lock/key", {"query": f"retention=&{locking.version}", "body": shorter}),
        ("POST", "/lock", many),
    )
    await allow(locking, "DeleteObjectVersion", "PutObjectRetention")
    until, hold = "It is kept until 2999-01-01T00:00:00.000Z (GOVERNANCE).", "A legal hold is on."
    for action, told in (
        ("GetObject", []),
        ("GetObjectRetention", [until]),
        ("GetObjectLegalHold", [f"{until} {hold}"]),
    ):
        await allow(locking, action)
        for method, path, more in calls:
            answer = await locking.ask(method, path, signed=NOBODY, **more)
            plain = answer.body.replace(b" xmlns=", b" at=")
            found = ET.fromstring(plain)  # noqa: S314 - our own output
            assert found.findtext(".//Code") == "AccessDenied", (method, action)
            assert found.findtext(".//Message") == "Access Denied because object protected by object lock."
            assert [one.text for one in found.iter("Detail")] == told, (method, action)
    await allow(locking, "GetObjectRetention", Effect="Deny", Condition={"Null": {"s3:versionid": "false"}})
    answer = await locking.ask("DELETE", "/lock/key", query=locking.version, signed=NOBODY)
    assert until.encode() not in answer.body
    assert hold.encode() in answer.body


def md5(content):
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
