import time

import pytest

from tests.issuers import shapes
from zotplus.domain.errors import Problem
from zotplus.domain.trusts import TrustTerms, accepts, check_terms, conditions, is_github, is_trust_name

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.example.org"
CLUSTER = "https://kubernetes.default.svc"
NOW = 1_800_000_000.0


def terms(claims=None, **changes) -> TrustTerms:
    given = {
        "name": "release",
        "issuer": "github",
        "audience": "zotplus",
        "claims": {"sub": ("me",)} if claims is None else claims,
    }
    return TrustTerms(**{**given, **changes})


def refusal(trust: TrustTerms, url: str = "https://ci.example.org") -> str:
    with pytest.raises(Problem) as caught:
        check_terms(trust, url)
    assert caught.value.fault.code == "argument_invalid"
    return f"{caught.value.fields['argument']}: {caught.value.detail}"


GOOD = {
    "github": (GITHUB, {"repository_id": ("74",), "ref": ("refs/heads/main", "refs/tags/v*")}, shapes.github),
    "github by owner": (GITHUB, {"repository_owner_id": ("65",), "repository": ("octo-org/*",)}, shapes.github),
    "gitlab": (GITLAB, {"project_id": ("20",), "ref_protected": ("true",)}, shapes.gitlab),
    "a list": (GITLAB, {"namespace_id": ("72",), "groups_direct": ("my-group/*",)}, shapes.gitlab),
    "a number": (GITLAB, {"project_id": ("20",), "runner_id": ("1",)}, shapes.gitlab),
    "kubernetes": (CLUSTER, {"sub": ("system:serviceaccount:team-a:builder",)}, shapes.kubernetes),
    "a name with a dot": (CLUSTER, {"kubernetes.io.namespace": ("team-a",)}, shapes.kubernetes),
    "deep": (
        CLUSTER,
        {"kubernetes.io.serviceaccount.name": ("pipeline",), "kubernetes.io.pod.name": ("release-run-*-pod",)},
        shapes.tekton,
    ),
    "a truth value": ("https://login.example.org", {"azp_id": ("7",), "email_verified": ("true",)}, None),
}


@pytest.mark.parametrize(("url", "claims", "shape"), GOOD.values(), ids=GOOD)
def test_a_trust_accepts_the_workload_it_means(url, claims, shape):
    trust = terms(claims)
    check_terms(trust, url)
    token = (
        {"aud": "zotplus", "azp_id": 7, "email_verified": True}
        if shape is None
        else shape(url, NOW, aud=["x", "zotplus"])
    )
    assert accepts(trust, token), conditions(trust, token)


WRONG = {
    "audience": {"aud": "another"},
    "no audience": {"aud": None},
    "repository id": {"repository_id": "75"},
    "repository id as a longer number": {"repository_id": "740"},
    "branch": {"ref": "refs/heads/feature"},
    "branch that only begins so": {"ref": "refs/heads/main2"},
    "missing claim": {"ref": None},
    "object instead of text": {"ref": {"refs/heads/main": 1}},
    "nothing in a list": {"ref": []},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_token_that_differs_in_one_claim_is_not_accepted(changes):
    trust = terms({"repository_id": ("74",), "ref": ("refs/heads/main", "refs/tags/*")})
    token = {name: value for name, value in shapes.github(GITHUB, NOW, **changes).items() if value is not None}
    assert accepts(trust, shapes.github(GITHUB, NOW))
    assert not accepts(trust, token)
    assert sum(not condition.holds for condition in conditions(trust, token)) == 1


def test_an_explanation_names_what_was_wanted_and_found():
    trust = terms({"repository_id": ("75",), "missing": ("x",), "big": ("y",), "object": ("z",)})
    told = conditions(trust, {"aud": ["a", "zotplus"], "repository_id": 74, "big": "b" * 9_999, "object": {}})
    assert [(one.claim, one.found, one.holds) for one in told] == [
        ("aud", "a, zotplus", True),
        ("repository_id", "74", False),
        ("missing", None, False),
        ("big", "b" * 200, False),
        ("object", None, False),
    ]


def test_a_path_that_can_be_read_in_two_ways_matches_nothing():
    trust = terms({"a.b": ("mine",)})
    assert accepts(trust, {"aud": "zotplus", "a.b": "mine"})
    assert accepts(trust, {"aud": "zotplus", "a": {"b": "mine"}})
    assert not accepts(trust, {"aud": "zotplus", "a": {"b": "mine"}, "a.b": "theirs"})
    assert not accepts(trust, {"aud": "zotplus", "a": {"b": "mine"}, "a.b": "mine"})


def test_numbers_of_any_size_compare_by_their_json_text():
    assert accepts(terms({"id": ("1180591620717411303424",)}), {"aud": "zotplus", "id": 2**70})
    assert accepts(terms({"id": ("false",)}), {"aud": "zotplus", "id": False})
    assert not accepts(terms({"id": ("False",)}), {"aud": "zotplus", "id": False})


def test_patterns_are_matched_in_bounded_time():
    trust = terms({"id": ("1",), "x": ("*a*a*a*a*a*b", "a?c*z", "?")})
    started = time.perf_counter()
    assert not accepts(trust, {"aud": "zotplus", "id": 1, "x": "a" * 16_000})
    assert time.perf_counter() - started < 1
    assert accepts(trust, {"aud": "zotplus", "id": 1, "x": "abcd\nz"})
    assert accepts(trust, {"aud": "zotplus", "id": 1, "x": "b"})


REFUSED = {
    "no claims": (terms({}), "claims: A trust has 1"),
    "too many claims": (terms({f"c{n}": ("x",) for n in range(33)}), "claims: A trust has 1"),
    "name": (terms(name="Release"), "name:"),
    "the reserved name": (terms(name="self"), "name:"),
    "no audience": (terms(audience=""), "audience:"),
    "audience pattern": (terms(audience="zot*"), "audience:"),
    "short lifetime": (terms(lifetime=899), "lifetime:"),
    "long lifetime": (terms(lifetime=43_201), "lifetime:"),
    "description": (terms(description="x" * 1_001), "description:"),
    "audience among the claims": (terms({"sub": ("x",), "aud": ("zotplus",)}), "claims: aud tells nothing"),
    "no patterns": (terms({"sub": ()}), "claims: sub has 1"),
    "empty pattern": (terms({"sub": ("",)}), "claims: A pattern of sub"),
    "line end in a pattern": (terms({"sub": ("a\nb",)}), "claims: A pattern of sub"),
    "pattern for everything": (terms({"sub": ("x",), "ref": ("*",)}), "claims: The pattern '*' of ref"),
    "prefix of sub": (terms({"sub": ("repo:octo-org/*",)}), "claims: sub is compared whole"),
    "sub with a question mark": (terms({"sub": ("system:serviceaccount:team-?:x",)}), "claims: sub is compared whole"),
    "empty step in a path": (terms({"a..b": ("x",)}), "claims: A claim is up to"),
    "deep path": (terms({"a.b.c.d.e.f.g.h.i": ("x",)}), "claims: A claim is up to"),
    "only a branch": (terms({"ref": ("refs/heads/main",)}), "claims: These conditions hold for anybody"),
    "only a client": (terms({"azp": ("zotplus",)}), "claims: These conditions hold for anybody"),
    "only patterns": (terms({"team": ("a*",)}), "claims: These conditions hold for anybody"),
    "repository name alone": (terms({"repository": ("octo-org/octo-repo",)}), "claims: Conditions on names need rep"),
    "GitHub's sub alone": (terms({"sub": ("repo:o/r:environment:prod",)}), "claims: Conditions on names need rep"),
    "repository id pattern": (terms({"repository_id": ("7*",), "repository": ("o/r",)}), "claims: repository_id is a"),
    "project path alone": (terms({"project_path": ("a/b",)}), "claims: Conditions on names need project_id"),
    "GitLab's sub alone": (terms({"sub": ("project_path:a/b:ref:x",)}), "claims: Conditions on names need project_id"),
}


@pytest.mark.parametrize(("trust", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_trust_that_means_too_much_is_refused(trust, reason):
    assert refusal(trust).startswith(reason)


@pytest.mark.parametrize("url", [GITHUB, "https://github.example.org/_services/token"])
def test_github_is_known_by_its_address_whatever_the_claims(url):
    assert is_github(url)
    assert "repository_id or repository_owner_id" in refusal(terms({"actor": ("octocat",)}), url)
    check_terms(terms({"repository_owner_id": ("65", "66")}), url)


def test_names_of_trusts_have_a_form():
    assert is_trust_name("release-2.x_y")
    assert not any(map(is_trust_name, ("", "-a", "A", "a/b", "a" * 129, "self", "a\n")))


@pytest.mark.parametrize("claims", [{"a": None}, {"a": "text"}, {"a": {"b": None}}])
def test_a_path_that_leads_nowhere_matches_nothing(claims):
    assert not accepts(terms({"a.b": ("x",)}), {"aud": "zotplus", **claims})
