"""Full disks, failing disks and kills."""

import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contracts.blobs import LARGE, put, read, sha256
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem

VICTIM = """
import asyncio, hashlib, sys, time
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings

async def main():
    store = BlobsFilesystem(FilesystemBlobsSettings(path=sys.argv[1]))
    for number in range(3):
        content = bytes([number]) * 1_500_000
        digest = hashlib.sha256(content).hexdigest()
        writer = await store.create()
        await writer.write(content)
        await writer.commit(digest)
        print(digest, flush=True)
    await store.delete(digest, unchanged_since=time.time() + 1)

asyncio.run(main())
"""


def store_in(folder, **settings):
    return BlobsFilesystem(FilesystemBlobsSettings(path=str(folder), **settings))


async def test_a_full_disk_is_told_and_what_is_stored_is_still_read_and_deleted(tmp_path):
    store = store_in(tmp_path)
    small = await put(store, b"small")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = await store.create()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
        await writer.write(LARGE)  # handed to a thread; the next piece meets its failure
        with pytest.raises(Problem) as caught:
            await writer.write(LARGE)
        assert caught.value.fault is errors.STORAGE_FULL
        with pytest.raises(Problem) as caught:
            await writer.commit(sha256(LARGE))
        assert caught.value.fault is errors.STORAGE_FAILED
        await writer.cancel()
        assert await read(store, small) == b"small"
        assert await store.delete(small, unchanged_since=time.time() + 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "staging").iterdir()) == []
    await store.close()


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENOSPC, errors.STORAGE_FULL),
        (errno.EDQUOT, errors.STORAGE_FULL),
        (errno.EIO, errors.STORAGE_FAILED),
        (errno.EROFS, errors.STORAGE_FAILED),
        (errno.EMFILE, errors.STORAGE_FAILED),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "rename", "fsync"])
async def test_a_failing_system_call_of_a_commit_is_told_and_leaves_nothing_behind(
    tmp_path, monkeypatch, call, number, fault
):
    store = store_in(tmp_path)
    await store.check()
    writer = await store.create()
    await writer.write(b"content")

    def fail(*_arguments, **_named):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(Problem) as caught:
            await writer.commit(sha256(b"content"))
    assert caught.value.fault is fault
    await writer.cancel()
    assert list((tmp_path / "staging").iterdir()) == []
    await put(store, b"content")
    assert await read(store, sha256(b"content")) == b"content"
    await store.close()


@pytest.mark.crash
@pytest.mark.parametrize("name", [name for name in failpoints.FAILPOINTS if name.startswith("blobs.")])
def test_a_kill_at_every_step_leaves_whole_blobs_only_and_none_of_the_acknowledged_is_lost(tmp_path, name):
    hits = 1 if "unlink" in name else 2
    environment = {**os.environ, failpoints.VARIABLE: f"{name}:{hits}"}
    command = [sys.executable, "-c", VICTIM, str(tmp_path)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL

    async def verify():
        store = store_in(tmp_path)
        there = [info.digest async for info in store.list()]
        for digest in there:
            assert sha256(await read(store, digest)) == digest
        kept = done.stdout.split()[:2] if "unlink" in name else done.stdout.split()
        assert set(kept) <= set(there)
        await store.sweep(time.time() + 1)
        assert list(Path(tmp_path, "staging").iterdir()) == []
        await store.close()

    asyncio.run(verify())
