"""Requests of the security token service: what sessions are asked for.

Spec: AWS STS API Reference, "AssumeRoleWithWebIdentity", "AssumeRole", "GetSessionToken".
"""

import re
from typing import Final

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.trusts import LIFETIME_MAX, LIFETIME_MIN, is_trust_name
from zotplus.gateway.queries.reading import Parameters, invalid, required
from zotplus.services.federation.exchange import SELF
from zotplus.services.federation.federation import Wanted
from zotplus.services.federation.roles import Asked
from zotplus.services.federation.session_policies import POLICIES_MAX
from zotplus.services.federation.sessions import SessionPolicies

VERSION: Final = "2011-06-15"
FORM_MAX_BYTES: Final = 65_536
"""Beyond the sum of the limits of all parameters: a token of 20,000 characters is the largest."""

TOKEN_MIN, TOKEN_MAX = 4, 20_000
POLICY_MAX = 2_048
_ARN_MAX = 2_048

# arn:<partition>:iam::<account>:role/<name>; partition and account are AWS's own matter and not looked at.
_role_of = re.compile(r"arn:[a-z0-9-]{0,32}:iam::[0-9a-z-]{0,32}:role/([^/]+)").fullmatch
_policy_of = re.compile(r"(?:arn:[a-z0-9-]{0,32}:iam::[0-9a-z-]{0,32}:policy/)?([a-z0-9][a-z0-9._-]{0,127})").fullmatch
_is_session_name = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII).fullmatch
_is_seconds = re.compile(r"[0-9]{1,5}", re.ASCII).fullmatch
_is_policy_member = re.compile(r"PolicyArns\.member\.[0-9]{1,4}\.arn").fullmatch
_NONE = ("PolicyArns", "")

# Nothing of these is known here, and a session that left it out would promise more than it keeps.
_UNSUPPORTED = (
    "ExternalId",
    "ProvidedContexts",
    "SerialNumber",
    "SourceIdentity",
    "Tags",
    "TokenCode",
    "TransitiveTagKeys",
)


def parse_assume_role(parameters: Parameters) -> Wanted:
    """Read ``AssumeRoleWithWebIdentity``. Raises ``ARGUMENT_INVALID`` whose ``argument`` is the parameter's name."""
    session_name = _session_name(parameters)
    token = required(parameters, "WebIdentityToken").strip()  # files often end in a line end
    if not TOKEN_MIN <= len(token) <= TOKEN_MAX:
        raise invalid("WebIdentityToken", f"It has {TOKEN_MIN} to {TOKEN_MAX} characters.")
    return Wanted(
        role=_role(required(parameters, "RoleArn")),
        name=session_name,
        token=token,
        seconds=_seconds(parameters.get("DurationSeconds", "")),
        policies=SessionPolicies(text=_policy(parameters), names=_policy_names(parameters)),
    )


def parse_role(parameters: Parameters) -> Asked:
    """Read ``AssumeRole``. Raises ``ARGUMENT_INVALID``, and ``OPERATION_UNKNOWN`` for what sessions cannot carry."""
    _refuse_unsupported(parameters)
    return Asked(
        role=_role(required(parameters, "RoleArn")),
        name=_session_name(parameters),
        seconds=_seconds(parameters.get("DurationSeconds", "")),
        policies=SessionPolicies(text=_policy(parameters), names=_policy_names(parameters)),
    )


def parse_own_session(parameters: Parameters) -> Asked:
    """Read ``GetSessionToken``. Raises as ``parse_role``."""
    _refuse_unsupported(parameters)
    return Asked(role=SELF, seconds=_seconds(parameters.get("DurationSeconds", "")))


def _refuse_unsupported(parameters: Parameters) -> None:
    for name in parameters:
        if name.partition(".")[0] in _UNSUPPORTED:
            raise Problem(errors.OPERATION_UNKNOWN, f"The parameter {name[:64]} is not supported.")


def _session_name(parameters: Parameters) -> str:
    name = required(parameters, "RoleSessionName")
    if _is_session_name(name) is None:
        raise invalid("RoleSessionName", "It has 2 to 64 letters, digits and characters of _+=,.@-.")
    return name


def _role(arn: str) -> str:
    found = _role_of(arn) if len(arn) <= _ARN_MAX else None
    if found is None or not (found[1] == SELF or is_trust_name(found[1])):
        raise invalid("RoleArn", f"It is arn:zotplus:iam:::role/NAME, where NAME is a trust, or {SELF!r}.")
    return found[1]


def _seconds(text: str) -> int | None:
    if not text:
        return None
    if _is_seconds(text) is None or not LIFETIME_MIN <= int(text) <= LIFETIME_MAX:
        raise invalid("DurationSeconds", f"It is a number of seconds from {LIFETIME_MIN} to {LIFETIME_MAX}.")
    return int(text)


def _policy(parameters: Parameters) -> str:
    """The session policy. An empty one, such as an unset variable gives, is no wish for a session with every right."""
    text = parameters.get("Policy", "")
    if len(text) > POLICY_MAX or (not text and "Policy" in parameters):
        raise invalid("Policy", f"A session policy has 1 to {POLICY_MAX} characters.")
    return text


def _policy_names(parameters: Parameters) -> tuple[str, ...]:
    names = []
    # "PolicyArns=" is how clients spell an empty list; what is misspelt must not be overlooked
    members = [name for name, value in parameters.items() if name.startswith("PolicyArns") and (name, value) != _NONE]
    if len(members) > POLICIES_MAX:
        raise invalid("PolicyArns", f"A session has at most {POLICIES_MAX} stored policies.")
    for member in members:
        found = _policy_of(parameters[member])
        if found is None or _is_policy_member(member) is None:
            raise invalid("PolicyArns", "Each is arn:zotplus:iam:::policy/NAME.")
        names.append(found[1])
    return tuple(names)
