"""Applying files: what is planned is done, all or nothing, and a second time nothing."""

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.services.policies.conftest import ADMIN, AUTHOR, DENY_ALL, OPEN, READ, WRITE, new, refused
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.records.access import generation
from zotplus.services.policies import applying as module
from zotplus.services.policies.applying import Applying
from zotplus.services.policies.policies import Policies
from zotplus.services.policies.values import Change, ChangeKind, Wanted, WantedAttachment

CREATE, UPDATE, DELETE = ChangeKind.CREATE, ChangeKind.UPDATE, ChangeKind.DELETE
ATTACH, DETACH = ChangeKind.ATTACH, ChangeKind.DETACH


def anything(_need):
    """Whoever may do everything."""


def wanted(policies=None, attachments=(), *, prune=False):
    attached = tuple(WantedAttachment(policy=p, grantee=g, is_boundary=b) for p, g, b in attachments)
    given = {name: new(text) for name, text in (policies or {}).items()}
    return Wanted(policies=given, attachments=attached, prune=prune)


def short(applied):
    return [(one.kind, one.policy, one.version, one.grantee) for one in applied.changes]


async def test_what_is_missing_is_made_and_what_differs_is_changed(applying, policies):
    await policies.put("there", new(READ))
    await policies.put("same", new(READ))
    state = wanted({"there": WRITE, "same": READ, "fresh": READ}, [("fresh", "public", False)])
    done = await applying.run(state, AUTHOR, anything)
    assert short(done) == [
        (CREATE, "fresh", 0, ""),
        (UPDATE, "there", 1, ""),
        (ATTACH, "fresh", 0, "public"),
    ]
    assert (await policies.read("there")).text == WRITE
    assert short(await applying.run(state, AUTHOR, anything)) == []


async def test_without_prune_nothing_is_taken_away(applying, policies):
    await policies.put("old", new())
    await policies.attach("old", "public", AUTHOR)
    assert short(await applying.run(wanted(), AUTHOR, anything)) == []


async def test_with_prune_what_is_not_wanted_goes(applying, policies):
    await policies.put("kept", new())
    await policies.put("old", new())
    for name in ("old", "kept"):
        await policies.attach(name, "public", AUTHOR)
    await policies.attach("kept", "authenticated", AUTHOR)
    state = wanted({"kept": READ}, [("kept", "authenticated", True)], prune=True)
    assert short(await applying.run(state, AUTHOR, anything)) == [
        (DETACH, "kept", 0, "public"),
        (DETACH, "old", 0, "public"),
        (DELETE, "old", 1, ""),
        (ATTACH, "kept", 0, "authenticated"),
    ]
    assert [row.name for row in await policies.list()] == ["kept"]
    assert [(row.grantee, row.is_boundary) for row in await policies.attachments()] == [("authenticated", True)]
    assert short(await applying.run(state, AUTHOR, anything)) == []


async def test_a_dry_run_changes_nothing_and_finds_what_would_fail(applying, policies, store):
    before = await store.read(generation)
    done = await applying.run(wanted({"p": READ}), AUTHOR, anything, dry_run=True)
    assert short(done) == [(CREATE, "p", 0, "")]
    assert await policies.list() == ()
    assert await store.read(generation) == before
    missing = wanted(attachments=[("p", "public", False)])
    assert await refused(applying.run(missing, AUTHOR, anything, dry_run=True)) == "record_not_found"


async def test_all_or_nothing(applying, policies):
    state = wanted({"a": READ, "b": READ}, [("a", "ZPNOBODY", False)])
    assert await refused(applying.run(state, AUTHOR, anything)) == "record_not_found"
    assert await policies.list() == ()


async def test_every_change_must_be_allowed(applying, policies):
    await policies.put("old", new())
    await policies.attach("old", "public", AUTHOR)
    asked = []

    def note(need):
        asked.append((need.action, need.resource))

    await applying.run(wanted({"p": READ}, [("p", "public", False)], prune=True), AUTHOR, note, dry_run=True)
    assert asked == [
        ("admin:DetachPolicy", "admin:policies/old"),
        ("admin:DeletePolicy", "admin:policies/old"),
        ("admin:PutPolicy", "admin:policies/p"),
        ("admin:AttachPolicy", "admin:policies/p"),
    ]

    def never(need):
        raise Problem(errors.ACCESS_DENIED, need.action)

    assert await refused(applying.run(wanted({"p": READ}), AUTHOR, never)) == "access_denied"
    assert [row.name for row in await policies.list()] == ["old"]


async def test_only_what_was_agreed_to_is_done(applying, policies):
    state = wanted({"p": WRITE})
    seen = (await applying.run(state, AUTHOR, anything, dry_run=True)).changes
    await policies.put("p", new(READ))
    assert await refused(applying.run(state, AUTHOR, anything, expected=seen)) == "conditional_conflict"
    seen = (await applying.run(state, AUTHOR, anything, dry_run=True)).changes
    assert seen == (Change(kind=UPDATE, policy="p", version=1),)
    await applying.run(state, AUTHOR, anything, expected=seen)
    assert (await policies.read("p")).text == WRITE


async def test_a_change_between_plan_and_deed_is_noticed(policies, store):
    class Late(KeyValueMemory):
        """Lets another change come first."""

        async def read(self, function):
            return await store.read(function)

        async def write(self, function):
            await policies.put("p", new(READ))
            return await store.write(function)

    late = Applying(Late())
    assert await refused(late.run(wanted({"p": WRITE}), AUTHOR, anything)) == "conditional_conflict"
    assert (await policies.read("p")).text == READ


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (wanted({"P": READ}), "argument_invalid"),
        (wanted(attachments=[("P", "public", False)]), "argument_invalid"),
        (wanted(attachments=[("p", "nobody at all", False)]), "record_not_found"),
        (wanted({"p": READ}, [("p", "group:other:x", False)]), "record_not_found"),
        (wanted({"p": READ}, [("p", "public", False), ("p", "public", True)]), "argument_invalid"),
        (wanted({"p": READ}, [("q", "public", False)], prune=True), "argument_invalid"),
        (wanted({"p": OPEN}, [("p", "public", False)]), "argument_invalid"),
        (wanted({"p": b"{}"}), "policy_invalid"),
    ],
)
async def test_what_cannot_be_is_refused(applying, policies, state, code):
    assert await refused(applying.run(state, AUTHOR, anything)) == code
    assert await policies.list() == ()


async def test_a_fault_says_in_which_policy(applying):
    with pytest.raises(Problem, match="broken: "):
        await applying.run(wanted({"broken": b"{}"}), AUTHOR, anything)


async def test_the_number_of_policies_is_bounded(applying, monkeypatch):
    monkeypatch.setattr(module, "POLICIES_MAX", 2)
    assert len(short(await applying.run(wanted(dict.fromkeys("ab", READ)), AUTHOR, anything))) == 2
    assert await refused(applying.run(wanted(dict.fromkeys("abc", READ)), AUTHOR, anything)) == "argument_invalid"


async def test_the_last_administrator_is_not_locked_out_by_files(applying, policies, administrator):
    state = wanted({"nothing": DENY_ALL}, [("nothing", ADMIN, False)])
    assert await refused(applying.run(state, AUTHOR, anything)) == "last_administrator"
    assert await policies.list() == ()


names = st.sampled_from(["a", "b", "c"])
texts = st.sampled_from([READ, WRITE, DENY_ALL])
grantees = st.sampled_from(["public", "authenticated", "group:k:x"])
states = st.builds(
    lambda policies, attached, prune: (
        policies,
        [(name, grantee, boundary) for (name, grantee), boundary in attached.items() if name in policies],
        prune,
    ),
    st.dictionaries(names, texts),
    st.dictionaries(st.tuples(names, grantees), st.booleans()),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(states, min_size=1, max_size=4))
def test_after_applying_nothing_is_left_to_change(sequence):
    async def run():
        store = KeyValueMemory()
        applying, policies = Applying(store, issuers=["k"]), Policies(store)
        for policies_wanted, attached, prune in sequence:
            state = wanted(policies_wanted, attached, prune=prune)
            planned = await applying.run(state, AUTHOR, anything, dry_run=True)
            done = await applying.run(state, AUTHOR, anything)
            assert done == planned
            assert (await applying.run(state, AUTHOR, anything)).changes == ()
            there = {row.name: (await policies.read(row.name)).text for row in await policies.list()}
            held = {(row.policy, row.grantee, row.is_boundary) for row in await policies.attachments()}
            assert policies_wanted.items() <= there.items()
            assert set(attached) <= held
            if prune:
                assert (there, held) == (policies_wanted, set(attached))

    asyncio.run(run())


def test_documents_that_differ_only_in_writing_are_the_same():
    async def run():
        store = KeyValueMemory()
        applying = Applying(store)
        await applying.run(wanted({"p": READ}), AUTHOR, anything)
        respelt = msgspec.json.format(READ, indent=4)
        return short(await applying.run(wanted({"p": respelt}), AUTHOR, anything))

    assert asyncio.run(run()) == []
