"""The S3 side as its clients find it: at the root of its own port, and under /s3 of the main one."""

import uuid

import boto3
import pytest
from botocore.config import Config

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET
from tests.peers.s3.matrix import At


@pytest.fixture(scope="session", params=["root", "prefix"])
def endpoint(request, bare_gateway):
    """An address of the S3 face."""
    return f"http://127.0.0.1:{bare_gateway.s3_port}" if request.param == "root" else f"{bare_gateway.url}/s3"


@pytest.fixture(scope="session")
def root_endpoint(bare_gateway):
    """For clients that refuse a path in the endpoint."""
    return f"http://127.0.0.1:{bare_gateway.s3_port}"


@pytest.fixture
def at(endpoint, tmp_path) -> At:
    """Where a client of the matrix works."""
    return At(endpoint=endpoint, bucket=f"client-{uuid.uuid4().hex[:10]}", folder=tmp_path)


def client(endpoint, key=ADMIN_KEY, secret=ADMIN_SECRET, **settings):
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, **settings)
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=config,
    )


@pytest.fixture
def s3(endpoint):
    return client(endpoint)
