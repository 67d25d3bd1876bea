"""Encryption as aws-cli asks for it."""

import json
import os
import subprocess
import uuid

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, need

pytestmark = pytest.mark.peer

KMS = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}],
}


@pytest.fixture
def bucket(s3):
    name = f"encryption-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def aws(endpoint):
    program = need("aws")
    environment = {
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }

    def run(*argv):
        return subprocess.run(
            [str(program), *map(str, argv)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )

    return run


def done(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_aws_cli_uploads_copies_and_downloads_encrypted(aws, bucket, tmp_path):
    file, back = tmp_path / "file", tmp_path / "back"
    file.write_bytes(os.urandom(9 * 1024 * 1024))  # in parts
    done(aws("s3", "cp", file, f"s3://{bucket}/a", "--sse", "AES256"))
    done(aws("s3", "cp", f"s3://{bucket}/a", f"s3://{bucket}/b", "--sse", "aws:kms"))
    done(aws("s3", "cp", f"s3://{bucket}/b", back))
    assert back.read_bytes() == file.read_bytes()
    for key, scheme in (("a", "AES256"), ("b", "aws:kms")):
        told = json.loads(done(aws("s3api", "head-object", "--bucket", bucket, "--key", key)))
        assert told["ServerSideEncryption"] == scheme


def test_aws_cli_sets_shows_and_removes_a_default(aws, bucket):
    where = ("--bucket", bucket)
    done(aws("s3api", "put-bucket-encryption", *where, "--server-side-encryption-configuration", json.dumps(KMS)))
    told = json.loads(done(aws("s3api", "get-bucket-encryption", *where)))["ServerSideEncryptionConfiguration"]
    assert told["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    put = json.loads(done(aws("s3api", "put-object", *where, "--key", "k", "--body", __file__)))
    assert put["ServerSideEncryption"] == "aws:kms"
    done(aws("s3api", "delete-bucket-encryption", *where))
    assert "ServerSideEncryptionConfigurationNotFoundError" in aws("s3api", "get-bucket-encryption", *where).stderr


def test_aws_cli_is_told_that_its_key_would_go_over_plain_http(aws, bucket, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(os.urandom(32))
    refused = aws("s3", "cp", __file__, f"s3://{bucket}/c", "--sse-c", "AES256", "--sse-c-key", f"fileb://{key}")
    assert refused.returncode != 0
    assert "secure connection" in refused.stderr
