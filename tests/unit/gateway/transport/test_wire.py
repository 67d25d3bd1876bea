"""What the wire guarantees whatever a reply holds: no header breaks out of its line, nothing stays open."""

from types import SimpleNamespace

import pytest
from aiohttp import HttpVersion10, HttpVersion11

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.gateway.reply import Relayed, Reply, Streamed
from zotplus.gateway.transport.transfer import TransferBrokenError
from zotplus.gateway.transport.wire import Wire, head_bytes

STAMP = ("X-Request-Id", "0123456789ABCDEF")
GET = SimpleNamespace(method="GET", version=HttpVersion11, transport=None)


class Exchange:
    def __init__(self):
        self.finished = []

    def fileno(self):
        return -1

    def finish(self, clean):
        self.finished.append(clean)


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b"])
def test_a_header_that_would_break_out_of_its_line_is_refused(value):
    with pytest.raises(ValueError, match="line break"):
        head_bytes(Reply(headers=[("X", value)]), GET, STAMP, keep_alive=True)


@pytest.mark.parametrize(
    ("version", "keep_alive", "expected"),
    [(HttpVersion11, True, b""), (HttpVersion11, False, b"close"), (HttpVersion10, True, b"keep-alive")],
)
def test_a_head_says_what_becomes_of_the_connection_only_where_it_must(version, keep_alive, expected):
    head = head_bytes(Reply(), SimpleNamespace(method="GET", version=version), STAMP, keep_alive=keep_alive)
    found = [line[12:] for line in head.split(b"\r\n") if line.startswith(b"Connection: ")]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(("status", "told"), [(200, True), (204, False), (304, False)])
def test_a_length_is_told_unless_the_status_has_no_body(status, told):
    head = head_bytes(Reply(status=status, length=7), GET, STAMP, keep_alive=True)
    assert (b"Content-Length: 7\r\n" in head) is told


def test_an_upstreams_date_is_kept_and_not_given_twice():
    head = head_bytes(Reply(headers=[("Date", "then")]), GET, STAMP, keep_alive=True)
    assert head.count(b"Date: ") == 1


@pytest.mark.parametrize("headers", [[("X", "a\nb")], []], ids=["broken head", "client gone"])
async def test_an_upstreams_answer_that_cannot_be_sent_is_let_go(headers):
    exchange = Exchange()
    reply = Reply(headers=headers, body=Relayed(exchange, b"", 5))
    with pytest.raises((ValueError, TransferBrokenError)):
        await Wire(BlobsMemory(), 1.0).send(GET, reply, STAMP, keep_alive=True)
    assert exchange.finished == [False]


async def test_a_stream_that_cannot_be_sent_is_closed():
    closed = []

    async def chunks():
        try:
            yield b"x"
        finally:
            closed.append(True)

    stream = chunks()
    await anext(stream)
    with pytest.raises(TransferBrokenError):
        await Wire(BlobsMemory(), 1.0).send(GET, Reply(body=Streamed(stream)), STAMP, keep_alive=True)
    assert closed == [True]
