"""A registry in memory behind the ``Upstream`` port: a little of the distribution API, and a record of requests."""

import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import msgspec

from zotplus.ports.upstream import UpstreamReply, UpstreamRequest, UpstreamStatus


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class MemoryRegistry:
    """Keeps blobs and manifests per repository. ``asked`` holds method and target of every request it saw."""

    def __init__(self) -> None:
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.requests: list[UpstreamRequest] = []

    def push(self, repository: str, content: bytes) -> str:
        digest = digest_of(content)
        self.blobs.setdefault(repository, {})[digest] = content
        self.manifests.setdefault(repository, {})["latest"] = content
        return digest

    def require(self) -> None:
        return

    async def exchange(self, request: UpstreamRequest) -> UpstreamReply:
        self.asked.append(f"{request.method} {request.target}")
        self.requests.append(request)
        body = request.body if isinstance(request.body, bytes | None) else b"".join([x async for x in request.body])
        self.requests[-1] = msgspec.structs.replace(request, body=body)
        parts = urlsplit(request.target)
        query = parse_qs(parts.query)
        name, _, rest = parts.path.removeprefix("/v2/").rpartition("/")
        if parts.path == "/v2/_catalog":
            return self._catalog(query)
        if name.endswith("/manifests"):
            return self._read(self.manifests.get(name.removesuffix("/manifests"), {}).get(rest), request.method)
        if name.endswith("/blobs"):
            return self._read(self.blobs.get(name.removesuffix("/blobs"), {}).get(rest), request.method)
        if name.endswith("/blobs/uploads"):
            status = 201 if "mount" in query else 202
            return UpstreamReply(status=status, headers=(("Location", f"{parts.path}session"),), length=0)
        return _json(200, {"name": name, "tags": []})

    async def open_blob(self, request: UpstreamRequest) -> UpstreamReply:
        return await self.exchange(request)

    async def head_blob(self, request: UpstreamRequest) -> UpstreamReply:
        return await self.exchange(request)

    async def holds_blob(self, repository: str, digest: str) -> bool:
        return digest in self.blobs.get(repository, {})

    async def status(self) -> UpstreamStatus:
        return UpstreamStatus(product="memory", version="", referrers=True)

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return

    def _catalog(self, query: dict[str, list[str]]) -> UpstreamReply:
        names = sorted({*self.blobs, *self.manifests})
        last, size = query.get("last", [""])[0], min(int(query["n"][0]), 2)  # small pages: readers must follow them
        page = [name for name in names if name > last]
        reply = _json(200, {"repositories": page[:size]})
        if len(page) <= size:
            return reply
        return msgspec.structs.replace(reply, headers=(*reply.headers, ("Link", '</v2/_catalog?n=2>; rel="next"')))

    @staticmethod
    def _read(content: bytes | None, method: str) -> UpstreamReply:
        if content is None:
            return _json(404, {"errors": [{"code": "BLOB_UNKNOWN"}]})
        body = b"" if method == "HEAD" else content
        return UpstreamReply(status=200, headers=(("X-From", "upstream"),), body=body, length=len(content))


def _json(status: int, document: object) -> UpstreamReply:
    body = json.dumps(document).encode()
    return UpstreamReply(status=status, headers=(("Content-Type", "application/json"),), body=body, length=len(body))
