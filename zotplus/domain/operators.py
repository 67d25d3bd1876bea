"""Operators who are known by a client certificate: what an entry names, and which certificate it means.

Whether a certificate is genuine and in date was settled by TLS; here it is only compared.
Spec: RFC 4514 (subjects as text), RFC 5280 4.2.1.6 (alternative names), SPIFFE X.509-SVID 2 (one URI at most).
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

SPIFFE_SCHEME = "spiffe://"
_FINGERPRINT_DIGITS = 64
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What a client certificate says.

    ``subject`` is in RFC 4514 form, ``fingerprint`` the SHA-256 of the certificate in lower-case hexadecimal, ``until``
    the end of its validity in seconds since the epoch.
    """

    subject: str
    dns: tuple[str, ...]
    uris: tuple[str, ...]
    fingerprint: str
    until: float


class Operator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operator of the gateway, known by exactly one property of a certificate."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    """What grants, policies and logs call it: ``certificate:<name>``."""

    subject: _Text | None = None
    """The certificate's whole subject, as ``openssl x509 -noout -subject -nameopt RFC2253`` prints it
    (``CN=backup,O=Example``). None by default."""

    dns: _Text | None = None
    """One of the certificate's DNS names, whole; a name with a wildcard means nobody. None by default."""

    spiffe: _Text | None = None
    """The certificate's only URI, a SPIFFE id (``spiffe://example.org/ns/ci/sa/mirror``). None by default."""

    fingerprint: _Text | None = None
    """SHA-256 of the certificate in hexadecimal, with or without colons. None by default; it ends with each renewal."""

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.subject, self.dns, self.spiffe, self.fingerprint)) != 1:
            raise ValueError("an operator has exactly one of subject, dns, spiffe and fingerprint")
        if self.dns is not None and "*" in self.dns:
            raise ValueError("an operator's dns name has no wildcard")
        if self.spiffe is not None and not self.spiffe.startswith(SPIFFE_SCHEME):
            raise ValueError(f"a SPIFFE id begins with {SPIFFE_SCHEME}")
        if self.fingerprint is not None and not _is_fingerprint(_digits(self.fingerprint)):
            raise ValueError("a fingerprint is SHA-256: 64 hexadecimal digits")

    def is_shown_by(self, certificate: Presented) -> bool:
        """Whether ``certificate`` is this operator's."""
        if self.subject is not None:
            return certificate.subject == self.subject
        if self.dns is not None:
            return self.dns.lower() in [name.lower() for name in certificate.dns]
        if self.spiffe is not None:
            return certificate.uris == (self.spiffe,)
        return certificate.fingerprint == _digits(self.fingerprint or "")


def operator_of(operators: Iterable[Operator], certificate: Presented) -> str:
    """The name of the first operator whose certificate this is; empty where it is nobody's."""
    return next((operator.name for operator in operators if operator.is_shown_by(certificate)), "")


def _digits(fingerprint: str) -> str:
    return fingerprint.replace(":", "").lower()


def _is_fingerprint(digits: str) -> bool:
    return len(digits) == _FINGERPRINT_DIGITS and not digits.strip("0123456789abcdef")
