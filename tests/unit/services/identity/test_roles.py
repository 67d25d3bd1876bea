import pytest

from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Need, PolicySet, validate
from zotplus.services.identity.roles import Role, everyone_policy, role_policy

PATTERNS = ["*", "s3:*", "s3:releases", "s3:releases/*", "s3:rel-*/app/*", "oci:*", "oci:team/**"]


def may(role, pattern, action, resource, **keys):
    need = Need(action, resource, {key.replace("_", ":"): value for key, value in keys.items()})
    return isinstance(PolicySet(role_policy(Role(role), pattern)).decide(need), Allowed)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_role_is_a_valid_policy(role, pattern):
    validate(role_policy(role, pattern))
    validate(everyone_policy())


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
        *("", "**", "s3", "rpm:x", "admin:*", "s3:", "s3:/x", "s3:UPPER", "s3:a b", "s3:b/\0"),
        *("s3:b/" + "k" * 1025, "s3:" + "b" * 64, "oci:", "oci:/x", "oci:Team"),
    ],
)
def test_a_pattern_that_can_match_nothing_is_refused(pattern):
    with pytest.raises(Problem) as raised:
        role_policy(Role.READER, pattern)
    assert raised.value.fault.code == "argument_invalid"
