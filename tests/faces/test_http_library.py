"""The HTTP library beneath all doors is one without the flaws that were published of it."""

import re
from importlib.metadata import version

from aiohttp import http_parser


def test_the_http_library_is_one_without_known_flaws():
    """aiohttp: CVE-2026-54273 and the others of ``tests/advisories.yaml`` end with 3.14.1; most were of the parser in
    Python, which stands in silently where the compiled one is missing."""
    assert tuple(int(part) for part in re.findall(r"\d+", version("aiohttp"))[:3]) >= (3, 14, 1)
    assert http_parser.HttpRequestParser is not http_parser.HttpRequestParserPy
    assert http_parser.HttpResponseParser is not http_parser.HttpResponseParserPy
