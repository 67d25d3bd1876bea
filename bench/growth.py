"""How speed grows with the number of objects: ``python -m bench.growth [--objects N …]``.

The objects are written straight into the store, as requests would write them, since 10 million of them would take an
hour over HTTP; then a server is started over it and measured. The cost of a listing should grow with what it returns.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench import load, servers
from bench.cases import SMALL
from bench.servers import KEY, SECRET, Server
from zotplus.app.composition import engines, services
from zotplus.app.reporting import Reporting
from zotplus.ports.keyvalue import Transaction
from zotplus.records import layout
from zotplus.records.buckets import USAGE, UsageRecord
from zotplus.records.objects import ChecksumRecord, ObjectRecord
from zotplus.services.lookups import find_bucket
from zotplus.services.projections import encoded_object
from zotplus.settings import load as load_settings

BUCKET = "grown"
DIRECTORIES = 1000
BATCH = 20_000
SIZES = (1_000, 100_000, 1_000_000)


def key(number: int) -> str:
    return f"dir-{number % DIRECTORIES:03}/key-{number:08}"


async def fill(folder: Path, count: int) -> None:
    """``count`` empty objects, in the order of their keys, which is how LMDB takes them fastest."""
    settings = load_settings(None, {"ZOTPLUS_DATA_DIR": str(folder / "data"), "ZOTPLUS_METADATA__FSYNC": "off"})
    parts = engines(settings, Reporting(settings, "growth"))
    directory = services(settings, parts)
    await directory.access.ensure_administrator(KEY, SECRET)
    await directory.buckets.create(BUCKET, KEY)
    record = ObjectRecord(
        size=0,
        etag="d41d8cd98f00b204e9800998ecf8427e",
        modified_ms=int(time.time() * 1000),
        headers={"content-type": "binary/octet-stream"},
        checksum=ChecksumRecord(algorithm="CRC64NVME", value="AAAAAAAAAAA=", type="FULL_OBJECT"),
        owner=KEY,
    )
    stored = encoded_object(record)
    keys = sorted(key(number) for number in range(count))
    for start in range(0, count, BATCH):

        def put(transaction: Transaction, page: list[str] = keys[start : start + BATCH]) -> None:
            bucket_id = find_bucket(transaction, BUCKET).id
            for one in page:
                transaction.put(layout.object_(bucket_id, one.encode()), stored)
            usage = UsageRecord(size=0, objects=count)
            transaction.put(layout.usage(bucket_id), USAGE.encode(usage))

        await parts.store.write(put)
    await parts.close()


def requests(server: Server, method: str, paths: list[str]) -> list:
    return [(path, load.signed(server, method, path)) for path in paths]


def measure(server: Server, count: int, seconds: int) -> dict[str, float]:
    step = max(count // 300, 1)
    present = [f"/{BUCKET}/{key(number)}" for number in range(0, count, step)][:300]
    fresh = [f"/{BUCKET}/new-{os.urandom(4).hex()}" for _ in range(300)]
    prefixes = f"/{BUCKET}?list-type=2&max-keys=1000&delimiter=/"
    middle = f"/{BUCKET}?list-type=2&max-keys=1000&start-after=dir-500/"
    body = f"string.rep('x', {len(SMALL)})"

    def rate(method: str, paths: list[str], connections: int, **more: str) -> float:
        made = requests(server, method, paths)
        return load.wrk(server.url, made, method=method, connections=connections, seconds=seconds, **more).requests

    return {
        "start to first answer, s": server.extra["start_seconds"],
        "GET, requests/s": rate("GET", present, 32),
        "PUT 4 KiB, requests/s": rate("PUT", fresh, 32, body=body),
        "LIST 1,000 keys from the middle, requests/s": rate("GET", [middle], 4),
        "LIST the prefixes of everything (up to 1,000), requests/s": rate("GET", [prefixes], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, nargs="+", default=SIZES, help="how many objects, one run for each")
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    options = parser.parse_args()
    for count in options.objects:
        with tempfile.TemporaryDirectory(prefix="zotplus-growth-") as name:
            folder = Path(name)
            begun = time.perf_counter()
            asyncio.run(fill(folder, count))
            print(f"\n{count:,} objects (filled in {time.perf_counter() - begun:.0f} s)", flush=True)
            server = servers.zotplus(folder)
            try:
                for what, value in measure(server, count, options.seconds).items():
                    print(f"| {what} | {value:,.2f} |", flush=True)
                size = sum(path.stat().st_blocks * 512 for path in (folder / "data").rglob("*") if path.is_file())
                print(f"| store, bytes for each object | {size / count:,.0f} |")
            finally:
                server.stop()


if __name__ == "__main__":
    main()
