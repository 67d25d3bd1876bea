"""One way for every request: parse, authenticate, authorise, handle, render; and it fails closed."""

import asyncio

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain import errors
from zotplus.domain.actions import DELETE_OBJECT, GET_OBJECT
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Effect, Need, Policy, PolicySet, Statement
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.context import NOBODY
from zotplus.gateway.head import Listener, RequestHead
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.plain import Origin, read_plain
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


class Found(msgspec.Struct):
    """A plain read or write of somebody."""

    principal: Principal = READER
    need: Need = READ
    route: Route = msgspec.field(default_factory=lambda: route(handle=served))
    reply: object = None

    async def perform(self, request):
        if isinstance(self.reply, Exception):
            raise self.reply
        return Reply(body=b"written")


def plainly(found, **parts):
    """Pipeline, request, and what it says to the request."""
    face = OneRouteFace(route())
    request = read_plain(b"PUT / HTTP/1.1\r\nHost: h\r\n\r\n", Origin("127.0.0.1", "http", ""))
    request.listener = Listener.S3
    face.write_plainly = lambda _asked: raising(found) if isinstance(found, Exception) else found
    face.read_plainly = lambda asked: [face.write_plainly(one) for one in asked]
    pipeline = Pipeline(lambda _head: face, services="services", **parts)
    (answered,), begun = pipeline.answer_plainly(face, [request]), pipeline.begin_plainly(face, request)
    assert answered is begun
    return pipeline, request, begun


def raising(error):
    raise error


def test_a_plain_request_that_is_allowed_is_taken_and_known():
    found = Found()
    pipeline, request, begun = plainly(found)
    assert begun is found
    assert (request.principal, request.route, request.services) == (READER, found.route, "services")
    ((need, decision),) = request.decisions
    assert (need, isinstance(decision, Allowed)) == (READ, True)
    assert pipeline.callers == {"reader"}


@pytest.mark.parametrize(
    "found",
    [
        None,
        Found(need=Need("s3:PutObject", "s3:b/k")),
        Found(principal=NOBODY),
        Problem(errors.STORAGE_FAILED),
    ],
    ids=["not plain", "not allowed", "nobody", "problem"],
)
def test_a_plain_request_that_is_not_allowed_is_left_untouched(found):
    pipeline, request, begun = plainly(found)
    assert begun is None
    assert (request.decisions, pipeline.callers) == ([], set())


def test_a_fault_of_our_own_is_met_again_by_the_usual_steps():
    assert plainly(ZeroDivisionError("a secret value"))[2] is None


def test_a_policy_that_asks_for_facts_is_left_to_the_usual_steps():
    tagged = {"StringEquals": {"s3:ExistingObjectTag/team": ["red"]}}
    statement = Statement(effect=Effect.ALLOW, action=("s3:GetObject",), resource=("s3:b/*",), condition=tagged)
    asking = msgspec.structs.replace(READER, policies=PolicySet(Policy(statement=(statement,))))
    assert asking.policies.facts
    assert plainly(Found(principal=asking))[2] is None


class Refusing:
    """Limits or an audit trail that let nothing pass."""

    def admit_small(self, caller):
        raise Problem(errors.TOO_MANY_REQUESTS)

    def require(self, the_route):
        raise Problem(errors.AUDIT_UNAVAILABLE)


@pytest.mark.parametrize("part", ["limits", "audit"])
def test_limits_and_a_failing_audit_log_count_for_plain_requests(part):
    pipeline, request, begun = plainly(Found(), **{part: Refusing()})
    assert begun is None
    assert (request.decisions, pipeline.callers) == ([], set())


async def test_a_plain_write_is_performed():
    pipeline, request, begun = plainly(Found())
    told, reply = await pipeline.perform_plainly(begun, request)
    assert (told, reply.body) == (request, b"written")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Problem(errors.STORAGE_FULL), errors.STORAGE_FULL),
        (ZeroDivisionError("a secret value"), errors.INTERNAL_ERROR),
    ],
    ids=["problem", "fault of our own"],
)
async def test_a_plain_write_that_fails_is_refused_as_any_other(error, fault):
    pipeline, request, begun = plainly(Found(reply=error))
    context, reply = await pipeline.perform_plainly(begun, request)
    assert (reply.status, context.fault, context.log) == (fault.status, fault, {"fault": fault.code})
    assert (context.request_id, context.decisions) == (request.request_id, request.decisions)
    assert b"secret" not in reply.body
