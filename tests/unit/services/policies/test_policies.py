"""Policies: versions, attachments, and what is refused."""

import asyncio

import pytest

from tests.unit.services.policies.conftest import ADMIN, AUTHOR, DENY_ALL, OPEN, READ, WRITE, document, new, refused
from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.records import layout
from zotplus.records.access import generation
from zotplus.records.policies import VERSIONS_KEPT, resource_policies
from zotplus.services.policies import changes
from zotplus.services.policies.changes import ABSENT


async def test_a_policy_is_stored_listed_and_read(policies, clock):
    stored = await policies.put("readers", new(description="Who reads", comment="first"))
    assert (stored.changed, stored.policy.version, stored.policy.text) == (True, 1, READ)
    (head,) = await policies.list()
    assert (head.name, head.version, head.kind, head.description, head.attached) == (
        "readers",
        1,
        "identity",
        "Who reads",
        0,
    )
    found = await policies.read("readers")
    assert (found.author, found.comment, found.created, found.is_current) == (AUTHOR, "first", clock.now, True)


async def test_the_kind_is_what_the_document_says(policies, store):
    await policies.put("open", new(OPEN))
    assert (await policies.read("open")).kind == "resource"
    assert await store.read(resource_policies) == (("open", 1, OPEN),)


async def test_a_kind_that_does_not_fit_is_refused(policies):
    assert await refused(policies.put("open", new(OPEN, kind="identity"))) == "policy_invalid"
    assert await refused(policies.put("own", new(READ, kind="resource"))) == "policy_invalid"
    assert await refused(policies.put("own", new(READ, kind="session"))) == "argument_invalid"
    assert await policies.list() == ()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b"{}", b'{"Statement": 1}', b"[" * 100_000, READ[:-1]])
async def test_what_cannot_be_read_is_never_stored(policies, text):
    assert await refused(policies.put("p", new(text))) == "policy_invalid"
    assert await policies.list() == ()


async def test_what_says_the_same_makes_no_new_version(policies, store):
    await policies.put("p", new(READ, description="one"))
    before = await store.read(generation)
    stored = await policies.put("p", new(READ.replace(b'":', b'" : '), comment="again"))
    assert (stored.changed, stored.policy.version, stored.policy.comment) == (False, 1, "")
    assert await store.read(generation) == before
    described = await policies.put("p", new(READ, description="two"))
    assert (described.changed, described.policy.version, described.policy.description) == (True, 2, "two")


async def test_a_change_raises_the_generation(policies, store, administrator):
    for change in (
        lambda: policies.put("p", new()),
        lambda: policies.put("p", new(WRITE)),
        lambda: policies.set_current("p", 1),
        lambda: policies.attach("p", administrator, AUTHOR),
        lambda: policies.detach("p", administrator),
        lambda: policies.delete("p"),
    ):
        before = await store.read(generation)
        await change()
        assert await store.read(generation) > before


async def test_an_earlier_version_becomes_current_again(policies):
    await policies.put("p", new(READ))
    await policies.put("p", new(WRITE))
    stored = await policies.set_current("p", 1)
    assert (stored.changed, stored.policy.version, stored.policy.text) == (True, 1, READ)
    assert not (await policies.set_current("p", 1)).changed
    found = await policies.versions("p")
    assert [(row.version, row.is_current) for row in found] == [(2, False), (1, True)]
    third = await policies.put("p", new(WRITE))
    assert third.policy.version == 3


async def test_versions_are_bounded(policies):
    for number in range(VERSIONS_KEPT + 5):
        await policies.put("p", new(WRITE if number % 2 else READ))
    assert len(await policies.versions("p")) == VERSIONS_KEPT
    assert await refused(policies.read("p", 5)) == "record_not_found"
    assert await refused(policies.set_current("p", 5)) == "record_not_found"


async def test_a_deleted_policy_is_gone_and_its_versions_still_explain(policies):
    await policies.put("p", new(READ))
    await policies.delete("p")
    assert await policies.list() == ()
    assert await refused(policies.read("p")) == "record_not_found"
    assert (await policies.read("p", 1)).text == READ
    assert not (await policies.versions("p"))[0].is_current
    again = await policies.put("p", new(READ))
    assert (again.changed, again.policy.version) == (True, 2)
    await policies.delete("p")
    assert (await policies.set_current("p", 1)).policy.version == 1


async def test_what_is_attached_is_deleted_only_with_its_attachments(policies):
    await policies.put("p", new())
    for number in range(5):
        await policies.attach("p", f"group:k:{number}", AUTHOR)
    with pytest.raises(Problem, match="group:k:0, group:k:1, group:k:2 and 2 more") as raised:
        await policies.delete("p")
    assert raised.value.fault.code == "policy_attached"
    await policies.delete("p", detach=True)
    assert await policies.attachments() == ()


async def test_an_attached_policy_stays_one_that_can_be(policies):
    await policies.put("p", new(OPEN))
    await policies.put("p", new(READ))
    await policies.attach("p", "public", AUTHOR)
    assert await refused(policies.put("p", new(OPEN))) == "policy_attached"
    assert await refused(policies.set_current("p", 1)) == "policy_attached"
    await policies.detach("p", "public")
    assert await refused(policies.detach("p", "public")) == "record_not_found"
    assert (await policies.set_current("p", 1)).policy.kind == "resource"
    assert await refused(policies.attach("p", "public", AUTHOR)) == "argument_invalid"


async def test_attachments_are_listed_by_whom_they_are_for(policies, access, clock):
    robot = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    await policies.put("a", new())
    await policies.put("b", new())
    await policies.attach("b", robot.credential.id, AUTHOR)
    await policies.attach("a", robot.credential.id, AUTHOR, is_boundary=True)
    await policies.attach("a", "authenticated", AUTHOR)
    own = await policies.attachments("robot:ci")
    assert [(row.policy, row.is_boundary, row.author, row.created) for row in own] == [
        ("a", True, AUTHOR, clock.now),
        ("b", False, AUTHOR, clock.now),
    ]
    assert [(row.grantee, row.policy) for row in await policies.attachments()] == [
        ("authenticated", "a"),
        ("robot:ci", "a"),
        ("robot:ci", "b"),
    ]
    assert await policies.attachments("public") == ()
    assert [row.attached for row in await policies.list()] == [2, 1]


async def test_attaching_again_keeps_who_did_it_first_and_may_make_it_a_boundary(policies):
    await policies.put("p", new())
    await policies.attach("p", "public", "first")
    assert (await policies.attach("p", "public", "second")).author == "first"
    limited = await policies.attach("p", "public", "second", is_boundary=True)
    assert (limited.author, limited.is_boundary) == ("second", True)


@pytest.mark.parametrize("name", ["", "A", "-a", "a/b", "a b", "a\0", "ä", "a" * 129, "a@1"])
async def test_a_name_of_the_wrong_form_is_refused(policies, name):
    assert await refused(policies.put(name, new())) == "argument_invalid"
    assert await refused(policies.read(name)) == "record_not_found"
    assert await refused(policies.read(name, 1)) == "record_not_found"
    assert await refused(policies.versions(name)) == "record_not_found"
    assert await refused(policies.set_current(name, 1)) == "record_not_found"
    assert await refused(policies.delete(name)) == "record_not_found"
    assert await refused(policies.attach(name, "public", AUTHOR)) == "record_not_found"
    assert await refused(policies.detach(name, "public")) == "record_not_found"


@pytest.mark.parametrize("name", ["attachments", "boundaries"])
async def test_the_name_of_a_folders_other_files_is_refused(policies, name):
    assert await refused(policies.put(name, new())) == "argument_invalid"


@pytest.mark.parametrize("grantee", ["", "anonymous!", "group:k", "user:K:x", "a\0b", "robot:" + "x" * 2000, "\ud800"])
async def test_a_grantee_that_nobody_can_be_is_refused(policies, grantee):
    await policies.put("p", new())
    assert await refused(policies.attach("p", grantee, AUTHOR)) == "record_not_found"
    assert await refused(policies.detach("p", grantee)) == "record_not_found"
    assert await refused(policies.attachments(grantee)) == "record_not_found"


async def test_what_does_not_exist_gets_nothing(policies):
    await policies.put("p", new())
    assert await refused(policies.attach("p", "group:other:dev", AUTHOR)) == "record_not_found"
    assert await refused(policies.attach("p", "ZPNOBODY", AUTHOR)) == "record_not_found"


@pytest.mark.parametrize("number", [0, -1, 2, 1 << 32, 1 << 70])
async def test_a_version_that_never_was_is_not_found(policies, number):
    await policies.put("p", new())
    assert await refused(policies.read("p", number)) == "record_not_found"
    assert await refused(policies.set_current("p", number)) == "record_not_found"


async def test_versions_without_a_head_are_damage(policies, store):
    await policies.put("p", new())
    await store.write(lambda transaction: transaction.delete(layout.policy("p")))
    assert await refused(policies.read("p", 1)) == "record_not_found"
    code = await refused(store.write(lambda transaction: changes.set_current(transaction, "p", 1)))
    assert code == "storage_failed"


@pytest.mark.parametrize("field", ["comment", "description"])
def test_remarks_are_bounded(policies, field):
    async def tried():
        assert await refused(policies.put("p", new(**{field: "x" * 1001}))) == "argument_invalid"
        assert await refused(policies.put("p", new(**{field: "a\0"}))) == "argument_invalid"
        await policies.put("p", new(**{field: "x" * 1000}))

    asyncio.run(tried())


async def test_of_two_writes_of_what_was_read_one_is_refused(policies):
    first = (await policies.put("p", new(), expected=ABSENT)).policy
    outcomes = await asyncio.gather(
        policies.put("p", new(WRITE), expected=first.version),
        policies.put("p", new(DENY_ALL), expected=first.version),
        return_exceptions=True,
    )
    lost = [one for one in outcomes if isinstance(one, Problem)]
    assert [one.fault.code for one in lost] == ["precondition_failed"]
    assert lost[0].fields["version"] == 2
    assert len(await policies.versions("p")) == 2


async def test_a_condition_holds_for_every_change(policies):
    await policies.put("p", new())
    for change in (
        policies.put("p", new(WRITE), expected=ABSENT),
        policies.set_current("p", 1, expected=2),
        policies.delete("p", expected=2),
        policies.put("q", new(), expected=1),
    ):
        assert await refused(change) == "precondition_failed"
    await policies.delete("p", expected=1)
    assert (await policies.put("p", new(), expected=ABSENT)).policy.version == 2


async def test_a_policy_that_locks_out_the_last_administrator_is_not_attached(policies, administrator, store):
    await policies.put("nothing", new(DENY_ALL))
    before = await store.read(generation)
    assert await refused(policies.attach("nothing", ADMIN, AUTHOR)) == "last_administrator"
    assert await refused(policies.attach("nothing", "authenticated", AUTHOR)) == "last_administrator"
    assert await policies.attachments() == ()
    assert await store.read(generation) == before


async def test_a_version_that_locks_out_the_last_administrator_is_not_made_current(policies, administrator):
    await policies.put("p", new(DENY_ALL))
    await policies.put("p", new(READ))
    await policies.attach("p", ADMIN, AUTHOR)
    assert await refused(policies.put("p", new(DENY_ALL))) == "last_administrator"
    assert await refused(policies.set_current("p", 1)) == "last_administrator"
    assert (await policies.read("p")).version == 2


async def test_a_boundary_that_takes_administration_from_the_last_administrator_is_refused(policies, administrator):
    await policies.put("small", new(READ))
    assert await refused(policies.attach("small", ADMIN, AUTHOR, is_boundary=True)) == "last_administrator"


async def test_a_resource_policy_that_denies_everybody_everything_is_refused(policies, administrator):
    text = DENY_ALL.replace(b'"Effect"', b'"Principal":"*","Effect"')
    assert await refused(policies.put("closed", new(text))) == "last_administrator"


DENY = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"]}
OUTSIDE = {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}


async def test_a_denial_from_some_places_leaves_the_administrator_others(policies, administrator, access):
    await policies.put("office", new(document({**DENY, "Condition": OUTSIDE})))
    await policies.attach("office", "authenticated", AUTHOR)
    assert await access.ensure_administrator(None, None) is None


async def test_a_denial_for_everybody_but_one_administrator_is_taken(policies, administrator):
    but = {"StringNotEquals": {"aws:userid": [ADMIN]}}
    await policies.put("closed", new(document({**DENY, "Principal": "*", "Condition": but})))
    others = {"StringNotEquals": {"aws:userid": ["ZPOTHER"]}}
    assert (
        await refused(policies.put("closed", new(document({**DENY, "Principal": "*", "Condition": others}))))
        == "last_administrator"
    )


async def test_a_denial_that_only_covers_its_own_removal_is_refused(policies, administrator):
    lock = {"Effect": "Deny", "Action": ["admin:*Policy"], "Resource": ["admin:policies/lock"]}
    await policies.put("lock", new(document(lock)))
    assert await refused(policies.attach("lock", "authenticated", AUTHOR)) == "last_administrator"
