"""Versions and object lock by the clients that people have for them: mc, rclone, minio-py and aws."""

import io
import json
import os
import subprocess
import uuid
from datetime import UTC, datetime, timedelta

import minio
import pytest
from minio.commonconfig import ENABLED, GOVERNANCE
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention
from minio.versioningconfig import VersioningConfig

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, need

KEYS = {"AWS_ACCESS_KEY_ID": ADMIN_KEY, "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET, "AWS_EC2_METADATA_DISABLED": "true"}


def run(*argv, check=True):
    done = subprocess.run(
        [str(part) for part in argv],
        env=os.environ | KEYS,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.fixture
def bucket():
    return f"versions-{uuid.uuid4().hex[:10]}"


def entries(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_mc_keeps_locks_and_undoes(root_endpoint, bucket, tmp_path):
    mc = [need("mc"), "--config-dir", tmp_path / "mc", "--json"]
    run(*mc, "alias", "set", "here", root_endpoint, ADMIN_KEY, ADMIN_SECRET)
    run(*mc, "mb", "--with-lock", f"here/{bucket}")
    assert "Enabled" in run(*mc, "version", "info", f"here/{bucket}").stdout
    source = tmp_path / "file"
    for text in ("one", "two"):
        source.write_text(text)
        run(*mc, "cp", source, f"here/{bucket}/file")
    versions = entries(run(*mc, "ls", "--versions", f"here/{bucket}/file"))
    assert len({entry["versionId"] for entry in versions}) == 2
    run(*mc, "retention", "set", "governance", "1d", f"here/{bucket}/file")
    (found,) = entries(run(*mc, "retention", "info", f"here/{bucket}/file"))
    assert found["mode"] == "GOVERNANCE"
    newest = next(entry["versionId"] for entry in versions if entry["versionOrdinal"] == 2)
    assert run(*mc, "rm", "--version-id", newest, f"here/{bucket}/file", check=False).returncode != 0
    run(*mc, "rm", f"here/{bucket}/file")
    assert run(*mc, "cat", f"here/{bucket}/file", check=False).returncode != 0
    run(*mc, "undo", f"here/{bucket}/file", "--last", "1")
    assert run(*mc, "cat", f"here/{bucket}/file").stdout == "two"
    run(*mc, "legalhold", "set", f"here/{bucket}/file")
    (found,) = entries(run(*mc, "legalhold", "info", f"here/{bucket}/file"))
    assert found["legalhold"] == "ON"
    run(*mc, "legalhold", "clear", f"here/{bucket}/file")
    run(*mc, "retention", "clear", f"here/{bucket}/file")
    run(*mc, "retention", "set", "--default", "compliance", "30d", f"here/{bucket}")
    assert "COMPLIANCE" in run(*mc, "retention", "info", "--default", f"here/{bucket}").stdout
    run(*mc, "retention", "clear", "--default", f"here/{bucket}")
    run(*mc, "rm", "--recursive", "--force", "--versions", "--bypass", f"here/{bucket}")
    run(*mc, "rb", f"here/{bucket}")


def test_rclone_reads_what_was_overwritten_and_cleans_up(endpoint, bucket, tmp_path):
    settings = f"provider=Other,endpoint='{endpoint}',access_key_id={ADMIN_KEY},secret_access_key={ADMIN_SECRET}"
    rclone, remote = [need("rclone"), "--config", tmp_path / "none", "--retries", "1"], f":s3,{settings}:{bucket}"
    run(*rclone, "mkdir", remote)
    run(*rclone, "backend", "versioning", remote, "Enabled")
    for text in ("one", "second"):
        (tmp_path / "file").write_text(text)
        run(*rclone, "copyto", "--ignore-times", tmp_path / "file", f"{remote}/file")
    assert "Enabled" in run(*rclone, "backend", "versioning", remote).stdout
    names = run(*rclone, "lsf", "--s3-versions", remote).stdout.split()
    (old,) = [name for name in names if name != "file"]
    assert run(*rclone, "cat", "--s3-versions", f"{remote}/{old}").stdout == "one"
    run(*rclone, "deletefile", f"{remote}/file")
    assert run(*rclone, "lsf", remote).stdout == ""
    assert len(run(*rclone, "lsf", "--s3-versions", remote).stdout.split()) == 2
    run(*rclone, "backend", "cleanup-hidden", remote)
    assert run(*rclone, "lsf", "--s3-versions", remote).stdout == ""
    run(*rclone, "rmdir", remote)


def test_minio_py_keeps_versions_and_locks(root_endpoint, bucket):
    client = minio.Minio(
        endpoint=root_endpoint.removeprefix("http://"), access_key=ADMIN_KEY, secret_key=ADMIN_SECRET, secure=False
    )
    client.make_bucket(bucket_name=bucket, object_lock=True)
    assert client.get_bucket_versioning(bucket_name=bucket).status == ENABLED
    client.set_object_lock_config(
        bucket_name=bucket, config=ObjectLockConfig(mode=GOVERNANCE, duration=2, duration_unit=DAYS)
    )
    found = client.get_object_lock_config(bucket_name=bucket)
    assert (found.mode, found.duration, found.duration_unit) == (GOVERNANCE, 2, DAYS)

    def put(**more):
        return client.put_object(
            bucket_name=bucket, object_name="key", data=io.BytesIO(b"content"), length=7, **more
        ).version_id

    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    version = put(retention=Retention(mode=GOVERNANCE, retain_until_date=until), legal_hold=True)
    named = {"bucket_name": bucket, "object_name": "key", "version_id": version}
    assert client.get_object_retention(**named).retain_until_date == until
    assert client.is_object_legal_hold_enabled(**named)
    with pytest.raises(minio.error.S3Error, match="AccessDenied"):
        client.remove_object(**named)
    client.disable_object_legal_hold(**named)
    newer = put()
    listed = list(client.list_objects(bucket_name=bucket, include_version=True))
    assert [(one.version_id, one.is_latest) for one in listed] == [(newer, "true"), (version, "false")]
    with pytest.raises(minio.error.S3Error, match="InvalidBucketState"):
        client.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(status="Suspended"))


def test_aws_removes_a_bucket_only_when_its_versions_are_gone(endpoint, bucket, tmp_path):
    aws = [need("aws"), "--endpoint-url", endpoint, "--region", "us-east-1"]
    run(*aws, "s3api", "create-bucket", "--bucket", bucket)
    run(*aws, "s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    (tmp_path / "file").write_text("text")
    run(*aws, "s3", "cp", tmp_path / "file", f"s3://{bucket}/file")
    kept = run(*aws, "s3", "rb", "--force", f"s3://{bucket}", check=False)
    assert "BucketNotEmpty" in kept.stderr
    query = "[Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}"
    found = run(*aws, "s3api", "list-object-versions", "--bucket", bucket, "--query", query, "--output", "json").stdout
    assert len(json.loads(found)) == 2
    pages = run(*aws, "s3api", "list-object-versions", "--bucket", bucket, "--page-size", "1", "--query", query)
    assert json.loads(pages.stdout) == json.loads(found)
    doomed = json.dumps({"Objects": json.loads(found)})
    run(*aws, "s3api", "delete-objects", "--bucket", bucket, "--delete", doomed)
    run(*aws, "s3", "rb", f"s3://{bucket}")
