"""Every door of the gateway in this process, and a maker of every kind of credential.

Nothing listens: a request's head goes through the pipeline that ``app`` puts together, with all faces behind it.
"""

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from joserfc import jwt
from joserfc.jwk import ECKey
from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.gateway import memory_engines, settings_for
from tests.faces.oci.memory_registry import MemoryRegistry
from zotplus.adapters.oidc.settings import IdentitySettings, IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.app.composition import faces, s3_faces, services
from zotplus.app.identities import identities
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.principals import PrincipalKind
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import Pipeline
from zotplus.records import layout
from zotplus.records.access import CREDENTIAL, raise_generation
from zotplus.services.federation.sessions import SessionPolicies
from zotplus.services.identity.roles import Role
from zotplus.services.tokens.registry_tokens import Scope
from zotplus.services.values import Attributes, Source

HOST = "gw.test"
ISSUER = "https://login.test/realms/zotplus"
MEMBER, STRANGER = "member", "stranger"
GRANTS = ((Role.READER, "oci:team/**"), (Role.READER, "s3:team"), (Role.AUDITOR, "*"))
REGISTRY_SCOPE = (Scope("repository", "team/app", ("pull",)),)


@dataclass
class Credential:
    """Headers to send, or how a request is signed; ``principal`` is the id that it stands for."""

    principal: str
    headers: dict[str, str] = field(default_factory=dict)
    keys: Credentials | None = None
    presigned: bool = False
    certificate: str = ""
    token: str = ""


@dataclass
class Answer:
    status: int
    body: bytes
    fault: str
    principal: str

    @property
    def json(self):
        return json.loads(self.body)


class Body:
    length = 0

    def __init__(self, content=b""):
        self._content = content
        self.length = len(content)

    async def chunks(self):
        yield self._content

    async def read(self, _limit):
        return self._content


class Doors:
    """The gateway; ``past`` makes credentials as they would have been made two hours ago."""

    def __init__(self, folder: Path) -> None:
        self.pair = ECKey.generate_key("P-256")
        public = {**self.pair.as_dict(private=False), "kid": "k", "use": "sig", "alg": "ES256"}
        (folder / "keys.json").write_text(json.dumps({"keys": [public]}))
        issuer = IssuerSettings(
            name="keycloak", url=ISSUER, audiences=("zotplus",), jwks_file=str(folder / "keys.json"), leeway=0
        )
        self.settings = settings_for(folder, identity=IdentitySettings(issuers=(issuer,)))
        self.registry = MemoryRegistry()
        self.registry.push("team/app", b"{}")
        self.registry.push("open/app", b"{}")
        parts = memory_engines(upstream=self.registry, verifier=OidcVerifier([issuer]))
        self.parts = parts
        self.services = services(self.settings, parts)
        self.known = identities(self.settings, parts.store, parts.sealing, parts.verifier)
        self.past = identities(
            self.settings, parts.store, parts.sealing, parts.verifier, lambda: time.time() - 2 * 3_600
        )
        self.pipeline = Pipeline(faces(self.settings, parts, self.services, s3_faces(self.settings)), self.services)

    async def prepare(self) -> "Doors":
        await self.services.access.ensure_administrator("ADMINACCESSKEY00", "admin-secret-admin-secret")
        for bucket in ("team", "open"):
            await self.services.buckets.create(bucket, "owner")
            source = Source(chunks=Body(b"content").chunks())
            await self.services.objects.put(bucket, "key", source, Attributes(), UNCONDITIONAL_WRITE)
        for pattern in ("oci:open/**", "s3:open"):
            await self.services.grants.give("public", Role.READER, pattern)
        for grantee in ("group:keycloak:member", "certificate:member", "user:keycloak:member"):
            await self.allow(grantee)
        return self

    async def allow(self, grantee: str) -> None:
        for role, pattern in GRANTS:
            await self.services.grants.give(grantee, role, pattern)

    async def ask(self, door, credential: Credential | None, *, public: bool = False) -> Answer:
        path = door.public if public else door.private
        target, headers = path, dict(door.headers)
        if credential is not None:
            headers |= credential.headers
            if credential.keys is not None:
                target, headers = signed(door, path, headers, credential)
        parts = urlsplit(target)
        head = RequestHead(
            method=door.method,
            raw_path=parts.path,
            raw_query=parts.query,
            headers=CIMultiDictProxy(CIMultiDict([("Host", HOST), *headers.items()])),
            peer="192.0.2.1",
            scheme="https",
            host=HOST,
            listener=door.listener,
            certificate="" if credential is None else credential.certificate,
        )
        context = self.pipeline.open(head, Body(door.body))
        reply = await self.pipeline.respond(context)
        body = reply.body if isinstance(reply.body, bytes) else b""
        return Answer(reply.status, body, "" if context.fault is None else context.fault.code, context.principal.id)

    # What each kind of credential is made of. ``whose`` is MEMBER or STRANGER; ``ended`` makes one that was good once.

    async def key(self, whose: str, *, ended: bool, kind=PrincipalKind.KEY) -> tuple[str, str]:
        made = await self.services.access.create(kind=kind, name=f"{whose}{time.monotonic_ns()}")
        id_ = made.credential.id
        if whose == MEMBER:
            await self.allow(id_)
        if ended:
            await self.parts.store.write(lambda transaction: _expire(transaction, id_))
        return id_, made.secret

    def jwt(self, whose: str, *, ended: bool, **claims) -> str:
        now = int(time.time()) - (7_200 if ended else 0)
        held = {"iss": ISSUER, "aud": "zotplus", "sub": f"{whose}-person", "iat": now, "exp": now + 600, **claims}
        return jwt.encode({"alg": "ES256", "kid": "k"}, {"groups": [whose], **held}, self.pair, algorithms=["ES256"])

    async def person(self, whose: str):
        """Somebody by a good token, and a store of the past where it shall have ended."""
        return await self.known.callers.by_token(self.jwt(whose, ended=False))

    async def access_token(self, whose: str, *, ended: bool) -> str:
        made = self.past if ended else self.known
        return (await made.tokens.issue_access(await self.person(whose), 600)).token

    async def registry_token(self, whose: str, *, ended: bool) -> str:
        made = self.past if ended else self.known
        return (await made.tokens.issue(await self.person(whose), REGISTRY_SCOPE)).token

    async def session(self, whose: str, *, ended: bool) -> Credentials:
        made = self.past if ended else self.known
        exchanged = await self.known.federation.exchange.of_token(self.jwt(whose, ended=False), "self")
        session = await made.federation.sessions.issue(exchanged.who, 900, SessionPolicies())
        return Credentials(session.access_key, session.secret, session.token)


def _expire(transaction, id_):
    record = CREDENTIAL.decode(transaction.get(layout.credential(id_)))
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    transaction.put(layout.credential(id_), CREDENTIAL.encode(type(record)(**{**fields, "expires_ms": 1})))
    raise_generation(transaction)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def signed(door, path, headers, credential):
    """Path and headers of a signed request; the signature is in the query where it is presigned."""
    request = AWSRequest(
        method=door.method, url=f"https://{HOST}{path}", headers={"Host": HOST, **headers}, data=door.body
    )
    if door.service != "s3":
        signer = (SigV4QueryAuth if credential.presigned else SigV4Auth)(credential.keys, door.service, "us-east-1")
    elif credential.presigned:
        signer = S3SigV4QueryAuth(credential.keys, "s3", "us-east-1", expires=600)
    else:
        signer = S3SigV4Auth(credential.keys, "s3", "us-east-1")
    signer.add_auth(request)
    parts = urlsplit(request.url)
    sent = {name: value for name, value in request.headers.items() if name != "Host"}
    return parts.path + (f"?{parts.query}" if parts.query else ""), sent
