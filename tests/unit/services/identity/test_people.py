"""Verified tokens as principals: ids, names, condition keys, and what is too much to judge."""

import msgspec
import pytest

from zotplus.domain.claims import ClaimsMapping, identity
from zotplus.domain.iam import Need
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.identity import TokenFault, TokenRefused, VerifiedToken
from zotplus.services.identity import people as module
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.people import People, person
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.roles import Role

PULL = Need("oci:Pull", "oci:team-a/app")
CLAIMS = {
    "iss": "https://login.example.org/realms/zotplus",
    "sub": "0b7c",
    "preferred_username": "alice",
    "groups": ["team-a", "readers"],
    "realm_access": {"roles": ["publisher"]},
}


def verified(name="keycloak", **claims):
    merged = CLAIMS | claims
    return VerifiedToken(
        name=name,
        issuer=merged["iss"],
        claims=merged,
        expires=2_000_000_000.0,
        identity=identity(merged, ClaimsMapping()),
    )


@pytest.fixture
def people(store):
    return People(store, Rights())


def test_a_person_is_known_by_issuer_and_subject_and_called_by_groups_and_roles():
    somebody = person(verified())
    assert (somebody.id, somebody.kind, somebody.name) == ("user:keycloak:0b7c", PrincipalKind.USER, "alice")
    assert somebody.names == ("group:keycloak:team-a", "group:keycloak:readers", "role:keycloak:publisher")
    assert somebody.expires == 2_000_000_000.0


def test_claims_are_condition_keys_as_their_json_says():
    somebody = person(verified(Repository_ID=42, flag=True, deep={"A.b": ["x", 1, None, {"n": 1}]}, nothing=None))
    wanted = {
        "zotplus:claim/repository_id": ("42",),
        "zotplus:claim/flag": ("true",),
        "zotplus:claim/deep.a.b": ("x", "1"),
        "zotplus:claim/realm_access.roles": ("publisher",),
        "zotplus:groups": ("team-a", "readers"),
        "zotplus:subject": ("0b7c",),
        "aws:username": ("alice",),
    }
    assert {name: somebody.attributes.get(name) for name in wanted} == wanted
    assert "zotplus:claim/nothing" not in somebody.attributes


def test_a_token_says_when_it_was_issued_and_which_tags_its_holder_has():
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"Project": ["gw"], "team": "a"}}}
    attributes = person(verified(iat=1_790_000_000, **tags)).attributes
    assert attributes["aws:tokenissuetime"] == ("2026-09-21T14:13:20Z",)
    assert (attributes["aws:principaltag/project"], attributes["aws:principaltag/team"]) == (("gw",), ("a",))


@pytest.mark.parametrize("claims", [{}, {"iat": "x"}, {"iat": -1}, {"iat": 1e15}, {"https://aws.amazon.com/tags": "x"}])
def test_a_token_without_them_has_no_such_keys(claims):
    attributes = person(verified(**claims)).attributes
    assert not [name for name in attributes if name.startswith(("aws:tokenissuetime", "aws:principaltag"))]


def test_claims_that_differ_in_case_only_are_one_key_with_all_values():
    assert person(verified(Team="a", team="b")).attributes["zotplus:claim/team"] == ("a", "b")


def test_what_lies_deeper_than_four_levels_is_no_key():
    attributes = person(verified(a={"b": {"c": {"d": "in", "e": {"f": "out"}}}})).attributes
    assert attributes["zotplus:claim/a.b.c.d"] == ("in",)
    assert not [name for name in attributes if name.endswith(".f")]


@pytest.mark.parametrize("claims", [{f"c{number}": "x" for number in range(130)}, {"long": "x" * 9_000}])
def test_more_claims_than_can_be_judged_refuse_the_token(claims):
    with pytest.raises(TokenRefused) as refused:
        person(verified(**claims))
    assert refused.value.token_fault is TokenFault.CLAIMS


def test_the_same_token_is_read_once(people):
    token = verified()
    assert people.holder(token) is people.holder(token)
    assert people.holder(verified()) is not people.holder(token)


def test_not_more_than_some_tokens_are_remembered(people, monkeypatch):
    monkeypatch.setattr(module, "SEEN_MAX", 2)
    tokens = [verified(sub=f"s{number}") for number in range(3)]
    for token in tokens:
        people.holder(token)
    assert len(people._seen) == 1


@pytest.mark.parametrize(
    "grantee", ["user:keycloak:0b7c", "group:keycloak:team-a", "role:keycloak:publisher", "authenticated", "public"]
)
async def test_what_is_granted_to_any_name_of_a_person_is_theirs_from_the_next_request_on(people, grants, grantee):
    somebody = person(verified())
    assert not (await people.principal(somebody, "jwt keycloak")).may(PULL)
    grant = await grants.give(grantee, Role.READER, "oci:team-a/**")
    assert (await people.principal(somebody, "jwt keycloak")).may(PULL)
    await grants.withdraw(grant.id)
    assert not (await people.principal(somebody, "jwt keycloak")).may(PULL)


@pytest.mark.parametrize("grantee", ["user:keycloak:other", "group:keycloak:team", "group:keycloak:publisher"])
async def test_what_is_granted_to_others_is_not(people, grants, grantee):
    await grants.give(grantee, Role.READER, "oci:team-a/**")
    assert not (await people.principal(person(verified()), "jwt keycloak")).may(PULL)


async def test_a_group_of_another_issuer_is_another_group(people, store, clock):
    grants = Grants(store, issuers=["keycloak", "other"], clock=clock)
    await grants.give("group:other:team-a", Role.READER, "oci:team-a/**")
    assert not (await people.principal(person(verified()), "jwt keycloak")).may(PULL)


async def test_a_name_that_is_too_long_to_be_granted_to_is_no_error(people):
    somebody = person(verified(sub="s" * 1_024))
    assert not (await people.principal(somebody, "jwt keycloak")).may(PULL)


def test_a_token_of_an_issuer_for_jobs_stands_for_nobody(people):
    with pytest.raises(TokenRefused) as refused:
        people.holder(msgspec.structs.replace(verified(), is_person=False))
    assert refused.value.token_fault is TokenFault.TRUST
