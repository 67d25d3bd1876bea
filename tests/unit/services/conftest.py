"""What tests of services share: memory adapters and a clock that only moves when told."""

import asyncio

import pytest

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.records import layout
from zotplus.records.blobs import REFERENCE
from zotplus.services.buckets import Buckets
from zotplus.services.identity.access import Access
from zotplus.services.identity.grants import Grants
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.values import Expected, Source


class Clock:
    """Seconds since the epoch; ``now`` is set by the test."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store():
    return KeyValueMemory()


@pytest.fixture
def sealing():
    return AeadSealing([b"k" * 32])


@pytest.fixture
def access(store, sealing, clock):
    return Access(store, sealing, clock=clock)


@pytest.fixture
def grants(store, clock):
    return Grants(store, issuers=["keycloak"], clock=clock)


@pytest.fixture
def blobs():
    return BlobsMemory()


@pytest.fixture
async def bucket(store):
    """A bucket named ``box``."""
    await Buckets(store, "here").create("box", "owner")
    return "box"


@pytest.fixture
def objects(store, blobs):
    return Objects(store, blobs, inline_limit=100)


@pytest.fixture
def multipart(store, blobs):
    return Multipart(store, blobs)


class Content:
    """Making content, putting it, and reading it back."""

    def __init__(self, blobs):
        self.blobs = blobs

    def source(self, data, *, pieces=None, trailer=None, **expected):
        async def chunks():
            step = pieces or max(len(data), 1)
            for position in range(0, len(data), step):
                await asyncio.sleep(0)
                yield data[position : position + step]

        return Source(chunks=chunks(), expected=Expected(**expected), trailer=trailer)

    async def read(self, content):
        if content.inline is not None:
            return content.inline
        return b"".join(
            [chunk for one in content.slices async for chunk in self.blobs.read(one.digest, one.offset, one.length)]
        )


@pytest.fixture
def content(blobs):
    return Content(blobs)


@pytest.fixture
def counts(store):
    """Digest in hexadecimal -> reference count, of every blob with a record."""

    async def read():
        def collect(snapshot):
            span = layout.table_span(layout.REFERENCES)
            return {key[1:].hex(): REFERENCE.decode(value).count for key, value in snapshot.scan(*span)}

        return await store.read(collect)

    return read
