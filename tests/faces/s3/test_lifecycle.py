"""Lifecycle configurations and the header that comes of them, by a real SDK and by hand."""

import datetime as dt
import hashlib
import re
import urllib.parse

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def s3(gateway):
    return gateway.client()


@pytest.fixture
def bucket(s3, request):
    name = "age-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    s3.create_bucket(Bucket=name)
    return name


def put(s3, bucket, *rules, **more):
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}, **more)


def refusal(call, *arguments, **named):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    return caught.value.response["Error"]


def midnight_after(moment, days):
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + dt.timedelta(days=days + 1)


EXPIRE = {"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 3}}
RULES = [
    EXPIRE,
    {"ID": "plain", "Status": "Disabled", "Prefix": "old/", "Expiration": {"Days": 1}},
    {"ID": "empty", "Status": "Enabled", "Filter": {"Prefix": ""},
     "Expiration": {"Date": dt.datetime(2040, 1, 1, tzinfo=dt.UTC)}},
    {"ID": "tag", "Status": "Enabled", "Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Expiration": {"Days": 9}},
    {"ID": "size", "Status": "Enabled", "Filter": {"ObjectSizeGreaterThan": 500}, "Expiration": {"Days": 9}},
    {"ID": "and", "Status": "Enabled", "Expiration": {"Days": 9},
     "Filter": {"And": {"Prefix": "x", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}],
                        "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 9}}},
    {"ID": "marker", "Status": "Enabled", "Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True},
     "NoncurrentVersionExpiration": {"NoncurrentDays": 2, "NewerNoncurrentVersions": 3},
     "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
]  # fmt: skip


def test_a_configuration_comes_back_as_it_was_sent(s3, bucket):
    answer = put(s3, bucket, *RULES)
    assert answer["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert found["Rules"] == RULES
    assert found["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    put(s3, bucket, EXPIRE, TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert (found["Rules"], found["TransitionDefaultMinimumObjectSize"]) == ([EXPIRE], "varies_by_storage_class")


def test_without_a_configuration_there_is_none(s3, bucket):
    error = refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    assert error["Code"] == "NoSuchLifecycleConfiguration"
    assert error["Message"] == "The lifecycle configuration does not exist"
    put(s3, bucket, EXPIRE)
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)["Code"] == "NoSuchLifecycleConfiguration"
    assert refusal(s3.delete_bucket_lifecycle, Bucket="no-such-bucket")["Code"] == "NoSuchBucket"


def test_a_rule_without_an_id_gets_one(s3, bucket):
    put(s3, bucket, {key: value for key, value in EXPIRE.items() if key != "ID"})
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert len(rule["ID"]) == 36


@pytest.mark.parametrize(("change", "code", "words"), [
    ({"Expiration": {"Days": 0}}, "InvalidArgument", "'Days' for Expiration action must be a positive integer"),
    ({"Expiration": {"Date": dt.datetime(2040, 1, 1, 1, tzinfo=dt.UTC)}}, "InvalidArgument",
     "'Date' must be at midnight GMT"),
    ({"ID": "x" * 256}, "InvalidArgument", "ID length should not exceed allowed limit of 255"),
    ({"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}, "MalformedXML", ""),
    ({"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}, "NotImplemented", "GLACIER"),
    ({"Filter": {"Prefix": "a", "ObjectSizeGreaterThan": 4}}, "MalformedXML", ""),
    ({"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 0}}, "InvalidArgument", ""),
])  # fmt: skip
def test_what_amazon_refuses_is_refused_in_its_words(s3, bucket, change, code, words):
    error = refusal(put, s3, bucket, EXPIRE | change)
    assert error["Code"] == code
    assert words in error["Message"]
    assert refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)["Code"] == "NoSuchLifecycleConfiguration"


def expiration_of(answer):
    found = re.fullmatch(r'expiry-date="([^"]*)", rule-id="([^"]*)"', answer["Expiration"])
    date = dt.datetime.strptime(found[1], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=dt.UTC)
    return date, urllib.parse.unquote(found[2])


def test_reads_and_writes_tell_when_an_object_expires(s3, bucket):
    put(s3, bucket, EXPIRE | {"ID": 'a "b", é/'}, EXPIRE | {"ID": "late", "Expiration": {"Days": 30}})
    written = s3.put_object(Bucket=bucket, Key="a", Body=b"content")
    head = s3.head_object(Bucket=bucket, Key="a")
    expected = (midnight_after(head["LastModified"], 3), 'a "b", é/')
    assert expiration_of(written) == expiration_of(head) == expected
    assert expiration_of(s3.get_object(Bucket=bucket, Key="a", Range="bytes=1-2")) == expected
    assert expiration_of(s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a"))[1] == expected[1]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="c")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="c", UploadId=upload, PartNumber=1, Body=b"part")
    whole = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(Bucket=bucket, Key="c", UploadId=upload, MultipartUpload=whole)
    assert expiration_of(done)[1] == expected[1]


def test_uploads_tell_when_they_are_dropped(s3, bucket):
    rule = EXPIRE | {
        "ID": "drop",
        "Filter": {"Prefix": "tmp/"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
    }
    put(s3, bucket, rule)
    made = s3.create_multipart_upload(Bucket=bucket, Key="tmp/a")
    listed = s3.list_parts(Bucket=bucket, Key="tmp/a", UploadId=made["UploadId"])
    (upload,) = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert made["AbortDate"] == listed["AbortDate"] == midnight_after(upload["Initiated"], 2)
    assert made["AbortRuleId"] == listed["AbortRuleId"] == "drop"
    assert "AbortDate" not in s3.create_multipart_upload(Bucket=bucket, Key="a")


def test_only_objects_that_a_rule_means_have_an_end(s3, bucket):
    put(s3, bucket, EXPIRE | {"Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "a", "Value": "b"}]}}})
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="tmp/a", Body=b"")
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="a", Body=b"", Tagging="a=b")
    assert "Expiration" in s3.put_object(Bucket=bucket, Key="tmp/b", Body=b"", Tagging="a=b")


def test_a_version_that_is_named_has_no_end_of_its_own(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, EXPIRE)
    version = s3.put_object(Bucket=bucket, Key="a", Body=b"")["VersionId"]
    assert "Expiration" in s3.head_object(Bucket=bucket, Key="a")
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="a", VersionId=version)


ONE = "<Rule><Status>Enabled</Status><Filter/>{}</Rule>"


@pytest.mark.parametrize("rule", [
    "<Other/>",
    "<Rule/>",
    "<Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>",
    "<Rule><Status>On</Status><Filter/><Expiration><Days>1</Days></Expiration></Rule>",
    "<Rule><Status><b/></Status><Filter/><Expiration><Days>1</Days></Expiration></Rule>",
    "<Rule><Status>Enabled</Status><Filter/><Prefix/><Expiration><Days>1</Days></Expiration></Rule>",
    "<Rule><Status>Enabled</Status><Filter><Tag><Key>a</Key></Tag></Filter><Expiration><Days>1</Days></Expiration></Rule>",
    "<Rule><Status>Enabled</Status><Filter><Size>1</Size></Filter><Expiration><Days>1</Days></Expiration></Rule>",
    ONE.format("<Expiration/>"),
    ONE.format("<Expiration><Days>one</Days></Expiration>"),
    ONE.format("<Expiration><Days>99999999999999999999</Days></Expiration>"),
    ONE.format("<Expiration><Days>2147483648</Days></Expiration>"),
    ONE.format("<Expiration><Date>tomorrow</Date></Expiration>"),
    ONE.format("<Expiration><Date>1960-01-01T00:00:00Z</Date></Expiration>"),
    ONE.format("<Expiration><Date>0001-01-01T00:00:00+14:00</Date></Expiration>"),
    ONE.format("<Expiration><ExpiredObjectDeleteMarker>yes</ExpiredObjectDeleteMarker></Expiration>"),
    ONE.format("<Expiration><Days>1</Days></Expiration><Expiration><Days>1</Days></Expiration>"),
    ONE.format("<NoncurrentVersionExpiration/>"),
    ONE.format("<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionTransition>"),
    ONE.format("<Transition><Days>1</Days></Transition>"),
    ONE.format("<AbortIncompleteMultipartUpload/>"),
    ONE.format("<Archive/>"),
])  # fmt: skip
async def test_documents_that_do_not_follow_the_schema_are_malformed(stage, rule):
    body = f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>".encode()
    answer = await stage.ask("PUT", "/bucket", query="lifecycle", body=body)
    assert answer.status == 400
    assert b"<Code>MalformedXML</Code>" in answer.body


@pytest.mark.parametrize(("date", "is_midnight"), [
    ("2040-01-01", True),
    ("2040-01-01T00:00:00Z", True),
    ("2040-01-01T00:00:00.000Z", True),
    ("2040-01-01T02:00:00+02:00", True),
    ("2040-01-01T00:00:00+02:00", False),
    ("2040-01-01T00:00:00.500Z", False),
    ("2039-12-31T23:59:59.999Z", False),
])  # fmt: skip
async def test_dates_are_midnights_in_utc(stage, date, is_midnight):
    rule = ONE.format(f"<Expiration><Date>{date}</Date></Expiration>")
    body = f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>".encode()
    answer = await stage.ask("PUT", "/bucket", query="lifecycle", body=body)
    assert answer.status == (200 if is_midnight else 400)
    if is_midnight:
        found = await stage.ask("GET", "/bucket", query="lifecycle")
        assert b"<Date>2040-01-01T00:00:00.000Z</Date>" in found.body
