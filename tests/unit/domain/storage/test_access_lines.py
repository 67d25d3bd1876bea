"""Lines of access logs, and the keys of the objects that hold them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.storage.access_lines import DELIVERY_TIME, EVENT_TIME, AccessLine, LoggingTarget, log_key, render

AT = 1_790_000_000.25  # 2026-09-21T14:13:20Z
_fields = re.compile(r'\[[^\]]*\]|"[^"]*"|[^ ]+').findall


def line(**changes):
    made = {
        "owner": "79a5",
        "bucket": "box",
        "time": AT,
        "address": "192.0.2.3",
        "requester": "arn:aws:iam::000000000000:user/key:alice",
        "request_id": "3E57427F3EXAMPLE",
        "operation": "REST.GET.OBJECT",
        "key": "a b/é",
        "method": "GET",
        "target": "/box/a%20b/%C3%A9?versionId=1",
        "status": 200,
        "sent": 113,
        "size": 4096,
        "milliseconds": 7,
        "agent": "S3Console/0.4",
        "version": "v1",
        "signature": "SigV4",
        "authentication": "AuthHeader",
        "host": "s3.example.org",
    }
    return AccessLine(**{**made, **changes})


def test_a_line_has_amazons_fields_in_amazons_order():
    assert _fields(render(line())) == [
        "79a5",
        "box",
        "[21/Sep/2026:14:13:20 +0000]",
        "192.0.2.3",
        "arn:aws:iam::000000000000:user/key:alice",
        "3E57427F3EXAMPLE",
        "REST.GET.OBJECT",
        "a%20b/%C3%A9",
        '"GET /box/a%20b/%C3%A9?versionId=1 HTTP/1.1"',
        "200",
        "-",
        "113",
        "4096",
        "7",
        "-",
        '"-"',
        '"S3Console/0.4"',
        "v1",
        "zotplus",
        "SigV4",
        "-",
        "AuthHeader",
        "s3.example.org",
        "-",
        "-",
        "-",
    ]


def test_what_is_not_known_is_a_hyphen():
    bare = line(requester="", key="", error="", sent=0, size=None, agent="", version="", signature="", host="")
    assert [_fields(render(bare))[place] for place in (4, 7, 10, 11, 12, 16, 17, 19, 22)] == [
        *("-", "-", "-", "-", "-"),
        '"-"',
        *("-", "-", "-"),
    ]
    assert _fields(render(line(size=0)))[12] == "0"


def test_no_signature_and_no_session_token_is_told():
    target = (
        "/box/key?X-Amz-Credential=AK&X-Amz-Signature=secret1&Signature=secret2&x-amz-security-token=secret3"
        "&X%2DAmz%2DSignatur%65=secret4&plain&Signature"
    )
    told = render(line(target=target))
    assert "secret" not in told
    assert "?X-Amz-Credential=AK&X-Amz-Signature=-&Signature=-&x-amz-security-token=-&" in told


def test_a_client_cannot_make_fields_or_lines_of_its_own():
    told = render(line(agent='evil" 200 -\r\nforged "', referer="a\nb", target='/box/"x\r\ny', host="a b\tc"))
    assert len(told.splitlines()) == 1
    assert len(_fields(told)) == 26
    assert "evil%22 200 -%0D%0Aforged %22" in told


@given(st.text(), st.text(), st.text(), st.text(max_size=20))
def test_whatever_a_client_sends_stays_in_its_field(agent, referer, target, host):
    told = render(line(agent=agent, referer=referer, target="/" + target, host=host))
    assert "\n" not in told
    assert len(_fields(told)) == 26


def test_long_texts_are_cut():
    told = render(line(agent="a" * 10_000, target="/" + "b" * 100_000, host="c" * 10_000))
    assert len(told) < 8_000


def test_bytes_that_are_no_text_are_kept_as_they_came():
    assert "%FF" in render(line(agent="\udcff"))


def test_keys_of_logs_are_simple_or_partitioned():
    source, times = ("us-east-1", "box"), (AT, AT - 86_400)
    assert log_key(LoggingTarget(bucket="logs", prefix="p/"), source, times, "AB") == "p/2026-09-21-14-13-20-AB"
    by_delivery = LoggingTarget(bucket="logs", partitioned=DELIVERY_TIME)
    assert log_key(by_delivery, source, times, "AB") == ("000000000000/us-east-1/box/2026/09/21/2026-09-21-14-13-20-AB")
    by_event = LoggingTarget(bucket="logs", prefix="p/", partitioned=EVENT_TIME)
    assert log_key(by_event, source, times, "AB") == ("p/000000000000/us-east-1/box/2026/09/20/2026-09-20-00-00-00-AB")
