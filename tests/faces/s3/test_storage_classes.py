"""Storage classes with stores of their own, by a real SDK: files of each class in a folder of its own."""

import pytest
from botocore.exceptions import ClientError

from tests.faces.gateway import settings_for, start
from zotplus.adapters.blobs_fs import FilesystemBlobsSettings
from zotplus.app.composition import local_blobs
from zotplus.settings.sections import StorageClassSettings

LARGE = b"0123456789" * 10_000
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("classes")


@pytest.fixture(scope="module")
def gateway(folder):
    def place(name):
        return FilesystemBlobsSettings(path=str(folder / name), fsync="off")

    classes = (
        StorageClassSettings(name="COOL", blobs=place("cool")),
        StorageClassSettings(name="GLACIER", blobs=place("glacier")),
    )
    settings = settings_for(folder, blobs=place("default"), storage_classes=classes)
    running = start(folder, settings=settings, blobs=local_blobs(settings))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3(gateway):
    made = gateway.client()
    made.create_bucket(Bucket="box")
    return made


def sizes(folder, name):
    return [path.stat().st_size for path in (folder / name).glob("blobs/sha256/*/*")]


def read(s3, key):
    answer = s3.get_object(Bucket="box", Key=key)
    with answer["Body"] as body:
        return answer.get("StorageClass"), body.read()


def test_content_lies_where_its_class_is(s3, folder):
    content = LARGE + b"a"
    s3.put_object(Bucket="box", Key="a", Body=content, StorageClass="GLACIER")
    assert len(content) in sizes(folder, "glacier")
    assert len(content) not in sizes(folder, "default")
    assert read(s3, "a") == ("GLACIER", content)
    with s3.get_object(Bucket="box", Key="a", Range="bytes=5-12")["Body"] as body:
        assert body.read() == content[5:13]
    (listed,) = s3.list_objects_v2(Bucket="box", Prefix="a")["Contents"]
    assert listed["StorageClass"] == "GLACIER"


def test_a_class_that_has_no_store_is_refused_unless_it_can_be_noted(s3):
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket="box", Key="b", Body=b"", StorageClass="DEEP_ARCHIVE")
    assert raised.value.response["Error"]["Code"] == "InvalidStorageClass"
    s3.put_object(Bucket="box", Key="b", Body=LARGE, StorageClass="STANDARD_IA")
    assert read(s3, "b") == ("STANDARD_IA", LARGE)


def test_a_multipart_upload_goes_into_its_class(s3, folder):
    parts = [b"p" * (5 * MIB), b"q" * 100_000]
    upload = s3.create_multipart_upload(Bucket="box", Key="c", StorageClass="COOL")["UploadId"]
    sent = [
        s3.upload_part(Bucket="box", Key="c", UploadId=upload, PartNumber=number, Body=part)["ETag"]
        for number, part in enumerate(parts, 1)
    ]
    whole = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(sent, 1)]}
    s3.complete_multipart_upload(Bucket="box", Key="c", UploadId=upload, MultipartUpload=whole)
    assert read(s3, "c") == ("COOL", b"".join(parts))
    assert {5 * MIB, 100_000} <= set(sizes(folder, "cool"))


def test_a_copy_has_the_class_that_is_asked_for(s3, folder):
    content = LARGE + b"d"
    source = {"Bucket": "box", "Key": "d"}
    s3.put_object(Bucket="box", Key="d", Body=content, Metadata={"kept": "yes"})
    s3.copy_object(Bucket="box", Key="d", CopySource=source, StorageClass="GLACIER")
    assert read(s3, "d") == ("GLACIER", content)
    assert s3.head_object(Bucket="box", Key="d")["Metadata"] == {"kept": "yes"}
    assert len(content) in sizes(folder, "glacier")
    s3.copy_object(Bucket="box", Key="e", CopySource=source)
    assert read(s3, "e") == (None, content)
    with pytest.raises(ClientError) as raised:
        s3.copy_object(Bucket="box", Key="d", CopySource=source)
    assert raised.value.response["Error"]["Code"] == "InvalidRequest"


def test_encrypted_content_moves_as_it_is(s3, folder):
    content = LARGE * 20
    s3.put_object(Bucket="box", Key="f", Body=content, ServerSideEncryption="AES256")
    s3.copy_object(Bucket="box", Key="f", CopySource="box/f", StorageClass="COOL", ServerSideEncryption="AES256")
    assert read(s3, "f") == ("COOL", content)
    with s3.get_object(Bucket="box", Key="f", Range="bytes=1000005-1000012")["Body"] as body:
        assert body.read() == content[1_000_005:1_000_013]
    (path,) = [
        path
        for path in (folder / "cool").glob("blobs/sha256/*/*")
        if len(content) < path.stat().st_size < 2 * len(content)
    ]
    assert LARGE[:20] not in path.read_bytes()


def test_rules_can_name_the_classes_that_have_stores(s3):
    rule = {
        "ID": "move",
        "Status": "Enabled",
        "Filter": {},
        "Transitions": [{"Days": 1, "StorageClass": "COOL"}, {"Days": 2, "StorageClass": "GLACIER"}],
        "NoncurrentVersionTransitions": [
            {"NoncurrentDays": 1, "StorageClass": "GLACIER", "NewerNoncurrentVersions": 2}
        ],
    }
    s3.put_bucket_lifecycle_configuration(Bucket="box", LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket="box")["Rules"] == [rule]
    rule["Transitions"].reverse()
    rule["Transitions"][0]["Days"] = 1
    with pytest.raises(ClientError) as raised:
        s3.put_bucket_lifecycle_configuration(Bucket="box", LifecycleConfiguration={"Rules": [rule]})
    assert raised.value.response["Error"]["Code"] == "InvalidArgument"
