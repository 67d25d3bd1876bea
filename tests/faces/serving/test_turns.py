"""What happens in one turn of the event loop: requests are received, then decided, then answered, and none is lost."""

import asyncio
import itertools
import time

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.faces.serving.holding import PATIENCE
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.transport import connection, plain_lane
from zotplus.gateway.transport.certificates import NOBODYS
from zotplus.gateway.transport.connection import GatewayProtocol
from zotplus.gateway.transport.plain_lane import PlainLane

EXPIRED = 0.0
NOT_PLAIN = (("Range", "bytes=0-"),)


@pytest.fixture
def clients(held, monkeypatch):
    """Three connections, of which each has written an object of its own, and which are many."""
    monkeypatch.setattr(connection, "FEW_CONNECTIONS", 0)
    found = [held.connect() for _ in range(3)]
    for number, client in enumerate(found):
        client.send(held.put(f"key-{number}", b"%d" % number))
        assert client.answer()[0] == 200
    return found


def in_one_turn(held, *arrivals):
    """Have each connection receive its bytes before anything else happens."""
    connections = [(held.connection_of(client), data) for client, data in arrivals]

    def receive():
        for theirs, data in connections:
            theirs.data_received(data)

    held.run(receive)


def test_all_that_arrives_in_a_turn_is_decided_before_the_first_answer_is_sent(held, clients, monkeypatch):
    steps = []
    decide, send = Pipeline.answer_plainly, GatewayProtocol.answered
    monkeypatch.setattr(Pipeline, "answer_plainly", lambda *given: (steps.append(len(given[2])), decide(*given))[1])
    monkeypatch.setattr(GatewayProtocol, "answered", lambda *given: (steps.append("sent"), send(*given))[1])
    in_one_turn(held, *[(client, held.get(f"key-{number}")) for number, client in enumerate(clients)])
    assert [client.answer()[2] for client in clients] == [b"0", b"1", b"2"]
    assert steps == [3, "sent", "sent", "sent"]


@pytest.mark.parametrize("few", [3, 4])
def test_where_few_are_connected_nobody_waits_for_the_others(held, clients, monkeypatch, few):
    monkeypatch.setattr(connection, "FEW_CONNECTIONS", few)
    theirs, asked = held.connection_of(clients[0]), held.get("key-0")

    def receive():
        theirs.data_received(asked)
        return theirs.is_busy

    assert held.run(receive) is (few < len(held.clients))
    assert clients[0].answer()[2] == b"0"


def test_a_request_takes_as_long_as_its_client_waits(held, clients):
    held.gateway.finished().clear()
    theirs, asked = held.connection_of(clients[0]), held.get("key-0")

    def receive_and_dally():
        theirs.data_received(asked)
        time.sleep(0.05)  # what else the turn brings

    held.run(receive_and_dally)
    assert clients[0].answer()[2] == b"0"
    (finished,) = held.gateway.finished()
    assert 0.05 <= finished.seconds < PATIENCE


def test_reads_writes_and_what_is_not_plain_are_answered_in_one_turn(held, clients):
    other = held.get("key-2").replace(b" HTTP/1.1", b"?versionId=null HTTP/1.1")
    in_one_turn(held, (clients[0], held.get("key-0")), (clients[1], held.put("key-1", b"new")), (clients[2], other))
    assert clients[0].answer()[2] == b"0"
    assert clients[1].answer()[1]["x-amz-object-size"] == "3"
    assert clients[2].answer()[0] == 403  # the signature does not cover the query
    clients[1].send(held.get("key-1"))
    assert clients[1].answer()[2] == b"new"


@pytest.mark.parametrize("cuts", [(0,), (0, 10), (-10, 0), (-300, -1, 0, 1), (-300, -280, -260)])
def test_pieces_of_one_turn_are_read_in_their_order(held, clients, cuts):
    """A TLS connection hands on what it received piece by piece. Places count from the end of the first request."""
    first = held.put("key-0", b"written")
    data = first + held.get("key-0")
    places = [0, *[len(first) + cut for cut in cuts], len(data)]
    pieces = [data[start:stop] for start, stop in itertools.pairwise(places)]
    assert b"".join(pieces) == data
    assert all(pieces)
    in_one_turn(held, *[(clients[0], piece) for piece in pieces])
    assert clients[0].answer()[0] == 200
    assert clients[0].answer()[2] == b"written"


def test_a_client_that_sends_no_more_is_answered_first(held, clients):
    theirs = held.connection_of(clients[0])
    in_order = held.get("key-0")

    def receive_and_end():
        theirs.data_received(in_order)
        theirs.eof_received()
        theirs.transport.close()  # as the event loop does then

    held.run(receive_and_end)
    assert clients[0].answer()[2] == b"0"
    assert clients[0].is_at_end()


def test_what_a_lost_connection_asked_for_is_told_of_and_harms_nobody(held, clients):
    theirs = held.connection_of(clients[0])
    held.gateway.finished().clear()
    asked, other = held.get("key-0"), held.get("key-1")

    def receive_and_lose():
        held.connection_of(clients[1]).data_received(other)
        theirs.data_received(asked)
        theirs.transport.abort()
        theirs.connection_lost(None)

    held.run(receive_and_lose)
    assert clients[1].answer()[2] == b"1"
    assert held.finished() == ["GetObject", "GetObject"]
    assert not held.faults


@pytest.mark.parametrize("headers", [(), NOT_PLAIN], ids=["plain", "not plain"])
def test_a_server_that_drains_in_the_turn_answers_what_has_arrived(held, clients, headers):
    theirs, asked = held.connection_of(clients[0]), held.get("key-0", headers)

    async def receive_and_drain():
        theirs.data_received(asked)
        await held.server.drain(1.0)

    held.gateway.run(receive_and_drain())
    assert clients[0].answer()[2] == b"0"
    assert clients[0].is_at_end()


def test_a_request_whose_task_is_about_to_begin_is_refused_in_words_by_a_server_that_drains(held, clients):
    theirs, asked = held.connection_of(clients[0]), b"".join(held.request("DELETE", "/bucket/key-0"))

    async def receive_and_drain():
        theirs.data_received(asked)
        held.server._lane.answer_arrived()
        assert not theirs.is_waiting
        await held.server.drain(1.0)

    held.gateway.run(receive_and_drain())
    assert clients[0].answer()[0] == 503
    assert clients[0].is_at_end()


@pytest.mark.parametrize("headers", [(), NOT_PLAIN], ids=["plain", "not plain"])
def test_a_certificate_that_counts_no_longer_in_the_turn_ends_the_connection_after_the_answer(held, clients, headers):
    theirs, asked = held.connection_of(clients[0]), held.get("key-0", headers)
    theirs.holder = msgspec.structs.replace(NOBODYS)

    def receive_and_distrust():
        theirs.data_received(asked)
        held.server.distrust_certificates()

    held.run(receive_and_distrust)
    assert clients[0].answer()[2] == b"0"
    assert clients[0].is_at_end()


def test_half_a_head_leaves_the_timer_of_idle_connections_as_it_was(held, clients):
    theirs, asked = held.connection_of(clients[0]), held.get("key-0")

    def receive_half():
        before = theirs._next_keepalive_close_time
        theirs.data_received(asked[:20])
        return before

    before = held.run(receive_half)
    assert held.run(lambda: theirs._next_keepalive_close_time) == before
    clients[0].send(asked[20:])
    assert clients[0].answer()[2] == b"0"


def test_the_timer_of_idle_connections_spares_what_has_arrived(held, clients):
    theirs, asked = held.connection_of(clients[0]), held.get("key-0")

    def receive_and_expire():
        theirs._next_keepalive_close_time = EXPIRED
        theirs.data_received(asked)
        theirs._process_keepalive()
        assert not theirs.is_waiting

    held.run(receive_and_expire)
    assert clients[0].answer()[2] == b"0"


def test_a_fault_in_one_answer_leaves_the_others(held, clients, monkeypatch):
    made, calls = plain_lane.plain_answer, []

    def failing(*given, **more):
        calls.append(given)
        if len(calls) == 2:
            raise MemoryError
        return made(*given, **more)

    monkeypatch.setattr(plain_lane, "plain_answer", failing)
    with capture_logs():
        in_one_turn(held, *[(client, held.get(f"key-{number}")) for number, client in enumerate(clients)])
        assert clients[0].answer()[2] == b"0"
        assert clients[2].answer()[2] == b"2"
        assert clients[1].is_at_end()


@pytest.mark.parametrize("place", ["answered", "read"])
def test_a_fault_of_our_own_ends_one_connection_and_the_others_are_answered(held, clients, monkeypatch, place):
    do, broken = getattr(GatewayProtocol, place), held.connection_of(clients[1])

    def failing(connection, data):
        if connection is broken:
            raise ZeroDivisionError("a fault")
        return do(connection, data)

    monkeypatch.setattr(GatewayProtocol, place, failing)
    more = NOT_PLAIN if place == "read" else ()
    with capture_logs() as lines:
        in_one_turn(held, *[(client, held.get(f"key-{number}", more)) for number, client in enumerate(clients)])
        assert clients[0].answer()[2] == b"0"
        assert clients[2].answer()[2] == b"2"
        assert clients[1].is_at_end()
    assert [line["event"] for line in lines] == [{"answered": "reply_failed", "read": "connection_failed"}[place]]


@pytest.mark.parametrize("many", [1, 2, 3])
def test_more_than_are_decided_together_are_all_answered(held, clients, monkeypatch, many):
    monkeypatch.setattr("zotplus.gateway.transport.plain_lane.TOGETHER", many)
    in_one_turn(held, *[(client, held.get(f"key-{number}")) for number, client in enumerate(clients)])
    assert [client.answer()[2] for client in clients] == [b"0", b"1", b"2"]


def test_writes_that_one_commit_made_durable_are_answered_together(held, clients, monkeypatch):
    sent = []
    send = PlainLane._send
    monkeypatch.setattr(PlainLane, "_send", lambda lane: (sent.append(len(lane._answers)), send(lane))[1])
    held.hold()
    in_one_turn(held, *[(client, held.put(f"key-{number}", b"new")) for number, client in enumerate(clients)])
    held.release()
    assert [client.answer()[0] for client in clients] == [200] * 3
    assert [many for many in sent if many] == [3]


def test_a_turn_in_which_nothing_arrives_asks_for_none(held, clients, monkeypatch):
    turns = []
    loop = held.gateway._loop
    answer = PlainLane.answer_arrived
    monkeypatch.setattr(PlainLane, "answer_arrived", lambda lane: (turns.append(len(lane._arrived)), answer(lane))[1])
    in_one_turn(held, *[(client, held.get(f"key-{number}")) for number, client in enumerate(clients)])
    assert [client.answer()[0] for client in clients] == [200] * 3
    held.gateway.run(asyncio.sleep(0))
    assert turns == [3]
    assert loop.is_running()
