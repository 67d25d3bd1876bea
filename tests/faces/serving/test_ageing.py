"""The janitor of the real server lets objects age by their buckets' rules; a day of these tests has half a second."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError

from tests.faces.serving.conftest import wait_for

SHORT = {"ZOTPLUS_LIFECYCLE__DAY": "0.5", "ZOTPLUS_LIFECYCLE__INTERVAL": "0.2", "ZOTPLUS_METRICS__PUBLIC": "true"}


def rule(**told):
    return {"ID": "short", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}} | told


def configure(s3, *rules):
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": list(rules)})


def keys(s3):
    return [one["Key"] for one in s3.list_objects_v2(Bucket="bucket").get("Contents", [])]


def audited(server):
    found = []
    for path in (server.data / "audit" / "janitor").iterdir():
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [json.loads(line) for line in data.splitlines() if line.startswith(b'{"seq"')]
    return [record for record in found if record["kind"] == "lifecycle"]


def test_objects_expire_and_others_stay(launch):
    server = launch(**SHORT).ready()
    s3 = server.s3
    s3.create_bucket(Bucket="bucket")
    for key in ("tmp/a", "tmp/b", "kept"):
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode() * 10_000)
    upload = s3.create_multipart_upload(Bucket="bucket", Key="tmp/c")["UploadId"]
    configure(s3, rule(Expiration={"Days": 1}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}))
    wait_for(lambda: keys(s3) == ["kept"])
    wait_for(lambda: "Uploads" not in s3.list_multipart_uploads(Bucket="bucket"))
    assert s3.get_object(Bucket="bucket", Key="kept")["Body"].read() == b"kept" * 10_000
    records = wait_for(lambda: found if len(found := audited(server)) == 3 else None)
    assert {(one["operation"], one["details"]["key"], one["who"]["id"]) for one in records} == {
        ("remove", "tmp/a", "lifecycle"),
        ("remove", "tmp/b", "lifecycle"),
        ("abort", "tmp/c", "lifecycle"),
    }
    assert {one["details"].get("upload") for one in records} == {None, upload}
    wait_for(lambda: b'zotplus_lifecycle_actions_total{step="remove"} 2' in server.get("/metrics")[1])


def test_versions_fade_until_nothing_is_left(launch):
    s3 = launch(**SHORT).ready().s3
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        s3.put_object(Bucket="bucket", Key="tmp/a", Body=bytes([number]) * 20_000)
    configure(s3, rule(Expiration={"Days": 1}, NoncurrentVersionExpiration={"NoncurrentDays": 1}))
    wait_for(lambda: "DeleteMarkers" in s3.list_object_versions(Bucket="bucket"))
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket="bucket", Key="tmp/a")
    assert raised.value.response["Error"]["Code"] == "NoSuchKey"
    wait_for(lambda: not {"Versions", "DeleteMarkers"} & set(s3.list_object_versions(Bucket="bucket")))


def test_what_is_under_a_legal_hold_outlives_its_rule(launch):
    s3 = launch(**SHORT).ready().s3
    s3.create_bucket(Bucket="bucket", ObjectLockEnabledForBucket=True)
    held = s3.put_object(Bucket="bucket", Key="tmp/held", Body=b"1", ObjectLockLegalHoldStatus="ON")["VersionId"]
    s3.put_object(Bucket="bucket", Key="tmp/held", Body=b"2")
    s3.put_object(Bucket="bucket", Key="tmp/free", Body=b"1")
    s3.put_object(Bucket="bucket", Key="tmp/free", Body=b"2")
    configure(s3, rule(NoncurrentVersionExpiration={"NoncurrentDays": 1}))
    wait_for(lambda: len(s3.list_object_versions(Bucket="bucket", Prefix="tmp/free")["Versions"]) == 1)
    assert len(s3.list_object_versions(Bucket="bucket", Prefix="tmp/held")["Versions"]) == 2
    s3.put_object_legal_hold(Bucket="bucket", Key="tmp/held", VersionId=held, LegalHold={"Status": "OFF"})
    wait_for(lambda: len(s3.list_object_versions(Bucket="bucket", Prefix="tmp/held")["Versions"]) == 1)


def test_objects_move_to_a_colder_store_and_are_read_from_there(launch, tmp_path):
    classes = json.dumps([{"name": "COLD", "blobs": {"path": str(tmp_path / "cold")}}])
    s3 = launch(**SHORT, ZOTPLUS_STORAGE_CLASSES=classes).ready().s3
    s3.create_bucket(Bucket="bucket")
    content = b"content" * 100_000
    s3.put_object(Bucket="bucket", Key="tmp/a", Body=content)
    configure(s3, rule(Transitions=[{"Days": 1, "StorageClass": "COLD"}]))
    wait_for(lambda: s3.head_object(Bucket="bucket", Key="tmp/a").get("StorageClass") == "COLD")
    assert s3.get_object(Bucket="bucket", Key="tmp/a")["Body"].read() == content
    assert [path.stat().st_size for path in (tmp_path / "cold").glob("blobs/sha256/*/*")] == [len(content)]
