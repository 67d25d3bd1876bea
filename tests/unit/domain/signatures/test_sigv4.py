"""Signature Version 4 on the server's side, against foreign signers and documented examples."""

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import minio.credentials
import minio.signer
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures import sigv4
from zotplus.domain.signatures.payloads import EMPTY_SHA256
from zotplus.domain.signatures.sigv4 import ClaimKind, SignedRequest, parse_authorization, verify

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime(2026, 5, 24, 12, 0, 0, tzinfo=UTC)
HOST = "gateway.example:8080"

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
# The characters that encoders disagree about, more often than chance would bring them.
keys = st.lists(
    st.one_of(st.sampled_from(["/", "//", "+", "%", "%2F", "%25", " ", "~", ".", "..", "ü", "😀", "*", "'"]), text)
)
header_values = st.text("abc xyz,;=\"'", max_size=12)


def sign(method="GET", path="/bucket/key", query="", headers=(), signer=S3SigV4Auth):
    """The request as botocore would send it."""
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, headers={"Host": HOST, **dict(headers)})
    with patch("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None)):
        signer(Credentials(ACCESS_KEY, SECRET), "s3", "us-east-1").add_auth(request)
    parts = urlsplit(request.url)
    return SignedRequest(
        method=method,
        raw_path=parts.path,
        raw_query=parts.query,
        headers=PlainHeaders([(name, value) for name, value in request.headers.items() if value is not None]),
    )


def change(request, **changes):
    values = {"method": request.method, "raw_path": request.raw_path, "raw_query": request.raw_query}
    return SignedRequest(**{**values, "headers": request.headers, **changes})


def with_header(request, name, value):
    kept = [pair for pair in request.headers.pairs() if pair[0].lower() != name]
    return change(request, headers=PlainHeaders([*kept, *([] if value is None else [(name, value)])]))


def check(request, secret=SECRET, now=None):
    claim = parse_authorization(request)
    assert claim is not None
    verify(claim, request, secret, NOW.timestamp() if now is None else now)
    return claim


def refusal(request, **arguments):
    with pytest.raises(Problem) as caught:
        check(request, **arguments)
    return caught.value


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    keys,
    st.lists(st.tuples(text.filter(bool), text), max_size=4),
    header_values,
)
def test_what_botocore_signs_in_headers_is_verified(method, key, parameters, value):
    path = quote("/s3/bucket/" + "".join(key), safe="/~")
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(content, safe='-_.~')}" for name, content in parameters)
    claim = check(sign(method, path, query, {"x-amz-meta-note": value, "Content-Type": value}))
    assert (claim.kind, claim.access_key, claim.terms.region) == (ClaimKind.HEADER, ACCESS_KEY, "us-east-1")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["GET", "PUT"]), keys, st.lists(st.tuples(text.filter(bool), text), max_size=4))
def test_what_botocore_presigns_is_verified(method, key, parameters):
    path = quote("/bucket/" + "".join(key), safe="/~")
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(content, safe='-_.~')}" for name, content in parameters)
    claim = check(sign(method, path, query, signer=S3SigV4QueryAuth))
    assert (claim.kind, claim.expires, claim.payload_hash) == (ClaimKind.PRESIGNED, 3600, "UNSIGNED-PAYLOAD")


@pytest.mark.parametrize("path", ["/b/a%20b%2Bc%25~%C3%BC", "/b//x/../y", "/b/a%2Ab%27%28%29"])
def test_what_minio_signs_is_verified(path):
    headers = {"Host": HOST, "x-amz-content-sha256": EMPTY_SHA256, "x-amz-date": NOW.strftime("%Y%m%dT%H%M%SZ")}
    credentials = minio.credentials.Credentials(ACCESS_KEY, SECRET)
    url = urlsplit(f"http://{HOST}{path}?prefix=a%2Fb&list-type=2")
    signed = minio.signer.sign_v4_s3(
        method="GET", url=url, region="us-east-1", headers=headers, credentials=credentials,
        content_sha256=EMPTY_SHA256, date=NOW,
    )  # fmt: skip
    check(SignedRequest(method="GET", raw_path=path, raw_query=url.query, headers=PlainHeaders(signed.items())))


def test_the_documented_get_example_has_its_documented_signature():
    # AWS, "Authenticating Requests: Using the Authorization Header", "Example: GET Object".
    signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature={signature}"
    )
    headers = PlainHeaders([
        ("Host", "examplebucket.s3.amazonaws.com"), ("Authorization", authorization), ("Range", "bytes=0-9"),
        ("x-amz-content-sha256", EMPTY_SHA256), ("x-amz-date", "20130524T000000Z"),
    ])  # fmt: skip
    request = SignedRequest(method="GET", raw_path="/test.txt", raw_query="", headers=headers)
    check(request, now=datetime(2013, 5, 24, tzinfo=UTC).timestamp())


def test_the_documented_presigned_example_has_its_documented_signature():
    # AWS, "Authenticating Requests: Using Query Parameters", the example there.
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={ACCESS_KEY}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    headers = PlainHeaders([("Host", "examplebucket.s3.amazonaws.com")])
    request = SignedRequest(method="GET", raw_path="/test.txt", raw_query=query, headers=headers)
    check(request, now=datetime(2013, 5, 24, 23, 59, 59, tzinfo=UTC).timestamp())


def test_a_request_without_a_signature_claims_nothing():
    for headers in ([], [("Authorization", "Basic eDp5")], [("Authorization", "AWS key:signature")]):
        request = SignedRequest(method="GET", raw_path="/", raw_query="x=1&flag", headers=PlainHeaders(headers))
        assert parse_authorization(request) is None
        assert parse_authorization(change(request, raw_query="flag")) is None


@pytest.mark.parametrize("signer", [S3SigV4Auth, S3SigV4QueryAuth])
def test_a_change_of_anything_signed_is_a_mismatch(signer):
    request = sign(path="/bucket/key", query="versionId=1", signer=signer)
    check(request)
    for changed in (
        change(request, method="PUT"),
        change(request, raw_path="/bucket/keys"),
        change(request, raw_query=request.raw_query + "&acl"),
        change(request, raw_query=request.raw_query.replace("versionId=1", "versionId=2")),
        with_header(request, "host", "other.example"),
        with_header(request, "host", None),
    ):
        assert refusal(changed).fault is errors.SIGNATURE_MISMATCH
    assert refusal(request, secret="other").fault is errors.SIGNATURE_MISMATCH


def test_a_repeated_signed_header_is_a_mismatch():
    request = sign(headers={"x-amz-meta-a": "1"})
    doubled = change(request, headers=PlainHeaders([*request.headers.pairs(), ("x-amz-meta-a", "2")]))
    assert refusal(doubled).fault is errors.SIGNATURE_MISMATCH


def test_a_mismatch_shows_what_was_signed_and_no_secret():
    token = "secret/token+value=="
    request = sign(headers={
        "x-amz-security-token": token, "x-amz-server-side-encryption-customer-key": "c3NlLWMga2V5", "x-amz-meta-a": "1",
    })  # fmt: skip
    fields = refusal(request, secret="wrong").fields
    assert fields["AWSAccessKeyId"] == ACCESS_KEY
    assert str(fields["StringToSign"]).startswith("AWS4-HMAC-SHA256\n20260524T120000Z\n")
    assert "x-amz-meta-a:1\n" in str(fields["CanonicalRequest"])
    shown = repr(fields)
    assert not [secret for secret in (token, "c3NlLWMga2V5", "wrong", SECRET) if secret in shown]


def test_a_mismatched_link_does_not_show_its_token():
    request = sign(signer=S3SigV4QueryAuth, query="a=b&X-Amz-Security-Token=secret%2Ftoken")
    claim = parse_authorization(request)
    assert claim.session_token == "secret/token"
    fields = refusal(request, secret="wrong").fields
    assert "X-Amz-Security-Token=***" in str(fields["CanonicalRequest"])


@pytest.mark.parametrize(("seconds", "fault"), [(901, errors.CLOCK_SKEWED), (-901, errors.CLOCK_SKEWED)])
def test_a_clock_more_than_fifteen_minutes_off_is_refused(seconds, fault):
    request = sign()
    assert refusal(request, now=NOW.timestamp() + seconds).fault is fault
    check(request, now=NOW.timestamp() + (900 if seconds > 0 else -900))


def test_a_link_is_valid_from_its_date_to_its_expiry():
    request = sign(signer=S3SigV4QueryAuth)
    check(request, now=NOW.timestamp() + 3600)
    check(request, now=NOW.timestamp() - 900)
    assert refusal(request, now=NOW.timestamp() + 3601).fault is errors.REQUEST_EXPIRED
    assert refusal(request, now=NOW.timestamp() - 901).detail == "The request is not valid yet."


def test_the_seed_of_chunk_signatures_does_not_show_its_key():
    seed = sigv4.chunk_seed(check(sign()), SECRET)
    assert seed.scope == "20260524/us-east-1/s3/aws4_request"
    assert "b'" not in repr(seed)
