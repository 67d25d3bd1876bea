"""Times as records hold them: RFC 3339 in UTC to the millisecond, so that their order is that of their text."""

import time
from datetime import datetime
from functools import lru_cache


@lru_cache(maxsize=8)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))


def timestamp(seconds: float) -> str:
    """``seconds`` since the epoch as text."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


def moment(text: str) -> float:
    """Seconds since the epoch of a record's time. Raises ``ValueError``."""
    return datetime.fromisoformat(text).timestamp()
