import pytest

from zotplus.domain.iam import Allowed, Denied, Effect, Layer, Need, Policy, PolicySet, ResourcePolicies, Statement
from zotplus.domain.iam import unreadable as unreadable_policy

READ = Need("s3:GetObject", "s3:b/k")


def policy(effect=Effect.ALLOW, id_="bucket", **who):
    return Policy(id=id_, statement=(Statement(effect=effect, action=("s3:*",), resource=("s3:b/*",), **who),))


def decided(*policies, own="user:kc:alice", names=(), **more):
    return PolicySet(resource=ResourcePolicies(policies).for_names(names, own), **more).decide(READ)


@pytest.mark.parametrize(
    ("principal", "own", "names", "allowed"),
    [
        ("*", "anonymous", (), True),
        ("public", "anonymous", (), True),
        ("anonymous", "anonymous", (), True),
        ("anonymous", "ZPKEY", (), False),
        ("authenticated", "anonymous", (), False),
        ("authenticated", "ZPKEY", (), True),
        ("public", "ZPKEY", (), True),
        ("ZPKEY", "ZPKEY", (), True),
        ("ZPKEY", "ZPOTHER", (), False),
        ("group:kc:a", "user:kc:alice", ("group:kc:b", "group:kc:a"), True),
        ("group:kc:a", "user:kc:alice", ("group:kc:b",), False),
    ],
)
def test_a_statement_reaches_whom_it_names(principal, own, names, allowed):
    decision = decided(policy(principal=(principal,)), own=own, names=names)
    assert isinstance(decision, Allowed) is allowed
    inverse = decided(policy(not_principal=(principal,)), own=own, names=names)
    assert isinstance(inverse, Allowed) is not allowed


def test_whoever_names_nobody_allows_nobody_and_denies_everybody():
    assert isinstance(decided(policy()), Denied)
    decision = decided(policy(principal=("*",)), policy(Effect.DENY))
    assert isinstance(decision, Denied)
    assert decision.explicit


def test_a_statement_with_several_names_of_one_identity_is_taken_once():
    named = ResourcePolicies([policy(principal=("user:kc:alice", "group:kc:a", "*"))])
    found = named.for_names(["group:kc:a"], "user:kc:alice")
    assert (len(found.direct), len(found.other)) == (1, 0)
    found = named.for_names(["group:kc:a"], "user:kc:bob")
    assert (len(found.direct), len(found.other)) == (0, 1)


def test_decisions_name_the_layer_the_policy_and_the_statement():
    assert decided(policy(principal=("*",))) == Allowed("bucket", "#1", Layer.RESOURCE)
    denied = decided(policy(Effect.DENY, principal=("*",)))
    assert isinstance(denied, Denied)
    assert (denied.policy, denied.statement, denied.layer) == ("bucket", "#1", "resource")
    assert "statement #1 of the resource policy bucket" in denied.reason


def test_what_limits_is_named():
    everything = Policy(id="all", statement=(Statement(effect=Effect.ALLOW, action=("*",), resource=("*",)),))
    outside = PolicySet(everything, boundaries=()).decide(READ)
    assert isinstance(outside, Denied)
    assert (outside.layer, outside.explicit) == ("boundary", False)
    outside = PolicySet(everything, session=()).decide(READ)
    assert isinstance(outside, Denied)
    assert outside.layer == "session"
    assert isinstance(PolicySet(session=(everything,)).decide(READ), Denied)
    assert PolicySet(everything, session=(everything,), boundaries=(everything,)).decide(READ) == Allowed("all", "#1")


def test_resource_policies_that_are_given_as_they_are_mean_the_identity_as_one_of_many():
    allowed = PolicySet(resource=[policy()])
    assert allowed.decide(READ) == Allowed("bucket", "#1", Layer.RESOURCE)
    assert isinstance(PolicySet(resource=[policy()], boundaries=()).decide(READ), Denied)


def test_a_policy_that_cannot_be_read_denies_what_it_could_have_concerned():
    everything = Policy(statement=(Statement(effect=Effect.ALLOW, action=("*",), resource=("*",)),))
    for decision in (
        PolicySet(everything, unreadable_policy("broken")).decide(READ),
        PolicySet(everything, boundaries=(unreadable_policy("broken"),)).decide(READ),
        PolicySet(everything, session=(unreadable_policy("broken"),)).decide(READ),
        decided(policy(principal=("*",)), unreadable_policy("broken")),
        decided(policy(principal=("*",)), unreadable_policy("broken"), own="anonymous"),
    ):
        assert isinstance(decision, Denied)
        assert (decision.explicit, decision.policy, decision.statement) == (True, "broken", "unreadable")
