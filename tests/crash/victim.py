"""A process that works on real stores until a failpoint kills it.

``victim.py <data folder> <task> <failpoint> [versioning]`` first makes what every task finds (see ``prepare``), then
arms the failpoint and does the task. Standard output says how far it came: the id of the upload, then one line for each
operation that was acknowledged.
"""

import asyncio
import hashlib
import os
import sys
import time
from pathlib import Path

from zotplus.adapters.blobs_classes import LocalBlobsByClass
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.domain import errors, failpoints
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.decisions import Terms
from zotplus.domain.storage.lifecycle.rules import Filter, Rule, RuleSet, Transition, When, encode_rules
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.documents import write_document
from zotplus.services.content.contents import read_slices
from zotplus.services.lifecycle.engine import Engine
from zotplus.services.lifecycle.lifecycles import KIND, Lifecycles
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.upkeep.collector import Collector
from zotplus.services.values import NOW, Assembly, Attributes, BucketOptions, Copy, PartChoice, Source, VersionQuery

BUCKET = "crash"
INLINE, BLOB, PIECES = 4_096, 20_480, 2_500_000
KEY = "target"
OTHER = "other"
PLAIN = Attributes()


def content(name: str, size: int) -> bytes:
    """Bytes that are made again for comparison."""
    return (f"{name} ".encode() * size)[:size]


OLD = content("old", BLOB)
NEW = {"put_inline": content("new", INLINE), "put_blob": content("new", BLOB), "put_pieces": content("new", PIECES)}
PART = content("part", BLOB)


class Work:
    """The services over real stores, and the tasks by name."""

    def __init__(self, data: Path, **settings) -> None:
        self.store = KeyValueLmdb(LmdbSettings(path=str(data / "metadata"), **settings))
        default, cold = [BlobsFilesystem(FilesystemBlobsSettings(path=str(data / name))) for name in ("blobs", "cold")]
        self.blobs = LocalBlobsByClass(default, {"COLD": cold})
        self.objects = Objects(self.store, self.blobs)
        self.multipart = Multipart(self.store, self.blobs)
        self.upload = ""
        self.etag = hashlib.md5(PART, usedforsecurity=False).hexdigest()

    async def put(self, key: str, data: bytes):
        return await self.objects.put(BUCKET, key, source(data), PLAIN, UNCONDITIONAL_WRITE)

    async def prepare(self, versioning: str) -> None:
        """``target`` and ``other`` with content of their own, and an upload with one part; a blob without an object."""
        await Buckets(self.store, "here").create(BUCKET, "owner", BucketOptions(versioning=versioning))
        await self.put(KEY, OLD)
        await self.put(OTHER, content("other", BLOB))
        await self.put("gone", content("gone", BLOB))
        await self.objects.delete(BUCKET, "gone")
        doomed = Rule(id="age", is_enabled=True, filter=Filter(prefix=KEY), expiration=When(days=1))
        await Lifecycles(self.store).put(BUCKET, RuleSet(rules=(doomed,)))
        self.upload = (await self.multipart.create(BUCKET, KEY, "owner", PLAIN, None)).upload_id
        await self.multipart.put_part(BUCKET, KEY, self.upload, 1, source(PART))

    async def read(self, key: str) -> bytes | None:
        """The content of ``key``, or None; the ETag proves that nothing is torn."""
        try:
            found, _ = await self.objects.get(BUCKET, key)
        except Problem as problem:
            if problem.fault is errors.OBJECT_NOT_FOUND:
                return None
            raise
        data = found.inline or b"".join([chunk async for chunk in read_slices(self.blobs, found.slices)])
        md5 = hashlib.md5(data, usedforsecurity=False)
        assert found.info.etag in {md5.hexdigest(), hashlib.md5(md5.digest(), usedforsecurity=False).hexdigest() + "-1"}
        return data

    async def versions(self) -> list[tuple[str, bool]]:
        """Id of each version of ``target``, the newest first, and whether it is a delete marker."""
        page = await self.objects.list_versions(BUCKET, VersionQuery(prefix=KEY))
        return [(one.version, one.is_marker) for one in page.items]

    async def close(self) -> None:
        await self.store.close()
        await self.blobs.close()

    async def do(self, task: str) -> None:
        if task in NEW:
            await self.put(KEY, NEW[task])
            return
        await getattr(self, f"_{task}")()

    async def _part(self) -> None:
        await self.multipart.put_part(BUCKET, KEY, self.upload, 1, source(content("new part", BLOB)))

    async def _complete(self) -> None:
        choices = (PartChoice(number=1, etag=self.etag),)
        await self.multipart.complete(BUCKET, KEY, self.upload, Assembly(parts=choices), UNCONDITIONAL_WRITE)

    async def _copy(self) -> None:
        await self.objects.copy(Copy(source=(BUCKET, OTHER), target=(BUCKET, KEY)))

    async def _delete(self) -> None:
        await self.objects.delete(BUCKET, KEY)

    async def _delete_many(self) -> None:
        await self.objects.delete_many(BUCKET, ((KEY, NOW), (OTHER, NOW)))

    async def _abort(self) -> None:
        await self.multipart.abort(BUCKET, KEY, self.upload)

    async def _collect(self) -> None:
        await Collector(self.store, self.blobs).run(time.time() + 86_400)

    async def _move(self) -> None:
        store = self.store
        moving = Transition(when=When(days=0), storage_class="COLD")
        rule = Rule(id="move", is_enabled=True, filter=Filter(prefix=KEY, larger_than=1), transitions=(moving,))
        rules, terms = RuleSet(rules=(rule,)), Terms(classes=("COLD",))
        # Set behind the failpoint's back: what this is about is the move.
        await store.write(lambda transaction: write_document(transaction, BUCKET, KIND, encode_rules(rules)))
        await Engine(store, terms, blobs=self.blobs, clock=lambda: time.time() + 3 * 86_400).run()

    async def _age(self) -> None:
        await Engine(self.store, clock=lambda: time.time() + 3 * 86_400).run()

    async def _fill(self) -> None:
        for number in range(2_000):
            await self.put(f"fill-{number:04}", content(f"fill {number}", INLINE))
            say(f"fill-{number:04}")


def source(data: bytes) -> Source:
    async def chunks():
        for start in range(0, len(data), 1_000_000):
            yield data[start : start + 1_000_000]

    return Source(chunks=chunks())


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def main(data: str, task: str, failpoint: str, versioning: str = "") -> None:
    settings = {"map_size_bytes": 1 << 20, "reserve_bytes": 1 << 16} if task == "fill" else {}
    work = Work(Path(data), **settings)
    await work.prepare(versioning)
    say(work.upload)
    failpoints.arm(failpoint)
    await work.do(task)
    say("survived")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
