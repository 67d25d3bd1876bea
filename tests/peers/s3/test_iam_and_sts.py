"""aws-cli's iam, sts and s3 presign against one address, as people use them together."""

import json
import os
import subprocess
import uuid

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, call, need

DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::%s/*"}],
    }
)


class Cli:
    """aws-cli as somebody."""

    def __init__(self, endpoint, home, key=ADMIN_KEY, secret=ADMIN_SECRET, token=None):
        self.made = (endpoint, home)
        self._environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(home),
            **({"AWS_SESSION_TOKEN": token} if token else {}),
        }

    def __call__(self, *words, refused=""):
        argv = [need("aws"), *map(str, words), "--output", "json"]
        done = subprocess.run(
            argv,
            env=self._environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        if refused:
            assert done.returncode != 0
            assert refused in done.stderr
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout.strip()

    def as_key(self, key, token=None):
        return Cli(*self.made, key["AccessKeyId"], key["SecretAccessKey"], token)


@pytest.fixture
def admin(root_endpoint, tmp_path):
    # links in us-east-1 are of version 2 otherwise
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\ns3 =\n  signature_version = s3v4\n")
    return Cli(root_endpoint, tmp_path)


def test_a_user_is_made_given_rights_and_taken_away(admin, tmp_path):
    name, bucket = f"ci-{uuid.uuid4().hex[:8]}", f"iam-{uuid.uuid4().hex[:8]}"
    admin("s3api", "create-bucket", "--bucket", bucket)
    assert admin("iam", "create-user", "--user-name", name)["User"]["UserName"] == name
    key = admin("iam", "create-access-key", "--user-name", name)["AccessKey"]
    user, file = admin.as_key(key), tmp_path / "file"
    file.write_bytes(b"content")
    upload = ("s3api", "put-object", "--bucket", bucket, "--key", "a", "--body", file)
    user(*upload, refused="AccessDenied")
    policy = ("--user-name", name, "--policy-name", "Releases")
    admin("iam", "put-user-policy", *policy, "--policy-document", DOCUMENT % bucket)
    user(*upload)
    assert admin("iam", "get-user-policy", *policy)["PolicyDocument"] == json.loads(DOCUMENT % bucket)
    arn = admin("iam", "create-policy", "--policy-name", name, "--policy-document", DOCUMENT % bucket)["Policy"]["Arn"]
    admin("iam", "delete-user-policy", *policy)
    user(*upload, refused="AccessDenied")
    admin("iam", "attach-user-policy", "--user-name", name, "--policy-arn", arn)
    user(*upload)
    assert user("sts", "get-caller-identity")["Arn"].endswith(f":user/{name}")
    user("iam", "list-users", refused="AccessDenied")
    admin("iam", "delete-user", "--user-name", name, refused="DeleteConflict")
    admin("iam", "detach-user-policy", "--user-name", name, "--policy-arn", arn)
    admin("iam", "delete-policy", "--policy-arn", arn)
    admin("iam", "delete-access-key", "--user-name", name, "--access-key-id", key["AccessKeyId"])
    admin("iam", "delete-user", "--user-name", name)
    user(*upload, refused="InvalidAccessKeyId")


def test_a_session_signs_links(admin, tmp_path):
    bucket, file = f"sts-{uuid.uuid4().hex[:8]}", tmp_path / "file"
    file.write_bytes(b"content")
    admin("s3api", "create-bucket", "--bucket", bucket)
    admin("s3api", "put-object", "--bucket", bucket, "--key", "a", "--body", file)
    only = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"s3:{bucket}/*"}})
    role = ("--role-arn", "arn:aws:iam::000000000000:role/self", "--role-session-name", "reader")
    for made in (
        admin("sts", "get-session-token", "--duration-seconds", "900"),
        admin("sts", "assume-role", *role, "--policy", only),
    ):
        credentials = made["Credentials"]
        session = admin.as_key(credentials, credentials["SessionToken"])
        link = session("s3", "presign", f"s3://{bucket}/a")
        assert call("GET", link)[2] == b"content"
    session("s3api", "delete-object", "--bucket", bucket, "--key", "a", refused="AccessDenied")
