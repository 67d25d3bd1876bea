"""The client's side of Signature Version 4 makes what botocore makes, and what our own server accepts."""

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import parse_qs, quote, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.payloads import EMPTY_SHA256
from zotplus.domain.signatures.sigv4 import SignedRequest, parse_authorization, verify
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, presign_url, sign_headers

NOW = datetime(2026, 5, 24, 12, 0, 0, tzinfo=UTC)
CREDENTIALS = SigningCredentials(access_key="key", secret_key="secret", session_token="to/ken+=", region="eu-west-1")

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def botocore_signed(signer, request):
    url = f"http://{request.headers.get('host')}{request.raw_path}" + (
        "?" + request.raw_query if request.raw_query else ""
    )
    foreign = AWSRequest(method=request.method, url=url, headers=dict(request.headers.pairs()))
    with patch("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None)):
        signer(Credentials("key", "secret", "to/ken+="), "s3", "eu-west-1").add_auth(foreign)
    return foreign


def request_for(key, value, method="GET"):
    headers = PlainHeaders([("Host", "h:1"), ("x-amz-meta-a", f"  a  {value} "), ("Range", "bytes=0-1")])
    path = "/s3/bucket/" + quote(key, safe="/~")
    query = f"prefix={quote(value, safe='-_.~')}&acl=&delimiter=%2F"
    return SignedRequest(method=method, raw_path=path, raw_query=query, headers=headers)


@settings(max_examples=100, deadline=None)
@given(text, st.text("ab +,%/~", max_size=8))
def test_headers_are_signed_as_botocore_signs_them(key, value):
    request = request_for(key, value)
    added = sign_headers(request, CREDENTIALS, payload_hash=EMPTY_SHA256, now=NOW.timestamp())
    assert added["authorization"] == botocore_signed(S3SigV4Auth, request).headers["Authorization"]
    signed = SignedRequest(
        method="GET", raw_path=request.raw_path, raw_query=request.raw_query,
        headers=PlainHeaders([*request.headers.pairs(), *added.items()]),
    )  # fmt: skip
    verify(parse_authorization(signed), signed, "secret", NOW.timestamp())


@settings(max_examples=100, deadline=None)
@given(text, st.text("ab +,%/~", max_size=8), st.sampled_from(["GET", "PUT"]))
def test_links_are_presigned_as_botocore_presigns_them(key, value, method):
    request = request_for(key, value, method)
    url = urlsplit(presign_url(request, CREDENTIALS, expires=3600, now=NOW.timestamp()))
    theirs = urlsplit(botocore_signed(S3SigV4QueryAuth, request).url)
    assert parse_qs(url.query)["X-Amz-Signature"] == parse_qs(theirs.query)["X-Amz-Signature"]
    signed = SignedRequest(method=method, raw_path=url.path, raw_query=url.query, headers=request.headers)
    claim = parse_authorization(signed)
    assert claim.session_token == "to/ken+="
    verify(claim, signed, "secret", NOW.timestamp())


def test_a_link_without_query_or_token_is_complete():
    credentials = SigningCredentials(access_key="key", secret_key="secret")
    request = SignedRequest(
        method="GET", raw_path="/b/k", raw_query="", headers=PlainHeaders([("host", "h")]), scheme="https"
    )
    link = presign_url(request, credentials, expires=60, now=NOW.timestamp())
    assert link.startswith("https://h/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=key%2F20260524%2Fus-east-1")
    assert "x-amz-security-token" not in sign_headers(request, credentials, payload_hash="UNSIGNED-PAYLOAD", now=0)


def test_credentials_do_not_show_their_secret():
    assert "secret" not in repr(CREDENTIALS)
    assert "to/ken" not in repr(CREDENTIALS)
