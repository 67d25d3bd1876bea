"""The OCI face behind the real pipeline, on memory adapters, without sockets."""

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.gateway import settings_for
from tests.faces.oci.memory_registry import MemoryRegistry
from zotplus.adapters.keyvalue_memory.store import KeyValueMemory
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.app.identities import Identities, identities
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.reply import Streamed
from zotplus.protocols.oci.face import OciFace
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role


class Body:
    """A request body in memory; ``length`` None stands for a chunked one."""

    def __init__(self, content: bytes, *, chunked: bool = False) -> None:
        self._content = content
        self.length = None if chunked else len(content)

    async def chunks(self):
        for start in range(0, len(self._content), 3):
            yield self._content[start : start + 3]

    async def read(self, limit: int) -> bytes:
        if len(self._content) > limit:
            raise Problem(errors.BODY_TOO_LARGE)
        return self._content


class Clock:
    """The real time, and ``ahead`` seconds more."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Answer:
    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["errors"][0]["code"]


@dataclass
class Gateway:
    """What a test talks to. ``users`` are passwords by name."""

    registry: MemoryRegistry
    known: Identities
    face: OciFace
    store: KeyValueMemory
    clock: Clock
    users: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.access, self.grants, self.tokens = self.known.access, self.known.grants, self.known.tokens

    async def ask(self, method, target, *, headers=(), body=b"", chunked=False, host="gw.test:8080") -> Answer:
        path, _, query = target.partition("?")
        fields = CIMultiDictProxy(CIMultiDict([("Host", host), *headers]))
        head = RequestHead(
            method=method, raw_path=path, raw_query=query, headers=fields, peer="::1", scheme="http", host=host
        )
        pipeline = Pipeline(lambda _: self.face, self.known)
        reply = await pipeline.respond(pipeline.open(head, Body(body, chunked=chunked)))
        content = reply.body
        if isinstance(content, Streamed):
            content = b"".join([chunk async for chunk in content.chunks])
        headers = CIMultiDict(reply.headers)
        if reply.length is not None:
            headers["Content-Length"] = str(reply.length)
        return Answer(reply.status, headers, content)

    def basic(self, user: str, password: str | None = None):
        secret = self.users[user] if password is None else password
        return ("Authorization", "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode())

    async def token(self, scope: str = "", user: str | None = None, extra: str = "") -> str:
        headers = [self.basic(user)] if user else []
        answer = await self.ask("GET", f"/auth/token?service=zotplus&scope={scope}{extra}", headers=headers)
        assert answer.status == 200, answer.body
        return answer.json["token"]

    async def bearer(self, scope: str = "", user: str | None = None):
        return ("Authorization", f"Bearer {await self.token(scope, user)}")

    async def add_user(self, name: str, *grants: tuple[Role, str]) -> None:
        made = await self.access.create(kind=PrincipalKind.KEY, name=name, id_=name)
        self.users[name] = made.secret
        for role, pattern in grants:
            await self.grants.give(name, role, pattern)


@pytest.fixture
async def gateway() -> Gateway:
    """``writer`` publishes team/**, ``reader`` reads it, ``stranger`` may nothing; ``public/**`` is public."""
    store, sealing = KeyValueMemory(), AeadSealing([bytes(32)])
    clock = Clock()
    known = identities(settings_for(Path("unused")), store, sealing, OidcVerifier(()), clock)
    registry = MemoryRegistry()
    made = Gateway(registry, known, OciFace(registry, known.tokens), store, clock)
    await made.add_user("writer", (Role.PUBLISHER, "oci:team/**"))
    await made.add_user("reader", (Role.READER, "oci:team/**"))
    await made.add_user("stranger")
    await known.grants.give(PUBLIC, Role.READER, "oci:public/**")
    return made
