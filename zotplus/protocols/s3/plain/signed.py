"""Plain requests that are rightly signed: who may have signed them is looked up by the face's readers in between.

Every rule is that of all other requests: the same derived key proves the signer. Only the values on the way are left
out that others need. Whatever is not plain in any respect, refusals included, is None here.

Spec: AWS "Authenticating Requests: Using the Authorization Header".
"""

import hmac
import re
import time
from functools import lru_cache
from hashlib import sha256

from zotplus.domain.dates import parse_basic_date
from zotplus.domain.names import MAX_KEY_BYTES
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4 import MAX_SKEW
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM
from zotplus.gateway.plain import PlainRequest
from zotplus.protocols.s3.plain.shapes import Plan, plan_of, shape_of

_SIGNATURE = b"Signature="
_SIGNATURE_DIGITS = 64
_PREFACE = f"{ALGORITHM}\n".encode()
# A path in its one spelling whose bucket and key need no decoding and no judgement of their own.
_plain_path = re.compile(r"/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9\-._~/]+)").fullmatch
_MAX_PATH = MAX_KEY_BYTES  # so that a key is never too long
_DATES = 256  # clients sign some requests within one second


class Signed:
    """A plain head: ``bucket`` and ``key`` (ASCII), its ``plan``, and the hash that it names of its payload."""

    __slots__ = ("_date", "_head", "_signature", "bucket", "key", "payload", "plan")

    def __init__(self, head: PlainRequest, plan: Plan, named: tuple[str, str]) -> None:
        raw, shape = head.raw_headers, plan.shape
        self._head = head
        self._date = raw[shape.date][1]
        self._signature = raw[shape.authorization][1][-_SIGNATURE_DIGITS:]
        self.plan = plan
        self.bucket, self.key = named
        self.payload = raw[shape.payload][1]

    def header(self, name: bytes) -> bytes:
        """The value of a header of the plan's shape, as received; empty where there is none."""
        place = self.plan.shape.positions.get(name)
        return b"" if place is None else self._head.raw_headers[place][1]

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature is right and of our time."""
        plan, head, date = self.plan, self._head, self._date
        timestamp = _timestamp(date)
        if timestamp is None or abs(time.time() - timestamp) > MAX_SKEW or date[:8] != plan.date:
            return False
        raw = head.raw_headers
        fields = b"".join([name + raw[place][1] + b"\n" for name, place in plan.lines])
        if b" " in fields or b"\t" in fields or not fields.isascii():
            return False  # runs of blanks have a canonical form of their own
        method, path = head.method.encode(), head.raw_path.encode()
        canonical = b"%b\n%b\n\n%b\n%b\n%b" % (method, path, fields, plan.names, self.payload)
        to_sign = b"%b%b\n%b\n%b" % (_PREFACE, date, plan.scope, sha256(canonical).hexdigest().encode())
        terms = plan.terms
        key = signing_key(secret, terms.date, terms.region, terms.service)
        return hmac.compare_digest(key.sign_bytes(to_sign).encode(), self._signature)


def read_signed(head: PlainRequest, prefix: str, *, brings_body: bool = False) -> Signed | None:
    """``head`` where it is plain, below ``prefix``; its signature is still to be proven."""
    path = head.raw_path
    if not path.startswith(prefix):
        return None  # what lies beside the face's addresses is another face's
    path = path[len(prefix) :]
    named = None if len(path) > _MAX_PATH else _plain_path(path)
    if named is None:
        return None
    raw = head.raw_headers
    shape = shape_of(head.names, brings_body)
    if shape is None or not _stays(head, shape.connection):
        return None
    authorization = raw[shape.authorization][1]
    said = authorization[: -_SIGNATURE_DIGITS - len(_SIGNATURE)]
    plan = plan_of(shape, said) if authorization.startswith(_SIGNATURE, len(said)) else None
    return None if plan is None else Signed(head, plan, (named[1], named[2]))


def _stays(head: PlainRequest, place: int | None) -> bool:
    """Whether the connection is to go on after the request (RFC 9112 section 9.3), ``place`` being its header's."""
    return not head.is_old if place is None else head.raw_headers[place][1].lower() == b"keep-alive"


@lru_cache(maxsize=_DATES)
def _timestamp(date: bytes) -> float | None:
    return parse_basic_date(date.decode("latin-1"))
