"""Dates as requests carry them: HTTP dates and the basic ISO 8601 form of Amazon's protocols."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = r"(\d{2}):(\d{2}):(\d{2})"
# RFC 9110 section 5.6.7: a recipient accepts all three forms. Every repetition is of fixed or bounded length.
_IMF = re.compile(rf"[A-Z][a-z]{{2}}, (\d{{1,2}}) ([A-Z][a-z]{{2}}) (\d{{4}}) {_TIME} (?:GMT|UTC|[+-]0000)", re.ASCII)
_RFC_850 = re.compile(rf"[A-Z][a-z]{{5,8}}, (\d{{2}})-([A-Z][a-z]{{2}})-(\d{{2}}) {_TIME} GMT", re.ASCII)
_ASCTIME = re.compile(rf"[A-Z][a-z]{{2}} ([A-Z][a-z]{{2}}) ([ \d]\d) {_TIME} (\d{{4}})", re.ASCII)
_BASIC = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z", re.ASCII)
_EXTENDED = re.compile(rf"(\d{{4}})-(\d{{2}})-(\d{{2}})T{_TIME}(?:\.\d{{1,9}})?(?:Z|\+00:00)", re.ASCII)
_BASIC_LENGTH = 16
# Two-digit years of RFC 850: the usual pivot, since such clients are older than 2038.
_PIVOT = 70


def parse_http_date(text: str) -> int | None:
    """Seconds since the epoch of an HTTP date in any of its three forms; None where ``text`` is none."""
    if found := _IMF.fullmatch(text):
        day, month, year, *clock = found.groups()
    elif found := _RFC_850.fullmatch(text):
        day, month, year, *clock = found.groups()
        year = str(int(year) + (1900 if int(year) >= _PIVOT else 2000))
    elif found := _ASCTIME.fullmatch(text):
        month, day, *clock, year = found.groups()
    else:
        return None
    if month not in _MONTHS:
        return None
    return _epoch(int(year), _MONTHS.index(month) + 1, int(day), *map(int, clock))


def parse_timestamp(text: str) -> int | None:
    """Seconds since the epoch of an HTTP date or of ``YYYY-MM-DDTHH:MM:SS[.fff]Z``; None where ``text`` is neither."""
    if (found := _EXTENDED.fullmatch(text)) is not None:
        return _epoch(*map(int, found.groups()))
    return parse_http_date(text)


def parse_basic_date(text: str) -> int | None:
    """Seconds since the epoch of ``YYYYMMDDTHHMMSSZ``; None where ``text`` is not of that form."""
    return _parse_basic(text) if len(text) == _BASIC_LENGTH else None


@lru_cache(maxsize=256)  # requests of one second share their date
def _parse_basic(text: str) -> int | None:
    found = _BASIC.fullmatch(text)
    return None if found is None else _epoch(*map(int, found.groups()))


def format_basic_date(epoch: float) -> str:
    """``epoch`` (seconds) as ``YYYYMMDDTHHMMSSZ``."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%dT%H%M%SZ")


def _epoch(*parts: int) -> int | None:
    year, month, day, hour, minute, second = parts
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None
