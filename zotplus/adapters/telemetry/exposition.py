"""Metrics as Prometheus reads them, by ``prometheus_client``."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from zotplus.adapters.telemetry.metrics import sums
from zotplus.adapters.telemetry.metrics_table import BUILD_INFO, METRICS, Metric, MetricKind

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def expose(folder: Path) -> bytes:
    """Every metric, summed over the processes that keep theirs in ``folder``, in the text format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Sums(folder))
    return generate_latest(registry)


class _Sums(Collector):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> Iterable[Family]:
        """Nothing to describe beforehand."""
        return ()

    def collect(self) -> Iterator[Family]:
        """One family per row of the table that has a series."""
        families: dict[str, Family] = {}
        for (name, *labels), numbers in sorted(sums(self._folder).items()):
            _add(families.setdefault(name, _family(METRICS[name])), METRICS[name], labels, numbers)
        yield from families.values()
        build = GaugeMetricFamily(BUILD_INFO.name, BUILD_INFO.help, labels=BUILD_INFO.labels)
        build.add_metric([version("zotplus"), platform.python_version()], 1)
        yield build


def _family(metric: Metric) -> Family:
    if metric.kind is MetricKind.COUNTER:
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    if metric.kind is MetricKind.GAUGE:
        return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)


def _add(family: Family, metric: Metric, labels: list[str], numbers: list[int]) -> None:
    if isinstance(family, HistogramMetricFamily):
        *counts, total = numbers
        edges = [*(str(edge) for edge in metric.buckets), "+Inf"]
        buckets = list(zip(edges, map(float, accumulate(counts)), strict=True))
        family.add_metric(labels, buckets, total * metric.scale)
    elif isinstance(family, CounterMetricFamily):
        family.add_metric(labels, numbers[0] * metric.scale)
    elif isinstance(family, GaugeMetricFamily):
        signed = numbers[0] - (1 << 64) if numbers[0] >> 63 else numbers[0]  # modular, as it was counted
        family.add_metric(labels, signed * metric.scale)
