"""Log lines: their form, what they never hold, and how they get out."""

import json
import logging
import os
import threading
import time

import pytest
import structlog

from zotplus.adapters.telemetry import writer as module
from zotplus.adapters.telemetry.logs import MASK, configure_logs
from zotplus.adapters.telemetry.settings import LogSettings
from zotplus.adapters.telemetry.writer import LineWriter


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    before = (structlog.get_config(), root.handlers, root.level)
    yield
    structlog.configure(**before[0])
    root.handlers, root.level = before[1], before[2]


def logged(pipe):
    try:
        return os.read(pipe[0], 1 << 20).decode()
    except BlockingIOError:
        return ""


def configure(pipe, **settings):
    return configure_logs(LogSettings(**settings), process="worker-0", threaded=False, descriptor=pipe[1])


def test_an_event_is_one_json_object_with_time_level_and_process(pipe):
    configure(pipe)
    structlog.get_logger().info("worker_ready", port=8080)
    line = json.loads(logged(pipe))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "event": "worker_ready", "process": "worker-0", "port": 8080}


def test_a_logger_made_before_the_configuration_follows_it(pipe):
    early = structlog.get_logger("early")
    configure(pipe, level="warning")
    early.info("unseen")
    early.warning("seen")
    assert [json.loads(line)["event"] for line in logged(pipe).splitlines()] == ["seen"]


def test_secrets_are_masked_by_their_names(pipe):
    configure(pipe)
    structlog.get_logger().info("login", secret_key="hush", authorization="Basic aHVzaA==", user="bob")
    text = logged(pipe)
    assert "hush" not in text
    assert "aHVzaA" not in text
    assert json.loads(text)["secret_key"] == MASK


def test_an_exception_has_its_traceback_in_one_line(pipe):
    configure(pipe)
    try:
        {}["x"]
    except KeyError:
        structlog.get_logger().exception("request_failed")
    (line,) = logged(pipe).splitlines()
    assert json.loads(line)["level"] == "error"
    assert "KeyError: 'x'" in json.loads(line)["exception"]


def test_what_libraries_log_has_the_same_form(pipe):
    configure(pipe)
    logging.getLogger("aiohttp.server").warning("odd %s", "thing")
    line = json.loads(logged(pipe))
    assert (line["event"], line["logger"], line["message"]) == ("library_message", "aiohttp.server", "odd thing")


def test_values_of_any_type_can_be_logged(pipe):
    configure(pipe)
    structlog.get_logger().info("odd", value=object, error=ValueError("x"), data=b"\xff", number=float("inf"))
    assert json.loads(logged(pipe))["error"] == "x"


def test_a_line_for_people_is_one_line_whatever_a_client_sends(pipe):
    configure(pipe, format="console")
    structlog.get_logger().info("request", path="/a\nb\x1b[31m", user="two words", status=200)
    (line,) = logged(pipe).splitlines()
    assert "\x1b" not in line
    assert line.endswith(r"path='/a\nb\x1b[31m' user='two words' status=200")


def test_console_is_the_default_on_a_terminal_only(pipe):
    assert configure(pipe).is_json
    leader, terminal = os.openpty()
    try:
        assert not configure_logs(LogSettings(), process="x", threaded=False, descriptor=terminal).is_json
    finally:
        os.close(leader)
        os.close(terminal)


def test_lines_are_written_together_after_the_interval(pipe):
    writer = LineWriter(pipe[1], 0.05)
    for number in range(100):
        writer.write(b"%d\n" % number)
    assert logged(pipe) == ""
    writer.close()
    assert logged(pipe).split() == [str(number) for number in range(100)]


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_the_thread_writes_without_being_asked_again(pipe):
    writer = LineWriter(pipe[1], 0.01)
    for word in ("one\n", "two\n"):
        writer.write(word.encode())
        read = []
        wait_for(lambda read=read: read.append(logged(pipe)) or "".join(read))
        assert "".join(read) == word
    writer.close()


@pytest.mark.parametrize("urgent", [True, False])
def test_urgent_lines_and_full_buffers_do_not_wait(pipe, urgent, monkeypatch):
    monkeypatch.setattr(module, "FLUSH_BYTES", 1000)  # more than a pipe takes would keep the thread in its write
    writer = LineWriter(pipe[1], 10)
    writer.write(b"x\n" if urgent else b"x" * module.FLUSH_BYTES, urgent=urgent)
    wait_for(lambda: logged(pipe))
    writer.close()


def test_no_line_is_lost_between_threads(pipe, monkeypatch):
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 60.0)  # a busy machine may not get to the thread in two
    writer = LineWriter(pipe[1], 0.001)

    def produce(name):
        for number in range(500):
            writer.write(f"{name}{number}\n".encode())

    threads = [threading.Thread(target=produce, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    lines = logged(pipe).split()
    assert sorted(lines) == sorted(f"{name}{number}" for name in "abcd" for number in range(500))
    assert [line for line in lines if line[0] == "a"] == [f"a{number}" for number in range(500)]


def test_a_reader_that_stands_still_costs_lines_rather_than_time(pipe, monkeypatch):
    monkeypatch.setattr(module, "PENDING_MAX_BYTES", 300_000)
    writer = LineWriter(pipe[1], 0.001)
    started = time.monotonic()
    for _ in range(1000):
        writer.write(b"x" * 1023 + b"\n")
    assert time.monotonic() - started < 5
    assert writer.dropped > 500
    while logged(pipe):
        time.sleep(0.01)
    writer.close()


def test_a_log_that_nobody_reads_any_more_is_given_up(pipe):
    reading, writing = os.pipe()
    os.close(reading)
    writer = LineWriter(writing, 0)
    writer.write(b"x\n")
    os.close(writing)
    assert writer.dropped == 1


def test_a_non_blocking_descriptor_still_gets_every_byte(pipe):
    os.set_blocking(pipe[1], False)
    writer = LineWriter(pipe[1], 0)
    size = 200_000
    thread = threading.Thread(target=writer.write, args=(b"y" * size,))
    thread.start()
    received = 0
    while received < size:  # an earlier test's stuck writer may still find this descriptor's number
        received += logged(pipe).count("y")
    thread.join()
    assert received == size
