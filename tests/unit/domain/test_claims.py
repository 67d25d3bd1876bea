"""Claims become an identity, or the token is refused; nothing else."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.issuers import shapes
from zotplus.domain import errors
from zotplus.domain.claims import NAME_MAX_CHARACTERS, NAMES_MAX, ClaimsMapping, Identity, identity
from zotplus.domain.errors import Problem

ISSUER = "https://login.example.org/realms/zotplus"
MINIMAL = {"iss": ISSUER, "sub": "1"}
KEYCLOAK = ClaimsMapping()


def refusal(claims, mapping=KEYCLOAK) -> str:
    with pytest.raises(Problem) as caught:
        identity(claims, mapping)
    assert caught.value.fault is errors.TOKEN_INVALID
    return str(caught.value.fields["claim"])


def test_keycloaks_claims_need_no_settings():
    assert identity(shapes.keycloak_access(ISSUER, 0), KEYCLOAK) == Identity(
        issuer=ISSUER,
        subject="02e4df97-29be-4f73-86cd-a1b10bcc2bed",
        user_name="alice",
        groups=("platform",),
        roles=("administrator", "signer"),
    )


def test_issuer_and_subject_are_enough():
    assert identity(MINIMAL, KEYCLOAK) == Identity(issuer=ISSUER, subject="1", user_name="1")


def test_without_any_name_the_subject_is_shown():
    assert identity(MINIMAL, ClaimsMapping(user_name=("email",))).user_name == "1"
    assert identity({**MINIMAL, "email": ""}, ClaimsMapping(user_name=("email",))).user_name == "1"


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("groups", {"groups": ["a", "b"]}),
        ("deep.er.still", {"deep": {"er": {"still": ["a", "b"]}}}),
        (r"https://example\.org/groups", {"https://example.org/groups": ["a", "b"]}),
        (r"back\\slash", {"back\\slash": ["a", "b"]}),
        ("resource_access.{client}.roles", {"resource_access": {"my.client": {"roles": ["a", "b"]}}}),
    ],
)
def test_a_path_leads_to_its_claim(path, claims):
    mapping = ClaimsMapping(groups=(path,), client="my.client")
    assert identity(MINIMAL | claims, mapping).groups == ("a", "b")


@pytest.mark.parametrize(
    "claims", [{}, {"a": None}, {"a": 5}, {"a": "b"}, {"a": ["b"]}, {"a": {"b": None}}, {"a.b": "x"}]
)
def test_a_path_that_leads_nowhere_gives_nothing(claims):
    assert identity(MINIMAL | claims, ClaimsMapping(groups=("a.b",))).groups == ()


def test_several_claims_are_taken_together_and_each_name_once():
    mapping = ClaimsMapping(roles=("one", "two", "three"))
    claims = {"one": ["a", "b"], "two": "c", "three": ["b", "d", "a"]}
    assert identity(MINIMAL | claims, mapping).roles == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    "value",
    [
        *(5, True, {}, {"a": 1}, "", [""], [None], [["a"]], ["a", 5], ["a\nb"], ["\0"], ["\ud800"], ["a\u202eb"]),
        *(["x" * (NAME_MAX_CHARACTERS + 1)], [str(number) for number in range(NAMES_MAX + 1)]),
    ],
)
def test_a_group_that_cannot_be_read_refuses_the_token(value):
    assert refusal(MINIMAL | {"groups": value}) == "groups"
    assert refusal(MINIMAL | {"realm_access": {"roles": value}}) == "realm_access.roles"


def test_the_limits_hold_exactly():
    names = [f"{number:0{NAME_MAX_CHARACTERS}}" for number in range(NAMES_MAX)]
    assert identity(MINIMAL | {"groups": names}, KEYCLOAK).groups == tuple(names)


@pytest.mark.parametrize("value", [None, "", 5, ["a"], {}, "x" * 1_025, "a\nb", "\ud800"])
@pytest.mark.parametrize("name", ["iss", "sub"])
def test_issuer_and_subject_must_be_plain_text(name, value):
    assert refusal(MINIMAL | {name: value}) == name


@pytest.mark.parametrize("value", [5, ["a"], {}, "x" * 1_025, "a\rb"])
def test_a_user_name_that_cannot_be_shown_refuses_the_token(value):
    assert refusal(MINIMAL | {"preferred_username": value}) == "preferred_username"


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a\\", ".".join("abcdefghi"), "x" * 513])
def test_a_path_that_leads_nowhere_by_its_form_is_refused_when_settings_are_read(path):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"groups": [path]}, ClaimsMapping)


def test_an_unknown_name_in_the_mapping_is_refused():
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"group": ["a"]}, ClaimsMapping)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)
NAMES = st.sampled_from(["iss", "sub", "preferred_username", "groups", "realm_access", "resource_access"])


@given(st.dictionaries(NAMES, JSON | st.fixed_dictionaries({"roles": JSON})))
@settings(max_examples=200)
def test_arbitrary_claims_give_an_identity_or_the_catalogues_refusal(claims):
    try:
        who = identity(MINIMAL | claims, KEYCLOAK)
    except Problem as problem:
        fault = problem.fault
    else:
        fault = errors.TOKEN_INVALID
        assert all(isinstance(name, str) and name.isprintable() for name in (*who.groups, *who.roles, who.user_name))
    assert fault is errors.TOKEN_INVALID


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_arbitrary_paths_are_settings_or_not_and_never_fail_later(path):
    try:
        mapping = ClaimsMapping(groups=(path,), roles=(), user_name=())
    except ValueError:
        return
    identity(shapes.keycloak_access(ISSUER, 0), mapping)
