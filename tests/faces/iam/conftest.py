"""A gateway, and boto3 clients of its IAM."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.faces.gateway import start
from zotplus.services.policies.values import NewVersion


class Stage:
    """A gateway with the bucket ``data``."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.admin = (gateway.access_key, gateway.secret)
        self.iam = self.client("iam", self.admin)
        self._count = 0
        self.client("s3", self.admin).create_bucket(Bucket="data")

    def client(self, service, key, at="s3", **config):
        where = {"s3": self.gateway.s3_url, "main": f"{self.gateway.url}/s3", "iam": f"{self.gateway.url}/iam"}[at]
        return boto3.client(
            service,
            endpoint_url=where,
            region_name="us-east-1",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config),
        )

    def name(self, beginning="user"):
        self._count += 1
        return f"{beginning}-{self._count}"

    def user(self):
        """A new user: name and key."""
        name = self.name()
        self.iam.create_user(UserName=name)
        made = self.iam.create_access_key(UserName=name)["AccessKey"]
        return name, (made["AccessKeyId"], made["SecretAccessKey"])

    def allowed(self, *actions):
        """A new key that may do ``actions``."""
        key, policies = self.gateway.key(), self.gateway.services.policies
        name = self.name("allowed")
        document = {"Statement": {"Effect": "Allow", "Action": list(actions), "Resource": "*"}}
        wanted = NewVersion(text=json.dumps(document).encode(), author="test")
        self.gateway.run(policies.put(name, wanted))
        self.gateway.run(policies.attach(name, key[0], "test"))
        return key


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    gateway = start(tmp_path_factory.mktemp("iam"))
    yield Stage(gateway)
    gateway.stop()


def code_of(work, **arguments) -> str:
    with pytest.raises(ClientError) as caught:
        work(**arguments)
    return caught.value.response["Error"]["Code"]
