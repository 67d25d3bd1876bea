"""Sums of a blob's blocks."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.chunk_sums import BLOCK_SIZE, ChunkSums

CONTENT = random.Random(7).randbytes(2 * BLOCK_SIZE + 12345)


def corrupt(sums, index, data):
    with pytest.raises(Problem) as caught:
        sums.verify(index, data)
    return caught.value.fault is errors.BLOB_CORRUPT


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, len(CONTENT)), max_size=6))
def test_any_split_gives_the_same_sums(splits):
    sums = ChunkSums()
    bounds = [0, *sorted(splits), len(CONTENT)]
    for start, end in pairwise(bounds):
        sums.update(memoryview(CONTENT)[start:end])
    whole = ChunkSums()
    whole.update(CONTENT)
    assert sums.to_bytes() == whole.to_bytes()
    assert len(whole.to_bytes()) == 12


def test_every_block_is_verified():
    written = ChunkSums()
    written.update(CONTENT)
    sums = ChunkSums.from_bytes(written.to_bytes())
    blocks = [CONTENT[start : start + BLOCK_SIZE] for start in range(0, len(CONTENT), BLOCK_SIZE)]
    for index, block in enumerate(blocks):
        sums.verify(index, block)
        assert corrupt(sums, index, block[:-1])
        assert corrupt(sums, index, block[:-1] + bytes([block[-1] ^ 1]))
    assert corrupt(sums, 3, b"")
    assert corrupt(sums, -1, blocks[-1])


def test_a_blob_of_whole_blocks_has_no_short_one():
    sums = ChunkSums()
    sums.update(bytes(BLOCK_SIZE))
    assert len(sums.to_bytes()) == 4
    sums.update(b"x")
    assert len(sums.to_bytes()) == 8


def test_an_empty_blob_has_no_blocks():
    sums = ChunkSums()
    sums.update(b"")
    assert sums.to_bytes() == b""
    assert corrupt(ChunkSums.from_bytes(b""), 0, b"")


def test_damaged_sums_are_refused():
    with pytest.raises(Problem) as caught:
        ChunkSums.from_bytes(b"abc")
    assert caught.value.fault is errors.BLOB_CORRUPT
