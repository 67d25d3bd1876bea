"""What webhooks are sent."""

import base64
import hashlib
import hmac
import json
from urllib.parse import unquote_plus

import pytest

from zotplus.domain.storage.messages import Event, cloud_event_body, s3_body, secret_bytes, signature


def event(name="ObjectCreated:Put", **changes):
    made = {
        "number": 0x5A,
        "bucket": "box",
        "owner": "user:owner",
        "region": "us-east-1",
        "rule": "everything",
        "key": "a b/é+.txt",
        "time": 1_790_000_000.5,
        "size": 5,
        "etag": "5d41402abc4b2a76b9719d911017c592",
        "principal": "key:alice",
        "request_id": "65B0F5A0",
        "address": "192.0.2.1",
    }
    return Event(name=name, **{**made, **changes})


def test_an_event_looks_as_amazons():
    (record,) = json.loads(s3_body(event()))["Records"]
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-09-21T14:13:20.500Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "key:alice"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "65B0F5A0", "x-amz-id-2": "zotplus"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "everything",
            "bucket": {"name": "box", "ownerIdentity": {"principalId": "user:owner"}, "arn": "arn:aws:s3:::box"},
            "object": {
                "key": "a+b/%C3%A9%2B.txt",
                "size": 5,
                "eTag": "5d41402abc4b2a76b9719d911017c592",
                "sequencer": "000000000000005A",
            },
        },
    }
    assert unquote_plus(record["s3"]["object"]["key"]) == "a b/é+.txt"


def test_what_is_gone_has_no_size_and_versions_are_named():
    (record,) = json.loads(s3_body(event("ObjectRemoved:DeleteMarkerCreated", version="v1")))["Records"]
    assert record["s3"]["object"] == {
        "key": "a+b/%C3%A9%2B.txt",
        "versionId": "v1",
        "sequencer": "000000000000005A",
    }


@pytest.mark.parametrize("name", ["ObjectTagging:Put", "ObjectAcl:Put", "LifecycleExpiration:Delete"])
def test_later_events_have_the_later_version(name):
    assert json.loads(s3_body(event(name)))["Records"][0]["eventVersion"] == "2.3"


def test_a_test_event_looks_as_amazons():
    assert json.loads(s3_body(event("TestEvent"))) == {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-09-21T14:13:20.500Z",
        "Bucket": "box",
        "RequestId": "65B0F5A0",
        "HostId": "zotplus",
    }


def test_a_cloud_event_carries_the_same_record():
    document = json.loads(cloud_event_body(event()))
    assert document.pop("data") == json.loads(s3_body(event()))["Records"][0]
    assert document == {
        "specversion": "1.0",
        "id": "evt_000000000000005a",
        "source": "aws:s3.us-east-1.box",
        "type": "com.amazonaws.s3.ObjectCreated:Put",
        "time": "2026-09-21T14:13:20.500Z",
        "datacontenttype": "application/json",
        "subject": "a b/é+.txt",
    }
    tested = json.loads(cloud_event_body(event("TestEvent")))
    assert "subject" not in tested
    assert tested["data"]["Event"] == "s3:TestEvent"


def test_the_signature_is_that_of_standard_webhooks():
    secret = secret_bytes("whsec_" + base64.b64encode(b"k" * 32).decode())
    assert secret == b"k" * 32
    expected = base64.b64encode(hmac.new(b"k" * 32, b"evt_1.1790000000.{}", hashlib.sha256).digest()).decode()
    assert signature(secret, "evt_1", 1_790_000_000, b"{}") == f"v1,{expected}"
    assert signature(secret, "evt_1", 1_790_000_001, b"{}") != f"v1,{expected}"


def test_the_signature_is_the_one_that_the_specification_shows():
    """Standard Webhooks 1.0: the example that its libraries are tested with."""
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_may_be_text_but_not_weak():
    assert secret_bytes("x" * 24) == b"x" * 24
    for weak in ("x" * 23, "whsec_" + base64.b64encode(b"k" * 8).decode(), "whsec_no base64!", "whsec_"):
        with pytest.raises(ValueError, match=r"secret has at least|no base64"):
            secret_bytes(weak)
