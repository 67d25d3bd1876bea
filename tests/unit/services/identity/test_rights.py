"""Grants, attached policies, boundaries and resource policies as one set."""

import json

import pytest

from zotplus.domain.iam import Allowed, Denied, Need
from zotplus.records.access import raise_generation
from zotplus.records.policies import (
    AttachmentRecord,
    PolicyRecord,
    PolicyVersionRecord,
    put_attachment,
    put_policy,
    put_version,
)
from zotplus.services.identity.rights import ANONYMOUS, Rights
from zotplus.services.identity.roles import Role

READ = Need("s3:GetObject", "s3:releases/a")
WRITE = Need("s3:PutObject", "s3:releases/a")
BOB = "user:keycloak:bob"
TEAM = "group:keycloak:team"


def document(effect="Allow", action="s3:GetObject", **more):
    statement = {"Effect": effect, "Action": action, "Resource": "s3:releases/*", **more}
    return json.dumps({"Version": "2012-10-17", "Id": "its own", "Statement": statement}).encode()


@pytest.fixture
def put(store):
    """Stores a policy and attaches it to ``grantees``."""

    async def stored(name, text, *grantees, kind="identity", version=1, boundary=False):
        def change(transaction):
            row = PolicyVersionRecord(text=text, kind=kind, author="test", created_ms=0, comment="")
            put_version(transaction, name, version, row)
            head = PolicyRecord(current=version, latest=version, kind=kind, description="", created_ms=0)
            put_policy(transaction, name, head)
            for grantee in grantees:
                attachment = AttachmentRecord(is_boundary=boundary, author="test", created_ms=0)
                put_attachment(transaction, name, grantee, attachment)
            raise_generation(transaction)

        await store.write(change)

    return stored


@pytest.fixture
def decide(store):
    rights = Rights()

    async def decided(need, id_=BOB, names=(TEAM,)):
        return (await store.read(lambda snapshot: rights.of(snapshot, id_, names))).decide(need)

    return decided


@pytest.mark.parametrize("grantee", [BOB, TEAM, "authenticated", "public"])
async def test_a_policy_attached_to_any_name_applies_and_decides_under_its_name_and_version(put, decide, grantee):
    await put("reading", document(), grantee, version=3)
    assert await decide(READ) == Allowed("reading@3", "#1")
    assert isinstance(await decide(WRITE), Denied)


async def test_a_policy_that_denies_wins_over_a_grant(put, decide, grants):
    await grants.give("authenticated", Role.READER, "s3:releases")
    assert isinstance(await decide(READ), Allowed)
    await put("closed", document("Deny"), TEAM)
    denied = await decide(READ)
    assert (denied.explicit, denied.policy) == (True, "closed@1")


async def test_a_boundary_limits_what_grants_allow(put, decide, grants):
    await grants.give("authenticated", Role.PUBLISHER, "s3:releases")
    await put("only-reading", document(), TEAM, boundary=True)
    assert isinstance(await decide(READ), Allowed)
    assert isinstance(await decide(WRITE), Denied)


@pytest.mark.parametrize("principal", ["*", {"Zotplus": BOB}, {"Zotplus": [TEAM]}, {"AWS": [TEAM]}])
async def test_a_resource_policy_applies_to_whom_it_names(put, decide, principal):
    await put("releases", document(Principal=principal), kind="resource")
    assert await decide(READ) == Allowed("releases@1", "#1", "resource")
    assert isinstance(await decide(READ, "user:keycloak:carol", ()), Allowed) is (principal == "*")
    assert isinstance(await decide(READ, ANONYMOUS, ()), Allowed) is (principal == "*")


async def test_a_resource_policy_of_another_version_is_read_with_the_next_generation(put, decide):
    await put("releases", document(Principal={"Zotplus": BOB}), kind="resource")
    assert isinstance(await decide(READ), Allowed)
    await put("other", document(), "robot:ci")  # another change leaves what is prepared as it is
    assert isinstance(await decide(READ), Allowed)
    await put("releases", document("Deny", Principal={"Zotplus": BOB}), kind="resource", version=2)
    assert (await decide(READ)).policy == "releases@2"


async def test_a_policy_attached_to_everybody_also_applies_to_whoever_did_not_log_in(put, decide):
    await put("open", document(), "public")
    assert isinstance(await decide(READ, ANONYMOUS, ()), Allowed)
    await put("nothing", document(action="s3:PutObject"), "public", boundary=True)
    assert isinstance(await decide(READ, ANONYMOUS, ()), Denied)


@pytest.mark.parametrize("text", [b"", b"{", b'{"Statement": [{"Effect": "Permit"}]}'])
@pytest.mark.parametrize("kind", ["identity", "resource"])
async def test_a_policy_that_cannot_be_read_denies(put, decide, grants, text, kind):
    await grants.give("authenticated", Role.READER, "s3:releases")
    await put("broken", text, *([TEAM] if kind == "identity" else []), kind=kind)
    denied = await decide(READ)
    assert (type(denied), denied.policy) == (Denied, "broken@1")


async def test_a_boundary_that_cannot_be_read_denies(put, decide, grants):
    await grants.give("authenticated", Role.READER, "s3:releases")
    await put("broken", b"{", TEAM, boundary=True)
    assert isinstance(await decide(READ), Denied)


async def test_a_session_narrows(store, grants):
    await grants.give(BOB, Role.PUBLISHER, "s3:releases")
    policies = await store.read(lambda snapshot: Rights().of(snapshot, BOB, session=()))
    assert isinstance(policies.decide(READ), Denied)


async def test_the_boundary_of_another_group_does_not_lift_that_of_one(put, decide, grants):
    await grants.give("authenticated", Role.PUBLISHER, "s3:releases")
    await put("only-reading", document(), TEAM, boundary=True)
    await put("no-administration", document(action="s3:*"), "authenticated", boundary=True)
    assert isinstance(await decide(READ), Allowed)
    outside = await decide(WRITE)
    assert (type(outside), outside.layer) == (Denied, "boundary")
    assert isinstance(await decide(WRITE, names=()), Allowed)


async def test_a_group_that_is_too_long_for_grants_is_denied_what_a_resource_policy_denies_it(put, decide, grants):
    await grants.give("authenticated", Role.READER, "s3:releases")
    team = "group:keycloak:" + "\N{GRINNING FACE}" * 500
    await put("closed", document("Deny", Principal={"Zotplus": [team]}), kind="resource")
    await put("others", document(NotPrincipal={"Zotplus": [team]}, action="s3:PutObject"), kind="resource")
    assert isinstance(await decide(READ), Allowed)
    assert isinstance(await decide(READ, names=(team,)), Denied)
    assert isinstance(await decide(WRITE), Allowed)
    assert isinstance(await decide(WRITE, names=(team,)), Denied)


@pytest.mark.parametrize("kind", ["identity", "resource"])
async def test_no_policy_lets_whoever_did_not_log_in_administer(put, decide, kind):
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    if kind == "resource":
        everything["Principal"] = "*"
    text = json.dumps({"Version": "2012-10-17", "Statement": everything}).encode()
    await put("too-wide", text, *(["public"] if kind == "identity" else []), kind=kind)
    assert isinstance(await decide(READ, ANONYMOUS, ()), Allowed)
    denied = await decide(Need("admin:CreateKey", "admin:keys"), ANONYMOUS, ())
    assert (denied.explicit, denied.statement) == (True, "NobodyAdministers")
