"""Plain heads: what is read of them, and that a parser of HTTP reads the same."""

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zotplus.domain.iam import Allowed, Layer, Need
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.head import Listener
from zotplus.gateway.plain import DATA_MAX_BYTES, HEAD_MAX_BYTES, LINES_MAX, Origin, read_plain

ORIGIN = Origin("192.0.2.1", "https", "1.3")
HEAD = b"GET /bucket/key HTTP/1.1\r\nHost: h\r\nUser-Agent: a b\r\n\r\n"


def test_a_plain_head_is_read_with_what_follows_it():
    request = read_plain(HEAD.replace(b"GET", b"PUT") + b"content", ORIGIN)
    assert (request.method, request.raw_path, request.raw_query) == ("PUT", "/bucket/key", "")
    assert request.fields == [(b"Host", b"h"), (b"User-Agent", b"a b")]
    assert (request.content, request.peer, request.origin) == (b"content", "192.0.2.1", ORIGIN)
    assert (request.head, request.fault, request.log, request.decisions) == (request, None, {}, [])


def test_a_value_may_hold_what_divides_name_and_value():
    assert read_plain(HEAD.replace(b"a b", b"a: b: c"), ORIGIN).field_values[1] == b"a: b: c"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-1],
        HEAD[:-2],
        HEAD[2:],
        b"\r\n" + HEAD,
        HEAD.replace(b"GET", b"POST"),
        HEAD.replace(b"GET", b"get"),
        HEAD.replace(b"key", b"key?a"),
        HEAD.replace(b"key", b"k%65y"),
        HEAD.replace(b"key", b"k\xc3\xa4"),
        HEAD.replace(b"/bucket", b"http://h/bucket"),
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.2"),
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.1 "),
        HEAD.replace(b"a b", b"a\tb"),
        HEAD.replace(b"a b", b"a\0b"),
        HEAD.replace(b"a b", b"a\rb"),
        HEAD.replace(b"a b", b"a\nb"),
        HEAD.replace(b"a b", b"a\n\rb"),
        HEAD.replace(b"a b", b"\x80"),
        HEAD.replace(b"\r\n", b"\n"),
        HEAD.replace(b"a b", b"a" * HEAD_MAX_BYTES),
        HEAD + b"x" * DATA_MAX_BYTES,
    ],
    ids=lambda data: repr(data)[:70],
)
def test_what_is_not_plain_is_left_to_a_parser(data):
    assert read_plain(HEAD, ORIGIN) is not None
    assert read_plain(data, ORIGIN) is None


@pytest.mark.parametrize("line", [b"Accept", b"Accept:", b"Accept:a", b"Accept:  a", b"Accept: a ", b"Accept: "])
def test_a_line_that_is_no_plain_one_is_left_to_a_parser(line):
    assert read_plain(HEAD.replace(b"Host: h", b"Host: h\r\n" + line), ORIGIN) is None


@pytest.mark.parametrize(("number", "is_plain"), [(LINES_MAX - 2, True), (LINES_MAX - 1, False)])
def test_a_head_has_so_many_lines_at_most(number, is_plain):
    lines = b"".join([b"a-%d: b\r\n" % turn for turn in range(number)])
    assert (read_plain(HEAD.replace(b"Host", lines + b"Host"), ORIGIN) is not None) is is_plain


def test_heads_up_to_the_bound_are_plain_and_so_is_content():
    room = HEAD_MAX_BYTES - len(HEAD)
    longest = HEAD.replace(b"a b", b"a b" + b"x" * room)
    assert read_plain(longest, ORIGIN) is not None
    assert read_plain(longest.replace(b"a b", b"a bx"), ORIGIN) is None
    assert read_plain(HEAD + b"x" * (DATA_MAX_BYTES - len(HEAD)), ORIGIN) is not None
    assert read_plain(HEAD + b"x" * (DATA_MAX_BYTES - len(HEAD) + 1), ORIGIN) is None


def parsed(data):
    """What aiohttp's parser reads of a head: method, target and headers; None where it refuses it."""
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(BaseProtocol(loop), loop, 1 << 16, max_line_size=1 << 14, max_field_size=1 << 14)
        messages, _, _ = parser.feed_data(data)
    except HttpProcessingError:
        return None
    finally:
        loop.close()
    if not messages:
        return None
    message = messages[0][0]
    return message.method, message.path, list(message.raw_headers), message.should_close


KNOWN = {b"host", b"user-agent", b"accept"}
PIECES = st.one_of(
    st.sampled_from(
        [b"\r\n", b": ", b" ", b":", b"\r", b"\n", b"\t", b"\0", b"Host", b"Accept", b"a", b"/", b"HTTP/1.1"]
    ),
    st.binary(max_size=3),
)


@settings(max_examples=200)
@given(place=st.integers(0, len(HEAD)), cut=st.integers(0, 6), pieces=st.lists(PIECES, max_size=4))
@example(place=26, cut=0, pieces=[b"Accept", b"\r\n"])
@example(place=26, cut=0, pieces=[b"a\rb\nc: d", b"\r\n"])
@example(place=len(HEAD) - 4, cut=0, pieces=[b" "])
def test_what_is_read_plainly_is_read_so_by_a_parser(place, cut, pieces):
    """However a plain head is changed: it is refused, left alone, or understood as by the parser of all others."""
    data = HEAD[:place] + b"".join(pieces) + HEAD[place + cut :]
    request = read_plain(data, ORIGIN)
    names = [] if request is None else [name.lower() for name in request.field_names]
    if b"host" not in names or not KNOWN.issuperset(names) or len(set(names)) != len(names):
        return  # no face takes it without a host, or with other names, or one twice
    found = parsed(data[: data.index(b"\r\n\r\n") + 4])
    assert found is not None
    method, path, headers, _ = found
    assert (method, path) == (request.method, request.raw_path)
    assert headers == request.fields


def answered(**changes):
    request = read_plain(HEAD, ORIGIN)
    request.listener = Listener.S3
    request.face = SimpleNamespace(name="s3")
    request.services = request.route = SimpleNamespace(name="GetObject")
    request.request_id = "ID"
    request.principal = Principal(id="ZP1", kind=PrincipalKind.KEY, **changes)
    request.decisions = [(Need("s3:GetObject", "s3:b/k"), Allowed("policy", "#1", Layer.IDENTITY))]
    return request


def test_a_context_is_made_of_all_that_is_known():
    request = answered()
    context = request.as_context()
    head = context.head
    assert (head.method, head.raw_path, head.raw_query, head.host) == ("GET", "/bucket/key", "", "h")
    assert (head.peer, head.scheme, head.tls_version, head.listener) == ("192.0.2.1", "https", "1.3", Listener.S3)
    assert (head.agent, head.certificate) == ("a b", "")
    for name in ("request_id", "principal", "route", "face", "services", "decisions", "started", "operation_name"):
        assert getattr(context, name) == getattr(request, name)
    assert request.actor == context.actor
    assert (context.fault, context.log) == (None, {})


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("aws:sourceip", ("192.0.2.1",)),
        ("aws:securetransport", ("true",)),
        ("s3:tlsversion", ("1.3",)),
        ("aws:useragent", ("a b",)),
        ("aws:principaltype", ("key",)),
        ("zotplus:door", ("s3",)),
        ("aws:referer", None),
        ("x:y", ("z",)),
    ],
)
def test_condition_keys_have_the_values_of_the_request(key, values):
    request = answered(attributes={"x:y": ("z",)})
    assert request.values(key) == values == request.as_context().values(key)


def test_what_is_noted_in_a_context_is_not_in_other_requests():
    context = answered().as_context()
    context.log["broken"] = "x"
    assert answered().log == {}
