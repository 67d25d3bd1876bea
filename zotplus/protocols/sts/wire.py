"""Refusals in the words of AWS's STS.

Spec: AWS STS API Reference, "AssumeRoleWithWebIdentity", "GetCallerIdentity", "Common Error Types".
"""

from zotplus.domain import errors
from zotplus.domain.errors import Fault, FaultType, Problem
from zotplus.gateway.queries.writing import Wire
from zotplus.ports.identity import TokenFault, TokenRefused

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

_SERVER_FAULT = 500
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


def wire_of(problem: Problem) -> Wire:
    """AWS's code and status for ``problem``."""
    return Wire(*wire(problem), NAMESPACE)


def wire(problem: Problem) -> tuple[str, int]:
    """AWS's code and status for ``problem``."""
    if isinstance(problem, TokenRefused):
        return _OF_TOKENS.get(problem.token_fault, ("InvalidIdentityToken", 400))
    fault = problem.fault
    found = _CODES.get(fault) or _BY_TYPE.get(fault.type)
    if found is not None:
        return found
    return ("InternalFailure" if fault.status >= _SERVER_FAULT else "ValidationError"), fault.status
