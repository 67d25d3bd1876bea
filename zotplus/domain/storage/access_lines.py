"""The lines of server access logs, and the names of the objects that hold them.

Spec: Amazon S3 User Guide, "Amazon S3 server access log format", "Logging requests with server access logging" (key
formats).
"""

import re
import time
from typing import Final
from urllib.parse import unquote

import msgspec

from zotplus.domain import percent
from zotplus.domain.iam.arns import ACCOUNT

SIMPLE: Final = ""
EVENT_TIME: Final = "EventTime"
DELIVERY_TIME: Final = "DeliveryTime"
PREFIX_MAX: Final = 900
"""Bytes of a target prefix: with what is put behind it a key stays below 1,024."""

_HOST_ID = "zotplus"
_DAY = 86_400
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TEXT_MAX = 1_024
"""Characters of a field that a client chooses freely; a request's target may be longer and is cut too."""
_TARGET_MAX = 4_096
_SECRETS = frozenset({"x-amz-signature", "x-amz-security-token", "signature"})
"""Parameters of a link whose values let others use it."""
_escaped = re.compile(r'["\\\x00-\x20\x7f-\U0010ffff]')


class LoggingTarget(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a bucket's log goes: ``bucket``, the ``prefix`` of keys, and how ``partitioned``.

    That is empty for keys without folders, else whose time the folders have: ``EventTime`` or ``DeliveryTime``.
    """

    bucket: str
    prefix: str = ""
    partitioned: str = SIMPLE


class AccessLine(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the log tells it. Empty texts and None become ``-``; ``time`` in seconds since the epoch.

    ``owner`` and ``requester`` are as shown, ``target`` is the request's raw target, ``milliseconds`` the time taken.
    """

    owner: str
    bucket: str
    time: float
    address: str
    requester: str
    request_id: str
    operation: str
    key: str
    method: str
    target: str
    status: int
    error: str = ""
    sent: int = 0
    size: int | None = None
    milliseconds: int = 0
    referer: str = ""
    agent: str = ""
    version: str = ""
    signature: str = ""
    authentication: str = ""
    host: str = ""


def render(line: AccessLine) -> str:
    """The line, without its end. Nothing that a client sent can begin another field or line; signatures are blanked."""
    uri = f"{line.method} {_safe(_blanked(line.target), _TARGET_MAX)} HTTP/1.1"
    fields = (
        line.owner,
        line.bucket,
        _clock(line.time),
        line.address,
        _safe(line.requester, _TEXT_MAX),
        line.request_id,
        line.operation,
        percent.encode(line.key, keep_slash=True),
        f'"{uri}"',
        str(line.status),
        line.error,
        str(line.sent) if line.sent else "",
        "" if line.size is None else str(line.size),
        str(line.milliseconds),
        "",  # turn-around time: not told apart from the whole
        f'"{_spaced(line.referer) or "-"}"',
        f'"{_spaced(line.agent) or "-"}"',
        line.version,
        _HOST_ID,
        line.signature,
        "",  # cipher suite: TLS may end before this server
        line.authentication,
        _safe(line.host, _TEXT_MAX),
        "",  # TLS version
        "",  # access point
        "",  # whether an access control list was needed
    )
    return " ".join([field or "-" for field in fields])


def log_key(target: LoggingTarget, source: tuple[str, str], times: tuple[float, float], unique: str) -> str:
    """The key of a log object. ``source`` are region and bucket, ``times`` those of delivery and of the event.

    With ``EventTime`` all lines are of one day, and Amazon writes no time of day then.
    """
    delivered, event = times
    if target.partitioned == SIMPLE:
        return f"{target.prefix}{_stamp(delivered)}-{unique}"
    moment = event // _DAY * _DAY if target.partitioned == EVENT_TIME else delivered
    folder = time.strftime("%Y/%m/%d", time.gmtime(moment))
    return f"{target.prefix}{ACCOUNT}/{'/'.join(source)}/{folder}/{_stamp(moment)}-{unique}"


def _stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime(moment))


def _clock(moment: float) -> str:
    """As ``[06/Feb/2026:00:00:38 +0000]``; the month's name must not follow the locale."""
    at = time.gmtime(moment)
    return time.strftime(f"[%d/{_MONTHS[at.tm_mon - 1]}/%Y:%H:%M:%S +0000]", at)


def _blanked(target: str) -> str:
    """``target`` without the values of ``_SECRETS``, however their names are encoded."""
    path, mark, query = target.partition("?")
    parts = [part.partition("=") for part in query.split("&")]
    return path + mark + "&".join([name + sign + ("-" if _is_secret(name) else value) for name, sign, value in parts])


def _is_secret(name: str) -> bool:
    return unquote(name).lower() in _SECRETS


def _safe(text: str, limit: int) -> str:
    """``text`` with everything percent-encoded that could end a field."""
    return _escaped.sub(_encoded, text[:limit])


def _spaced(text: str) -> str:
    """As ``_safe``, but spaces stay: the field is in quotes."""
    return " ".join([_safe(part, _TEXT_MAX) for part in text[:_TEXT_MAX].split(" ")])


def _encoded(found: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in found.group().encode("utf-8", "surrogateescape")])
