"""The evaluator: explicit deny wins, no match denies, an unknown action grants nothing."""

import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.actions import ACTIONS, GET_OBJECT, OCI_PULL, PUT_OBJECT
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Denied, Effect, Need, Policy, PolicySet, Statement, evaluation, validate
from zotplus.domain.principals import Principal, PrincipalKind


def statement(effect=Effect.ALLOW, action="*", resource="*", condition=None):
    return Statement(effect=effect, action=(action,), resource=(resource,), condition=condition or {})


def policy(*statements, id_="p"):
    return Policy(statement=statements, id=id_)


READ = Need("s3:GetObject", "s3:releases/app/1.tar")


def test_without_a_policy_nothing_is_allowed():
    assert isinstance(PolicySet().decide(READ), Denied)


def test_a_matching_allow_allows_and_names_its_policy():
    assert PolicySet(policy(statement(action="s3:Get*", resource="s3:releases/*"))).decide(READ) == Allowed("p", "#1")


@pytest.mark.parametrize("order", [1, -1])
def test_an_explicit_deny_wins_whatever_the_order(order):
    rules = (statement(), statement(effect=Effect.DENY, action="s3:GetObject"))[::order]
    decision = PolicySet(policy(*rules)).decide(READ)
    assert isinstance(decision, Denied)
    assert decision.explicit


def test_a_deny_in_another_policy_wins_and_is_named_even_without_id():
    decision = PolicySet(policy(statement()), policy(statement(effect=Effect.DENY), id_="")).decide(READ)
    assert isinstance(decision, Denied)
    assert "without id" in decision.reason


def test_an_unknown_action_is_denied_even_to_who_may_do_everything():
    assert isinstance(PolicySet(policy(statement())).decide(Need("s3:Invented", "s3:x")), Denied)


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("s3:releases/*", "s3:releases/a/b", True),
        ("s3:releases/*", "s3:releases", False),
        ("s3:releases/*", "s3:releases2/a", False),
        ("oci:team/**", "oci:team/a/b", True),
        ("oci:team/*", "oci:team/a/b", True),
        ("oci:team/?", "oci:team/ab", False),
        ("oci:team/?", "oci:team/a", True),
        ("s3:*/public/*", "s3:one/public/x", True),
        ("s3:a.b/*", "s3:aXb/k", False),
        ("s3:r/x\ny*", "s3:r/x\nyz", True),
        ("s3:r/*.txt", "s3:r/line\nbreak.txt", True),
        ("s3:exact", "s3:exact", True),
        ("s3:exact", "s3:other", False),
    ],
)
def test_globs_match_whole_resources_and_cross_slashes(pattern, resource, matches):
    decision = PolicySet(policy(statement(resource=pattern))).decide(Need("s3:GetObject", resource))
    assert isinstance(decision, Allowed) is matches


@pytest.mark.parametrize(
    ("operator", "accepted", "value", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a", None, False),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", "a", "a", False),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "app/*", "app/1", True),
        ("StringLike", "app/*", "lib/1", False),
        ("StringNotLike", "app/*", "lib/1", True),
    ],
)
def test_conditions_follow_aws(operator, accepted, value, holds):
    rule = statement(condition={operator: {"s3:prefix": accepted}})
    need = Need("s3:ListBucket", "s3:b", {} if value is None else {"s3:prefix": value})
    assert isinstance(PolicySet(policy(rule)).decide(need), Allowed) is holds


def test_all_conditions_must_hold():
    rule = statement(condition={"StringEquals": {"s3:prefix": "a", "s3:delimiter": "/"}})
    need = Need("s3:ListBucket", "s3:b", {"s3:prefix": "a", "s3:delimiter": "-"})
    assert isinstance(PolicySet(policy(rule)).decide(need), Denied)


def test_an_unknown_operator_makes_an_allow_void_and_a_deny_hold():
    strange = {"IpAddressOfTheMoon": {"aws:SourceIp": "x"}}
    assert isinstance(PolicySet(policy(statement(condition=strange))).decide(READ), Denied)
    denied = PolicySet(policy(statement(), statement(effect=Effect.DENY, condition=strange))).decide(READ)
    assert isinstance(denied, Denied)


def test_validation_refuses_actions_that_do_not_exist_and_unknown_operators():
    validate(policy(statement(action="s3:Get*", condition={"StringLike": {"s3:prefix": "*"}})))
    with pytest.raises(Problem) as raised:
        validate(policy(statement(action="s3:Invented")))
    assert raised.value.fault is errors.POLICY_INVALID
    with pytest.raises(Problem):
        validate(policy(statement(condition={"Sometimes": {}})))


def test_a_pattern_of_many_stars_matches_in_bounded_time():
    begun = time.process_time()
    PolicySet(policy(statement(resource="*a" * 40 + "*b"))).decide(Need("s3:GetObject", "a" * 1000))
    assert time.process_time() - begun < 1


def naive(pattern, text):
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@given(st.text("ab*?", min_size=1, max_size=7), st.text("ab", max_size=9))
def test_globs_match_what_the_definition_says(pattern, text):
    decision = PolicySet(policy(statement(resource=pattern))).decide(Need("s3:GetObject", text))
    assert isinstance(decision, Allowed) is naive(pattern, text)


MANY = policy(*[statement(action="s3:GetObject", resource=f"s3:b{n}/*") for n in range(1000)])


def test_what_is_remembered_of_many_statements_is_bounded_and_says_the_same(monkeypatch):
    monkeypatch.setattr(evaluation, "REMEMBERED_MAX", 3)
    policies = PolicySet(MANY)
    for _ in range(2):
        for n in range(1010):
            decision = policies.decide(Need("s3:GetObject", f"s3:b{n}/k"))
            assert isinstance(decision, Allowed) is (n < 1000)
            assert len(policies._own._remembered) <= 3


def test_statements_that_are_remembered_are_counted_over_all_resources(monkeypatch):
    monkeypatch.setattr(evaluation, "REMEMBERED_RULES_MAX", 50)
    tested = {"StringEquals": {"s3:prefix": "x"}}
    policies = PolicySet(policy(*[statement(condition=tested)] * 20))
    for n in range(10):
        assert isinstance(policies.decide(Need("s3:ListBucket", f"s3:{n}")), Denied)
        assert isinstance(policies.decide(Need("s3:ListBucket", f"s3:{n}", {"s3:prefix": "x"})), Allowed)
        assert sum(map(len, policies._own._remembered.values())) <= 50


def test_an_action_that_does_not_exist_leaves_nothing_behind():
    policies = PolicySet(MANY)
    for n in range(10):
        assert isinstance(policies.decide(Need(f"s3:Invented{n}", "s3:b1/k")), Denied)
    assert not policies._own._by_action
    assert not policies._own._remembered


def test_variables_are_filled_in_each_time_however_many_statements_there_are():
    home = Policy(statement=(statement(resource="s3:home/${s3:prefix}/*"),), version="2012-10-17")
    policies = PolicySet(home, MANY)
    for name, allowed in (("bob", False), ("alice", True), ("bob", False)):
        decision = policies.decide(Need("s3:GetObject", "s3:home/alice/x", {"s3:prefix": name}))
        assert isinstance(decision, Allowed) is allowed


def test_a_condition_is_asked_each_time_however_many_statements_there_are():
    denial = statement(effect=Effect.DENY, condition={"StringEquals": {"s3:prefix": "secret"}})
    policies = PolicySet(policy(denial), MANY)
    for prefix, allowed in (("x", True), ("secret", False), ("x", True)):
        decision = policies.decide(Need("s3:GetObject", "s3:b7/k", {"s3:prefix": prefix}))
        assert isinstance(decision, Allowed) is allowed


def test_keys_of_the_need_win_over_those_of_the_caller():
    rule = statement(
        condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "Null": {"aws:TagKeys": "false"}}
    )

    class Caller:
        def values(self, key):
            return ("c",)

    policies = PolicySet(policy(rule))
    assert isinstance(policies.decide(Need("s3:GetObject", "s3:x", {"aws:tagkeys": ("a", "b")}), Caller()), Allowed)
    assert isinstance(policies.decide(READ, Caller()), Denied)


def test_a_decision_that_was_asked_before_takes_no_longer_with_a_thousand_statements():
    few, many = PolicySet(policy(statement(resource="s3:b999/*"))), PolicySet(MANY)
    need = Need("s3:GetObject", "s3:b999/k")
    quick = min(timeit.repeat(lambda: few.decide(need), number=1000, repeat=5))
    assert min(timeit.repeat(lambda: many.decide(need), number=1000, repeat=5)) < 10 * quick


def test_a_principal_decides_by_its_own_policies():
    reader = Principal(id="k", kind=PrincipalKind.KEY, policies=PolicySet(policy(statement(action="s3:GetObject"))))
    assert reader.may(READ)
    assert not reader.may(Need(PUT_OBJECT.name, "s3:x"))
    assert not reader.is_anonymous
    assert isinstance(reader.decide(READ), Allowed)


def test_actions_know_their_family():
    assert (GET_OBJECT.family, OCI_PULL.family) == ("s3", "oci")
    families = {"s3", "kms", "oci", "rpm", "terraform", "helm", "supplychain", "sts", "admin"}
    assert {action.family for action in ACTIONS.values()} == families
