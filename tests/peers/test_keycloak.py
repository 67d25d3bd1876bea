"""Tokens of a real Keycloak: its people, its service account, its rotated keys."""

import time
from collections.abc import AsyncIterator

import pytest

from tests.peers.keycloak import Keycloak
from zotplus.adapters.oidc.issuer import NEW_KEY_SECONDS
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.ports.identity import IssuerState, TokenFault, TokenRefused


@pytest.fixture
async def verifier(keycloak: Keycloak) -> AsyncIterator[OidcVerifier]:
    made = OidcVerifier([IssuerSettings(name="keycloak", url=keycloak.issuer, audiences=("zotplus",))])
    yield made
    await made.close()


PEOPLE = {"alice": ("platform", "administrator"), "bob": ("team-a", "publisher"), "carol": ("readers", "reader")}


@pytest.mark.parametrize("user", PEOPLE)
@pytest.mark.parametrize("kind", ["access_token", "id_token"])
async def test_a_persons_token_gives_their_groups(keycloak, verifier, user, kind):
    group, role = PEOPLE[user]
    verified = await verifier.verify(keycloak.token(user, kind=kind))
    who = verified.identity
    assert (verified.name, who.issuer, who.user_name, who.groups) == ("keycloak", keycloak.issuer, user, (group,))
    assert who.roles == ((role,) if kind == "access_token" else ())  # Keycloak keeps roles out of ID tokens
    assert verifier.status()[0].state is IssuerState.READY


async def test_a_pipelines_token_gives_the_groups_of_its_service_account(keycloak, verifier):
    who = (await verifier.verify(keycloak.pipeline_token())).identity
    assert (who.user_name, who.groups, who.roles) == ("service-account-zotplus-ci", ("team-a",), ("publisher",))


async def test_a_refresh_token_opens_nothing(keycloak, verifier):
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(keycloak.token("alice", kind="refresh_token"))
    assert caught.value.token_fault is TokenFault.ALGORITHM  # Keycloak signs it for itself, with HMAC


async def test_a_token_for_another_audience_opens_nothing(keycloak):
    verifier = OidcVerifier([IssuerSettings(name="keycloak", url=keycloak.issuer, audiences=("another",))])
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(keycloak.token("alice"))
    assert caught.value.token_fault is TokenFault.AUDIENCE
    await verifier.close()


async def test_tokens_hold_when_keycloak_rotates_its_keys(keycloak):
    passed = 0.0
    verifier = OidcVerifier(
        [IssuerSettings(name="keycloak", url=keycloak.issuer, audiences=("zotplus",), leeway=60)],
        lambda: time.time() + passed,
    )
    old = keycloak.token("alice")
    await verifier.verify(old)
    keycloak.rotate_keys()
    passed = NEW_KEY_SECONDS
    new = keycloak.token("alice")
    assert new.partition(".")[0] != old.partition(".")[0]
    assert (await verifier.verify(new)).identity == (await verifier.verify(old)).identity
    await verifier.close()
