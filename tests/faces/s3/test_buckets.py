"""Buckets as a whole: create, find, list, delete."""

import hashlib
import json

import pytest

from tests.faces.s3.stage import ADMIN, NAMESPACE, NOBODY, READER, UNSIGNED
from zotplus.gateway.head import Listener
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role


def create_body(location: str) -> bytes:
    constraint = f"<LocationConstraint>{location}</LocationConstraint>"
    return f"<CreateBucketConfiguration>{constraint}</CreateBucketConfiguration>".encode()


async def test_a_bucket_is_created_found_and_deleted(empty_stage):
    made = await empty_stage.ask("PUT", "/new-bucket/")
    assert (made.status, made.headers["Location"]) == (200, "/new-bucket")
    head = await empty_stage.ask("HEAD", "/new-bucket")
    assert (head.status, head.headers["x-amz-bucket-region"]) == (200, "us-east-1")
    assert (await empty_stage.ask("DELETE", "/new-bucket")).status == 204
    assert (await empty_stage.ask("HEAD", "/new-bucket")).status == 404


@pytest.mark.parametrize(("region", "count"), [("us-east-1", 1), ("eu-west-9", 0)])
async def test_buckets_are_listed_by_region(stage, region, count):
    answer = await stage.ask("GET", "/", query=f"prefix=bucket&bucket-region={region}")
    assert len(answer.texts("Buckets/Bucket")) == count


async def test_a_refusal_is_in_amazons_words_and_says_what_is_wrong_beside_them(stage):
    missing = await stage.ask("GET", "/missing-bucket")
    assert b"<Message>The specified bucket does not exist.</Message>" in missing.body
    broken = await stage.ask("PUT", "/new-bucket", body=b"<!DOCTYPE x><CreateBucketConfiguration/>")
    assert b"<Message>The XML you provided was not well-formed" in broken.body
    assert b"<Detail>DOCTYPE is not accepted.</Detail>" in broken.body


async def test_the_location_of_the_main_listener_carries_the_prefix(empty_stage):
    made = await empty_stage.ask("PUT", "/new-bucket", listener=Listener.MAIN)
    assert made.headers["Location"] == "/s3/new-bucket"


@pytest.mark.parametrize("body", [b"", create_body("us-east-1"), b"<CreateBucketConfiguration/>"])
async def test_a_bucket_is_created_with_and_without_its_own_region(empty_stage, body):
    assert (await empty_stage.ask("PUT", "/new-bucket", body=body)).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (create_body("eu-west-9"), "InvalidLocationConstraint"),
        (b"<nonsense", "MalformedXML"),
        (b"<!DOCTYPE x><CreateBucketConfiguration/>", "MalformedXML"),
        (b"x" * 1_100_000, "MaxMessageLengthExceeded"),
    ],
)
async def test_a_bad_configuration_creates_nothing(empty_stage, body, code):
    assert (await empty_stage.ask("PUT", "/new-bucket", body=body)).code == code
    assert (await empty_stage.ask("HEAD", "/new-bucket")).status == 404


async def test_another_region_is_refused_with_its_name_and_this_servers(empty_stage):
    told = (await empty_stage.ask("PUT", "/new-bucket", body=create_body("eu-west-9"))).xml.findtext("Message")
    assert "eu-west-9" in told
    assert "us-east-1" in told


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Upper", "under_score", "192.168.1.1", "a%2Fb", "-begin", "caf%C3%A9"]
)
async def test_a_name_outside_the_rules_is_refused(empty_stage, name):
    answer = await empty_stage.ask("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


async def test_a_bucket_cannot_be_created_twice(stage):
    answer = await stage.ask("PUT", "/bucket")
    assert (answer.status, answer.code) == (409, "BucketAlreadyOwnedByYou")


async def test_the_location_is_empty_in_the_default_region(stage):
    answer = await stage.ask("GET", "/bucket", query="location")
    assert answer.xml.tag == f"{NAMESPACE}LocationConstraint"
    assert answer.xml.text is None


async def test_versioning_is_answered_as_never_enabled(stage):
    answer = await stage.ask("GET", "/bucket", query="versioning=")
    assert answer.xml.tag == f"{NAMESPACE}VersioningConfiguration"
    assert len(answer.xml) == 0


@pytest.mark.parametrize("query", ["", "location", "versioning", "uploads", "list-type=2"])
async def test_a_missing_bucket_is_told(stage, query):
    answer = await stage.ask("GET", "/missing-bucket", query=query)
    assert (answer.status, answer.code) == (404, "NoSuchBucket")
    assert answer.xml.findtext("BucketName") == "missing-bucket"


async def test_a_bucket_with_an_object_is_not_deleted(stage):
    await stage.put("key")
    answer = await stage.ask("DELETE", "/bucket")
    assert (answer.status, answer.code) == (409, "BucketNotEmpty")


@pytest.mark.parametrize(("path", "listener"), [("/", Listener.S3), ("/", Listener.MAIN), ("", Listener.MAIN)])
async def test_buckets_are_listed_with_and_without_a_slash_after_the_prefix(stage, path, listener):
    answer = await stage.ask("GET", path, listener=listener)
    assert answer.texts("Buckets/Bucket/Name") == ["bucket"]
    assert answer.text("Owner/ID") == hashlib.sha256(ADMIN.access_key.encode()).hexdigest()


async def test_a_caller_sees_only_the_buckets_that_it_may_list(stage):
    for name in ("bucket-a", "bucket-b"):
        await stage.ask("PUT", f"/{name}")
    await stage.services.grants.give(READER.access_key, Role.READER, "s3:bucket-a")
    assert (await stage.ask("GET", "/", signed=READER)).texts("Buckets/Bucket/Name") == ["bucket-a"]
    assert (await stage.ask("GET", "/", signed=NOBODY)).texts("Buckets/Bucket/Name") == []


async def test_who_may_list_a_prefix_sees_the_bucket(stage):
    await stage.services.grants.give(READER.access_key, Role.READER, "s3:bucket/team/*")
    assert (await stage.ask("GET", "/", signed=READER)).texts("Buckets/Bucket/Name") == ["bucket"]
    assert (await stage.ask("GET", "/bucket", query="prefix=team/", signed=READER)).status == 200
    assert (await stage.ask("GET", "/bucket", query="prefix=other/", signed=READER)).status == 403
    assert (await stage.ask("GET", "/bucket", signed=READER)).status == 403


async def test_the_list_of_buckets_is_for_nobody_without_a_credential(stage):
    await stage.services.grants.give(PUBLIC, Role.READER, "s3:bucket")
    answer = await stage.ask("GET", "/", signed=UNSIGNED)
    assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_buckets_are_paged_and_filtered(stage):
    for name in ("other", "paged-1", "paged-2", "paged-3"):
        await stage.ask("PUT", f"/{name}")
    first = await stage.ask("GET", "/", query="prefix=paged&max-buckets=2")
    assert first.texts("Buckets/Bucket/Name") == ["paged-1", "paged-2"]
    token = first.text("ContinuationToken")
    second = await stage.ask("GET", "/", query=f"prefix=paged&max-buckets=2&continuation-token={token}")
    assert second.texts("Buckets/Bucket/Name") == ["paged-3"]
    assert second.text("ContinuationToken") is None


@pytest.mark.parametrize("value", ["0", "-1", "x", "99999999999999999999"])
async def test_a_bad_number_of_buckets_is_refused(stage, value):
    assert (await stage.ask("GET", "/", query=f"max-buckets={value}")).code == "InvalidArgument"


async def test_a_bucket_whose_tags_deny_it_is_in_no_list(stage):
    """What policies ask of a bucket is looked up for lists too, or a denial by tag would not hide its name."""
    tagging = b"<Tagging><TagSet><Tag><Key>hidden</Key><Value>yes</Value></Tag></TagSet></Tagging>"
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
        "Resource": "arn:aws:s3:::bucket",
        "Condition": {"StringEquals": {"aws:ResourceTag/hidden": "yes"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
    assert (await stage.ask("PUT", "/bucket", query="policy=", body=policy)).status == 204
    assert b"<Name>bucket</Name>" in (await stage.ask("GET", "/")).body
    assert (await stage.ask("PUT", "/bucket", query="tagging=", body=tagging)).status == 204
    assert b"<Name>bucket</Name>" not in (await stage.ask("GET", "/")).body
