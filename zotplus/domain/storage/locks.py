"""Object lock: what keeps a version from being deleted, until when, and who may change that.

Spec: S3 User Guide, "Locking objects with Object Lock", "Object Lock considerations"; S3 API Reference,
PutObjectLockConfiguration, PutObjectRetention, PutObjectLegalHold. Times are milliseconds since the epoch.
"""

import re
from calendar import isleap
from datetime import UTC, datetime

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

GOVERNANCE = "GOVERNANCE"
COMPLIANCE = "COMPLIANCE"
MODES = frozenset({GOVERNANCE, COMPLIANCE})
MAX_DAYS = 36_500
"""Days of a bucket's default retention (S3 User Guide, "Object Lock considerations": 100 years)."""
MAX_YEARS = 100
"""Years of a bucket's default retention (the same)."""
DAY_MS = 86_400_000
_LAST_YEAR = 9999  # the last that an ISO 8601 date of four digits can name
_FIRST_MS = int(datetime(1, 1, 1, tzinfo=UTC).timestamp()) * 1000
_LAST_MS = int(datetime(_LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1000 + 999
# Years of four digits, and a fraction of bounded length: seconds are what is kept to the millisecond.
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
).fullmatch


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long a version is kept: ``mode`` GOVERNANCE, COMPLIANCE or empty for not at all, and until when."""

    mode: str = ""
    until_ms: int = 0

    def holds(self, now_ms: int) -> bool:
        """Whether it forbids deletion now. A mode that nobody knows does so for ever: fail closed."""
        return bool(self.mode) and (self.mode not in MODES or self.until_ms > now_ms)


NO_RETENTION = Retention()


def check_deletable(retention: Retention, now_ms: int, *, legal_hold: bool, bypass: bool) -> None:
    """Refuse the deletion of what is locked. Raises ``OBJECT_LOCKED``.

    A legal hold and COMPLIANCE hold against everybody; GOVERNANCE gives way to ``bypass``, the right and the wish to.
    """
    if legal_hold:
        raise Problem(errors.OBJECT_LOCKED)
    if retention.holds(now_ms) and not (bypass and retention.mode == GOVERNANCE):
        raise Problem(errors.OBJECT_LOCKED)


def check_retention_change(current: Retention, wanted: Retention, now_ms: int, *, bypass: bool) -> None:
    """Refuse a change that would protect a version otherwise than it was promised. Raises ``OBJECT_LOCKED``.

    Both modes can be extended. All else needs ``bypass`` for GOVERNANCE, also the way to COMPLIANCE, which nobody could
    undo; for COMPLIANCE there is nothing else. What has ended binds nobody.
    """
    if not current.holds(now_ms) or (current.mode == GOVERNANCE and bypass):
        return
    if current.mode not in MODES or wanted.mode != current.mode or wanted.until_ms < current.until_ms:
        raise Problem(errors.OBJECT_LOCKED)


def check_retention(wanted: Retention, now_ms: int) -> None:
    """Refuse a retention that is none. Raises ``ARGUMENT_INVALID`` for an unknown mode or a date not to come."""
    if wanted.mode not in MODES:
        raise Problem(
            errors.ARGUMENT_INVALID,
            "Unknown wormMode directive.",
            ArgumentName="x-amz-object-lock-mode",
            ArgumentValue=wanted.mode[:64],
        )
    if wanted.until_ms <= now_ms:
        raise Problem(
            errors.ARGUMENT_INVALID,
            "The retain until date must be in the future!",
            ArgumentName="x-amz-object-lock-retain-until-date",
        )


def check_period(days: int | None, years: int | None) -> None:
    """Refuse a bucket's default period that is none. Raises ``XML_MALFORMED`` unless one of both is given.

    Raises ``ARGUMENT_INVALID`` for 0 and less, and for more than 36,500 days or 100 years.
    """
    if (days is None) == (years is None):
        raise Problem(errors.XML_MALFORMED, "DefaultRetention takes either Days or Years.")
    name, amount, limit = ("Days", days, MAX_DAYS) if days is not None else ("Years", years, MAX_YEARS)
    if amount is None or amount <= 0:
        raise Problem(errors.ARGUMENT_INVALID, "Default retention period must be a positive integer value.")
    if amount > limit:
        raise Problem(
            errors.ARGUMENT_INVALID,
            "Default retention period too large.",
            ArgumentName=name,
            ArgumentValue=amount,
            Maximum=limit,
        )


def end_of_period(now_ms: int, *, days: int, years: int) -> int:
    """When a default period that begins now ends; one of ``days`` and ``years`` is 0.

    A year is one of the calendar, so that "seven years" ends on the day that people count. The last of February is
    followed by the first of March where a year has no 29th: never a day early.
    """
    if not years:
        return now_ms + days * DAY_MS
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    year = min(now.year + years, _LAST_YEAR)
    is_missing = (now.month, now.day) == (2, 29) and not isleap(year)
    end = now.replace(year=year, month=3, day=1) if is_missing else now.replace(year=year)
    return int(end.timestamp()) * 1000 + now_ms % 1000


def parse_instant(text: str) -> int | None:
    """Milliseconds since the epoch of an ISO 8601 date and time (``2030-01-01T00:00:00Z``), None where it is none.

    Parts of a millisecond count as a whole one, so that nothing ends early. What ``format_instant`` could not write is
    none: with parts and zone it can lie outside of the years of four digits.
    """
    found = _INSTANT(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, east, minutes = found.groups()
    try:
        moment = datetime(*map(int, (year, month, day, hour, minute, second)), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    shift = 0 if sign is None else (int(east) * 60 + int(minutes)) * 60_000 * (-1 if sign == "+" else 1)
    parts = -(-int((fraction or "0").ljust(9, "0")) // 1_000_000)
    found_ms = int(moment.timestamp()) * 1000 + parts + shift
    return found_ms if _FIRST_MS <= found_ms <= _LAST_MS else None


def format_instant(epoch_ms: int) -> str:
    """The same instant as S3 writes it, with milliseconds."""
    moment = datetime.fromtimestamp(epoch_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ms % 1000:03d}Z"
