"""What is noted of a request, when it is handed over, and what may not happen while nothing can be."""

import asyncio
from types import SimpleNamespace

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain import errors
from zotplus.domain.actions import (
    ADMIN_CREATE_KEY,
    ADMIN_LIST_KEYS,
    ADMIN_PURGE_BUCKET,
    DELETE_OBJECT,
    GET_OBJECT,
    PUT_OBJECT,
)
from zotplus.domain.audit.records import DECISIONS_MAX, PATH_MAX, EventKind
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway import auditing
from zotplus.gateway.auditing import AuditTrail, kind_of
from zotplus.gateway.bodies import NO_BODY
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.route import Route
from zotplus.gateway.transport.telling import finished, now

SOMEBODY = Principal(id="ZP1", kind=PrincipalKind.KEY, name="ci", attributes={"aws:userid": ("ZP1",), "x:y": ("z",)})
ANYBODY = Principal(id="anonymous", kind=PrincipalKind.ANONYMOUS)


class Log:
    is_failing = False

    def __init__(self):
        self.taken = []
        self.records = []
        self.urgent = []

    def take(self, record):
        self.taken.append(record)

    def hand_over(self, *, urgent=False):
        if self.taken:
            self.records += self.taken
            self.taken = []
            self.urgent.append(urgent)


@pytest.fixture
def log():
    return Log()


def route(action=GET_OBJECT, **changes):
    return Route(
        **{"name": "Get", "method": "GET", "template": "/", "summary": "", "handle": None, **changes}, action=action
    )


def answered(principal=SOMEBODY, the_route=None, *, fault=None, face="s3", needs=("s3:GetObject",), path="/"):
    head = RequestHead(
        method="GET",
        raw_path=path,
        raw_query="secret",
        headers=CIMultiDictProxy(CIMultiDict()),
        peer="192.0.2.1",
        scheme="http",
        host="x",
    )
    context = Context(
        head=head, body=NO_BODY, services=None, face=SimpleNamespace(name=face), request_id="ID", started=0.0
    )
    context.principal = principal
    context.route = the_route or route()
    context.fault = fault
    for need in needs:
        context.decide(Need(need, "s3:b/k"))
    return context


def note(trail, context):
    trail.note(context, finished(context, 200, (0, 0), now()))


def test_without_a_loop_a_request_is_handed_over_at_once(log):
    context = answered(path="/" + "x" * 9_999)
    AuditTrail(log, generation=lambda: 7).note(context, finished(context, 200, (1, 2), now()), "trace")
    (record,) = log.records
    assert (record.id, record.status, record.bytes_in, record.bytes_out, record.trace) == ("ID", 200, 1, 2, "trace")
    assert (record.generation, len(record.path), record.peer) == (7, PATH_MAX, "192.0.2.1")
    assert record.who.claims == {"x:y": ("z",)}


async def test_requests_are_handed_over_together_a_little_later(log, monkeypatch):
    monkeypatch.setattr(auditing, "FLUSH_SECONDS", 0)
    trail = AuditTrail(log)
    note(trail, answered())
    note(trail, answered())
    assert log.records == []
    await asyncio.sleep(0.01)
    assert (len(log.records), len(log.urgent)) == (2, 1)
    trail.flush()
    assert len(log.records) == 2


def test_nothing_is_noted_without_a_log():
    trail = AuditTrail()
    note(trail, answered())
    trail.flush()
    trail.require(route(PUT_OBJECT))


@pytest.mark.parametrize(
    ("context", "kind"),
    [
        (answered(), EventKind.REQUEST),
        (answered(fault=errors.OBJECT_NOT_FOUND), EventKind.REQUEST),
        (answered(fault=errors.ACCESS_DENIED), EventKind.DENIED),
        (answered(the_route=route(ADMIN_CREATE_KEY)), EventKind.ADMINISTRATION),
        (answered(the_route=route(ADMIN_LIST_KEYS)), EventKind.REQUEST),
        (answered(the_route=route(None, name="GetToken"), face="oci"), EventKind.LOGIN),
        (answered(the_route=route(None, name="AssumeRoleWithWebIdentity"), face="sts"), EventKind.EXCHANGE),
        (answered(the_route=route(None, name="MintToken"), face="mint"), EventKind.EXCHANGE),
        (answered(the_route=route(None)), EventKind.REQUEST),
    ],
)
def test_events_are_told_apart(context, kind):
    assert kind_of(context) is kind


def test_a_request_that_found_no_route_is_denied():
    context = answered(fault=errors.ROUTE_NOT_FOUND, needs=())
    context.route = None
    assert kind_of(context) is EventKind.DENIED


@pytest.mark.parametrize(
    ("context", "count"),
    [
        (answered(ANYBODY), 0),
        (answered(ANYBODY, fault=errors.NOT_MODIFIED), 0),
        (answered(ANYBODY, fault=errors.ACCESS_DENIED), 1),
        (answered(ANYBODY, fault=errors.PATH_INVALID, needs=()), 1),
        (answered(ANYBODY, needs=("s3:PutObject",)), 1),
        (answered(ANYBODY, needs=("not:AnAction",)), 0),
        (answered(SOMEBODY), 1),
        (answered(ANYBODY, route(None, public=True), needs=()), 0),
        (answered(ANYBODY, route(None, public=True, name="GetToken"), face="oci", needs=()), 1),
        (answered(ANYBODY, route(None, public=True, name="AssumeRole"), face="sts", needs=()), 1),
    ],
)
def test_what_anybody_may_read_is_only_recorded_when_asked(log, context, count):
    if (context.face.name, context.operation_name) == ("oci", "GetToken"):
        context.principal = SOMEBODY
    note(AuditTrail(log), context)
    assert len(log.records) == count


def test_anonymous_reads_are_recorded_where_that_is_set(log):
    note(AuditTrail(log, anonymous_reads=True), answered(ANYBODY))
    assert len(log.records) == 1


async def test_administration_is_handed_over_at_once(log):
    trail = AuditTrail(log)
    note(trail, answered())
    note(trail, answered(the_route=route(ADMIN_CREATE_KEY)))
    assert (len(log.records), log.urgent) == (2, [True])


def test_decisions_beyond_the_first_are_counted(log):
    context = answered(needs=("s3:GetObject",) * (DECISIONS_MAX + 5))
    assert context.may(Need("s3:GetObject", "s3:b/k")) is False
    note(AuditTrail(log), context)
    assert (len(log.records[0].decisions), log.records[0].more_decisions) == (DECISIONS_MAX, 6)


def test_principals_are_kept_up_to_a_bound(log, monkeypatch):
    monkeypatch.setattr(auditing, "_KNOWN_MAX", 2)
    trail = AuditTrail(log)
    for name in ("a", "b", "c", "c"):
        note(trail, answered(Principal(id=name, kind=PrincipalKind.KEY)))
    assert [record.who.id for record in log.records] == ["a", "b", "c", "c"]
    assert len(trail._known) <= 2


@pytest.mark.parametrize(
    ("the_route", "refused"),
    [
        (route(PUT_OBJECT), True),
        (route(GET_OBJECT), False),
        (route(DELETE_OBJECT, method="DELETE"), False),
        (route(ADMIN_PURGE_BUCKET, method="DELETE"), False),
        (route(ADMIN_CREATE_KEY), True),
        (route(ADMIN_LIST_KEYS), True),
        (route(None), False),
        (route(None, method="POST"), True),
    ],
)
def test_while_the_log_fails_nothing_is_changed_or_administered(log, the_route, refused):
    trail = AuditTrail(log, required=True)
    trail.require(the_route)
    log.is_failing = True
    AuditTrail(log).require(the_route)  # where it is not required
    if not refused:
        trail.require(the_route)
        return
    with pytest.raises(Problem) as found:
        trail.require(the_route)
    assert found.value.fault is errors.AUDIT_UNAVAILABLE
