"""The catalogue's faults in the words that all services of the query protocol have in common.

Spec: AWS STS and IAM API References, "Common Error Types".
"""

from collections.abc import Mapping

from zotplus.domain import errors
from zotplus.domain.errors import Fault, FaultType, Problem

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
    errors.ACCESS_DENIED: ("AccessDenied", 403),
    errors.POLICY_INVALID: ("MalformedPolicyDocument", 400),
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


def code_of(problem: Problem, own: Mapping[Fault, tuple[str, int]]) -> tuple[str, int]:
    """AWS's code and status for ``problem``; ``own`` are those of one service."""
    fault = problem.fault
    found = own.get(fault) or _CODES.get(fault) or _BY_TYPE.get(fault.type)
    if found is not None:
        return found
    return ("InternalFailure" if fault.status >= _SERVER_FAULT else "ValidationError"), fault.status
