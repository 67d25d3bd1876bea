"""The lane of plain requests by itself; what it answers is tested with real sockets in ``tests/faces/serving``."""

from types import SimpleNamespace

import pytest

from zotplus.gateway.head import Listener
from zotplus.gateway.plain import Origin
from zotplus.gateway.reply import Reply
from zotplus.gateway.transport.plain_lane import PlainLane
from zotplus.gateway.transport.running import Running

PUT = b"PUT /bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"


class Connection:
    origin = Origin("127.0.0.1", "http", "")
    is_gone = False

    def __init__(self):
        self.log = []

    def busy(self):
        self.log.append("busy")

    def given_back(self):
        self.log.append("given back")

    def answered(self, answer):
        self.log.append(answer[:15])

    def abort(self):
        self.log.append("aborted")


def lane_of(running, perform):
    async def perform_plainly(_write, request):
        request.request_id, request.route = "1", SimpleNamespace(name="PutObject")
        return request, perform()

    pipeline = SimpleNamespace(
        plain_faces={Listener.S3: SimpleNamespace(request_id_header="x-amz-request-id")},
        answer_plainly=lambda _face, requests: [None] * len(requests),
        begin_plainly=lambda _face, _request: object(),
        perform_plainly=perform_plainly,
    )
    return PlainLane(pipeline, SimpleNamespace(), Listener.S3, running)


@pytest.mark.parametrize("perform", [Reply, lambda: 1 / 0], ids=["answered", "failed"])
async def test_a_write_runs_from_the_moment_it_is_begun_until_it_is_answered(perform):
    """A server that begins to end in the same turn of the loop must wait for it."""
    running, connection = Running(), Connection()
    lane = lane_of(running, perform)
    lane._tell_soon = lambda _untold: None
    assert lane.take(PUT, connection, at_once=False)
    assert (running.count, connection.log) == (0, ["busy"])
    lane.answer_arrived()
    assert (running.count, connection.log) == (1, ["busy", "given back", "busy"])
    await running.ended()
    assert connection.log == ["busy", "given back", "busy", b"HTTP/1.1 200 OK" if perform is Reply else "aborted"]
