"""Where the parser of a connection stands, told from what it was fed."""

import asyncio

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from aiohttp.streams import EMPTY_PAYLOAD

from zotplus.gateway.transport.boundary import Boundary

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


async def after(*segments):
    """Whether the parser is known to stand between two requests after each segment."""
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 1 << 16)
    boundary, found = Boundary(), []
    for data in segments:
        messages, _, _ = parser.feed_data(data)
        if messages:
            message, payload = messages[-1]
            boundary.began(data, len(messages), message, has_body=payload is not EMPTY_PAYLOAD)
        else:
            boundary.went_on(data)
        found.append(boundary.is_between)
    return found


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([GET], [True]),
        ([GET + GET], [True]),
        ([GET + GET[:5]], [False]),
        ([GET[:5], GET[5:]], [False, True]),
        ([GET, GET[:5], GET[5:]], [True, False, True]),
        ([PUT], [True]),
        ([PUT[:-2], PUT[-2:]], [False, True]),
        ([PUT[:-3], PUT[-3:-2], PUT[-2:]], [False, False, True]),
        ([PUT + b"G", GET[1:]], [False, True]),
        ([PUT[:-2], PUT[-2:] + b"G", GET[1:]], [False, False, True]),
        ([PUT + PUT, GET], [False, True]),
        ([PUT[:9], PUT[9:], GET], [False, False, True]),
        ([CHUNKED, GET], [False, True]),
        ([b"\r\n\r\n" + PUT, GET], [False, True]),
    ],
    ids=str,
)
async def test_it_is_known_where_a_request_ends(segments, expected):
    assert await after(*segments) == expected


def test_before_the_first_request_it_is_known_and_where_more_was_fed_than_told_it_is_not():
    boundary = Boundary()
    assert boundary.is_between
    boundary.lose()
    assert not boundary.is_between
