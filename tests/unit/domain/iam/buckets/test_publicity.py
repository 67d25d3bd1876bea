"""Which policies are public, and what a restriction leaves of them. Spec: S3 User Guide, "The meaning of public"."""

import pytest

from zotplus.domain.iam import Allowed, Effect, Need, Policy, PolicySet, ResourcePolicies, Statement
from zotplus.domain.iam.buckets.publicity import is_public, restricted

NEED = Need("s3:GetObject", "s3:bucket/key")


def policy(**fields) -> Policy:
    given = {"effect": Effect.ALLOW, "action": ("s3:*",), "resource": ("s3:bucket/*",), "principal": ("*",)}
    return Policy(statement=(Statement(**{**given, **fields}),), scope="s3:bucket")


def may(who: str, shown: Policy) -> bool:
    return isinstance(PolicySet(resource=ResourcePolicies([shown]).for_names((), who)).decide(NEED), Allowed)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"principal": ("public",)},
        {"principal": (), "not_principal": ("ZPALICE",)},
        {"condition": {"StringEquals": {"aws:Referer": "https://example.org/"}}},
        {"condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"]}}},
        {"condition": {"IpAddress": {"aws:SourceIp": "16.0.0.0/7"}}},
        {"condition": {"IpAddress": {"aws:SourceIp": "2000::/16"}}},
        {"condition": {"IpAddress": {"aws:SourceIp": "nonsense"}}},
        {"condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
        {"condition": {"IpAddressIfExists": {"aws:SourceIp": "192.0.2.0/24"}}},
        {"condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/*"}}},
        {"condition": {"StringEquals": {"aws:userid": "${aws:username}"}}},
        {"condition": {"StringNotEquals": {"aws:userid": "ZPALICE"}}},
        {"condition": {"ForAllValues:StringEquals": {"zotplus:groups": "a"}}},
        {"condition": {"NoOperator": {"aws:userid": "ZPALICE"}}},
    ],
)
def test_a_policy_that_lets_in_whoever_comes_is_public(fields):
    assert is_public(policy(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"effect": Effect.DENY},
        {"principal": ("ZPALICE",)},
        {"principal": ("authenticated",)},
        {"condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/8", "16.0.0.0/8", "2001:db8::/32"]}}},
        {"condition": {"StringEquals": {"AWS:PrincipalArn": "arn:aws:iam::000000000000:user/ZPALICE"}}},
        {"condition": {"ForAnyValue:StringEquals": {"zotplus:groups": ["a", "b"]}}},
        {"condition": {"StringLike": {"aws:Referer": "*"}, "StringEquals": {"aws:userid": "ZPALICE"}}},
    ],
)
def test_a_policy_for_fixed_callers_is_not_public(fields):
    shown = policy(**fields)
    assert not is_public(shown)
    assert restricted(shown) is shown


@pytest.mark.parametrize("fields", [{}, {"principal": ("public",)}, {"principal": (), "not_principal": ("ZPBOB",)}])
def test_what_is_public_is_left_to_those_who_log_in_where_it_is_restricted(fields):
    """RestrictPublicBuckets: only principals of the account."""
    shown = policy(**fields)
    assert may("anonymous", shown)
    left = restricted(shown)
    assert not may("anonymous", left)
    assert may("ZPALICE", left)


def test_denials_stay_as_they_are_where_a_policy_is_restricted():
    denial = Statement(effect=Effect.DENY, action=("s3:*",), resource=("s3:bucket/*",), principal=("*",))
    both = Policy(statement=(*policy().statement, denial))
    assert restricted(both).statement[1] == denial
