"""Pages of other origins: the preflight that a browser sends, and what every answer to such a page says.

Nothing of the bucket but its rules is looked at: a preflight carries no credentials (Fetch standard section 4.8).

Spec: Amazon S3 User Guide, "How does Amazon S3 evaluate the CORS configuration on a bucket?".
"""

from functools import lru_cache
from typing import cast

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.cors import (
    ANY,
    METHODS,
    Allowance,
    CorsRule,
    Crossing,
    decode_rules,
    find_allowance,
    parse_requested_headers,
)
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Route
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import Handler, Row
from zotplus.protocols.s3.settings.cors import KIND

Pairs = tuple[tuple[str, str], ...]

PREFLIGHT_METHOD = "OPTIONS"
_ORIGIN_LIMIT = 2048  # as that of a rule's origin
_VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
_rules = lru_cache(maxsize=256)(decode_rules)


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    """May this page do that? ``level`` is what the address names."""

    bucket: str
    level: Level
    asked: Crossing

    def needs(self) -> tuple[Need, ...]:
        """Nothing: only the bucket's rules decide."""
        return ()


def parse_preflight(request: Request) -> Preflight:
    """Raises ``CORS_REQUEST_INVALID``."""
    headers = request.head.headers
    origin, method = headers.get("origin") or "", headers.get("access-control-request-method") or ""
    if not origin:
        raise Problem(errors.CORS_REQUEST_INVALID, "Insufficient information. Origin request header needed.")
    if method not in METHODS or len(origin) > _ORIGIN_LIMIT:
        raise Problem(errors.CORS_REQUEST_INVALID, f"Invalid Access-Control-Request-Method: {method[:32]}")
    asked = parse_requested_headers(headers.get("access-control-request-headers") or "")
    crossing = Crossing(origin=origin, method=method, headers=asked)
    return Preflight(bucket=request.bucket, level=request.level, asked=crossing)


async def answer_preflight(context: Context, operation: Preflight) -> Reply:
    """Raises ``CORS_DENIED``, ``BUCKET_NOT_FOUND``."""
    data = await context.services.documents.get(operation.bucket, KIND)
    if data is None:
        detail = "CORSResponse: CORS is not enabled for this bucket."
        raise Problem(errors.CORS_DENIED, detail, Method=PREFLIGHT_METHOD, ResourceType="BUCKET")
    allowance = find_allowance(_rules(data), operation.asked)
    if allowance is None:
        level = operation.level.upper()
        raise Problem(errors.CORS_DENIED, Method=operation.asked.method, ResourceType=level)
    return Reply(headers=_headers(allowance, operation.asked))


PREFLIGHT = Row(
    route=Route(
        name="Preflight",
        method=PREFLIGHT_METHOD,
        template="/{bucket}/{key+}",
        summary="Ask what a page of another origin may do.",
        handle=cast("Handler", answer_preflight),  # the row hands it what its own parse made
        public=True,
    ),
    level=Level.OBJECT,
    parse=parse_preflight,
)
"""For buckets and objects alike, and the one operation that needs no right."""


async def crossing_headers(context: Context, head: RequestHead, bucket: str) -> Pairs:
    """What the answer to a page of another origin says besides; nothing where the bucket has no rules.

    ``Vary`` is there whenever the rules are looked at: a cache must not give one origin's answer to another.
    """
    try:
        data = await context.services.documents.get(bucket, KIND)
    except Problem:
        return ()
    if data is None:
        return ()
    asked = Crossing(origin=head.headers.get("origin", ""), method=head.method)
    allowance = find_allowance(_rules(data), asked) if len(asked.origin) <= _ORIGIN_LIMIT else None
    return (_VARY,) if allowance is None else _headers(allowance, asked)


def _headers(allowance: Allowance, asked: Crossing) -> Pairs:
    """An origin that only ``*`` lets in is never repeated, and never told to send credentials (RustFS GHSA-v9fg)."""
    rule = allowance.rule
    found = [
        ("Access-Control-Allow-Origin", ANY if allowance.for_all else asked.origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.methods)),
        ("Access-Control-Allow-Credentials", "false" if allowance.for_all else "true"),
        ("Access-Control-Expose-Headers", _exposed(rule)),
        _VARY,
    ]
    if asked.headers:
        found.append(("Access-Control-Allow-Headers", ", ".join(asked.headers)))
    if rule.max_age is not None:
        found.append(("Access-Control-Max-Age", str(rule.max_age)))
    return tuple(found)


def _exposed(rule: CorsRule) -> str:
    """The headers that a page may read. ETag always: no page could upload in parts without it."""
    has_etag = any(header.lower() == "etag" for header in rule.exposed)
    return ", ".join(rule.exposed if has_etag else (*rule.exposed, "ETag"))
