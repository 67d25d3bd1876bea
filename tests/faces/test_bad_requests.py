"""Requests that no honest client sends: each gets an answer or a closed connection in bounded time."""

import os
import re
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faces.gateway import Recorder, start

GOOD = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def exchange(port, data, *, seconds=10.0, half_close=False):
    """Everything the server answers to ``data`` until it closes; ``half_close`` says that no more will come."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server refused and closed while we were still sending
        answer = bytearray()
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return bytes(answer)


def statuses(answer):
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


@pytest.fixture(params=["port", "s3_port"])
def port(request, gateway):
    return getattr(gateway, request.param)


@pytest.mark.parametrize(
    "head",
    [
        b"NONSENSE\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nBad Header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nno-colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, nonsense\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    ],
    ids=lambda head: head[:40].decode("latin-1"),
)
def test_a_malformed_head_is_refused_without_a_traceback(port, head):
    answer = exchange(port, head)
    assert all(400 <= status < 500 for status in statuses(answer))
    assert statuses(answer)
    assert b"Traceback" not in answer
    assert b"equest-id: " in answer.lower()


def test_a_second_request_smuggled_behind_two_lengths_is_not_served(gateway):
    """CL.TE: what a proxy takes for a body must never be taken for a request (CVE-2023-37276 and its kin)."""
    hidden = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"
    head = b"POST /api/v1/keys HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = exchange(gateway.port, head % (5 + len(hidden)) + hidden)
    assert len(statuses(answer)) == 1
    assert statuses(answer)[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/%",
        "/%zz",
        "/b/%ff%fe",
        "/b/%00",
        "/..",
        "/b/../../etc/passwd",
        "//",
        "/v2/%2e%2e/x",
        "/s3/%c0%af",
        "/\x7f",
        "/é",
    ],
)
def test_odd_paths_never_fail_inside(port, path):
    answer = exchange(port, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert statuses(answer)
    assert statuses(answer)[0] < 500


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300))
def test_random_bytes_never_fail_inside(gateway, data):
    for status in statuses(exchange(gateway.port, data, half_close=True)):
        assert status < 500


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "BREW"]),
    path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "Authorization",
                "Range",
                "If-Match",
                "If-Modified-Since",
                "x-amz-date",
                "x-amz-content-sha256",
                "x-amz-copy-source",
                "x-amz-decoded-content-length",
                "Content-MD5",
                "x-amz-checksum-crc32",
                "x-amz-trailer",
                "Cookie",
                "X-Forwarded-For",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    ),
)
def test_random_requests_never_fail_inside(gateway, method, path, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    for prefix in ("/s3/", "/v2/", "/api/v1/", "/auth/token?", "/"):
        answer = exchange(
            gateway.port, f"{method} {prefix}{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}\r\n".encode()
        )
        for status in statuses(answer):
            assert status < 500 or status in (501, 503)


def test_many_pipelined_requests_are_all_answered(gateway):
    answer = exchange(gateway.port, GOOD * 299 + LAST, seconds=20)
    assert statuses(answer).count(200) == 300


def test_a_connection_that_ends_in_the_middle_of_a_body_stores_nothing(gateway):
    before = len(gateway.parts.telemetry.finished)
    exchange(
        gateway.port,
        b"PUT /s3/bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nonly this",
        half_close=True,
    )
    deadline = time.monotonic() + 5
    while len(gateway.parts.telemetry.finished) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gateway.parts.telemetry.finished[-1].status >= 400


def test_every_answer_carries_a_request_id_that_the_log_knows(gateway):
    answer = exchange(gateway.port, b"GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    found = re.search(rb"X-Request-Id: ([0-9A-F]{16})", answer)
    assert found[1].decode() in [entry.request_id for entry in gateway.parts.telemetry.finished]


def test_a_client_that_expects_100_is_not_asked_for_a_body_that_is_refused(gateway):
    size = 1 << 30
    head = f"PUT /s3/bucket/key HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536)
    assert statuses(answer) == [403]
    assert b"Connection: close" in answer


def test_a_refused_body_does_not_pile_up_in_memory(gateway):
    """What was not asked for is read for a while so that the refusal arrives, and then the connection ends."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(b"PUT /s3/bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
        sent = 0
        block = os.urandom(1 << 16)
        try:
            while sent < 64 << 20:
                sent += connection.send(block)
        except OSError:
            pass
        connection.settimeout(10)
        try:
            answer = connection.recv(65536)
        except OSError:
            answer = b"HTTP/1.1 403"
    assert statuses(answer) == [403]


def test_a_client_of_http_1_0_is_told_that_its_connection_stays(gateway):
    """ApacheBench and old proxies wait for the end of the connection unless they are told."""
    asked = b"GET /health/live HTTP/1.0\r\nHost: h\r\n%b\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(asked % b"Connection: keep-alive\r\n")
        assert b"Connection: keep-alive" in connection.recv(65536)
        connection.sendall(asked % b"")
        assert b"Connection: close" in connection.recv(65536)
        assert connection.recv(65536) == b""


def test_a_fault_of_our_own_behind_the_pipeline_is_a_500_and_not_the_clients(gateway, monkeypatch):
    def broken(self, finished):
        raise ZeroDivisionError("a secret value")

    monkeypatch.setattr(type(gateway.parts.telemetry), "begin", lambda *_: broken(*_[:2]))
    answer = exchange(gateway.port, LAST)
    assert statuses(answer) == [500]
    assert b"secret" not in answer


def test_a_connection_that_only_makes_immediate_reads_goes_on_and_is_logged(gateway):
    """They are answered without a request object; each still counts, and what follows on the connection works."""
    head = b"HEAD /s3/bucket/none HTTP/1.1\r\nHost: h\r\n\r\n"
    before = len(gateway.parts.telemetry.finished)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        for _ in range(5):
            connection.sendall(head)
            assert statuses(connection.recv(65536)) == [403]
        connection.sendall(LAST)
        assert statuses(connection.recv(65536)) == [200]
    deadline = time.monotonic() + 5
    while len(gateway.parts.telemetry.finished) < before + 6 and time.monotonic() < deadline:
        time.sleep(0.001)  # an answer is noted after it has been sent
    named = [entry.operation for entry in gateway.parts.telemetry.finished[before:]]
    assert named == ["HeadObject"] * 5 + ["Live"]


def test_the_answer_to_head_is_that_of_get_without_its_body(gateway):
    head = exchange(gateway.port, LAST.replace(b"GET", b"HEAD"))
    body = exchange(gateway.port, LAST).partition(b"\r\n\r\n")[2]
    assert body == b'{"alive":true}'
    assert b"\r\nContent-Length: 14\r\n" in head
    assert head.endswith(b"\r\n\r\n")


class Broken(Recorder):
    def finish(self, finished):
        raise ZeroDivisionError


def test_a_fault_after_an_answer_appends_nothing_to_it(tmp_path):
    gateway = start(tmp_path, telemetry=Broken())
    try:
        answer = exchange(gateway.port, GOOD + LAST)
    finally:
        gateway.stop()
    assert statuses(answer) == [200, 200]
