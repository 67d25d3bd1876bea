"""Times as records hold them: RFC 3339 in UTC to the millisecond, so that their order is that of their text."""

import time
from datetime import datetime
from functools import lru_cache

_SECONDS = 8
_MILLISECONDS = 64  # many requests share one


@lru_cache(maxsize=_SECONDS)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


@lru_cache(maxsize=_MILLISECONDS)
def _millisecond(whole: int) -> str:
    return f"{_second(whole // 1000)}.{whole % 1000:03d}Z"


def timestamp(seconds: float) -> str:
    """``seconds`` since the epoch as text."""
    return _millisecond(int(seconds * 1000))


def moment(text: str) -> float:
    """Seconds since the epoch of a record's time. Raises ``ValueError``."""
    return datetime.fromisoformat(text).timestamp()
