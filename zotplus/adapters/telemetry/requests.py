"""The telemetry port of one worker: counts, times, logs and traces every request, in a few microseconds."""

from collections.abc import Mapping
from typing import Any

from zotplus.adapters.telemetry.logs import Logs, timestamp
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

_STATUS_SERVER_ERROR = 500
_UPSTREAM_FAULTS = frozenset(code for code, fault in CATALOGUE.items() if fault.type is FaultType.UPSTREAM)


class RequestTelemetry:
    """Implements ``ports.telemetry.Telemetry``."""

    def __init__(self, metrics: Metrics, logs: Logs, tracing: Tracing | None) -> None:
        self._metrics = metrics
        self._logs = logs
        self._tracing = tracing
        self._access = logs.settings.access and logs.settings.level in {"debug", "info"}
        self._in_flight = metrics.counter(IN_FLIGHT)
        self._dropped = metrics.counter(LOG_DROPPED)
        self._dropped_before = 0
        self._routes: dict[tuple[str, str], tuple[Histogram, Counter, Counter]] = {}
        self._statuses: dict[tuple[str, str, int], Counter] = {}
        self._traces: dict[str, str] = {}

    def begin(self, request_id: str, headers: Headers | Mapping[str, str]) -> None:
        """See ``Telemetry.begin``."""
        self._in_flight.add()
        trace = take_over(headers) if self._tracing is None else self._tracing.begin(request_id, headers)
        if trace:
            self._traces[request_id] = trace

    def finish(self, finished: Finished) -> None:
        """See ``Telemetry.finish``."""
        self._in_flight.add(-1)
        self._count(finished)
        trace = self._traces.pop(finished.request_id, "") if self._traces else ""
        if self._access:
            self._log(finished, trace)
        if self._tracing is not None:
            self._tracing.finish(finished)

    def close(self) -> None:
        """Flush logs and spans."""
        if self._tracing is not None:
            self._tracing.close()
        self._logs.close()

    def _count(self, finished: Finished) -> None:
        face, operation, status = finished.face, finished.operation, finished.status
        route = self._routes.get((face, operation))
        if route is None:
            route = self._routes[face, operation] = self._series(face, operation)
        requests = self._statuses.get((face, operation, status))
        if requests is None:
            requests = self._metrics.counter(REQUESTS, face, operation, str(status))
            self._statuses[face, operation, status] = requests
        seconds, received, sent = route
        requests.add()
        if status >= _STATUS_SERVER_ERROR:
            self._count_upstream(finished.fields.get("fault"))
        seconds.observe(finished.seconds)
        if finished.bytes_in:
            received.add(finished.bytes_in)
        if finished.bytes_out:
            sent.add(finished.bytes_out)

    def _count_upstream(self, fault: str | float | None) -> None:
        if isinstance(fault, str) and fault in _UPSTREAM_FAULTS:
            self._metrics.counter(UPSTREAM_ERRORS, fault).add()

    def _series(self, face: str, operation: str) -> tuple[Histogram, Counter, Counter]:
        return (
            self._metrics.histogram(REQUEST_SECONDS, face, operation),
            self._metrics.counter(BYTES_RECEIVED, face, operation),
            self._metrics.counter(BYTES_SENT, face, operation),
        )

    def _log(self, finished: Finished, trace: str) -> None:
        level = "error" if finished.status >= _STATUS_SERVER_ERROR else "info"
        line: dict[str, Any] = {
            "time": timestamp(),
            "level": level,
            "event": "request",
            "process": self._logs.process,
            "request_id": finished.request_id,
            "face": finished.face,
            "operation": finished.operation,
            "principal": finished.principal,
            "peer": finished.peer,
            "method": finished.method,
            "path": finished.path,
            "status": finished.status,
            "bytes_in": finished.bytes_in,
            "bytes_out": finished.bytes_out,
            "milliseconds": round(finished.seconds * 1000, 3),
        }
        if finished.fields:
            line.update(finished.fields)
        if trace:
            line["trace_id"] = trace
        self._logs.emit("info", line)  # gathered whatever its level: a storm of 503 must not flush each line
        dropped = self._logs.writer.dropped
        if dropped != self._dropped_before:
            self._dropped.add(dropped - self._dropped_before)
            self._dropped_before = dropped
