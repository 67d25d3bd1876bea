"""The cases of the comparison: what each server is filled with, and how a case is driven.

Every server runs as shipped and is driven by the same requests, signed beforehand and with unsigned payloads, so that
the client costs as little as it can.
"""

import asyncio
import http.client
import os
import random
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import boto3
from botocore.config import Config

from bench import load
from bench.servers import KEY, SECRET, Server
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.ports.keyvalue import Transaction
from zotplus.records import layout
from zotplus.services.lookups import find_bucket

MIB = 1 << 20
SMALL = os.urandom(4096)
LARGE = os.urandom(MIB) * 64
PART = os.urandom(MIB) * 16
PARTS = 64
KEYS = 1000
WRITERS = 64
DIRECTORIES = 1000


def client(server: Server):
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=16, retries={"max_attempts": 5}),
    )


def fill(server: Server, listed: int) -> None:
    if server.name == "nginx":
        data = Path(f"/proc/{server.process.pid}/cwd").resolve() / "data" / "bench"
        data.mkdir()
        for number in range(KEYS):
            (data / f"small-{number}").write_bytes(SMALL)
        (data / "large").write_bytes(LARGE)
        return
    s3 = client(server)
    s3.create_bucket(Bucket="bench")
    s3.create_bucket(Bucket="listed")
    s3.put_object(Bucket="bench", Key="large", Body=LARGE)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket="bench", Key=f"small-{n}", Body=SMALL), range(KEYS)))
    s3.put_object(Bucket="listed", Key=listed_path(0).removeprefix("/listed/"), Body=b"")
    copy_listed(server, listed)


def listed_path(number: int) -> str:
    return f"/listed/dir-{number % DIRECTORIES:03}/key-{number:07}"


def copy_listed(server: Server, listed: int) -> None:
    """Copies of the first listed object in the server's own store; over HTTP a million of them would take an hour.

    Neither MinIO's nor versitygw's files name the object's key.
    """
    path = listed_path(0)
    paths = [listed_path(number)[1:] for number in range(1, listed)]
    data = Path(server.extra["data"])
    if server.name == "zotplus":
        asyncio.run(clone_record(data, path[1:], paths))
        return
    is_folder = (data / path[1:]).is_dir()
    name = "xl.meta" if is_folder else ""
    record = (data / path[1:] / name).read_bytes()
    for one in paths:
        target = data / one / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(record)


async def clone_record(data: Path, first: str, paths: list[str]) -> None:
    """Objects of zotplus as copies of one record, written beside the running server."""
    bucket, _, key = first.partition("/")
    store = KeyValueLmdb(LmdbSettings(path=str(data / "metadata"), fsync="off"))
    place = await store.read(lambda snapshot: find_bucket(snapshot, bucket).id)
    stored = await store.read(lambda snapshot: snapshot.get(layout.object_(place, key.encode())))
    names = sorted(path.partition("/")[2] for path in paths)
    for start in range(0, len(names), 20_000):

        def put(transaction: Transaction, page: list[str] = names[start : start + 20_000]) -> None:
            for one in page:
                transaction.put(layout.object_(place, one.encode()), stored)

        await store.write(put)
    await store.close()


def paths(server: Server, method: str, names: list[str]) -> list:
    if server.name == "nginx":
        return [(f"/bench/{name}", {}) for name in names]
    return [(f"/bench/{name}", load.signed(server, method, f"/bench/{name}")) for name in names]


def small_names(prefix: str = "small") -> list[str]:
    return [f"{prefix}-{number}" for number in random.sample(range(KEYS), 300)]


def get_small(server: Server, seconds: int) -> float:
    return load.wrk(server.url, paths(server, "GET", small_names()), connections=32, seconds=seconds).requests


def head_small(server: Server, seconds: int) -> float:
    path, headers = paths(server, "HEAD", small_names())[0]
    return load.ab_head(server.url + path, headers, connections=32, seconds=seconds)


def put_small(server: Server, seconds: int) -> float:
    body = "string.rep('x', 4096)"
    requests = paths(server, "PUT", small_names("put"))
    return load.wrk(server.url, requests, method="PUT", connections=32, seconds=seconds, body=body).requests


def get_large(server: Server, seconds: int) -> float:
    ((path, headers),) = paths(server, "GET", ["large"])
    return load.downloads(server.url, path, headers, connections=4, seconds=seconds)


def put_large(server: Server, seconds: int) -> float:
    body = f"string.rep('y', {64 * MIB})"
    requests = paths(server, "PUT", [f"put-large-{number}" for number in range(4)])
    return 64 * load.wrk(server.url, requests, method="PUT", connections=4, seconds=seconds, body=body).requests


def list_prefixes(server: Server, seconds: int) -> float:
    """The common prefixes of the whole bucket, which hold everything that is in it."""
    path = "/listed?list-type=2&max-keys=1000&delimiter=/"
    return load.wrk(server.url, [(path, load.signed(server, "GET", path))], connections=4, seconds=seconds).requests


def list_keys(server: Server, seconds: int) -> float:
    """The keys of one folder of many."""
    query = [f"/listed?list-type=2&max-keys=1000&delimiter=/&prefix=dir-{number:03}/" for number in range(100)]
    requests = [(path, load.signed(server, "GET", path)) for path in query]
    return load.wrk(server.url, requests, connections=4, seconds=seconds).requests


def _send(server: Server, method: str, path: str, body: bytes = b"", **more: str) -> http.client.HTTPResponse:
    connection = _kept(server)
    connection.request(method, path, body=body, headers=load.signed(server, method, path) | more)
    answer = connection.getresponse()
    answer.content = answer.read()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"{server.name}: {method} {path}: {answer.status} {answer.content[:300]!r}")
    return answer


_connections = threading.local()


def _kept(server: Server) -> http.client.HTTPConnection:
    kept = getattr(_connections, "by_port", None)
    if kept is None:
        kept = _connections.by_port = {}
    if server.port not in kept:
        kept[server.port] = http.client.HTTPConnection("127.0.0.1", server.port)
    return kept[server.port]


def put_multipart(server: Server, seconds: int) -> float:
    """1 GiB in parts of 16 MiB, 8 at once; MiB a second from the first byte to the answer of the completion."""
    del seconds
    key = "/bench/multipart"
    begun = time.perf_counter()
    answer = _send(server, "POST", f"{key}?uploads=")
    upload = re.search(b"<UploadId>([^<]+)", answer.content)[1].decode()

    def put(number: int) -> str:
        return _send(server, "PUT", f"{key}?partNumber={number}&uploadId={upload}", PART).headers["ETag"]

    with ThreadPoolExecutor(8) as pool:
        tags = list(pool.map(put, range(1, PARTS + 1)))
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags, 1))
    document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    _send(server, "POST", f"{key}?uploadId={upload}", document)
    return PARTS * len(PART) / MIB / (time.perf_counter() - begun)


def copy_large(server: Server, seconds: int) -> float:
    """Copies of that 1 GiB a second."""
    header = "x-amz-copy-source"
    path = "/bench/copied"
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        signed = load.signed(server, "PUT", path, more=[(header, "/bench/multipart")])
        connection = _kept(server)
        connection.request("PUT", path, body=b"", headers=signed)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{server.name}: copy: {answer.status} {content[:300]!r}")
        done += 1
    return done / (time.perf_counter() - begun)


def put_one_key(server: Server, seconds: int) -> float:
    """Writers that all demand that the same object be there, and replace it."""
    return _conditional(server, seconds, ["contended"])


def put_own_keys(server: Server, seconds: int) -> float:
    """The same writers, each with an object of its own."""
    return _conditional(server, seconds, [f"own-{number}" for number in range(WRITERS)])


def _conditional(server: Server, seconds: int, names: list[str]) -> float:
    requests = []
    for name in names:
        path = f"/bench/{name}"
        _send(server, "PUT", path, SMALL)
        requests.append((path, load.signed(server, "PUT", path, more=[("if-match", "*")])))
    body = "string.rep('x', 4096)"
    return load.wrk(server.url, requests, method="PUT", connections=WRITERS, seconds=seconds, body=body).requests


class Case:
    """One row: its unit, how it is driven, whether nginx takes part, and the floors by peer."""

    def __init__(
        self, unit: str, run: Callable[[Server, int], float], *, static: bool = False, **floors: float
    ) -> None:
        self.unit, self.run, self.static, self.floors = unit, run, static, floors


LISTINGS = "LIST a folder's keys (1,000 of 10^6), with delimiter"
CASES = {
    "GET 4 KiB": Case("requests/s", get_small, static=True, minio=5.0, versitygw=2.5),
    "HEAD 4 KiB": Case("requests/s", head_small, static=True, minio=5.0, versitygw=3.0),
    "PUT 4 KiB": Case("requests/s", put_small, minio=8.0, versitygw=2.5),
    "GET 64 MiB": Case("MiB/s", get_large, static=True, minio=1.5, nginx=0.95),
    "PUT 64 MiB": Case("MiB/s", put_large, minio=1.0),
    "multipart 1 GiB, 8 parts of 16 MiB at once": Case("MiB/s", put_multipart, minio=1.0),
    "copy 1 GiB": Case("copies/s", copy_large, minio=1.0),
    LISTINGS: Case("requests/s", list_keys, minio=20.0),
    "LIST 1,000 common prefixes, 1,000 keys under each": Case("requests/s", list_prefixes),
    "conditional PUT, 64 writers, one key": Case("requests/s", put_one_key),
    "conditional PUT, 64 writers, a key each": Case("requests/s", put_own_keys),
}
