"""The API behind the real pipeline, on memory adapters and without sockets."""

import asyncio
import base64
import os
import time
from pathlib import Path

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.gateway import settings_for
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.app.identities import identities
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import Pipeline
from zotplus.protocols.api.face import ApiFace
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.counting import Usage
from zotplus.services.configuration.documents import Documents
from zotplus.services.directory import Services
from zotplus.services.encryption.encryption import UNENCRYPTED
from zotplus.services.identity.roles import Role
from zotplus.services.objects import Objects
from zotplus.services.policies.applying import Applying
from zotplus.services.policies.explaining import Explaining
from zotplus.services.policies.policies import Policies
from zotplus.services.removals import Removals

ADMIN = ("ADMINACCESSKEY00", "admin-secret-admin-secret")


class Body:
    def __init__(self, content):
        self.content = content
        self.length = len(content)

    async def read(self, limit):
        if len(self.content) > limit:
            raise Problem(errors.BODY_TOO_LARGE)
        return self.content

    async def chunks(self):
        yield self.content


class Answered(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes
    log: dict

    def json(self, kind=dict):
        return msgspec.json.decode(self.body, type=kind)


class Server:
    def __init__(self, store=None, sealing=None):
        self.store, self.sealing = store or KeyValueMemory(), sealing or AeadSealing([os.urandom(32)])
        store = self.store
        known = identities(settings_for(Path("unused")), store, self.sealing, OidcVerifier(()))
        self.access, self.grants, self.callers, self.tokens = known.access, known.grants, known.callers, known.tokens
        self.buckets = Buckets(store, "us-east-1")
        given = dict.fromkeys(field for field in Services.__dataclass_fields__)
        mine = {"access": self.access, "callers": known.callers, "grants": self.grants, "buckets": self.buckets}
        mine |= {"tokens": self.tokens, "lifecycle": known.lifecycle, "usage": Usage(store)}
        mine |= {"removals": Removals(store, self.buckets, clock=time.time)}
        mine |= {"objects": Objects(store, BlobsMemory()), "encryption": UNENCRYPTED, "documents": Documents(store)}
        of_policies = {
            "policies": Policies(store, issuers=["k"]),
            "applying": Applying(store, issuers=["k"]),
            "explaining": Explaining(store, known.access, known.people),
        }
        self.services = Services(**{**given, **mine, **of_policies})
        self.face = ApiFace()
        self.pipeline = Pipeline(lambda _: self.face, self.services)
        asyncio.run(self.access.ensure_administrator(*ADMIN))

    def another(self):
        """A second worker over the same store, with caches of its own."""
        return Server(self.store, self.sealing)

    def ask(self, address, *, user=ADMIN, body=None, headers=()):
        method, _, target = address.partition(" ")
        path, _, query = target.partition("?")
        fields = CIMultiDict(headers)
        if user is not None:
            fields.add("Authorization", basic(*user))
        content = b""
        if body is not None:
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
            fields.setdefault("Content-Type", "application/json")
        head = RequestHead(
            method=method,
            raw_path=path,
            raw_query=query,
            headers=CIMultiDictProxy(fields),
            peer="127.0.0.1",
            scheme="http",
            host="localhost",
        )
        context = self.pipeline.open(head, Body(content))
        reply = asyncio.run(self.pipeline.respond(context))
        return Answered(status=reply.status, headers=dict(reply.headers), body=reply.body, log=context.log)

    def key(self, *grants, kind=PrincipalKind.KEY, name="somebody"):
        async def make():
            made = await self.access.create(kind=kind, name=name)
            for role, pattern in grants:
                await self.grants.give(made.credential.id, Role(role), pattern)
            return made.credential.id, made.secret

        return asyncio.run(make())

    def bucket(self, name):
        asyncio.run(self.buckets.create(name, ADMIN[0]))


def basic(user, password):
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def server():
    return Server()
