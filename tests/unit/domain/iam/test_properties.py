"""The evaluator and a naive one, written from Amazon's text, say the same about policies made at random."""

import importlib.util
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain.iam import (
    VERSION,
    Allowed,
    Effect,
    Need,
    Policy,
    PolicyKind,
    PolicySet,
    ResourcePolicies,
    Statement,
    parse_policy,
    policy_text,
    validate,
    warnings,
)

SPEC = importlib.util.spec_from_file_location("reference_evaluator", Path(__file__).parent / "reference_evaluator.py")
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)

ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:PutBucketPolicy", "oci:Pull", "admin:ListKeys")
ACTION_PATTERNS = ("*", "s3:*", "S3:getobject", "s3:?etObject", "oci:Pull", "*:*t*")
RESOURCES = ("s3:a", "s3:a/x", "s3:a/alice/x", "s3:b/*", "oci:team/app", "admin:keys")
RESOURCE_PATTERNS = (
    *("*", "s3:*", "s3:a/*", "s3:a/${aws:username}/*", "s3:?/x", "s3:b/${*}", "oci:${aws:PrincipalTag/team, 'team'}/*"),
    *("s3:*/x", "s3:${zotplus:groups}/*", "admin:keys"),
)
CONDITIONS = (
    ("StringEquals", "aws:username", "alice"),
    ("StringNotEquals", "aws:UserName", ["alice", "bob"]),
    ("StringLike", "aws:username", "${aws:PrincipalTag/team}*"),
    ("StringEqualsIgnoreCase", "aws:username", "ALICE"),
    ("StringNotLikeIfExists", "aws:username", "a*"),
    ("Null", "aws:username", "true"),
    ("Null", "zotplus:groups", ["false"]),
    ("IpAddress", "aws:SourceIp", ["192.0.2.0/24", "2001:db8::/32"]),
    ("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"),
    ("Bool", "aws:SecureTransport", "true"),
    ("BoolIfExists", "aws:SecureTransport", "false"),
    ("NumericLessThan", "s3:max-keys", "10"),
    ("NumericNotEquals", "s3:max-keys", "10"),
    ("DateGreaterThan", "aws:CurrentTime", "2024-01-01T00:00:00+00:00"),
    ("ForAllValues:StringEquals", "zotplus:groups", ["a", "b"]),
    ("ForAnyValue:StringLike", "zotplus:groups", ["a*"]),
    ("ForAnyValue:StringNotEquals", "zotplus:groups", ["a"]),
    ("ForAllValues:StringNotLike", "zotplus:groups", "b*"),
    ("ForAnyValue:StringEqualsIfExists", "zotplus:groups", "c"),
    ("StringNotEquals", "zotplus:groups", "a"),
)
NAMES = ("ZPKEY", "user:kc:alice", "group:kc:a", "*", "public", "authenticated")


def some(values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def conditions(draw):
    block = {}
    for operator, key, accepted in draw(st.lists(st.sampled_from(CONDITIONS), max_size=2)):
        block.setdefault(operator, {})[key] = accepted
    return block


@st.composite
def statements(draw, *, principals=False):
    fields = {"effect": draw(st.sampled_from([Effect.ALLOW, Effect.ALLOW, Effect.DENY]))}
    fields[draw(st.sampled_from(["action", "action", "not_action"]))] = draw(some(ACTION_PATTERNS))
    fields[draw(st.sampled_from(["resource", "resource", "not_resource"]))] = draw(some(RESOURCE_PATTERNS))
    if principals:
        fields[draw(st.sampled_from(["principal", "principal", "not_principal"]))] = draw(some(NAMES))
    return Statement(**fields, condition=draw(conditions()))


def policies(*, principals=False):
    rows = st.lists(statements(principals=principals), min_size=1, max_size=3).map(tuple)
    scopes = st.sampled_from(["", "", "s3:a", "s3:b"]) if principals else st.just("")
    return st.builds(Policy, statement=rows, version=st.sampled_from([VERSION, VERSION, "2008-10-17"]), scope=scopes)


LAYERS = st.fixed_dictionaries(
    {"identity": st.lists(policies(), max_size=2), "resource": st.lists(policies(principals=True), max_size=2)},
    optional={"boundary": st.lists(policies(), max_size=2), "session": st.lists(policies(), max_size=2)},
)
CROWD = Policy(
    statement=tuple(Statement(effect=Effect.ALLOW, action=("*",), resource=(f"s3:z{n}",)) for n in range(20))
)

KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "aws:username": st.sampled_from([("alice",), ("bob",), ("*",)]),
        "aws:principaltag/team": st.sampled_from([("a",), ("team",)]),
        "zotplus:groups": some(("a", "b", "c")),
        "aws:sourceip": st.sampled_from([("192.0.2.7",), ("198.51.100.1",), ("2001:db8::1",), ("nonsense",)]),
        "aws:securetransport": st.sampled_from([("true",), ("false",), ("maybe",)]),
        "s3:max-keys": st.sampled_from([("9",), ("10",), ("many",)]),
        "aws:currenttime": st.sampled_from([("2023-12-31T23:59:59+00:00",), ("2024-06-01T00:00:00+00:00",), ("soon",)]),
    },
)


class Known(dict):
    def values(self, key):
        return self.get(key)


@settings(max_examples=200, deadline=None)
@given(
    known=KNOWN,
    layers=LAYERS,
    who=st.sampled_from([("ZPKEY",), ("user:kc:alice", "group:kc:a"), ("user:kc:bob",)]),
    crowd=st.booleans(),
)
def test_both_evaluators_say_the_same(known, layers, who, crowd):
    named = ResourcePolicies(layers["resource"]).for_names(who[1:], who[0])
    prepared = PolicySet(
        *layers["identity"],
        *[CROWD] * crowd,  # so many that what concerns a resource is remembered
        resource=named,
        boundaries=layers.get("boundary"),
        session=layers.get("session"),
    )
    for action in ACTIONS:
        for name in RESOURCES:
            need = Need(action, name)
            expected = reference.decide(who, need, known, **layers)
            for _ in range(2):
                decision = prepared.decide(need, Known(known))
                if isinstance(decision, Allowed):
                    assert expected == "yes"
                else:
                    assert expected == ("denied" if decision.explicit else "no")


@settings(max_examples=50, deadline=None)
@given(st.booleans().flatmap(lambda principals: policies(principals=principals)))
def test_what_is_written_is_read_again_as_the_same_policy(policy):
    text = policy_text(policy)
    kind = None
    for candidate in (PolicyKind.IDENTITY, PolicyKind.RESOURCE):
        try:
            validate(policy, candidate)
        except Exception:  # noqa: BLE001, S112 - the statements of a policy are all of one kind here
            continue
        kind = candidate
    read = parse_policy(text, kind)
    assert policy_text(read) == text
    assert [s.effect for s in read.statement] == [s.effect for s in policy.statement]


@settings(max_examples=50, deadline=None)
@given(st.lists(statements(), min_size=2, max_size=4), KNOWN)
def test_a_statement_said_to_have_no_effect_has_none(rows, known):
    policy = Policy(statement=tuple(rows), version=VERSION)
    unreachable = [row.path for row in warnings(policy) if row.code == "unreachable"]
    if not unreachable:
        return
    place = int(unreachable[0].partition("[")[2].partition("]")[0])
    without = Policy(statement=tuple(row for at, row in enumerate(rows) if at != place), version=VERSION)
    for action in ACTIONS:
        for name in RESOURCES:
            need = Need(action, name)
            one = PolicySet(policy).decide(need, Known(known))
            other = PolicySet(without).decide(need, Known(known))
            assert isinstance(one, Allowed) is isinstance(other, Allowed)
