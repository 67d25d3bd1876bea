"""What policies ask of objects is looked up once, and nothing is decided while it is unknown."""

from types import SimpleNamespace

import pytest

from zotplus.domain.iam import Allowed, Denied, Effect, Need, Policy, PolicySet, Statement
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.conditions.facts import NO_FACTS, gather, names_of
from zotplus.gateway.context import Context


class Objects:
    """Answers with a tag per version, and counts."""

    def __init__(self):
        self.asked = []

    async def facts(self, address, names):
        self.asked.append((address.bucket, address.key, address.version))
        return {"s3:existingobjecttag/team": (address.version or "newest",)}


def context_of(*conditions):
    statements = tuple(
        Statement(
            effect=Effect.ALLOW,
            action=("s3:*", "oci:*"),
            resource=("*",),
            condition={"StringEquals": {"s3:ExistingObjectTag/team": team}} if team else {},
        )
        for team in conditions
    )
    principal = Principal(
        id="ada", kind=PrincipalKind.KEY, names=("group:kc:a",), policies=PolicySet(Policy(statement=statements))
    )
    services = SimpleNamespace(object_sharing=Objects())
    context = Context(head=None, body=None, services=services, face=None, request_id="", started=0.0)
    context.principal = principal
    return context


NEED = Need("s3:GetObject", "s3:box/k")
OLD = Need("s3:GetObjectVersion", "s3:box/k", {"s3:versionid": "old"})


async def test_nothing_is_looked_up_where_no_policy_asks():
    context = context_of("")
    await gather(context, (NEED,))
    assert context.facts is NO_FACTS
    assert context.services.object_sharing.asked == []
    assert context.may(NEED)


async def test_each_object_and_version_is_looked_up_once():
    context = context_of("newest")
    await gather(context, (NEED, OLD, NEED))
    await gather(context, (OLD,))
    assert context.services.object_sharing.asked == [("box", "k", ""), ("box", "k", "old")]
    assert context.may(NEED)
    assert not context.may(OLD)


async def test_an_old_version_does_not_stand_in_for_the_newest():
    context = context_of("old")
    await gather(context, (OLD, NEED))
    assert context.may(OLD)
    assert not context.may(NEED)


async def test_what_was_not_looked_up_of_an_object_is_denied():
    """Nothing is decided by half: a denial could hang on the tag that nobody read."""
    context = context_of("newest", "")
    assert isinstance(context.decide(NEED), Denied)
    await gather(context, (NEED,))
    assert isinstance(context.decide(NEED), Allowed)
    assert isinstance(context.decide(Need("s3:GetObject", "s3:box/other")), Denied)
    assert isinstance(context.decide(Need("s3:ListBucket", "s3:box")), Allowed)
    assert isinstance(context.decide(Need("oci:Pull", "oci:team/app")), Allowed)


async def test_a_named_version_tells_of_the_object_too():
    context = context_of("old")
    await gather(context, (OLD,))
    assert context.may(Need("s3:GetObjectTagging", "s3:box/k"))


@pytest.mark.parametrize(
    ("principal", "names"),
    [
        (Principal(id="anonymous", kind=PrincipalKind.ANONYMOUS), {"public"}),
        (
            Principal(id="ada", kind=PrincipalKind.KEY, names=("group:kc:a",)),
            {"ada", "group:kc:a", "public", "authenticated"},
        ),
    ],
)
def test_lists_know_callers_by_all_their_names(principal, names):
    assert names_of(principal) == names


async def test_the_caller_is_known_in_the_words_of_amazon():
    context = context_of("")
    assert context.values("aws:principalarn") == ("arn:aws:iam::000000000000:user/ada",)
    assert context.values("aws:principalaccount") == ("000000000000",)
    context.principal = Principal(id="anonymous", kind=PrincipalKind.ANONYMOUS)
    assert context.values("aws:principalarn") is None
