"""A gateway, and a boto3 client of its IAM."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.faces.gateway import start
from zotplus.services.policies.values import NewVersion


class Stage:
    """A gateway with the bucket ``data``."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.admin = (gateway.access_key, gateway.secret)
        self.iam = gateway.client("iam")
        self._count = 0
        gateway.client().create_bucket(Bucket="data")

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
