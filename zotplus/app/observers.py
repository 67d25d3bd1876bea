"""What engines tell about their work, and which metric each tale becomes. Engines know callables, never metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.metrics_table import (
    BLOB_BYTES_READ,
    BLOB_BYTES_WRITTEN,
    COMMIT_CHANGES,
    COMMIT_SECONDS,
    COMMITS,
)
from zotplus.adapters.telemetry.tracing import outgoing


@dataclass(frozen=True, kw_only=True, slots=True)
class Observers:
    """One process's; None where nobody listens."""

    commit: Callable[[int, float], None] | None = None
    blob_read: Callable[[int], None] | None = None
    blob_written: Callable[[int], None] | None = None
    trace: Callable[[], Mapping[str, str]] | None = None


UNOBSERVED = Observers()


def observers(metrics: Metrics) -> Observers:
    """Count in ``metrics``. One thread writes each series: commits the committing one, the rest the loop."""
    return Observers(
        commit=_commit_observer(metrics),
        blob_read=metrics.counter(BLOB_BYTES_READ).add,
        blob_written=metrics.counter(BLOB_BYTES_WRITTEN).add,
        trace=outgoing,
    )


def _commit_observer(metrics: Metrics) -> Callable[[int, float], None]:
    commits, duration = metrics.counter(COMMITS), metrics.histogram(COMMIT_SECONDS)
    size = metrics.histogram(COMMIT_CHANGES)

    def committed(changes: int, seconds: float) -> None:
        commits.add()
        duration.observe(seconds)
        size.observe(changes)

    return committed
