"""Damage to what is stored is told to the operator with its digest, and never sent."""

import hashlib
import socket
import time

import pytest
from structlog.testing import capture_logs

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.chunk_sums import BLOCK_SIZE, ChunkSums
from zotplus.gateway.transport.stored import StoredPump, VerifiedBlocks
from zotplus.gateway.transport.verified import verified_chunks
from zotplus.services.values import Slice

DATA = b"x" * BLOCK_SIZE + b"y" * 100
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def piece():
    sums = ChunkSums()
    sums.update(DATA)
    return Slice(digest=DIGEST, offset=0, length=len(DATA), sums=sums.to_bytes())


def flipped(place):
    return DATA[:place] + b"!" + DATA[place + 1 :]


@pytest.mark.parametrize(("content", "fault"), [(flipped(0), "blob_corrupt"), (DATA[:10], "blob_corrupt")])
def test_a_damaged_file_is_logged_as_an_error_with_its_digest(piece, tmp_path, content, fault):
    (tmp_path / DIGEST).write_bytes(content)
    assert told(piece, tmp_path, Problem) == [("error", fault, DIGEST)]


def test_a_missing_file_is_logged_as_an_error_with_its_digest(piece, tmp_path):
    assert told(piece, tmp_path, Problem) == [("error", "blob_missing", DIGEST)]


def test_damage_behind_the_first_block_is_logged_too(piece, tmp_path):
    (tmp_path / DIGEST).write_bytes(flipped(BLOCK_SIZE))
    assert told(piece, tmp_path, ConnectionError) == [("error", "blob_corrupt", DIGEST)]


def told(piece, folder, failure):
    """What is logged while ``piece`` is sent from ``folder``, which ends in ``failure``."""
    left, right = socket.socketpair()
    pump = StoredPump(b"", [piece], lambda digest: str(folder / digest), VerifiedBlocks())
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * BLOCK_SIZE)
    with left, right, capture_logs() as lines:
        left.setblocking(False)
        right.setblocking(False)
        with pytest.raises(failure):
            send(pump, left, right)
        pump.close()
    return rows(lines)


def send(pump, source, target):
    for _ in range(100):
        pump.run(source, time.monotonic())
        drain(target)


def drain(end):
    try:
        while end.recv(1 << 20):
            continue
    except BlockingIOError:
        return


async def test_a_damaged_stream_is_logged_as_an_error_with_its_digest(piece):
    blobs = BlobsMemory()
    writer = await blobs.create()
    await writer.write(flipped(3))
    await writer.commit(DIGEST)
    with capture_logs() as lines, pytest.raises(Problem) as raised:
        _ = [chunk async for chunk in verified_chunks(blobs, (piece,))]
    assert raised.value.fault is errors.BLOB_CORRUPT
    assert raised.value.fields["digest"] == DIGEST
    assert rows(lines) == [("error", "blob_corrupt", DIGEST)]


def rows(lines):
    return [(line["log_level"], line["fault"], line["digest"]) for line in lines if line["event"] == "content_damaged"]
