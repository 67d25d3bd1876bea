"""aws, mc, rclone, minio-py and curl against the S3 face, with the mistakes that people make."""

import io
import json
import os
import subprocess
import uuid

import minio
import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, need


def run(*argv, check=True, **environment):
    done = subprocess.run(
        [str(part) for part in argv],
        env={**os.environ, **environment},
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
    return f"programs-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def folder(tmp_path):
    """A tree with a small, a large, an empty and an oddly named file."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "small.txt").write_text("small")
    (source / "sub" / "large.bin").write_bytes(os.urandom(1 << 20) * 20)
    (source / "empty").touch()
    (source / "sub" / "odd + näme%.txt").write_text("odd")
    return source


def same(first, second):
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    return names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file()) and all(
        (first / name).read_bytes() == (second / name).read_bytes() for name in names
    )


def aws_environment(endpoint, home, secret=ADMIN_SECRET):
    return {
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(home),
    }


def test_aws_copies_syncs_and_removes(endpoint, bucket, folder, tmp_path):
    aws, environment = need("aws"), aws_environment(endpoint, tmp_path)
    run(aws, "s3", "mb", f"s3://{bucket}", **environment)
    run(aws, "s3", "sync", folder, f"s3://{bucket}/tree", **environment)
    run(aws, "s3", "cp", "--recursive", f"s3://{bucket}/tree", tmp_path / "back", **environment)
    assert same(folder, tmp_path / "back")
    listed = run(aws, "s3", "ls", "--recursive", f"s3://{bucket}", **environment).stdout
    assert listed.count("tree/") == 4
    run(aws, "s3", "mv", f"s3://{bucket}/tree/small.txt", f"s3://{bucket}/moved.txt", **environment)
    run(aws, "s3", "rb", "--force", f"s3://{bucket}", **environment)
    gone = run(aws, "s3api", "head-bucket", "--bucket", bucket, check=False, **environment)
    assert "404" in gone.stderr


def test_aws_says_what_is_wrong_with_a_password_and_a_bucket(endpoint, tmp_path):
    aws = need("aws")
    wrong = run(aws, "s3", "ls", check=False, **aws_environment(endpoint, tmp_path, "wrong"))
    assert "SignatureDoesNotMatch" in wrong.stderr
    missing = run(aws, "s3", "ls", "s3://no-such-bucket-here", check=False, **aws_environment(endpoint, tmp_path))
    assert "NoSuchBucket" in missing.stderr


def test_mc_mirrors_and_removes(root_endpoint, bucket, folder, tmp_path):
    mc = [need("mc"), "--config-dir", tmp_path / "mc", "--json"]
    run(*mc, "alias", "set", "here", root_endpoint, ADMIN_KEY, ADMIN_SECRET)
    run(*mc, "mb", f"here/{bucket}")
    run(*mc, "mirror", folder, f"here/{bucket}/tree")
    run(*mc, "mirror", f"here/{bucket}/tree", tmp_path / "back")
    assert same(folder, tmp_path / "back")
    lines = run(*mc, "ls", "--recursive", f"here/{bucket}").stdout.splitlines()
    assert len([line for line in lines if json.loads(line)["type"] == "file"]) == 4
    run(*mc, "stat", f"here/{bucket}/tree/small.txt")
    run(*mc, "rb", "--force", f"here/{bucket}")
    wrong = run(*mc, "alias", "set", "bad", root_endpoint, ADMIN_KEY, "wrong-password", check=False)
    assert wrong.returncode != 0


def test_rclone_syncs_and_checks(endpoint, bucket, folder, tmp_path):
    remote = (
        f":s3,provider=Other,endpoint='{endpoint}',access_key_id={ADMIN_KEY},secret_access_key={ADMIN_SECRET}:{bucket}"
    )
    rclone = [need("rclone"), "--config", tmp_path / "none", "--retries", "1", "--s3-upload-cutoff", "5M"]
    run(*rclone, "mkdir", remote)
    run(*rclone, "sync", folder, f"{remote}/tree")
    run(*rclone, "check", folder, f"{remote}/tree")
    run(*rclone, "copy", f"{remote}/tree", f"{remote}/second")
    run(*rclone, "copy", f"{remote}/second", tmp_path / "back")
    assert same(folder, tmp_path / "back")
    run(*rclone, "purge", remote)


def test_minio_py_puts_lists_and_removes(root_endpoint, bucket):
    client = minio.Minio(
        endpoint=root_endpoint.removeprefix("http://"), access_key=ADMIN_KEY, secret_key=ADMIN_SECRET, secure=False
    )
    client.make_bucket(bucket_name=bucket)
    content = os.urandom(1 << 20) * 12
    client.put_object(
        bucket_name=bucket, object_name="dir/large", data=io.BytesIO(content), length=len(content), part_size=5 << 20
    )
    client.put_object(bucket_name=bucket, object_name="unknown", data=io.BytesIO(b"abc"), length=-1, part_size=5 << 20)
    answer = client.get_object(bucket_name=bucket, object_name="dir/large")
    assert answer.read() == content
    answer.close()
    answer.release_conn()
    listed = client.list_objects(bucket_name=bucket, recursive=True)
    assert [entry.object_name for entry in listed] == ["dir/large", "unknown"]
    with pytest.raises(minio.error.S3Error, match="NoSuchKey"):
        client.get_object(bucket_name=bucket, object_name="missing")
    for name in ("dir/large", "unknown"):
        client.remove_object(bucket_name=bucket, object_name=name)
    client.remove_bucket(bucket_name=bucket)


def test_curl_signs_puts_and_reads(endpoint, bucket, tmp_path):
    curl = [need("curl"), "-sS", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user"]
    # curl before 8 signs no hash of its own, and Signature Version 4 for S3 demands one
    curl += [f"{ADMIN_KEY}:{ADMIN_SECRET}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    (tmp_path / "file").write_bytes(b"from curl" * 300_000)
    run(*curl, "-X", "PUT", f"{endpoint}/{bucket}")
    run(*curl, "-T", tmp_path / "file", f"{endpoint}/{bucket}/file")
    run(*curl, "-o", tmp_path / "back", f"{endpoint}/{bucket}/file")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    run(*curl, "-C", "1000", "-o", tmp_path / "tail", f"{endpoint}/{bucket}/file")
    anonymous = run(need("curl"), "-sS", "-i", f"{endpoint}/{bucket}/file")
    assert "403" in anonymous.stdout.splitlines()[0]
    assert "<Code>AccessDenied</Code>" in anonymous.stdout


def test_curl_is_not_asked_for_a_body_that_will_be_refused(endpoint, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"x" * (3 << 20))
    url = f"{endpoint}/{bucket}/file"
    refused = run(need("curl"), "-sSv", "-H", "Expect: 100-continue", "-T", tmp_path / "file", url)
    assert "403" in refused.stderr
    assert "100 Continue" not in refused.stderr
