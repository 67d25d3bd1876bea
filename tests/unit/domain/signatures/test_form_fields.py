"""Whatever the fields of a form say about its signature, they are read or refused."""

from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain.errors import Problem
from zotplus.domain.signatures.form_signatures import parse_form_claim, verify_form

NAMES = st.sampled_from(
    [
        "policy",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-signature",
        "x-amz-security-token",
        "awsaccesskeyid",
        "signature",
        "key",
    ]
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["AWS4-HMAC-SHA256", "AK/20260101/us-east-1/s3/aws4_request", "20260101T000000Z", "e30="]),
)


@settings(max_examples=200)
@given(st.dictionaries(NAMES, VALUES))
def test_no_fields_are_taken_for_a_signature_that_nobody_made(fields):
    try:
        claim = parse_form_claim(fields)
        if claim is None:
            assert not set(fields) - {"key", "x-amz-security-token"}
            return
        verify_form(claim, "secret", 1_767_225_600.0)
    except Problem:
        return
    raise AssertionError(fields)
