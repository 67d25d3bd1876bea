"""How the tests of sharing ask."""

import json

import pytest
from botocore.exceptions import ClientError


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
