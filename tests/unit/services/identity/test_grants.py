"""Grantees, networks of grants, and who must stay able to give them."""

import pytest

from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import PrincipalKind
from zotplus.records.policies import (
    IDENTITY,
    AttachmentRecord,
    PolicyRecord,
    PolicyVersionRecord,
    put_attachment,
    put_policy,
    put_version,
)
from zotplus.services.identity import administrators
from zotplus.services.identity.grantees import is_grantee, issuer_of
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.rights import ANONYMOUS, Rights
from zotplus.services.identity.roles import Role

READ = Need("s3:GetObject", "s3:releases/a")


async def refused(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault.code


class From:
    """A request's attributes: where it comes from."""

    def __init__(self, address):
        self.address = address

    def values(self, key):
        return (self.address,) if key == "aws:sourceip" else None


@pytest.mark.parametrize(
    "name",
    [
        "ZPABC", "robot:ci", "user:keycloak:0b7c-1", "user:github:repo:o/r:ref:refs/heads/x", "group:keycloak:/a/b c",
        "role:keycloak:Ünlü", "trust:release", "certificate:backup", "public", "authenticated",
    ],
)  # fmt: skip
def test_these_can_be_given_something(name):
    assert is_grantee(name)


@pytest.mark.parametrize(
    "name",
    ["", "a", "user:keycloak", "user:keycloak:", "group::x", "group:Keycloak:x", "trust:", "trust:A", "x:y:z",
     "group:keycloak:a\nb", "group:keycloak:" + "é" * 600, "robot:", "anonymous:x"],
)  # fmt: skip
def test_these_are_nobody(name):
    assert not is_grantee(name)


def test_the_issuer_is_part_of_the_names_of_people_groups_and_roles():
    assert [issuer_of(name) for name in ("group:keycloak:a:b", "robot:ci", "trust:x")] == ["keycloak", None, None]


async def test_an_issuer_that_is_not_configured_is_refused_with_those_that_are(store, clock):
    grants = Grants(store, issuers=["keycloak", "github"], clock=clock)
    with pytest.raises(Problem) as raised:
        await grants.give("group:keyclaok:team", Role.READER, "*")
    assert raised.value.fault.code == "record_not_found"
    assert "github, keycloak" in raised.value.detail
    assert "known: none" in (await _detail(Grants(store), "group:keycloak:team"))


async def _detail(grants, grantee):
    with pytest.raises(Problem) as raised:
        await grants.give(grantee, Role.READER, "*")
    return raised.value.detail


async def test_a_grant_with_networks_holds_from_them_only(access, grants):
    key = await access.create(kind=PrincipalKind.KEY, name="ci")
    await grants.give(key.credential.id, Role.READER, "s3:releases", ("10.0.0.0/8", "2001:db8::/32"))
    principal, _ = await access.signer(key.credential.id)
    assert [principal.may(READ, From(address)) for address in ("10.1.2.3", "2001:db8::1", "192.0.2.1")] == [
        True, True, False,
    ]  # fmt: skip
    assert not principal.may(READ)  # where the address is not known


@pytest.mark.parametrize("networks", [("10.0.0.1/8",), ("x",), ("10.0.0.0/33",), ("10.0.0.0/8",) * 65])
async def test_what_is_no_network_is_refused(grants, networks):
    assert await refused(grants.give("public", Role.READER, "*", networks)) == "argument_invalid"


async def test_an_administrator_from_some_networks_only_is_none_who_could_stay_alone(access, grants):
    near = await access.create(kind=PrincipalKind.KEY, name="near")
    far = await access.create(kind=PrincipalKind.KEY, name="far")
    await grants.give(near.credential.id, Role.ADMINISTRATOR, "*", ("10.0.0.0/8",))
    whole = await grants.give(far.credential.id, Role.ADMINISTRATOR, "*")
    assert await refused(grants.withdraw(whole.id)) == "last_administrator"


async def test_an_administrator_who_is_denied_granting_is_none(access, grants, store, clock):
    key = await access.create(kind=PrincipalKind.KEY, name="denied")
    await grants.give(key.credential.id, Role.ADMINISTRATOR, "*")
    assert await store.write(lambda transaction: administrators.has_administrator(transaction, clock.now))
    text = b'{"Statement": {"Effect": "Deny", "Action": "admin:CreateGrant", "Resource": "*"}}'
    kept = PolicyVersionRecord(text=text, kind=IDENTITY, author="", created_ms=0, comment="")
    head = PolicyRecord(current=1, latest=1, kind=IDENTITY, description="", created_ms=0)

    def deny(transaction):
        put_version(transaction, "denial", 1, kept)
        put_policy(transaction, "denial", head)
        attached = AttachmentRecord(is_boundary=False, author="", created_ms=0)
        put_attachment(transaction, "denial", key.credential.id, attached)

    await store.write(deny)
    assert not await store.write(lambda transaction: administrators.has_administrator(transaction, clock.now))


async def test_without_public_access_nothing_is_open_to_everybody(store, grants):
    await grants.give("public", Role.READER, "s3:releases")
    for is_public in (True, False):
        rights = Rights(public_access=is_public)
        policies = await store.read(lambda snapshot, rights=rights: rights.of(snapshot, ANONYMOUS))
        assert (type(policies.decide(READ)).__name__ == "Allowed") is is_public


async def test_an_administrator_that_expires_does_not_stand_in_for_one_that_stays(access, grants, clock):
    lasting = await access.create(kind=PrincipalKind.KEY, name="lasting")
    passing = await access.create(kind=PrincipalKind.KEY, name="passing", expires=clock.now + 60)
    stays = await grants.give(lasting.credential.id, Role.ADMINISTRATOR, "*")
    goes = await grants.give(passing.credential.id, Role.ADMINISTRATOR, "*")
    assert await refused(grants.withdraw(stays.id)) == "last_administrator"
    await grants.withdraw(goes.id)


async def test_where_all_administrators_expire_one_of_them_is_kept(access, grants, clock):
    made = [await access.create(kind=PrincipalKind.KEY, name=name, expires=clock.now + 60) for name in ("a", "b")]
    first, second = [await grants.give(one.credential.id, Role.ADMINISTRATOR, "*") for one in made]
    await grants.withdraw(first.id)
    assert await refused(grants.withdraw(second.id)) == "last_administrator"


async def test_a_trust_must_be_there_to_be_given_anything(grants):
    assert await refused(grants.give("trust:early", Role.READER, "*")) == "record_not_found"
