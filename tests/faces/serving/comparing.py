"""The same bytes by the lane of plain requests and by the way of all others: what is answered, told and recorded."""

import contextlib
import re
import select
from typing import NamedTuple

import msgspec
import pytest

from tests.faces.gateway import start
from tests.faces.serving.holding import PATIENCE, Held, HeldStore
from zotplus.gateway.transport.connection import GatewayProtocol

_ID = re.compile(rb"[0-9A-F]{16}")
_OWN = (b"date:", b"x-amz-request-id:", b"x-request-id:")


class AuditMemory:
    """An audit log that keeps the records themselves."""

    is_failing = False

    def __init__(self):
        self.records = []

    def take(self, record):
        self.records.append(record)

    def hand_over(self, *, urgent=False):
        pass


class Outcome(NamedTuple):
    """What became of the bytes: all answers but for ids and dates, and what is known of the requests afterwards."""

    answers: list
    is_closed: bool
    finished: list
    records: list
    taken: int
    """How many requests the lane answered."""


class Compared(Held):
    """A gateway whose lane can be opened and closed, and that counts what comes in."""

    def __init__(self, gateway, store, patch):
        super().__init__(gateway, store)
        self.lane = self.server._lane
        self._face = self.lane._face
        self._arrived = {}
        receive, make = GatewayProtocol.data_received, GatewayProtocol.connection_made

        def made(connection, transport):
            make(connection, transport)
            self._arrived[connection.peername] = 0

        def received(connection, data):
            name = connection.peername
            receive(connection, data)
            self._arrived[name] += len(data)

        patch.setattr(GatewayProtocol, "connection_made", made)
        patch.setattr(GatewayProtocol, "data_received", received)
        self._taken = 0
        tell_soon = self.lane._tell_soon

        def counted(untold):
            self._taken += 1
            tell_soon(untold)

        self.lane._tell_soon = counted

    def both(self, *segments):
        """What becomes of these segments by the lane, and with the lane closed."""
        self.lane._face = self._face
        plainly = self.outcome(segments)
        self.run(self.lane.close)
        usually = self.outcome(segments)
        self.lane._face = self._face
        return plainly, usually

    def outcome(self, segments):
        """Send the segments one by one on a connection of their own; what becomes of them."""
        self._forget()
        client = self.connect()
        name, sent = client.socket.getsockname(), 0
        for number, segment in enumerate(segments):
            client.send(segment)
            sent += len(segment)
            is_last = number == len(segments) - 1
            self.until(lambda sent=sent, is_last=is_last: self._has_taken(name, sent, is_idle=is_last))
        client.socket.settimeout(0)
        data, is_closed = self._all_of(client.socket), False
        if name not in {one.peername for one in self.server._protocols.connections if one.transport is not None}:
            client.socket.settimeout(PATIENCE)
            data, is_closed = data + client.rest(), True
        client.close()
        self.until(lambda: name not in [one.peername for one in self.server._protocols.connections])
        self.run(self.server._pipeline.audit.flush)
        finished, records = self.gateway.finished(), self.gateway.parts.audit.records
        return Outcome(
            answers_in(data),
            is_closed,
            [msgspec.structs.replace(one, request_id="", at=0.0, seconds=0.0) for one in finished],
            [msgspec.structs.replace(one, id="", time="", seq=0) for one in records],
            self._taken,
        )

    def _forget(self):
        self.gateway.finished().clear()
        self.gateway.parts.audit.records.clear()
        self._arrived.clear()
        self._taken = 0

    def _has_taken(self, name, sent, *, is_idle):
        """Whether everything has arrived, and been answered as far as it can be."""
        if name not in self._arrived:
            return False
        found = [one for one in self.server._protocols.connections if one.peername == name]
        if not found or found[0].transport is None:
            return True
        connection = found[0]
        if self._arrived[name] < sent:
            return False
        waiter = connection._waiter
        return not is_idle or (connection.is_waiting and not connection._messages and waiter and not waiter.done())

    @staticmethod
    def _all_of(connection):
        pieces = []
        while select.select([connection], [], [], 0)[0]:
            data = connection.recv(1 << 20)
            if not data:
                break
            pieces.append(data)
        return b"".join(pieces)


def answers_in(data):
    """Status line, sorted headers without those of one request alone, and body of each answer."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        lengths = [int(line[16:]) for line in lines if line.lower().startswith(b"content-length: ")]
        length = lengths[0] if lengths and not (found and first == b"") else 0
        kept = sorted([line for line in lines if not line.lower().startswith(_OWN)])
        found.append((first, kept, _ID.sub(b"-", data[:length])))
        data = data[length:]
    return found


@contextlib.contextmanager
def comparing(folder):
    """A gateway to compare with, and three objects in a bucket."""
    patch = pytest.MonkeyPatch()
    store = HeldStore()
    gateway = start(folder, store=store, audit=AuditMemory())
    made = Compared(gateway, store, patch)
    client = made.connect()
    for path, body in (("/bucket", b""), ("/bucket/key", b"read"), ("/bucket/a//..", b"odd")):
        client.send(*made.request("PUT", path, body))
        assert client.answer()[0] == 200
    yield made
    made.release()
    for client in made.clients:
        client.close()
    gateway.stop()
    patch.undo()
    assert made.faults == []


def head_of(compared, method, path, body=b"", **options):
    """A signed head's request line, and its other lines."""
    head, _ = compared.request(method, path, body, **options)
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return first, lines


def joined(first, lines, body=b""):
    """The bytes of a request."""
    return b"\r\n".join([first, *lines, b"", b""]) + body


def check(compared, *segments, taken):
    """Both ways are alike, and ``taken`` requests (None: any) went by the lane where it is open."""
    plainly, usually = compared.both(*segments)
    faults, compared.faults[:] = list(compared.faults), []
    assert faults == []
    assert plainly[:-1] == usually[:-1]
    assert usually.taken == 0
    assert taken is None or plainly.taken == taken
    return plainly
