"""Claims are read strictly: what is odd is refused before a secret is looked up."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.payloads import EMPTY_SHA256
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_claim import parse_authorization

SIGNATURE = "a1" * 32
CREDENTIAL = "key/20260524/us-east-1/s3/aws4_request"
FIELDS = {"Credential": CREDENTIAL, "SignedHeaders": "host;x-amz-content-sha256;x-amz-date", "Signature": SIGNATURE}
HEADERS = {"Host": "h", "x-amz-date": "20260524T120000Z", "x-amz-content-sha256": EMPTY_SHA256}
QUERY = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": CREDENTIAL, "X-Amz-Date": "20260524T120000Z",
    "X-Amz-Expires": "60", "X-Amz-SignedHeaders": "host", "X-Amz-Signature": SIGNATURE,
}  # fmt: skip


def authorization(**changes):
    return "AWS4-HMAC-SHA256 " + ", ".join(f"{name}={value}" for name, value in {**FIELDS, **changes}.items())


def by_header(value=None, query="", **changes):
    headers = {**HEADERS, "Authorization": value or authorization(), **changes}
    pairs = [(name, content) for name, content in headers.items() if content is not None]
    return SignedRequest(method="GET", raw_path="/b/k", raw_query=query, headers=PlainHeaders(pairs))


def by_query(headers=(("Host", "h"),), extra="", **changes):
    fields = {**QUERY, **{name.replace("_", "-"): value for name, value in changes.items()}}
    query = "&".join(f"{name}={value}" for name, value in fields.items() if value is not None) + extra
    return SignedRequest(method="GET", raw_path="/b/k", raw_query=query, headers=PlainHeaders(headers))


def refusal(request, **arguments):
    with pytest.raises(Problem) as caught:
        parse_authorization(request, **arguments)
    return caught.value


def test_well_formed_claims_are_read():
    claim = parse_authorization(by_header())
    assert (claim.access_key, claim.terms.date, claim.terms.scope) == (
        "key",
        "20260524",
        "20260524/us-east-1/s3/aws4_request",
    )
    assert (claim.timestamp, claim.signature) == (1779624000, SIGNATURE)
    assert parse_authorization(by_query()).expires == 60
    assert parse_authorization(by_header(authorization().replace(", ", ","))) == claim


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 x",
        "AWS4-HMAC-SHA512 Credential=x",
        "AWS4-ECDSA-P256-SHA256 Credential=x, SignedHeaders=host, Signature=00",
        authorization() + ", Signature=" + SIGNATURE,
        authorization() + ", Extra=1",
        authorization() + ",",
        "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host",
        authorization(Credential="key/20260524/us-east-1/s3"),
        authorization(Credential="key/20260524/us-east-1/s3/aws4"),
        authorization(Credential="/20260524/us-east-1/s3/aws4_request"),
        authorization(Credential="k" * 129 + CREDENTIAL[3:]),
        authorization(Credential="k\x7fy/20260524/us-east-1/s3/aws4_request"),
        authorization(Credential="key/20260524/us-east-1/ec2/aws4_request"),
        authorization(Credential="key/20260524//s3/aws4_request"),
        authorization(Credential="key/20260525/us-east-1/s3/aws4_request"),
        authorization(Credential="key/2026/us-east-1/s3/aws4_request"),
        authorization(SignedHeaders=""),
        authorization(SignedHeaders="x-amz-content-sha256;x-amz-date"),
        authorization(SignedHeaders="x-amz-date;host"),
        authorization(SignedHeaders="host;host"),
        authorization(SignedHeaders=";host"),
        authorization(SignedHeaders="Host"),
        authorization(Signature=""),
        authorization(Signature=SIGNATURE.upper()),
        authorization(Signature=SIGNATURE + "00"),
        authorization() + " " * 4096,
    ],
)
def test_a_malformed_header_is_refused(value):
    assert refusal(by_header(value)).fault is errors.CREDENTIALS_MALFORMED


@pytest.mark.parametrize(("value", "told"), [
    ("AWS4-HMAC-SHA256 Credential=x, SignedHeaders-host, Signature=x", 'component "SignedHeaders-host" is malformed.'),
    ("AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Other=x", "missing Signature."),
    (authorization(Credential="key/20260524/us-east-1/ec2/aws4_request"), 'This endpoint belongs to "s3".'),
    (authorization(Credential="key/2026/us-east-1/s3/aws4_request"), 'must be in the format "yyyyMMdd".'),
])  # fmt: skip
def test_a_malformed_header_is_told_what_is_wrong_with_it(value, told):
    assert refusal(by_header(value)).detail.startswith("The authorization header is malformed; ")
    assert refusal(by_header(value)).detail.endswith(told)


@pytest.mark.parametrize(
    "changes",
    [
        *[{name.replace("-", "_"): None} for name in QUERY],
        {"X_Amz_Algorithm": "AWS4-ECDSA-P256-SHA256"},
        {"X_Amz_Date": "2026-05-24T12:00:00Z"},
        {"X_Amz_Date": "20261324T120000Z"},
        {"X_Amz_Date": "20260525T120000Z"},
        *[{"X_Amz_Expires": value} for value in ("0", "000", "-1", "604801", "1e3", "", "9" * 5000, "%C2%B2", "+60")],
    ],
)
def test_a_malformed_link_is_refused(changes):
    assert refusal(by_query(**changes)).fault is errors.CREDENTIALS_QUERY_MALFORMED


def test_a_lone_credential_in_the_query_is_refused_rather_than_ignored():
    headers = PlainHeaders([("Host", "h"), ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")])
    request = SignedRequest(method="PUT", raw_path="/b/k", raw_query=f"X-Amz-Credential={CREDENTIAL}", headers=headers)
    assert refusal(request).fault is errors.CREDENTIALS_QUERY_MALFORMED


def test_an_encoded_parameter_name_is_still_a_credential():
    request = by_query()
    hidden = request.raw_query.replace("X-Amz-Signature", "X%2DAmz%2DSignature")
    assert parse_authorization(SignedRequest(method="GET", raw_path="/", raw_query=hidden, headers=request.headers))


@pytest.mark.parametrize(
    "request_",
    [
        by_header(query="X-Amz-Credential=" + CREDENTIAL),
        by_query(headers=[("Host", "h"), ("Authorization", "Bearer x")]),
        by_query(extra="&X-Amz-Signature=" + SIGNATURE),
        by_query(extra="&X-Amz-Expires=60"),
        by_query(extra="&AWSAccessKeyId=key"),
        by_header(query="AWSAccessKeyId=key&Signature=x&Expires=1"),
        SignedRequest(
            method="GET", raw_path="/", raw_query="",
            headers=PlainHeaders([("Authorization", "Basic x"), ("authorization", authorization())]),
        ),
        SignedRequest(
            method="GET", raw_path="/", raw_query="",
            headers=PlainHeaders([*by_header().headers.pairs(), ("X-Amz-Date", "20260524T120001Z")]),
        ),
    ],
)  # fmt: skip
def test_two_credentials_are_refused(request_):
    assert refusal(request_).fault is errors.CREDENTIALS_AMBIGUOUS


def test_the_date_header_stands_in_for_amazons():
    claim = parse_authorization(by_header(authorization(SignedHeaders="date;host;x-amz-content-sha256"),
                                          **{"x-amz-date": None, "Date": "Sun, 24 May 2026 12:00:00 GMT"}))  # fmt: skip
    assert claim.amz_date == "20260524T120000Z"


@pytest.mark.parametrize("date", [None, "yesterday", "20260524T250000Z"])
def test_a_missing_or_unreadable_date_is_refused(date):
    assert refusal(by_header(**{"x-amz-date": date})).fault is errors.ACCESS_DENIED


@pytest.mark.parametrize("request_", [
    by_header(**{"X-Amz-Copy-Source": "/b/other"}),
    by_query(headers=[("Host", "h"), ("x-amz-acl", "public-read")]),
])  # fmt: skip
def test_an_unsigned_amazon_header_is_refused(request_):
    problem = refusal(request_)
    assert problem.fault is errors.ACCESS_DENIED
    assert problem.detail == "There were headers present in the request which were not signed"


def test_the_payload_hash_is_needed_and_must_be_known():
    signed = authorization(SignedHeaders="host;x-amz-date")
    assert refusal(by_header(signed, **{"x-amz-content-sha256": None})).fault is errors.REQUEST_INVALID
    assert refusal(by_header(**{"x-amz-content-sha256": "nonsense"})).fault is errors.ARGUMENT_INVALID
    doubled = PlainHeaders([*by_header().headers.pairs(), ("x-amz-content-sha256", EMPTY_SHA256)])
    request = SignedRequest(method="GET", raw_path="/", raw_query="", headers=doubled)
    assert refusal(request).fault is errors.REQUEST_INVALID


def test_other_services_may_leave_the_payload_hash_to_the_caller():
    signed = authorization(SignedHeaders="host;x-amz-date", Credential=CREDENTIAL.replace("/s3/", "/sts/"))
    claim = parse_authorization(by_header(signed, **{"x-amz-content-sha256": None}), service="sts")
    assert (claim.terms.service, claim.payload_hash) == ("sts", "")


def test_a_link_may_name_its_payload_hash_once():
    header = [("Host", "h"), ("x-amz-content-sha256", EMPTY_SHA256)]
    assert parse_authorization(by_query(headers=header)).payload_hash == EMPTY_SHA256
    assert parse_authorization(by_query(extra="&X-Amz-Content-Sha256=" + EMPTY_SHA256)).payload_hash == EMPTY_SHA256
    both = by_query(headers=header, extra="&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD")
    assert refusal(both).fault is errors.REQUEST_INVALID
    streaming = [("Host", "h"), ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")]
    assert refusal(by_query(headers=streaming)).fault is errors.REQUEST_INVALID


def test_a_configured_region_is_the_only_one():
    assert parse_authorization(by_header(), region="us-east-1").terms.region == "us-east-1"
    problem = refusal(by_header(), region="eu-west-1")
    assert (problem.fault, problem.fields["Region"]) == (errors.CREDENTIALS_MALFORMED, "eu-west-1")


def test_an_endless_token_is_refused():
    signed = authorization(SignedHeaders="host;x-amz-content-sha256;x-amz-date;x-amz-security-token")
    assert parse_authorization(by_header(signed, **{"x-amz-security-token": "t"})).session_token == "t"
    assert refusal(by_header(signed, **{"x-amz-security-token": "t" * 8193})).fault is errors.CREDENTIALS_MALFORMED


@settings(max_examples=200)
@given(st.text(st.characters(max_codepoint=300), max_size=80), st.text(max_size=60), st.text(max_size=20))
def test_arbitrary_text_raises_nothing_but_problems(value, query, date):
    for request in (
        by_header("AWS4-HMAC-SHA256 " + value, **{"x-amz-date": date}),
        by_header(authorization(Credential=value)),
        by_query(extra="&" + query),
        by_query(X_Amz_Credential=value, X_Amz_Date=date),
    ):
        with suppress(Problem):
            parse_authorization(request)
