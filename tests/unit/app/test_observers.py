"""What engines tell becomes metrics, and the trace at hand goes upstream; each engine is the real one."""

import asyncio
import hashlib
import re

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.adapters.telemetry.metrics import Metrics, sums
from zotplus.adapters.telemetry.settings import TelemetrySettings
from zotplus.adapters.telemetry.tracing import Tracing, outgoing, take_over
from zotplus.adapters.zot.client import HttpUpstream
from zotplus.adapters.zot.settings import UpstreamSettings
from zotplus.app.janitor import _job
from zotplus.app.observers import observers
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.upstream import UpstreamRequest

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
CLIENT = (("Accept", "*/*"), ("Traceparent", PARENT), ("Tracestate", "theirs=1"))


@pytest.fixture
def metrics(tmp_path):
    made = Metrics(tmp_path / "metrics", "worker-0")
    yield made
    made.close()


@pytest.fixture
def counted(tmp_path, metrics):
    """The numbers of a series by its name without ``zotplus_``, and its labels."""
    return lambda name, *labels: sums(tmp_path / "metrics")[f"zotplus_{name}", *labels]


async def test_each_commit_is_counted_and_timed_with_its_changes(tmp_path, metrics, counted):
    store = KeyValueLmdb(LmdbSettings(path=str(tmp_path / "store")), on_commit=observers(metrics).commit)
    writes = [store.write(lambda transaction, key=bytes([key]): transaction.put(key, b"")) for key in range(1, 31)]
    await asyncio.gather(*writes)
    await store.close()
    *buckets, total = counted("metadata_commit_changes")
    commits = counted("metadata_commits_total")[0]
    assert total == 30
    assert 1 <= commits == sum(buckets) <= 30
    assert sum(counted("metadata_commit_seconds")[:-1]) == commits


async def test_what_is_not_committed_is_not_counted(tmp_path, metrics, counted):
    store = KeyValueLmdb(LmdbSettings(path=str(tmp_path / "store")), on_commit=observers(metrics).commit)

    def refuse(transaction):
        transaction.put(b"k", b"")
        raise Problem(errors.RECORD_EXISTS)

    with pytest.raises(Problem):
        await store.write(refuse)
    await store.close()
    assert counted("metadata_commit_changes")[-1] == 0


async def test_content_is_counted_where_it_is_stored_and_read(tmp_path, metrics, counted):
    told = observers(metrics)
    settings = FilesystemBlobsSettings(path=str(tmp_path / "blobs"))
    blobs = BlobsFilesystem(settings, on_read=told.blob_read, on_write=told.blob_written)
    content = bytes(3_000_000)
    digest = hashlib.sha256(content).hexdigest()
    writer = await blobs.create()
    await writer.write(content)
    assert counted("blob_written_bytes_total") == [0]
    await writer.commit(digest)
    cancelled = await blobs.create()
    await cancelled.write(content)
    await cancelled.cancel()
    assert counted("blob_written_bytes_total") == [len(content)]
    assert [len(chunk) async for chunk in blobs.read(digest, 5, 10)] == [10]
    assert sum([len(chunk) async for chunk in blobs.read(digest)]) == len(content)
    await blobs.close()
    assert counted("blob_read_bytes_total") == [10 + len(content)]


async def done(value):
    return value


async def refused():
    raise Problem(errors.STORAGE_FAILED)


async def test_a_janitors_job_is_timed_and_its_failure_counted(metrics, counted):
    assert await _job(metrics, "collector", done(5)) == 5
    assert await _job(metrics, "collector", refused()) is None
    assert sum(counted("janitor_job_seconds", "collector")[:-1]) == 2
    assert counted("janitor_job_failures_total", "collector") == [1]


@pytest.fixture
async def upstream():
    """A client with the trace at hand, and the heads that its upstream saw."""
    seen = []

    async def connection(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            seen.append(head.decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
            writer.close()
            return

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = HttpUpstream(address, UpstreamSettings(), links=False, trace=outgoing)
    yield client, seen
    await client.close()
    server.close()


@pytest.fixture
def tracing():
    made = Tracing(TelemetrySettings(otlp_endpoint="http://127.0.0.1:1/"), InMemorySpanExporter())
    yield made
    made.close()
    take_over({})


def parents(head):
    return re.findall(r"(?im)^traceparent: (\S+)\r$", head)


@pytest.mark.parametrize("way", ["exchange", "open_blob"])
async def test_the_upstream_sees_a_parent_of_the_same_trace(upstream, tracing, way):
    client, seen = upstream
    tracing.begin("ABC", {"traceparent": PARENT})
    await getattr(client, way)(UpstreamRequest(method="GET", target="/v2/a/blobs/b", headers=CLIENT))
    (sent,) = parents(seen[0])
    assert sent.split("-")[1] == TRACE
    assert sent != PARENT  # our span is the parent now
    assert "theirs=1" not in seen[0]  # it was no part of what the trace was taken over from


@pytest.mark.parametrize("way", ["exchange", "open_blob"])
async def test_without_tracing_the_clients_own_context_goes_on(upstream, way):
    client, seen = upstream
    take_over({"traceparent": PARENT, "tracestate": "theirs=1"})
    await getattr(client, way)(UpstreamRequest(method="GET", target="/v2/", headers=CLIENT))
    take_over({})
    await getattr(client, way)(UpstreamRequest(method="GET", target="/v2/"))
    assert parents(seen[0]) == [PARENT]
    assert seen[0].lower().count("tracestate: theirs=1\r\n") == 1
    assert parents(seen[1]) == []
