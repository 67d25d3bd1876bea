import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import VERSION, Effect, Policy, PolicyKind, Statement, validate


def policy(version=VERSION, **fields):
    row = {"effect": Effect.ALLOW, "action": ("s3:GetObject",), "resource": ("s3:b/*",)} | fields
    return Policy(statement=(Statement(**row),), version=version)


def refused(kind=PolicyKind.IDENTITY, **fields):
    with pytest.raises(Problem) as raised:
        validate(policy(**fields), kind)
    assert raised.value.fault is errors.POLICY_INVALID
    assert raised.value.fields["path"] in raised.value.detail
    return raised.value.detail


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"sid": "#1"}, "$.Statement[0].Sid: it has at most 128 printable characters and does not begin with '#'."),
        ({"sid": "a\nb"}, "$.Statement[0].Sid: "),
        ({"sid": "s" * 129}, "$.Statement[0].Sid: "),
        ({"action": ()}, "either Action or NotAction is needed"),
        ({"not_action": ("s3:*",)}, "either Action or NotAction is needed, and not both"),
        ({"resource": ()}, "either Resource or NotResource is needed"),
        ({"not_resource": ("s3:*",)}, "either Resource or NotResource is needed, and not both"),
        ({"principal": ("*",)}, "only resource policies have a Principal"),
        ({"not_principal": ("*",)}, "only resource policies have a Principal"),
        (
            {"action": ("s3:GetObjct",)},
            "$.Statement[0].Action: no action matches 's3:GetObjct'; did you mean 's3:GetObject'?",
        ),
        ({"action": ("s3:Get*", "iam:*")}, "$.Statement[0].Action[1]: no action matches 'iam:*'"),
        ({"action": (), "not_action": ("s3:Gett*",)}, "$.Statement[0].NotAction: no action matches"),
        ({"action": ("*" * 3000,)}, "no action matches"),
        ({"resource": ("bucket/key",)}, "'bucket/key' is neither '*' nor begins with one of s3:, kms:, oci:"),
        ({"resource": ("S3:b",)}, "did you mean 's3'?"),
        ({"resource": ("s3",)}, "is neither"),
        ({"resource": ("s3:",)}, "names nothing after its colon"),
        ({"resource": ("arn:aws:sqs:::q",)}, "is neither"),
        ({"resource": ("s3:" + "b" * 2048,)}, "at most 2048 characters"),
        ({"resource": ("s3:${aws:username",)}, "a '${' is not closed"),
        ({"resource": ("s3:${aws:usrname}",)}, "there is no variable 'aws:usrname'; did you mean 'aws:username'?"),
        ({"resource": ("s3:${}",)}, "is no variable"),
        ({"action": ("*",), "resource": (), "not_resource": ("x:y",)}, "$.Statement[0].NotResource: "),
        ({"condition": {"StringEqual": {}}}, "no operator 'StringEqual'; did you mean 'StringEquals'?"),
        ({"condition": {"ForAnyValues:StringLike": {}}}, "did you mean 'ForAnyValue:StringLike'?"),
        ({"condition": {"NullIfExists": {"aws:username": "true"}}}, "there is no operator 'NullIfExists'"),
        ({"condition": {"ForAllValues:Null": {"aws:username": "true"}}}, "there is no operator"),
        ({"condition": {":StringLike": {}}}, "there is no operator"),
        (
            {"condition": {"Bool": {"aws:SecureTransprt": "true"}}},
            "$.Statement[0].Condition.Bool.aws:SecureTransprt: there is no condition key",
        ),
        ({"condition": {"Bool": {"aws:SecureTransprt": "true"}}}, "did you mean 'aws:SecureTransport'?"),
        ({"condition": {"StringLike": {"aws:PrincipalTag/": "x"}}}, "there is no condition key 'aws:PrincipalTag/'"),
        ({"condition": {"StringLike": {"aws:PrincipalTag/…": "x"}}}, ""),
        ({"condition": {"StringLike": {"aws:username": "x" * 2049}}}, "a value has at most 2048 characters"),
        ({"condition": {"StringLike": {"aws:username": ["a", "${x:y}"]}}}, "there is no variable 'x:y'"),
        ({"condition": {"Bool": {"aws:SecureTransport": "yes"}}}, "as bool for Bool, 'yes' cannot be read"),
        ({"condition": {"Null": {"aws:username": "maybe"}}}, "as null for Null, 'maybe' cannot be read"),
        ({"condition": {"NumericEquals": {"s3:max-keys": "1e9"}}}, "'1e9' cannot be read"),
        ({"condition": {"NumericEquals": {"s3:max-keys": "${aws:userid}"}}}, "cannot be read"),
        ({"condition": {"DateEquals": {"aws:CurrentTime": "2024-13-01"}}}, "'2024-13-01' cannot be read"),
        ({"condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}}, "'10.0.0.0/33' cannot be read"),
        ({"condition": {"BinaryEquals": {"zotplus:claim/x": "ä="}}}, "cannot be read"),
    ],
)
def test_what_could_not_mean_anything_is_refused_with_its_path_and_the_nearest_name(fields, says):
    if not says:
        validate(policy(**fields), PolicyKind.IDENTITY)
    else:
        assert says in refused(**fields)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("arn:aws:iam::123456789012:user/alice", "Amazon's ARNs mean nobody here"),
        ("user:kc:*", "names have no wildcards"),
        ("group:", "the name ends at its colon"),
        ("alice smith", "a name is the id of an access key, or begins with one of user:"),
        ("people:kc:a", "a name is the id"),
        ("user:kc:a\nb", "not printable"),
        ("user:kc:" + "a" * 3000, "too long"),
    ],
)
def test_a_name_that_nobody_has_is_refused_as_principal(name, says):
    assert says in refused(PolicyKind.RESOURCE, principal=(name,))
    assert says in refused(PolicyKind.RESOURCE, not_principal=("*", name))


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "public",
        "authenticated",
        "anonymous",
        "ZPABC",
        "robot:ci",
        "user:kc:f:1:alice",
        "group:kc:/a b",
        "role:x:y",
    ],
)
def test_the_names_of_grants_are_principals(name):
    validate(policy(principal=(name,)), PolicyKind.RESOURCE)


def test_statements_of_one_policy_have_different_names_or_none():
    (row,) = policy(sid="read").statement
    (unnamed,) = policy().statement
    validate(Policy(statement=(row, unnamed, unnamed), version=VERSION))
    with pytest.raises(Problem, match=r"Statement\[1\].Sid: another statement is called 'read' already"):
        validate(Policy(statement=(row, row), version=VERSION))


def test_a_resource_policy_says_who_is_meant_and_not_who_is_and_is_not():
    assert "says by Principal" in refused(PolicyKind.RESOURCE)
    assert "exclude each other" in refused(PolicyKind.RESOURCE, principal=("*",), not_principal=("ZPKEY",))
    validate(policy(not_principal=("ZPKEY",)))


@pytest.mark.parametrize("kind", [PolicyKind.IDENTITY, PolicyKind.SESSION, PolicyKind.BOUNDARY])
def test_what_is_attached_to_who_is_meant_has_no_principal(kind):
    validate(policy(), kind)
    assert "only resource policies" in refused(kind, principal=("*",))


def test_without_variables_in_the_language_nothing_is_read_as_one():
    old = policy(version="2008-10-17", resource=("s3:${x",), condition={"StringLike": {"aws:username": "${nobody"}})
    validate(old)
