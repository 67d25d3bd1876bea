"""Problems in the form of the distribution specification, and of OAuth2 for the token server's POST.

Spec: OCI Distribution Specification 1.1, "Error Codes"; RFC 6749 5.2.
"""

from http import HTTPStatus
from typing import Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Fault, FaultType, Problem
from zotplus.ports.identity import TokenFault, TokenRefused

# What has no word in the specification keeps the catalogue's own in capitals (UPSTREAM_MISSING).
_CODES: dict[Fault, str] = {
    errors.ACCESS_DENIED: "DENIED",
    errors.ARGUMENT_INVALID: "UNSUPPORTED",
    errors.BLOB_UNKNOWN: "BLOB_UNKNOWN",
    errors.BODY_INCOMPLETE: "BLOB_UPLOAD_INVALID",
    errors.BODY_TOO_LARGE: "SIZE_INVALID",
    errors.METHOD_NOT_ALLOWED: "UNSUPPORTED",
    errors.REPOSITORY_NAME_INVALID: "NAME_INVALID",
    errors.REPOSITORY_NOT_FOUND: "NAME_UNKNOWN",
    errors.ROUTE_NOT_FOUND: "NAME_UNKNOWN",
    errors.LOGIN_PAUSED: "TOOMANYREQUESTS",
    errors.SLOW_DOWN: "TOOMANYREQUESTS",
    errors.TOO_MANY_REQUESTS: "TOOMANYREQUESTS",
    errors.UPLOAD_NOT_FOUND: "BLOB_UPLOAD_UNKNOWN",
}

_TARGETS = frozenset({"audience", "resource"})
"""Parameters of a token exchange that say what for. Spec: RFC 8693, 2.1."""


def code_of(problem: Problem) -> str:
    """The specification's word for ``problem``."""
    if problem.fault == errors.REFERENCE_INVALID:
        return "DIGEST_INVALID" if ":" in str(problem.fields.get("reference", ":")) else "TAG_INVALID"
    if problem.fault == errors.ARGUMENT_INVALID and problem.fields.get("argument") in {"n", "last"}:
        return "PAGINATION_NUMBER_INVALID"
    if problem.fault in _CODES:
        return _CODES[problem.fault]
    if problem.fault.type is FaultType.AUTHENTICATION:
        return "UNAUTHORIZED"
    return problem.fault.code.upper()


def error_document(problem: Problem, code: str, request_id: str) -> dict[str, Any]:
    """The body of a refusal: one error, whose detail carries cause, remedy and the request id."""
    fault = problem.fault
    detail = {"fault": fault.code, "cause": fault.cause, "remedy": fault.remedy, "request_id": request_id}
    detail |= {name: _plain(str(value)) for name, value in problem.fields.items()}
    return {"errors": [{"code": code, "message": _plain(problem.detail), "detail": detail}]}


def oauth2_error(problem: Problem) -> dict[str, str]:
    """The members that RFC 6749 asks for, and the one error that RFC 8693 (2.2.2) adds."""
    argument = problem.fields.get("argument") if problem.fault == errors.ARGUMENT_INVALID else None
    if argument == "grant_type":
        word = "unsupported_grant_type"
    elif argument in _TARGETS or (isinstance(problem, TokenRefused) and problem.token_fault is TokenFault.TRUST):
        word = "invalid_target"
    elif problem.fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        word = "temporarily_unavailable"  # no invalid_grant: a client would throw its token away
    elif problem.fault.type is FaultType.AUTHENTICATION:
        word = "invalid_grant"
    elif problem.fault.type is FaultType.VALIDATION:
        word = "invalid_request"
    else:
        word = "server_error"
    return {"error": word, "error_description": _plain(problem.detail)}


def encode(document: dict[str, Any]) -> bytes:
    """As JSON."""
    return msgspec.json.encode(document)


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
