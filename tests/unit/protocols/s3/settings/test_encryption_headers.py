"""What requests say about encryption, read from headers."""

import base64
import hashlib

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.head import Listener, RequestHead
from zotplus.protocols.s3.request import Site, read_request
from zotplus.protocols.s3.settings.encryption_headers import (
    COPY_SOURCE_CUSTOMER,
    CUSTOMER,
    protection_headers,
    read_customer_key,
    read_protection,
)
from zotplus.services.values import Protection

KEY = b"K" * 32
MD5 = base64.b64encode(hashlib.md5(KEY, usedforsecurity=False).digest()).decode()
SITE = Site(prefix="", domain=None, region="us-east-1")
SSE = "x-amz-server-side-encryption"


def request(headers, *, scheme="https", site=SITE):
    head = RequestHead(
        method="PUT",
        raw_path="/bucket/key",
        raw_query="",
        headers=CIMultiDictProxy(CIMultiDict({"Host": "s3.test", **headers})),
        peer="127.0.0.1",
        scheme=scheme,
        host="s3.test",
        listener=Listener.S3,
    )
    return read_request(head, site)


def customer(prefix=CUSTOMER, **changes):
    fields = {"algorithm": "AES256", "key": base64.b64encode(KEY).decode(), "key-MD5": MD5, **changes}
    return {prefix + name: value for name, value in fields.items() if value is not None}


def refusal(read, headers, **more):
    with pytest.raises(Problem) as raised:
        read(request(headers, **more))
    assert base64.b64encode(KEY).decode() not in str(raised.value.detail) + str(raised.value.fields)
    return raised.value.fault


def test_nothing_asked_is_nothing_read():
    assert read_protection(request({})) is None
    assert read_customer_key(request({})) == b""
    assert protection_headers(None) == ()


def test_a_customers_key_is_taken_over_tls_also_at_a_trusted_proxy():
    assert read_customer_key(request(customer())) == KEY
    assert read_protection(request(customer())).customer_key == KEY
    assert read_customer_key(request(customer(COPY_SOURCE_CUSTOMER)), COPY_SOURCE_CUSTOMER) == KEY


def test_a_customers_key_over_plain_http_needs_the_switch():
    assert refusal(read_customer_key, customer(), scheme="http") is errors.REQUEST_INVALID
    site = Site(prefix="", domain=None, region="r", takes_keys_over_http=True)
    assert read_customer_key(request(customer(), scheme="http", site=site)) == KEY


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"algorithm": None}, errors.ARGUMENT_INVALID),
        ({"algorithm": "AES128"}, errors.ENCRYPTION_ALGORITHM_INVALID),
        ({"key": None}, errors.ARGUMENT_INVALID),
        ({"key": "?"}, errors.ARGUMENT_INVALID),
        ({"key": "é"}, errors.ARGUMENT_INVALID),
        ({"key": base64.b64encode(b"short").decode()}, errors.ARGUMENT_INVALID),
        ({"key-MD5": None}, errors.ARGUMENT_INVALID),
        ({"key-MD5": "é"}, errors.ARGUMENT_INVALID),
        ({"key-MD5": base64.b64encode(b"0" * 16).decode()}, errors.ARGUMENT_INVALID),
    ],
)
def test_a_customers_key_must_be_whole(changes, fault):
    assert refusal(read_customer_key, customer(**changes)) is fault


def test_a_context_has_one_form():
    given = base64.b64encode(b'{ "b": "2", "a": "1" }').decode()
    found = read_protection(request({SSE: "aws:kms", f"{SSE}-context": given}))
    assert found.context == '{"a":"1","b":"2"}'
    empty = base64.b64encode(b"{}").decode()
    assert read_protection(request({SSE: "aws:kms", f"{SSE}-context": empty})).context == ""


@pytest.mark.parametrize("text", ["?", "e30", base64.b64encode(b"[1]").decode(), "W" * 8_000 + "[", "é"])
def test_a_context_that_is_none_is_refused(text):
    assert refusal(read_protection, {SSE: "aws:kms", f"{SSE}-context": text}) is errors.ARGUMENT_INVALID


@pytest.mark.parametrize(
    "headers",
    [
        {SSE: "AES128"},
        {SSE: "AES256", f"{SSE}-bucket-key-enabled": "true"},
        {SSE: "aws:kms", f"{SSE}-bucket-key-enabled": "maybe"},
        {SSE: "AES256", f"{SSE}-aws-kms-key-id": "k"},
        {f"{SSE}-context": "e30="},
        {SSE: "AES256", **customer()},
    ],
)
def test_what_contradicts_itself_is_refused(headers):
    assert refusal(read_protection, headers) is errors.ARGUMENT_INVALID


def test_a_bucket_key_that_is_off_says_nothing():
    assert read_protection(request({SSE: "AES256", f"{SSE}-bucket-key-enabled": "false"})).scheme == "SSE-S3"


def test_what_is_told_of_an_object():
    kms = Protection(scheme="SSE-KMS", key_id="k", context="{}", bucket_key=True)
    assert dict(protection_headers(kms)) == {
        SSE: "aws:kms",
        f"{SSE}-aws-kms-key-id": "k",
        f"{SSE}-bucket-key-enabled": "true",
    }
    assert dict(protection_headers(kms, with_context=True))[f"{SSE}-context"] == "e30="
    assert dict(protection_headers(Protection(scheme="SSE-C"), KEY))[f"{CUSTOMER}key-MD5"] == MD5
    assert protection_headers(Protection(scheme="SSE-C")) == ((f"{CUSTOMER}algorithm", "AES256"),)
