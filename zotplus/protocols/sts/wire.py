"""Refusals in the words of AWS's STS.

Spec: AWS STS API Reference, "AssumeRoleWithWebIdentity", "GetCallerIdentity", "Common Error Types".
"""

from typing import Final

from zotplus.domain import errors
from zotplus.domain.errors import Fault, Problem
from zotplus.gateway.queries.refusing import code_of
from zotplus.gateway.queries.writing import Wire
from zotplus.ports.identity import TokenFault, TokenRefused

NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"

_CODES: dict[Fault, tuple[str, int]] = {
    errors.ISSUER_UNAVAILABLE: ("IDPCommunicationError", 400),
    errors.SESSION_TOO_LARGE: ("PackedPolicyTooLarge", 400),
    errors.RECORD_NOT_FOUND: ("ValidationError", 400),
}
_OF_TOKENS: dict[TokenFault, tuple[str, int]] = {
    TokenFault.EXPIRED: ("ExpiredTokenException", 400),
    TokenFault.TRUST: ("AccessDenied", 403),
}


def wire_of(problem: Problem) -> Wire:
    """AWS's code and status for ``problem``; of a token that was refused no more than that."""
    if isinstance(problem, TokenRefused):
        return Wire(*_OF_TOKENS.get(problem.token_fault, ("InvalidIdentityToken", 400)), NAMESPACE)
    return Wire(*code_of(problem, _CODES), NAMESPACE)
