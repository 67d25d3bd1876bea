"""Bucket policies in Amazon's form are read into the one language, or refused in Amazon's words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Denied, Need, PolicySet, ResourcePolicies
from zotplus.domain.iam.arns import principal_of_arn
from zotplus.domain.iam.buckets.levels import is_of_objects
from zotplus.domain.iam.buckets.reading import BUCKET_POLICY_MAX_BYTES, parse_bucket_policy

BUCKET = "arn:aws:s3:::bucket"
OBJECTS = "arn:aws:s3:::bucket/*"


def name_of(type_: str, text: str) -> str:
    if type_ == "CanonicalUser":
        return {"a" * 64: "ZPALICE"}.get(text, "")
    try:
        name = principal_of_arn(text)
    except Problem:
        return ""
    return name if name.startswith(("ZP", "user:")) else ""


def document(**fields) -> bytes:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS, **fields}
    return json.dumps({"Statement": [{key: value for key, value in statement.items() if value is not None}]}).encode()


def read(data: bytes):
    return parse_bucket_policy(data, "bucket", name_of)


def refused(data: bytes) -> str:
    with pytest.raises(Problem) as caught:
        read(data)
    assert caught.value.fault is errors.POLICY_INVALID
    return caught.value.detail


def test_a_policy_becomes_one_of_its_bucket():
    policy = read(document(Action=["s3:GetObject", "*"], Resource=[BUCKET, BUCKET, OBJECTS]))
    assert (policy.id, policy.scope) == ("bucket:bucket", "s3:bucket")
    assert policy.statement[0].action == ("s3:GetObject", "s3:*")
    assert policy.statement[0].resource == ("s3:bucket", "s3:bucket/*")


@pytest.mark.parametrize(
    ("principal", "names"),
    [
        ("*", ("*",)),
        (["*"], ("*",)),
        ({"AWS": "*"}, ("*",)),
        ("ZPALICE", ("ZPALICE",)),
        (["ZPALICE", "ZPBOB"], ("ZPALICE", "ZPBOB")),
        ({"AWS": ["arn:aws:iam::000000000000:user/ZPALICE", "ZPALICE"]}, ("ZPALICE",)),
        ({"CanonicalUser": "a" * 64, "AWS": "user:kc:bob"}, ("ZPALICE", "user:kc:bob")),
        ({"Zotplus": "user:kc:bob"}, ("user:kc:bob",)),
    ],
)
@pytest.mark.parametrize("field", ["Principal", "NotPrincipal"])
def test_principals_are_taken_in_every_form_of_amazon(principal, names, field):
    statement = read(document(**{"Principal": None, field: principal})).statement[0]
    assert (statement.principal or statement.not_principal) == names


@pytest.mark.parametrize(
    "principal",
    [
        *("", [], {}, {"AWS": ""}, {"AWS": []}, ["*", "ZPALICE"], "nobody", ["nobody"], 5, [5], None),
        *({"Service": "lambda.amazonaws.com"}, {"Federated": "x"}, {"AWS": {"x": "y"}}, {"CanonicalUser": "b" * 64}),
        *("arn:aws:iam::111122223333:root", "arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:user/*"),
    ],
)
def test_principals_that_are_nobody_are_refused(principal):
    data = document().replace(b'"Principal": "*"', b'"Principal": ' + json.dumps(principal).encode())
    assert refused(data) == "Invalid principal in policy"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "Policies must be valid JSON and the first byte must be '{'"),
        (b"false", "Policies must be valid JSON and the first byte must be '{'"),
        (b" {}", "Policies must be valid JSON and the first byte must be '{'"),
        (b"{true}", "This policy contains invalid Json"),
        (b'{"Statement": [], "Statement": []}', "This policy contains invalid Json"),
        (b'{"a": "\xff"}', "This policy contains invalid Json"),
        (b'{"a": ' + b"[" * 1000 + b"]" * 1000 + b"}", "This policy contains invalid Json"),
        (b'{"Statement": 5}', "This policy contains invalid Json"),
        (b'{"Statement": [5]}', "This policy contains invalid Json"),
        (b"{}", "Missing required field Statement"),
        (b'{"Statement": []}', "Could not parse the policy: Statement is empty!"),
        (b'{"Version": "", "Statement": []}', "The policy must contain a valid version string"),
        (b'{"Version": 5, "Statement": []}', "The policy must contain a valid version string"),
        (b'{"Statement": [{}]}', "Invalid effect: "),
        (document(Effect="allow"), "Invalid effect: allow"),
        (document(Principal=None), "Missing required field Principal"),
        (document(Action=None), "Missing required field Action"),
        (document(Resource=None), "Missing required field Resource"),
        (document(Condition=[]), "This policy contains invalid Json"),
        (document(Condition={"StringEquals": []}), "This policy contains invalid Json"),
        (
            b"{" + b" " * BUCKET_POLICY_MAX_BYTES + b"}",
            f"Policy is too large: it has more than {BUCKET_POLICY_MAX_BYTES} bytes",
        ),
    ],
)
def test_what_is_no_policy_is_refused_in_the_words_of_amazon(data, sentence):
    assert refused(data) == sentence


@pytest.mark.parametrize(
    "action",
    [
        *("", [], 5, "invalid", "s3", "s3:", "s4:GetObject", "s3x:PutBucketAcl", ":GetObject", "s3GetObject"),
        *("s3::GetObject", "s3:Put-Object", "s3:GetObject:", "s3:Put(Object)", "s3:*Obj??ect*", "s3:????", "s3:*:"),
        *("*GetObject", "???PutObject", "s3:Abort?", "s3:??Abort*", "oci:Pull", "admin:*", ["s3:GetObject", "oci:*"]),
    ],
)
@pytest.mark.parametrize("field", ["Action", "NotAction"])
def test_actions_that_are_none_of_s3_are_refused(action, field):
    assert refused(document(**{"Action": None, field: action})) == "Policy has invalid action"


@pytest.mark.parametrize(
    "resource",
    [
        *("", [], 5, "*", "bucket", "arn:aws:s3:::", "arn:aws:s3:::*", "arn:aws:s3:::/bucket", "arn:aws:iam:::bucket"),
        *("arn:aws:s3:::bucket2", "arn:aws:s3:::prefix-bucket", "arn:aws:s3:::buc*", [BUCKET, "arn:aws:s3:::other/*"]),
        *("s3:bucket", "oci:team/app", "arn:aws:s3:::bucket${aws:username}"),
    ],
)
@pytest.mark.parametrize("field", ["Resource", "NotResource"])
def test_resources_that_lie_elsewhere_are_refused(resource, field):
    assert refused(document(**{"Resource": None, field: resource})) == "Policy has invalid resource"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        *[(action, BUCKET) for action in ("s3:GetObject", "s3:PutObjectTagging", "s3:GetObjec?", "s3:Abort*")],
        (["s3:ListBucket", "s3:GetObject"], BUCKET),
        *[(action, OBJECTS) for action in ("s3:ListBucket", "s3:GetBucketTagging", "s3:GetBucket*", "s3:*Bucket*")],
    ],
)
def test_an_action_without_any_resource_that_it_could_be_about_is_refused(action, resource):
    assert refused(document(Action=action, Resource=resource)) == (
        "Action does not apply to any resource(s) in statement"
    )


@pytest.mark.parametrize("resource", [BUCKET, OBJECTS, "arn:aws:s3:::bucket*", [BUCKET, OBJECTS]])
@pytest.mark.parametrize("action", ["s3:*", "*", "s3:Get*", "s3:List*"])
def test_a_pattern_needs_something_that_it_could_be_about(action, resource):
    assert read(document(Action=action, Resource=resource))


def test_actions_know_whether_they_are_about_objects():
    assert is_of_objects("s3:GetObject")
    assert is_of_objects("s3:AbortMultipartUpload")
    assert not is_of_objects("s3:PutBucketObjectLockConfiguration")
    assert not is_of_objects("s3:ListBucketMultipartUploads")


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ({"NotAnOperator": {"aws:SourceIp": "192.0.2.0/24"}}, "Invalid Condition type : NotAnOperator"),
        ({"stringequals": {"aws:UserAgent": "x"}}, "Invalid Condition type : stringequals"),
        ({"NullIfExists": {"aws:UserAgent": "true"}}, "Invalid Condition type : NullIfExists"),
        ({"ForSomeValues:StringEquals": {"aws:UserAgent": "x"}}, "Invalid Condition type : ForSomeValues:StringEquals"),
        ({"StringEquals": {"s3:NoKey": "x"}}, "Policy has an invalid condition key"),
        ({"IpAddress": {"aws:NoKey": "10.0.0.0/8"}}, "Policy has an invalid condition key"),
        *[
            (block, "Invalid IP address in Conditions")
            for block in (
                {"IpAddress": {"aws:SourceIp": "no-address"}},
                {"NotIpAddress": {"AWS:SourceIp": ["10.0.0.0/8", "300.1.1.1/40"]}},
                {"Null": {"aws:SourceIp": "true"}},
                {"IpAddress": {"aws:SourceIp": 5}},
                {"IpAddress": {"aws:SourceIp": [["10.0.0.0/8"]]}},
            )
        ],
    ],
)
def test_conditions_that_are_none_are_refused_in_the_words_of_amazon(condition, sentence):
    assert refused(document(Condition=condition)) == sentence


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:GetObject", "s3:prefix"),
        ("s3:ListBucketMultipartUploads", "s3:prefix"),
        ("s3:GetObject", "s3:x-amz-acl"),
        ("s3:GetObject", "s3:VersionId"),
        (["s3:GetObject", "s3:PutObject"], "s3:x-amz-acl"),
        ("s3:GetObject", "s3:RequestObjectTag/team"),
        ("s3:ListBucket", "s3:ExistingObjectTag/team"),
        ("s3:PutObject", "s3:LocationConstraint"),
    ],
)
def test_keys_that_an_action_never_brings_are_refused(action, key):
    data = document(Action=action, Resource=[BUCKET, OBJECTS], Condition={"StringEquals": {key: "x"}})
    assert refused(data) == "Conditions do not apply to combination of actions and resources in statement"


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:ListBucket", "s3:prefix"),
        ("s3:PutObject", "s3:x-amz-acl"),
        ("s3:PutObject", "s3:x-amz-server-side-encryption"),
        ("s3:GetObjectVersion", "s3:VersionId"),
        ("s3:PutObjectTagging", "s3:RequestObjectTag/team"),
        ("s3:GetObject", "s3:ExistingObjectTag/team"),
        ("s3:GetObject", "aws:PrincipalArn"),
        ("s3:*", "s3:x-amz-acl"),
        ("s3:GetObjec?", "s3:prefix"),
    ],
)
def test_keys_that_an_action_brings_are_taken(action, key):
    assert read(document(Action=action, Resource=[BUCKET, OBJECTS], Condition={"StringLike": {key: "x*"}}))


def test_what_amazon_has_no_sentence_for_is_refused_with_its_path():
    assert refused(document(Mistake="x")).startswith("$.Statement[0]: there is no field")
    assert refused(document(Condition={"NumericEquals": {"aws:EpochTime": "x"}})).startswith("$.Statement[0].Condition")
    assert refused(document(NotAction="s3:PutObject")).startswith("$.Statement[0]: either Action")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["*", BUCKET, "s3:GetObject"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["Effect", "Principal", "NotPrincipal", "Action", "Resource", "Condition", "Sid", "Statement"])


@given(st.dictionaries(FIELDS, JSON, max_size=6), st.binary(max_size=40))
def test_nonsense_is_refused_as_a_policy_and_with_no_other_error(fields, junk):
    for data in (junk, b"{" + junk, document(**fields), json.dumps(fields).encode()):
        try:
            assert read(data).scope == "s3:bucket"
        except Problem as problem:
            assert problem.fault is errors.POLICY_INVALID  # noqa: PT017 - either is right


def test_not_resource_and_not_action_mean_the_others_of_the_bucket():
    policy = read(document(Resource=None, NotResource=f"{BUCKET}/private/*", Action=None, NotAction="s3:PutObject"))
    somebody = PolicySet(resource=ResourcePolicies([policy]).for_names((), "ZPALICE"))
    assert isinstance(somebody.decide(Need("s3:GetObject", "s3:bucket/open")), Allowed)
    for need in (
        Need("s3:GetObject", "s3:bucket/private/x"),
        Need("s3:PutObject", "s3:bucket/open"),
        Need("s3:GetObject", "s3:another/open"),
        Need("oci:Pull", "oci:team/app"),
        Need("admin:CreateKey", "admin:keys"),
    ):
        assert isinstance(somebody.decide(need), Denied), need


def told(data: bytes) -> str:
    with pytest.raises(Problem) as caught:
        read(data)
    return str(caught.value.fields["Detail"])


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"{true}", "$: the text is not JSON"),
        (b'{"a": "\xff"}', "$: the text is not UTF-8."),
        (b'{"Statement": 5}', "$.Statement: it is an object or a list of objects."),
        (b'{"Statement": []}', "$.Statement: it is empty."),
        (b'{"Version": "2012"}', "$.Version: there is no version '2012'; use '2012-10-17'."),
        (b"{}", "$: it has no Statement."),
        (b'{"Statements": []}', "$: there is no field 'Statements'; did you mean 'Statement'?"),
        (document(Effect="allow"), "$.Statement[0].Effect: 'allow' is neither 'Allow' nor 'Deny'."),
        (document(Effect=None), "$.Statement[0]: it has no Effect."),
        (document(Effect=None, Efect="x"), "$.Statement[0]: there is no field 'Efect'; did you mean 'Effect'?"),
        (document(Principal={"AWS": ["ZPALICE", "no"]}), "$.Statement[0].Principal.AWS: 'no' is nobody here."),
        (document(Principal="no"), "$.Statement[0].Principal: 'no' is nobody here."),
        (document(Principal={"Aws": "*"}), "there is no type 'Aws' of principals; did you mean 'AWS'?"),
        (document(Principal={}), "$.Statement[0].Principal: it names nobody."),
        (document(Principal=["*", "ZPALICE"]), "'*' stands for everybody, and beside nobody else."),
        (document(Principal=5), "$.Statement[0].Principal: '5' is neither a text nor a list of texts, or empty."),
        (document(Principal=None), "$.Statement[0]: it has no Principal."),
        (document(Action="s3:GetObjct"), "'s3:GetObjct'; did you mean 's3:GetObject'?"),
        (document(Action=None), "$.Statement[0]: it has no Action."),
        (document(Resource="arn:aws:s3:::other/*"), "'arn:aws:s3:::other/*' is neither 'arn:aws:s3:::bucket' nor in"),
        (document(Resource=BUCKET), "$.Statement[0].Action: 's3:GetObject' is about objects"),
        (document(Action="s3:ListBucket"), "$.Statement[0].Action: 's3:ListBucket' is about the bucket itself"),
        (document(Condition=[]), "$.Statement[0].Condition: it is an object."),
        (document(Condition={"Bool": []}), "$.Statement[0].Condition.Bool: it is an object of keys and their values."),
        (document(Condition={"StringEqual": {}}), "no operator 'StringEqual'; did you mean 'StringEquals'?"),
        (
            document(Condition={"Bool": {"aws:SecureTransprt": "true"}}),
            "$.Statement[0].Condition.Bool: there is no key 'aws:SecureTransprt'; did you mean 'aws:SecureTransport'?",
        ),
        (
            document(Condition={"StringEquals": {"s3:prefix": "x"}}),
            "$.Statement[0].Condition.StringEquals: requests for 's3:GetObject' have no key 's3:prefix'.",
        ),
        (
            document(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.300"}}),
            "$.Statement[0].Condition.IpAddress.aws:SourceIp: '10.0.0.300' is neither an address nor a network.",
        ),
    ],
)
def test_beside_the_words_of_amazon_a_refusal_tells_where_and_what_is_wrong(data, detail):
    assert detail in told(data)


def test_addresses_and_networks_are_taken():
    block = {"IpAddress": {"aws:SourceIp": ["10.0.0.1", "10.0.0.0/8", "2001:db8::/32"]}}
    assert read(document(Condition=block)).statement[0].condition.keys() == {"IpAddress"}
