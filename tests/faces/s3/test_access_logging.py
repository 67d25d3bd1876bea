"""Access logs as a real SDK sets them, and the lines of real requests."""

import re
import secrets
import urllib.request

import pytest
from botocore.exceptions import ClientError

from zotplus.gateway.head import Listener
from zotplus.protocols.s3.telling.access_records import AccessRecords
from zotplus.services.configuration.access_logging import AccessLogging
from zotplus.services.events.access_logs import AccessLogs
from zotplus.services.identity.roles import Role

_fields = re.compile(r'\[[^\]]*\]|"[^"]*"|[^ ]+').findall
NAMES = [
    *("owner", "bucket", "time", "address", "requester", "id", "operation", "key", "uri", "status", "error", "sent"),
    *("size", "total", "turnaround", "referer", "agent", "version", "host_id", "signature", "cipher", "authentication"),
    *("host", "tls", "point", "acl"),
]


@pytest.fixture(params=["s3", "main"])
def s3(gateway, request):
    return gateway.client(at=request.param, signature_version="s3v4")


@pytest.fixture
def bucket(s3):
    """A bucket with an object, and another for its log."""
    name = f"b-{secrets.token_hex(8)}"
    s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=f"{name}-log")
    s3.put_object(Bucket=name, Key="old key", Body=b"hello")
    return name


@pytest.fixture
def logs(gateway):
    """The log of the gateway's one process."""
    made = AccessLogs(AccessLogging(gateway.parts.store), gateway.services.objects)
    gateway._servers[Listener.MAIN].watch(AccessRecords(made).note)
    yield made
    gateway._servers[Listener.MAIN].watch(None)


def enable(s3, bucket, target=None, **more):
    enabled = {"TargetBucket": target or f"{bucket}-log", "TargetPrefix": "logs/", **more}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


def lines(gateway, s3, logs, bucket):
    """The fields of all lines that were put, by their names."""
    gateway.run(logs.flush(everything=True))
    listed = s3.list_objects_v2(Bucket=f"{bucket}-log", Prefix="logs/").get("Contents", [])
    texts = [s3.get_object(Bucket=f"{bucket}-log", Key=one["Key"])["Body"].read().decode() for one in listed]
    found = [_fields(line) for text in texts for line in text.splitlines()]
    assert all(len(fields) == len(NAMES) for fields in found)
    return [dict(zip(NAMES, fields, strict=True)) for fields in found]


def test_the_target_is_read_back_as_it_was_written(s3, bucket):
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    enable(s3, bucket)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == {
        "TargetBucket": f"{bucket}-log",
        "TargetPrefix": "logs/",
    }
    form = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    enable(s3, bucket, TargetObjectKeyFormat=form)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetObjectKeyFormat"] == form
    enable(s3, bucket, TargetObjectKeyFormat={"SimplePrefix": {}})
    assert "TargetObjectKeyFormat" not in s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


GRANT = {"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"TargetBucket": "missing-bucket"}, "InvalidTargetBucketForLogging"),
        ({"TargetGrants": [GRANT]}, "NotImplemented"),
        ({"TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "Tomorrow"}}}, "MalformedXML"),
        ({"TargetObjectKeyFormat": {}}, "MalformedXML"),
        ({"TargetPrefix": "p" * 901}, "InvalidArgument"),
    ],
    ids=["missing", "grants", "date", "format", "prefix"],
)
def test_a_target_that_cannot_be_is_refused(s3, bucket, changes, code):
    with pytest.raises(ClientError) as caught:
        enable(s3, bucket, **changes)
    assert caught.value.response["Error"]["Code"] == code
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_logs_go_only_where_whoever_sets_them_may_write(gateway, s3, bucket):
    """A caller who could name any bucket would have the server write where they may not."""
    key = gateway.key((Role.ADMINISTRATOR, f"s3:{bucket}"), (Role.ADMINISTRATOR, f"s3:{bucket}-log/own/*"))
    somebody = gateway.client(key=key, signature_version="s3v4")
    with pytest.raises(ClientError) as caught:
        enable(somebody, bucket)
    assert caught.value.response["Error"]["Code"] == "InvalidTargetBucketForLogging"
    enable(somebody, bucket, TargetPrefix="own/")
    somebody.close()


def test_a_right_to_short_keys_is_none_to_the_long_ones_of_logs(gateway, s3, bucket):
    """``?`` takes any one character, a star too that stands for all keys with the prefix."""
    key = gateway.key((Role.ADMINISTRATOR, f"s3:{bucket}"), (Role.ADMINISTRATOR, f"s3:{bucket}-log/own?"))
    somebody = gateway.client(key=key, signature_version="s3v4")
    with pytest.raises(ClientError) as caught:
        enable(somebody, bucket, TargetPrefix="own")
    assert caught.value.response["Error"]["Code"] == "InvalidTargetBucketForLogging"
    somebody.close()


def test_every_request_to_the_bucket_is_a_line(gateway, s3, bucket, logs):
    enable(s3, bucket)
    gateway.run(logs.refresh())
    s3.get_object(Bucket=bucket, Key="old key", Range="bytes=0-1")
    s3.head_object(Bucket=bucket, Key="old key")
    s3.get_object(Bucket=bucket, Key="old key")["Body"].read()
    s3.put_object(Bucket=bucket, Key="new", Body=b"content")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "new"})
    s3.list_objects_v2(Bucket=bucket)
    s3.get_bucket_logging(Bucket=bucket)
    s3.get_bucket_location(Bucket=bucket)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}]})
    s3.delete_object(Bucket=bucket, Key="new")
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key="missing")
    s3.list_objects_v2(Bucket=f"{bucket}-log")  # another bucket's requests are not told
    found = lines(gateway, s3, logs, bucket)
    assert [(line["operation"], line["key"], line["status"], line["error"]) for line in found] == [
        ("REST.GET.OBJECT", "old%20key", "206", "-"),
        ("REST.HEAD.OBJECT", "old%20key", "200", "-"),
        ("REST.GET.OBJECT", "old%20key", "200", "-"),
        ("REST.PUT.OBJECT", "new", "200", "-"),
        ("REST.COPY.OBJECT", "copy", "200", "-"),
        ("REST.GET.BUCKET", "-", "200", "-"),
        ("REST.GET.LOGGING_STATUS", "-", "200", "-"),
        ("REST.GET.LOCATION", "-", "200", "-"),
        ("REST.POST.MULTI_OBJECT_DELETE", "-", "200", "-"),
        ("REST.DELETE.OBJECT", "new", "204", "-"),
        ("REST.GET.OBJECT", "missing", "404", "NoSuchKey"),
    ]
    assert [(line["sent"], line["size"]) for line in found[:4]] == [("2", "5"), ("-", "5"), ("5", "5"), ("-", "7")]
    first = found[0]
    assert (first["bucket"], first["address"], first["signature"], first["authentication"]) == (
        *(bucket, "127.0.0.1"),
        *("SigV4", "AuthHeader"),
    )
    assert first["requester"].startswith("arn:aws:iam::000000000000:user/")
    assert "Boto3" in first["agent"]
    assert int(first["total"]) < 10_000


def test_links_and_refusals_are_told_without_their_signature(gateway, s3, bucket, logs):
    enable(s3, bucket)
    gateway.run(logs.refresh())
    link = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "old key"})
    with urllib.request.urlopen(link, timeout=10) as answer:
        answer.read()
    stranger = gateway.client(key=("AKUNKNOWN", "whatever-whatever"), signature_version="s3v4")
    with pytest.raises(ClientError):
        stranger.get_object(Bucket=bucket, Key="old key")
    stranger.close()
    by_link, refused = lines(gateway, s3, logs, bucket)
    assert (by_link["authentication"], by_link["signature"]) == ("QueryString", "SigV4")
    assert "X-Amz-Signature=-" in by_link["uri"]
    assert re.search(r"Signature=[0-9a-f]", by_link["uri"]) is None
    assert (refused["status"], refused["error"], refused["requester"]) == ("403", "InvalidAccessKeyId", "-")


def test_nothing_is_kept_of_buckets_without_a_log(gateway, s3, bucket, logs):
    gateway.run(logs.refresh())
    s3.get_object(Bucket=bucket, Key="old key")
    assert gateway.run(logs.flush(everything=True)) == 0
