"""An issuer, and a verifier that trusts it, with a clock that only tests move."""

from collections.abc import AsyncIterator

import pytest

from tests.issuers import shapes
from tests.issuers.local import AUDIENCE, LocalIssuer
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.identity import TokenFault, TokenRefused

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Case:
    """What most tests need: ``case.token(exp=…)`` makes one of the issuer, ``case.verify`` verifies."""

    def __init__(self, issuer: LocalIssuer) -> None:
        self.issuer, self.clock = issuer, Clock()
        self.verifiers: list[OidcVerifier] = []

    def settings(self, **changes) -> IssuerSettings:
        given = {"name": "local", "url": self.issuer.url, "audiences": (AUDIENCE,), "timeout": 2.0}
        return IssuerSettings(**(given | changes))

    def verifier(self, **changes) -> OidcVerifier:
        self.verifiers.append(OidcVerifier([self.settings(**changes)], self.clock))
        return self.verifiers[-1]

    @property
    def first(self) -> OidcVerifier:
        return self.verifiers[0] if self.verifiers else self.verifier()

    def claims(self, **changes) -> dict:
        made = shapes.keycloak_access(self.issuer.url, self.clock.now, **changes)
        return {name: value for name, value in made.items() if value is not ...}

    def token(self, **changes) -> str:
        return self.issuer.mint(self.claims(**changes))

    async def verify(self, token: str):
        return await self.first.verify(token)

    async def fault(self, token: str) -> TokenFault:
        """Why ``token`` is refused; the client must learn nothing of it."""
        with pytest.raises(TokenRefused) as caught:
            await self.first.verify(token)
        assert caught.value.detail == "The token is not valid."
        assert caught.value.fields == {}
        return caught.value.token_fault

    async def unavailable(self, token: str | None = None) -> str:
        """The token has to wait; return why, as administrators read it."""
        with pytest.raises(Problem) as caught:
            await self.first.verify(token or self.token())
        assert caught.value.fault is errors.ISSUER_UNAVAILABLE
        assert caught.value.fields == {}
        (status,) = self.first.status()
        return status.reason


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with LocalIssuer() as made:
        yield made


@pytest.fixture
async def case(issuer) -> AsyncIterator[Case]:
    made = Case(issuer)
    yield made
    for verifier in made.verifiers:
        await verifier.close()
