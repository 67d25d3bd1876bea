"""Versioning by a real SDK over both addresses: what Amazon's guide says, seen from outside.

Spec: S3 User Guide, "Retaining multiple versions of objects with S3 Versioning"; API Reference, ListObjectVersions.
"""

import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module", params=["main", "s3"])
def s3(gateway, request):
    return gateway.client(at=request.param)


@pytest.fixture
def plain(s3):
    name = f"plain-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def bucket(s3, plain):
    """One that keeps versions."""
    switch(s3, plain, "Enabled")
    return plain


def switch(s3, bucket, state):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": state})


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response


def code(call, **arguments):
    return refusal(call, **arguments)["Error"]["Code"]


def put(s3, bucket, body, key="key"):
    return s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]


def body(s3, bucket, version=None, key="key"):
    named = {} if version is None else {"VersionId": version}
    return s3.get_object(Bucket=bucket, Key=key, **named)["Body"].read()


def listed(s3, bucket, **query):
    """(key, version, newest, marker) of the whole list, in the order of each kind."""
    found = s3.list_object_versions(Bucket=bucket, **query)
    versions = [(one["Key"], one["VersionId"], one["IsLatest"], False) for one in found.get("Versions", [])]
    return versions + [(one["Key"], one["VersionId"], one["IsLatest"], True) for one in found.get("DeleteMarkers", [])]


def test_a_bucket_says_whether_it_keeps_versions(s3, plain):
    assert "Status" not in s3.get_bucket_versioning(Bucket=plain)
    for state in ("Enabled", "Suspended", "Enabled"):
        switch(s3, plain, state)
        assert s3.get_bucket_versioning(Bucket=plain)["Status"] == state
    setting = {"Bucket": plain, "VersioningConfiguration": {"Status": "Disabled"}}
    assert code(s3.put_bucket_versioning, **setting) == "MalformedXML"
    mfa = {"Bucket": plain, "VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Enabled"}}
    assert code(s3.put_bucket_versioning, **mfa) == "NotImplemented"
    assert code(s3.delete_object, Bucket=plain, Key="key", MFA="serial 123456") == "NotImplemented"


def test_a_bucket_without_versioning_tells_no_ids(s3, plain):
    answer = s3.put_object(Bucket=plain, Key="key", Body=b"one")
    assert "VersionId" not in answer
    assert "VersionId" not in s3.head_object(Bucket=plain, Key="key")
    assert listed(s3, plain) == [("key", "null", True, False)]
    assert body(s3, plain, "null") == b"one"
    assert "DeleteMarker" not in s3.delete_object(Bucket=plain, Key="key")
    assert listed(s3, plain) == []


def test_every_write_is_a_version_that_stays(s3, bucket):
    first, second = put(s3, bucket, b"one"), put(s3, bucket, b"two")
    assert first != second
    assert (body(s3, bucket), body(s3, bucket, first), body(s3, bucket, second)) == (b"two", b"one", b"two")
    assert listed(s3, bucket) == [("key", second, True, False), ("key", first, False, False)]
    head = s3.head_object(Bucket=bucket, Key="key", VersionId=first)
    assert (head["VersionId"], head["ContentLength"]) == (first, 3)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["key"]


def test_a_version_is_read_by_range_and_under_conditions(s3, bucket):
    first = put(s3, bucket, b"0123456789")
    put(s3, bucket, b"other")
    named = {"Bucket": bucket, "Key": "key", "VersionId": first}
    assert s3.get_object(**named, Range="bytes=2-4")["Body"].read() == b"234"
    etag = s3.head_object(**named)["ETag"]
    assert s3.get_object(**named, IfMatch=etag)["ETag"] == etag
    assert code(s3.get_object, **named, IfMatch='"0"') == "PreconditionFailed"
    assert code(s3.head_object, **named, IfNoneMatch=etag) == "304"


def test_a_deletion_hides_the_object_behind_a_marker(s3, bucket):
    first = put(s3, bucket, b"one")
    deleted = s3.delete_object(Bucket=bucket, Key="key")
    assert deleted["DeleteMarker"]
    answer = refusal(s3.get_object, Bucket=bucket, Key="key")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert (answer["Error"]["Code"], headers["x-amz-delete-marker"]) == ("NoSuchKey", "true")
    assert headers["x-amz-version-id"] == deleted["VersionId"]
    answer = refusal(s3.head_object, Bucket=bucket, Key="key", VersionId=deleted["VersionId"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 405
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    assert code(s3.get_object, Bucket=bucket, Key="key", VersionId=deleted["VersionId"]) == "MethodNotAllowed"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert body(s3, bucket, first) == b"one"
    removed = s3.delete_object(Bucket=bucket, Key="key", VersionId=deleted["VersionId"])
    assert (removed["DeleteMarker"], removed["VersionId"]) == (True, deleted["VersionId"])
    assert body(s3, bucket) == b"one"


def test_a_marker_stands_also_where_nothing_was(s3, bucket):
    marker = s3.delete_object(Bucket=bucket, Key="key")["VersionId"]
    another = s3.delete_object(Bucket=bucket, Key="key")["VersionId"]
    assert listed(s3, bucket) == [("key", another, True, True), ("key", marker, False, True)]
    assert code(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    for version in (marker, another):
        s3.delete_object(Bucket=bucket, Key="key", VersionId=version)
    s3.delete_bucket(Bucket=bucket)


def test_deleting_the_newest_version_brings_the_one_before_back(s3, bucket):
    versions = [put(s3, bucket, f"{number}".encode()) for number in range(4)]
    s3.delete_object(Bucket=bucket, Key="key", VersionId=versions[1])
    for number in (3, 2):
        assert body(s3, bucket) == f"{number}".encode()
        deleted = s3.delete_object(Bucket=bucket, Key="key", VersionId=versions[number])
        assert (deleted["VersionId"], "DeleteMarker" in deleted) == (versions[number], False)
    assert body(s3, bucket) == b"0"
    assert code(s3.get_object, Bucket=bucket, Key="key", VersionId=versions[1]) == "NoSuchVersion"
    s3.delete_object(Bucket=bucket, Key="key", VersionId=versions[0])
    assert listed(s3, bucket) == []
    s3.delete_object(Bucket=bucket, Key="key", VersionId=versions[0])


@pytest.mark.parametrize("version", ["what", "0" * 19, "invalid_versionId", "a+b" * 9, "x" * 2000, "../..", "Null"])
def test_what_is_no_version_is_refused(s3, bucket, version):
    put(s3, bucket, b"one")
    named = {"Bucket": bucket, "Key": "key", "VersionId": version}
    assert code(s3.get_object, **named) == "InvalidArgument"
    assert code(s3.delete_object, **named) == "InvalidArgument"
    assert len(listed(s3, bucket)) == 1


@pytest.mark.parametrize("version", ["3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".replace("+", "."), "0" * 31, "g1" * 16])
def test_a_version_of_another_server_is_not_there(s3, bucket, version):
    kept = put(s3, bucket, b"one")
    named = {"Bucket": bucket, "Key": "key", "VersionId": version}
    assert code(s3.get_object, **named) == "NoSuchVersion"
    assert s3.delete_object(**named)["VersionId"] == version  # what is not there is deleted already
    assert listed(s3, bucket) == [("key", kept, True, False)]


def test_what_was_there_before_is_the_null_version(s3, plain):
    s3.put_object(Bucket=plain, Key="key", Body=b"old")
    switch(s3, plain, "Enabled")
    assert s3.head_object(Bucket=plain, Key="key")["VersionId"] == "null"
    newer = put(s3, plain, b"new")
    assert listed(s3, plain) == [("key", newer, True, False), ("key", "null", False, False)]
    assert body(s3, plain, "null") == b"old"
    s3.delete_object(Bucket=plain, Key="key", VersionId="null")
    assert listed(s3, plain) == [("key", newer, True, False)]


def test_suspended_writes_take_the_place_of_the_null_version(s3, bucket):
    first = put(s3, bucket, b"one")
    switch(s3, bucket, "Suspended")
    for content in (b"null 1", b"null 2"):
        assert "VersionId" not in s3.put_object(Bucket=bucket, Key="key", Body=content)
    assert listed(s3, bucket) == [("key", "null", True, False), ("key", first, False, False)]
    assert (body(s3, bucket), body(s3, bucket, "null")) == (b"null 2", b"null 2")
    switch(s3, bucket, "Enabled")
    third = put(s3, bucket, b"three")
    switch(s3, bucket, "Suspended")
    assert [one[1] for one in listed(s3, bucket)] == [third, "null", first]
    s3.put_object(Bucket=bucket, Key="key", Body=b"null 3")
    assert [one[1] for one in listed(s3, bucket)] == ["null", third, first]


def test_a_suspended_deletion_leaves_a_null_marker_in_place_of_the_null_version(s3, bucket):
    first = put(s3, bucket, b"one")
    switch(s3, bucket, "Suspended")
    s3.put_object(Bucket=bucket, Key="key", Body=b"null")
    deleted = s3.delete_object(Bucket=bucket, Key="key")
    assert (deleted["DeleteMarker"], deleted["VersionId"]) == (True, "null")
    assert listed(s3, bucket) == [("key", first, False, False), ("key", "null", True, True)]
    s3.delete_object(Bucket=bucket, Key="key", VersionId="null")
    assert body(s3, bucket) == b"one"


def test_a_copy_takes_any_version_and_makes_a_new_one(s3, bucket):
    first = put(s3, bucket, b"one")
    put(s3, bucket, b"two")
    source = {"Bucket": bucket, "Key": "key", "VersionId": first}
    copied = s3.copy_object(Bucket=bucket, Key="key", CopySource=source)
    assert (copied["CopySourceVersionId"], body(s3, bucket)) == (first, b"one")
    assert listed(s3, bucket)[0] == ("key", copied["VersionId"], True, False)
    assert len(listed(s3, bucket)) == 3
    marker = s3.delete_object(Bucket=bucket, Key="key")["VersionId"]
    for source, expected in (
        ({"Bucket": bucket, "Key": "key"}, "NoSuchKey"),
        ({"Bucket": bucket, "Key": "key", "VersionId": marker}, "InvalidRequest"),
        ({"Bucket": bucket, "Key": "key", "VersionId": "0" * 32}, "NoSuchVersion"),
    ):
        assert code(s3.copy_object, Bucket=bucket, Key="copy", CopySource=source) == expected


def upload(s3, bucket, key="key", source=None):
    """An upload in one part, of ``parts`` or of a version; the answer to its completion."""
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    named = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
    if source is None:
        etag = s3.upload_part(**named, PartNumber=1, Body=b"part")["ETag"]
    else:
        etag = s3.upload_part_copy(**named, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    return s3.complete_multipart_upload(**named, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})


def test_an_upload_in_parts_is_a_version_and_copies_versions(s3, bucket):
    first = put(s3, bucket, b"one")
    second = upload(s3, bucket)["VersionId"]
    third = upload(s3, bucket, source={"Bucket": bucket, "Key": "key", "VersionId": first})["VersionId"]
    assert [one[1] for one in listed(s3, bucket)] == [third, second, first]
    assert (body(s3, bucket), body(s3, bucket, second)) == (b"one", b"part")
    switch(s3, bucket, "Suspended")
    assert upload(s3, bucket)["VersionId"] == "null"


def test_of_many_each_is_deleted_as_it_is_named(s3, bucket):
    first, second = put(s3, bucket, b"one", "a"), put(s3, bucket, b"two", "a")
    put(s3, bucket, b"three", "b")
    gone = s3.delete_object(Bucket=bucket, Key="c")["VersionId"]
    objects = [
        {"Key": "a", "VersionId": second},
        {"Key": "b"},
        {"Key": "c", "VersionId": gone},
        {"Key": "never"},
        {"Key": "a", "VersionId": "0" * 32},
        {"Key": "a", "VersionId": "invalid"},
    ]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("a", "InvalidArgument")]
    deleted = {(one["Key"], one.get("VersionId")): one for one in answer["Deleted"]}
    assert set(deleted) == {("a", second), ("b", None), ("c", gone), ("never", None), ("a", "0" * 32)}
    assert deleted["a", second]["DeleteMarker"] is False
    assert deleted["b", None]["DeleteMarker"]
    assert deleted["c", gone]["DeleteMarker"]
    markers = {key: one["DeleteMarkerVersionId"] for (key, _), one in deleted.items() if one.get("DeleteMarker")}
    assert markers["c"] == gone
    assert {key for key, version, _, is_marker in listed(s3, bucket) if is_marker} == {"b", "never"}
    assert body(s3, bucket, key="a") == b"one"
    assert first in [one[1] for one in listed(s3, bucket)]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    assert "Deleted" not in quiet


def test_conditions_are_about_the_newest_version(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="key", Body=b"one")["ETag"]
    named = {"Bucket": bucket, "Key": "key"}
    assert code(s3.put_object, **named, Body=b"x", IfNoneMatch="*") == "PreconditionFailed"
    s3.put_object(**named, Body=b"two", IfMatch=etag)
    assert code(s3.put_object, **named, Body=b"x", IfMatch=etag) == "PreconditionFailed"
    s3.delete_object(**named)
    assert code(s3.put_object, **named, Body=b"x", IfMatch=etag) == "NoSuchKey"
    s3.put_object(**named, Body=b"three", IfNoneMatch="*")
    assert len(listed(s3, bucket)) == 4


KEYS = ["a", "a/1", "a/2", "b", "c d", "c/ü", "d"]


@pytest.fixture(scope="module")
def tree(s3):
    """Every key with two versions, one of them with a marker before them; what the whole list is."""
    name = f"tree-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    switch(s3, name, "Enabled")
    expected = []
    for key in KEYS:
        versions = [put(s3, name, b"%d" % number, key) for number in range(2)]
        if key == "b":
            versions.append(s3.delete_object(Bucket=name, Key=key)["VersionId"])
        expected += [(key, version) for version in reversed(versions)]
    return name, expected


def pages(s3, bucket, **query):
    """All pages, each (keys and versions in order, prefixes)."""
    markers = {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, **query, **markers)
        own = page.get("Versions", []) + page.get("DeleteMarkers", [])
        yield [(one["Key"], one["VersionId"]) for one in own], [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            assert "NextKeyMarker" not in page
            return
        markers = {"KeyMarker": page["NextKeyMarker"]}
        if "NextVersionIdMarker" in page:
            markers["VersionIdMarker"] = page["NextVersionIdMarker"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 15, 1000])
def test_the_pages_of_a_list_make_the_whole(s3, tree, limit):
    bucket, expected = tree
    found = list(pages(s3, bucket, MaxKeys=limit))
    items = [one for own, _ in found for one in own]
    assert sorted(items) == sorted(expected)
    assert limit > 1 or items == expected  # an SDK sets versions and markers of a page apart
    assert all(len(own) <= limit for own, _ in found)
    assert all(len(own) == limit for own, _ in found[:-1])


@pytest.mark.parametrize("limit", [1, 2, 1000])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "c", "none"])
def test_a_list_takes_prefix_and_delimiter(s3, tree, prefix, limit):
    bucket, expected = tree
    found = list(pages(s3, bucket, MaxKeys=limit, Prefix=prefix, Delimiter="/"))
    below = [one for one in expected if one[0].startswith(prefix)]
    rolled = {key[: key.index("/", len(prefix)) + 1] for key, _ in below if "/" in key[len(prefix) :]}
    single = [one for one in below if "/" not in one[0][len(prefix) :]]
    assert sorted(one for own, _ in found for one in own) == sorted(single)
    assert [one for _, prefixes in found for one in prefixes] == sorted(rolled)


def test_a_list_goes_on_behind_its_markers(s3, tree):
    bucket, expected = tree
    versions = [version for key, version in expected if key == "a/1"]
    page = s3.list_object_versions(Bucket=bucket, KeyMarker="a/1", VersionIdMarker=versions[0], MaxKeys=2)
    assert [(one["Key"], one["VersionId"]) for one in page["Versions"]] == [
        ("a/1", versions[1]),
        next(one for one in expected if one[0] == "a/2"),
    ]
    assert (page["KeyMarker"], page["VersionIdMarker"]) == ("a/1", versions[0])
    assert not page["Versions"][0]["IsLatest"]
    assert page["Versions"][1]["IsLatest"]
    page = s3.list_object_versions(Bucket=bucket, KeyMarker="a/1")
    assert page["Versions"][0]["Key"] == "a/2"
    page = s3.list_object_versions(Bucket=bucket, KeyMarker="zzz")
    assert ("Versions" in page, page["IsTruncated"]) == (False, False)


def test_a_list_of_nothing_ends(s3, tree):
    page = s3.list_object_versions(Bucket=tree[0], MaxKeys=0)
    assert (page["IsTruncated"], "Versions" in page, page["MaxKeys"]) == (False, False, 0)


def test_a_list_encodes_its_keys(s3, tree):
    page = s3.list_object_versions(Bucket=tree[0], Prefix="c", EncodingType="url")
    assert {one["Key"] for one in page["Versions"]} == {"c%20d", "c/%C3%BC"}
    assert page["EncodingType"] == "url"


@pytest.mark.parametrize(
    "query",
    [
        {"VersionIdMarker": "0" * 32},
        {"KeyMarker": "a", "VersionIdMarker": ""},
        {"KeyMarker": "a", "VersionIdMarker": "invalid"},
        {"MaxKeys": -1},
        {"EncodingType": "none"},
    ],
)
def test_a_list_with_impossible_parameters_is_refused(s3, tree, query):
    assert code(s3.list_object_versions, Bucket=tree[0], **query) == "InvalidArgument"


def test_every_version_tells_what_it_is(s3, bucket):
    version = put(s3, bucket, b"one")
    (found,) = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert (found["Size"], found["StorageClass"], found["VersionId"]) == (3, "STANDARD", version)
    assert found["ETag"] == s3.head_object(Bucket=bucket, Key="key")["ETag"]
    assert found["Owner"]["ID"]
    assert "LastModified" in found


def test_the_longest_keys_keep_their_versions_apart_and_in_order(s3, bucket):
    """Keys of 1,024 bytes that differ in the last, and one that all others begin with."""
    keys = ["k" * 500, "k" * 1023, "k" * 1023 + "a", "k" * 1023 + "b", "k" * 510 + "é" * 257]
    expected = []
    for key in keys:
        versions = [put(s3, bucket, f"{number} {key}".encode(), key) for number in range(3)]
        expected += [(key, version) for version in reversed(versions)]
    for limit in (1, 2, 1000):
        assert [one for own, _ in pages(s3, bucket, MaxKeys=limit) for one in own] == expected
    for key, version in expected:
        number = [one for one in expected if one[0] == key].index((key, version))
        assert body(s3, bucket, version, key) == f"{2 - number} {key}".encode()
    s3.delete_object(Bucket=bucket, Key=keys[2], VersionId=expected[6][1])
    assert body(s3, bucket, key=keys[2]) == f"1 {keys[2]}".encode()
    assert body(s3, bucket, key=keys[3]) == f"2 {keys[3]}".encode()
    prefixes = [found for _, found in pages(s3, bucket, Delimiter="a")]
    assert prefixes == [["k" * 1023 + "a"]]


@pytest.mark.parametrize("key", ["a//b", "..", "a/../b", "naïve/日本語", "plus+ per% cent", "semi;colon?#&=", " "])
def test_a_strange_key_has_versions_like_any_other(s3, bucket, key):
    first, second = put(s3, bucket, b"one", key), put(s3, bucket, b"two", key)
    assert (body(s3, bucket, first, key), body(s3, bucket, second, key)) == (b"one", b"two")
    assert [one[:2] for one in listed(s3, bucket, Prefix=key)] == [(key, second), (key, first)]
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key, "VersionId": first})
    assert copied["CopySourceVersionId"] == first
    assert body(s3, bucket, key="copy") == b"one"
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key, "VersionId": second}]})
    assert answer["Deleted"][0]["VersionId"] == second
    assert body(s3, bucket, key=key) == b"one"
