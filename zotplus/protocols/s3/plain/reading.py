"""Reading a plain GET or HEAD: signed in its headers, of a small object, with nothing said beside.

Such requests are most of what a busy registry answers. Every rule is that of all other requests: who signed is proven
by the same derived key, the evaluator decides as always, limits, log and audit are the pipeline's. Only the values on
the way are left out that others need: this reads from the received bytes to the stored record. Whatever is not plain in
any respect, refusals included, is None here, and is read from the beginning by the usual steps.

Spec: AWS "Authenticating Requests: Using the Authorization Header"; Amazon S3 API Reference, GetObject, HeadObject.
"""

import hmac
import re
import time
from hashlib import sha256

import msgspec

from zotplus.domain import actions
from zotplus.domain.dates import parse_basic_date
from zotplus.domain.iam import Need
from zotplus.domain.names import MAX_KEY_BYTES
from zotplus.domain.principals import Principal
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4 import MAX_SKEW
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM
from zotplus.gateway.context import Context
from zotplus.gateway.head import Listener
from zotplus.gateway.reply import Reply, field_lines
from zotplus.gateway.route import Route
from zotplus.protocols.s3.attributes import object_headers
from zotplus.protocols.s3.plain.shapes import Plan, RawHeaders, plan_of, shape_of
from zotplus.protocols.s3.request import Site
from zotplus.services.plain_reads import PlainObject

_EMPTY_SHA256 = sha256(b"").hexdigest().encode()
_PAYLOADS = frozenset({UNSIGNED_PAYLOAD.encode(), _EMPTY_SHA256})
_SIGNATURE = b"Signature="
_SIGNATURE_DIGITS = 64
_PREFACE = f"{ALGORITHM}\n".encode()
# A path in its one spelling whose bucket and key need no decoding and no judgement of their own.
_is_plain_path = re.compile(r"/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9\-._~/]+").fullmatch
_MAX_PATH = MAX_KEY_BYTES  # so that a key is never too long
_LINES = 4096  # half a kilobyte each
_GET_OBJECT = actions.GET_OBJECT.name
_SANDBOX = ("Content-Security-Policy", "sandbox")


class PlainRead(msgspec.Struct, frozen=True):
    """A plain read that was signed by ``principal``: what it needs, and the answer that it gets if that is allowed."""

    route: Route
    principal: Principal
    need: Need
    lines: bytes
    content: bytes
    with_content: bool

    def reply(self) -> Reply:
        """The object, as the operations of all other reads answer."""
        content = self.content
        return Reply(lines=self.lines, body=content if self.with_content else b"", length=len(content))


class PlainReading:
    """Reads plain requests of ``site``; ``get`` and ``head`` are the routes that they mean.

    Where a host can name a bucket nothing is plain.
    """

    def __init__(self, site: Site, get: Route, head: Route) -> None:
        self._prefix = site.prefix
        self._routes = {"GET": get, "HEAD": head} if site.domain is None else {}
        self._lines: dict[tuple[bytes, bool], bytes | None] = {}

    def read(self, context: Context) -> PlainRead | None:
        """The request of ``context`` where it is plain and rightly signed; nothing has happened yet."""
        head = context.head
        path = head.raw_path.removeprefix(self._prefix) if self._prefix else head.raw_path
        route = self._routes.get(head.method)
        if route is None or head.raw_query or len(path) > _MAX_PATH or _is_plain_path(path) is None:
            return None
        raw = head.raw_headers
        shape = shape_of(tuple([name for name, _ in raw]))
        if shape is None:
            return None
        authorization = raw[shape.authorization][1]
        said = authorization[: -_SIGNATURE_DIGITS - len(_SIGNATURE)]
        plan = plan_of(shape, said) if authorization.startswith(_SIGNATURE, len(said)) else None
        if plan is None:
            return None
        bucket, _, key = path[1:].partition("/")
        found = context.services.plain_reads.find(plan.terms.access_key, bucket, key)
        if found is None:
            return None
        to_sign = _string_to_sign(context, plan, raw, (raw[shape.date][1], raw[shape.payload][1]))
        if to_sign is None or not _is_signed(plan, found.secret, to_sign, authorization[-_SIGNATURE_DIGITS:]):
            return None
        lines = self._lines_of(found, is_sandboxed=head.listener is Listener.MAIN)
        if lines is None:
            return None
        need = Need(_GET_OBJECT, f"s3:{bucket}/{key}")
        return PlainRead(route, found.principal, need, lines, found.content, head.method == "GET")

    def _lines_of(self, found: PlainObject, *, is_sandboxed: bool) -> bytes | None:
        """The object's headers on the wire; None where it is not plain. Those of the last objects are kept."""
        named = (found.metadata, bool(found.bucket.versioning))
        try:
            return self._lines[named]
        except KeyError:
            info = found.info()
            headers = [] if info is None else object_headers(info, ())
            if is_sandboxed:
                headers.append(_SANDBOX)
            if len(self._lines) >= _LINES:
                self._lines.clear()
            lines = self._lines[named] = None if info is None else field_lines(headers)
            return lines


def _string_to_sign(context: Context, plan: Plan, raw: RawHeaders, said: tuple[bytes, bytes]) -> bytes | None:
    """What must have been signed, ``said`` being date and payload hash; None where they are unusual or out of time."""
    date, payload_hash = said
    timestamp = parse_basic_date(date.decode("latin-1"))
    if timestamp is None or abs(time.time() - timestamp) > MAX_SKEW or payload_hash not in _PAYLOADS:
        return None
    if date[:8] != plan.date:
        return None
    fields = b"".join([name + raw[place][1] + b"\n" for name, place in plan.lines])
    if b" " in fields or b"\t" in fields or not fields.isascii():
        return None  # runs of blanks have a canonical form of their own
    method, path = context.head.method.encode(), context.head.raw_path.encode()
    canonical = b"%b\n%b\n\n%b\n%b\n%b" % (method, path, fields, plan.names, payload_hash)
    return b"%b%b\n%b\n%b" % (_PREFACE, date, plan.scope, sha256(canonical).hexdigest().encode())


def _is_signed(plan: Plan, secret: str, to_sign: bytes, signature: bytes) -> bool:
    terms = plan.terms
    key = signing_key(secret, terms.date, terms.region, terms.service)
    return hmac.compare_digest(key.sign_bytes(to_sign).encode(), signature)
