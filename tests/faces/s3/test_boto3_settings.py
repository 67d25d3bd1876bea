"""What is set for buckets and objects, by a real SDK over real sockets."""

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

MIB = 1024 * 1024


@pytest.fixture(scope="module", params=["main", "s3"])
def s3(gateway, request):
    return gateway.client(at=request.param, signature_version="s3v4")


@pytest.fixture
def bucket(s3, request):
    name = f"set-{abs(hash((request.node.nodeid, s3.meta.endpoint_url))) % 10**12}"
    s3.create_bucket(Bucket=name)
    return name


def code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def as_list(**tags):
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def test_tags_of_a_bucket(s3, bucket):
    assert code(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    s3.put_bucket_tagging(Bucket=bucket, Tagging=as_list(team="blue", other="ä b"))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == as_list(team="blue", other="ä b")["TagSet"]
    s3.delete_bucket_tagging(Bucket=bucket)
    assert code(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    assert code(s3.put_bucket_tagging, Bucket=bucket, Tagging=as_list(**{"a*": "b"})) == "InvalidTag"


def test_a_bucket_made_with_tags(s3, bucket):
    name = f"{bucket}-tagged"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_tags_of_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b&c=d%20e")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == as_list(a="b", c="d e")["TagSet"]
    assert s3.head_object(Bucket=bucket, Key="k")["TagCount"] == 2
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == as_list(a="b", c="d e")["TagSet"]
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k", TaggingDirective="REPLACE", Tagging="x=y")
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == as_list(x="y")["TagSet"]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=as_list(one="1"))
    s3.delete_object_tagging(Bucket=bucket, Key="c")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == as_list(one="1")["TagSet"]
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == []
    assert code(s3.get_object_tagging, Bucket=bucket, Key="missing") == "NoSuchKey"


def test_rules_for_pages_of_other_origins_and_what_a_browser_is_told(s3, bucket):
    assert code(s3.get_bucket_cors, Bucket=bucket) == "NoSuchCORSConfiguration"
    rules = [
        {
            "ID": "one",
            "AllowedOrigins": ["https://*.example"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["x-amz-version-id"],
            "MaxAgeSeconds": 60,
        }
    ]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    request = urllib.request.Request(link, method="OPTIONS", headers=ask)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    with urllib.request.urlopen(urllib.request.Request(link, headers=ask), timeout=30) as answer:
        assert (answer.read(), answer.headers["Access-Control-Allow-Origin"]) == (b"content", "https://a.example")
    request = urllib.request.Request(link, method="OPTIONS", headers={**ask, "Origin": "https://evil.test"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value as answer:
        assert answer.code == 403
    s3.delete_bucket_cors(Bucket=bucket)
    assert code(s3.get_bucket_cors, Bucket=bucket) == "NoSuchCORSConfiguration"


@pytest.mark.parametrize(("algorithm", "kind"), [("CRC32", "FULL_OBJECT"), ("SHA256", "COMPOSITE"), (None, None)])
def test_attributes_of_what_was_uploaded_in_parts(s3, bucket, algorithm, kind):
    chosen = {} if algorithm is None else {"ChecksumAlgorithm": algorithm}
    typed = {} if kind is None else {"ChecksumType": kind}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", StorageClass="STANDARD_IA", **chosen, **typed)
    at = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    parts = []
    for number, body in ((1, b"x" * 5 * MIB), (2, b"end")):
        sent = s3.upload_part(PartNumber=number, Body=body, **at, **chosen)
        summed = {name: value for name, value in sent.items() if algorithm and name == f"Checksum{algorithm}"}
        parts.append({"PartNumber": number, "ETag": sent["ETag"], **summed})
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)
    names = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=names, MaxParts=1)
    assert (told["ObjectSize"], told["StorageClass"]) == (5 * MIB + 3, "STANDARD_IA")
    assert told["ETag"] == s3.head_object(Bucket=bucket, Key="k")["ETag"].strip('"')
    listed = told["ObjectParts"]
    assert (listed["TotalPartsCount"], listed["IsTruncated"], listed["NextPartNumberMarker"]) == (2, True, 1)
    assert [part["Size"] for part in listed["Parts"]] == [5 * MIB]
    if algorithm:
        name = f"Checksum{algorithm}"
        assert listed["Parts"][0][name] == parts[0][name]
        assert told["Checksum"]["ChecksumType"] == kind
        whole = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert (whole[name], whole["ChecksumType"]) == (told["Checksum"][name], kind)
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (b"end", 2)
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=1)["ContentLength"] == 5 * MIB


def test_an_object_gets_another_key(s3, bucket):
    s3.put_object(Bucket=bucket, Key="old name", Body=b"x", Metadata={"a": "b"})
    s3.rename_object(Bucket=bucket, Key="new", RenameSource="old%20name")
    assert s3.get_object(Bucket=bucket, Key="new")["Metadata"] == {"a": "b"}
    assert code(s3.rename_object, Bucket=bucket, Key="new", RenameSource="old%20name") == "NoSuchKey"
    s3.put_object(Bucket=bucket, Key="other", Body=b"y")
    with_condition = {"Bucket": bucket, "Key": "new", "RenameSource": "other", "DestinationIfNoneMatch": "*"}
    assert code(s3.rename_object, **with_condition) == "PreconditionFailed"


def test_what_tools_read_of_every_bucket_before_they_change_it(s3, bucket):
    """As terraform's aws_s3_bucket does."""
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert code(s3.get_bucket_website, Bucket=bucket) == "NoSuchWebsiteConfiguration"
    assert code(s3.get_bucket_replication, Bucket=bucket) == "ReplicationConfigurationNotFoundError"
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"
    assert code(s3.get_object_lock_configuration, Bucket=bucket) == "ObjectLockConfigurationNotFoundError"
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    for call in ("analytics", "inventory", "metrics", "intelligent_tiering"):
        answer = getattr(s3, f"list_bucket_{call}_configurations")(Bucket=bucket)
        assert answer["IsTruncated"] is False
    assert code(s3.get_bucket_metrics_configuration, Bucket=bucket, Id="x") == "NoSuchConfiguration"


def test_what_is_not_there_is_refused_by_name(s3, bucket):
    accelerated = {"Status": "Enabled"}
    call = s3.put_bucket_accelerate_configuration
    assert code(call, Bucket=bucket, AccelerateConfiguration=accelerated) == "NotImplemented"
    payer = {"Payer": "Requester"}
    call = s3.put_bucket_request_payment
    assert code(call, Bucket=bucket, RequestPaymentConfiguration=payer) == "NotImplemented"
    website = {"IndexDocument": {"Suffix": "index.html"}}
    assert code(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=website) == "NotImplemented"
    assert code(s3.get_object_torrent, Bucket=bucket, Key="k") == "NotImplemented"
    assert code(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest={"Days": 1}) == "NotImplemented"


def test_buckets_are_listed_in_pages_by_prefix_and_region(s3, bucket):
    for number in range(3):
        s3.create_bucket(Bucket=f"{bucket}-{number}")
    first = s3.list_buckets(Prefix=f"{bucket}-", MaxBuckets=2)
    assert [one["Name"] for one in first["Buckets"]] == [f"{bucket}-0", f"{bucket}-1"]
    assert first["Buckets"][0]["BucketRegion"] == "us-east-1"
    second = s3.list_buckets(Prefix=f"{bucket}-", MaxBuckets=2, ContinuationToken=first["ContinuationToken"])
    assert [one["Name"] for one in second["Buckets"]] == [f"{bucket}-2"]
    assert "ContinuationToken" not in second
    assert s3.list_buckets(Prefix=f"{bucket}-", BucketRegion="eu-north-1")["Buckets"] == []


def test_uploads_and_parts_are_listed_by_all_markers(s3, bucket):
    for key in ("a", "a", "b/1", "b/2", "c"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    seen, more = [], {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, **more)
        seen += [(one["Key"], one["UploadId"]) for one in page.get("Uploads", [])]
        if not page["IsTruncated"]:
            break
        more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert [key for key, _ in seen] == ["a", "a", "b/1", "b/2", "c"]
    assert len({upload for _, upload in seen}) == 5
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", Prefix="")
    assert [one["Prefix"] for one in rolled["CommonPrefixes"]] == ["b/"]
    at = {"Bucket": bucket, "Key": "c", "UploadId": seen[-1][1]}
    for number in (1, 3, 10_000):
        s3.upload_part(PartNumber=number, Body=b"x", **at)
    page = s3.list_parts(MaxParts=2, **at)
    assert ([part["PartNumber"] for part in page["Parts"]], page["NextPartNumberMarker"]) == ([1, 3], 3)
    page = s3.list_parts(PartNumberMarker=3, **at)
    assert ([part["PartNumber"] for part in page["Parts"]], page["IsTruncated"]) == ([10_000], False)
