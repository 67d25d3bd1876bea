"""One way for every request: parse, authenticate, authorise, handle, render; and it fails closed."""

import asyncio

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain import errors
from zotplus.domain.actions import DELETE_OBJECT, GET_OBJECT
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Effect, Need, Policy, PolicySet, Statement
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.context import NOBODY
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Route

READ = Need("s3:GetObject", "s3:b/k")
READER = Principal(
    id="reader",
    kind=PrincipalKind.KEY,
    policies=PolicySet(
        Policy(statement=(Statement(effect=Effect.ALLOW, action=("s3:GetObject",), resource=("s3:b/*",)),))
    ),
)


class Thing(msgspec.Struct, frozen=True):
    wanted: tuple[Need, ...]

    def needs(self):
        return self.wanted


async def served(context, operation):
    return Reply(body=b"served")


async def broken(context, operation):
    raise ZeroDivisionError("a secret value")


def route(**changes):
    given = {"name": "Get", "method": "GET", "template": "/", "summary": "", "handle": served, "action": GET_OBJECT}
    return Route(**{**given, **changes})


class OneRouteFace:
    name = "test"
    request_id_header = "X-Request-Id"
    routes = ()

    def __init__(self, the_route, needs=(READ,), principal=READER):
        self._route, self._needs, self._principal = the_route, needs, principal

    def parse(self, head):
        if head.raw_path == "/bad":
            raise Problem(errors.PATH_INVALID)
        return self._route, Thing(self._needs)

    async def authenticate(self, context):
        return self._principal

    def render(self, problem, context):
        return Reply(status=problem.fault.status, body=f"{problem.fault.code}: {problem.detail}".encode())


def head_for(path):
    return RequestHead(
        method="GET",
        raw_path=path,
        raw_query="",
        headers=CIMultiDictProxy(CIMultiDict()),
        peer="127.0.0.1",
        scheme="http",
        host="h",
    )


async def answer(face, path="/"):
    head = head_for(path)
    pipeline = Pipeline(lambda _head: face, services=None)
    context = pipeline.open(head, body=None)
    return await pipeline.respond(context), context


async def test_an_allowed_request_reaches_its_handler():
    reply, context = await answer(OneRouteFace(route()))
    assert (reply.status, reply.body) == (200, b"served")
    assert (context.operation_name, context.principal.id, context.fault) == ("Get", "reader", None)


async def test_a_caller_without_rights_is_denied_and_the_log_says_why():
    reply, context = await answer(OneRouteFace(route(action=DELETE_OBJECT), needs=(Need("s3:DeleteObject", "s3:b/k"),)))
    assert reply.status == 403
    assert context.log["fault"] == "access_denied"
    assert "no policy allows s3:DeleteObject" in context.log["denied"]


async def test_an_anonymous_caller_is_asked_to_log_in():
    reply, _ = await answer(OneRouteFace(route(), principal=NOBODY))
    assert reply.body.startswith(b"credentials_missing")


async def test_every_need_must_be_allowed_not_only_the_first():
    reply, _ = await answer(OneRouteFace(route(), needs=(READ, Need("s3:GetObject", "s3:other/k"))))
    assert reply.status == 403


@pytest.mark.parametrize("needs", [(), (Need("s3:PutObject", "s3:b/k"),)])
async def test_a_route_that_forgets_its_need_or_names_another_is_refused(needs):
    reply, _ = await answer(OneRouteFace(route(), needs=needs))
    assert reply.body.startswith(b"access_denied")


async def test_a_route_without_action_that_is_not_public_is_refused():
    reply, _ = await answer(OneRouteFace(route(action=None)))
    assert reply.body.startswith(b"access_denied")


async def test_a_public_route_needs_nothing_and_a_deciding_one_decides_itself():
    reply, _ = await answer(OneRouteFace(route(public=True, action=None), needs=(), principal=NOBODY))
    assert reply.body == b"served"
    reply, _ = await answer(OneRouteFace(route(decides=True), needs=()))
    assert reply.body == b"served"


async def test_a_request_that_cannot_be_parsed_has_no_operation():
    reply, context = await answer(OneRouteFace(route()), "/bad")
    assert (reply.status, context.operation_name) == (400, "Unknown")


async def test_a_fault_of_our_own_is_an_internal_error_that_tells_nothing():
    reply, _ = await answer(OneRouteFace(route(handle=broken)))
    assert reply.status == 500
    assert b"secret" not in reply.body


async def waits(context, operation):
    await asyncio.sleep(0)
    return Reply(body=b"after waiting")


def at_once(the_route, path="/", **face):
    made = OneRouteFace(the_route, **face)
    made.routes = (the_route,)
    pipeline = Pipeline(lambda _head: made, services=None)
    context = pipeline.open(head_for(path), body=None)
    return pipeline.respond_at_once(context), pipeline, context


def test_an_immediate_read_is_answered_without_a_task():
    reply, _, context = at_once(route(immediate=True))
    assert reply.body == b"served"
    assert context.principal.id == "reader"


def test_an_immediate_read_is_refused_by_the_same_rules():
    reply, _, context = at_once(route(immediate=True), principal=NOBODY)
    assert reply.body.startswith(b"credentials_missing")
    assert context.fault is errors.CREDENTIALS_MISSING
    reply, _, _ = at_once(route(immediate=True), needs=())
    assert reply.body.startswith(b"access_denied")


@pytest.mark.parametrize("path", ["/", "/bad"])
def test_what_is_not_immediate_or_cannot_be_parsed_goes_the_usual_way(path):
    assert at_once(route(immediate=path == "/bad"), path)[0] is None


async def test_a_read_that_waits_after_all_is_dropped_and_answered_the_usual_way():
    reply, pipeline, context = at_once(route(immediate=True, handle=waits))
    assert reply is None
    assert (await pipeline.respond(context)).body == b"after waiting"
