"""Lifecycle rules as aws-cli and mc set and show them."""

import json
import os
import subprocess
import uuid

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, need

pytestmark = pytest.mark.peer

RULES = {
    "Rules": [
        {
            "ID": "builds",
            "Filter": {"And": {"Prefix": "builds/", "Tags": [{"Key": "keep", "Value": "no"}]}},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 3},
            "Expiration": {"Days": 30},
        },
        {
            "ID": "uploads",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
    ]
}


@pytest.fixture
def bucket(s3):
    name = f"lifecycle-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=name)
    return name


def run(*argv, **environment):
    done = subprocess.run(
        [str(part) for part in argv],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_aws_cli_sets_shows_and_removes_rules(endpoint, bucket, tmp_path):
    environment = {
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }

    def aws(*words):
        return run(need("aws"), "s3api", *words, "--bucket", bucket, **environment)

    path = tmp_path / "rules.json"
    path.write_text(json.dumps(RULES))
    aws("put-bucket-lifecycle-configuration", "--lifecycle-configuration", f"file://{path}")
    found = json.loads(aws("get-bucket-lifecycle-configuration"))
    assert found.pop("TransitionDefaultMinimumObjectSize") == "all_storage_classes_128K"
    assert found == RULES
    aws("delete-bucket-lifecycle")


def test_mc_adds_lists_exports_and_removes_rules(root_endpoint, s3, bucket, tmp_path):
    address = root_endpoint.replace("://", f"://{ADMIN_KEY}:{ADMIN_SECRET}@")

    def mc(*words):
        return run(need("mc"), "--config-dir", tmp_path, *words, MC_HOST_here=address)

    mc(
        "ilm",
        "rule",
        "add",
        "--prefix",
        "tmp/",
        "--expire-days",
        "3",
        "--noncurrent-expire-days",
        "2",
        f"here/{bucket}",
    )
    listed = [json.loads(line) for line in mc("--json", "ilm", "rule", "ls", f"here/{bucket}").splitlines()]
    (rule,) = listed[0]["config"]["Rules"]
    assert (rule["Expiration"], rule["Filter"]) == ({"Days": 3}, {"Prefix": "tmp/"})
    exported = mc("ilm", "rule", "export", f"here/{bucket}")
    mc("ilm", "rule", "rm", "--id", rule["ID"], f"here/{bucket}")
    path = tmp_path / "exported.json"
    path.write_text(exported)
    with path.open() as told:
        subprocess.run(
            [str(need("mc")), "--config-dir", str(tmp_path), "ilm", "rule", "import", f"here/{bucket}"],
            env={**os.environ, "MC_HOST_here": address},
            stdin=told,
            check=True,
            capture_output=True,
            timeout=60,
        )
    (again,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (again["ID"], again["NoncurrentVersionExpiration"]) == (rule["ID"], {"NoncurrentDays": 2})
    expiry = json.loads(mc("--json", "ilm", "rule", "ls", "--expiry", f"here/{bucket}").splitlines()[0])
    assert expiry["status"] == "success"
