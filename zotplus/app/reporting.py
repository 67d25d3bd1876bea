"""Logs, metrics and spans of one process."""

from pathlib import Path

from zotplus.adapters.telemetry.exposition import CONTENT_TYPE, expose
from zotplus.adapters.telemetry.logs import configure_logs
from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.requests import RequestTelemetry
from zotplus.app.observers import observers
from zotplus.ports.telemetry import Telemetry
from zotplus.settings import Settings

METRICS_FOLDER = "run/metrics"
"""Below the data folder: where every process keeps its counters, for all of them to sum."""


def metrics_folder(settings: Settings) -> Path:
    """The folder of all processes' counters."""
    return settings.data / METRICS_FOLDER


class Reporting:
    """Set up for the process named ``process`` (``worker-0``, ``janitor``); closed at its end."""

    def __init__(self, settings: Settings, process: str) -> None:
        self._folder = metrics_folder(settings)
        self._logs = configure_logs(settings.log, process=process, threaded=True)
        self.metrics = Metrics(self._folder, process)
        self.observers = observers(self.metrics)
        self._tracing = None
        if settings.telemetry.otlp_endpoint is not None:
            from zotplus.adapters.telemetry.tracing import Tracing  # noqa: PLC0415 - the SDK is large and optional

            self._tracing = Tracing(settings.telemetry)
        self.telemetry: Telemetry = RequestTelemetry(self.metrics, self._logs, self._tracing)

    def exposition(self) -> tuple[str, bytes]:
        """Content type and text of all metrics, summed over the processes."""
        return CONTENT_TYPE, expose(self._folder)

    def close(self) -> None:
        """Write what is buffered."""
        if self._tracing is not None:
            self._tracing.close()
        self.metrics.close()
        self._logs.close()
