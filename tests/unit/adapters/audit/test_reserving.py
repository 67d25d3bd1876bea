"""Room that is set aside behind the end of a file."""

import os

import pytest

from zotplus.adapters.audit.reserving import REFILL_BYTES, RESERVE_BYTES, Reserve


@pytest.fixture
def file(tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield descriptor
    os.close(descriptor)


def taken(descriptor):
    return os.fstat(descriptor).st_blocks * 512


def test_room_is_set_aside_behind_the_end_and_given_back(file):
    os.write(file, b"x" * 100)
    reserve = Reserve(file)
    reserve.top_up(100)
    if taken(file) < RESERVE_BYTES:
        pytest.skip("this file system sets nothing aside")
    assert os.fstat(file).st_size == 100
    os.write(file, b"y")
    assert os.pread(file, 10, 98) == b"xxy"
    reserve.give_back(101)
    assert os.fstat(file).st_size == 101
    assert taken(file) < RESERVE_BYTES


def test_more_is_set_aside_only_when_little_is_left(file, monkeypatch):
    asked = []
    monkeypatch.setattr("zotplus.adapters.audit.reserving._fallocate", lambda *given: asked.append(given[2]) or 0)
    reserve = Reserve(file)
    for size in (0, 10, RESERVE_BYTES - REFILL_BYTES, RESERVE_BYTES - REFILL_BYTES + 1):
        reserve.top_up(size)
    assert asked == [0, RESERVE_BYTES - REFILL_BYTES + 1]


def test_a_disk_that_has_no_room_is_no_error():
    Reserve(-1).top_up(0)
