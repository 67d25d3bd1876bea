"""Notification configurations as a real SDK sets them, and the events that operations announce."""

import json
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.faces.gateway import settings_for, start
from zotplus.adapters.webhooks.settings import EventSettings, WebhookSettings
from zotplus.domain.storage.messages import s3_body

HOOK = "arn:zotplus:webhook:::hook"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:other"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    webhooks = tuple(WebhookSettings(name=name, url="https://hooks.example.org/") for name in ("hook", "other"))
    running = start(folder, settings=settings_for(folder, events=EventSettings(webhooks=webhooks)))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3(gateway):
    return gateway.client(signature_version="s3v4")


@pytest.fixture
def bucket(s3, request):
    name = "b-" + request.node.name[:40].replace("_", "-").replace("[", "-").rstrip("]-").lower()
    s3.create_bucket(Bucket=name)
    return name


def configuration(*rules, kind="QueueConfigurations"):
    return {kind: list(rules)}


def queue(arn=HOOK, events=("s3:ObjectCreated:*", "s3:ObjectRemoved:*"), **more):
    return {"QueueArn": arn, "Events": list(events), **more}


def key_filter(**rules):
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}


def put(s3, bucket, document, **more):
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=document, **more)


def get(s3, bucket):
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    del found["ResponseMetadata"]
    return found


def events(gateway, webhook="hook"):
    """What waits for a webhook, which is taken away."""
    outbox = gateway.services.events.outbox
    found = gateway.run(outbox.due(webhook, 100))
    gateway.run(outbox.settle(found, ()))
    return [one.event for one in found]


def test_a_configuration_is_read_back_as_it_was_written(s3, bucket):
    assert get(s3, bucket) == {}
    document = {
        "TopicConfigurations": [
            {"Id": "topic", "TopicArn": "arn:aws:sns:us-east-1:1:hook", "Events": ["s3:ObjectTagging:*"]}
        ],
        "QueueConfigurations": [
            {"Id": "images", **queue(QUEUE), "Filter": key_filter(prefix="images/", suffix=".jpg")},
            {"Id": "texts", **queue(), "Filter": key_filter(suffix=".txt")},
        ],
        "LambdaFunctionConfigurations": [
            {
                "Id": "function",
                "LambdaFunctionArn": "arn:aws:lambda:us-east-1:1:function:hook",
                "Events": ["s3:ObjectAcl:Put"],
            }
        ],
    }
    put(s3, bucket, document)
    assert get(s3, bucket) == document
    put(s3, bucket, {})
    assert get(s3, bucket) == {}


def test_a_rule_without_an_id_gets_one(s3, bucket):
    put(s3, bucket, configuration(queue()))
    assert len(get(s3, bucket)["QueueConfigurations"][0]["Id"]) == 32


def test_every_destination_is_told_by_a_test_event(gateway, s3, bucket):
    events(gateway)
    put(s3, bucket, configuration(queue()))
    (event,) = events(gateway)
    told = json.loads(s3_body(event))
    assert (told["Event"], told["Bucket"], told["Service"]) == ("s3:TestEvent", bucket, "Amazon S3")


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        (configuration(queue("arn:zotplus:webhook:::missing")), "InvalidArgument", "Unable to validate the following"),
        (configuration(queue("arn:aws:sqs")), "InvalidArgument", "ARN"),
        (configuration(queue(events=["s3:Nonsense"])), "InvalidArgument", "not supported"),
        (configuration(queue(events=["s3:ObjectRestore:*"])), "NotImplemented", "never happens"),
        (configuration(queue(), queue(QUEUE)), "InvalidArgument", "share a common event type"),
        (configuration(queue(Filter=key_filter(infix="a"))), "InvalidArgument", "prefix or suffix"),
        ({"EventBridgeConfiguration": {}}, "NotImplemented", "EventBridge"),
    ],
    ids=["unknown", "no-arn", "no-event", "never", "overlap", "filter", "bridge"],
)
def test_what_cannot_be_done_is_refused(s3, bucket, document, code, words):
    with pytest.raises(ClientError) as caught:
        put(s3, bucket, document)
    assert caught.value.response["Error"]["Code"] == code
    assert words in caught.value.response["Error"]["Message"]
    assert get(s3, bucket) == {}


def test_validation_can_be_skipped_as_on_amazon(s3, bucket):
    put(s3, bucket, configuration(queue("arn:zotplus:webhook:::later")), SkipDestinationValidation=True)
    assert get(s3, bucket)["QueueConfigurations"][0]["QueueArn"] == "arn:zotplus:webhook:::later"


def test_writes_copies_uploads_and_deletions_are_announced_in_order(gateway, s3, bucket):
    put(s3, bucket, configuration(queue()))
    events(gateway)
    etag = s3.put_object(Bucket=bucket, Key="a key", Body=b"hello")["ETag"].strip('"')
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a key"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.delete_object(Bucket=bucket, Key="copy")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "parts"}, {"Key": "never-there"}]})
    found = events(gateway)
    assert [(event.name, event.key) for event in found] == [
        ("ObjectCreated:Put", "a key"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectRemoved:Delete", "copy"),
        ("ObjectRemoved:Delete", "parts"),
    ]
    first = found[0]
    assert (first.size, first.etag, first.version, first.address) == (5, etag, None, "127.0.0.1")
    assert first.principal
    assert first.request_id


def test_delete_markers_and_versions_are_announced(gateway, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, configuration(queue()))
    events(gateway)
    version = s3.put_object(Bucket=bucket, Key="key", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="key")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="key", VersionId=version)
    assert [(event.name, event.version) for event in events(gateway)] == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", version),
    ]


def test_only_keys_that_the_filter_names_are_announced(gateway, s3, bucket):
    put(s3, bucket, configuration(queue(Filter=key_filter(prefix="in/", suffix=".jpg"))))
    events(gateway)
    for key in ("in/a.jpg", "in/a.png", "out/a.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [event.key for event in events(gateway)] == ["in/a.jpg"]


def test_tags_lists_and_forms_are_announced(gateway, s3, bucket):
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )
    every = ["s3:ObjectCreated:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"]
    put(s3, bucket, configuration(queue(events=every)))
    events(gateway)
    form = s3.generate_presigned_post(bucket, "form")
    fields = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**form["fields"], "file": "content"}.items()
    )
    request = urllib.request.Request(
        form["url"], f"{fields}--b--\r\n".encode(), {"Content-Type": "multipart/form-data; boundary=b"}
    )
    urllib.request.urlopen(request, timeout=10).close()
    s3.put_object_tagging(Bucket=bucket, Key="form", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="form")
    s3.put_object_acl(Bucket=bucket, Key="form", ACL="private")
    found = events(gateway)
    assert [event.name for event in found] == [
        "ObjectCreated:Post",
        "ObjectTagging:Put",
        "ObjectTagging:Delete",
        "ObjectAcl:Put",
    ]
    assert {event.key for event in found} == {"form"}
    assert len({event.principal for event in found} - {""}) == 1
