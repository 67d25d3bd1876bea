"""Answers and refusals of the query protocol as XML documents.

Spec: AWS STS and IAM API References, "Common Error Types" and the examples of each action.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import msgspec

from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply

CONTENT_TYPE = ("Content-Type", "text/xml")
NOT_KEPT = ("Cache-Control", "no-store")
_SERVER_FAULT = 500
# What XML 1.0 cannot carry (2.2).
_outside = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Wire(msgspec.Struct, frozen=True):
    """AWS's code and status of a refusal, and the namespace of the service that refuses."""

    code: str
    status: int
    namespace: str


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


def answer(action: str, members: Sequence[str] | None, context: Context, namespace: str) -> Reply:
    """The document of a successful ``action``; one that gives nothing (None) has no result element."""
    metadata = group("ResponseMetadata", [element("RequestId", context.request_id)])
    content = ("" if members is None else group(f"{action}Result", members)) + metadata
    body = f'<{action}Response xmlns="{namespace}">{content}</{action}Response>'.encode()
    return Reply(headers=(CONTENT_TYPE, NOT_KEPT), body=body)


def refusal(problem: Problem, request_id: str, wire: Wire) -> bytes:
    """The document of ``problem``."""
    sender = "Receiver" if wire.status >= _SERVER_FAULT else "Sender"
    error = group("Error", [element("Type", sender), element("Code", wire.code), element("Message", problem.detail)])
    content = error + element("RequestId", request_id)
    return f'<ErrorResponse xmlns="{wire.namespace}">{content}</ErrorResponse>'.encode()


def refuse(problem: Problem, context: Context, wire: Wire) -> Reply:
    """The reply for ``problem``, without a body for HEAD."""
    headers = [CONTENT_TYPE, NOT_KEPT, ("X-Zotplus-Fault", problem.fault.code)]
    if "allow" in problem.fields:
        headers.append(("Allow", str(problem.fields["allow"])))
    if problem.retry_after is not None:
        headers.append(("Retry-After", str(problem.retry_after)))
    body = b"" if context.head.method == "HEAD" else refusal(problem, context.request_id, wire)
    return Reply(status=wire.status, headers=tuple(headers), body=body)
