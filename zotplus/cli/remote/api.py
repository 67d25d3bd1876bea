"""The administration API as a client."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from zotplus.cli import faults
from zotplus.cli.remote.connection import Answer, Connection, Outgoing
from zotplus.cli.remote.s3_xml import REQUEST_ID
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Fault, Problem
from zotplus.domain.percent import encode

PREFIX = "/api/v1"
Document = TypeVar("Document")
_ACCEPTED = {"Accept": "application/json"}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What a client reads of an RFC 9457 problem; the server's side of it is ``gateway/problems.py``."""

    status: int
    title: str
    detail: str
    code: str
    cause: str = ""
    remedy: str = ""
    request_id: str = ""
    retry_after: int | None = None
    fields: dict[str, str | int] = {}


class Api:
    """Calls of ``/api/v1`` on one connection. Everything raises as ``Connection.send``, and what the server answers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, path: str, gives: type[Document], raw_query: str = "") -> Document:
        """Read the document at ``path`` (below the prefix)."""
        return _decode(await self._call("GET", path, raw_query=raw_query), gives)

    async def post(self, path: str, body: Any, gives: type[Document]) -> Document:
        """Send ``body`` as JSON. Never repeated by itself; waits for the answer however long that takes."""
        return _decode(await self._call("POST", path, msgspec.json.encode(body)), gives)

    async def put(
        self, path: str, body: Any, gives: type[Document], conditions: Mapping[str, str] | None = None
    ) -> Document:
        """Store ``body`` as JSON at ``path`` and read the answer; ``conditions`` are headers such as If-Match."""
        return _decode(await self._call("PUT", path, msgspec.json.encode(body), more=conditions), gives)

    async def command(self, path: str, body: Any) -> None:
        """As ``post``, where nothing is answered."""
        await self._call("POST", path, msgspec.json.encode(body))

    async def delete(self, path: str, gives: type[Document], raw_query: str = "") -> Document:
        """Delete what is at ``path`` and read the answer."""
        return _decode(await self._call("DELETE", path, raw_query=raw_query), gives)

    async def remove(self, path: str, raw_query: str = "") -> None:
        """Delete what is at ``path``, where nothing is answered."""
        await self._call("DELETE", path, raw_query=raw_query)

    async def public(self, raw_path: str) -> Answer:
        """Any address of the server that needs no credentials, whatever its status."""
        return await self._connection.send(Outgoing(method="GET", raw_path=raw_path, headers=_ACCEPTED))

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        raw_query: str = "",
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        headers = await self._headers() | dict(more or {})
        if body is not None:
            headers["Content-Type"] = "application/json"
        outgoing = Outgoing(
            method=method, raw_path=f"{PREFIX}{path}", raw_query=raw_query, headers=headers, is_patient=method != "GET"
        )
        answer = await self._connection.send(outgoing, body)
        if answer.is_error:
            problem = problem_of(answer)
            if problem.fault is errors.ROUTE_NOT_FOUND and self._connection.target.path:
                raise Problem(faults.ENDPOINT_NOT_MAIN, f"There is no API below {self._connection.target.endpoint}.")
            raise problem
        return answer

    async def _headers(self) -> dict[str, str]:
        proof = await self._connection.caller.authorization()
        return {**_ACCEPTED, **({"Authorization": proof} if proof else {})}


def segment(text: str) -> str:
    """``text`` as one segment of a path."""
    return encode(text, keep_slash=False)


def problem_of(answer: Answer) -> Problem:
    """The problem in an answer; ``ENDPOINT_NOT_MAIN`` from S3, ``ANSWER_UNEXPECTED`` when it is none of this API's."""
    if REQUEST_ID in answer.headers:
        return Problem(faults.ENDPOINT_NOT_MAIN, "What answers there is S3 alone.")
    try:
        document = msgspec.json.decode(answer.body, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reason = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "an unknown status"
        return Problem(faults.ANSWER_UNEXPECTED, f"It answers {answer.status} ({reason}) without saying why.")
    fault = CATALOGUE.get(document.code) or _unknown(document)
    return Problem(fault, document.detail, **{**document.fields, "request_id": document.request_id})


def _unknown(document: Refusal) -> Fault:
    """A fault that a newer server knows: its own words, under the type that the status suggests."""
    kind = (
        errors.FaultType.INTERNAL
        if document.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        else errors.FaultType.VALIDATION
    )
    return Fault(
        code=document.code,
        status=document.status,
        type=kind,
        message=document.title,
        cause=document.cause,
        remedy=document.remedy,
        retry_after=document.retry_after,
    )


def _decode(answer: Answer, gives: type[Document]) -> Document:
    try:
        return msgspec.json.decode(answer.body, type=gives)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(faults.ANSWER_UNEXPECTED, f"The answer is not the document asked for: {error}.") from error
