"""Requests of the AWS query protocol: parameters in a form or a query, read strictly.

Spec: AWS STS API Reference, "AssumeRoleWithWebIdentity", "Common Parameters"; WHATWG URL, "application/x-www-form-
urlencoded parsing".
"""

import re
from collections.abc import Mapping
from typing import Final

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.percent import decode
from zotplus.domain.trusts import LIFETIME_MAX, LIFETIME_MIN, is_trust_name
from zotplus.services.federation.exchange import SELF
from zotplus.services.federation.federation import Wanted
from zotplus.services.federation.session_policies import POLICIES_MAX
from zotplus.services.federation.sessions import SessionPolicies

VERSION: Final = "2011-06-15"
FORM_MAX_BYTES: Final = 65_536
"""Beyond the sum of the limits of all parameters: a token of 20,000 characters is the largest."""
PARAMETERS_MAX: Final = 64

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

Parameters = Mapping[str, str]


def parse_parameters(text: str) -> Parameters:
    """Name and value of every parameter. Raises ``ARGUMENT_INVALID``, also for one that is there twice."""
    found: dict[str, str] = {}
    parts = text.split("&", PARAMETERS_MAX)
    if len(parts) > PARAMETERS_MAX:
        raise _invalid("Action", f"A request has at most {PARAMETERS_MAX} parameters.")
    for part in parts:
        if not part:
            continue
        name, _, value = part.partition("=")
        name, value = _text(name), _text(value)
        if name in found:
            raise _invalid(name, "The parameter is there twice.")
        found[name] = value
    return found


def require_version(parameters: Parameters) -> None:
    """Refuse another version of the API than ours. Raises ``ARGUMENT_INVALID``."""
    if parameters.get("Version", VERSION) != VERSION:
        raise _invalid("Version", f"The API's version is {VERSION}.")


def parse_assume_role(parameters: Parameters) -> Wanted:
    """Read ``AssumeRoleWithWebIdentity``. Raises ``ARGUMENT_INVALID`` whose ``argument`` is the parameter's name."""
    session_name = _required(parameters, "RoleSessionName")
    if _is_session_name(session_name) is None:
        raise _invalid("RoleSessionName", "It has 2 to 64 letters, digits and characters of _+=,.@-.")
    token = _required(parameters, "WebIdentityToken").strip()  # files often end in a line end
    if not TOKEN_MIN <= len(token) <= TOKEN_MAX:
        raise _invalid("WebIdentityToken", f"It has {TOKEN_MIN} to {TOKEN_MAX} characters.")
    return Wanted(
        role=_role(_required(parameters, "RoleArn")),
        name=session_name,
        token=token,
        seconds=_seconds(parameters.get("DurationSeconds", "")),
        policies=SessionPolicies(text=_policy(parameters), names=_policy_names(parameters)),
    )


def _role(arn: str) -> str:
    found = _role_of(arn) if len(arn) <= _ARN_MAX else None
    if found is None or not (found[1] == SELF or is_trust_name(found[1])):
        raise _invalid("RoleArn", f"It is arn:zotplus:iam:::role/NAME, where NAME is a trust, or {SELF!r}.")
    return found[1]


def _seconds(text: str) -> int | None:
    if not text:
        return None
    if _is_seconds(text) is None or not LIFETIME_MIN <= int(text) <= LIFETIME_MAX:
        raise _invalid("DurationSeconds", f"It is a number of seconds from {LIFETIME_MIN} to {LIFETIME_MAX}.")
    return int(text)


def _policy(parameters: Parameters) -> str:
    """The session policy. An empty one, such as an unset variable gives, is no wish for a session with every right."""
    text = parameters.get("Policy", "")
    if len(text) > POLICY_MAX or (not text and "Policy" in parameters):
        raise _invalid("Policy", f"A session policy has 1 to {POLICY_MAX} characters.")
    return text


def _policy_names(parameters: Parameters) -> tuple[str, ...]:
    names = []
    # "PolicyArns=" is how clients spell an empty list; what is misspelt must not be overlooked
    members = [name for name, value in parameters.items() if name.startswith("PolicyArns") and (name, value) != _NONE]
    if len(members) > POLICIES_MAX:
        raise _invalid("PolicyArns", f"A session has at most {POLICIES_MAX} stored policies.")
    for member in members:
        found = _policy_of(parameters[member])
        if found is None or _is_policy_member(member) is None:
            raise _invalid("PolicyArns", "Each is arn:zotplus:iam:::policy/NAME.")
        names.append(found[1])
    return tuple(names)


def _required(parameters: Parameters, name: str) -> str:
    value = parameters.get(name, "")
    if not value:
        raise _invalid(name, "The parameter is missing.")
    return value


def _text(raw: str) -> str:
    try:
        return decode(raw.replace("+", " "))
    except Problem as problem:
        raise _invalid("Action", "A parameter cannot be decoded.") from problem


def _invalid(argument: str, detail: str) -> Problem:
    shown = argument[:64]
    return Problem(errors.ARGUMENT_INVALID, f"{shown}: {detail}", argument=shown)
