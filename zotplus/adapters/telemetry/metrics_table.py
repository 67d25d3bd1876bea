"""Every metric of the server as data; ``docs/reference/metrics.md`` is printed from it."""

from enum import StrEnum

import msgspec


class MetricKind(StrEnum):
    """How values are read and summed over processes; gauges start at zero with their process."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``scale`` turns the stored whole numbers into the unit of the name; ``buckets`` are in that unit."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    scale: float = 1
    buckets: tuple[float, ...] = ()


METRICS: dict[str, Metric] = {}

NANOSECONDS = 1e-9
REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""From a metadata lookup (below a millisecond) to a layer over a slow line."""
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
BATCH_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
JOB_BUCKETS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)


def _metric(  # one row per call
    kind: MetricKind, name: str, text: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = ()
) -> Metric:
    scale = NANOSECONDS if name.endswith("_seconds") else 1
    metric = Metric(name=name, kind=kind, help=text, labels=labels, scale=scale, buckets=buckets)
    METRICS[name] = metric
    return metric


_C, _G, _H = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM
_ROUTE = ("face", "operation")

# fmt: off
REQUESTS = _metric(_C, "zotplus_requests_total", "Requests answered.", (*_ROUTE, "status"))
REQUEST_SECONDS = _metric(_H, "zotplus_request_seconds",
    "Time from a request's head to the last byte of its answer.",
    _ROUTE, REQUEST_BUCKETS)
BYTES_RECEIVED = _metric(_C, "zotplus_received_bytes_total", "Bytes of request bodies.", _ROUTE)
BYTES_SENT = _metric(_C, "zotplus_sent_bytes_total", "Bytes of answers' bodies.", _ROUTE)
IN_FLIGHT = _metric(_G, "zotplus_requests_in_flight", "Requests under way.")
LOG_DROPPED = _metric(_C, "zotplus_log_lines_dropped_total", "Log lines lost because nobody took them in time.")
COMMITS = _metric(_C, "zotplus_metadata_commits_total", "Durable commits of metadata.")
COMMIT_SECONDS = _metric(_H, "zotplus_metadata_commit_seconds", "Time of one durable commit.", (), COMMIT_BUCKETS)
COMMIT_CHANGES = _metric(_H, "zotplus_metadata_commit_changes", "Changes made durable by one commit.",
    (), BATCH_BUCKETS)
BLOB_BYTES_WRITTEN = _metric(_C, "zotplus_blob_written_bytes_total", "Bytes of content stored as blobs.")
BLOB_BYTES_READ = _metric(_C, "zotplus_blob_read_bytes_total", "Bytes of content read from blobs.")
UPSTREAM_ERRORS = _metric(_C, "zotplus_upstream_errors_total", "Requests that the OCI registry did not answer.",
    ("fault",))
JOB_SECONDS = _metric(_H, "zotplus_janitor_job_seconds", "Time of one run of a janitor's job.",
    ("job",), JOB_BUCKETS)
JOB_FAILURES = _metric(_C, "zotplus_janitor_job_failures_total", "Runs of a janitor's job that failed.", ("job",))
AGED = _metric(_C, "zotplus_lifecycle_actions_total",
    "What lifecycle rules did: remove, mark, move, abort, and locked for what object lock kept.", ("step",))
EVENTS = _metric(_C, "zotplus_events_total",
    "Attempts to deliver events: delivered, failed (tried again later) or dead (given up).", ("webhook", "outcome"))
EVENTS_QUEUED = _metric(_G, "zotplus_events_queued", "Events that wait for a webhook, 10,000 being as many or more.",
    ("webhook",))
EVENTS_LAG = _metric(_G, "zotplus_events_lag_seconds", "Age of the oldest event that waits for a webhook.",
    ("webhook",))
RESTARTS = _metric(_C, "zotplus_process_restarts_total", "Processes started again after they died.", ("process",))
WORKERS = _metric(_G, "zotplus_workers", "Processes that serve requests.")
# fmt: on

BUILD_INFO = Metric(
    name="zotplus_build_info",
    kind=MetricKind.GAUGE,
    help="Always 1; the labels say what runs.",
    labels=("version", "python"),
)


def reference() -> str:
    """The page ``docs/reference/metrics.md``."""
    rows = [*METRICS.values(), BUILD_INFO]
    lines = [
        "# Metrics",
        "",
        "<!-- Printed from zotplus/adapters/telemetry/metrics_table.py by `make fix`; edit the table there. -->",
        "",
        "`/metrics` on the main port answers in Prometheus' text format. Whichever worker answers sums over all",
        "processes of the server. It needs an access key that may `admin:ReadMetrics` (Prometheus: `basic_auth`),",
        "unless `metrics.public` is set. Counters begin at zero with the server, not with each worker.",
        "",
        "| name | kind | labels | meaning |",
        "|---|---|---|---|",
        *(f"| `{m.name}` | {m.kind} | {', '.join(f'`{label}`' for label in m.labels)} | {m.help} |" for m in rows),
        "",
        "`operation` is the protocol's own word (`PutObject`), `Unknown` where no route was found. Buckets in seconds:",
        "",
        *(f"- `{m.name}`: {', '.join(f'{edge:g}' for edge in m.buckets)}" for m in rows if m.buckets),
    ]
    return "\n".join(lines) + "\n"
