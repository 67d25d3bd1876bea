"""Condition keys of requests."""

import re

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.conditions.attributes import request_values
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead


class Face:
    name = "s3"


def head(*headers, peer="192.0.2.1", scheme="https", query=""):
    fields = CIMultiDictProxy(CIMultiDict(headers))
    return RequestHead(
        method="GET", raw_path="/", raw_query=query, headers=fields, peer=peer, scheme=scheme, host="gw.test"
    )


def context(principal=None):
    made = Context(head=head(), body=None, services=None, face=Face(), request_id="1", started=0.0)
    if principal is not None:
        made.principal = principal
    return made


@pytest.mark.parametrize(
    ("request_head", "key", "values"),
    [
        (head(), "aws:sourceip", ("192.0.2.1",)),
        (head(peer=""), "aws:sourceip", None),
        (head(), "aws:securetransport", ("true",)),
        (head(scheme="http"), "aws:securetransport", ("false",)),
        (head(("User-Agent", "curl/8")), "aws:useragent", ("curl/8",)),
        (head(), "aws:useragent", None),
        (head(("Referer", "https://x/")), "aws:referer", ("https://x/",)),
        (head(("X-Amz-Acl", "private")), "s3:x-amz-acl", ("private",)),
        (head(("x-amz-acl", "a"), ("x-amz-acl", "b")), "s3:x-amz-acl", ("a", "b")),
        (head(), "s3:x-amz-acl", None),
        (head(("s3:prefix", "x")), "s3:prefix", None),
        (head(), "zotplus:invented", None),
        (head(), "s3:tlsversion", None),
        (head(), "s3:resourceaccount", ("000000000000",)),
        (head(), "aws:resourceaccount", ("000000000000",)),
        (head(), "s3:signatureversion", None),
        (head(), "s3:authtype", None),
        (head(), "s3:signatureage", None),
        (head(("Authorization", "AWS4-HMAC-SHA256 Credential=x")), "s3:signatureversion", ("AWS4-HMAC-SHA256",)),
        (head(("Authorization", "AWS x:y")), "s3:signatureversion", ("AWS",)),
        (head(("Authorization", "Bearer x")), "s3:signatureversion", None),
        (head(("Authorization", "AWS x:y")), "s3:authtype", ("REST-HEADER",)),
        (head(query="X-Amz-Date=20200101T000000Z&a=b"), "s3:authtype", ("REST-QUERY-STRING",)),
        (head(query="X-Amz-Date=20200101T000000Z&a=b"), "s3:signatureversion", ("AWS4-HMAC-SHA256",)),
        (head(query="X-Amz-Date=99990101T000000Z"), "s3:signatureage", ("0",)),
        (head(query="X-Amz-Date=nonsense"), "s3:signatureage", None),
        (head(query="Signature=x&Expires=1"), "s3:signatureversion", ("AWS",)),
    ],
)
def test_a_request_has_these_keys(request_head, key, values):
    assert request_values(request_head, key) == values


def test_the_time_is_told_as_a_date_and_in_seconds():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", request_values(head(), "aws:currenttime")[0])
    assert request_values(head(), "aws:epochtime")[0].isdigit()


def test_the_caller_has_keys_of_its_own_that_a_request_cannot_change():
    bob = Principal(id="user:kc:bob", kind=PrincipalKind.USER, attributes={"aws:sourceip": ("own",)})
    assert context(bob).values("aws:sourceip") == ("own",)
    assert context(bob).values("aws:principaltype") == ("user",)
    assert context().values("aws:principaltype") == ("anonymous",)
    assert context().values("zotplus:door") == ("s3",)
    assert context().values("aws:securetransport") == ("true",)
