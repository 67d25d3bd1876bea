"""One place takes every credential: what is a token, whose it is, and what a revocation ends."""

import json
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from tests.faces.gateway import settings_for
from zotplus.adapters.oidc.settings import IdentitySettings, IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.app.identities import identities
from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.identity import TokenFault, TokenRefused
from zotplus.services.federation.sessions import SessionPolicies

ISSUER = "https://login.test/realms/zotplus"
PAIR = ECKey.generate_key("P-256")


@pytest.fixture
async def known(store, sealing, tmp_path):
    public = {**PAIR.as_dict(private=False), "kid": "k", "use": "sig", "alg": "ES256"}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public]}))
    issuer = IssuerSettings(
        name="keycloak", url=ISSUER, audiences=("zotplus",), jwks_file=str(tmp_path / "keys.json"), leeway=30
    )
    settings = settings_for(Path("unused"), identity=IdentitySettings(issuers=(issuer,)))
    verifier = OidcVerifier([issuer])
    yield identities(settings, store, sealing, verifier)
    await verifier.close()


def token(**claims):
    now = int(time.time())
    held = {"iss": ISSUER, "aud": "zotplus", "sub": "bob", "iat": now, "exp": now + 600, **claims}
    return jwt.encode({"alg": "ES256", "kid": "k"}, held, PAIR, algorithms=["ES256"])


async def refused(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault.code


@pytest.mark.parametrize("user", ["oidc", "", "ZPWHOEVER", "robot:ci"])
async def test_a_token_as_the_password_counts_whatever_the_user_is_called(known, user):
    assert (await known.callers.by_password(user, token())).id == "user:keycloak:bob"


async def test_a_password_that_looks_like_a_token_is_still_a_password(known):
    made = await known.access.create(kind=PrincipalKind.KEY, name="x", secret="ey-is-how-it-begins")
    assert (await known.callers.by_password(made.credential.id, made.secret)).id == made.credential.id


async def test_a_token_of_an_unknown_issuer_is_no_password(known):
    assert await refused(known.callers.by_password("oidc", token(iss="https://other.test"))) == "token_invalid"


ALMOST = [
    ISSUER + "/",
    ISSUER.replace("https", "http"),
    ISSUER.replace("login.test", "127.0.0.1"),
]


@pytest.mark.parametrize("issuer", ALMOST)
async def test_a_token_of_an_issuer_that_is_almost_ours_is_logged_with_the_reason(known, issuer):
    ways = (
        known.callers.by_token,
        known.callers.by_registry_token,
        lambda text: known.callers.by_password("oidc", text),
        lambda text: known.callers.by_password("trust", f"ci:{text}"),
        known.federation.exchange.of_token,
    )
    for way in ways:
        with capture_logs() as logged, pytest.raises(TokenRefused) as raised:
            await way(token(iss=issuer))
        assert raised.value.token_fault is TokenFault.ISSUER
        (line,) = [line for line in logged if line["event"] == "token_refused"]
        assert (line["reason"], line["why"]) == ("issuer", f"No issuer {issuer!r} is configured.")


async def test_a_token_of_a_key_that_is_gone_is_still_known_as_our_own(known):
    with pytest.raises(Problem) as raised:
        await known.callers.by_token(token(iss="zotplus"))
    assert "names a key that this server does not have" in raised.value.detail


async def test_what_names_no_issuer_is_a_password_like_any_other(known):
    now = int(time.time())
    secret = jwt.encode({"alg": "ES256", "kid": "k"}, {"exp": now}, PAIR, algorithms=["ES256"])
    assert await refused(known.callers.by_password("x", secret)) == "credentials_invalid"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ey"])
async def test_what_is_no_token_is_no_bearer(known, text):
    assert await refused(known.callers.by_token(text)) == "token_invalid"
    assert await refused(known.callers.by_registry_token(text)) == "token_invalid"


async def test_our_own_tokens_are_told_from_an_issuers_with_the_same_algorithm(known):
    person = await known.callers.by_token(token())
    own = (await known.tokens.issue_access(person, 600)).token
    assert (await known.callers.by_token(own)).id == person.id
    assert (await known.callers.by_password("oidc", own)).id == person.id
    assert (await known.callers.by_registry_token(token())).id == person.id
    assert (await known.callers.by_registry_token(own)).id == person.id
    registry = (await known.tokens.issue(person, ())).token
    assert (await known.callers.by_registry_token(registry)).id == person.id
    assert await refused(known.callers.by_token(registry)) == "token_invalid"


async def test_an_own_token_keeps_groups_claims_and_the_end_of_the_token_that_it_was_made_from(known):
    person = await known.callers.by_token(token(groups=["team-a"]))
    made = await known.tokens.issue_access(person, 86_400)
    again = await known.callers.by_token(made.token)
    assert made.expires == int(person.expires)
    assert (again.names, again.attributes["zotplus:groups"]) == (("group:keycloak:team-a",), ("team-a",))
    assert again.credential.startswith("token ")


async def test_no_token_is_made_of_one_that_has_ended(known):
    person = await known.callers.by_token(token())
    known.tokens.clock = lambda: person.expires
    assert await refused(known.tokens.issue_access(person, 600)) == "token_invalid"


async def test_a_revocation_ends_what_the_issuer_signed_before_it(known):
    before = token()
    assert (await known.callers.by_token(before)).name == "bob"
    await known.federation.standing.revoke("user:keycloak:bob")
    assert await refused(known.callers.by_token(before)) == "token_invalid"
    assert (await known.callers.by_token(token(iat=int(time.time()) + 2))).name == "bob"


async def test_an_operator_is_known_by_its_certificate(known):
    operator = await known.callers.by_certificate("backup")
    assert (operator.id, operator.kind, operator.name) == ("certificate:backup", PrincipalKind.CERTIFICATE, "backup")


async def test_a_key_without_a_session_token_signs_for_itself(known):
    made = await known.access.create(kind=PrincipalKind.KEY, name="x")
    principal, secret = await known.callers.signer(made.credential.id)
    assert (principal.id, secret) == (made.credential.id, made.secret)
    assert await refused(known.callers.signer(made.credential.id, "x")) == "token_invalid"


async def test_nobody_is_anonymous(known):
    assert (await known.callers.anonymous()).is_anonymous


def configured(store, sealing, *issuers):
    """A worker that was started anew with these issuers."""
    settings = settings_for(Path("unused"), identity=IdentitySettings(issuers=issuers))
    return identities(settings, store, sealing, OidcVerifier(issuers))


LATER = {
    "the same": ({"name": "keycloak", "url": ISSUER}, True),
    "gone": ({"name": "other", "url": "https://login.test/realms/other"}, False),
    "renamed": ({"name": "other", "url": ISSUER}, False),
    "another of the name": ({"name": "keycloak", "url": "https://login.test/realms/other"}, False),
}


@pytest.mark.parametrize(("issuer", "holds"), LATER.values(), ids=LATER)
async def test_what_was_got_by_an_issuer_ends_when_that_is_trusted_no_more(known, store, sealing, issuer, holds):
    principal, access = await known.federation.exchange.access_token(token(), "self")
    registry = await known.tokens.issue(principal, ())
    exchanged = await known.federation.exchange.of_token(token(), "self")
    session = await known.federation.sessions.issue(exchanged.who, 900, SessionPolicies())
    later = configured(store, sealing, IssuerSettings(audiences=("zotplus",), **issuer))
    ways = (
        lambda: later.callers.by_token(access.token),
        lambda: later.callers.by_password("oidc", access.token),
        lambda: later.callers.by_registry_token(registry.token),
        lambda: later.callers.signer(session.access_key, session.token),
        lambda: later.federation.exchange.of_token(access.token),
    )
    for way in ways:
        if holds:
            assert await way()
        else:
            assert await refused(way()) == "token_invalid"
