"""Spans by OpenTelemetry, only where an exporter is configured; the package is imported only then.

Spec: W3C Trace Context Level 1, 3.2 (``traceparent``) and 3.3 (``tracestate``).
"""

import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from zotplus.adapters.telemetry.settings import TelemetrySettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.telemetry import Finished, Headers

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
TRACEPARENT_MAX = 512
"""Later versions may append to the 55 characters of version 00; nothing useful is longer than this."""

_NONE: Mapping[str, str] = MappingProxyType({})
_CURRENT: ContextVar[Mapping[str, str]] = ContextVar("zotplus_trace", default=_NONE)

_ERROR_STATUS = 500
"""Spec: OpenTelemetry semantic conventions for HTTP servers: only 5xx sets the span's status to Error."""


def outgoing() -> Mapping[str, str]:
    """The headers that continue this request's trace upstream; empty when there is none."""
    return _CURRENT.get()


def trace_id(headers: Headers | Mapping[str, str]) -> str:
    """The trace that the caller takes part in, in hexadecimal; empty when there is none, or none that can be read."""
    value = headers.get("traceparent")
    if value is None or len(value) > TRACEPARENT_MAX:
        return ""
    match = _TRACEPARENT.fullmatch(value)
    return match[1] if match else ""


def take_over(headers: Headers | Mapping[str, str]) -> str:
    """Without an exporter: pass the caller's context on unchanged. Returns its trace id, or an empty string."""
    trace = trace_id(headers)
    if trace:
        state = headers.get("tracestate")
        parent = {"traceparent": headers.get("traceparent") or ""}
        _CURRENT.set({**parent, "tracestate": state} if state else parent)
    elif _CURRENT.get():
        _CURRENT.set(_NONE)
    return trace


class Tracing:
    """One span per request, handed to ``exporter`` in batches by a thread of the SDK."""

    def __init__(self, settings: TelemetrySettings, exporter: "SpanExporter | None" = None) -> None:
        self._provider = _provider(settings, exporter)
        self._tracer = self._provider.get_tracer("zotplus")
        self._spans: dict[str, tuple[Span, int]] = {}

    def begin(self, request_id: str, headers: Headers | Mapping[str, str], ago: float = 0.0) -> str:
        """Start the request's span below the caller's, ``ago`` seconds back; returns the trace id."""
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415 - optional
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        propagator = TraceContextTextMapPropagator()
        carrier = {name: headers.get(name) or "" for name in ("traceparent", "tracestate")} if trace_id(headers) else {}
        began = time.time_ns() - int(ago * 1e9)
        above = propagator.extract(carrier)
        span = self._tracer.start_span("request", context=above, kind=SpanKind.SERVER, start_time=began)
        forwarded: dict[str, str] = {}
        propagator.inject(forwarded, set_span_in_context(span))
        _CURRENT.set(forwarded)
        self._spans[request_id] = span, began
        return f"{span.get_span_context().trace_id:032x}"

    def finish(self, finished: Finished) -> None:
        """End it when the request was answered. Attribute names are those of OpenTelemetry's HTTP conventions."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - optional

        found = self._spans.pop(finished.request_id, None)
        if found is None:
            return
        span, began = found
        span.update_name(f"{finished.face}.{finished.operation}")
        span.set_attributes(
            {
                "http.request.method": finished.method,
                "http.response.status_code": finished.status,
                "http.request.body.size": finished.bytes_in,
                "http.response.body.size": finished.bytes_out,
                "url.path": finished.path,
                "client.address": finished.peer,
                "enduser.id": finished.principal,
                "zotplus.request_id": finished.request_id,
            }
        )
        if finished.status >= _ERROR_STATUS:
            span.set_status(StatusCode.ERROR, str(finished.fields.get("fault", "")))
        span.end(began + int(finished.seconds * 1e9))  # it may be told of later

    def close(self) -> None:
        """Hand over what waits."""
        self._provider.shutdown()


def _provider(settings: TelemetrySettings, exporter: "SpanExporter | None") -> "TracerProvider":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - optional
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
    except ImportError as error:
        raise Problem(
            errors.SETTING_INVALID,
            "telemetry.otlp_endpoint is set but OpenTelemetry is not installed: pip install 'zotplus[telemetry]'.",
            setting="telemetry.otlp_endpoint",
        ) from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": settings.service_name}),
        sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
        shutdown_on_exit=False,  # the process ends by os._exit; ``close`` hands over
    )
    exporter = exporter or OTLPSpanExporter(endpoint=settings.otlp_endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
