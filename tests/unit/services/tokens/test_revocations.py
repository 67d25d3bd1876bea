"""Revoked tokens: everywhere at once, and forgotten when they would have ended."""

import pytest

from zotplus.domain.errors import Problem
from zotplus.records import layout
from zotplus.services.federation.standing import Standing
from zotplus.services.tokens.revocations import Revocations


def revocations_of(store, clock):
    return Revocations(store, Standing(store, clock=clock), clock=clock)


async def test_a_revoked_token_is_refused_by_every_worker_from_then_on(store, clock):
    here, there = revocations_of(store, clock), revocations_of(store, clock)
    await there.require_valid(["one"], "robot:ci", 1.0)
    await here.revoke("one", int(clock.now) + 60)
    for worker in (here, there):
        with pytest.raises(Problem) as raised:
            await worker.require_valid(["one"], "robot:ci", 1.0)
        assert raised.value.fault.code == "token_invalid"
        await worker.require_valid(["two"], "robot:ci", 1.0)


async def test_what_has_ended_anyway_is_forgotten_with_the_next_revocation(store, clock):
    revocations = revocations_of(store, clock)
    await revocations.revoke("old", int(clock.now) + 60)
    clock.now += 60
    await revocations.revoke("new", int(clock.now) + 60)
    kept = store.read_now(lambda snapshot: [key for key, _ in snapshot.scan(*layout.table_span(layout.REVOKED_TOKENS))])
    assert kept == [layout.revoked_token("new")]
