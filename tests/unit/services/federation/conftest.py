"""A gateway's identities over memory, with issuers whose keys are files, as for a cluster that cannot be reached."""

from pathlib import Path

import pytest

from tests.issuers import shapes
from tests.issuers.local import AUDIENCE, LocalIssuer
from zotplus.adapters.jose.tokens import JoseSigner
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.domain.principals import PrincipalKind
from zotplus.domain.trusts import TrustTerms
from zotplus.services.federation.exchange import Exchange
from zotplus.services.federation.federation import Federation
from zotplus.services.federation.replay import Replays
from zotplus.services.federation.sessions import Sessions, SessionSettings
from zotplus.services.federation.standing import Standing
from zotplus.services.federation.trusts import TrustGrant, Trusts
from zotplus.services.identity.access import Access
from zotplus.services.identity.people import People
from zotplus.services.identity.registry_tokens import RegistryTokens, RegistryTokenSettings
from zotplus.services.identity.revocations import Revocations
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.roles import Role
from zotplus.services.identity.signing_keys import SigningKeys

URLS = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.example.org",
    "cluster": "https://kubernetes.default.svc",
    "keycloak": "https://login.example.org/realms/zotplus",
}
PUBLISHER = (TrustGrant(role=Role.PUBLISHER, pattern="s3:releases"),)


class Worker:
    """One process's identities over ``store``."""

    def __init__(self, store, sealing, clock, folder: Path):
        self.store, self.clock = store, clock
        settings = [
            IssuerSettings(name=name, url=url, audiences=(AUDIENCE, "another"), jwks_file=str(folder / "jwks.json"))
            for name, url in URLS.items()
        ]
        self.verifier = OidcVerifier(settings, clock)
        rights = Rights()
        self.people = People(store, rights)
        self.access = Access(store, sealing, rights, clock=clock)
        keys = SigningKeys(store, sealing, JoseSigner(), 90_000, clock=clock)
        self.standing = Standing(store, clock=clock)
        self.tokens = RegistryTokens(
            keys, self.access, self.people, Revocations(store, self.standing, clock=clock), RegistryTokenSettings(),
            clock=clock,
        )  # fmt: skip
        self.trusts = Trusts(store, URLS, clock=clock)
        self.replays = Replays(store, clock=clock)
        self.sessions = Sessions(store, sealing, rights, SessionSettings(), clock=clock)
        self.exchange = Exchange(
            verifier=self.verifier,
            tokens=self.tokens,
            people=self.people,
            trusts=self.trusts,
            standing=self.standing,
            replays=self.replays,
            clock=clock,
        )
        self.federation = Federation(
            trusts=self.trusts,
            standing=self.standing,
            replays=self.replays,
            exchange=self.exchange,
            sessions=self.sessions,
        )

    async def key(self):
        """A new access key: its principal."""
        made = await self.access.create(kind=PrincipalKind.KEY, name="somebody")
        principal, _ = await self.access.signer(made.credential.id)
        return principal


class Issued:
    """Tokens in the shapes of well-known issuers, signed with the key in the file."""

    def __init__(self, clock):
        self._issuer = LocalIssuer()
        self._clock = clock
        self._count = 0

    def jwks(self) -> bytes:
        return self._issuer.jwks()

    def token(self, shape: str, issuer: str = "", **changes) -> str:
        """A token of its own id; a claim that is None is left out."""
        self._count += 1
        issuer = issuer or {"kubernetes": "cluster", "tekton": "cluster"}.get(shape, shape)
        claims = shapes.ALL[shape](URLS[issuer], self._clock.now, **{"jti": f"id-{self._count}", **changes})
        return self._issuer.mint({name: value for name, value in claims.items() if value is not None})


@pytest.fixture
def issued(clock, tmp_path):
    made = Issued(clock)
    (tmp_path / "jwks.json").write_bytes(made.jwks())
    return made


@pytest.fixture
async def worker(store, sealing, clock, issued, tmp_path):
    made = Worker(store, sealing, clock, tmp_path)
    yield made
    await made.verifier.close()


@pytest.fixture
async def other_worker(store, sealing, clock, issued, tmp_path):
    made = Worker(store, sealing, clock, tmp_path)
    yield made
    await made.verifier.close()


def terms(name="release", issuer="github", **changes) -> TrustTerms:
    claims = {
        "github": {"repository_id": ("74",), "ref": ("refs/heads/main",)},
        "gitlab": {"project_id": ("20",)},
        "cluster": {"sub": ("system:serviceaccount:team-a:pipeline",)},
        "keycloak": {"azp": ("zotplus",), "preferred_username": ("alice",)},
    }
    given = {"name": name, "issuer": issuer, "audience": AUDIENCE, "claims": claims[issuer]}
    return TrustTerms(**{**given, **changes})
