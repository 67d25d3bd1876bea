"""Counters in shared memory: one file per process, written without a lock, summed by whoever answers ``/metrics``.

A file is an array of unsigned 64-bit numbers followed by text. Number 0 says how many bytes of the text are valid; the
text has one line per series, ``first-number name label label …`` separated by tabs, appended before number 0 grows. A
process that is started again opens its old file and goes on counting, so sums never fall.
"""

import errno
import mmap
import os
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from zotplus.adapters.telemetry.metrics_table import METRICS, Metric, MetricKind

SLOTS = 16_384
"""Numbers per process: some 80 operations with 10 statuses and a histogram each take 3,000."""

TEXT_BYTES = 1 << 20
_NUMBERS_BYTES = SLOTS * 8
_FILE_BYTES = _NUMBERS_BYTES + TEXT_BYTES
_WRAP = (1 << 64) - 1

SeriesKey = tuple[str, ...]
"""Metric name, then label values in the order of its row."""


class Counter:
    """A number that grows, or a gauge that goes up and down."""

    __slots__ = ("_numbers", "_slot")

    def __init__(self, numbers: memoryview, slot: int) -> None:
        self._numbers = numbers
        self._slot = slot

    def add(self, amount: int = 1) -> None:
        """Add ``amount``; below zero only for gauges."""
        self._numbers[self._slot] = (self._numbers[self._slot] + amount) & _WRAP


class Histogram:
    """A distribution; fits ``prometheus_async.aio.time``."""

    __slots__ = ("_buckets", "_numbers", "_slot", "_sum", "_unit")

    def __init__(self, numbers: memoryview, slot: int, metric: Metric) -> None:
        self._numbers = numbers
        self._slot = slot
        self._buckets = metric.buckets
        self._sum = slot + len(metric.buckets) + 1
        self._unit = 1 / metric.scale

    def observe(self, value: float) -> None:
        """Count ``value``, in the unit of the metric's name."""
        numbers = self._numbers
        numbers[self._slot + bisect_left(self._buckets, value)] += 1
        numbers[self._sum] += int(value * self._unit)


class Metrics:
    """The metrics of one process, in a file of ``folder`` named after it."""

    def __init__(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._map, self._numbers = _open(folder / f"{process}.metrics")
        self._series: dict[SeriesKey, int] = {}
        self._handles: dict[SeriesKey, Counter | Histogram] = {}
        self._next = 1
        for key, slot in _series(self._map, self._numbers):
            self._series[key] = slot
            metric = METRICS[key[0]]
            self._next = max(self._next, slot + _width(metric))
            if metric.kind is MetricKind.GAUGE:
                self._numbers[slot] = 0

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """The counter or gauge of ``metric`` with these label values."""
        handle = self._handle(metric, labels)
        if not isinstance(handle, Counter):
            raise TypeError(f"{metric.name} is a histogram")
        return handle

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """The histogram of ``metric`` with these label values."""
        handle = self._handle(metric, labels)
        if not isinstance(handle, Histogram):
            raise TypeError(f"{metric.name} is no histogram")
        return handle

    def close(self) -> None:
        """Release the memory; the file stays for the sums. Handles must not be used afterwards."""
        self._handles.clear()
        self._numbers.release()
        self._map.close()

    def _handle(self, metric: Metric, labels: tuple[str, ...]) -> Counter | Histogram:
        key = (metric.name, *labels)
        handle = self._handles.get(key)
        if handle is None:
            if len(labels) != len(metric.labels):
                raise ValueError(f"{metric.name} has the labels {metric.labels}")
            slot = self._place(key, metric)
            is_histogram = metric.kind is MetricKind.HISTOGRAM
            handle = Histogram(self._numbers, slot, metric) if is_histogram else Counter(self._numbers, slot)
            self._handles[key] = handle
        return handle

    def _place(self, key: SeriesKey, metric: Metric) -> int:
        known = self._series.get(key)
        if known is not None:
            return known
        line = "\t".join((str(self._next), *(part.translate(_SEPARATORS) for part in key))).encode() + b"\n"
        start = _NUMBERS_BYTES + self._numbers[0]
        if start + len(line) > _FILE_BYTES or self._next + _width(metric) > SLOTS:
            # Labels are bounded by the route table, so this is a fault; counting it elsewhere would be one too.
            raise RuntimeError(f"no room for another series of {metric.name}")
        slot, self._next = self._next, self._next + _width(metric)
        self._map[start : start + len(line)] = line
        self._numbers[0] += len(line)
        self._series[key] = slot
        return slot


_SEPARATORS = {ord("\t"): " ", ord("\n"): " "}


def sums(folder: Path) -> dict[SeriesKey, list[int]]:
    """The numbers of every series, added up over all processes' files in ``folder``.

    A counter or gauge has one number; a histogram one per bucket (not cumulative), one for above, and the sum.
    """
    total: dict[SeriesKey, list[int]] = {}
    for path in sorted(folder.glob("*.metrics")):
        mapped, numbers = _open(path)
        for key, slot in _series(mapped, numbers):
            values = numbers[slot : slot + _width(METRICS[key[0]])].tolist()
            before = total.get(key)
            total[key] = values if before is None else [(a + b) & _WRAP for a, b in zip(before, values, strict=True)]
        numbers.release()
        mapped.close()
    return total


def _width(metric: Metric) -> int:
    return len(metric.buckets) + 2 if metric.kind is MetricKind.HISTOGRAM else 1


def _open(path: Path) -> tuple[mmap.mmap, memoryview]:
    try:
        mapped = _map_file(path)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        mapped = mmap.mmap(-1, _FILE_BYTES)  # counts for nobody else, but a full disk stops no process
    return mapped, memoryview(mapped)[:_NUMBERS_BYTES].cast("Q")


def _map_file(path: Path) -> mmap.mmap:
    """Map the file at ``path``, all of it allocated: to touch a page that has no room on disk kills the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _FILE_BYTES)
        return mmap.mmap(descriptor, _FILE_BYTES)
    finally:
        os.close(descriptor)


def _series(mapped: mmap.mmap, numbers: memoryview) -> Iterator[tuple[SeriesKey, int]]:
    """The series of a file; what another version or a fault left there is passed over."""
    text = mapped[_NUMBERS_BYTES : _NUMBERS_BYTES + min(numbers[0], TEXT_BYTES)].decode(errors="replace")
    for line in text.splitlines():
        slot, *key = line.split("\t")
        metric = METRICS.get(key[0]) if key else None
        if metric is None or not slot.isdecimal() or len(key) != 1 + len(metric.labels):
            continue
        if 1 <= int(slot) <= SLOTS - _width(metric):
            yield tuple(key), int(slot)
