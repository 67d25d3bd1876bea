"""One attempt to deliver: what is sent, and what comes of each answer. The endpoint is a server on this machine."""

import asyncio
import base64
import ipaddress
import json
import ssl
import time

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.faces.serving.authority import Authority
from zotplus.adapters.webhooks import client as module
from zotplus.adapters.webhooks.client import HttpWebhooks
from zotplus.adapters.webhooks.settings import WebhookSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.messages import Event, signature
from zotplus.ports.webhooks import Delivered, Undelivered

EVENT = Event(
    number=90,
    name="ObjectCreated:Put",
    bucket="box",
    owner="key:owner",
    region="us-east-1",
    rule="all",
    key="a key",
    time=1_790_000_000.0,
)


class Endpoint:
    """A server that answers ``status`` and keeps what it was sent."""

    def __init__(self):
        self.requests = []
        self.status = 200
        self.headers = {}
        self.delay = 0.0
        self.running = asyncio.Event()

    async def handle(self, request):
        self.requests.append((request.method, request.path_qs, request.headers, await request.read()))
        self.running.set()
        if self.delay:
            await asyncio.sleep(self.delay)
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def endpoint():
    made = Endpoint()
    server = web.Server(made.handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    made.url = f"http://127.0.0.1:{made.port}/objects?team=a"
    yield made
    await runner.cleanup()


@pytest.fixture
async def webhooks():
    made = []

    def make(**settings):
        webhook = WebhookSettings(**{"name": "hook", "reach": "local", **settings})
        made.append(HttpWebhooks([webhook]))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def secret_file(folder, text, name="secret"):
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


async def test_an_event_is_posted_and_signed(endpoint, webhooks, tmp_path):
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    hook = webhooks(
        url=endpoint.url,
        secret_file=secret_file(tmp_path, secret),
        authorization_file=secret_file(tmp_path, "Bearer abc\n", "authorization"),
    )
    assert isinstance(await hook.send("hook", EVENT), Delivered)
    ((method, path, headers, body),) = endpoint.requests
    assert (method, path) == ("POST", "/objects?team=a")
    assert json.loads(body)["Records"][0]["s3"]["object"]["key"] == "a+key"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer abc"
    assert headers["webhook-id"] == EVENT.id == "evt_000000000000005a"
    sent = int(headers["webhook-timestamp"])
    assert abs(sent - time.time()) < 60
    assert headers["webhook-signature"] == signature(b"k" * 32, EVENT.id, sent, body)


async def test_a_cloud_event_has_its_content_type(endpoint, webhooks):
    hook = webhooks(url=endpoint.url, format="cloudevents")
    await hook.send("hook", EVENT)
    ((_, _, headers, body),) = endpoint.requests
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert json.loads(body)["id"] == EVENT.id
    assert "webhook-signature" not in headers
    assert "Authorization" not in headers


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_a_success_is_any_2xx(endpoint, webhooks, status):
    endpoint.status = status
    assert isinstance(await webhooks(url=endpoint.url).send("hook", EVENT), Delivered)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
async def test_another_answer_is_a_failure(endpoint, webhooks, status):
    endpoint.status = status
    assert await webhooks(url=endpoint.url).send("hook", EVENT) == Undelivered(f"answered {status}")


async def test_a_redirect_is_not_followed(endpoint, webhooks):
    """CVE-2021-21287: a redirect to an address of the own network must lead nowhere."""
    endpoint.status, endpoint.headers = 307, {"Location": f"http://127.0.0.1:{endpoint.port}/inside"}
    assert await webhooks(url=endpoint.url).send("hook", EVENT) == Undelivered("answered 307")
    assert len(endpoint.requests) == 1


async def test_an_endpoint_may_ask_to_be_left_alone(endpoint, webhooks):
    endpoint.status, endpoint.headers = 503, {"Retry-After": "120"}
    assert (await webhooks(url=endpoint.url).send("hook", EVENT)).wait == 120


def test_retry_after_may_be_a_date_or_nonsense():
    assert module._retry_after("Mon, 21 Sep 2026 14:14:20 GMT", 1_790_000_000) == 60
    assert module._retry_after("Mon, 21 Sep 2026 14:12:20 GMT", 1_790_000_000) == 0
    for nonsense in ("", "-1", "soon", "9" * 30, "\u0661"):
        assert module._retry_after(nonsense, 1_790_000_000) == 0


async def test_an_endpoint_that_does_not_answer_is_given_up_after_the_timeout(endpoint, webhooks):
    endpoint.delay = 30
    outcome = await webhooks(url=endpoint.url, timeout=0.2).send("hook", EVENT)
    assert outcome == Undelivered("no answer within 0.2 s")


async def test_a_slow_endpoint_does_not_delay_another(endpoint, webhooks):
    endpoint.delay = 30
    slow = WebhookSettings(name="slow", url=endpoint.url, reach="local", timeout=20, concurrency=1)
    quick = WebhookSettings(name="quick", url=f"http://127.0.0.1:{endpoint.port + 1}/", reach="local")
    both = HttpWebhooks([slow, quick])
    task = asyncio.create_task(both.send("slow", EVENT))
    await endpoint.running.wait()
    async with asyncio.timeout(5):
        assert isinstance(await both.send("quick", EVENT), Undelivered)
    task.cancel()
    await both.close()


async def test_an_endpoint_that_is_not_there_is_told(webhooks):
    outcome = await webhooks(url="http://127.0.0.1:1/").send("hook", EVENT)
    assert "ClientConnectorError" in outcome.reason


async def test_a_name_that_leads_out_of_reach_is_never_connected_to(endpoint, webhooks):
    """CVE-2026-73080: ``localhost`` is this machine, whatever its name."""
    hook = webhooks(url=f"https://localhost:{endpoint.port}/", reach="public")
    outcome = await hook.send("hook", EVENT)
    assert "not within reach: public" in outcome.reason
    assert endpoint.requests == []


async def test_a_webhook_that_is_not_known_is_told(webhooks):
    assert await webhooks(url="http://127.0.0.1:1/").send("other", EVENT) == Undelivered(
        "events.webhooks names no other"
    )


async def test_a_certificate_file_that_is_gone_is_a_failure(webhooks, tmp_path):
    hook = webhooks(url="https://127.0.0.1:1/", ca_file=str(tmp_path / "missing.pem"))
    assert "FileNotFoundError" in (await hook.send("hook", EVENT)).reason


@pytest.mark.parametrize("text", ["short", "whsec_!!!", "whsec_"])
def test_a_weak_secret_is_refused_without_being_shown(webhooks, tmp_path, text):
    with pytest.raises(Problem) as caught:
        webhooks(url="http://127.0.0.1:1/", secret_file=secret_file(tmp_path, text))
    assert caught.value.fault is errors.SETTING_INVALID
    assert "short" not in caught.value.detail


def test_an_authorization_of_several_lines_is_refused(webhooks, tmp_path):
    with pytest.raises(Problem, match="one line of ASCII"):
        webhooks(url="http://127.0.0.1:1/", authorization_file=secret_file(tmp_path, "Bearer a\r\nX-Other: b"))


async def test_a_certificate_is_checked_against_the_authority_of_the_settings(endpoint, webhooks, tmp_path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "others").mkdir()
    ours, others = Authority(tmp_path / "ours", "ours"), Authority(tmp_path / "others", "others")
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate, key, _ = ours.sign("server", address, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    runner = web.ServerRunner(web.Server(endpoint.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    assert isinstance(await webhooks(url=url, ca_file=str(ours.file)).send("hook", EVENT), Delivered)
    refused = await webhooks(url=url, ca_file=str(others.file)).send("hook", EVENT)
    assert "CERTIFICATE_VERIFY_FAILED" in refused.reason
    assert "CERTIFICATE_VERIFY_FAILED" in (await webhooks(url=url).send("hook", EVENT)).reason
    await runner.cleanup()
