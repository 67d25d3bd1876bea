"""Bytes move between sockets and files in slices; slow peers never hold a thread, dead ones end the transfer."""

import asyncio
import os
import socket

import pytest

from zotplus.gateway.transport import transfer
from zotplus.gateway.transport.transfer import HeadPump, Progress, RelayPump, TransferBrokenError, Transfers


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    left.setblocking(False)
    yield left, right
    left.close()
    right.close()


async def received(reader, size):
    loop = asyncio.get_running_loop()
    reader.setblocking(False)
    data = bytearray()
    while len(data) < size and (piece := await loop.sock_recv(reader, 1 << 16)):
        data += piece
    return bytes(data)


async def test_a_relayed_body_arrives_whole_behind_its_head(pair):
    client, reader = pair
    upstream, source = socket.socketpair()
    source.setblocking(False)
    body = os.urandom(3_000_000)
    pump = RelayPump(b"HEAD" + body[:10], source.fileno(), len(body) - 10)
    transfers = Transfers(5)
    loop = asyncio.get_running_loop()
    upstream.setblocking(False)
    feeding = loop.create_task(loop.sock_sendall(upstream, body[10:]))
    reading = loop.create_task(received(reader, len(body) + 4))
    await transfers.run(client, pump)
    assert await reading == b"HEAD" + body
    await feeding
    pump.close()
    transfers.close()
    upstream.close()
    source.close()


async def test_an_upstream_that_ends_early_breaks_the_transfer(pair):
    client, _reader = pair
    upstream, source = socket.socketpair()
    source.setblocking(False)
    upstream.send(b"only this")
    upstream.close()
    pump = RelayPump(b"H", source.fileno(), 1000)
    transfers = Transfers(5)
    with pytest.raises(TransferBrokenError, match="ended its answer early"):
        await transfers.run(client, pump)
    pump.close()
    transfers.close()
    source.close()


async def test_a_client_that_takes_nothing_is_given_up_after_the_idle_time(pair):
    client, _reader = pair
    upstream, source = socket.socketpair()
    upstream.setblocking(False)
    source.setblocking(False)
    pump = RelayPump(b"x" * 8_000_000, source.fileno(), 1)
    transfers = Transfers(0.05)
    with pytest.raises(TransferBrokenError, match="idle"):
        await transfers.run(client, pump)
    pump.close()
    transfers.close()
    upstream.close()
    source.close()


async def test_a_silent_upstream_is_given_up_after_the_idle_time(pair):
    client, _reader = pair
    upstream, source = socket.socketpair()
    source.setblocking(False)
    pump = RelayPump(b"", source.fileno(), 1)
    transfers = Transfers(0.05)
    with pytest.raises(TransferBrokenError, match="idle"):
        await transfers.run(client, pump)
    pump.close()
    transfers.close()
    upstream.close()
    source.close()


async def test_a_client_that_went_away_breaks_the_transfer(pair):
    client, reader = pair
    reader.close()
    upstream, source = socket.socketpair()
    pump = RelayPump(b"x", source.fileno(), 0)
    transfers = Transfers(5)
    with pytest.raises(TransferBrokenError):
        await transfers.run(client, pump)
    pump.close()
    transfers.close()
    upstream.close()
    source.close()


def test_a_head_is_sent_in_as_many_pieces_as_the_socket_takes(pair):
    client, reader = pair
    pump = HeadPump(b"y" * 5_000_000)
    got = 0
    while pump.run(client) is Progress.WANTS_WRITE:
        got += len(reader.recv(1 << 20))
    reader.setblocking(False)
    try:
        while piece := reader.recv(1 << 20):
            got += len(piece)
    except BlockingIOError:
        pass
    assert got == 5_000_000


async def test_the_rest_of_a_stuck_transfer_is_not_overwritten_by_others_in_the_same_thread(monkeypatch):
    monkeypatch.setattr(transfer, "THREADS", 1)
    transfers, loop, size = Transfers(20), asyncio.get_running_loop(), 4_000_000
    ends = {letter: [*socket.socketpair(), *socket.socketpair()] for letter in (b"a", b"b")}
    moving, pumps = [], []
    for letter, (client, _, upstream, source) in ends.items():
        for end in (client, upstream, source):
            end.setblocking(False)
        pumps.append(RelayPump(b"", source.fileno(), size))
        moving.append(loop.create_task(loop.sock_sendall(upstream, letter * size)))
        moving.append(loop.create_task(transfers.run(client, pumps[-1])))
    for letter in (b"b", b"a"):  # nobody reads the first one before the second is through
        assert await received(ends[letter][1], size) == letter * size
    await asyncio.gather(*moving)
    for end in (*pumps, transfers, *ends[b"a"], *ends[b"b"]):
        end.close()


class NothingMore:
    """A transfer that is over at once."""

    source = -1

    def run(self, _sink, _until):
        return Progress.DONE


@pytest.mark.parametrize(("segment", "is_local"), [(1 << 14, True), (1 << 16, False)])
async def test_for_a_client_on_this_machine_the_kernel_holds_no_more_than_stays_in_a_cache(
    monkeypatch, segment, is_local
):
    monkeypatch.setattr(transfer, "LOCAL_SEGMENT_BYTES", segment)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        connection, _ = listening.accept()
    with client, connection:
        client.sendall(b"asked")
        connection.sendall(b"answered")
        before = connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        transfers = Transfers(5)
        await transfers.run(connection, NothingMore())
        transfers.close()
        held = connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert held == (2 * transfer.LOCAL_BUFFER_BYTES if is_local else before)
    assert before != 2 * transfer.LOCAL_BUFFER_BYTES


async def test_a_connection_that_is_no_tcp_is_left_as_it_is(pair):
    client, _ = pair
    before = client.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    transfers = Transfers(5)
    await transfers.run(client, NothingMore())
    transfers.close()
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before
