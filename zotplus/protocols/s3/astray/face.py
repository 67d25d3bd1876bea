"""The face of addresses where there is nothing, for clients of S3: they understand a refusal in its own form only.

``app`` chooses it for the main port's paths that no other face has, and for MinIO's administration at any port.
"""

import re
from collections.abc import Sequence
from typing import Final

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.queries.signing import is_signed_for
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Face, Operation, Route

MINIO_ADMINISTRATION: Final = "/minio/admin/"
"""Where MinIO has its administration API, which ``mc admin`` asks for."""
_ADMINISTRATION_CLIENT: Final = "madmin-go/"
_NO_REGION: Final = "//s3/aws4_request"
"""How that API is signed. Signatures of S3 name a region, so nobody could read an object in a bucket ``minio`` so."""

_AGENT_MAX = 200
_VERSION_2 = "AWS "
_QUERY_PROTOCOL = "Action="
_is_s3_client = re.compile(r"aws-cli/|aws-sdk-|boto|minio", re.IGNORECASE).search
_is_host = re.compile(r"[A-Za-z0-9._~\[\]:-]{1,262}", re.ASCII).fullmatch


def speaks_s3(head: RequestHead) -> bool:
    """Whether whoever asks is a client of S3: by what it signed, or without a signature by its name."""
    authorization = head.headers.get("Authorization", "")
    if authorization:
        return authorization.startswith(_VERSION_2) or is_signed_for(head, "s3")
    if head.method == "POST" or _QUERY_PROTOCOL in head.raw_query:
        return False
    return is_signed_for(head, "s3") or _is_s3_client(head.headers.get("User-Agent", "")[:_AGENT_MAX]) is not None


def is_minio_administration(head: RequestHead) -> bool:
    """Whether it is a request of MinIO's administration API, and none for an object in a bucket called ``minio``."""
    if not head.raw_path.startswith(MINIO_ADMINISTRATION):
        return False
    return _NO_REGION in head.headers.get("Authorization", "") or _ADMINISTRATION_CLIENT in head.headers.get(
        "User-Agent", ""
    )


class AstrayFace:
    """As ``gateway.route.Face``: refuses everything, and says where to go.

    ``s3`` is the face whose refusals look as these clients expect, ``prefix`` where it is on the main port. Where the
    main port's address as clients know it (``external_url``) is not set, the host that was asked is named.
    """

    name = "s3"
    request_id_header = "x-amz-request-id"

    def __init__(self, s3: Face, prefix: str, external_url: str | None = None) -> None:
        self.routes: Sequence[Route] = ()
        self._s3 = s3
        self._prefix = prefix
        self._external_url = external_url

    def parse(self, head: RequestHead) -> tuple[Route, Operation]:
        """Raises ``NOT_MINIO`` or ``ENDPOINT_NOT_S3``."""
        if is_minio_administration(head):
            raise Problem(
                errors.NOT_MINIO,
                "This server is not MinIO and has no `mc admin`; `zotplus` manages it. The page Coming from MinIO of "
                "its documentation (docs/minio.md) has the command for each.",
            )
        detail = f"There is no S3 at this address. Set the endpoint to {self._endpoint(head)}, or to the port of S3."
        raise Problem(errors.ENDPOINT_NOT_S3, detail)

    async def authenticate(self, _context: Context) -> Principal:
        """Nobody: nothing is served."""
        return NOBODY

    def render(self, problem: Problem, context: Context) -> Reply:
        """As that of S3."""
        return self._s3.render(problem, context)

    def _endpoint(self, head: RequestHead) -> str:
        if self._external_url:
            return self._external_url.rstrip("/") + self._prefix
        if _is_host(head.host) is None:
            return f"the address of this port with {self._prefix}"
        return f"{head.scheme}://{head.host}{self._prefix}"
