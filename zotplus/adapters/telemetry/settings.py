"""What can be set about logs, metrics and traces."""

from typing import Annotated, Literal

import msgspec


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Logs, on standard error."""

    format: Literal["auto", "json", "console"] = "auto"
    """``json``: one object per line; ``console``: lines for people. ``auto``: ``console`` on a terminal, else
    ``json``, because containers' logs are read by machines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged at least."""

    access: bool = True
    """Whether each request gets a line. On by default: who did what is asked after the fact."""

    flush_interval: Annotated[float, msgspec.Meta(ge=0.001, le=10)] = 0.1
    """Seconds that lines may wait to be written together. One system call per line would cost more than the metadata
    lookup of the request; warnings and errors never wait."""


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics, at ``/metrics``."""

    public: bool = False
    """Whether ``/metrics`` is open to everybody. Off by default: names of operations and their load help an
    attacker; Prometheus sends an access key that may ``admin:ReadMetrics`` by its ``basic_auth``."""


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Traces, by OpenTelemetry."""

    otlp_endpoint: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")] | None = None
    """Address of a collector that takes OTLP over HTTP (``http://collector:4318/v1/traces``). None by default: no
    spans are made. Needs ``pip install 'zotplus[telemetry]'``."""

    service_name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] = "zotplus"
    """The ``service.name`` of the spans."""

    sample_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """Share of requests without a sampled parent that are traced, 0 to 1. A tenth shows what is slow at a tenth of
    the cost; a client's own decision in ``traceparent`` wins."""
