"""Encrypted blobs on their way from file to socket: opened in runs, proven before anything is sent."""

import os
import socket
import threading
import time

import pytest
from structlog.testing import capture_logs

from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.domain.encryption.framing import FRAME_BYTES, TAG_BYTES, Opener, Sealer, stream_id, stream_key
from zotplus.domain.errors import Problem
from zotplus.gateway.transport.stored import RUN_BYTES, StoredPump, VerifiedBlocks
from zotplus.gateway.transport.transfer import Progress
from zotplus.services.values import Slice

CIPHER = AesGcm(stream_key(b"k" * 32, stream_id(0, b"s" * 16)))
DATA = os.urandom(3 * RUN_BYTES + 1000)
SIZE = len(DATA)
STORED_FRAME = FRAME_BYTES + TAG_BYTES


@pytest.fixture
def sealed():
    sealer = Sealer(CIPHER, b"")
    return bytearray(sealer.update(DATA) + sealer.finish())


def piece(start=0, stop=SIZE):
    return Slice(digest="blob", offset=start, length=stop - start, opener=Opener(CIPHER, len(DATA)))


def pump_of(folder, *pieces):
    return StoredPump(b"HEAD", pieces, lambda digest: str(folder / digest), VerifiedBlocks())


def sent(pump, *, slice_seconds=60.0):
    """All that comes out of a socket whose buffer is small, and how often the pump had to come back."""
    left, right = socket.socketpair()
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    left.setblocking(False)
    received = bytearray()

    def receive():
        while chunk := right.recv(7_000):
            received.extend(chunk)

    reader = threading.Thread(target=receive)
    reader.start()
    turns = 0
    try:
        while pump.run(left, time.monotonic() + slice_seconds) is not Progress.DONE:
            turns += 1
    finally:
        pump.close()
        left.close()
        reader.join()
        right.close()
    return bytes(received), turns


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, len(DATA)),
        (5, 6),
        (FRAME_BYTES - 1, FRAME_BYTES + 1),
        (RUN_BYTES - 3, 2 * RUN_BYTES + 3),
        (len(DATA) - 1, len(DATA)),
    ],
)
def test_the_plaintext_of_a_range_is_sent(tmp_path, sealed, start, stop):
    (tmp_path / "blob").write_bytes(sealed)
    assert sent(pump_of(tmp_path, piece(start, stop)))[0] == b"HEAD" + DATA[start:stop]


def test_a_thread_is_given_back_between_runs(tmp_path, sealed):
    (tmp_path / "blob").write_bytes(sealed)
    received, turns = sent(pump_of(tmp_path, piece(), piece(7, 99)), slice_seconds=0)
    assert received == b"HEAD" + DATA + DATA[7:99]
    assert turns >= 3


def test_damage_in_the_first_run_sends_nothing(tmp_path, sealed):
    sealed[2 * STORED_FRAME] ^= 1
    (tmp_path / "blob").write_bytes(sealed)
    with capture_logs() as lines, pytest.raises(Problem) as raised:
        sent(pump_of(tmp_path, piece()))
    assert raised.value.fields["digest"] == "blob"
    assert [(line["log_level"], line["fault"]) for line in lines] == [("error", "blob_corrupt")]


def test_damage_behind_breaks_the_connection_before_a_byte_of_its_run(tmp_path, sealed):
    sealed[5 * STORED_FRAME] ^= 1  # the second run
    (tmp_path / "blob").write_bytes(sealed)
    left, right = socket.socketpair()
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * len(DATA))
    pump = pump_of(tmp_path, piece())
    with left, right, capture_logs(), pytest.raises(ConnectionError):
        run_out(pump, left, right)
    pump.close()


def run_out(pump, left, right):
    left.setblocking(False)
    right.setblocking(False)
    received = 0
    while pump.run(left, time.monotonic()) is not Progress.DONE:
        received += len(right.recv(4 * len(DATA)))
        assert received <= len(b"HEAD") + RUN_BYTES


def test_a_file_that_is_cut_short_or_gone_is_told(tmp_path, sealed):
    for content in (sealed[:100], sealed[:-1][: RUN_BYTES // 2], None):
        if content is None:
            (tmp_path / "blob").unlink()
        else:
            (tmp_path / "blob").write_bytes(content)
        with capture_logs() as lines, pytest.raises(Problem):
            sent(pump_of(tmp_path, piece()))
        assert lines[0]["digest"] == "blob"
