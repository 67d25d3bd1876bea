"""How content gets into a file: in which pieces, and when the disk begins."""

import os

import pytest

from tests.contracts.blobs import read, sha256
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings, writing
from zotplus.adapters.blobs_fs.writing import PIECE_BYTES, WRITEBACK_BYTES

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
