"""Policies see the version of TLS of a real connection."""

import base64
import json
import ssl
import urllib.request

import pytest

from tests.faces.serving.conftest import ACCESS_KEY, SECRET_KEY
from tests.faces.serving.test_serving import tls, trusting_nobody  # noqa: F401 - a fixture

BASIC = "Basic " + base64.b64encode(f"{ACCESS_KEY}:{SECRET_KEY}".encode()).decode()


def put(server, path, body=b""):
    made = urllib.request.Request(f"{server.urls['main']}{path}", body, {"Authorization": BASIC}, method="PUT")
    with urllib.request.urlopen(made, context=trusting_nobody()) as answer:
        assert answer.status in (200, 204)


@pytest.mark.parametrize(("version", "status"), [(ssl.TLSVersion.TLSv1_3, 200), (ssl.TLSVersion.TLSv1_2, 403)])
def test_the_version_of_tls_decides_where_a_policy_says_so(launch, tls, version, status):  # noqa: F811 - the fixture
    server = launch(**tls)
    server.get("/health/live", trusting_nobody())
    put(server, "/s3/box")
    put(server, "/s3/box/key", b"content")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::box/*",
        "Condition": {"NumericGreaterThan": {"s3:TlsVersion": "1.2"}},
    }
    put(server, "/s3/box?policy", json.dumps({"Statement": statement}).encode())
    context = trusting_nobody()
    context.minimum_version = context.maximum_version = version
    assert server.get("/s3/box/key", context)[0] == status
