"""Plain writes on real connections: what comes before, between and after them, and what happens while one waits."""

import asyncio
import contextlib
import gc
import logging
import time
import weakref

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.faces.serving.holding import MOST_QUEUED, PATIENCE
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.transport import plain_lane
from zotplus.gateway.transport.certificates import NOBODYS


class Mark:
    """Something that lives as long as what it was put into."""


@pytest.fixture
def client(held):
    return held.connect()


def test_a_plain_write_is_answered_and_the_connection_goes_on(held, client):
    for number in range(2 * MOST_QUEUED):
        body = b"%d" % number
        client.send(held.put("key", body))
        status, headers, content = client.answer()
        assert (status, content, headers["x-amz-object-size"]) == (200, b"", str(len(body)))
        assert "connection" not in headers
        client.send(held.get("key"))
        assert client.answer()[2] == body
    assert held.ways == ["plainly"] * 2 * MOST_QUEUED
    assert held.finished() == ["PutObject", "GetObject"] * 2 * MOST_QUEUED
    first = held.gateway.finished()[0]
    assert (first.bytes_in, first.bytes_out, first.status, first.principal) == (1, 0, 200, held.gateway.access_key)


def test_a_refusal_found_late_leaves_the_connection_as_it_was(held, client):
    held.hold()
    client.send(held.put("key"))
    held.until_pending()
    held.run(lambda: held.store._pairs.remove(b"Bbucket"))
    held.release()
    status, headers, body = client.answer()
    assert status == 404
    assert b"<Code>NoSuchBucket</Code>" in body
    assert headers["x-amz-request-id"].encode() in body
    client.send(held.get("key"))
    assert client.answer()[0] == 404


def test_two_writes_in_one_segment_are_answered_in_order(held, client):
    client.send(held.put("one", b"1"), held.put("two", b"22"))
    assert [client.answer()[1]["x-amz-object-size"] for _ in range(2)] == ["1", "2"]
    client.send(held.get("one"), held.get("two"))
    assert [client.answer()[2] for _ in range(2)] == [b"1", b"22"]


def test_a_read_in_the_segment_of_a_write_sees_it(held, client):
    client.send(held.put("key", b"first"))
    assert client.answer()[0] == 200
    client.send(held.put("key", b"second"), held.get("key"))
    assert client.answer()[0] == 200
    assert client.answer()[2] == b"second"


@pytest.mark.parametrize("split", [1, 30, -2])
def test_a_write_whose_segment_begins_the_next_head_is_answered_and_so_is_that(held, client, split):
    head = held.get("key")
    client.send(held.put("key"), head[:split])
    assert client.answer()[0] == 200
    client.send(head[split:])
    assert client.answer()[2] == b"content"
    assert held.ways == ["usually"]


@pytest.mark.parametrize("number", [1, 2, 3 * MOST_QUEUED])
def test_what_comes_while_a_write_waits_is_answered_after_it_and_in_order(held, client, number):
    held.hold()
    client.send(held.put("key", b"new"))
    connection = held.until_pending()
    client.send(*[held.get("key") if turn % 2 == 0 else held.put(f"key-{turn}") for turn in range(number)])
    held.until(lambda: len(connection._messages) >= min(number, MOST_QUEUED - 1))
    assert held.finished() == []
    assert connection.is_busy
    held.release()
    assert client.answer()[1]["x-amz-object-size"] == "3"
    for turn in range(number):
        status, headers, body = client.answer()
        assert status == 200
        assert (body == b"new") if turn % 2 == 0 else (headers["x-amz-object-size"] == "7")
    client.send(held.get("key"))  # behind which nothing of the segment can be left
    assert client.answer()[2] == b"new"
    client.send(held.put("last"))
    assert client.answer()[0] == 200
    assert held.ways[0] == held.ways[-1] == "plainly"
    assert held.finished()[0] == "PutObject"


def test_more_than_a_queue_holds_in_one_segment_is_answered_to_its_end(held, client):
    """What the parser keeps back is read on when the queue is empty, not only when more comes."""
    small = b"GET /bucket HTTP/1.1\r\nHost: h\r\n\r\n"
    held.hold()
    client.send(held.put("key"))
    connection = held.until_pending()
    client.send(*[small] * (MOST_QUEUED + 8))
    held.until(lambda: connection._messages)
    held.release()
    assert client.answer()[0] == 200
    assert [client.answer()[0] for _ in range(MOST_QUEUED + 8)] == [403] * (MOST_QUEUED + 8)


def test_a_large_write_that_comes_while_one_waits_is_taken_too(held, client):
    large = bytes(range(256)) * 12_000
    held.hold()
    client.send(held.put("key"))
    connection = held.until_pending()
    head, body = held.request("PUT", "/bucket/large", large)
    client.send(head, body[:100_000])
    held.until(lambda: connection._messages)
    held.release()
    client.send(body[100_000:])
    assert [client.answer()[0] for _ in range(2)] == [200, 200]
    client.send(held.get("large"))
    assert client.answer()[2] == large


def test_what_cannot_be_read_while_a_write_waits_is_refused_after_it(held, client):
    held.hold()
    client.send(held.put("key"))
    connection = held.until_pending()
    client.send(b"NONSENSE\r\n\r\n")
    held.until(lambda: connection._messages)
    held.release()
    assert [client.answer()[0] for _ in range(2)] == [200, 400]
    assert client.is_at_end()


def test_others_are_served_while_a_write_waits(held, client):
    held.hold()
    client.send(held.put("key"))
    held.until_pending()
    other = held.connect()
    other.send(held.get("key"))
    assert other.answer()[0] == 404
    held.release()
    assert client.answer()[0] == 200


def test_a_client_that_goes_while_its_write_waits_leaves_the_change_and_no_trace(held, client, caplog):
    held.hold()
    client.send(held.put("key", b"kept"))
    connection, mark = held.until_pending(), Mark()
    connection._cache["mark"], mark = mark, weakref.ref(mark)
    connection = None
    client.close()
    held.until(lambda: len(held.server._protocols.connections) == 1)
    with capture_logs() as lines, caplog.at_level(logging.WARNING):
        held.release()
        held.until(lambda: not held.server._running.count)
    assert [line for line in lines if line["log_level"] in ("warning", "error", "critical")] == []
    assert caplog.records == []
    (entry,) = held.gateway.finished()
    assert (entry.status, entry.bytes_out, entry.fields["broken"]) == (200, 0, "the client is gone")
    gc.collect()
    assert mark() is None
    assert not held.server._lane._writes
    other = held.connect()
    other.send(held.get("key"))
    assert other.answer()[2] == b"kept"


def test_draining_waits_for_the_answer_to_a_write(held, client, monkeypatch):
    monkeypatch.setattr(plain_lane, "TELL_SECONDS", PATIENCE)
    idle = held.clients[0]
    held.hold()
    client.send(held.put("key"))
    held.until_pending()
    draining = asyncio.run_coroutine_threadsafe(held.server.drain(PATIENCE), held.gateway._loop)
    held.until(lambda: held.server._draining)
    assert idle.is_at_end()
    assert not draining.done()
    held.release()
    assert client.answer()[0] == 200
    draining.result(PATIENCE)
    told = [entry.operation for entry in held.gateway.parts.telemetry.finished]
    assert told == ["PutObject"]  # without waiting for others any more
    assert client.is_at_end()
    assert held.store.read_now(lambda snapshot: [key for key, _ in snapshot.scan(b"O", b"P")])[0].endswith(b"key")


def test_a_request_behind_a_write_is_refused_while_draining(held, client):
    held.hold()
    client.send(held.put("key"))
    connection = held.until_pending()
    client.send(held.put("other"))
    held.until(lambda: connection._messages)
    asyncio.run_coroutine_threadsafe(held.server.drain(PATIENCE), held.gateway._loop)
    held.until(lambda: held.server._draining)
    held.release()
    assert client.answer()[0] == 200
    with contextlib.suppress(OSError, IndexError):  # the connection may be closed before
        assert client.answer()[0] == 503
    keys = held.store.read_now(lambda snapshot: [key for key, _ in snapshot.scan(b"O", b"P")])
    assert [key[9:] for key in keys] == [b"key"]


def test_a_write_that_is_never_done_ends_draining_late_but_surely(held, client):
    held.hold()
    client.send(held.put("key"))
    held.until_pending()
    with capture_logs() as lines:
        held.gateway.run(held.server.drain(0.0))
    assert [(line["event"], line["running"]) for line in lines] == [("drain_incomplete", 1)]
    assert client.is_at_end()


@pytest.mark.parametrize(
    ("options", "ending"),
    [
        ({"headers": (("Connection", "close"),)}, "close"),
        ({"version": "1.0"}, "close"),
        ({"headers": (("Expect", "100-continue"),)}, None),
        ({"headers": (("x-amz-meta-a", "b"),)}, None),
    ],
    ids=str,
)
def test_what_is_said_of_the_connection_is_heard_by_the_usual_way(held, client, options, ending):
    client.send(held.put("key", **options))
    status, headers, _ = client.answer()
    if status == 100:
        status, headers, _ = client.answer()
    assert (status, headers.get("connection")) == (200, ending)
    assert held.ways == ["usually"]
    if ending:
        assert client.is_at_end()


@pytest.mark.parametrize("first", [0, 3])
def test_a_body_in_a_second_segment_is_read_by_the_usual_way(held, client, first):
    head, body = held.request("PUT", "/bucket/key", b"content")
    client.send(head, body[:first])
    held.until(lambda: held.ways)
    client.send(body[first:])
    assert client.answer()[0] == 200
    assert held.ways == ["usually"]
    client.send(held.put("key"), b"")
    assert client.answer()[0] == 200
    assert held.ways == ["usually", "plainly"]


def test_an_empty_object_is_written_plainly(held, client):
    client.send(held.put("key", b""))
    assert client.answer()[1]["x-amz-object-size"] == "0"
    assert held.ways == ["plainly"]
    client.send(held.get("key"))
    assert client.answer()[2] == b""


def test_a_connection_is_not_idle_while_a_write_waits(held, client):
    client.send(held.put("key"))
    assert client.answer()[0] == 200
    held.hold()
    client.send(held.put("key"))
    connection = held.until_pending()
    far = time.monotonic() + 1_000_000
    assert not held.run(lambda: connection.is_late(far, 15.0, 75.0))
    assert not held.run(lambda: connection.is_waiting)
    held.release()
    assert client.answer()[0] == 200
    assert held.run(lambda: connection.is_waiting)
    assert held.run(lambda: connection.is_late(far, 15.0, 75.0))
    assert not held.run(lambda: connection.is_late(held.gateway._loop.time(), 15.0, 75.0))


@pytest.mark.parametrize(("more", "is_late"), [(b"GET / HTTP/1.1\r\nHost:", True), (b"", False)])
def test_a_head_that_begins_while_a_write_waits_has_the_time_of_a_head(held, client, more, is_late):
    """Not that of a silent connection, which is five times as long."""
    client.send(held.put("key"))
    assert client.answer()[0] == 200
    held.hold()
    client.send(held.put("key"))
    connection = held.until_pending()
    client.send(more)
    held.until(lambda: (connection.head_since is not None) is bool(more))
    held.release()
    assert client.answer()[0] == 200
    assert held.run(lambda: connection.is_waiting)
    assert held.run(lambda: connection.is_late(held.gateway._loop.time() + 20, 15.0, 75.0)) is is_late
    client.send(b" h\r\n\r\n" if more else b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert client.answer()[0] == 403
    assert not held.run(lambda: connection.is_late(held.gateway._loop.time() + 20, 15.0, 75.0))


def test_the_timer_of_idle_connections_spares_a_write_that_waits(held, client):
    client.send(held.put("key"))
    assert client.answer()[0] == 200
    connection = held.connection_of(client)

    def expire():
        connection._next_keepalive_close_time = 0.0

    held.run(expire)
    held.hold()
    client.send(held.put("key"))
    held.until_pending()
    held.run(connection._process_keepalive)
    held.release()
    assert client.answer()[0] == 200
    held.run(connection._process_keepalive)
    client.send(held.get("key"))
    assert client.answer()[0] == 200
    held.run(expire)
    held.run(connection._process_keepalive)
    assert client.is_at_end()


def test_a_certificate_that_counts_no_longer_ends_the_connection_after_the_write(held, client):
    held.hold()
    client.send(held.put("key"))
    connection = held.until_pending()
    connection.holder = msgspec.structs.replace(NOBODYS)
    held.run(held.server.distrust_certificates)
    held.release()
    assert client.answer()[0] == 200
    assert client.is_at_end()


def test_a_fault_of_our_own_ends_the_connection_and_is_not_counted_as_running(held, client, monkeypatch):
    async def broken(*_):
        raise ZeroDivisionError("a secret value")

    monkeypatch.setattr(Pipeline, "perform_plainly", broken)
    with capture_logs() as lines:
        client.send(held.put("key"))
        with contextlib.suppress(ConnectionError):
            assert client.is_at_end()
        held.until(lambda: not held.server._running.count)
    ((event, level, operation),) = [(line["event"], line["log_level"], line["operation"]) for line in lines]
    assert (event, level, operation) == ("reply_failed", "error", "PutObject")
    other = held.connect()
    other.send(held.get("key"))
    assert other.answer()[0] == 404
