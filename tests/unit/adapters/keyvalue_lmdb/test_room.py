"""Growth of the map and life without room."""

import asyncio
import os
import resource
import subprocess
import sys

import pytest

from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem

KIB, MIB = 1024, 1024 * 1024


def small_store(folder, *, limit=64 * MIB, fsync="off"):
    return KeyValueLmdb(
        LmdbSettings(path=str(folder), fsync=fsync, map_size_bytes=MIB, map_limit_bytes=limit, reserve_bytes=128 * KIB)
    )


def run(script, *arguments):
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True)


async def fill(store):
    """Put values of 4 KiB until there is no room; how many went in."""
    for number in range(100_000):
        try:
            await store.write(lambda t, key=b"%08d" % number: t.put(key, os.urandom(4096)))
        except Problem as problem:
            if problem.fault is not errors.STORAGE_FULL:
                raise
            return number
    raise AssertionError


async def test_the_map_grows_while_reads_and_writes_go_on(tmp_path):
    store = small_store(tmp_path)
    for number in range(2000):
        await store.write(lambda t, key=b"%08d" % number: t.put(key, os.urandom(4096)))
        assert len(store.read_now(lambda s, key=b"%08d" % number: s.get(key))) == 4096
    assert store._engine.environment.info()["map_size"] >= 8 * MIB
    await store.close()


async def test_one_change_larger_than_the_map_grows_it_as_often_as_needed(tmp_path):
    store = small_store(tmp_path)
    await store.write(lambda t: t.put(b"large", bytes(20 * MIB)))
    assert len(store.read_now(lambda s: s.get(b"large"))) == 20 * MIB
    await store.close()


async def test_a_map_grown_by_another_process_is_taken_over_by_readers_and_writers(tmp_path):
    store = small_store(tmp_path)
    await store.write(lambda t: t.put(b"mine", b"1"))
    script = (
        "import asyncio, sys; from zotplus.adapters.keyvalue_lmdb import *\n"
        "async def main():\n"
        "    store = KeyValueLmdb(LmdbSettings(path=sys.argv[1], map_size_bytes=int(sys.argv[3]), fsync='off'))\n"
        "    await store.write(lambda t: t.put(sys.argv[2].encode(), bytes(int(sys.argv[3]) // 2)))\n"
        "    await store.close()\n"
        "asyncio.run(main())"
    )
    await asyncio.to_thread(run, script, tmp_path, "a", 16 * MIB)
    assert len(store.read_now(lambda s: s.get(b"a"))) == 8 * MIB
    await asyncio.to_thread(run, script, tmp_path, "b", 64 * MIB)
    assert await store.write(lambda t: len(t.get(b"b"))) == 32 * MIB
    await store.close()


async def test_a_full_store_is_read_and_emptied_and_then_takes_changes_again(tmp_path):
    store = small_store(tmp_path, limit=4 * MIB)
    count = await fill(store)
    assert count > 300
    assert len(await store.read(lambda s: list(s.scan(b"")))) == count
    for number in range(count):
        assert await store.write(lambda t, key=b"%08d" % number: t.delete(key))
    assert await fill(store) > 300
    await store.close()


async def test_a_full_store_takes_what_frees_more_than_it_needs(tmp_path):
    store = small_store(tmp_path, limit=4 * MIB)
    await fill(store)

    def replace_by(size):
        return lambda t: (t.delete(b"%08d" % 7), t.put(b"tombstone", bytes(size)))

    with pytest.raises(Problem) as caught:
        await store.write(replace_by(100_000))
    assert caught.value.fault is errors.STORAGE_FULL
    assert store.read_now(lambda s: s.get(b"tombstone")) is None
    await store.write(replace_by(500))
    await store.write(lambda t: t.put(b"tombstone", bytes(500)))  # an equal size needs nothing
    assert store.read_now(lambda s: s.get(b"%08d" % 7)) is None
    await store.close()


async def test_a_change_too_large_for_the_whole_map_is_refused_and_harms_nothing(tmp_path):
    store = small_store(tmp_path, limit=4 * MIB)
    with pytest.raises(Problem) as caught:
        await store.write(lambda t: t.put(b"large", bytes(8 * MIB)))
    assert caught.value.fault is errors.STORAGE_FULL
    await store.write(lambda t: t.put(b"small", b"1"))
    await store.close()


def limit_file_size(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def test_a_full_disk_refuses_changes_while_reads_and_deletes_go_on(tmp_path):
    """A limit on the size of files stands for the full disk: the file cannot grow, its pages can be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    store = small_store(tmp_path, fsync="always")
    await store.write(lambda t: t.put(b"first", b"1"))
    try:
        limit_file_size(2 * MIB)
        count = await fill(store)
        assert count > 50
        assert len(await store.read(lambda s: list(s.scan(b"")))) == count + 1
        for number in range(count):
            assert await store.write(lambda t, key=b"%08d" % number: t.delete(key))
        await store.write(lambda t: t.put(b"again", bytes(4096)))
        await fill(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await store.write(lambda t: t.put(b"and again", bytes(4096)))
    await store.close()
