"""A policy of a bucket is about it alone, locks no administrator out, and says when objects must be looked at."""

import msgspec
import pytest

from zotplus.domain.iam import (
    VERSION,
    Allowed,
    Denied,
    Effect,
    Layer,
    Need,
    Policy,
    PolicySet,
    ResourcePolicies,
    Statement,
    unreadable,
)

GET, PUT_POLICY = "s3:GetObject", "s3:PutBucketPolicy"
_IN_BUCKET = ("s3:bucket", "s3:bucket/key", "s3:bucket/")
_ELSEWHERE = ("s3:bucket-other/key", "s3:bucket2", "s3:other/bucket/key", "oci:team/app", "admin:keys", "s3:b")


def policy(*statements: Statement, scope: str = "s3:bucket", **more) -> Policy:
    return Policy(id="bucket:bucket", statement=statements, scope=scope, **more)


def statement(**fields) -> Statement:
    return Statement(**{"effect": Effect.ALLOW, "action": ("*",), "principal": ("*",), **fields})


def everything(*policies: Policy, own: str = "ZPKEY", identity: tuple[Policy, ...] = (), **more) -> PolicySet:
    return PolicySet(*identity, resource=ResourcePolicies(policies).for_names((own,), own), **more)


@pytest.mark.parametrize(
    "fields", [{"resource": ("s3:bucket*",)}, {"not_resource": ("s3:nothing",)}, {"resource": ("*",)}]
)
@pytest.mark.parametrize("many", [0, 40])
def test_whatever_a_bucket_policy_says_it_is_about_the_bucket_alone(fields, many):
    others = [statement(resource=tuple(f"s3:bucket/{place}/{n}" for n in range(2))) for place in range(many)]
    found = everything(policy(statement(**fields), *others))
    for resource in _IN_BUCKET:
        assert isinstance(found.decide(Need(GET, resource)), Allowed), resource
    for resource in _ELSEWHERE:
        assert isinstance(found.decide(Need(GET, resource)), Denied), resource
        assert not found.decide(Need(GET, resource)).explicit


@pytest.mark.parametrize("many", [0, 40])
def test_a_denial_of_a_bucket_policy_denies_nothing_elsewhere(many):
    all_of_it = Policy(id="identity", statement=(Statement(effect=Effect.ALLOW, action=("*",), resource=("*",)),))
    others = [statement(effect=Effect.DENY, resource=(f"s3:bucket/{n}", f"s3:bucket/{n}/*")) for n in range(many)]
    found = everything(policy(statement(effect=Effect.DENY, not_resource=("s3:x",)), *others), identity=(all_of_it,))
    for resource in _IN_BUCKET:
        assert found.decide(Need(GET, resource)).explicit
    for resource in _ELSEWHERE:
        assert isinstance(found.decide(Need(GET, resource)), Allowed), resource


def test_a_bucket_policy_that_cannot_be_read_denies_the_bucket_and_nothing_else():
    all_of_it = Policy(id="identity", statement=(Statement(effect=Effect.ALLOW, action=("*",), resource=("*",)),))
    lost = msgspec.structs.replace(unreadable("bucket:bucket"), scope="s3:bucket")
    found = everything(lost, identity=(all_of_it,))
    assert found.decide(Need(GET, "s3:bucket/key")).explicit
    assert isinstance(found.decide(Need(GET, "s3:other/key")), Allowed)
    assert isinstance(found.decide(Need(PUT_POLICY, "s3:bucket")), Allowed)


def _identity(*actions: str) -> Policy:
    return Policy(id="identity", statement=(Statement(effect=Effect.ALLOW, action=actions, resource=("*",)),))


DENIAL = policy(statement(effect=Effect.DENY, resource=("s3:bucket", "s3:bucket/*")))


@pytest.mark.parametrize("action", ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"])
def test_a_bucket_policy_locks_no_administrator_of_policies_out(action):
    administrator = everything(DENIAL, identity=(_identity("*"),))
    assert isinstance(administrator.decide(Need(action, "s3:bucket")), Allowed)
    assert isinstance(administrator.decide(Need(action, "s3:bucket")), Allowed)
    assert administrator.decide(Need("s3:DeleteBucket", "s3:bucket")).explicit
    assert administrator.decide(Need(GET, "s3:bucket/key")).layer is Layer.RESOURCE


def test_whoever_administers_no_policies_is_bound_by_the_denial():
    somebody = everything(DENIAL, identity=(_identity("s3:*"),))
    assert somebody.decide(Need(PUT_POLICY, "s3:bucket")).explicit


def test_other_denials_and_limits_bind_administrators_also_there():
    need = Need(PUT_POLICY, "s3:bucket")
    registry = Policy(id="registry", statement=(statement(effect=Effect.DENY, resource=("s3:bucket",)),))
    assert everything(DENIAL, registry, identity=(_identity("*"),)).decide(need).policy == "registry"
    limited = everything(DENIAL, identity=(_identity("*"),), session=(_identity("s3:*"),))
    assert limited.decide(need).explicit
    narrowed = everything(DENIAL, identity=(_identity("*"),), session=(_identity("*"),))
    assert isinstance(narrowed.decide(need), Allowed)
    own = Policy(id="own", statement=(Statement(effect=Effect.DENY, action=(PUT_POLICY,), resource=("*",)),))
    assert everything(DENIAL, identity=(_identity("*"), own)).decide(need).policy == "own"
    assert everything(identity=(_identity(PUT_POLICY),)).decide(need) == Allowed("identity", "#1")


@pytest.mark.parametrize(
    "fields",
    [
        {"condition": {"StringEquals": {"s3:ExistingObjectTag/team": "a"}}},
        {"condition": {"ForAnyValue:StringEquals": {"zotplus:acl": "READ"}}},
        {"condition": {"StringEquals": {"aws:username": ["x", "${S3:existingobjecttag/owner}"]}}},
        {"resource": ("s3:bucket/${aws:ResourceTag/team}/*",)},
    ],
)
def test_a_set_knows_of_which_buckets_objects_have_to_be_looked_at(fields):
    asking = statement(**{"resource": ("s3:bucket/*",), **fields})
    found = everything(policy(asking, version=VERSION))
    assert found.facts == {"s3:bucket"}
    assert found.wants_facts("s3:bucket/key")
    assert not found.wants_facts("s3:other/key")
    everywhere = PolicySet(Policy(id="p", statement=(asking,), version=VERSION))
    assert everywhere.wants_facts("s3:other/key")
    for limit in ("boundaries", "session"):
        assert PolicySet(**{limit: (Policy(statement=(asking,)),)}).facts == {""}


def test_a_set_without_such_keys_asks_for_nothing():
    found = everything(policy(statement(resource=("s3:${aws:username}",), condition={"Bool": {"a": "true"}})))
    assert not found.facts
    assert not found.wants_facts("s3:bucket/key")


def test_buckets_that_were_asked_about_are_forgotten_beyond_a_number(monkeypatch):
    monkeypatch.setattr("zotplus.domain.iam.evaluation.REMEMBERED_MAX", 1)
    policies = [policy(statement(resource=(f"s3:b{n}/*",)), scope=f"s3:b{n}") for n in range(3)]
    found = everything(*policies)
    for _ in range(2):
        for n in range(3):
            assert isinstance(found.decide(Need(GET, f"s3:b{n}/k")), Allowed)
            assert isinstance(found.decide(Need(GET, f"s3:c{n}/k")), Denied)
