"""A store's file that was cut off is told before the engine maps it."""

import sys

import pytest

from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.adapters.keyvalue_lmdb.wholeness import require_whole
from zotplus.domain.errors import Problem


@pytest.fixture
async def path(tmp_path):
    store = KeyValueLmdb(LmdbSettings(path=str(tmp_path / "store")))
    for number in range(3):
        await store.write(
            lambda transaction, number=number: [
                transaction.put(b"key %d %d" % (number, place), bytes(2_000)) for place in range(100)
            ]
        )
    await store.backup(str(tmp_path / "copy"))
    await store.close()
    return tmp_path / "copy" / "data.mdb"


async def test_a_whole_file_is_let_through(path):
    require_whole(path)


@pytest.mark.parametrize("kept", [8_192, 12_288, -1])
async def test_a_file_that_was_cut_off_is_refused(path, kept):
    data = path.read_bytes()
    path.write_bytes(data[:kept])
    with pytest.raises(Problem) as refused:
        require_whole(path)
    assert (refused.value.fault.code, f"of {len(data)}." in refused.value.detail) == ("storage_failed", True)


@pytest.mark.parametrize("data", [b"", b"x" * 8_192, bytes(20)])
def test_what_is_no_store_is_refused(tmp_path, data):
    (tmp_path / "data.mdb").write_bytes(data)
    with pytest.raises(Problem) as refused:
        require_whole(tmp_path / "data.mdb")
    assert "is no metadata store" in refused.value.detail


async def test_the_later_of_the_two_meta_pages_counts(path):
    """A copy's first is empty; here it says that there is more."""
    data = bytearray(path.read_bytes())
    last, transaction = (int.from_bytes(data[at : at + 8], sys.byteorder) for at in (136, 4_096 + 144))
    data[136:144] = (last + 1_000).to_bytes(8, sys.byteorder)
    path.write_bytes(data)
    require_whole(path)
    data[144:152] = (transaction + 1).to_bytes(8, sys.byteorder)
    path.write_bytes(data)
    with pytest.raises(Problem):
        require_whole(path)
