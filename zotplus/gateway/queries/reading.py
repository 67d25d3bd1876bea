"""Requests of the query protocol: parameters in a form or a query, read strictly.

Spec: AWS STS and IAM API References, "Common Parameters"; WHATWG URL, "application/x-www-form-urlencoded parsing".
"""

from collections.abc import Collection, Mapping
from typing import Final

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.percent import decode
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead

FORM: Final = "application/x-www-form-urlencoded"
PARAMETERS_MAX: Final = 64

Parameters = Mapping[str, str]


def is_query(head: RequestHead, root: str) -> bool:
    """Whether a request to S3's address, which is below ``root``, is one of this protocol.

    Clients that know one address for everything post there. S3 takes no form at its root, and has no actions.
    """
    path = head.raw_path
    if len(path) > len(root) + 1 or path not in (root, root + "/"):
        return False
    if head.method == "POST":
        return not head.raw_query and media_type(head) == FORM
    return head.method == "GET" and any(part.startswith("Action=") for part in head.raw_query.split("&"))


def media_type(head: RequestHead) -> str:
    """The request's Content-Type without its parameters, in lower case."""
    return head.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def read_parameters(context: Context, readable: Collection[str], limit: int) -> tuple[Parameters, bytes]:
    """The parameters, and the body (up to ``limit`` bytes) that a signature covers.

    Only the actions of ``readable`` may be asked for by GET: a secret in an address would end up in logs. Raises
    ``METHOD_NOT_ALLOWED``, ``REQUEST_INVALID``, ``ARGUMENT_INVALID``, ``BODY_TOO_LARGE``.
    """
    head = context.head
    if head.method == "GET":
        found = parse_parameters(head.raw_query)
        if found.get("Action") not in readable:
            raise Problem(errors.METHOD_NOT_ALLOWED, "This action is asked for by POST.", allow="POST")
        return found, b""
    if media_type(head) != FORM:
        raise Problem(errors.REQUEST_INVALID, f"The service takes {FORM}.")
    body = await context.body.read(limit)
    try:
        return parse_parameters(body.decode("ascii")), body
    except UnicodeDecodeError as problem:
        raise Problem(errors.REQUEST_INVALID, "The form is not percent-encoded.") from problem


def parse_parameters(text: str) -> Parameters:
    """Name and value of every parameter. Raises ``ARGUMENT_INVALID``, also for one that is there twice."""
    found: dict[str, str] = {}
    parts = text.split("&", PARAMETERS_MAX)
    if len(parts) > PARAMETERS_MAX:
        raise invalid("Action", f"A request has at most {PARAMETERS_MAX} parameters.")
    for part in parts:
        if not part:
            continue
        name, _, value = part.partition("=")
        name, value = _text(name), _text(value)
        if name in found:
            raise invalid(name, "The parameter is there twice.")
        found[name] = value
    return found


def require_version(parameters: Parameters, version: str) -> None:
    """Refuse another version of the API than ours. Raises ``ARGUMENT_INVALID``."""
    if parameters.get("Version", version) != version:
        raise invalid("Version", f"The API's version is {version}.")


def required(parameters: Parameters, name: str) -> str:
    """The value of a parameter that has to be there. Raises ``ARGUMENT_INVALID``."""
    value = parameters.get(name, "")
    if not value:
        raise invalid(name, "The parameter is missing.")
    return value


def invalid(argument: str, detail: str) -> Problem:
    """The refusal of a parameter."""
    shown = argument[:64]
    return Problem(errors.ARGUMENT_INVALID, f"{shown}: {detail}", argument=shown)


def _text(raw: str) -> str:
    try:
        return decode(raw.replace("+", " "))
    except Problem as problem:
        raise invalid("Action", "A parameter cannot be decoded.") from problem
