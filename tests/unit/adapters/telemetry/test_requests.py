"""What one request leaves behind: counts, a line, a span."""

import asyncio
import json
import os
import sys
import time

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from zotplus.adapters.telemetry import tracing
from zotplus.adapters.telemetry.access_log import FLUSH_SECONDS
from zotplus.adapters.telemetry.logs import Logs
from zotplus.adapters.telemetry.metrics import Metrics, sums
from zotplus.adapters.telemetry.requests import RequestTelemetry
from zotplus.adapters.telemetry.settings import LogSettings, TelemetrySettings
from zotplus.adapters.telemetry.tracing import Tracing, outgoing, trace_id
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.telemetry import Finished

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def finished(**changes):
    values = {
        "request_id": "ABC",
        "face": "s3",
        "operation": "GetObject",
        "principal": "root",
        "method": "GET",
        "path": "/s3/bucket/key",
        "peer": "127.0.0.1",
        "status": 200,
        "bytes_in": 0,
        "bytes_out": 4096,
        "at": 1_700_000_000.5,
        "seconds": 0.0015,
        "fields": {},
    }
    return Finished(**(values | changes))


@pytest.fixture
def output(tmp_path):
    with (tmp_path / "log").open("wb") as file:
        yield file


@pytest.fixture
def telemetry(tmp_path, output):
    def make(tracing=None, **settings):
        logs = Logs(LogSettings(**settings), output.fileno(), process="worker-0", threaded=False)
        return RequestTelemetry(Metrics(tmp_path / "run", "worker-0"), logs, tracing)

    return make


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def test_a_request_is_counted_timed_and_logged(telemetry, tmp_path):
    subject = telemetry()
    subject.begin("ABC", {})
    assert sums(tmp_path / "run")["zotplus_requests_in_flight",] == [1]
    subject.finish(finished(bytes_in=7, fields={"bucket": "b"}))
    total = sums(tmp_path / "run")
    route = ("s3", "GetObject")
    assert total["zotplus_requests_in_flight",] == [0]
    assert total["zotplus_requests_total", *route, "200"] == [1]
    assert total["zotplus_received_bytes_total", *route] == [7]
    assert total["zotplus_sent_bytes_total", *route] == [4096]
    (line,) = lines(tmp_path)
    assert line.pop("time")
    assert line == {
        "level": "info",
        "event": "request",
        "process": "worker-0",
        "request_id": "ABC",
        "face": "s3",
        "operation": "GetObject",
        "principal": "root",
        "peer": "127.0.0.1",
        "method": "GET",
        "path": "/s3/bucket/key",
        "status": 200,
        "bytes_in": 7,
        "bytes_out": 4096,
        "milliseconds": 1.5,
        "bucket": "b",
    }


def test_a_failed_request_is_logged_as_an_error(telemetry, tmp_path):
    subject = telemetry()
    subject.begin("ABC", {})
    subject.finish(finished(status=507))
    assert lines(tmp_path)[0]["level"] == "error"


@pytest.mark.parametrize(("fault", "status", "count"), [("upstream_failed", 502, 1), ("slow_down", 503, None)])
def test_what_the_upstream_did_not_answer_is_counted(telemetry, tmp_path, fault, status, count):
    telemetry().finish(finished(status=status, fields={"fault": fault}))
    counted = sums(tmp_path / "run").get(("zotplus_upstream_errors_total", fault))
    assert counted == (None if count is None else [count])


@pytest.mark.parametrize("settings", [{"access": False}, {"level": "warning"}])
def test_the_access_log_can_be_switched_off(telemetry, tmp_path, settings):
    subject = telemetry(**settings)
    subject.begin("ABC", {"traceparent": PARENT})
    subject.finish(finished())
    assert lines(tmp_path) == []
    assert subject._traces == {}


def test_lost_lines_are_counted(telemetry, tmp_path):
    subject = telemetry()
    subject._logs.writer.dropped = 3
    subject.finish(finished())
    subject.finish(finished())
    assert sums(tmp_path / "run")["zotplus_log_lines_dropped_total",] == [3]


def test_the_callers_trace_is_in_the_line_and_goes_on_unchanged(telemetry, tmp_path):
    subject = telemetry()
    subject.begin("ABC", {"traceparent": PARENT, "tracestate": "a=b"})
    assert dict(outgoing()) == {"traceparent": PARENT, "tracestate": "a=b"}
    subject.finish(finished())
    assert lines(tmp_path)[0]["trace_id"] == TRACE
    subject.begin("DEF", {})
    assert dict(outgoing()) == {}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "junk",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        PARENT + "x",
        PARENT + "-" + "x" * 600,
        PARENT + "\n",
    ],
)
def test_a_trace_context_outside_its_form_is_ignored(value):
    assert trace_id({"traceparent": value}) == ""


def test_a_trace_context_of_a_later_version_is_taken():
    assert trace_id({"traceparent": f"01-{TRACE}-b7ad6b7169203331-01-more"}) == TRACE


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter):
    tracer = Tracing(TelemetrySettings(otlp_endpoint="http://127.0.0.1:1", sample_ratio=1), exporter)
    yield tracer
    tracer.close()


def test_a_span_continues_the_callers_trace_and_is_forwarded(telemetry, tmp_path, spans, exporter):
    subject = telemetry(spans)
    subject.begin("ABC", {"traceparent": PARENT})
    forwarded = outgoing()["traceparent"]
    subject.finish(finished(status=503, fields={"fault": "upstream_unavailable"}))
    spans._provider.force_flush()
    (span,) = exporter.get_finished_spans()
    assert span.name == "s3.GetObject"
    assert f"{span.context.trace_id:032x}" == TRACE == trace_id({"traceparent": forwarded})
    assert f"{span.context.span_id:016x}" in forwarded
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert (span.attributes["http.response.status_code"], span.status.description) == (503, "upstream_unavailable")
    assert lines(tmp_path)[0]["trace_id"] == TRACE


def test_a_request_without_a_trace_gets_one_of_its_own(telemetry, spans, exporter):
    subject = telemetry(spans)
    subject.begin("ABC", {"traceparent": "junk"})
    subject.finish(finished())
    subject.finish(finished(request_id="never begun"))
    subject.close()
    (span,) = exporter.get_finished_spans()
    assert span.parent is None
    assert span.resource.attributes["service.name"] == "zotplus"


def test_a_request_answered_as_it_came_is_counted_logged_and_traced_with_its_duration(
    telemetry, tmp_path, spans, exporter
):
    subject = telemetry(spans)
    subject.answered({"traceparent": PARENT}, finished(seconds=0.25))
    subject.close()
    (span,) = exporter.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert 0.25 <= (span.end_time - span.start_time) / 1e9 < 10
    (line,) = lines(tmp_path)
    assert (line["trace_id"], line["milliseconds"]) == (TRACE, 250.0)


def test_requests_answered_together_are_told_of_as_each_by_itself(telemetry, tmp_path, spans, exporter):
    subject = telemetry(spans)
    told = [finished(request_id="A", seconds=0.25), finished(request_id="B", status=206), finished(request_id="A2")]
    traces = subject.answered_together(told)
    subject.close()
    ended = {span.attributes["zotplus.request_id"]: span for span in exporter.get_finished_spans()}
    assert [f"{ended[one.request_id].context.trace_id:032x}" for one in told] == traces
    assert all(span.parent is None for span in ended.values())
    assert 0.25 <= (ended["A"].end_time - ended["A"].start_time) / 1e9 < 10
    written = lines(tmp_path)
    assert [(line["request_id"], line["trace_id"]) for line in written] == list(
        zip(["A", "B", "A2"], traces, strict=True)
    )
    assert (written[0]["milliseconds"], written[1]["status"]) == (250.0, 206)
    total = sums(tmp_path / "run")
    assert total["zotplus_requests_total", "s3", "GetObject", "200"] == [2]
    assert total["zotplus_requests_in_flight",] == [0]


async def test_one_request_that_cannot_be_counted_keeps_no_other_from_being_told(telemetry, tmp_path, spans, exporter):
    subject = telemetry(spans)
    subject._series["s3", "GetObject", 299] = ()
    with capture_logs() as faults:
        subject.answered_together([finished(request_id="A"), finished(status=299), finished(request_id="B")])
    subject.close()
    assert [line["request_id"] for line in lines(tmp_path)] == ["A", "ABC", "B"]
    assert sums(tmp_path / "run")["zotplus_requests_total", "s3", "GetObject", "200"] == [2]
    assert len(exporter.get_finished_spans()) == 3
    assert [(one["event"], one["request_id"]) for one in faults] == [("request_not_counted", "ABC")]


def test_spans_last_as_long_as_their_requests_however_late_they_are_told(telemetry, spans, exporter):
    subject = telemetry(spans)
    at = time.time() - 5
    subject.answered_together([finished(request_id=f"{n}", at=at, seconds=0.25) for n in range(3)])
    subject.close()
    for span in exporter.get_finished_spans():
        assert span.end_time - span.start_time == 250_000_000
        assert abs(span.end_time / 1e9 - at) < 1


def test_requests_answered_together_are_logged_at_once_behind_what_waits(telemetry, tmp_path):
    subject = telemetry()
    subject.finish(finished(request_id="waits"))
    assert subject.answered_together([finished(request_id="A"), finished(request_id="B")]) == ["", ""]
    assert [line["request_id"] for line in lines(tmp_path)] == ["waits", "A", "B"]


def test_requests_answered_together_are_counted_where_there_is_no_access_log(telemetry, tmp_path):
    assert telemetry(access=False).answered_together([finished()]) == [""]
    assert sums(tmp_path / "run")["zotplus_requests_total", "s3", "GetObject", "200"] == [1]
    assert lines(tmp_path) == []


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(Problem, match=r"zotplus\[telemetry\]") as caught:
        tracing.Tracing(TelemetrySettings(otlp_endpoint="http://127.0.0.1:1"))
    assert caught.value.fault is errors.SETTING_INVALID


def test_telling_about_a_request_costs_microseconds(telemetry):
    """A guard against an accident such as a system call per request, not a benchmark: the aim is 5 µs with the log."""
    subject = telemetry(access=False)
    one = finished()
    rounds = 5_000
    started = time.thread_time()
    for _ in range(rounds):
        subject.begin("ABC", {})
        subject.finish(one)
    assert (time.thread_time() - started) / rounds < 50e-6
    assert os.getpid()


async def test_the_lines_of_a_moment_are_written_together(telemetry, tmp_path):
    subject = telemetry()
    subject.finish(finished(request_id="A"))
    subject.finish(finished(request_id="B", status=503, fields={"fault": "upstream_unavailable"}))
    assert lines(tmp_path) == []
    await asyncio.sleep(2 * FLUSH_SECONDS)  # timers of one loop run in order, however late
    assert [(line["request_id"], line["level"], line.get("fault")) for line in lines(tmp_path)] == [
        ("A", "info", None),
        ("B", "error", "upstream_unavailable"),
    ]
    subject.finish(finished(request_id="C"))
    subject.close()
    assert [line["request_id"] for line in lines(tmp_path)] == ["A", "B", "C"]
