"""Where requests meet the limits of their caller."""

import asyncio

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.unit.gateway.test_pipeline import READER, OneRouteFace, route, served
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.bodies import NO_BODY
from zotplus.gateway.context import NOBODY
from zotplus.gateway.head import RequestHead
from zotplus.gateway.limits import SMALL_BODY_BYTES, RequestLimits
from zotplus.gateway.pipeline import Pipeline
from zotplus.services.protection.limits import CallerLimits, ProtectionSettings

ANYBODY = Principal(id="anonymous", kind=PrincipalKind.ANONYMOUS, policies=READER.policies)


class Body:
    def __init__(self, length):
        self.length = length


class Gate:
    """A pipeline of one face behind limits."""

    def __init__(self, face, **protection):
        self.limits = RequestLimits(CallerLimits(ProtectionSettings(**protection), 1, clock=lambda: 0.0))
        self.pipeline = Pipeline(lambda _head: face, None, limits=self.limits)

    def open(self, peer="127.0.0.1", length=0):
        headers = CIMultiDictProxy(CIMultiDict())
        head = RequestHead(
            method="PUT", raw_path="/", raw_query="", headers=headers, peer=peer, scheme="http", host="h"
        )
        return self.pipeline.open(head, Body(length) if length != 0 else NO_BODY)

    async def ask(self, peer="127.0.0.1", length=0):
        return (await self.pipeline.respond(self.open(peer, length))).status


async def test_a_caller_above_its_rate_gets_429_wherever_it_comes_from():
    gate = Gate(OneRouteFace(route()), requests_per_second=1, burst=2)
    assert [await gate.ask(peer) for peer in ("10.0.0.1", "10.0.0.2", "10.0.0.3")] == [200, 200, 429]


async def test_who_has_no_credentials_is_counted_by_address_and_ipv6_by_network():
    gate = Gate(OneRouteFace(route(), principal=ANYBODY), requests_per_second=1, burst=1)
    assert [await gate.ask(peer) for peer in ("10.0.0.1", "10.0.0.2", "10.0.0.1")] == [200, 200, 429]
    assert [await gate.ask(peer) for peer in ("2001:db8::1", "2001:db8::2", "2001:db8:1::2")] == [200, 429, 200]


async def test_what_is_not_allowed_counts_too():
    gate = Gate(OneRouteFace(route(), needs=()), requests_per_second=1, burst=1)
    assert [await gate.ask(), await gate.ask()] == [403, 429]


async def test_health_and_metrics_are_never_limited():
    face = OneRouteFace(route())
    face.name = "operations"
    gate = Gate(face, requests_per_second=1, burst=1, uploads=1)
    assert {await gate.ask(length=None) for _ in range(9)} == {200}


@pytest.mark.parametrize("length", [None, SMALL_BODY_BYTES + 1])
async def test_uploads_beyond_the_limit_are_refused_while_others_run(length):
    waiting, going = asyncio.Event(), asyncio.Event()

    async def slow(context, operation):
        waiting.set()
        await going.wait()
        return await served(context, operation)

    gate = Gate(OneRouteFace(route(handle=slow)), uploads=1)
    first = asyncio.create_task(gate.ask(length=length))
    await waiting.wait()
    assert await gate.ask(length=length) == 429
    small = asyncio.create_task(gate.ask(length=SMALL_BODY_BYTES))
    going.set()
    assert [await first, await small] == [200, 200]
    assert await gate.ask(length=length) == 200


async def test_an_upload_that_fails_or_is_cancelled_makes_room():
    async def broken(context, operation):
        raise ZeroDivisionError

    async def endless(context, operation):
        await asyncio.Event().wait()

    for handle in (broken, endless):
        gate = Gate(OneRouteFace(route(handle=handle)), uploads=1)
        for _ in range(3):
            task = asyncio.create_task(gate.ask(length=None))
            await asyncio.sleep(0)
            task.cancel()
            assert (await asyncio.gather(task, return_exceptions=True))[0] != 429


async def test_an_answer_that_is_tried_at_once_and_then_again_counts_once():
    async def later(context, operation):
        await asyncio.sleep(0)
        return await served(context, operation)

    for handle in (served, later):
        the_route = route(handle=handle, immediate=True)
        face = OneRouteFace(the_route)
        face.routes = (the_route,)
        gate = Gate(face, requests_per_second=1, burst=1)
        if gate.pipeline.respond_at_once(gate.open()) is None:
            assert await gate.ask() == 200
        assert await gate.ask() == 429


async def test_an_attempt_that_ended_before_the_caller_was_known_gives_nothing_back():
    class SlowToKnow(OneRouteFace):
        async def authenticate(self, context):
            await asyncio.sleep(0)
            return ANYBODY

    the_route = route(immediate=True)
    face = SlowToKnow(the_route)
    face.routes = (the_route,)
    gate = Gate(face, requests_per_second=1, burst=1)
    context = gate.open()
    assert gate.pipeline.respond_at_once(context) is None
    assert context.principal is NOBODY
    assert await gate.ask() == 200
    assert gate.pipeline.respond_at_once(gate.open()) is None
    assert await gate.ask() == 429
