"""Access control lists: what they give, to whom, and as policies of the one evaluator."""

import pytest

from zotplus.domain.iam import Allowed, Need, PolicySet, ResourcePolicies
from zotplus.domain.storage.acls import (
    CANNED,
    CANNED_FOR_BUCKETS,
    LOG_DELIVERY,
    closed,
    is_open,
    is_private,
    list_policy,
    permissions,
    resolved,
)


class Keys:
    """Condition keys of a request."""

    def __init__(self, **known):
        self._known = known

    def values(self, key):
        return self._known.get(key.replace(":", "_"))


def may(who, action, resource, lines, **known):
    policies = ResourcePolicies([list_policy("box", lines)]).for_names((), who)
    return isinstance(PolicySet(resource=policies).decide(Need(action, resource), Keys(**known)), Allowed)


def test_a_list_names_whoever_writes_and_owns_once():
    lines = CANNED["bucket-owner-full-control"]
    assert resolved(lines, writer="ada", owner="bob") == (("ada", "FULL_CONTROL"), ("bob", "FULL_CONTROL"))
    assert resolved(lines, writer="ada", owner="ada") == (("ada", "FULL_CONTROL"),)


@pytest.mark.parametrize("name", ["public-read", "public-read-write", "authenticated-read"])
def test_lists_for_everybody_are_open(name):
    assert is_open(CANNED[name])
    assert not is_open(closed(CANNED[name]))
    assert not is_private(CANNED[name])


@pytest.mark.parametrize("name", ["private", "bucket-owner-full-control"])
def test_lists_for_owners_are_private(name):
    assert is_private(CANNED[name])
    assert is_private(CANNED_FOR_BUCKETS[name])
    assert not is_open(CANNED[name])
    assert not is_private(CANNED["bucket-owner-read"])


def test_full_control_is_everything():
    lines = (("ada", "FULL_CONTROL"), ("public", "READ"), ("bob", "WRITE_ACP"))
    assert permissions(lines, {"ada"}) == ("READ", "WRITE", "READ_ACP", "WRITE_ACP")
    assert permissions(lines, {"bob", "public"}) == ("READ", "WRITE_ACP")
    assert permissions(lines, {"eve"}) == ()


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("READ", {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}),
        ("WRITE", {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}),
        ("READ_ACP", {"s3:GetBucketAcl"}),
        ("WRITE_ACP", {"s3:PutBucketAcl"}),
    ],
)
def test_a_permission_on_a_bucket_allows_what_amazon_says(permission, allowed):
    asked = ("s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:PutObject")
    asked += ("s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetBucketAcl")
    asked += ("s3:PutBucketAcl", "s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutObjectAcl")
    for lines in (((("ada"), permission),), (("public", permission),), (("ada", "FULL_CONTROL"),)):
        found = {
            action for action in asked for resource in ("s3:box", "s3:box/k") if may("ada", action, resource, lines)
        }
        assert allowed <= found
        assert lines[0][1] == "FULL_CONTROL" or found == allowed
        assert not any(may("ada", action, "s3:box2/k", lines) for action in asked)


def test_the_group_that_writes_logs_is_nobody_who_asks():
    lines = ((LOG_DELIVERY, "WRITE"), ("ada", "READ"))
    assert not may(LOG_DELIVERY, "s3:PutObject", "s3:box/k", lines)
    assert may("ada", "s3:ListBucket", "s3:box", lines)


def test_lists_of_objects_count_by_what_was_looked_up():
    assert may("ada", "s3:GetObject", "s3:box/k", (), zotplus_acl=("READ",))
    assert not may("ada", "s3:GetObject", "s3:box/k", ())
    assert not may("ada", "s3:GetObject", "s3:box/k", (), zotplus_acl=("WRITE", "READ_ACP"))
    assert may("ada", "s3:PutObjectAcl", "s3:box/k", (), zotplus_acl=("WRITE_ACP",))
    assert not may("ada", "s3:PutObject", "s3:box/k", (), zotplus_acl=("WRITE", "WRITE_ACP"))
