from pathlib import Path

import lmdb
import pytest

from tests.contracts.keyvalue import KeyValueContract
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb, LmdbSettings
from zotplus.ports.keyvalue import SupportsImmediateRead, SupportsMaintenance


class TestKeyValueLmdb(KeyValueContract):
    def new_store(self, folder: Path) -> KeyValueLmdb:
        return KeyValueLmdb(LmdbSettings(path=str(folder), fsync="off"))

    async def test_the_engine_holds_short_keys_as_they_are_and_long_ones_behind_a_link(self, store, tmp_path):
        await store.write(lambda t: (t.put(b"k" * 502, b"short"), t.put(b"k" * 503, b"long")))
        await store.close()
        with lmdb.open(str(tmp_path / "store"), max_dbs=2) as environment:
            records, overflow = environment.open_db(b"records"), environment.open_db(b"overflow")
            with environment.begin() as transaction:
                one = (1).to_bytes(8, "big")
                assert list(transaction.cursor(records)) == [(b"k" * 502, b"short"), (b"k" * 502 + b"\x00", one)]
                assert list(transaction.cursor(overflow)) == [(one + b"k", b"long")]

    async def test_deleted_long_keys_leave_no_namespaces(self, store, tmp_path):
        keys = [b"k" * 1600, b"k" * 1599, b"k" * 600]
        await store.write(lambda t: [t.put(key, b"v") for key in keys])
        await store.write(lambda t: [t.delete(key) for key in keys])
        await store.close()
        with lmdb.open(str(tmp_path / "store"), max_dbs=2) as environment, environment.begin() as transaction:
            for name in (b"records", b"overflow"):
                assert transaction.stat(environment.open_db(name, transaction, create=False))["entries"] == 0


class TestKeyValueLmdbInTinyChunks(KeyValueContract):
    """Every key of more than three bytes overflows, most of them several times."""

    def new_store(self, folder: Path) -> KeyValueLmdb:
        return KeyValueLmdb(LmdbSettings(path=str(folder), fsync="off"), key_chunk=3)


@pytest.mark.parametrize("ability", [SupportsImmediateRead, SupportsMaintenance])
def test_it_has_its_abilities(ability, tmp_path):
    assert isinstance(KeyValueLmdb(LmdbSettings(path=str(tmp_path))), ability)
