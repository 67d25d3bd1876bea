"""Who signed a form. The example of Amazon's documentation, and every way in which one can be wrong."""

import base64
import hmac

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.signatures.form_signatures import parse_form_claim, sign_policy, verify_form
from zotplus.domain.signatures.sigv4_claim import MAX_EXPIRES, Scope

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
DATE = "20151229T000000Z"
NOW = 1_451_347_200.0
FIELDS = {
    "policy": "cG9saWN5",
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
    "x-amz-date": DATE,
}
SIGNED = FIELDS | {"x-amz-signature": sign_policy("cG9saWN5", SECRET, Scope("20151229", "us-east-1", "s3"))}
VERSION_2 = {
    "policy": "cG9saWN5",
    "awsaccesskeyid": "AKIAIOSFODNN7EXAMPLE",
    "signature": base64.b64encode(hmac.digest(SECRET.encode(), b"cG9saWN5", "sha1")).decode(),
}


def fault(fields: dict[str, str], *, secret: str = SECRET, now: float = NOW) -> errors.Fault | None:
    try:
        claim = parse_form_claim(fields)
        if claim is not None:
            verify_form(claim, secret, now)
    except Problem as problem:
        return problem.fault
    return None


# Amazon S3 API Reference, "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)".
AMAZONS_POLICY = (
    "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2"
    "NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMt"
    "cmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29t"
    "L3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4"
    "LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0s"
    "DQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZP"
    "RE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1B"
    "Qy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
)


def test_the_example_of_the_documentation_is_verified():
    signature = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
    assert fault(FIELDS | {"policy": AMAZONS_POLICY, "x-amz-signature": signature}) is None


def test_both_versions_are_verified_and_nothing_else():
    assert fault(SIGNED) is None
    assert fault(VERSION_2) is None
    assert fault({"key": "a"}) is None
    assert parse_form_claim({"key": "a"}) is None
    for fields in (SIGNED, VERSION_2):
        assert fault(fields, secret="another") is errors.SIGNATURE_MISMATCH
        assert fault(fields | {"policy": "b3RoZXI="}) is errors.SIGNATURE_MISMATCH
    assert fault(SIGNED | {"x-amz-signature": ""}) is errors.SIGNATURE_MISMATCH
    assert fault(SIGNED | {"x-amz-signature": "ä"}) is errors.SIGNATURE_MISMATCH
    assert fault(VERSION_2 | {"signature": ""}) is errors.SIGNATURE_MISMATCH


@pytest.mark.parametrize("name", list(SIGNED))
def test_a_form_without_one_of_the_fields_is_refused_by_the_name(name):
    with pytest.raises(Problem) as caught:
        parse_form_claim({other: value for other, value in SIGNED.items() if other != name})
    assert (caught.value.fault, caught.value.fields["ArgumentName"]) == (errors.ARGUMENT_INVALID, name)


@pytest.mark.parametrize("name", list(VERSION_2))
def test_a_version_2_form_without_one_of_the_fields_is_refused(name):
    assert fault({other: value for other, value in VERSION_2.items() if other != name}) is errors.ARGUMENT_INVALID


def test_two_signatures_are_one_too_many():
    assert fault(SIGNED | VERSION_2) is errors.CREDENTIALS_AMBIGUOUS


@pytest.mark.parametrize(
    "changed",
    [
        {"x-amz-algorithm": "AWS4-ECDSA-P256-SHA256"},
        {"x-amz-date": "invalid"},
        {"x-amz-date": "20151230T000000Z"},
        {"x-amz-credential": "no-slashes"},
        {"x-amz-credential": "AK/20151229/us-east-1/sts/aws4_request"},
        {"x-amz-credential": "AK/2015/us-east-1/s3/aws4_request"},
    ],
)
def test_fields_outside_of_their_form_are_refused(changed):
    assert fault(SIGNED | changed) is errors.ARGUMENT_INVALID


def test_a_form_is_good_for_a_week_at_most_and_not_from_the_future():
    assert fault(SIGNED, now=NOW + MAX_EXPIRES) is None
    assert fault(SIGNED, now=NOW + MAX_EXPIRES + 1) is errors.ACCESS_DENIED
    assert fault(SIGNED, now=NOW - 899) is None
    assert fault(SIGNED, now=NOW - 901) is errors.CLOCK_SKEWED
    assert fault(VERSION_2, now=NOW + 10 * MAX_EXPIRES) is None
