"""What every blob adapter must do. Subclass ``BlobsContract`` and say how a store is made."""

import asyncio
import hashlib
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import CHUNK_BYTES, Blobs

ABSENT = "0" * 64
LARGE = bytes(range(251)) * 20_000  # nearly five chunks, and no chunk like another


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def put(store: Blobs, content: bytes) -> str:
    writer = await store.create()
    await writer.write(content)
    await writer.commit(sha256(content))
    return sha256(content)


async def read(store: Blobs, digest: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(digest, offset, length)])


class BlobsContract:
    """The suite. ``new_store`` makes a store in an empty or a used folder."""

    def new_store(self, folder: Path) -> Blobs:
        raise NotImplementedError

    @pytest.fixture
    async def store(self, tmp_path):
        store = self.new_store(tmp_path / "store")
        yield store
        await store.close()

    @pytest.mark.parametrize("content", [b"", b"small", LARGE], ids=["empty", "small", "large"])
    async def test_what_was_committed_is_read(self, store, content):
        before = time.time()
        digest = await put(store, content)
        assert await read(store, digest) == content
        info = await store.stat(digest)
        assert (info.digest, info.size) == (digest, len(content))
        assert before - 0.001 <= info.modified <= time.time() + 0.001

    async def test_content_is_gathered_from_pieces_whose_buffer_is_reused(self, store):
        writer = await store.create()
        buffer = bytearray(70_000)
        for number in range(60):
            buffer[:] = bytes([number]) * len(buffer)
            await writer.write(memoryview(buffer))
        expected = b"".join(bytes([number]) * 70_000 for number in range(60))
        await writer.commit(sha256(expected))
        assert await read(store, sha256(expected)) == expected

    @pytest.mark.parametrize(
        ("offset", "length"),
        [(0, None), (0, 0), (0, 1), (1, None), (CHUNK_BYTES - 1, 2), (17, 3 * CHUNK_BYTES), (len(LARGE), None)],
    )
    async def test_a_range_is_read_in_chunks_of_at_most_a_mebibyte(self, store, offset, length):
        digest = await put(store, LARGE)
        chunks = [chunk async for chunk in store.read(digest, offset, length)]
        stop = len(LARGE) if length is None else offset + length
        assert b"".join(chunks) == LARGE[offset:stop]
        assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)

    @pytest.mark.parametrize(("offset", "length"), [(6, None), (6, 0), (0, 6), (5, 1)])
    async def test_a_range_beyond_the_end_is_missing_and_never_short(self, store, offset, length):
        digest = await put(store, b"12345")
        with pytest.raises(Problem) as caught:
            await read(store, digest, offset, length)
        assert caught.value.fault is errors.BLOB_MISSING

    async def test_a_blob_that_is_not_there_is_missing(self, store):
        assert await store.stat(ABSENT) is None
        with pytest.raises(Problem) as caught:
            await read(store, ABSENT)
        assert caught.value.fault is errors.BLOB_MISSING

    @pytest.mark.parametrize("name", ["", "abc", "0" * 63, "0" * 65, "A" * 64, "../" + "0" * 61, "0" * 63 + "\n"])
    async def test_a_name_that_is_no_digest_is_refused_everywhere(self, store, name):
        writer = await store.create()
        await writer.write(b"content")
        operations = [
            lambda: writer.commit(name),
            lambda: read(store, name),
            lambda: store.stat(name),
            lambda: store.delete(name, unchanged_since=time.time()),
            lambda: store.quarantine(name),
        ]
        for operation in operations:
            with pytest.raises(Problem) as caught:
                await operation()
            assert caught.value.fault is errors.DIGEST_MALFORMED
        await writer.cancel()

    async def test_nothing_is_visible_before_the_commit_or_after_a_cancel(self, store):
        writer = await store.create()
        await writer.write(LARGE)
        assert await store.stat(sha256(LARGE)) is None
        assert [info async for info in store.list()] == []
        await writer.cancel()
        await writer.cancel()
        assert await store.stat(sha256(LARGE)) is None

    async def test_a_finished_writer_takes_nothing_more(self, store):
        writer = await store.create()
        await writer.write(b"content")
        await writer.commit(sha256(b"content"))
        for attempt in (writer.write(b"more"), writer.commit(sha256(b"content"))):
            with pytest.raises(Problem) as caught:
                await attempt
            assert caught.value.fault is errors.STORAGE_FAILED
        await writer.cancel()
        assert await read(store, sha256(b"content")) == b"content"

    async def test_committing_equal_content_again_refreshes_it(self, store):
        digest = await put(store, b"content")
        first = await store.stat(digest)
        await put(store, b"content")
        assert (await store.stat(digest)).modified > first.modified
        assert await store.delete(digest, unchanged_since=first.modified) is False
        assert await read(store, digest) == b"content"

    async def test_delete_removes_what_is_old_enough(self, store):
        digest = await put(store, b"content")
        assert await store.delete(digest, unchanged_since=(await store.stat(digest)).modified) is True
        assert await store.stat(digest) is None
        assert await store.delete(digest, unchanged_since=time.time()) is True

    async def test_a_commit_after_the_callers_clock_was_read_survives_the_delete(self, store):
        for _ in range(50):  # coarse time stamps would fail some
            now = time.time()
            digest = await put(store, b"content")
            assert await store.delete(digest, unchanged_since=now) is False
            assert await store.delete(digest, unchanged_since=time.time() + 0.001) is True

    async def test_a_commit_that_races_with_deletes_never_loses(self, store):
        digest = sha256(b"content")

        async def commit():
            await put(store, b"content")
            began = time.time()
            assert await store.stat(digest) is not None
            return began

        async def delete():
            for _ in range(4):
                await store.delete(digest, unchanged_since=started)
                await asyncio.sleep(0)

        for _ in range(30):
            started = time.time()
            await asyncio.gather(delete(), commit(), delete(), commit(), delete())
            assert await read(store, digest) == b"content"

    async def test_replacing_never_leaves_a_moment_without_the_blob(self, store):
        digest = await put(store, b"content")
        finished = asyncio.Event()

        async def watch():
            while not finished.is_set():
                assert await read(store, digest) == b"content"
                assert await store.delete(digest, unchanged_since=0) is False
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(put(store, b"content") for _ in range(50)))
        finished.set()
        await watching

    async def test_a_blob_deleted_while_it_is_read_is_delivered_whole(self, store):
        digest = await put(store, LARGE)
        chunks = store.read(digest)
        content = await anext(chunks)
        assert await store.delete(digest, unchanged_since=time.time() + 1)
        async for chunk in chunks:
            content += chunk
        assert content == LARGE

    async def test_the_list_is_in_order_of_digests(self, store):
        digests = [await put(store, b"%d" % number) for number in range(40)]
        listed = [info async for info in store.list()]
        assert [info.digest for info in listed] == sorted(digests)
        assert [await store.stat(info.digest) for info in listed] == listed

    async def test_a_quarantined_blob_is_served_no_more_and_can_come_anew(self, store):
        digest = await put(store, b"content")
        await store.quarantine(digest)
        await store.quarantine(digest)
        assert await store.stat(digest) is None
        assert [info async for info in store.list()] == []
        await put(store, b"content")
        assert await read(store, digest) == b"content"

    async def test_the_sweep_removes_only_old_leftovers(self, store):
        digest = await put(store, b"content")
        writer = await store.create()
        await writer.write(LARGE)
        await asyncio.sleep(0.01)
        assert await store.sweep(time.time() - 3600) == 0
        assert await store.sweep(time.time() + 3600) == 1
        assert await store.sweep(time.time() + 3600) == 0
        with pytest.raises(Problem) as caught:
            await writer.commit(sha256(LARGE))
        assert caught.value.fault is errors.STORAGE_FAILED
        await writer.cancel()
        assert [info.digest async for info in store.list()] == [digest]

    async def test_a_healthy_store_passes_its_check(self, store):
        await store.check()
        assert await store.sweep(time.time() + 3600) == 0

    async def test_a_closed_store_takes_nothing_and_closing_twice_is_fine(self, store):
        await store.close()
        await store.close()
        for attempt in (store.create(), store.check()):
            with pytest.raises(Problem) as caught:
                await attempt
            assert caught.value.fault is errors.SHUTTING_DOWN

    def test_it_behaves_as_a_dictionary(self, tmp_path):
        counter = iter(range(10**9))
        run_state_machine_as_test(
            lambda: DictionaryMachine(self.new_store(tmp_path / str(next(counter)))),
            settings=settings(
                max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )


# By name: hypothesis prints the arguments of every step.
NAMED = {"empty": b"", "a": b"a", "b": b"b", "middle": b"c" * 70_000, "two chunks": LARGE[: CHUNK_BYTES + 1]}
NAMES = st.sampled_from(sorted(NAMED))


class DictionaryMachine(RuleBasedStateMachine):
    """The store beside a set of contents; ``marks`` are times between operations."""

    def __init__(self, store):
        super().__init__()
        self.store = store
        self.model: dict[str, tuple[bytes, float]] = {}
        self.runner = asyncio.Runner()

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()

    @rule(name=NAMES)
    def put(self, name):
        content = NAMED[name]
        digest = self.runner.run(put(self.store, content))
        self.model[digest] = (content, self.runner.run(self.store.stat(digest)).modified)

    @rule(name=NAMES)
    def cancel(self, name):
        content = NAMED[name]

        async def abandon():
            writer = await self.store.create()
            await writer.write(content)
            await writer.cancel()

        self.runner.run(abandon())

    @rule(name=NAMES, age=st.sampled_from(["older", "same", "newer"]))
    def delete(self, name, age):
        content = NAMED[name]
        digest = sha256(content)
        _, modified = self.model.get(digest, (b"", 1.0))
        mark = modified + {"older": -0.01, "same": 0, "newer": 0.01}[age]
        gone = self.runner.run(self.store.delete(digest, unchanged_since=mark))
        assert gone == (digest not in self.model or age != "older")
        if gone:
            self.model.pop(digest, None)

    @rule(name=NAMES)
    def quarantine(self, name):
        content = NAMED[name]
        self.runner.run(self.store.quarantine(sha256(content)))
        self.model.pop(sha256(content), None)

    @rule(name=NAMES, offset=st.integers(0, 3), length=st.none() | st.integers(0, 3))
    def read(self, name, offset, length):
        content = NAMED[name]
        end = len(content) if length is None else offset + length
        try:
            found = self.runner.run(read(self.store, sha256(content), offset, length))
        except Problem:
            assert sha256(content) not in self.model or max(offset, end) > len(content)
        else:
            assert sha256(content) in self.model
            assert found == content[offset:end]

    @rule()
    def list(self):
        async def listed():
            return [(info.digest, info.size, info.modified) async for info in self.store.list()]

        expected = [(digest, len(content), modified) for digest, (content, modified) in sorted(self.model.items())]
        assert self.runner.run(listed()) == expected
