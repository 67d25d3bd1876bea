"""CRCs: known values, and joining pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain.integrity.crc import CRC32, CRC32C, CRC64NVME

ALL = [CRC32, CRC32C, CRC64NVME]


@pytest.mark.parametrize(("crc", "value"), [(CRC32, 0xCBF43926), (CRC32C, 0xE3069283), (CRC64NVME, 0xAE8B14860A799888)])
def test_the_check_value_of_the_catalogue_is_found(crc, value):
    assert crc.run(b"123456789", 0) == value


@settings(max_examples=100)
@given(st.sampled_from(ALL), st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=9))
def test_joined_pieces_have_the_joined_value(crc, first, second, third):
    joined = crc.combine(crc.run(first, 0), crc.run(second, 0), len(second))
    assert joined == crc.run(first + second, 0) == crc.run(second, crc.run(first, 0))
    assert crc.combine(joined, crc.run(third, 0), len(third)) == crc.run(first + second + third, 0)


@pytest.mark.parametrize("crc", ALL)
def test_long_pieces_are_joined(crc):
    first, second = b"a" * 5_000_001, b"b" * 7_340_033
    assert crc.combine(crc.run(first, 0), crc.run(second, 0), len(second)) == crc.run(second, crc.run(first, 0))


@pytest.mark.parametrize("crc", ALL)
def test_views_are_taken(crc):
    data = bytearray(b"xx123456789")
    assert crc.run(memoryview(data)[2:], 0) == crc.run(b"123456789", 0)
