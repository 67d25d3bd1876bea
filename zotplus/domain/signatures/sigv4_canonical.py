"""The canonical form of a request in AWS Signature Version 4.

Spec: AWS "Authenticating Requests (AWS Signature Version 4)", "Task 1: Create a canonical request". S3 differs from the
other services in that the path is neither normalised nor encoded twice: ``//``, ``.`` and ``..`` are part of keys.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

from zotplus.domain.headers import Headers
from zotplus.domain.percent import normalize_path, normalize_value, wire_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
SIGNATURE_PARAMETER = "X-Amz-Signature"


class Signable(Protocol):
    """What of a request a signature covers, as received: the gateway's heads have it.

    ``raw_path`` and ``raw_query`` are percent-encoded and never normalised; ``raw_query`` has no question mark.
    """

    @property
    def method(self) -> str:
        """GET, PUT and so on."""
        ...

    @property
    def raw_path(self) -> str:
        """The path."""
        ...

    @property
    def raw_query(self) -> str:
        """The query."""
        ...

    @property
    def headers(self) -> Headers:
        """The header fields."""
        ...

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        ...


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A ``Signable`` of one's own: what clients sign."""

    method: str
    raw_path: str
    raw_query: str
    headers: Headers
    scheme: str = "http"


def query_pairs(raw_query: str) -> list[tuple[str, str]]:
    """Name and value of every parameter in canonical encoding, in the order received; empty parameters are dropped."""
    if not raw_query:
        return []
    pairs = []
    for part in raw_query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((normalize_value(name), normalize_value(value)))
    return pairs


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """The pairs of ``query_pairs`` sorted by name, then value, without the signature itself."""
    return "&".join([f"{name}={value}" for name, value in sorted(pairs) if name != SIGNATURE_PARAMETER])


def canonical_headers(headers: Headers, names: Sequence[str]) -> str:
    """One ``name:value`` line for each of ``names`` (lower case, sorted); runs of blanks become one space."""
    lines = []
    for name in names:
        values = headers.getall(name, [])
        value = values[0] if len(values) == 1 else ",".join([" ".join(value.split()) for value in values])
        if " " in value or not value.isprintable():  # every other white space is not printable
            value = " ".join(value.split())
        lines.append(f"{name}:{value}\n")
    return "".join(lines)


def canonical_request(request: Signable, signed_headers: Sequence[str], payload_hash: str) -> str:
    """The canonical request, its six parts joined by line feeds."""
    query = canonical_query(query_pairs(request.raw_query)) if request.raw_query else ""
    return (
        f"{request.method}\n{normalize_path(request.raw_path) or '/'}\n{query}\n"
        f"{canonical_headers(request.headers, signed_headers)}\n{';'.join(signed_headers)}\n{payload_hash}"
    )


def string_to_sign(canonical: str, timestamp: str, scope: str) -> str:
    """What the signature is computed over. ``timestamp`` is ``YYYYMMDDTHHMMSSZ``."""
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256(wire_bytes(canonical)).hexdigest()}"
