"""How a signed request says what its body is: the values of ``x-amz-content-sha256``.

Spec: AWS "Authenticating Requests: Using the Authorization Header", "Signature Calculations for the Authorization
Header: Transferring Payload in Multiple Chunks".
"""

from enum import StrEnum

from zotplus.domain import errors
from zotplus.domain.errors import Problem

HEADER = "x-amz-content-sha256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_HEX = frozenset("0123456789abcdefABCDEF")
_SHA256_LENGTH = 64


class PayloadMode(StrEnum):
    """What the body is and who vouches for it. The request's own signature is verified in every mode."""

    SHA256 = "sha256"
    UNSIGNED = UNSIGNED_PAYLOAD
    STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def is_chunked(self) -> bool:
        """Whether the body is aws-chunked and has to be decoded."""
        return self not in (PayloadMode.SHA256, PayloadMode.UNSIGNED)

    @property
    def is_signed(self) -> bool:
        """Whether every chunk carries a signature."""
        return self in (PayloadMode.STREAMING_SIGNED, PayloadMode.STREAMING_SIGNED_TRAILER)

    @property
    def has_trailer(self) -> bool:
        """Whether header fields follow the last chunk."""
        return self in (PayloadMode.STREAMING_SIGNED_TRAILER, PayloadMode.STREAMING_UNSIGNED_TRAILER)


_NAMED = {mode.value: mode for mode in PayloadMode if mode is not PayloadMode.SHA256}


def payload_mode(value: str) -> PayloadMode:
    """The mode that ``value`` of ``x-amz-content-sha256`` names; a SHA-256 in hexadecimal is ``SHA256``.

    Raises ``ARGUMENT_INVALID`` for anything else, the ECDSA modes of SigV4A included.
    """
    named = _NAMED.get(value)
    if named is not None:
        return named
    if len(value) == _SHA256_LENGTH and _HEX.issuperset(value):
        return PayloadMode.SHA256
    raise Problem(
        errors.ARGUMENT_INVALID,
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a supported STREAMING mode or a SHA-256 in hexadecimal.",
        ArgumentName=HEADER,
        ArgumentValue=value[:128],
    )
