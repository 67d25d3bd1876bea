"""How content gets into a file: in which pieces, and when the disk begins."""

import asyncio
import ctypes
import errno
import os
from types import SimpleNamespace

import pytest

from tests.contracts.blobs import read, sha256
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings, writeback, writing
from zotplus.adapters.blobs_fs.writing import PIECE_BYTES, WRITEBACK_BYTES
from zotplus.domain import errors
from zotplus.domain.errors import Problem

SIZES = [1, PIECE_BYTES, PIECE_BYTES - 1, 2 * PIECE_BYTES + 3, PIECE_BYTES, 5]


@pytest.fixture
def started(monkeypatch):
    """The ranges whose writeback was started, which is done too."""
    ranges, start = [], writing.start_writeback

    def noting(descriptor, offset, length):
        ranges.append((offset, length))
        assert os.fstat(descriptor).st_size >= offset + length
        start(descriptor, offset, length)

    monkeypatch.setattr(writing, "start_writeback", noting)
    return ranges


def store_in(folder, **settings):
    return BlobsFilesystem(FilesystemBlobsSettings(path=str(folder), **settings))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("sizes", [SIZES, SIZES[::-1], [PIECE_BYTES] * 3, [3 * PIECE_BYTES]])
async def test_pieces_of_any_size_and_kind_become_one_content(tmp_path, kind, sizes):
    content = os.urandom(sum(sizes))
    writer, at = await store_in(tmp_path).create(), 0
    for size in sizes:
        await writer.write(kind(content[at : at + size]))
        at += size
    await writer.commit(sha256(content))
    assert await read(store_in(tmp_path), sha256(content)) == content


async def test_a_buffer_that_is_used_again_is_copied(tmp_path):
    writer = await store_in(tmp_path).create()
    buffer = bytearray(PIECE_BYTES)
    for value in range(3):
        buffer[:] = bytes([value]) * PIECE_BYTES
        await writer.write(buffer)
    content = b"".join([bytes([value]) * PIECE_BYTES for value in range(3)])
    buffer[:] = b"x" * PIECE_BYTES
    await writer.commit(sha256(content))
    assert await read(store_in(tmp_path), sha256(content)) == content


async def test_the_disk_begins_while_more_is_to_come(tmp_path, started):
    pieces = 2 * WRITEBACK_BYTES // PIECE_BYTES + 1
    content = os.urandom(PIECE_BYTES) * pieces
    writer = await store_in(tmp_path).create()
    for _ in range(pieces):
        await writer.write(content[:PIECE_BYTES])
    await writer.commit(sha256(content))
    assert started == [(0, WRITEBACK_BYTES), (WRITEBACK_BYTES, WRITEBACK_BYTES)]


async def test_a_store_that_need_not_be_durable_leaves_the_disk_alone(tmp_path, started):
    content = os.urandom(WRITEBACK_BYTES)
    writer = await store_in(tmp_path, fsync="off").create()
    await writer.write(content)
    await writer.commit(sha256(content))
    assert started == []


async def test_a_write_that_was_cancelled_leaves_nothing_that_could_be_committed(tmp_path):
    writer = await store_in(tmp_path).create()
    await writer.write(bytes(PIECE_BYTES))
    await writer._settle()
    held = asyncio.get_running_loop().create_future()
    writer._writing = held
    waiting = asyncio.ensure_future(writer.write(bytes(PIECE_BYTES)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.set_result(None)
    with pytest.raises(Problem) as caught:
        await writer.commit(sha256(b""))
    assert caught.value.fault is errors.STORAGE_FAILED
    await writer.cancel()


@pytest.mark.parametrize(("fault", "is_told"), [(errno.EIO, True), (errno.ENOSYS, False), (errno.ESPIPE, False)])
async def test_what_the_disk_refuses_early_is_told(tmp_path, monkeypatch, fault, is_told):
    def refuse(*_):
        ctypes.set_errno(fault)
        return -1

    monkeypatch.setattr(writeback, "_LIBC", SimpleNamespace(sync_file_range=refuse))
    content = bytes(WRITEBACK_BYTES)
    writer = await store_in(tmp_path).create()
    await writer.write(content)
    if is_told:
        with pytest.raises(Problem) as caught:
            await writer.commit(sha256(content))
        assert caught.value.fault is errors.STORAGE_FAILED
        await writer.cancel()
    else:
        await writer.commit(sha256(content))
