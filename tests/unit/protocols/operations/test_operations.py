"""Health and metrics, on memory adapters."""

import asyncio
import base64
import json
from types import SimpleNamespace

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Effect, Policy, PolicySet, Statement
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import Pipeline
from zotplus.ports.identity import IssuerState, IssuerStatus
from zotplus.ports.upstream import UpstreamStatus
from zotplus.protocols.operations import readiness
from zotplus.protocols.operations.face import OperationsFace

READER = Principal(
    id="prometheus",
    kind=PrincipalKind.KEY,
    policies=PolicySet(
        Policy(statement=(Statement(effect=Effect.ALLOW, action=("admin:ReadMetrics",), resource=("admin:*",)),)),
    ),
)
OTHER = Principal(id="other", kind=PrincipalKind.KEY)
NOBODY = Principal(id="anonymous", kind=PrincipalKind.ANONYMOUS)


class Callers:
    """Two callers whose password is their name."""

    async def by_password(self, user, password, _address):
        found = {"prometheus": READER, "other": OTHER}.get(user)
        if found is None or user != password:
            raise Problem(errors.CREDENTIALS_INVALID)
        return found

    async def anonymous(self):
        return NOBODY


class Part:
    """A part of the server that does what it is told."""

    def __init__(self, outcome=None):
        self.outcome = outcome
        self.asked = 0

    async def check(self):
        self.asked += 1
        if isinstance(self.outcome, float):
            await asyncio.sleep(self.outcome)
        elif self.outcome is not None:
            raise self.outcome
        return UpstreamStatus(product="zot", version="2.1.20", referrers=True)

    status = check


def stage(store=None, blobs=None, upstream=None, *, public=False, issuers=()):
    face = OperationsFace(
        readiness.Readiness(store or KeyValueMemory(), blobs or BlobsMemory(), upstream or Part(), lambda: issuers),
        lambda: ("text/plain; version=0.0.4", b"zotplus_workers 2\n"),
        SimpleNamespace(public=public),
    )
    pipeline = Pipeline(lambda _head: face, SimpleNamespace(callers=Callers()))

    async def ask(path, method="GET", headers=()):
        head = RequestHead(
            method=method,
            raw_path=path,
            raw_query="",
            headers=CIMultiDictProxy(CIMultiDict(headers)),
            peer="127.0.0.1",
            scheme="http",
            host="localhost",
        )
        return await pipeline.respond(pipeline.open(head, None))

    return ask


def basic(user, password=None):
    token = base64.b64encode(f"{user}:{user if password is None else password}".encode()).decode()
    return (("Authorization", f"Basic {token}"),)


async def test_a_sound_server_is_ready_and_says_what_was_checked():
    for path in ("/health/ready", "/health"):
        reply = await stage()(path)
        assert reply.status == 200
        assert json.loads(reply.body) == {
            "ready": True,
            "checks": {"metadata": {"status": "ok"}, "blobs": {"status": "ok"}, "upstream": {"status": "ok"}},
        }


@pytest.mark.parametrize("failing", ["store", "blobs", "upstream"])
async def test_a_failed_part_makes_the_server_unready_and_is_named(failing):
    fault = errors.UPSTREAM_UNAVAILABLE if failing == "upstream" else errors.STORAGE_FAILED
    reply = await stage(**{failing: Part(Problem(fault, "disk sda on fire"))})("/health/ready")
    assert reply.status == 503
    report = json.loads(reply.body)
    name = {"store": "metadata"}.get(failing, failing)
    assert report["checks"].pop(name) == {"status": "failed", "reason": fault.code}
    assert {part["status"] for part in report["checks"].values()} == {"ok"}
    assert b"sda" not in reply.body


async def test_a_missing_upstream_is_told_but_nothing_is_wrong():
    reply = await stage(upstream=Part(Problem(errors.UPSTREAM_MISSING)))("/health/ready")
    assert reply.status == 200
    assert json.loads(reply.body)["checks"]["upstream"] == {"status": "missing", "reason": "upstream_missing"}


async def test_a_full_disk_keeps_the_server_ready_for_reads():
    reply = await stage(blobs=Part(Problem(errors.STORAGE_FULL)))("/health/ready")
    assert reply.status == 200
    assert json.loads(reply.body)["checks"]["blobs"]["status"] == "full"


async def test_a_part_that_does_not_answer_in_time_has_failed_and_the_others_are_told(monkeypatch):
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.01)
    reply = await stage(store=Part(30.0))("/health/ready")
    assert reply.status == 503
    assert json.loads(reply.body)["checks"]["metadata"] == {"status": "failed", "reason": "timeout"}
    assert json.loads(reply.body)["checks"]["blobs"] == {"status": "ok"}


async def test_a_check_that_breaks_is_a_failed_part():
    reply = await stage(blobs=Part(ZeroDivisionError()))("/health/ready")
    assert json.loads(reply.body)["checks"]["blobs"] == {"status": "failed", "reason": "internal_error"}


async def test_many_askers_share_one_round_and_its_answer_is_kept_for_a_moment(monkeypatch):
    part = Part(0.01)
    ask = stage(store=part)
    await asyncio.gather(*(ask("/health/ready") for _ in range(50)))
    await ask("/health/ready")
    assert part.asked == 1
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0.0)
    ask = stage(store=part)
    await ask("/health/ready")
    await ask("/health/ready")
    assert part.asked == 3


async def test_an_asker_that_leaves_does_not_end_the_round_for_others():
    ask = stage(store=Part(0.05))
    first = asyncio.create_task(ask("/health/ready"))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(ask("/health/ready"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).status == 200


async def test_a_process_that_answers_is_alive_whatever_else_fails():
    reply = await stage(store=Part(Problem(errors.STORAGE_FAILED)))("/health/live", headers=basic("junk"))
    assert (reply.status, reply.body) == (200, b'{"alive":true}')


async def test_head_is_answered_as_get_and_the_transport_leaves_the_body_out():
    assert (await stage()("/health/live", method="HEAD")).body == b'{"alive":true}'


@pytest.mark.parametrize("path", ["/health/", "/health/readyx", "/metrics/", "/healthx", "/health/%6cive"])
async def test_other_addresses_do_not_exist(path):
    reply = await stage()(path)
    assert reply.status == 404
    assert json.loads(reply.body)["code"] == "route_not_found"


@pytest.mark.parametrize("path", ["/health", "/metrics"])
async def test_other_methods_are_refused_with_those_that_work(path):
    reply = await stage()(path, method="POST")
    assert reply.status == 405
    assert ("Allow", "GET, HEAD") in reply.headers


async def test_metrics_are_for_those_who_may():
    reply = await stage()("/metrics", headers=basic("prometheus"))
    assert (reply.status, reply.body) == (200, b"zotplus_workers 2\n")
    assert ("Content-Type", "text/plain; version=0.0.4") in reply.headers


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ((), 401, "credentials_missing"),
        (basic("other"), 403, "access_denied"),
        (basic("prometheus", "wrong"), 401, "credentials_invalid"),
        (basic("prometheus") * 2, 400, "credentials_ambiguous"),
        ((("Authorization", "Digest x"),), 400, "credentials_malformed"),
        ((("Authorization", "Basic"),), 400, "credentials_malformed"),
    ],
)
async def test_metrics_are_refused_to_everybody_else(headers, status, code):
    reply = await stage()("/metrics", headers=headers)
    assert reply.status == status
    assert json.loads(reply.body)["code"] == code
    assert b"zotplus_workers" not in reply.body


async def test_metrics_can_be_opened_to_everybody():
    ask = stage(public=True)
    assert (await ask("/metrics")).status == 200
    assert (await ask("/metrics", headers=(("Authorization", "Bearer x"),))).status == 200


def test_only_health_is_public_by_default():
    face = OperationsFace(
        readiness.Readiness(KeyValueMemory(), BlobsMemory(), Part()), lambda: ("", b""), SimpleNamespace(public=False)
    )
    assert {route.template for route in face.routes if route.public} == {"/health", "/health/live", "/health/ready"}
    assert all(route.public or route.action is not None for route in face.routes)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (IssuerState.READY, {"status": "ok"}),
        (IssuerState.STALE, {"status": "stale", "reason": "issuer_unavailable"}),
        (IssuerState.UNAVAILABLE, {"status": "waiting", "reason": "issuer_unavailable"}),
        (IssuerState.UNKNOWN, {"status": "waiting", "reason": "issuer_unavailable"}),
    ],
)
async def test_an_issuer_that_is_away_is_told_and_does_not_make_the_server_unready(state, told):
    ask = stage(issuers=(IssuerStatus(name="keycloak", state=state, reason="connection refused by 10.0.0.7"),))
    reply = await ask("/health/ready")
    assert reply.status == 200
    assert msgspec.json.decode(reply.body)["checks"]["issuer keycloak"] == told
