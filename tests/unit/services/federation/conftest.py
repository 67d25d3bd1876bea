"""A gateway's identities over memory, with issuers whose keys are files, as for a cluster that cannot be reached."""

from pathlib import Path

import pytest

from tests.faces.gateway import settings_for
from tests.issuers import shapes
from tests.issuers.local import AUDIENCE, LocalIssuer
from zotplus.adapters.oidc.settings import IdentitySettings, IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.app.identities import identities
from zotplus.domain.principals import PrincipalKind
from zotplus.domain.trusts import TrustTerms
from zotplus.services.federation.trusts import TrustGrant
from zotplus.services.identity.roles import Role

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
        issuers = tuple(
            IssuerSettings(name=name, url=url, audiences=(AUDIENCE, "another"), jwks_file=str(folder / "jwks.json"))
            for name, url in URLS.items()
        )
        self.verifier = OidcVerifier(issuers, clock)
        settings = settings_for(folder, identity=IdentitySettings(issuers=issuers))
        known = identities(settings, store, sealing, self.verifier, clock)
        self.people, self.access, self.tokens = known.people, known.access, known.tokens
        self.federation = known.federation
        self.trusts, self.standing = known.federation.trusts, known.federation.standing
        self.replays, self.sessions = known.federation.replays, known.federation.sessions
        self.exchange = known.federation.exchange

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
