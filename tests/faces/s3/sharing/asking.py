"""How the tests of sharing ask."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def client(gateway, access_key=None, secret=None, **config):
    return boto3.client(
        "s3",
        endpoint_url=gateway.s3_url,
        region_name="us-east-1",
        aws_access_key_id=access_key or gateway.access_key,
        aws_secret_access_key=secret or gateway.secret,
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config),
    )


def code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def allow(bucket, **fields):
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        **fields,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=3)
