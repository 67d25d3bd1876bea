"""The telemetry port of one worker: counts, times, logs and traces every request, in a few microseconds."""

import time
from collections.abc import Mapping, Sequence

import structlog

from zotplus.adapters.telemetry.access_log import STATUS_SERVER_ERROR, AccessLog
from zotplus.adapters.telemetry.logs import Logs
from zotplus.adapters.telemetry.metrics import Counter, Histogram, Metrics
from zotplus.adapters.telemetry.metrics_table import (
    BYTES_RECEIVED,
    BYTES_SENT,
    IN_FLIGHT,
    LOG_DROPPED,
    REQUEST_SECONDS,
    REQUESTS,
    UPSTREAM_ERRORS,
)
from zotplus.adapters.telemetry.tracing import Tracing, take_over
from zotplus.domain.errors import CATALOGUE, FaultType
from zotplus.ports.telemetry import Finished, Headers

log = structlog.get_logger("zotplus.telemetry")

_NO_HEADERS: dict[str, str] = {}
_UPSTREAM_FAULTS = frozenset(code for code, fault in CATALOGUE.items() if fault.type is FaultType.UPSTREAM)


Series = tuple[Counter, Histogram, Counter, Counter]
"""Requests, seconds, bytes received and bytes sent of one face, operation and status."""


class RequestTelemetry:
    """Implements ``ports.telemetry.Telemetry``."""

    def __init__(self, metrics: Metrics, logs: Logs, tracing: Tracing | None) -> None:
        self._metrics = metrics
        self._logs = logs
        self._tracing = tracing
        is_logged = logs.settings.access and logs.settings.level in {"debug", "info"}
        self._access = AccessLog(logs) if is_logged else None
        self._in_flight = metrics.counter(IN_FLIGHT)
        self._dropped = metrics.counter(LOG_DROPPED)
        self._dropped_before = 0
        self._series: dict[tuple[str, str, int], Series] = {}
        self._traces: dict[str, str] = {}

    def begin(self, request_id: str, headers: Headers | Mapping[str, str]) -> None:
        """See ``Telemetry.begin``."""
        self._in_flight.add()
        trace = self._trace(request_id, headers)
        if trace:
            self._traces[request_id] = trace

    def finish(self, finished: Finished) -> str:
        """See ``Telemetry.finish``."""
        self._in_flight.add(-1)
        trace = self._traces.pop(finished.request_id, "") if self._traces else ""
        self._tell(finished, trace)
        return trace

    def answered(self, headers: Headers | Mapping[str, str], finished: Finished) -> str:
        """See ``Telemetry.answered``."""
        trace = self._trace(finished.request_id, headers, finished.seconds)
        self._tell(finished, trace)
        return trace

    def answered_together(self, answered: Sequence[Finished]) -> Sequence[str]:
        """See ``Telemetry.answered_together``."""
        tracing, traces = self._tracing, [""] * len(answered)
        if tracing is not None:
            now = time.time()
            traces = [tracing.begin(one.request_id, _NO_HEADERS, now - one.at + one.seconds) for one in answered]
        for one in answered:
            try:
                self._count(one)
            except Exception:
                log.exception("request_not_counted", request_id=one.request_id)
        if self._access is not None:
            self._access.add_all(zip(answered, traces, strict=True))
            self._count_dropped()
        if tracing is not None:
            for one in answered:
                tracing.finish(one)
        return traces

    def _trace(self, request_id: str, headers: Headers | Mapping[str, str], ago: float = 0.0) -> str:
        return take_over(headers) if self._tracing is None else self._tracing.begin(request_id, headers, ago)

    def _tell(self, finished: Finished, trace: str) -> None:
        self._count(finished)
        if self._access is not None:
            self._access.add(finished, trace)
            self._count_dropped()
        if self._tracing is not None:
            self._tracing.finish(finished)

    def close(self) -> None:
        """Flush logs and spans."""
        if self._tracing is not None:
            self._tracing.close()
        if self._access is not None:
            self._access.flush()
        self._logs.close()

    def _count(self, finished: Finished) -> None:
        name = (finished.face, finished.operation, finished.status)
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = self._new_series(*name)
        requests, seconds, received, sent = series
        requests.add()
        if finished.status >= STATUS_SERVER_ERROR:
            self._count_upstream(finished.fields.get("fault"))
        seconds.observe(finished.seconds)
        if finished.bytes_in:
            received.add(finished.bytes_in)
        if finished.bytes_out:
            sent.add(finished.bytes_out)

    def _count_upstream(self, fault: str | float | None) -> None:
        if isinstance(fault, str) and fault in _UPSTREAM_FAULTS:
            self._metrics.counter(UPSTREAM_ERRORS, fault).add()

    def _new_series(self, face: str, operation: str, status: int) -> Series:
        return (
            self._metrics.counter(REQUESTS, face, operation, str(status)),
            self._metrics.histogram(REQUEST_SECONDS, face, operation),
            self._metrics.counter(BYTES_RECEIVED, face, operation),
            self._metrics.counter(BYTES_SENT, face, operation),
        )

    def _count_dropped(self) -> None:
        dropped = self._logs.writer.dropped
        if dropped != self._dropped_before:
            self._dropped.add(dropped - self._dropped_before)
            self._dropped_before = dropped
