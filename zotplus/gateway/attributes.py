"""Condition keys of requests: address, transport, time, client, and the headers of the S3 API.

Spec: AWS IAM User Guide, "AWS global condition context keys".
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

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


_S3 = "s3:"
_HEADER_PREFIX = "s3:x-amz-"
_KEYS: dict[str, Callable[[RequestHead], str | None]] = {
    "aws:sourceip": lambda head: head.peer or None,
    "aws:securetransport": lambda head: "true" if head.scheme == "https" else "false",
    "aws:currenttime": _now,
    "aws:epochtime": lambda _head: str(int(time.time())),
    "aws:useragent": lambda head: head.headers.get("User-Agent"),
    "aws:referer": lambda head: head.headers.get("Referer"),
}
