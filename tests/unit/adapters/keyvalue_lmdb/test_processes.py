"""Forks, dead readers and kills."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import lmdb
import pytest

from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.domain import failpoints

WRITE = """
import asyncio, sys
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings

async def writer(store, name):
    for number in range(100_000):
        key = b"%d/%08d" % (name, number)
        await store.write(lambda t: (t.put(key, key * 20), t.put(b"pair/" + key, key * 20)))
        sys.stdout.write(key.decode() + "\\n")
        sys.stdout.flush()

async def main():
    store = KeyValueLmdb(LmdbSettings(path=sys.argv[1], map_size_bytes=1 << 20, reserve_bytes=1 << 16))
    await asyncio.gather(*(writer(store, name) for name in range(8)))

asyncio.run(main())
"""


def store_in(folder):
    return KeyValueLmdb(LmdbSettings(path=str(folder)))


def in_child(function):
    """Run ``function`` in a forked child; its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(function())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_a_store_opened_before_a_fork_is_refused_in_the_child_and_unharmed_in_the_parent(tmp_path):
    store = store_in(tmp_path)
    await store.write(lambda t: t.put(b"k", b"v"))

    def child():
        try:
            store.read_now(lambda s: s.get(b"k"))
        except RuntimeError:
            return 7
        return 0

    assert in_child(child) == 7
    await store.write(lambda t: t.put(b"k", b"w"))
    assert store.read_now(lambda s: s.get(b"k")) == b"w"
    await store.close()


def test_a_store_constructed_before_a_fork_opens_in_the_child(tmp_path):
    store = store_in(tmp_path)

    def child():
        asyncio.run(store.write(lambda t: t.put(b"k", b"v")))
        asyncio.run(store.close())
        return 7

    assert in_child(child) == 7
    assert store.read_now(lambda s: s.get(b"k")) == b"v"
    asyncio.run(store.close())


def test_the_slot_of_a_reader_that_was_killed_is_freed(tmp_path):
    store = store_in(tmp_path)
    asyncio.run(store.write(lambda t: t.put(b"k", b"v")))
    script = (
        "import lmdb, os, sys\n"
        "transaction = lmdb.open(sys.argv[1], max_dbs=2).begin()\n"
        "print('reading', flush=True)\n"
        "sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdin=pipe, stdout=pipe) as reader:
        assert reader.stdout.readline() == b"reading\n"
        assert asyncio.run(store.maintain()) == 0
        reader.kill()
        reader.wait()
    assert asyncio.run(store.maintain()) == 1
    asyncio.run(store.close())


def acknowledged(folder, *, armed="", after=0.0):
    """Run the write loop until it is killed; the keys whose writes it reported as durable."""
    command = [sys.executable, "-c", WRITE, str(folder)]
    environment = {**os.environ, failpoints.VARIABLE: armed}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as victim:
        if not armed:
            first = victim.stdout.readline()
            time.sleep(after)
            victim.send_signal(signal.SIGKILL)
        else:
            first = b""
        lines = (first + victim.stdout.read()).split(b"\n")
        assert victim.wait() == -signal.SIGKILL
    return lines[:-1]  # the last one is empty or cut


def assert_whole(folder, keys):
    """Everything acknowledged is there, and no transaction is half there."""
    store = store_in(folder)

    def verify(snapshot):
        found = dict(snapshot.scan(b""))
        assert all(found[key] == key * 20 for key in keys)
        singles = {key for key in found if not key.startswith(b"pair/")}
        assert {b"pair/" + key for key in singles} == found.keys() - singles

    store.read_now(verify)
    asyncio.run(store.close())


@pytest.mark.crash
def test_no_acknowledged_write_is_lost_when_the_process_is_killed(tmp_path):
    total = 0
    for number in range(20):
        keys = acknowledged(tmp_path, after=number * 0.007)
        assert_whole(tmp_path, keys)
        total += len(keys)
    assert total > 100


@pytest.mark.crash
@pytest.mark.parametrize("name", [name for name in failpoints.FAILPOINTS if name.startswith("keyvalue.")])
def test_a_kill_at_every_step_of_a_commit_loses_nothing(tmp_path, name):
    hits = 1 if "grow" in name else 5
    assert_whole(tmp_path, acknowledged(tmp_path, armed=f"{name}:{hits}"))


def test_the_file_is_a_plain_lmdb_environment_that_is_private(tmp_path):
    store = store_in(tmp_path / "metadata")
    asyncio.run(store.write(lambda t: t.put(b"k", b"v")))
    asyncio.run(store.close())
    assert (tmp_path / "metadata").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "metadata" / "data.mdb").stat().st_mode & 0o777 == 0o600
    with lmdb.open(str(tmp_path / "metadata"), max_dbs=2, readonly=True) as environment:
        assert environment.begin(environment.open_db(b"records", create=False)).get(b"k") == b"v"
