"""Answers and refusals as the documents that AWS's STS sends.

Spec: AWS STS API Reference, "AssumeRoleWithWebIdentity", "GetCallerIdentity", "Common Error Types".
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from zotplus.domain import errors
from zotplus.domain.errors import Fault, FaultType, Problem
from zotplus.ports.identity import TokenFault, TokenRefused

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
CONTENT_TYPE = ("Content-Type", "text/xml")
ACCOUNT = "000000000000"
"""There is one account, and clients want twelve digits."""

_SERVER_FAULT = 500
# What XML 1.0 cannot carry (2.2).
_outside = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# Fault -> (AWS's code, status). What is not here goes by its type.
_CODES: dict[Fault, tuple[str, int]] = {
    errors.CREDENTIALS_MISSING: ("MissingAuthenticationToken", 403),
    errors.ACCESS_KEY_UNKNOWN: ("InvalidClientTokenId", 403),
    errors.SIGNATURE_MISMATCH: ("SignatureDoesNotMatch", 403),
    errors.CONTENT_SHA256_MISMATCH: ("SignatureDoesNotMatch", 403),
    errors.CLOCK_SKEWED: ("SignatureDoesNotMatch", 403),
    errors.REQUEST_EXPIRED: ("RequestExpired", 400),
    errors.CREDENTIALS_EXPIRED: ("ExpiredToken", 403),
    errors.CREDENTIALS_MALFORMED: ("IncompleteSignature", 400),
    errors.CREDENTIALS_QUERY_MALFORMED: ("IncompleteSignature", 400),
    errors.TOKEN_INVALID: ("InvalidClientTokenId", 403),
    errors.ISSUER_UNAVAILABLE: ("IDPCommunicationError", 400),
    errors.ACCESS_DENIED: ("AccessDenied", 403),
    errors.SESSION_TOO_LARGE: ("PackedPolicyTooLarge", 400),
    errors.POLICY_INVALID: ("MalformedPolicyDocument", 400),
    errors.RECORD_NOT_FOUND: ("ValidationError", 400),
    errors.OPERATION_UNKNOWN: ("InvalidAction", 400),
    errors.METHOD_NOT_ALLOWED: ("InvalidAction", 405),
    errors.SLOW_DOWN: ("Throttling", 400),
    errors.TOO_MANY_REQUESTS: ("Throttling", 400),
}
_BY_TYPE: dict[FaultType, tuple[str, int]] = {
    FaultType.AUTHENTICATION: ("AccessDenied", 403),
    FaultType.AUTHORIZATION: ("AccessDenied", 403),
    FaultType.VALIDATION: ("ValidationError", 400),
    FaultType.UPSTREAM: ("ServiceUnavailable", 503),
}
_OF_TOKENS: dict[TokenFault, tuple[str, int]] = {
    TokenFault.EXPIRED: ("ExpiredTokenException", 400),
    TokenFault.TRUST: ("AccessDenied", 403),
}


def element(name: str, value: object) -> str:
    """A leaf; ``value`` is escaped."""
    text = _outside.sub("\ufffd", str(value))
    return f"<{name}>{escape(text)}</{name}>"


def group(name: str, members: Sequence[str]) -> str:
    """An element around ``members``, which are markup already."""
    return f"<{name}>{''.join(members)}</{name}>"


def moment(epoch: float) -> str:
    """A time in whole seconds."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def result(action: str, members: Sequence[str], request_id: str) -> bytes:
    """The document of a successful ``action``."""
    metadata = group("ResponseMetadata", [element("RequestId", request_id)])
    content = group(f"{action}Result", members) + metadata
    return f'<{action}Response xmlns="{NAMESPACE}">{content}</{action}Response>'.encode()


def refusal(problem: Problem, request_id: str) -> tuple[int, bytes]:
    """Status and document of ``problem``."""
    code, status = wire(problem)
    sender = "Receiver" if status >= _SERVER_FAULT else "Sender"
    message = problem.detail
    error = group("Error", [element("Type", sender), element("Code", code), element("Message", message)])
    content = error + element("RequestId", request_id)
    return status, f'<ErrorResponse xmlns="{NAMESPACE}">{content}</ErrorResponse>'.encode()


def wire(problem: Problem) -> tuple[str, int]:
    """AWS's code and status for ``problem``."""
    if isinstance(problem, TokenRefused):
        return _OF_TOKENS.get(problem.token_fault, ("InvalidIdentityToken", 400))
    fault = problem.fault
    found = _CODES.get(fault) or _BY_TYPE.get(fault.type)
    if found is not None:
        return found
    return ("InternalFailure" if fault.status >= _SERVER_FAULT else "ValidationError"), fault.status
