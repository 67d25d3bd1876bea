"""The stores of a stopped server, opened where they lie, and what must be true of them whatever happened."""

import asyncio
import contextlib
import time
from pathlib import Path

from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.ports.blobs import join_address
from zotplus.records import layout
from zotplus.records.blobs import REFERENCE
from zotplus.services.upkeep.collector import Collector
from zotplus.services.upkeep.scrub import Scrub, ScrubReport

LONG_AFTER = 30 * 86_400.0


@contextlib.asynccontextmanager
async def opened(data: Path, **metadata):
    """Metadata and blobs of the data folder ``data``. What is written here need not outlive the machine."""
    store = KeyValueLmdb(LmdbSettings(path=str(data / "metadata"), fsync="off", **metadata))
    blobs = BlobsFilesystem(FilesystemBlobsSettings(path=str(data / "blobs"), fsync="off"))
    try:
        yield store, blobs
    finally:
        await store.close()
        await blobs.close()


async def scrubbed(store, blobs) -> ScrubReport:
    """Everything that is stored is whole and counted right."""
    report = await Scrub(store, blobs).run()
    assert report.findings == ()
    return report


async def assert_collectable(data: Path, store, blobs) -> None:
    """Whatever nobody refers to goes away with time, and nothing else does."""
    for times in (1, 2):  # what an upload held is useless from the moment when the upload expires
        await Collector(store, blobs).run(time.time() + times * LONG_AFTER)
    referred = await store.read(_referred)
    assert set(files_of_blobs(data)) == referred
    assert [path for staging in data.glob("*/staging") for path in staging.iterdir()] == []
    await scrubbed(store, blobs)


def _referred(snapshot) -> set[str]:
    records = snapshot.scan(*layout.table_span(layout.REFERENCES))
    return {key[1:].hex() for key, value in records if REFERENCE.decode(value).count > 0}


def files_of_blobs(data: Path) -> dict[str, Path]:
    """Address -> file; a store of a storage class is a folder of its own."""
    found = {path.name: path for path in (data / "blobs/blobs/sha256").glob("*/*")}
    cold = (data / "cold/blobs/sha256").glob("*/*")
    return found | {join_address(path.name, "COLD"): path for path in cold}


def assert_sound(data: Path) -> ScrubReport:
    """Scrub and collect the stores of a stopped server."""

    async def judge() -> ScrubReport:
        async with opened(data) as (store, blobs):
            report = await scrubbed(store, blobs)
            await assert_collectable(data, store, blobs)
            return report

    return asyncio.run(judge())
