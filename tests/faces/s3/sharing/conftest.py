"""Clients and buckets for tests of sharing, by a real SDK."""

import hashlib

import pytest

from zotplus.services.identity.roles import Role


@pytest.fixture(scope="module")
def s3(gateway):
    return gateway.client()


@pytest.fixture(scope="module")
def nobody(gateway):
    return gateway.client(key=None)


@pytest.fixture(scope="module")
def user(gateway):
    """Somebody with a key and no right on any of these buckets."""
    access_key, secret = gateway.key((Role.READER, "s3:elsewhere"), name="somebody")
    made = gateway.client(key=(access_key, secret))
    made.key, made.secret = access_key, secret
    return made


@pytest.fixture
def bucket(s3, request):
    name = "sharing-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="a/key", Body=b"content")
    return name


@pytest.fixture
def listed(s3, bucket):
    """The bucket where access control lists count."""
    controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
    return bucket
