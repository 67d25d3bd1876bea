"""Where keys come from, and answers of every bad kind."""

import asyncio
import gzip
import json
import ssl

import pytest
from aiohttp import web

from tests.issuers.local import DISCOVERY, KEYS, LocalIssuer, drip, endless, never, redirect
from zotplus.adapters.oidc.fetching import DOCUMENT_MAX_BYTES
from zotplus.adapters.oidc.issuer import NEW_KEY_SECONDS, RETRY_SECONDS


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"<html>Welcome</html>", "Expecting value"),
        (b"", "Expecting value"),
        (b"\xff\xfe", "decode"),
        (b"[]", "no object"),
        (b'{"keys": [], "keys": [], "issuer": "x", "issuer": "x"}', "twice"),
        (b'{"a":' * 5_000, ""),
        (never, "did not answer within 0.3 s"),
        (drip(b" "), "did not answer within 0.3 s"),
        (endless(), f"more than {DOCUMENT_MAX_BYTES} bytes"),
        (redirect("http://127.0.0.1:9/"), "answered 302"),
    ],
)
async def test_an_answer_that_is_none_leaves_the_token_waiting(case, path, answer, reason):
    case.verifier(timeout=0.3)
    case.issuer.answers[path] = answer
    assert reason in await case.unavailable()


async def test_a_server_error_leaves_the_token_waiting(case):
    async def broken(_):
        return web.Response(status=500)

    case.issuer.answers[KEYS] = broken
    assert "answered 500" in await case.unavailable()


async def test_a_compressed_answer_is_not_unpacked(case):
    async def packed(_):
        body = gzip.compress(bytes(64 * DOCUMENT_MAX_BYTES))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    case.issuer.answers[KEYS] = packed
    assert "compressed" in await case.unavailable()


async def test_what_is_no_http_leaves_the_token_waiting(case):
    async def garbage(reader, writer):
        await reader.readline()
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(garbage, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        case.verifier(jwks_url=f"http://127.0.0.1:{port}/keys")
        assert "cannot be reached" in await case.unavailable()


@pytest.mark.parametrize("named", ["https://elsewhere", None, 5, ""])
async def test_a_discovery_document_of_another_issuer_is_not_believed(case, named):
    case.issuer.answers[DISCOVERY] = json.dumps(case.issuer.discovery() | {"issuer": named}).encode()
    assert "is of the issuer" in await case.unavailable()
    assert case.issuer.asked() == 0


@pytest.mark.parametrize(
    "place",
    [
        *("http://169.254.169.254/latest/meta-data", "http://localhost:{port}/keys", "https://127.0.0.1:{port}/keys"),
        *("http://127.0.0.1:{other}/keys", "file:///etc/passwd", "/keys", "", None, 5, "http://127.0.0.1:port/keys"),
        "http://127.0.0.1@127.0.0.2:{port}/keys",
    ],
)
async def test_keys_are_not_looked_for_elsewhere_than_at_the_issuer(case, place):
    if isinstance(place, str):
        place = place.format(port=case.issuer.port, other=case.issuer.port + 1) if "{" in place else place
    case.issuer.answers[DISCOVERY] = json.dumps(case.issuer.discovery() | {"jwks_uri": place}).encode()
    assert "elsewhere than the issuer" in await case.unavailable()
    assert case.issuer.requests == [DISCOVERY]


async def test_keys_may_be_elsewhere_where_the_settings_say_so(case):
    async with LocalIssuer() as other:
        case.verifier(jwks_url=other.origin + KEYS)
        assert await case.verify(case.token())
        assert (case.issuer.requests, other.requests) == ([], [KEYS])


async def test_keys_come_from_a_file_where_the_issuer_cannot_be_reached(case, tmp_path):
    path = tmp_path / "keys.json"
    case.verifier(jwks_file=str(path), refresh=100)
    assert "cannot be read" in await case.unavailable()
    path.write_bytes(case.issuer.jwks())
    case.clock.now += RETRY_SECONDS
    assert await case.verify(case.token())
    case.issuer.rotate(keep=False)
    path.write_bytes(case.issuer.jwks())
    case.clock.now += NEW_KEY_SECONDS
    assert await case.verify(case.token())
    path.write_bytes(b" " * (DOCUMENT_MAX_BYTES + 1))
    case.clock.now += NEW_KEY_SECONDS
    case.issuer.rotate()
    assert "more than" in await case.unavailable()
    assert case.issuer.requests == []


async def test_an_authority_file_that_is_missing_is_named(case, tmp_path):
    case.verifier(ca_file=str(tmp_path / "missing.pem"))
    assert "FileNotFoundError" in await case.unavailable()


async def test_the_authority_of_the_settings_is_the_one_that_is_asked(case, monkeypatch):
    asked = []
    made = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile=None: asked.append(cafile) or made())
    case.verifier(ca_file="company.pem")
    await case.verify(case.token())
    assert asked == ["company.pem"]


async def test_what_nobody_foresaw_ends_one_attempt_and_no_more(case, monkeypatch):
    def broken(_):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("zotplus.adapters.oidc.fetching.read_keys", broken)
        assert await case.unavailable() == "an unexpected MemoryError"
    case.clock.now += RETRY_SECONDS
    assert await case.verify(case.token())
