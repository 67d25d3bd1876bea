"""The program whose system calls are recorded: ``recorded.py <data folder> <acks> <fsync setting> [<call> <part>]``.

It does what a server does to its stores, and appends to ``acks`` a line before each operation (``begin``) and one when
it would have acknowledged it (``done``), with the key and the MD5 of its content, or ``-`` when it is deleted.

With ``<call> <part>`` it leaves out ``fsync`` or ``fdatasync`` of paths that contain the part: a fault to be found.
"""

import asyncio
import contextlib
import hashlib
import os
import sys
import time
from pathlib import Path

from tests.crash.victim import BUCKET, PLAIN, content, source
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.services.buckets import Buckets
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.upkeep.collector import Collector
from zotplus.services.values import Assembly, Copy, PartChoice

SIZES = {"inline": 4_096, "blob": 20_480, "pieces": 2_500_000}
PARTS = (5 * 1024 * 1024, 30_000)
RESERVE_BYTES = 128 * 1024  # small, so that a copy of the store is made quickly for every moment


class Acknowledging:
    """The services, each operation followed by its line in the file of acknowledgements."""

    def __init__(self, data: Path, acks: Path, fsync: str) -> None:
        settings = LmdbSettings(path=str(data / "metadata"), fsync=fsync, reserve_bytes=RESERVE_BYTES)
        self.store = KeyValueLmdb(settings)
        self.blobs = BlobsFilesystem(FilesystemBlobsSettings(path=str(data / "blobs"), fsync=fsync))
        self.objects = Objects(self.store, self.blobs)
        self.multipart = Multipart(self.store, self.blobs)
        self._acks = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    @contextlib.contextmanager
    def telling(self, key: str, data: bytes | None):
        md5 = "-" if data is None else hashlib.md5(data, usedforsecurity=False).hexdigest()
        os.write(self._acks, f"begin {key} {md5}\n".encode())
        yield
        os.write(self._acks, f"done {key} {md5}\n".encode())

    async def put(self, key: str, data: bytes) -> None:
        with self.telling(key, data):
            await self.objects.put(BUCKET, key, source(data), PLAIN, UNCONDITIONAL_WRITE)

    async def upload(self, key: str) -> None:
        parts = [content(f"{key} {size}", size) for size in PARTS]
        upload = (await self.multipart.create(BUCKET, key, "owner", PLAIN, None)).upload_id
        choices = []
        for number, part in enumerate(parts, 1):
            info = await self.multipart.put_part(BUCKET, key, upload, number, source(part))
            choices.append(PartChoice(number=number, etag=info.etag))
        with self.telling(key, b"".join(parts)):
            await self.multipart.complete(BUCKET, key, upload, Assembly(parts=tuple(choices)), UNCONDITIONAL_WRITE)

    async def copy(self, key: str, to: str, data: bytes) -> None:
        with self.telling(to, data):
            await self.objects.copy(Copy(source=(BUCKET, key), target=(BUCKET, to)))

    async def delete(self, key: str) -> None:
        with self.telling(key, None):
            await self.objects.delete(BUCKET, key)


def leave_out(call: str, part: str) -> None:
    original = getattr(os, call)

    def forgetful(descriptor: int) -> None:
        if part not in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            original(descriptor)

    setattr(os, call, forgetful)


async def main(data: str, acks: str, fsync: str) -> None:
    work = Acknowledging(Path(data), Path(acks), fsync)
    await Buckets(work.store, "here").create(BUCKET, "owner")
    for key, size in SIZES.items():
        await work.put(key, content(key, size))
    await work.put("inline", content("another", SIZES["blob"]))
    await work.upload("multipart")
    await work.copy("blob", "copy", content("blob", SIZES["blob"]))
    await work.delete("blob")
    await work.delete("pieces")
    await Collector(work.store, work.blobs).run(time.time() + 86_400)
    await asyncio.gather(*(work.put(f"many-{number}", content(f"{number}", 17_000)) for number in range(6)))
    await work.put("pieces", content("pieces", SIZES["pieces"]))
    await work.store.close()
    await work.blobs.close()


if __name__ == "__main__":
    if len(sys.argv) > 4:
        leave_out(*sys.argv[4:])
    asyncio.run(main(*sys.argv[1:4]))
