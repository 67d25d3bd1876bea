import pytest

from zotplus.domain.actions import ACTIONS
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Need, PolicyKind, PolicySet, validate, warnings
from zotplus.services.identity.roles import Role, everyone_policy, role_policy

PATTERNS = [
    *("*", "s3:*", "s3:releases", "s3:releases/*", "s3:rel-*/app/*", "oci:*", "oci:team/**"),
    *("rpm:el9-*", "terraform:team/*", "terraform:Team/vpc/aws", "helm:team/*"),
]


def may(role, pattern, action, resource, **keys):
    need = Need(action, resource, {key.replace("_", ":"): value for key, value in keys.items()})
    return isinstance(PolicySet(role_policy(Role(role), pattern)).decide(need), Allowed)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.PUBLISHER, Role.READER])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_role_is_a_valid_policy_without_oddities(role, pattern):
    policy = role_policy(role, pattern)
    validate(policy, PolicyKind.IDENTITY)
    assert [row.code for row in warnings(policy)] == (["too_wide"] if (role, pattern) == ("administrator", "*") else [])


def test_what_everyone_may_and_an_auditor_may_is_valid_too():
    for policy in (everyone_policy(), role_policy(Role.AUDITOR, "*")):
        validate(policy, PolicyKind.IDENTITY)
        assert not warnings(policy)


def test_an_auditor_sees_who_may_what_and_what_was_done_and_no_content():
    policies = PolicySet(role_policy(Role.AUDITOR, "*"))
    allowed = {name for name in ACTIONS if isinstance(policies.decide(Need(name, "s3:b/k")), Allowed)}
    lists = {name for name in ACTIONS if name.startswith("admin:List")}
    assert allowed == lists | {"admin:ReadAudit", "admin:VerifyAudit", "admin:ReadPolicy", "admin:Explain"}
    assert not any(ACTIONS[name].writes for name in allowed)


@pytest.mark.parametrize("pattern", ["s3:releases", "admin:*", "", "s3:*"])
def test_an_auditor_is_one_of_everything(pattern):
    with pytest.raises(Problem, match="an auditor's is"):
        role_policy(Role.AUDITOR, pattern)


@pytest.mark.parametrize(
    ("role", "pattern", "action", "resource", "allowed"),
    [
        ("administrator", "*", "admin:CreateKey", "admin:keys", True),
        ("administrator", "s3:releases/*", "admin:CreateKey", "admin:keys", False),
        ("administrator", "s3:releases/*", "s3:DeleteBucket", "s3:releases", True),
        ("administrator", "s3:releases/*", "s3:DeleteBucket", "s3:other", False),
        ("publisher", "*", "s3:PutObject", "s3:any/key", True),
        ("publisher", "*", "oci:Push", "oci:any/thing", True),
        ("publisher", "*", "admin:CreateKey", "admin:keys", False),
        ("publisher", "*", "s3:DeleteBucket", "s3:any", False),
        ("publisher", "s3:releases/*", "s3:CreateBucket", "s3:releases", True),
        ("publisher", "s3:releases-*", "s3:CreateBucket", "s3:releases-2", True),
        ("publisher", "s3:releases/app/*", "s3:CreateBucket", "s3:releases", False),
        ("publisher", "s3:releases/app/*", "s3:PutObject", "s3:releases/app/1", True),
        ("publisher", "s3:releases/app/*", "s3:PutObject", "s3:releases/other", False),
        ("publisher", "s3:releases", "s3:DeleteObject", "s3:releases/x", True),
        ("publisher", "s3:releases", "s3:PutObject", "s3:releases2/x", False),
        ("publisher", "oci:team/**", "oci:Delete", "oci:team/app", True),
        ("publisher", "oci:team/**", "oci:Push", "oci:teams/app", False),
        ("publisher", "oci:team/**", "s3:PutObject", "s3:team/app", False),
        ("publisher", "*", "rpm:PublishPackage", "rpm:el9", True),
        ("publisher", "rpm:el9-*", "rpm:DeletePackage", "rpm:el9-extras", True),
        ("publisher", "rpm:el9-*", "rpm:PublishPackage", "rpm:el8-extras", False),
        ("publisher", "rpm:el9-*", "s3:PutObject", "s3:el9-extras/x", False),
        ("publisher", "terraform:team/*", "terraform:PublishModule", "terraform:team/vpc/aws", True),
        ("publisher", "terraform:team/*", "terraform:PublishModule", "terraform:other/vpc/aws", False),
        ("administrator", "helm:team/*", "helm:DeleteChart", "helm:team/app", True),
        ("administrator", "helm:team/*", "admin:CreateKey", "admin:keys", False),
        ("reader", "*", "helm:ReadChart", "helm:team/app", True),
        ("reader", "*", "helm:PublishChart", "helm:team/app", False),
        ("reader", "rpm:el9", "rpm:ReadPackage", "rpm:el9", True),
        ("reader", "rpm:el9", "rpm:PublishPackage", "rpm:el9", False),
        ("reader", "terraform:team/*", "terraform:ReadModule", "terraform:team/vpc/aws", True),
        ("reader", "*", "s3:GetObject", "s3:any/key", True),
        ("reader", "*", "s3:PutObject", "s3:any/key", False),
        ("reader", "*", "s3:CreateBucket", "s3:any", False),
        ("reader", "*", "oci:Pull", "oci:x", True),
        ("reader", "*", "oci:Push", "oci:x", False),
        ("reader", "s3:releases/**", "s3:ListBucket", "s3:releases", True),
        ("reader", "s3:releases/app/*", "s3:ListBucket", "s3:releases", False),
        ("reader", "s3:releases/app/*", "s3:GetBucketLocation", "s3:releases", True),
        ("reader", "s3:releases/app/1.txt", "s3:GetObject", "s3:releases/app/1.txt", True),
        ("reader", "s3:releases/app/1.txt", "s3:GetObject", "s3:releases/app/1.txt2", False),
    ],
)
def test_a_role_allows_what_it_says_and_no_more(role, pattern, action, resource, allowed):
    assert may(role, pattern, action, resource) is allowed


def test_a_grant_below_a_prefix_lists_only_that_prefix():
    assert may("reader", "s3:releases/app/*", "s3:ListBucket", "s3:releases", s3_prefix="app/")
    assert may("reader", "s3:releases/app/*", "s3:ListBucket", "s3:releases", s3_prefix="app/2")
    assert not may("reader", "s3:releases/app/*", "s3:ListBucket", "s3:releases", s3_prefix="app")
    assert not may("reader", "s3:releases/app/*", "s3:ListBucket", "s3:releases", s3_prefix="")
    assert not may("reader", "s3:releases/app/*", "s3:ListBucketMultipartUploads", "s3:releases", s3_prefix="app/")


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "**",
            "s3",
            "deb:x",
            "admin:*",
            "rpm:",
            "rpm:a b",
            "helm:/x",
            "terraform:ä",
            "rpm:" + "r" * 256,
            "s3:",
            "s3:/x",
            "s3:UPPER",
            "s3:a b",
            "s3:b/\0",
        ),
        *("s3:b/" + "k" * 1025, "s3:" + "b" * 64, "oci:", "oci:/x", "oci:Team"),
    ],
)
def test_a_pattern_that_can_match_nothing_is_refused(pattern):
    with pytest.raises(Problem) as raised:
        role_policy(Role.READER, pattern)
    assert raised.value.fault.code == "argument_invalid"
