"""Ownership controls and access control lists, and the owner that a request expects."""

import pytest

from tests.faces.s3.sharing.asking import allow, code
from zotplus.services.sharing.names import canonical_id

EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


# --- ownership and lists ----------------------------------------------------------------------------------------------


def test_lists_do_not_count_unless_the_bucket_says_so(s3, bucket):
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    for call, more in (
        (s3.put_bucket_acl, {}),
        (s3.put_object_acl, {"Key": "a/key"}),
        (s3.put_object, {"Key": "b", "Body": b"x"}),
        (s3.create_multipart_upload, {"Key": "b"}),
        (s3.copy_object, {"Key": "b", "CopySource": f"{bucket}/a/key"}),
    ):
        assert code(call, Bucket=bucket, ACL="public-read", **more) == "AccessControlListNotSupported"
        call(Bucket=bucket, ACL="bucket-owner-full-control", **more)
    grants = s3.get_object_acl(Bucket=bucket, Key="a/key")["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
    policy = s3.get_bucket_acl(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy={key: policy[key] for key in ("Owner", "Grants")})


def test_lists_of_buckets_open_them(s3, user, nobody, listed):
    assert code(user.list_objects_v2, Bucket=listed) == "AccessDenied"
    s3.put_bucket_acl(Bucket=listed, GrantRead=f'id="{user.key}"', GrantWrite=f'uri="{EVERYBODY}"')
    assert user.list_objects_v2(Bucket=listed)["KeyCount"] == 1
    assert code(nobody.list_objects_v2, Bucket=listed) == "AccessDenied"
    nobody.put_object(Bucket=listed, Key="from-nobody", Body=b"x")
    assert code(nobody.get_object, Bucket=listed, Key="from-nobody") == "AccessDenied"
    found = s3.get_bucket_acl(Bucket=listed)
    shown = [(row["Grantee"].get("ID", row["Grantee"].get("URI")), row["Permission"]) for row in found["Grants"]]
    assert shown == [(canonical_id(user.key), "READ"), (EVERYBODY, "WRITE")]
    s3.put_bucket_acl(Bucket=listed, AccessControlPolicy={key: found[key] for key in ("Owner", "Grants")})
    assert s3.get_bucket_acl(Bucket=listed)["Grants"] == found["Grants"]
    s3.put_bucket_acl(Bucket=listed, ACL="private")
    assert code(user.list_objects_v2, Bucket=listed) == "AccessDenied"


def test_lists_of_objects_open_them_and_whoever_writes_owns(s3, user, nobody, listed):
    s3.put_bucket_acl(Bucket=listed, GrantWrite=f"id={user.key}")
    user.put_object(Bucket=listed, Key="theirs", Body=b"mine")
    assert user.get_object(Bucket=listed, Key="theirs")["Body"].read() == b"mine"
    assert user.get_object_acl(Bucket=listed, Key="theirs")["Owner"]["ID"] == canonical_id(user.key)
    assert code(user.get_object, Bucket=listed, Key="a/key") == "AccessDenied"
    user.put_object_acl(Bucket=listed, Key="theirs", ACL="public-read")
    assert nobody.get_object(Bucket=listed, Key="theirs")["Body"].read() == b"mine"
    assert code(nobody.get_object_acl, Bucket=listed, Key="theirs") == "AccessDenied"
    s3.put_object_acl(Bucket=listed, Key="a/key", GrantRead=f"id={user.key}", GrantReadACP=f"id={user.key}")
    assert user.get_object(Bucket=listed, Key="a/key")["Body"].read() == b"content"
    assert len(user.get_object_acl(Bucket=listed, Key="a/key")["Grants"]) == 2
    assert code(user.put_object_acl, Bucket=listed, Key="a/key", ACL="private") == "AccessDenied"
    assert code(user.delete_bucket, Bucket=listed) == "AccessDenied"


def test_a_list_comes_with_an_upload_a_copy_or_parts(s3, nobody, listed):
    s3.put_object(Bucket=listed, Key="put", Body=b"1", ACL="public-read")
    s3.copy_object(Bucket=listed, Key="copy", CopySource=f"{listed}/a/key", ACL="public-read")
    upload = s3.create_multipart_upload(Bucket=listed, Key="parts", ACL="public-read")["UploadId"]
    part = s3.upload_part(Bucket=listed, Key="parts", UploadId=upload, PartNumber=1, Body=b"3")
    s3.complete_multipart_upload(
        Bucket=listed,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    for key in ("put", "copy", "parts"):
        assert nobody.get_object(Bucket=listed, Key=key)["Body"].read()
    s3.copy_object(Bucket=listed, Key="copied-again", CopySource=f"{listed}/copy")
    assert code(nobody.get_object, Bucket=listed, Key="copied-again") == "AccessDenied"


def test_bucket_owner_preferred_takes_what_is_given_to_it(s3, user, bucket):
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
    s3.put_bucket_acl(Bucket=bucket, GrantWrite=f"id={user.key}")
    user.put_object(Bucket=bucket, Key="kept", Body=b"x")
    policy = allow(bucket, Action=["s3:PutObjectAcl"], Principal={"AWS": user.key})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    user.put_object(Bucket=bucket, Key="given", Body=b"x", ACL="bucket-owner-full-control")
    assert s3.get_object_acl(Bucket=bucket, Key="kept")["Owner"]["ID"] == canonical_id(user.key)
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    assert s3.get_object_acl(Bucket=bucket, Key="given")["Owner"]["ID"] == owner
    assert code(user.get_object, Bucket=bucket, Key="given") == "AccessDenied"


def test_a_list_for_others_stands_in_the_way_of_enforced_ownership(s3, listed):
    s3.put_bucket_acl(Bucket=listed, ACL="public-read")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    refused = code(s3.put_bucket_ownership_controls, Bucket=listed, OwnershipControls=enforced)
    assert refused == "InvalidBucketAclWithObjectOwnership"
    s3.put_bucket_acl(Bucket=listed, ACL="private")
    s3.put_bucket_ownership_controls(Bucket=listed, OwnershipControls=enforced)
    s3.delete_bucket_ownership_controls(Bucket=listed)
    assert code(s3.get_bucket_ownership_controls, Bucket=listed) == "OwnershipControlsNotFoundError"


def test_a_bucket_can_begin_with_lists(s3, nobody, bucket):
    assert code(s3.create_bucket, Bucket=f"{bucket}-2", ACL="public-read") == "InvalidBucketAclWithObjectOwnership"
    assert code(s3.create_bucket, Bucket=f"{bucket}-2", ObjectOwnership="Mine") == "InvalidArgument"
    s3.create_bucket(Bucket=f"{bucket}-2", ACL="public-read", ObjectOwnership="ObjectWriter")
    assert nobody.list_objects_v2(Bucket=f"{bucket}-2")["KeyCount"] == 0
    s3.create_bucket(Bucket=f"{bucket}-3", ACL="private")
    rules = s3.get_bucket_ownership_controls(Bucket=f"{bucket}-3")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ({}, "MissingSecurityHeader"),
        ({"ACL": "nonsense"}, "InvalidArgument"),
        ({"ACL": "private", "GrantRead": "id=x"}, "InvalidRequest"),
        ({"GrantRead": "id=nobody-known"}, "InvalidArgument"),
        ({"GrantRead": 'uri="http://example.org/"'}, "InvalidArgument"),
        ({"GrantRead": "emailAddress=a@example.org"}, "NotImplemented"),
        ({"GrantRead": "who=x"}, "InvalidArgument"),
        ({"GrantRead": '"'}, "InvalidArgument"),
        (
            {"GrantRead": "id=x", "AccessControlPolicy": {"Owner": {"ID": "x"}, "Grants": []}},
            "UnexpectedContent",
        ),
        ({"AccessControlPolicy": {"Grants": []}}, "MalformedACLError"),
        ({"AccessControlPolicy": {"Owner": {"ID": "somebody"}, "Grants": []}}, "InvalidArgument"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(s3, listed, arguments, refused):
    assert code(s3.put_bucket_acl, Bucket=listed, **arguments) == refused


# --- the owner that is expected ---------------------------------------------------------------------------------------


def test_a_bucket_of_another_owner_than_expected_is_left_alone(s3, bucket):
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    for expected in ("000000000000", owner):
        assert s3.get_object(Bucket=bucket, Key="a/key", ExpectedBucketOwner=expected)["Body"].read() == b"content"
    for call in (s3.get_object, s3.delete_object):
        assert code(call, Bucket=bucket, Key="a/key", ExpectedBucketOwner="111122223333") == "AccessDenied"
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/a/key"}
    assert code(s3.copy_object, **copy, ExpectedSourceBucketOwner="111122223333") == "AccessDenied"
    s3.copy_object(**copy, ExpectedSourceBucketOwner="000000000000")
    assert code(s3.get_object, Bucket="missing-bucket", Key="x", ExpectedBucketOwner="111122223333") == "NoSuchBucket"
