"""Plain requests that are rightly signed: who may have signed them is looked up by the face's readers in between.

Every rule is that of all other requests: the same derived key proves the signer. Only the values on the way are left
out that others need. Whatever is not plain in any respect, refusals included, is None here.

Spec: AWS "Authenticating Requests: Using the Authorization Header".
"""

import hmac
import time
from functools import lru_cache
from hashlib import sha256

from zotplus.domain.dates import parse_basic_date
from zotplus.domain.names import MAX_KEY_BYTES
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4 import MAX_SKEW
from zotplus.gateway.plain import PlainRequest
from zotplus.protocols.s3.plain.shapes import Plan, plan_of, shape_of

_SIGNATURE = b"Signature="
_SIGNATURE_DIGITS = 64
_MAX_PATH = MAX_KEY_BYTES  # so that a key is never too long
_DATES = 256  # clients sign some requests within one second


class Signed:
    """A plain head: ``bucket`` and ``key`` (ASCII), its ``plan``, and the hash that it names of its payload."""

    __slots__ = ("_date", "_head", "_signature", "bucket", "key", "payload", "plan")

    def __init__(self, head: PlainRequest, plan: Plan, named: tuple[str, str]) -> None:
        values, shape = head.field_values, plan.shape
        self._head = head
        self._date = values[shape.date]
        self._signature = values[shape.authorization][-_SIGNATURE_DIGITS:]
        self.plan = plan
        self.bucket, self.key = named
        self.payload = values[shape.payload]

    def header(self, name: bytes) -> bytes:
        """The value of a header of the plan's shape, as received; empty where there is none."""
        place = self.plan.shape.positions.get(name)
        return b"" if place is None else self._head.field_values[place]

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature is right and of our time."""
        plan, head, date = self.plan, self._head, self._date
        timestamp = _timestamp(date)
        if timestamp is None or abs(time.time() - timestamp) > MAX_SKEW or not date.startswith(plan.date):
            return False
        canonical = plan.canonical % (head.method.encode(), head.raw_path.encode(), *plan.covered(head.field_values))
        if b" " in canonical:
            return False  # runs of blanks have a canonical form of their own
        to_sign = plan.to_sign % (date, sha256(canonical).hexdigest().encode())
        terms = plan.terms
        key = signing_key(secret, terms.date, terms.region, terms.service)
        return hmac.compare_digest(key.sign_bytes(to_sign).encode(), self._signature)


def read_signed(head: PlainRequest, prefix: str, *, brings_body: bool = False) -> Signed | None:
    """``head`` where it is plain, below ``prefix``; its signature is still to be proven."""
    path = head.raw_path
    if not path.startswith(prefix):
        return None  # what lies beside the face's addresses is another face's
    # A plain path has one spelling, so that nothing is to be decoded; whether there is such a bucket is looked up.
    before, _, path = path[len(prefix) :].partition("/")
    bucket, _, key = path.partition("/")
    if before or not key or len(path) > _MAX_PATH:
        return None
    shape = shape_of(head.field_names, brings_body)
    if shape is None or not _stays(head, shape.connection):
        return None
    authorization = head.field_values[shape.authorization]
    said = authorization[: -_SIGNATURE_DIGITS - len(_SIGNATURE)]
    plan = plan_of(shape, said) if authorization.startswith(_SIGNATURE, len(said)) else None
    return None if plan is None else Signed(head, plan, (bucket, key))


def _stays(head: PlainRequest, place: int | None) -> bool:
    """Whether the connection is to go on after the request (RFC 9112 section 9.3), ``place`` being its header's."""
    return not head.is_old if place is None else head.field_values[place].lower() == b"keep-alive"


@lru_cache(maxsize=_DATES)
def _timestamp(date: bytes) -> float | None:
    return parse_basic_date(date.decode("latin-1"))
