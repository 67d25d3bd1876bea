"""Signature Version 2, against botocore's signers and the examples in AWS's documentation."""

from contextlib import suppress
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.auth import HmacV1Auth, HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.sigv2 import Address, parse_authorization, verify
from zotplus.domain.signatures.sigv4 import SignedRequest
from zotplus.domain.signatures.sigv4_claim import ClaimKind

NOW = 1_779_624_000
ROOT = Address()
MOUNTED = Address(prefix="/s3")
HOST = ("Host", "gateway.example:8080")

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9)
parameters = st.dictionaries(
    st.sampled_from(["versionId", "uploads", "uploadId", "partNumber", "response-content-type", "prefix", "acl"]), text
)


def request_to(url, method="GET", headers=()):
    parts = urlsplit(url)
    return SignedRequest(
        method=method, raw_path=parts.path, raw_query=parts.query, headers=PlainHeaders([HOST, *headers])
    )


def check(request, address=ROOT, secret="secret", now=NOW):
    claim = parse_authorization(request)
    assert claim is not None
    verify(claim, request, secret, now, address)
    return claim


def refusal(request, **arguments):
    with pytest.raises(Problem) as caught:
        check(request, **arguments)
    return caught.value.fault


def presigned(path="/bucket/key", query="", method="GET", headers=()):
    url = f"http://{HOST[1]}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, headers=dict(headers))
    with patch("botocore.auth.time.time", lambda: NOW):
        HmacV1QueryAuth(Credentials("AKID", "secret", "token/+="), expires=60).add_auth(request)
    return request.url


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["GET", "PUT", "DELETE"]), text, parameters, st.text("ab c", max_size=5))
def test_what_botocore_presigns_is_verified(method, key, query, value):
    encoded = "&".join(f"{name}={quote(content, safe='-_.~')}" for name, content in query.items())
    url = presigned(
        "/bucket/a" + quote(key, safe="/~"), encoded, method, {"x-amz-meta-a": value, "Content-Type": "text/x"}
    )
    claim = check(request_to(url, method))
    assert (claim.kind, claim.access_key, claim.expires) == (ClaimKind.PRESIGNED, "AKID", NOW + 60)
    assert claim.session_token == "token/+="


@settings(max_examples=100, deadline=None)
@given(text, parameters, st.text("ab c", max_size=5))
def test_what_botocore_signs_in_headers_is_verified(key, query, value):
    encoded = "&".join(f"{name}={quote(content, safe='-_.~')}" for name, content in query.items())
    url = f"http://{HOST[1]}/bucket/a{quote(key, safe='/~')}" + (f"?{encoded}" if encoded else "")
    request = AWSRequest(method="PUT", url=url, headers={"x-amz-meta-a": value, "Content-MD5": "x"})
    HmacV1Auth(Credentials("AKID", "secret")).add_auth(request)
    signed = request_to(url, "PUT", request.headers.items())
    claim = check(signed, now=parse_authorization(signed).timestamp)
    assert claim.kind is ClaimKind.HEADER


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_the_links_of_boto3_to_a_mounted_server_are_verified(style):
    config = Config(signature_version="s3", s3={"addressing_style": style})
    client = boto3.client(
        "s3", endpoint_url="http://gateway.example/s3", aws_access_key_id="AKID", aws_secret_access_key="secret",
        region_name="us-east-1", config=config,
    )  # fmt: skip
    where = {"Bucket": "my-bucket"}
    address = MOUNTED if style == "path" else Address(prefix="/s3", bucket="my-bucket")
    for operation, arguments, method in (
        ("get_object", {**where, "Key": "a b+c%/ü", "VersionId": "v/1", "ResponseContentType": "text/x y"}, "GET"),
        ("put_object", {**where, "Key": "k", "ContentType": "text/plain", "Metadata": {"a": "b c"}}, "PUT"),
        ("list_objects", {**where, "Prefix": "a/"}, "GET"),
        ("get_bucket_acl", where, "GET"),
        ("create_multipart_upload", {**where, "Key": "k"}, "POST"),
    ):
        with patch("botocore.auth.time.time", lambda: NOW):
            url = client.generate_presigned_url(operation, Params=arguments, HttpMethod=method)
        check(request_to(url, method), address)
    with patch("botocore.auth.time.time", lambda: NOW):
        check(request_to(client.generate_presigned_url("list_buckets")), MOUNTED)


@pytest.mark.parametrize(("method", "path", "headers", "bucket", "signature"), [
    # "Example: GET Object", "PUT Object" and "List" of the Developer Guide's page on signing REST requests.
    ("GET", "/photos/puppy.jpg", [("Date", "Tue, 27 Mar 2007 19:36:42 +0000")],
        "awsexamplebucket1", "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="),
    ("PUT", "/photos/puppy.jpg", [("Content-Type", "image/jpeg"), ("Content-Length", "94328"),
        ("Date", "Tue, 27 Mar 2007 21:15:45 +0000")], "awsexamplebucket1", "iqRzw+ileNPu1fhspnRs8nOjjIA="),
    ("GET", "/?prefix=photos&max-keys=50&marker=puppy", [("Date", "Tue, 27 Mar 2007 19:42:41 +0000")],
        "awsexamplebucket1", "m0WP8eCtspQl5Ahe6L1SozdX9YA="),
    ("GET", "/?acl", [("Date", "Tue, 27 Mar 2007 19:44:46 +0000")],
        "awsexamplebucket1", "82ZHiFIjc+WbcwFKGUVEQspPn+0="),
])  # fmt: skip
def test_the_documented_examples_have_their_documented_signatures(method, path, headers, bucket, signature):
    authorization = ("Authorization", f"AWS AKIAIOSFODNN7EXAMPLE:{signature}")
    request = request_to(f"http://h{path}", method, [*headers, authorization])
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    check(request, Address(bucket=bucket), secret, datetime(2007, 3, 27, 19, 40, tzinfo=UTC).timestamp()
          if method == "GET" else datetime(2007, 3, 27, 21, 15, tzinfo=UTC).timestamp())  # fmt: skip


def test_a_request_without_a_version_2_signature_claims_nothing():
    for headers in ([], [("Authorization", "Basic x")], [("Authorization", "AWS4-HMAC-SHA256 x")]):
        assert parse_authorization(request_to("http://h/b/k?acl", headers=headers)) is None


def test_a_change_of_anything_signed_is_a_mismatch():
    url = presigned(query="versionId=1", method="PUT", headers={"x-amz-acl": "private"})
    check(request_to(url, "PUT"))
    for changed in (
        request_to(url, "GET"),
        request_to(url.replace("/bucket/key", "/bucket/keys"), "PUT"),
        request_to(url.replace("versionId=1", "versionId=2"), "PUT"),
        request_to(url + "&acl", "PUT"),
        request_to(url + "&%61cl", "PUT"),
        request_to(url.replace("x-amz-acl=private", "x-amz-acl=public-read"), "PUT"),
        request_to(url, "PUT", [("x-amz-copy-source", "/b/other")]),
        request_to(url, "PUT", [("Content-Type", "text/html")]),
        request_to(url.replace(f"Expires={NOW + 60}", f"Expires={NOW + 99}"), "PUT"),
    ):
        assert refusal(changed) is errors.SIGNATURE_MISMATCH
    assert refusal(request_to(url, "PUT"), secret="other") is errors.SIGNATURE_MISMATCH


def test_a_link_to_one_place_is_none_to_another():
    url = presigned("/s3/bucket/key")
    check(request_to(url))
    assert refusal(request_to(url), address=MOUNTED) is errors.SIGNATURE_MISMATCH
    assert refusal(request_to(presigned("/bucket/key")), address=Address(bucket="b")) is errors.SIGNATURE_MISMATCH


def test_a_path_that_only_begins_like_the_prefix_is_no_mounted_one():
    check(request_to(presigned("/s3-files/key")), MOUNTED)


@pytest.mark.parametrize("parameter", ["retention", "legal-hold=", "encryption", "publicAccessBlock", "X-Amz-Acl=x"])
def test_a_parameter_that_is_not_signed_is_refused(parameter):
    url = presigned(method="PUT")
    assert refusal(request_to(f"{url}&{parameter}", "PUT")) is errors.ACCESS_DENIED
    check(request_to(f"{url}&prefix=x", "PUT"))


def test_an_empty_value_may_be_signed_without_its_equals_sign():
    url = presigned(query="uploads", method="POST")
    check(request_to(url, "POST"))
    check(request_to(url.replace("?uploads", "?uploads="), "POST"))
    check(request_to(presigned(query="uploads=", method="POST"), "POST"))


def test_a_header_that_contradicts_the_query_is_refused():
    url = presigned(method="PUT", headers={"x-amz-acl": "private"})
    check(request_to(url, "PUT", [("x-amz-acl", "private")]))
    assert refusal(request_to(url, "PUT", [("x-amz-acl", "public-read")])) is errors.REQUEST_INVALID


def test_a_link_ends_at_its_expiry():
    url = presigned()
    check(request_to(url), now=NOW + 60)
    assert refusal(request_to(url), now=NOW + 61) is errors.REQUEST_EXPIRED


SIGNATURE = "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="


def test_the_date_of_a_header_signature_is_near():
    request = request_to(
        "http://h/b/k", headers=[("Authorization", f"AWS k:{SIGNATURE}"), ("x-amz-date", "20260524T120000Z")]
    )
    claim = parse_authorization(request)
    assert (claim.date, claim.timestamp) == ("", NOW)
    assert refusal(request, now=NOW + 901) is errors.CLOCK_SKEWED
    assert refusal(request, now=NOW - 901) is errors.CLOCK_SKEWED
    assert refusal(request) is errors.SIGNATURE_MISMATCH


@pytest.mark.parametrize("headers", [
    [], [("Date", "yesterday")], [("x-amz-date", "x")], [("Date", "Sun, 24 May 2026 12:00:00 GMT")] * 2,
])  # fmt: skip
def test_a_missing_or_unreadable_date_is_refused(headers):
    authorization = ("Authorization", f"AWS k:{SIGNATURE}")
    assert refusal(request_to("http://h/b/k", headers=[authorization, *headers])) is errors.ACCESS_DENIED


@pytest.mark.parametrize("value", ["AWS ", "AWS k", "AWS k:", f"AWS :{SIGNATURE}", "AWS k:short",
                                   f"AWS a:b:{SIGNATURE}",
                                   f"AWS k\x7f:{SIGNATURE}"])  # fmt: skip
def test_a_malformed_header_is_refused(value):
    assert refusal(request_to("http://h/", headers=[("Authorization", value)])) is errors.CREDENTIALS_MALFORMED


@pytest.mark.parametrize("query", [
    "AWSAccessKeyId=k", f"AWSAccessKeyId=k&Signature={quote(SIGNATURE)}", f"Signature={quote(SIGNATURE)}&Expires=1",
    f"AWSAccessKeyId=k&Expires=x&Signature={quote(SIGNATURE)}", "AWSAccessKeyId=k&Expires=1&Signature=x",
    f"AWSAccessKeyId=k&Expires={'1' * 13}&Signature={quote(SIGNATURE)}",
])  # fmt: skip
def test_a_malformed_link_is_refused(query):
    assert refusal(request_to(f"http://h/b/k?{query}")) is errors.CREDENTIALS_MALFORMED


def test_two_credentials_are_refused():
    url = presigned()
    for request in (
        request_to(url, headers=[("Authorization", "Bearer x")]),
        request_to(url + "&X-Amz-Signature=x"),
        request_to(url + "&AWSAccessKeyId=k"),
        request_to("http://h/", headers=[("Authorization", "AWS k:x"), ("Authorization", "Basic x")]),
        request_to("http://h/", headers=[("Authorization", "Basic x"), ("Authorization", "AWS k:x")]),
    ):
        assert refusal(request) is errors.CREDENTIALS_AMBIGUOUS


@settings(max_examples=150)
@given(st.text(max_size=40), st.text(max_size=40))
def test_arbitrary_text_raises_nothing_but_problems(value, query):
    link = f"AWSAccessKeyId=k&Expires={NOW}&Signature={quote(SIGNATURE)}"
    for request in (
        request_to("http://h/b", headers=[("Authorization", "AWS " + value), ("Date", value)]),
        SignedRequest(method="GET", raw_path=value, raw_query=f"{link}&{query}", headers=PlainHeaders()),
    ):  # fmt: skip
        with suppress(Problem):
            check(request)
