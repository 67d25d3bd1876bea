"""Problems as RFC 9457 documents: the wire form of the administration and operations faces.

The CLI reads the same document back (``ProblemDocument``), so that both sides share one shape.
"""

from urllib.parse import quote_from_bytes

import msgspec

from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:zotplus:fault:"
# RFC 7617 section 2: the realm is required; charset tells clients how to encode what is not ASCII.
CHALLENGE = 'Basic realm="zotplus", charset="UTF-8"'
_UNAUTHORIZED = 401
_BODILESS = frozenset({204, 304})


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refusal as RFC 9457 section 3.1 defines it, with the catalogue's row as extension members.

    ``fields`` names what the problem is about (``bucket``, ``argument`` …); ``retry_after`` is in seconds.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    cause: str
    remedy: str
    request_id: str
    retry_after: int | None = None
    fields: dict[str, str | int] = {}


def render_problem(problem: Problem, context: Context) -> Reply:
    """``problem`` as ``application/problem+json``, with challenge, Allow and Retry-After where due. Never raises."""
    fault = problem.fault
    headers = [("Cache-Control", "no-store")]
    if fault.status == _UNAUTHORIZED:
        headers.append(("WWW-Authenticate", CHALLENGE))
    if "allow" in problem.fields:
        headers.append(("Allow", str(problem.fields["allow"])))
    if problem.retry_after is not None:
        headers.append(("Retry-After", str(problem.retry_after)))
    if fault.status in _BODILESS:
        return Reply(status=fault.status, headers=tuple(headers))
    body = msgspec.json.encode(document(problem, context))
    return Reply(status=fault.status, headers=(("Content-Type", MEDIA_TYPE), *headers), body=body)


def document(problem: Problem, context: Context) -> ProblemDocument:
    """The document of ``problem``; whatever of it is no UTF-8 is escaped."""
    fault = problem.fault
    return ProblemDocument(
        type=f"{TYPE_PREFIX}{fault.code}",
        title=fault.message,
        status=fault.status,
        detail=_plain(problem.detail),
        # The path alone: a query may hold a signature.
        instance=quote_from_bytes(context.head.raw_path.encode("utf-8", "surrogatepass"), safe="/%:@!$&'()*+,;=-._~"),
        code=fault.code,
        cause=fault.cause,
        remedy=fault.remedy,
        request_id=context.request_id,
        retry_after=problem.retry_after,
        fields={name: _plain(value) if isinstance(value, str) else value for name, value in problem.fields.items()},
    )


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
