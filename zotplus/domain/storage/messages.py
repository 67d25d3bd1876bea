"""What a webhook is sent: an event as Amazon's JSON or as a CloudEvent, and the signature over it.

Spec: Amazon S3 User Guide, "Event message structure" (versions 2.1 and 2.3); CloudEvents 1.0, "JSON Event Format", and
its adapter "AWS Simple Storage Service"; Standard Webhooks 1.0, "Webhook payload structure" and "Verifying signatures".
"""

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final

import msgspec

from zotplus.domain import percent
from zotplus.domain.audit.times import timestamp
from zotplus.domain.storage.events import TEST_EVENT

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what Standard Webhooks puts before a secret
SECRET_BYTES_MIN: Final = 24
"""Bytes of a secret at least (Standard Webhooks, "Signature scheme": 24 to 64)."""

_HOST_ID = "zotplus"
_LATER = ("ObjectTagging:", "ObjectAcl:", "LifecycleExpiration:", "LifecycleTransition")
"""Events that Amazon added in version 2.3 of the structure."""
_WITHOUT_CONTENT = ("ObjectRemoved:", "LifecycleExpiration:")
"""Events whose object has neither size nor ETag."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an object. ``name`` is without ``s3:``, ``time`` in seconds since the epoch.

    ``number`` is unique in this registry and grows; of two events of one key the later has the greater. ``version`` is
    None where the bucket keeps none. ``owner`` is the bucket's, ``rule`` the id of the configuration that asked.
    """

    number: int
    name: str
    bucket: str
    owner: str
    region: str
    rule: str
    key: str
    time: float
    size: int = 0
    etag: str = ""
    version: str | None = None
    principal: str = ""
    request_id: str = ""
    address: str = ""

    @property
    def id(self) -> str:
        """The same for every attempt to deliver it."""
        return f"evt_{self.number:016x}"


def s3_body(event: Event) -> bytes:
    """``event`` as Amazon writes it: ``{"Records": [...]}``, or its test event."""
    if event.name == TEST_EVENT:
        return msgspec.json.encode(_test(event))
    return msgspec.json.encode({"Records": [_record(event)]})


def cloud_event_body(event: Event) -> bytes:
    """``event`` as a structured CloudEvent whose data is Amazon's record."""
    is_test = event.name == TEST_EVENT
    document = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"aws:s3.{event.region}.{event.bucket}",
        "type": f"com.amazonaws.s3.{event.name}",
        "time": timestamp(event.time),
        "datacontenttype": "application/json",
        **({} if is_test else {"subject": event.key}),
        "data": _test(event) if is_test else _record(event),
    }
    return msgspec.json.encode(document)


def _test(event: Event) -> dict[str, Any]:
    return {
        "Service": "Amazon S3",
        "Event": f"s3:{TEST_EVENT}",
        "Time": timestamp(event.time),
        "Bucket": event.bucket,
        "RequestId": event.request_id,
        "HostId": _HOST_ID,
    }


def _record(event: Event) -> dict[str, Any]:
    return {
        "eventVersion": "2.3" if event.name.startswith(_LATER) else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": event.region,
        "eventTime": timestamp(event.time),
        "eventName": event.name,
        "userIdentity": {"principalId": event.principal},
        "requestParameters": {"sourceIPAddress": event.address},
        "responseElements": {"x-amz-request-id": event.request_id, "x-amz-id-2": _HOST_ID},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": event.rule,
            "bucket": {
                "name": event.bucket,
                "ownerIdentity": {"principalId": event.owner},
                "arn": f"arn:aws:s3:::{event.bucket}",
            },
            "object": _object(event),
        },
    }


def _object(event: Event) -> dict[str, Any]:
    """The object's part; the key as in a form, so that a space is ``+``."""
    # Every key is at most three times as long and ASCII, so that no client stumbles over what JSON could carry.
    described: dict[str, Any] = {"key": percent.encode(event.key, keep_slash=True).replace("%20", "+")}
    if not event.name.startswith(_WITHOUT_CONTENT):
        described |= {"size": event.size, "eTag": event.etag}
    if event.version is not None:
        described["versionId"] = event.version
    return described | {"sequencer": f"{event.number:016X}"}


def secret_bytes(text: str) -> bytes:
    """The key behind a secret: base64 after ``whsec_``, else the text. Raises ``ValueError`` where it is weak."""
    try:
        key = base64.b64decode(text[len(SECRET_PREFIX) :], validate=True) if text.startswith(SECRET_PREFIX) else None
    except binascii.Error:
        raise ValueError(f"what follows {SECRET_PREFIX} is no base64") from None
    found = text.encode() if key is None else key
    if len(found) < SECRET_BYTES_MIN:
        raise ValueError(f"a secret has at least {SECRET_BYTES_MIN} bytes")
    return found


def signature(secret: bytes, identity: str, sent: int, body: bytes) -> str:
    """``webhook-signature``: HMAC-SHA256 over id, time (seconds since the epoch) and body, as ``v1,<base64>``."""
    signed = b".".join((identity.encode(), str(sent).encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
