"""What policies ask of objects is asked at the other doors too: copies in batches, links, and who may what."""

import base64
import json
import urllib.request

import pytest

from tests.faces.s3.sharing.asking import allow

DENIED_WHERE_KEPT = {"StringEquals": {"s3:ExistingObjectTag/keep": "yes"}}


@pytest.fixture
def ask(gateway):
    def call(path, body, user=None, method="POST"):
        key = (gateway.access_key, gateway.secret) if user is None else (user.key, user.secret)
        head = {
            "Authorization": "Basic " + base64.b64encode(":".join(key).encode()).decode(),
            "Content-Type": "application/json",
        }
        made = urllib.request.Request(f"{gateway.url}/api/v1{path}", json.dumps(body).encode(), head, method=method)
        try:
            with urllib.request.urlopen(made) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return call


@pytest.fixture
def kept(s3, bucket):
    """A bucket where objects with a tag are denied to everybody, and one that has it."""
    s3.put_object(Bucket=bucket, Key="a/kept", Body=b"x", Tagging="keep=yes")
    s3.put_bucket_policy(
        Bucket=bucket, Policy=allow(bucket, Effect="Deny", Action="s3:GetObject", Condition=DENIED_WHERE_KEPT)
    )
    return bucket


def test_copies_in_batches_look_at_each_object(ask, kept):
    status, told = ask(f"/buckets/{kept}/copies", {"source_prefix": "a/", "target_bucket": kept, "target_prefix": "b/"})
    assert status == 200
    assert [row["key"] for row in told["copied"]] == ["a/key"]
    assert [(row["key"], row["code"]) for row in told["failed"]] == [("a/kept", "access_denied")]


def test_links_are_made_for_what_would_work(ask, kept):
    assert ask("/presign", {"bucket": kept, "key": "a/key"})[0] == 201
    assert ask("/presign", {"bucket": kept, "key": "a/kept"})[0] == 403


def test_can_looks_at_the_object_unless_the_question_says_otherwise(ask, user, s3, kept, gateway):
    def can(key, who=gateway.access_key, **context):
        question = {"who": who, "action": "s3:GetObject", "resource": f"s3:{kept}/{key}", "context": context}
        return ask("/can", question)[1]

    assert can("a/key")["allowed"]
    denied = can("a/kept")
    assert (denied["allowed"], denied["policy"], denied["layer"]) == (False, f"bucket:{kept}", "resource")
    assert denied["statement"]["Effect"] == "Deny"
    assert can("a/kept", **{"s3:ExistingObjectTag/keep": ["no"]})["allowed"]
    controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=kept, OwnershipControls=controls)
    s3.put_object_acl(Bucket=kept, Key="a/key", GrantRead=f"id={user.key}")
    assert can("a/key", who=user.key)["policy"] == f"acl:{kept}"
    assert not can("a/kept", who=user.key)["allowed"]


def test_nobody_learns_of_policies_of_buckets_that_they_may_not_see(ask, user, s3, kept):
    """What is said to everybody means everybody, but neither its text nor its bucket is everybody's business."""

    def seen(by):
        rights = ask("/whoami/permissions", None, by, method="GET")[1]["rights"]
        question = {"action": "s3:GetObject", "resource": f"s3:{kept}/a/kept"}
        return f"bucket:{kept}" in [right["name"] for right in rights], ask("/can", question, by)[1]["statement"]

    assert seen(user) == (False, None)
    is_listed, statement = seen(None)
    assert is_listed
    assert statement["Effect"] == "Deny"
    location = allow(kept, Action=["s3:GetBucketLocation", "s3:GetBucketPolicy"], Resource=f"arn:aws:s3:::{kept}")
    s3.put_bucket_policy(Bucket=kept, Policy=location)
    assert seen(user) == (True, None)
