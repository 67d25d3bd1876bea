from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.records import layout
from zotplus.records.issued import EVERYBODY, forget_exchanged, not_before, put_exchanged, put_not_before

A, B, C = (bytes([number]) * 32 for number in range(3))


async def test_a_token_is_remembered_once():
    store = KeyValueMemory()
    assert await store.write(lambda transaction: put_exchanged(transaction, A, 1_000))
    assert not await store.write(lambda transaction: put_exchanged(transaction, A, 9_000))
    assert await store.write(lambda transaction: put_exchanged(transaction, B, 1_000))


async def test_tokens_whose_time_has_come_are_forgotten_a_few_at_a_time():
    store = KeyValueMemory()
    for digest, until in ((A, 1_000), (B, 1_999), (C, 2_000)):
        await store.write(lambda transaction, d=digest, u=until: put_exchanged(transaction, d, u))
    assert await store.write(lambda transaction: forget_exchanged(transaction, 2_000, 1)) == 1
    assert await store.write(lambda transaction: forget_exchanged(transaction, 2_000, 10)) == 1
    assert await store.write(lambda transaction: forget_exchanged(transaction, 2_000, 10)) == 0
    assert not await store.write(lambda transaction: put_exchanged(transaction, C, 2_000))
    for table in (layout.EXCHANGED, layout.EXCHANGED_BY_TIME):
        rows = await store.read(lambda snapshot, t=table: list(snapshot.scan(*layout.table_span(t))))
        assert len(rows) == 1


async def test_the_later_of_ones_own_and_everybodys_time_counts():
    store = KeyValueMemory()
    assert await store.read(lambda snapshot: not_before(snapshot, "robot:ci")) == 0
    await store.write(lambda transaction: put_not_before(transaction, "robot:ci", 5_000))
    await store.write(lambda transaction: put_not_before(transaction, EVERYBODY, 3_000))
    assert await store.read(lambda snapshot: not_before(snapshot, "robot:ci")) == 5_000
    assert await store.read(lambda snapshot: not_before(snapshot, "robot:other")) == 3_000
