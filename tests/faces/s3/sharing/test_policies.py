"""Bucket policies and what may not be opened to the public."""

import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.faces.s3.sharing.asking import allow, code
from zotplus.services.sharing.names import canonical_id

# --- policies ---------------------------------------------------------------------------------------------------------


def test_a_policy_opens_a_bucket_and_its_deletion_closes_it(s3, nobody, bucket):
    assert code(nobody.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"
    text = allow(bucket)
    assert s3.put_bucket_policy(Bucket=bucket, Policy=text)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}
    assert nobody.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"
    assert code(nobody.put_object, Bucket=bucket, Key="b", Body=b"x") == "AccessDenied"
    s3.delete_bucket_policy(Bucket=bucket)
    assert code(nobody.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"
    s3.delete_bucket_policy(Bucket=bucket)


@pytest.mark.parametrize("form", ["arn:aws:iam::000000000000:user/{}", "{}", "canonical"])
def test_a_policy_names_a_principal_in_every_form(s3, user, nobody, bucket, form):
    named = {"CanonicalUser": canonical_id(user.key)} if form == "canonical" else {"AWS": form.format(user.key)}
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Principal=named))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    assert user.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"
    assert code(nobody.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"


def test_a_denial_binds_the_administrator_too_but_for_the_policy_itself(s3, bucket):
    everything = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Effect="Deny", Action="s3:*", Resource=everything))
    assert code(s3.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"
    assert code(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert code(s3.get_bucket_policy_status, Bucket=bucket) == "AccessDenied"
    assert "Deny" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"


def test_who_is_denied_by_a_policy_is_told_so_in_the_words_of_amazon(s3, user, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Effect="Deny"))
    with pytest.raises(ClientError) as caught:
        user.get_object(Bucket=bucket, Key="a/key")
    assert caught.value.response["Error"]["Message"] == (
        f'User: {user.key} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::{bucket}/a/key" with '
        "an explicit deny in a resource-based policy"
    )


def test_a_new_bucket_of_the_same_name_inherits_no_policy(s3, nobody, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket))
    s3.delete_object(Bucket=bucket, Key="a/key")
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a/key", Body=b"secret")
    assert code(nobody.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 20_481, "Policy is too large: it has more than 20480 bytes"),
        ("{}", "Missing required field Statement"),
        (allow("another-bucket"), "Policy has invalid resource"),
        (allow("BUCKET", Action="oci:Pull"), "Policy has invalid action"),
    ],
)
def test_a_bad_policy_is_refused_in_the_words_of_amazon(s3, bucket, text, message):
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_policy(Bucket=bucket, Policy=text.replace("BUCKET", bucket))
    assert caught.value.response["Error"]["Code"] == "MalformedPolicy"
    assert caught.value.response["Error"]["Message"] == message
    assert code(s3.put_bucket_policy, Bucket="missing-bucket", Policy=allow("missing-bucket")) == "NoSuchBucket"


def test_beside_the_words_of_amazon_the_mistake_is_told_with_its_path(s3, bucket):
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Action="s3:GetObjct"))
    assert caught.value.response["Error"]["Message"] == "Policy has invalid action"
    told = "$.Statement[0].Action: no action of S3 matches 's3:GetObjct'; did you mean 's3:GetObject'?"
    assert caught.value.response["Error"]["Detail"] == told


@pytest.mark.parametrize(
    ("condition", "works"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, True),
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, True),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, False),
        ({"NumericLessThan": {"s3:signatureAge": 600000}}, False),
        ({"StringEquals": {"s3:ResourceAccount": "000000000000", "aws:PrincipalAccount": "000000000000"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/*"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}}, False),
        ({"Null": {"aws:MultiFactorAuthAge": "true"}}, True),
        ({"StringEquals": {"s3:ExistingObjectTag/team": "red"}}, True),
        ({"StringEquals": {"s3:ExistingObjectTag/team": "blue"}}, False),
    ],
)
def test_conditions_are_asked_of_the_request_and_the_object(s3, user, bucket, condition, works):
    s3.put_object(Bucket=bucket, Key="a/key", Body=b"content", Tagging="team=red")
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Condition=condition))
    if works:
        assert user.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"
        assert user.head_object(Bucket=bucket, Key="a/key")["ContentLength"] == 7
    else:
        assert code(user.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"


def test_keys_of_signed_links_are_known(gateway, s3, user, bucket):
    condition = {"NumericLessThan": {"s3:signatureAge": "600000"}, "StringEquals": {"s3:authType": "REST-QUERY-STRING"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Condition=condition))
    signer = gateway.client(key=(user.key, user.secret), signature_version="s3v4")
    link = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/key"})
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"content"
    assert code(user.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"


def test_a_denial_by_the_tag_of_an_object_has_no_way_around_it(s3, bucket):
    """Reads, deletions one by one and many at once, copies and tags all look at the object first."""
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x", Tagging="keep=yes")
    denial = allow(
        bucket,
        Effect="Deny",
        Action=["s3:GetObject", "s3:DeleteObject", "s3:PutObjectTagging", "s3:DeleteObjectTagging", "s3:PutObject"],
        Condition={"StringEquals": {"s3:ExistingObjectTag/keep": "yes"}},
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=denial)
    assert code(s3.get_object, Bucket=bucket, Key="kept") == "AccessDenied"
    assert code(s3.delete_object, Bucket=bucket, Key="kept") == "AccessDenied"
    both = {"Objects": [{"Key": "kept"}, {"Key": "a/key"}]}
    answer = s3.delete_objects(Bucket=bucket, Delete=both)
    assert [row["Key"] for row in answer["Deleted"]] == ["a/key"]
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [("kept", "AccessDenied")]
    source = {"Bucket": bucket, "Key": "kept"}
    assert code(s3.copy_object, Bucket=bucket, Key="copy", CopySource=source) == "AccessDenied"
    assert code(s3.put_object, Bucket=bucket, Key="kept", Body=b"y") == "AccessDenied"
    tags = {"TagSet": [{"Key": "keep", "Value": "no"}]}
    assert code(s3.put_object_tagging, Bucket=bucket, Key="kept", Tagging=tags) == "AccessDenied"
    assert code(s3.delete_object_tagging, Bucket=bucket, Key="kept") == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="free", Body=b"y")
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"x"


def test_a_bucket_tag_decides_where_a_policy_says_so(s3, user, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Condition={"StringEquals": {"aws:ResourceTag/Open": "y"}}))
    assert code(user.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "open", "Value": "y"}]})
    assert user.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"


def test_conditions_of_an_unauthorised_request_tell_nothing(s3, user, bucket):
    """CVE-2024-36107: If-Modified-Since and the like told of objects to whoever may not read them."""
    etag = s3.head_object(Bucket=bucket, Key="a/key")["ETag"]
    for more in ({"IfNoneMatch": etag}, {"IfMatch": '"0"'}, {"IfModifiedSince": "2999-01-01"}, {"Range": "bytes=99-"}):
        assert code(user.get_object, Bucket=bucket, Key="a/key", **more) == "AccessDenied"
        assert code(user.get_object, Bucket=bucket, Key="missing", **more) == "AccessDenied"


def test_headers_that_a_client_makes_up_bring_no_condition_key(s3, user, bucket):
    """RustFS GHSA-6r96: headers of the caller overrode what conditions are made on."""
    conditions = {"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/ZPADMIN"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Condition=conditions))

    def spoof(request, **_):
        for name in ("aws-PrincipalArn", "X-Amz-PrincipalArn", "X-Forwarded-For", "X-Amz-Meta-aws-principalarn"):
            request.headers[name] = "arn:aws:iam::000000000000:user/ZPADMIN"

    user.meta.events.register("before-send.s3.GetObject", spoof)
    try:
        assert code(user.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"
    finally:
        user.meta.events.unregister("before-send.s3.GetObject", spoof)


def test_all_values_and_any_value_mean_what_they_say(s3, user, bucket):
    """RustFS GHSA-v9cp, GHSA-fc6g: the quantifiers of conditions over several values were mixed up."""
    condition = {"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["team", "cost"]}}
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=allow(bucket, Action=["s3:PutObject", "s3:PutObjectTagging"], Condition=condition),
    )
    assert code(user.put_object, Bucket=bucket, Key="b", Body=b"x") == "AccessDenied"
    assert code(user.put_object, Bucket=bucket, Key="b", Body=b"x", Tagging="other=1") == "AccessDenied"
    user.put_object(Bucket=bucket, Key="b", Body=b"x", Tagging="team=1&other=1")
    condition = {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team"]}}
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=allow(bucket, Action=["s3:PutObject", "s3:PutObjectTagging"], Condition=condition),
    )
    assert code(user.put_object, Bucket=bucket, Key="b", Body=b"x", Tagging="team=1&other=1") == "AccessDenied"
    user.put_object(Bucket=bucket, Key="b", Body=b"x", Tagging="team=1")


# --- public access block ----------------------------------------------------------------------------------------------


def block(s3, bucket, **fields):
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=fields)


def test_a_block_comes_back_as_it_was_set(s3, bucket):
    block(s3, bucket, BlockPublicAcls=True, RestrictPublicBuckets=True)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": True,
    }
    s3.delete_public_access_block(Bucket=bucket)
    assert code(s3.get_public_access_block, Bucket=bucket) == "NoSuchPublicAccessBlockConfiguration"


def test_a_public_policy_is_refused_where_these_are_blocked(s3, user, bucket):
    """BlockPublicPolicy: it holds for what is set, whoever sets it."""
    block(s3, bucket, BlockPublicPolicy=True)
    assert code(s3.put_bucket_policy, Bucket=bucket, Policy=allow(bucket)) == "AccessDenied"
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Principal={"AWS": user.key}))
    assert user.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"


def test_a_public_bucket_is_restricted_to_who_logs_in(s3, user, nobody, bucket):
    """RustFS GHSA-x298: lists of versions went past the block of public access. It holds for every operation."""
    everything = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, Action="s3:*", Resource=everything))
    listing = (nobody.list_objects, nobody.list_objects_v2, nobody.list_object_versions, nobody.list_multipart_uploads)
    for call in listing:
        call(Bucket=bucket)
    assert nobody.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"
    block(s3, bucket, RestrictPublicBuckets=True)
    assert [code(call, Bucket=bucket) for call in listing] == ["AccessDenied"] * len(listing)
    assert code(nobody.get_object, Bucket=bucket, Key="a/key") == "AccessDenied"
    assert code(nobody.put_object, Bucket=bucket, Key="b", Body=b"x") == "AccessDenied"
    assert user.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"
    s3.delete_public_access_block(Bucket=bucket)
    assert nobody.get_object(Bucket=bucket, Key="a/key")["Body"].read() == b"content"


def test_public_lists_are_refused_or_passed_over_where_these_are_blocked(s3, nobody, listed):
    s3.put_object_acl(Bucket=listed, Key="a/key", ACL="public-read")
    s3.put_bucket_acl(Bucket=listed, ACL="public-read")
    assert nobody.get_object(Bucket=listed, Key="a/key")["Body"].read() == b"content"
    block(s3, listed, IgnorePublicAcls=True)
    assert code(nobody.get_object, Bucket=listed, Key="a/key") == "AccessDenied"
    assert code(nobody.list_objects_v2, Bucket=listed) == "AccessDenied"
    assert len(s3.get_bucket_acl(Bucket=listed)["Grants"]) == 2
    block(s3, listed, BlockPublicAcls=True)
    assert nobody.get_object(Bucket=listed, Key="a/key")["Body"].read() == b"content"
    assert code(s3.put_bucket_acl, Bucket=listed, ACL="authenticated-read") == "AccessDenied"
    assert code(s3.put_object_acl, Bucket=listed, Key="a/key", ACL="public-read-write") == "AccessDenied"
    assert code(s3.put_object, Bucket=listed, Key="b", Body=b"x", ACL="public-read") == "AccessDenied"
    assert code(s3.create_multipart_upload, Bucket=listed, Key="b", ACL="public-read") == "AccessDenied"
    s3.put_object(Bucket=listed, Key="b", Body=b"x", ACL="private")
