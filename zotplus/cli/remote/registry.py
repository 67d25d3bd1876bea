"""The token server as a client: tokens for the registry, and tokens of others exchanged for the server's own.

Spec: distribution specification, "Token Authentication"; RFC 8693 (token exchange).
"""

from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from zotplus.cli import faults
from zotplus.cli.remote.caller import basic_header
from zotplus.cli.remote.connection import Answer, Connection, Outgoing
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem
from zotplus.domain.percent import encode

PATH = "/auth/token"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_SUBJECT = "urn:ietf:params:oauth:token-type:jwt"
Document = TypeVar("Document")


class _RegistryToken(msgspec.Struct):
    token: str


class Exchanged(msgspec.Struct):
    """A token of the server's own; ``expires_in`` is in seconds."""

    access_token: str
    expires_in: int

    def __repr__(self) -> str:
        return "Exchanged(…)"  # secret


class _Detail(msgspec.Struct, frozen=True):
    fault: str = ""
    request_id: str = ""


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    detail: _Detail = _Detail()


class _Refusal(msgspec.Struct):
    errors: list[_Error]


async def registry_token(connection: Connection, scopes: tuple[str, ...]) -> str:
    """A token for ``scopes`` (``repository:team/app:pull``), as far as they are granted. Raises what is refused."""
    pair = await connection.caller.basic()
    headers = {"Accept": "application/json"} | ({} if pair is None else {"Authorization": basic_header(*pair)})
    fields = [("service", connection.target.host), *(("scope", scope) for scope in scopes)]
    query = "&".join(f"{name}={encode(value, keep_slash=False)}" for name, value in fields)
    answer = await connection.send(Outgoing(method="GET", raw_path=PATH, raw_query=query, headers=headers))
    return _read(answer, _RegistryToken).token


async def exchange(connection: Connection, token: str, trust: str) -> Exchanged:
    """An access token for whom ``token`` gets in as under ``trust``; empty for the one that fits. Raises as above."""
    form = {"grant_type": _GRANT, "subject_token": token, "subject_token_type": _SUBJECT}
    form |= {"audience": trust} if trust else {}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    outgoing = Outgoing(method="POST", raw_path=PATH, headers=headers)
    return _read(await connection.send(outgoing, urlencode(form).encode()), Exchanged)


def _read(answer: Answer, gives: type[Document]) -> Document:
    if answer.is_error:
        raise _problem_of(answer)
    try:
        return msgspec.json.decode(answer.body, type=gives)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # without the answer, which holds a secret
        raise Problem(faults.ANSWER_UNEXPECTED, "The answer holds no token.") from None


def _problem_of(answer: Answer) -> Problem:
    try:
        found = msgspec.json.decode(answer.body, type=_Refusal).errors[0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        return Problem(faults.ANSWER_UNEXPECTED, f"The server has no token server: it answers {answer.status}.")
    fault = CATALOGUE.get(found.detail.fault, errors.REQUEST_INVALID)
    return Problem(fault, found.message, request_id=found.detail.request_id)
