"""Condition keys of requests: address, transport, time, client, and the headers of the S3 API.

Spec: AWS IAM User Guide, "AWS global condition context keys".
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from zotplus.domain.iam.arns import ACCOUNT, arn_of_principal
from zotplus.domain.principals import Principal
from zotplus.gateway.head import RequestHead


def request_values(head: RequestHead, key: str) -> tuple[str, ...] | None:
    """All values of ``key`` (lower case) for a request; None where it is absent."""
    if key.startswith(_HEADER_PREFIX):
        sent = head.headers.getall(key.removeprefix(_S3), [])
        return tuple(sent) or None
    reading = _KEYS.get(key)
    value = None if reading is None else reading(head)
    return None if value is None else (value,)


def _now(_head: RequestHead) -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


IDENTIFYING = frozenset({"aws:principalarn", "aws:principalaccount"})
"""Keys that say who asks in Amazon's words."""


def identifying(principal: Principal, key: str) -> tuple[str, ...] | None:
    """The value of one of ``IDENTIFYING``; None for whoever did not log in."""
    if principal.is_anonymous:
        return None
    return (ACCOUNT if key == "aws:principalaccount" else arn_of_principal(principal.id),)


def _signature_version(head: RequestHead) -> str | None:
    """What the client signed with, if it did: a signature that does not verify is refused before this is asked."""
    scheme = head.headers.get("Authorization", "").partition(" ")[0]
    if scheme in _SCHEMES:
        return scheme
    if _signed_at(head) is not None:
        return _VERSION_4
    return _VERSION_2 if "Signature" in dict(parse_qsl(head.raw_query)) else None


def _signature_age(head: RequestHead) -> str | None:
    """Milliseconds since a link was signed."""
    signed = _signed_at(head)
    return None if signed is None else str(max(0, int((time.time() - signed) * 1000)))


def _signed_at(head: RequestHead) -> float | None:
    """When a link of version 4 was signed; None for everything else."""
    text = dict(parse_qsl(head.raw_query)).get("X-Amz-Date", "") if "X-Amz-Date=" in head.raw_query else ""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _authentication(head: RequestHead) -> str | None:
    version = _signature_version(head)
    if version is None:
        return None
    return "REST-HEADER" if "Authorization" in head.headers else "REST-QUERY-STRING"


_VERSION_4, _VERSION_2 = "AWS4-HMAC-SHA256", "AWS"
_SCHEMES = frozenset({_VERSION_4, _VERSION_2})
_S3 = "s3:"
_HEADER_PREFIX = "s3:x-amz-"
_KEYS: dict[str, Callable[[RequestHead], str | None]] = {
    "aws:sourceip": lambda head: head.peer or None,
    "aws:securetransport": lambda head: "true" if head.scheme == "https" else "false",
    "aws:currenttime": _now,
    "aws:epochtime": lambda _head: str(int(time.time())),
    "aws:useragent": lambda head: head.headers.get("User-Agent"),
    "aws:referer": lambda head: head.headers.get("Referer"),
    "s3:signatureversion": _signature_version,
    "s3:signatureage": _signature_age,
    "s3:authtype": _authentication,
    "s3:tlsversion": lambda head: head.tls_version or None,
    "s3:resourceaccount": lambda _head: ACCOUNT,
    "aws:resourceaccount": lambda _head: ACCOUNT,
}
