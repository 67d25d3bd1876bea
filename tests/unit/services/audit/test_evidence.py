"""The audit log's key is made once and sealed, and the store knows how far each stream has come."""

import asyncio

import pytest

from zotplus.adapters.audit import signing
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.records import layout
from zotplus.services.audit import evidence


async def test_all_processes_sign_with_one_key(store, sealing):
    keys = await asyncio.gather(*(evidence.signing_key(store, sealing, signing) for _ in range(5)))
    assert len(set(keys)) == 1
    known = await evidence.known(store)
    assert known.keys == {signing.key_id(signing.public_of(keys[0])): signing.public_of(keys[0])}


async def test_the_private_key_is_sealed_and_needs_the_master_key(store, sealing):
    key = await evidence.signing_key(store, sealing, signing)
    stored = await store.read(lambda snapshot: [value for _, value in snapshot.scan(b"", None)])
    assert not any(key in value for value in stored)
    with pytest.raises(Problem) as refused:
        await evidence.signing_key(store, AeadSealing([b"o" * 32]), signing)
    assert refused.value.fault is errors.STORAGE_FAILED


async def test_a_process_that_comes_second_takes_the_first_ones_key(store, sealing, monkeypatch):
    """Both have looked before either has written."""
    first = await evidence.signing_key(store, sealing, signing)
    looking = store.read
    looks = []

    async def read(function):
        looks.append(function)
        return {} if len(looks) == 1 else await looking(function)

    monkeypatch.setattr(store, "read", read)
    assert await evidence.signing_key(store, sealing, signing) == first


async def test_heads_are_kept_by_stream(store):
    await evidence.keep_head(store, "worker-0", b"one")
    await evidence.keep_head(store, "worker-1", b"two")
    await evidence.keep_head(store, "worker-0", b"three")
    assert (await evidence.known(store)).heads == {"worker-0": b"three", "worker-1": b"two"}


async def test_a_damaged_key_is_a_problem(store):
    await store.write(lambda transaction: transaction.put(layout.audit_key("x"), b"nonsense"))
    with pytest.raises(Problem) as refused:
        await evidence.known(store)
    assert refused.value.fault is errors.STORAGE_FAILED


def test_a_key_can_be_used_with_openssl():
    public = signing.public_of(signing.generate())
    assert signing.pem(public).startswith(b"-----BEGIN PUBLIC KEY-----")
