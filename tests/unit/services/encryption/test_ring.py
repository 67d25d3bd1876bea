"""The key ring of the registry."""

import msgspec
import pytest

from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.records.encryption.ring_keys import find_ring_key, put_ring_key, ring_keys
from zotplus.services.encryption import ring as ring_module
from zotplus.services.encryption.ring import LocalKeyRing, new_ring_key, with_new_version

KEY = bytes(range(32))


def fault_of(raised):
    return raised.value.fault


async def change(store, key_id, function):
    await store.write(lambda t: put_ring_key(t, key_id, function(find_ring_key(t, key_id))))


async def test_a_wrapped_key_opens_under_the_same_id_and_context(ring):
    wrapped = await ring.wrap("sse:s3", KEY, b"context")
    assert KEY not in wrapped
    assert await ring.unwrap("sse:s3", wrapped, b"context") == KEY
    assert await ring.is_current("sse:s3", wrapped)


async def test_another_context_key_or_bit_does_not_open(ring):
    wrapped = await ring.wrap("sse:s3", KEY, b"context")
    await ring.wrap("s3-default", KEY, b"")
    flipped = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    other_version = wrapped[:4] + b"\x07" + wrapped[5:]
    for key_id, value, context in (
        ("sse:s3", wrapped, b"other"),
        ("s3-default", wrapped, b"context"),
        ("sse:s3", flipped, b"context"),
        ("sse:s3", other_version, b"context"),
        ("sse:s3", wrapped[:-1], b"context"),
        ("sse:s3", b"", b"context"),
    ):
        with pytest.raises(Problem) as raised:
            await ring.unwrap(key_id, value, context)
        assert fault_of(raised) is errors.BLOB_CORRUPT


async def test_only_keys_that_are_meant_to_come_into_being_by_use(ring, store):
    with pytest.raises(Problem) as raised:
        await ring.wrap("mine", KEY, b"")
    assert fault_of(raised) is errors.KMS_KEY_NOT_FOUND
    await ring.wrap("s3-default", KEY, b"")
    assert list(await store.read(ring_keys)) == ["s3-default"]


async def test_two_workers_that_make_the_key_at_once_make_one(store, sealing):
    both = [LocalKeyRing(store, sealing, AesGcm, makes=frozenset({"k"})) for _ in range(2)]
    record = await store.write(lambda t: both[0]._make(t, "k"))
    assert await store.write(lambda t: both[1]._make(t, "k")) == record


async def test_a_disabled_key_neither_wraps_nor_opens(ring, store):
    wrapped = await ring.wrap("s3-default", KEY, b"")
    await change(store, "s3-default", lambda record: msgspec.structs.replace(record, disabled=True))
    for attempt in (ring.wrap("s3-default", KEY, b""), ring.unwrap("s3-default", wrapped, b"")):
        with pytest.raises(Problem) as raised:
            await attempt
        assert fault_of(raised) is errors.KMS_KEY_DISABLED


async def test_a_new_version_wraps_and_the_old_one_still_opens(ring, store, sealing):
    old = await ring.wrap("sse:s3", KEY, b"")
    await change(store, "sse:s3", lambda record: with_new_version(sealing, "sse:s3", record, 5))
    assert not await ring.is_current("sse:s3", old)
    assert await ring.unwrap("sse:s3", old, b"") == KEY
    new = await ring.wrap("sse:s3", KEY, b"")
    assert await ring.is_current("sse:s3", new)
    assert await ring.unwrap("sse:s3", new, b"") == KEY


async def test_a_process_remembers_only_so_many_open_keys(ring, store, sealing, monkeypatch):
    monkeypatch.setattr(ring_module, "_OPEN_KEYS", 2)
    for name in ("a", "b", "c"):
        await store.write(lambda t, name=name: put_ring_key(t, name, new_ring_key(sealing, name, 1)))
        await ring.wrap(name, KEY, b"")
    assert len(ring._open) == 2


async def test_the_secret_of_a_key_is_not_in_the_store(ring, store):
    await ring.wrap("sse:s3", KEY, b"")
    record = (await store.read(ring_keys))["sse:s3"]
    assert len(record.versions[0].sealed) == 32 + 33
