"""How much one caller may ask of this process: requests a second, and uploads at the same time.

A token bucket for each caller: it holds ``burst`` requests and fills at ``requests_per_second``. Both are a worker's
share of what is set, because workers know nothing of each other; connections are spread over them by the kernel.
"""

import math
import time
from collections import OrderedDict
from typing import Annotated

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.lookups import Clock

REMEMBERED = 16_384
"""Callers whose requests are counted, some 300 bytes each. One that is forgotten begins with a full bucket again."""


class ProtectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller may ask of the server: a principal, or for requests without credentials an address (IPv6: /64).

    Each worker counts for itself and allows its share, so a client with few connections gets less than the whole.
    """

    requests_per_second: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] | None = None
    """Requests a second, in the long run. None by default: no limit. More are answered with 429 and Retry-After (S3:
    SlowDown). Health and metrics are never limited."""

    burst: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    """Requests at once after a pause. By default those of two seconds; pushing an image begins with dozens."""

    uploads: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """Uploads (bodies above 64 KiB, or of unknown length) under way at the same time. None by default: no limit.
    Clients send parts of one file side by side: aws-cli up to 10, podman and docker 3 to 6 layers."""

    @property
    def is_on(self) -> bool:
        """Whether anything is limited."""
        return self.requests_per_second is not None or self.uploads is not None


class _Bucket(msgspec.Struct):
    left: float
    at: float


class CallerLimits:
    """The counts of one process out of ``workers``."""

    def __init__(self, settings: ProtectionSettings, workers: int, *, clock: Clock = time.monotonic) -> None:
        rate = settings.requests_per_second
        self._rate = None if rate is None else rate / workers
        whole = settings.burst if settings.burst is not None else 2 * (rate or 0)
        self._burst = max(1.0, whole / workers)
        self._uploads = None if settings.uploads is None else max(1, round(settings.uploads / workers))
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._running: dict[str, int] = {}

    def take(self, caller: str) -> None:
        """Count a request. Raises ``TOO_MANY_REQUESTS`` where the bucket is empty; such a request costs nothing."""
        if self._rate is None:
            return
        bucket = self._filled(caller, self._rate)
        if bucket.left < 1:
            wait = math.ceil((1 - bucket.left) / self._rate)
            raise Problem(errors.TOO_MANY_REQUESTS, f"Too many requests; wait {wait} s.", retry_after=wait)
        bucket.left -= 1

    def give_back(self, caller: str) -> None:
        """Undo ``take``: the same request comes again."""
        bucket = self._buckets.get(caller)
        if bucket is not None:
            bucket.left = min(self._burst, bucket.left + 1)

    def begin_upload(self, caller: str) -> bool:
        """Count an upload; whether uploads are counted at all. Raises ``TOO_MANY_REQUESTS`` when all are taken."""
        if self._uploads is None:
            return False
        running = self._running.get(caller, 0)
        if running >= self._uploads:
            raise Problem(errors.TOO_MANY_REQUESTS, f"You have {running} uploads under way; wait for one of them.")
        self._running[caller] = running + 1
        return True

    def end_upload(self, caller: str) -> None:
        """The upload is over."""
        running = self._running[caller] - 1
        if running:
            self._running[caller] = running
        else:
            del self._running[caller]

    def _filled(self, caller: str, rate: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(left=self._burst, at=now)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(caller)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        return bucket
