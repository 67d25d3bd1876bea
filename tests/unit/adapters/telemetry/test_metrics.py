"""Counters in shared memory and how they add up."""

import errno
import os
import subprocess
import sys

import prometheus_async.aio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from zotplus.adapters.telemetry import metrics as module
from zotplus.adapters.telemetry.exposition import expose
from zotplus.adapters.telemetry.metrics import Metrics, sums
from zotplus.adapters.telemetry.metrics_table import (
    BYTES_SENT,
    IN_FLIGHT,
    JOB_SECONDS,
    METRICS,
    REQUEST_SECONDS,
    REQUESTS,
    WORKERS,
    MetricKind,
    reference,
)

GET = ("s3", "GetObject")


def samples(folder):
    families = text_string_to_metric_families(expose(folder).decode())
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def requests_of(folder, status):
    return samples(folder)["zotplus_requests_total", ("face", "s3"), ("operation", "GetObject"), ("status", status)]


def test_counters_of_all_processes_are_added_up(tmp_path):
    for process, amount in (("worker-0", 2), ("worker-1", 3), ("janitor", 0)):
        Metrics(tmp_path, process).counter(REQUESTS, *GET, "200").add(amount)
    assert requests_of(tmp_path, "200") == 5


def test_a_process_that_starts_again_goes_on_counting_but_has_nothing_in_flight(tmp_path):
    first = Metrics(tmp_path, "worker-0")
    first.counter(REQUESTS, *GET, "200").add(7)
    first.counter(IN_FLIGHT).add(3)
    second = Metrics(tmp_path, "worker-0")
    second.counter(REQUESTS, *GET, "404").add()
    second.counter(REQUESTS, *GET, "200").add()
    assert (requests_of(tmp_path, "200"), requests_of(tmp_path, "404")) == (8, 1)
    assert samples(tmp_path)["zotplus_requests_in_flight",] == 0


def test_a_killed_process_leaves_its_counts(tmp_path):
    code = """
import os, pathlib, sys
from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.metrics_table import WORKERS
Metrics(pathlib.Path(sys.argv[1]), "worker-0").counter(WORKERS).add(41)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert samples(tmp_path)["zotplus_workers",] == 41


def test_a_gauge_may_fall_below_zero_in_one_process(tmp_path):
    Metrics(tmp_path, "worker-0").counter(IN_FLIGHT).add(-2)
    Metrics(tmp_path, "worker-1").counter(IN_FLIGHT).add(1)
    assert samples(tmp_path)["zotplus_requests_in_flight",] == -1


def test_a_histogram_counts_by_upper_bound_and_sums_in_seconds(tmp_path):
    for process in ("worker-0", "worker-1"):
        histogram = Metrics(tmp_path, process).histogram(REQUEST_SECONDS, *GET)
        for seconds in (0.0005, 0.0006, 100.0):
            histogram.observe(seconds)
    found = samples(tmp_path)
    labels = (("face", "s3"), ("operation", "GetObject"))

    def bucket(edge):
        return found["zotplus_request_seconds_bucket", labels[0], ("le", edge), labels[1]]

    assert (bucket("0.0005"), bucket("0.001"), bucket("60.0"), bucket("+Inf")) == (2, 4, 4, 6)
    assert found["zotplus_request_seconds_count", *labels] == 6
    assert found["zotplus_request_seconds_sum", *labels] == pytest.approx(200.0022)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 2**40), max_size=30))
def test_sums_are_exact(tmp_path_factory, amounts):
    folder = tmp_path_factory.mktemp("run")
    for position, amount in enumerate(amounts):
        Metrics(folder, f"worker-{position % 3}").counter(BYTES_SENT, *GET).add(amount)
    assert sums(folder).get((BYTES_SENT.name, *GET), [0]) == [sum(amounts)]


def test_the_text_is_what_prometheus_reads_and_names_the_version(tmp_path):
    assert any(name == "zotplus_build_info" for name, *_ in samples(tmp_path))


def test_a_wrong_use_of_the_table_is_a_programming_error(tmp_path):
    metrics = Metrics(tmp_path, "worker-0")
    with pytest.raises(ValueError, match="labels"):
        metrics.counter(REQUESTS, "s3")
    with pytest.raises(TypeError):
        metrics.counter(REQUEST_SECONDS, *GET)
    with pytest.raises(TypeError):
        metrics.histogram(WORKERS)


def test_label_values_cannot_forge_series(tmp_path):
    Metrics(tmp_path, "worker-0").counter(REQUESTS, "s3\t9\n5\tzotplus_workers", "x", "200").add()
    assert len(sums(tmp_path)) == 1


def test_a_file_of_another_version_or_with_junk_is_passed_over(tmp_path):
    metrics = Metrics(tmp_path, "worker-0")
    metrics.counter(WORKERS).add()
    lines = b"5\tother_metric\nx\tzotplus_workers\n99999999\tzotplus_workers\n\n7\tzotplus_workers\textra\n\xff"
    start = module._NUMBERS_BYTES + metrics._numbers[0]
    metrics._map[start : start + len(lines)] = lines
    metrics._numbers[0] += len(lines)
    assert sums(tmp_path) == {("zotplus_workers",): [1]}


def test_a_full_table_is_a_fault_rather_than_a_wrong_count(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SLOTS", 3)
    metrics = Metrics(tmp_path, "worker-0")
    metrics.counter(WORKERS).add()
    with pytest.raises(RuntimeError, match="no room"):
        metrics.histogram(JOB_SECONDS, "collector")


async def test_janitor_jobs_are_timed_by_prometheus_async(tmp_path):
    metrics = Metrics(tmp_path, "janitor")

    @prometheus_async.aio.time(metrics.histogram(JOB_SECONDS, "collector"))
    async def job():
        return 5

    assert await job() == 5
    assert sum(sums(tmp_path)[JOB_SECONDS.name, "collector"][:-1]) == 1


def test_files_are_for_the_owner_only_and_closing_keeps_them(tmp_path):
    metrics = Metrics(tmp_path, "worker-0")
    metrics.counter(WORKERS).add()
    metrics.close()
    assert (tmp_path / "worker-0.metrics").stat().st_mode & 0o777 == 0o600
    assert samples(tmp_path)["zotplus_workers",] == 1


def test_the_reference_names_every_metric_and_the_table_is_sound():
    page = reference()
    for metric in METRICS.values():
        assert f"| `{metric.name}` |" in page
        assert metric.name.startswith("zotplus_")
        assert metric.help.endswith(".")
        assert metric.name.endswith("_total") is (metric.kind is MetricKind.COUNTER)
        assert bool(metric.buckets) is (metric.kind is MetricKind.HISTOGRAM)
        assert list(metric.buckets) == sorted(metric.buckets)


def test_a_full_disk_does_not_stop_a_process_from_counting(tmp_path, monkeypatch):
    """Touching a page of a mapped file that has no room is SIGBUS; so the room is taken when the file is opened."""
    made = Metrics(tmp_path, "before")
    file = tmp_path / "before.metrics"
    assert file.stat().st_blocks * 512 >= file.stat().st_size
    made.close()

    def full(*_):
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "posix_fallocate", full)
    counting = Metrics(tmp_path, "after")
    counting.counter(IN_FLIGHT).add(3)
    counting.close()
    monkeypatch.undo()
    assert sums(tmp_path).get((IN_FLIGHT.name,), [0]) == [0]


def test_another_failure_of_the_file_is_not_hidden(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "posix_fallocate", broken)
    with pytest.raises(OSError, match="broken"):
        Metrics(tmp_path, "one")
