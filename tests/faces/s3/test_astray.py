"""Requests of S3 and of MinIO's administration to an address that serves neither: they are told where to go."""

import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.faces.gateway import ADMIN, client_of
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers

MADMIN = "MinIO (linux; amd64) madmin-go/3.0.70 mc/DEVELOPMENT.GOGET"
NO_REGION = "AWS4-HMAC-SHA256 Credential=ZP/20261122//s3/aws4_request, SignedHeaders=host, Signature=0"
OF_S3 = "AWS4-HMAC-SHA256 Credential=ZP/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def ask(url, method="GET", **headers):
    """Status, headers and body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=named)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read()


@pytest.mark.parametrize("key", [ADMIN, None])
@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("list_buckets", {}),
        ("list_objects_v2", {"Bucket": "releases"}),
        ("put_object", {"Bucket": "api", "Key": "a/b", "Body": b"x"}),
        ("create_bucket", {"Bucket": "releases"}),
    ],
)
def test_a_client_with_the_main_port_as_its_endpoint_is_told_which_one_is_s3s(gateway, key, operation, arguments):
    client = client_of("s3", gateway.url, key)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    client.close()
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("InvalidRequest", 400)
    assert f"{gateway.url}/s3" in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-zotplus-fault"] == "endpoint_not_s3"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": OF_S3},
        {"Authorization": "AWS ZP:AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"User_Agent": "aws-sdk-go-v2/1.41.0 os/linux"},
        {"User_Agent": "MinIO (linux; amd64) minio-go/v7.0.88"},
    ],
)
def test_whoever_speaks_s3_is_known_by_signature_or_name(gateway, headers):
    status, told, body = ask(f"{gateway.url}/releases/a", **headers)
    assert (status, told["Content-Type"], told["x-amz-request-id"] != "") == (400, "application/xml", True)
    assert b"<Code>InvalidRequest</Code>" in body
    assert ask(f"{gateway.url}/releases/a", "HEAD", **headers)[2] == b""


def test_a_link_of_s3_to_the_main_port_is_told_too(gateway):
    query = "X-Amz-Credential=ZP%2F20261122%2Fus-east-1%2Fs3%2Faws4_request"
    assert b"/s3, or" in ask(f"{gateway.url}/releases/a?{query}")[2]


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/api", "/s4/releases"])
def test_others_get_the_plain_refusal(gateway, path):
    status, told, _ = ask(gateway.url + path)
    assert (status, told["Content-Type"]) == (404, "application/problem+json")


def test_the_api_stays_the_apis_whoever_asks(gateway):
    status, told, _ = ask(f"{gateway.url}/api/v1/nothing", User_Agent="Boto3/1.44 md/Botocore")
    assert (status, told["Content-Type"]) == (404, "application/problem+json")
    assert ask(f"{gateway.url}/openapi.json", User_Agent="Boto3/1.44 md/Botocore")[0] == 200


@pytest.mark.parametrize("at", ["s3", "main"])
@pytest.mark.parametrize("headers", [{"User_Agent": MADMIN, "Authorization": OF_S3}, {"Authorization": NO_REGION}])
def test_the_administration_of_minio_is_refused_as_such(gateway, at, headers):
    url = gateway.s3_url if at == "s3" else gateway.url
    status, told, body = ask(f"{url}/minio/admin/v3/info?metrics=false", **headers)
    assert (status, told["X-Zotplus-Fault"]) == (501, "not_minio")
    assert b"not MinIO" in body
    assert b"Coming from MinIO" in body


def test_a_bucket_may_be_called_minio(gateway):
    s3 = gateway.client()
    s3.create_bucket(Bucket="minio")
    key = "admin/v3/info"
    s3.put_object(Bucket="minio", Key=key, Body=b"mine")
    assert s3.get_object(Bucket="minio", Key=key)["Body"].read() == b"mine"
    signer = SigningCredentials(access_key=ADMIN[0], secret_key=ADMIN[1])
    host = gateway.s3_url.removeprefix("http://")
    plain = {"host": host, "user-agent": "MinIO (linux; amd64) minio-go/v7.0.88 mc/DEVELOPMENT.GOGET"}
    request = SignedRequest(
        method="GET", raw_path=f"/minio/{key}", raw_query="", headers=PlainHeaders(plain.items()), scheme="http"
    )
    signed = plain | sign_headers(request, signer, payload_hash="UNSIGNED-PAYLOAD", now=time.time())
    del signed["host"]
    assert ask(f"{gateway.s3_url}/minio/{key}", **signed)[2] == b"mine"
