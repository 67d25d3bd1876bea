"""A gateway that knows issuers by files with their keys, and tokens in the shapes of these issuers."""

import asyncio
import json
import time
from urllib.parse import urlencode

import pytest

from tests.faces.gateway import settings_for, start
from tests.issuers import shapes
from tests.issuers.local import AUDIENCE, LocalIssuer
from tests.peers.programs import call
from zotplus.adapters.oidc.settings import IdentitySettings, IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.domain.trusts import TrustTerms
from zotplus.gateway.auditing import FLUSH_SECONDS
from zotplus.services.federation.trusts import TrustGrant
from zotplus.services.identity.roles import Role
from zotplus.settings.sections import S3Settings

URLS = {
    "github": "https://token.actions.githubusercontent.com",
    "cluster": "https://kubernetes.default.svc",
    "keycloak": "https://login.example.org/realms/zotplus",
}
ISSUER_OF = {"github": "github", "kubernetes": "cluster", "tekton": "cluster", "keycloak_access": "keycloak"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROLE = "arn:zotplus:iam:::role/"


class Kept:
    """An audit log in memory."""

    is_failing = False

    def __init__(self):
        self.records = []

    def take(self, record):
        self.records.append(record)

    def hand_over(self, *, urgent=False):
        pass


class Stage:
    """The gateway with trusts ``release`` (a GitHub repository's main branch) and ``pods`` (a service account)."""

    def __init__(self, gateway, issuer, audit):
        self.gateway = gateway
        self.audit = audit
        self._issuer = issuer
        self._count = 0
        self.url, self.s3_url = gateway.url, gateway.s3_url
        publisher = (TrustGrant(role=Role.PUBLISHER, pattern="s3:releases"),)
        self.put_trust("release", "github", {"repository_id": ("74",), "ref": ("refs/heads/main",)}, publisher)
        subject = {"sub": ("system:serviceaccount:team-a:builder",)}
        self.put_trust("pods", "cluster", subject, publisher, reuse=True)

    def recorded(self, face):
        """The newest record of a face."""
        self.gateway.run(asyncio.sleep(FLUSH_SECONDS + 0.01))  # what the loop has put off
        return [record for record in self.audit.records if record.face == face][-1]

    @property
    def federation(self):
        return self.gateway.services.federation

    def put_trust(self, name, issuer, claims, grants=(), **changes):
        terms = TrustTerms(name=name, issuer=issuer, audience=AUDIENCE, claims=claims, **changes)
        return self.gateway.run(self.federation.trusts.put(terms, grants))

    def token(self, shape, **changes) -> str:
        self._count += 1
        now = time.time()
        claims = shapes.ALL[shape](URLS[ISSUER_OF.get(shape, shape)], now, **{"jti": f"id-{self._count}", **changes})
        return self._issuer.mint(claims)

    def post(self, path, *, at=None, headers=None, **fields):
        """A form: status, headers, body."""
        return call("POST", (at or self.url) + path, headers=headers or FORM, body=urlencode(fields).encode())

    def assume(self, token, role="release", *, path="/sts", at=None, **changes):
        fields = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": ROLE + role,
            "RoleSessionName": "job-1",
            "WebIdentityToken": token,
            **changes,
        }
        return self.post(path, at=at, **{name: value for name, value in fields.items() if value is not None})

    def session(self, shape="github", role="release", **changes):
        """Credentials by boto3, as a client gets them."""
        sts = self.gateway.client("sts", at="sts", key=None)
        return sts.assume_role_with_web_identity(
            RoleArn=ROLE + role, RoleSessionName="job-1", WebIdentityToken=self.token(shape), **changes
        )["Credentials"]

    def mint(self, document, query=""):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        status, headers, answer = call("POST", f"{self.url}/_/oidc/mint-token{query}", body=body)
        return status, headers, json.loads(answer)

    def exchange(self, token, **changes):
        fields = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            **changes,
        }
        status, headers, answer = self.post(
            "/auth/token", **{name: value for name, value in fields.items() if value is not None}
        )
        return status, headers, json.loads(answer)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("federation")
    issuer = LocalIssuer()
    keys = folder / "jwks.json"
    keys.write_bytes(issuer.jwks())
    issuers = tuple(
        IssuerSettings(name=name, url=url, audiences=(AUDIENCE,), jwks_file=str(keys)) for name, url in URLS.items()
    )
    settings = settings_for(folder, identity=IdentitySettings(issuers=issuers), s3=S3Settings(allow_signature_v2=True))
    audit = Kept()
    gateway = start(folder, settings=settings, verifier=OidcVerifier(issuers), audit=audit)
    made = Stage(gateway, issuer, audit)
    gateway.client().create_bucket(Bucket="releases")
    yield made
    gateway.stop()
