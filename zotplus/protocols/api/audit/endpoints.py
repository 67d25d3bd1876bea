"""Search the audit log, read one decision, have the chain verified."""

from datetime import datetime

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.audit.filters import PATTERN_MAX, Filter
from zotplus.domain.audit.records import EventKind, Record
from zotplus.domain.audit.times import timestamp
from zotplus.domain.audit.verification import StreamReport
from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.openapi import QueryParameter
from zotplus.ports.audit import PAGE_MAX, AuditPage, AuditQuery
from zotplus.protocols.api.endpoint import Call, Endpoint

_PAGE = 100
_TEXTS = ("principal", "action", "resource", "operation", "face")
_OUTCOMES = {"allowed": False, "denied": True}
_YEARS = (1971, 9999)
"""No log is older, and what is computed from a time must still be one."""
_ORDERS = {"newest": False, "oldest": True}


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether nothing was found, and how each stream is."""

    whole: bool
    streams: tuple[StreamReport, ...]


async def search(context: Context, call: Call, _body: None) -> AuditPage:
    """A page of records. Raises ``ARGUMENT_INVALID`` for a parameter that is not of its form."""
    return await context.services.audit.search(query_of(call.query))


async def read(context: Context, call: Call, _body: None) -> Record:
    """The record of one request, by the id that its answer had."""
    return await context.services.audit.find(call.path["id"])


async def verify(context: Context, _call: Call, _body: None) -> AuditVerdict:
    """Every stream was read from its first record on."""
    streams = await context.services.audit.verify()
    whole = not any(stream.findings for stream in streams)
    context.log["whole"] = int(whole)
    return AuditVerdict(whole=whole, streams=streams)


def query_of(given: dict[str, str]) -> AuditQuery:
    """The question that the query's parameters ask. Raises ``ARGUMENT_INVALID``."""
    texts = {name: _text(given, name) for name in _TEXTS}
    outcome = given.get("outcome")
    wanted = Filter(
        **texts,
        denied=None if outcome is None else _one_of(_OUTCOMES, "outcome", outcome),
        kind=_kind(given.get("kind")),
        status=_number(given, "status", default=0, least=100, most=599),
        since=_time(given, "since"),
        until=_time(given, "until"),
    )
    return AuditQuery(
        filter=wanted,
        oldest_first=_one_of(_ORDERS, "order", given.get("order", "newest")),
        limit=_number(given, "limit", default=_PAGE, least=1, most=PAGE_MAX),
        cursor=given.get("cursor", ""),
    )


def _text(given: dict[str, str], name: str) -> str:
    value = given.get(name, "")
    if len(value) > PATTERN_MAX:
        raise Problem(errors.ARGUMENT_INVALID, f"{name} has more than {PATTERN_MAX} characters.", argument=name)
    return value


def _one_of(known: dict[str, bool], name: str, value: str) -> bool:
    if value not in known:
        raise Problem(errors.ARGUMENT_INVALID, f"{name} is {' or '.join(known)}.", argument=name)
    return known[value]


def _kind(value: str | None) -> EventKind | None:
    if value is None:
        return None
    try:
        return EventKind(value)
    except ValueError as error:
        raise Problem(errors.ARGUMENT_INVALID, f"kind is one of {', '.join(EventKind)}.", argument="kind") from error


def _number(given: dict[str, str], name: str, *, default: int, least: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise Problem(errors.ARGUMENT_INVALID, f"{name} is a number from {least} to {most}.", argument=name)
    return int(text)


def _time(given: dict[str, str], name: str) -> str:
    text = given.get(name)
    if text is None:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not _YEARS[0] <= moment.year < _YEARS[1]:
        form = "a time like 2026-11-21T12:00:00Z, with its zone"
        raise Problem(errors.ARGUMENT_INVALID, f"{name} is {form}.", argument=name)
    return timestamp(moment.timestamp())


_QUERY = (
    QueryParameter(name="principal", summary="Only of this principal: its id or name."),
    QueryParameter(name="action", summary="Only with a decision on actions like this pattern (`s3:*`)."),
    QueryParameter(name="resource", summary="Only with a decision on resources like this pattern (`oci:team/*`)."),
    QueryParameter(name="outcome", summary="Only what was allowed, or denied.", values=tuple(_OUTCOMES)),
    QueryParameter(name="kind", summary="Only events of this kind.", values=tuple(EventKind)),
    QueryParameter(name="operation", summary="Only this operation (`GetObject`)."),
    QueryParameter(name="face", summary="Only by this door (`s3`, `oci`, `api` …)."),
    QueryParameter(name="status", summary="Only with this HTTP status."),
    QueryParameter(name="since", summary="From this time on (RFC 3339)."),
    QueryParameter(name="until", summary="Before this time (RFC 3339)."),
    QueryParameter(name="order", summary="Which come first; newest by default.", values=tuple(_ORDERS)),
    QueryParameter(name="limit", summary=f"Records of a page, 1 to {PAGE_MAX}; {_PAGE} by default."),
    QueryParameter(name="cursor", summary="Where an earlier page of the same question ended."),
)

ENDPOINTS = (
    Endpoint(
        address="GET /audit",
        name="SearchAudit",
        summary="Search the audit log, page by page.",
        work=search,
        action=actions.ADMIN_READ_AUDIT,
        resource="admin:audit",
        gives=AuditPage,
        query=_QUERY,
    ),
    Endpoint(
        address="GET /audit/{id}",
        name="ReadDecision",
        summary="Read the audit record of one request.",
        work=read,
        action=actions.ADMIN_READ_AUDIT,
        resource="admin:audit",
        gives=Record,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
    Endpoint(
        address="POST /audit/verify",
        name="VerifyAudit",
        summary="Verify the chain of the whole audit log.",
        work=verify,
        action=actions.ADMIN_VERIFY_AUDIT,
        resource="admin:audit",
        gives=AuditVerdict,
        faults=(errors.STORAGE_FAILED,),
    ),
)
