"""A full disk and a full metadata store: writes are refused, reads and deletes go on, and freed room is used."""

import asyncio
import os
import shutil
import subprocess
import time

import pytest

from tests.crash.client import Unreachable
from tests.crash.journal import Body
from tests.crash.stores import LONG_AFTER, assert_sound, opened
from zotplus.services.upkeep.collector import Collector

KIB, MIB = 1024, 1024 * 1024
DISK_BYTES = 24 * MIB
MAP_BYTES = 4 * MIB
RESERVE_BYTES = 256 * KIB
FULL_STATUS, FULL_CODE = 507, "XMinioStorageFull"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own of 24 MiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "zotplus-test", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(client, bucket, size):
    """Put objects of ``size`` bytes until there is no room; their bodies by key."""
    bodies = {}
    for number in range(5_000):
        key, body = f"{size}-{number}", Body(f"{time.monotonic_ns()}", size)
        answer = client.send("PUT", f"/{bucket}/{key}", body.data())
        if answer.status == FULL_STATUS:
            assert answer.element("Code") == FULL_CODE
            return bodies
        assert answer.status == 200, answer.body
        bodies[key] = body
    raise AssertionError("it never got full")


def assert_readable(client, bucket, bodies):
    for key, body in bodies.items():
        assert client.send("GET", f"/{bucket}/{key}").body == body.data()
    assert client.keys(bucket) >= set(bodies)


def delete(client, bucket, keys):
    for key in keys:
        answer = client.send("DELETE", f"/{bucket}/{key}")
        assert answer.status == 204, answer.body


def collect(data):
    """What the janitor does when the grace period is over."""

    async def run():
        async with opened(data, reserve_bytes=RESERVE_BYTES) as (store, blobs):
            return await Collector(store, blobs).run(time.time() + LONG_AFTER)

    return asyncio.run(run())


@pytest.fixture
def settings():
    return {"ZOTPLUS_METADATA__RESERVE_BYTES": str(RESERVE_BYTES)}


@pytest.mark.crash
@pytest.mark.parametrize("size", [300 * KIB, 20 * KIB, 12 * KIB], ids=["large", "small", "inline"])
def test_on_a_full_disk_reads_and_deletes_go_on_and_room_is_used_again(launch, bucket, small_disk, settings, size):
    server = launch(small_disk / "data", **settings)
    client = server.client()
    bodies = fill(client, bucket, size)
    assert len(bodies) > 10
    assert_readable(client, bucket, bodies)
    assert client.send("GET", f"/{bucket}/absent").status == 404
    delete(client, bucket, bodies)
    assert client.keys(bucket) == set()
    collect(server.data)
    again = fill(client, bucket, size)
    assert len(again) > len(bodies) // 2
    assert_readable(client, bucket, again)
    client.close()
    delete_all(server, bucket, again)


def delete_all(server, bucket, bodies):
    """Make room for the scrub, which must find everything whole after all that; also after a start on a full disk."""
    server.kill_all()
    server.start()
    client = server.client()
    assert_readable(client, bucket, bodies)
    delete(client, bucket, bodies)
    client.close()
    server.stop()
    assert_sound(server.data)


@pytest.mark.crash
def test_an_upload_that_fills_the_disk_leaves_nothing_behind(launch, bucket, small_disk, settings):
    server = launch(small_disk / "data", **settings)
    client = server.client()
    before = free_bytes(small_disk)
    for _ in range(3):
        try:
            answer = client.send("PUT", f"/{bucket}/huge", bytes(DISK_BYTES))
        except Unreachable:  # refused before the whole body was sent
            continue
        assert answer.status == FULL_STATUS
        assert answer.element("Code") == FULL_CODE
    assert client.send("GET", f"/{bucket}/huge").status == 404
    assert list((server.data / "blobs/staging").iterdir()) == []
    assert free_bytes(small_disk) > before - 3 * MIB  # logs and the store's own reserve
    assert client.send("PUT", f"/{bucket}/small", bytes(100 * KIB)).status == 200
    client.close()


def free_bytes(folder):
    return shutil.disk_usage(folder).free


@pytest.mark.crash
def test_in_a_full_metadata_store_reads_and_deletes_go_on_and_room_is_used_again(launch, bucket, settings):
    server = launch(
        **settings,
        ZOTPLUS_METADATA__MAP_SIZE_BYTES=str(MAP_BYTES),
        ZOTPLUS_METADATA__MAP_LIMIT_BYTES=str(MAP_BYTES),
    )
    client = server.client()
    bodies = fill(client, bucket, 12 * KIB)
    assert len(bodies) > 50
    assert_readable(client, bucket, bodies)
    delete(client, bucket, bodies)
    again = fill(client, bucket, 12 * KIB)
    assert len(again) > len(bodies) // 2
    assert_readable(client, bucket, again)
    delete(client, bucket, list(again)[:20])
    with_blobs = [Body(f"blob {number}", 20 * KIB) for number in range(20)]
    for number, body in enumerate(with_blobs):
        assert client.send("PUT", f"/{bucket}/blob-{number}", body.data()).status == 200
    client.close()
