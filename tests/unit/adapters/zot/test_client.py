"""The client against scripted servers: what is sent, what comes back, and what goes wrong on the way."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from zotplus.adapters.zot.client import HttpUpstream
from zotplus.adapters.zot.settings import UpstreamSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.upstream import OpenBody, UpstreamRequest

SETTINGS = UpstreamSettings(connect_timeout=2, idle_timeout=2)
LARGE = 200_000


@asynccontextmanager
async def serving(*answers: bytes, links: bool = False, settings: UpstreamSettings = SETTINGS, early: bool = False):
    """An upstream that gives ``answers`` one after the other; it yields the client and the requests that came in."""
    left, seen = list(answers), []

    async def connection(reader, writer):
        try:
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
                )
                body = b"" if early else await reader.readexactly(length)
                seen.append(head + body)
                writer.write(left.pop(0))
                await writer.drain()
                if early:
                    await asyncio.sleep(30)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    upstream = HttpUpstream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", settings, links=links)
    try:
        yield upstream, seen
    finally:
        await upstream.close()
        server.close()


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def get(target: str = "/v2/a/blobs/x", *headers: tuple[str, str]) -> UpstreamRequest:
    return UpstreamRequest(method="GET", target=target, headers=headers)


async def whole(body) -> bytes:
    return body if isinstance(body, bytes) else b"".join([chunk async for chunk in body])


async def relayed(body: OpenBody) -> bytes:
    loop, data = asyncio.get_running_loop(), bytearray(body.prefix)
    import socket  # noqa: PLC0415 - only here

    with socket.socket(fileno=body.connection.fileno()) as source:
        while len(data) < body.length:
            data += await loop.sock_recv(source, 65_536)
        source.detach()
    return bytes(data)


async def test_only_the_given_headers_are_sent():
    async with serving(answer("200 OK", b"hello", "X-A: 1", "Connection: X-B", "X-B: 2", "Keep-Alive: 5")) as (
        upstream,
        seen,
    ):
        reply = await upstream.exchange(get("/v2/a/tags/list?n=1&last=a%2Fb", ("Accept", "x"), ("Accept", "y")))
        assert (reply.status, reply.headers, reply.body) == (200, (("X-A", "1"),), b"hello")
    names = [line.partition(b":")[0].lower() for line in seen[0].split(b"\r\n")[1:] if line]
    assert seen[0].startswith(b"GET /v2/a/tags/list?n=1&last=a%2Fb HTTP/1.1\r\n")
    assert sorted(names) == [b"accept", b"accept", b"host"]


async def test_a_large_answer_is_a_stream():
    async with serving(answer("200 OK", bytes(LARGE))) as (upstream, _):
        reply = await upstream.exchange(get())
        assert not isinstance(reply.body, bytes)
        assert (reply.length, await whole(reply.body)) == (LARGE, bytes(LARGE))


async def test_a_stream_goes_up_with_its_length():
    async def chunks():
        for _ in range(10):
            yield b"0123456789"

    async with serving(answer("201 Created")) as (upstream, seen):
        request = UpstreamRequest(method="PUT", target="/v2/x", headers=(("Content-Length", "100"),), body=chunks())
        assert (await upstream.exchange(request)).status == 201
    assert seen[0].endswith(b"0123456789" * 10)
    assert b"chunked" not in seen[0].lower()


async def test_a_problem_of_the_source_comes_out_unchanged():
    async def chunks():
        yield b"0123456789"
        raise Problem(errors.BODY_INCOMPLETE, "gone")

    async with serving(answer("201 Created")) as (upstream, _):
        request = UpstreamRequest(method="PUT", target="/v2/x", headers=(("Content-Length", "100"),), body=chunks())
        with pytest.raises(Problem, match="gone"):
            await upstream.exchange(request)


async def test_an_answer_that_comes_before_the_body_is_taken_and_the_rest_is_not_read():
    taken = []

    async def chunks():
        taken.append(1)
        yield b"0123456789"
        await asyncio.Event().wait()

    async with serving(answer("404 Not Found", b"no upload"), early=True) as (upstream, _):
        request = UpstreamRequest(method="PATCH", target="/v2/x", headers=(("Content-Length", "100"),), body=chunks())
        reply = await upstream.exchange(request)
        assert (reply.status, reply.body, taken) == (404, b"no upload", [1])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://127.0.0.1:5000/v2/a/blobs/uploads/1?_state=x", "/v2/a/blobs/uploads/1?_state=x"),
        ("/v2/a/blobs/uploads/1", "/v2/a/blobs/uploads/1"),
        ("//evil.test/v2/a", "/v2/a"),
    ],
)
async def test_a_location_is_a_path(given, expected):
    async with serving(answer("202 Accepted", b"", f"Location: {given}")) as (upstream, _):
        assert (await upstream.exchange(get())).headers == (("Location", expected),)


@pytest.mark.parametrize(
    "bad",
    [
        answer("500 Internal Server Error", b"secret trace"),
        answer("503 Service Unavailable"),
        answer("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="zot"'),
        answer("307 Temporary Redirect", b"", "Location: https://bucket.test/x"),
        answer("301 Moved", b"", "Location: /v2/x"),
        answer("201 Created", b"", "Location: https://evil.test/x"),
        answer("201 Created", b"", "Location: http://[x/v2/"),
    ],
)
@pytest.mark.parametrize("way", ["exchange", "open_blob"])
async def test_answers_that_no_client_may_see_are_upstream_failed(bad, way):
    async with serving(bad) as (upstream, _):
        with pytest.raises(Problem) as refused:
            await getattr(upstream, way)(get())
        assert refused.value.fault == errors.UPSTREAM_FAILED
        assert "secret" not in refused.value.detail


@pytest.mark.parametrize("way", ["exchange", "open_blob", "head_blob"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
async def test_no_connection_is_upstream_unavailable(way, url):
    upstream = HttpUpstream(url, SETTINGS)
    with pytest.raises(Problem) as refused:
        await getattr(upstream, way)(get())
    assert refused.value.fault == errors.UPSTREAM_UNAVAILABLE
    await upstream.close()


@pytest.mark.parametrize("way", ["exchange", "open_blob"])
async def test_silence_is_upstream_unavailable(way):
    quick = UpstreamSettings(idle_timeout=0.2)
    async with serving(b"HTTP/1.1 200 OK\r\n", settings=quick) as (upstream, _):
        with pytest.raises(Problem) as refused:
            await getattr(upstream, way)(get())
        assert refused.value.fault == errors.UPSTREAM_UNAVAILABLE


async def test_a_small_blob_comes_whole_and_its_connection_serves_again():
    async with serving(answer("200 OK", b"one"), answer("404 Not Found", b"two")) as (upstream, seen):
        assert (await upstream.open_blob(get())).body == b"one"
        reply = await upstream.open_blob(get())
        assert (reply.status, reply.body) == (404, b"two")
        assert len(upstream._sockets._idle) == 1
    assert seen[0].startswith(b"GET /v2/a/blobs/x HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_a_large_blob_comes_as_an_open_body():
    content = bytes(range(256)) * 1000
    async with serving(answer("200 OK", content), answer("200 OK", content)) as (upstream, _):
        for _ in range(2):
            reply = await upstream.open_blob(get())
            assert isinstance(reply.body, OpenBody)
            assert (reply.length, reply.body.length) == (len(content), len(content))
            assert await relayed(reply.body) == content
            reply.body.connection.finish(clean=True)
            reply.body.connection.finish(clean=False)
            assert reply.body.connection.fileno() == -1
            assert len(upstream._sockets._idle) == 1


async def test_an_unfinished_relay_closes_its_connection():
    async with serving(answer("200 OK", bytes(LARGE))) as (upstream, _):
        reply = await upstream.open_blob(get())
        reply.body.connection.finish(clean=False)
        assert upstream._sockets._idle == []


async def test_a_connection_that_was_closed_meanwhile_is_not_used():
    async with serving(answer("200 OK", b"one", "Connection: close"), answer("200 OK", b"two")) as (upstream, _):
        await upstream.open_blob(get())
        assert upstream._sockets._idle == []
        assert (await upstream.open_blob(get())).body == b"two"


@pytest.mark.parametrize(
    "odd",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef",
    ],
)
async def test_an_answer_of_another_form_is_asked_for_again_in_the_ordinary_way(odd):
    async with serving(odd, answer("200 OK", b"plain")) as (upstream, seen):
        assert (await upstream.open_blob(get())).body == b"plain"
        assert len(seen) == 2


DISCOVER = (answer("200 OK"), answer("200 OK", b"{}"), answer("200 OK", b'{"extensions":[]}'), answer("404 Not Found"))


async def test_a_guarded_head_asks_by_get_first():
    held = (*DISCOVER, answer("200 OK", b"content"), b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    async with serving(*held, links=True) as (upstream, seen):
        reply = await upstream.head_blob(UpstreamRequest(method="HEAD", target="/v2/a/blobs/x"))
        assert (reply.status, reply.length, reply.body) == (200, 7, b"")
    assert [line.partition(b" HTTP")[0] for line in seen[4:]] == [b"GET /v2/a/blobs/x", b"HEAD /v2/a/blobs/x"]


@pytest.mark.parametrize("headers", [(("Range", "bytes=0-0"),), (("range", ""),)])
async def test_a_guarded_range_of_what_is_not_held_goes_no_further(headers):
    async with serving(*DISCOVER, answer("404 Not Found", b"unknown"), links=True) as (upstream, seen):
        reply = await upstream.open_blob(get("/v2/a/blobs/x", *headers))
        assert (reply.status, reply.body) == (404, b"unknown")
        assert b"range" not in seen[-1].lower()
        assert len(seen) == 5


async def test_the_cncf_registry_needs_no_guard():
    told = (
        answer("200 OK", b"{}", "X-Content-Type-Options: nosniff"),
        answer("404 Not Found"),
        answer("404 Not Found"),
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
    async with serving(*told, head, links=True) as (upstream, seen):
        assert (await upstream.head_blob(UpstreamRequest(method="HEAD", target="/v2/a/blobs/x"))).length == 7
        assert seen[-1].startswith(b"HEAD")
        status = await upstream.status()
        assert (status.product, status.referrers) == ("registry", False)


async def test_zot_is_known_by_its_extensions_endpoint():
    told = (*DISCOVER[:3], answer("200 OK", b'{"releaseTag":"v2.1.20"}'))
    async with serving(*told) as (upstream, _):
        status = await upstream.status()
        assert (status.product, status.version, status.referrers) == ("zot", "v2.1.20", True)


async def test_what_serves_no_api_is_no_registry():
    async with serving(answer("404 Not Found", b"nginx")) as (upstream, _):
        with pytest.raises(Problem) as refused:
            await upstream.status()
        assert refused.value.fault == errors.UPSTREAM_FAILED


@asynccontextmanager
async def silent(**settings):
    """An upstream that takes requests and never answers."""
    ended = asyncio.Event()

    async def connection(_reader, writer):
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    given = UpstreamSettings(connect_timeout=2, idle_timeout=60, **settings)
    upstream = HttpUpstream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", given)
    try:
        yield upstream
    finally:
        ended.set()
        await upstream.close()
        server.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_an_upstream_that_does_not_answer_a_lookup_is_given_up_long_before_one_that_stores(method):
    async with silent(answer_timeout=0.2) as upstream, asyncio.timeout(20):
        for ask in (upstream.exchange, upstream.open_blob):
            with pytest.raises(Problem) as caught:
                await ask(UpstreamRequest(method=method, target="/v2/a/manifests/x"))
            assert caught.value.fault is errors.UPSTREAM_UNAVAILABLE


async def test_what_is_stored_may_take_longer_than_a_lookup():
    async with silent(answer_timeout=0.2) as upstream:
        storing = asyncio.create_task(upstream.exchange(UpstreamRequest(method="PUT", target="/v2/a", body=b"")))
        await asyncio.wait([storing], timeout=1)
        assert not storing.done()
        storing.cancel()


async def test_readiness_asks_the_upstream_every_time():
    async with serving(*DISCOVER, answer("200 OK"), answer("502 Bad Gateway")) as (upstream, seen):
        await upstream.status()
        asked = len(seen)
        await upstream.check()
        assert len(seen) == asked + 1
        with pytest.raises(Problem):
            await upstream.check()
