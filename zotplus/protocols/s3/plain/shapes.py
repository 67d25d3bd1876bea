"""What the heads of one client have in common: which headers they bring, in which order, and what its signature covers.

A client sends the same headers with every request, and signs for a day under one scope. All that can be said of such
requests beforehand is found out once: that they hold nothing that changes what is asked for, where the values stand
that the signature covers, and that it covers all it must. What cannot be said beforehand, or is unusual in any way, is
left to the readers of all other requests, who then start from the beginning.
"""

from functools import lru_cache
from operator import itemgetter

from zotplus.domain.errors import Problem
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM
from zotplus.domain.signatures.sigv4_claim import Terms, header_terms

# Headers that mean nothing here: what RFC 9110 calls preferences and names of software, and what SDKs count by.
_MEANINGLESS = frozenset({
    b"accept", b"accept-encoding", b"accept-language", b"amz-sdk-invocation-id", b"amz-sdk-request", b"connection",
    b"pragma", b"user-agent", b"x-amz-user-agent",
})  # fmt: skip
_NEEDED = (b"host", b"authorization", b"x-amz-date", b"x-amz-content-sha256")
# Without a body; Cache-Control is a preference there, and is kept with what is written.
_OF_READS = _MEANINGLESS.union(_NEEDED, {b"cache-control"})
_OF_WRITES = _MEANINGLESS.union(_NEEDED, {b"content-length", b"content-type"})
_SHAPES = 1024
_PLANS = 4096


class Shape:
    """The header names of a plain head, by where they stand."""

    __slots__ = ("authorization", "connection", "date", "payload", "positions")

    def __init__(self, positions: dict[bytes, int]) -> None:
        self.positions = positions
        self.authorization = positions[b"authorization"]
        self.connection = positions.get(b"connection")
        self.date = positions[b"x-amz-date"]
        self.payload = positions[b"x-amz-content-sha256"]


class Plan:
    """How the requests of a shape are signed (AWS "Create a signed request", steps 1 and 3), but for what each says.

    ``canonical`` takes method, path and what ``covered`` picks from the fields' values; ``to_sign`` takes the date and
    the canonical request's hash.
    """

    __slots__ = ("canonical", "covered", "date", "shape", "terms", "to_sign")

    def __init__(self, shape: Shape, terms: Terms) -> None:
        signed = [name.encode() for name in terms.signed_headers]
        self.shape = shape
        self.terms = terms
        self.date = terms.date.encode()
        lines = b"".join([name + b":%b\n" for name in signed])  # names that hold no percent sign: _OF_READS, _OF_WRITES
        self.canonical = b"%b\n%b\n\n" + lines + b"\n" + b";".join(signed) + b"\n%b"
        self.covered = itemgetter(*[shape.positions[name] for name in signed], shape.payload)
        self.to_sign = b"\n".join([ALGORITHM.encode(), b"%b", terms.scope.encode().replace(b"%", b"%%"), b"%b"])


@lru_cache(maxsize=_SHAPES)
def shape_of(names: tuple[bytes, ...], brings_body: bool) -> Shape | None:  # noqa: FBT001 - the cache's key
    """The shape of a head with these header names as received; None where there is more to read than a plain one."""
    allowed = _OF_WRITES if brings_body else _OF_READS
    lowered = [name.lower() for name in names]
    positions = {name: place for place, name in enumerate(lowered)}
    if len(positions) != len(names) or not allowed.issuperset(positions) or not positions.keys() >= set(_NEEDED):
        return None
    return Shape(positions)


@lru_cache(maxsize=_PLANS)
def plan_of(shape: Shape, said: bytes) -> Plan | None:
    """The plan for an Authorization header of which ``said`` is all before ``Signature=``; None for an unusual one.

    Every ``x-amz-`` header must be signed, and everything that is signed must be there.
    """
    try:
        terms = header_terms(said.decode("ascii"), "s3", None)
    except (Problem, UnicodeDecodeError):
        return None
    signed = [name.encode() for name in terms.signed_headers]
    positions = shape.positions
    if not positions.keys() >= set(signed):
        return None
    if any(name.startswith(b"x-amz-") and name not in signed for name in positions):
        return None
    return Plan(shape, terms)
