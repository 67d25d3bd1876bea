"""The token server: GET with Basic, OAuth2 by POST, refresh tokens, and tokens that are none of ours."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.faces.gateway import settings_for
from zotplus.adapters.jose.tokens import JoseSigner
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.app.identities import identities
from zotplus.services.tokens.signing_keys import KEY_PREFIX

FORM = ("Content-Type", "application/x-www-form-urlencoded")


def claims_of(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encoded(document: dict | bytes) -> str:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def post(gateway, headers=(FORM,), **fields):
    return await gateway.ask("POST", "/auth/token", headers=headers, body=urlencode(fields).encode())


async def works(gateway, token: str, target: str = "/v2/") -> bool:
    answer = await gateway.ask("GET", target, headers=[("Authorization", f"Bearer {token}")])
    assert answer.status in {200, 401}
    return answer.status == 200


async def test_an_answer_has_all_that_clients_read(gateway):
    answer = await gateway.ask("GET", "/auth/token?service=zotplus&account=reader", headers=[gateway.basic("reader")])
    document = answer.json
    assert document["token"] == document["access_token"]
    assert document["expires_in"] == 300
    assert "refresh_token" not in document
    issued = datetime.strptime(document["issued_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - issued).total_seconds()) < 60
    assert answer.headers["Cache-Control"] == "no-store"
    claims = claims_of(document["token"])
    assert (claims["iss"], claims["aud"], claims["sub"], claims["access"]) == ("zotplus", "zotplus", "reader", [])


async def test_a_token_has_only_what_was_asked_and_is_allowed(gateway):
    asked = "repository:team/app:pull,push&scope=repository:private/x:pull%20repository:public/y:pull,delete"
    assert claims_of(await gateway.token(asked, "reader"))["access"] == [
        {"type": "repository", "name": "team/app", "actions": ["pull"]},
        {"type": "repository", "name": "public/y", "actions": ["pull"]},
    ]


async def test_a_star_asks_for_all_actions(gateway):
    access = claims_of(await gateway.token("repository:team/app:*", "writer"))["access"]
    assert set(access[0]["actions"]) >= {"pull", "push"}


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "x",
        "repository",
        "repository:team/app",
        "repository:host:5000/team/app:pull",
        "repository:../x:pull",
        "repository:Team:pull",
        "plugin:a:pull",
        "repository:team/app:",
        "repository:team/app:read",
        "registry:other:*",
        ":::",
        "repository::pull",
    ],
)
async def test_scopes_that_mean_nothing_here_give_an_empty_token(gateway, scope):
    assert claims_of(await gateway.token(scope, "writer"))["access"] == []


async def test_too_many_scopes_are_refused(gateway):
    answer = await gateway.ask("GET", "/auth/token?scope=" + "%20".join(["repository:a:pull"] * 65))
    assert answer.status == 400


async def test_nobody_gets_what_is_public(gateway):
    token = await gateway.token("repository:public/x:pull,push&scope=repository:team/app:pull")
    claims = claims_of(token)
    assert (claims["sub"], claims["access"]) == (
        "",
        [{"type": "repository", "name": "public/x", "actions": ["pull"]}],
    )


async def test_a_wrong_password_is_401_json(gateway):
    for user, password in (("reader", "wrong"), ("nobody", "x"), ("", "")):
        answer = await gateway.ask("GET", "/auth/token", headers=[gateway.basic(user, password)])
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        answer = await post(gateway, grant_type="password", username=user or "u", password=password or "p")
        assert (answer.status, answer.json["error"], answer.code) == (401, "invalid_grant", "UNAUTHORIZED")


async def test_the_password_grant_serves_containerd(gateway):
    scope = "repository:team/app:pull repository:team/b:pull,push"
    answer = await post(
        gateway, grant_type="password", username="reader", password=gateway.users["reader"], scope=scope, client_id="c"
    )
    assert answer.status == 200
    assert answer.json["scope"] == "repository:team/app:pull repository:team/b:pull"
    assert await works(gateway, answer.json["access_token"], "/v2/team/app/tags/list")


async def test_a_refresh_token_is_only_given_when_asked_for_and_to_somebody(gateway):
    answer = await gateway.ask("GET", "/auth/token?offline_token=true", headers=[gateway.basic("reader")])
    assert answer.json["refresh_token"]
    assert "refresh_token" not in (await gateway.ask("GET", "/auth/token?offline_token=true")).json
    fields = {"grant_type": "password", "username": "reader", "password": gateway.users["reader"]}
    assert "refresh_token" not in (await post(gateway, **fields)).json
    assert (await post(gateway, **fields, access_type="offline")).json["refresh_token"]


async def test_a_refresh_token_gives_tokens_until_its_credential_is_revoked(gateway):
    answer = await gateway.ask("GET", "/auth/token?offline_token=true", headers=[gateway.basic("reader")])
    fields = {"grant_type": "refresh_token", "refresh_token": answer.json["refresh_token"]}
    renewed = await post(gateway, **fields, scope="repository:team/app:pull")
    assert renewed.json["refresh_token"] == answer.json["refresh_token"]
    assert await works(gateway, renewed.json["access_token"], "/v2/team/app/tags/list")
    await gateway.access.revoke("reader")
    answer = await post(gateway, **fields)
    assert (answer.status, answer.json["error"]) == (401, "invalid_grant")


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(gateway):
    answer = await gateway.ask("GET", "/auth/token?offline_token=true", headers=[gateway.basic("reader")])
    assert not await works(gateway, answer.json["refresh_token"])
    refused = await post(gateway, grant_type="refresh_token", refresh_token=answer.json["token"])
    assert refused.status == 401


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "reader"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ],
)
async def test_other_grants_are_400(gateway, fields, error):
    answer = await post(gateway, **fields)
    assert (answer.status, answer.json["error"]) == (400, error)


@pytest.mark.parametrize("body", [b"\xff", b"a=%zz", b"a=%ff", b"x" * 70_000, b"&".join([b"a=1"] * 99)])
async def test_forms_that_cannot_be_read_are_refused(gateway, body):
    answer = await gateway.ask("POST", "/auth/token", headers=[FORM], body=body)
    assert answer.status in {400, 413}


async def test_the_form_is_a_form(gateway):
    answer = await post(gateway, headers=[("Content-Type", "application/json")], grant_type="password")
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_a_get_with_another_scheme_is_refused(gateway):
    answer = await gateway.ask("GET", "/auth/token", headers=[("Authorization", "Digest x")])
    assert answer.status == 400


@pytest.mark.parametrize("target", ["/auth/token/", "/auth/tokens", "/auth/"])
async def test_the_token_server_has_one_address(gateway, target):
    assert (await gateway.ask("GET", target)).status == 404
    assert (await gateway.ask("PUT", "/auth/token")).headers["Allow"] == "GET, POST"


async def test_an_expired_token_is_refused_even_when_it_was_seen_before(gateway):
    token = await gateway.token()
    assert await works(gateway, token)
    gateway.clock.ahead = 301
    assert not await works(gateway, token)
    assert not await works(gateway, token)


async def test_a_token_from_the_future_is_refused(gateway):
    gateway.clock.ahead = 600
    token = await gateway.token()
    gateway.clock.ahead = 0
    assert not await works(gateway, token)


async def test_all_workers_share_the_key(gateway):
    token = await gateway.token()
    other = identities(settings_for(Path("unused")), gateway.store, AeadSealing([bytes(32)]), OidcVerifier(())).tokens
    assert (await other.holder(token)).is_anonymous
    assert len(dict(gateway.store.read_now(lambda snapshot: list(snapshot.scan(KEY_PREFIX, b"U"))))) == 1


async def test_the_key_is_sealed_at_rest(gateway):
    await gateway.token()
    ((_, value),) = gateway.store.read_now(lambda snapshot: list(snapshot.scan(KEY_PREFIX, b"U")))
    assert b"PRIVATE KEY" not in value


async def test_old_tokens_hold_over_a_rotation(gateway):
    old = await gateway.token()
    await gateway.tokens.keys.rotate()
    new = await gateway.token()
    assert old.split(".")[0] != new.split(".")[0]
    assert await works(gateway, old)
    assert await works(gateway, new)


async def test_a_key_is_dropped_when_no_token_of_it_can_be_valid(gateway):
    old = await gateway.token()
    await gateway.tokens.keys.rotate()
    gateway.clock.ahead = gateway.tokens.settings.refresh_lifetime + 60
    await gateway.tokens.keys.rotate()
    assert not await works(gateway, old)
    assert len(gateway.tokens.keys._keys) == 2


async def test_a_token_of_another_service_or_issuer_is_refused(gateway):
    await gateway.token()
    (key_id,) = gateway.tokens.keys._keys
    good = claims_of(await gateway.token())
    signer = JoseSigner()
    for change in (
        {"aud": "other"},
        {"iss": "other"},
        {"aud": ["zotplus"]},
        {"exp": None},
        {"sub": 1},
        {"access": "x"},
    ):
        token = signer.sign(key_id, gateway.tokens.keys._keys[key_id], {**good, **change})
        assert not await works(gateway, token), change
    assert await works(gateway, signer.sign(key_id, gateway.tokens.keys._keys[key_id], good))


async def forged(gateway, header: dict) -> str:
    """A token with our own claims, a header of the attacker's, and a signature that such a header would ask for."""
    own = await gateway.token("repository:team/app:pull", "writer")
    (key_id,) = gateway.tokens.keys._keys
    signed = f"{encoded({'typ': 'JWT', 'kid': key_id, **header})}.{own.split('.')[1]}"
    if header["alg"] == "none":
        return f"{signed}."
    public = JoseSigner()._key(gateway.tokens.keys._keys[key_id]).as_pem(private=False)
    return f"{signed}.{encoded(hmac.digest(public, signed.encode(), hashlib.sha256))}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
async def test_cve_2026_33322_a_token_without_a_signature_is_refused(gateway, algorithm):
    token = await forged(gateway, {"alg": "none"})
    header = token.split(".")[0]
    assert not await works(gateway, token)
    other = encoded({**json.loads(base64.urlsafe_b64decode(header + "==")), "alg": algorithm})
    assert not await works(gateway, token.replace(header, other, 1))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_cve_2024_48916_the_public_key_is_no_hmac_secret(gateway, algorithm):
    assert not await works(gateway, await forged(gateway, {"alg": algorithm}))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "x5u", "crit", "b64", "zip", "enc", "cty"])
async def test_cve_2025_24976_a_token_cannot_bring_its_own_key(gateway, name):
    own = JoseSigner()
    pem = own.generate()
    header = {
        "alg": "ES256",
        "kid": next(iter(gateway.tokens.keys._keys), "x"),
        "typ": "JWT",
        name: own._key(pem).as_dict(private=False),
    }
    claims = claims_of(await gateway.token())
    head, _, _ = own.sign("x", pem, claims).partition(".")
    token = own.sign("x", pem, claims).replace(head, encoded(header), 1)
    assert not await works(gateway, token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "a.b",
        "..",
        "a.b.c.d",
        "e30.e30.e30",
        encoded(b"[]") + ".e30.x",
        encoded(b"[" * 5000) + ".e30.x",
        "\u00e9.b.c",
        encoded({"alg": "ES256"}) + ".e30.x",
        encoded({"alg": "ES256", "kid": 5}) + ".e30.x",
        "x" * 9000 + ".b.c",
        encoded({"alg": ["ES256"], "kid": "a"}) + ".e30.x",
        encoded(b'{"alg":"ES256"') + ".a.b",
    ],
)
async def test_what_is_no_token_is_refused(gateway, token):
    await gateway.token()
    assert not await works(gateway, token)


async def test_a_changed_signature_or_payload_is_refused(gateway):
    token = await gateway.token("repository:public/x:pull")
    head, payload, signature = token.split(".")
    claims = {**claims_of(token), "access": [{"type": "repository", "name": "team/app", "actions": ["pull"]}]}
    assert not await works(gateway, f"{head}.{encoded(claims)}.{signature}")
    assert not await works(gateway, f"{head}.{payload}.{encoded(bytes(64))}")
    assert not await works(gateway, f"{head}.{payload}.")
    other = JoseSigner()
    (key_id,) = gateway.tokens.keys._keys
    assert not await works(gateway, other.sign(key_id, other.generate(), claims))
    assert await works(gateway, token)


async def test_the_memory_of_checked_tokens_is_bounded(gateway, monkeypatch):
    monkeypatch.setattr("zotplus.services.tokens.registry_tokens.CACHED_TOKENS", 2)
    for _ in range(5):
        assert await works(gateway, await gateway.token())
    assert len(gateway.tokens._checked) <= 2


async def test_a_robot_logs_in_with_its_name(gateway):
    from zotplus.domain.principals import PrincipalKind  # noqa: PLC0415 - only here

    made = await gateway.access.create(kind=PrincipalKind.ROBOT, name="ci", id_="robot:ci")
    header = gateway.basic("robot:ci", made.secret)
    answer = await gateway.ask("GET", "/auth/token", headers=[header])
    assert claims_of(answer.json["token"])["sub"] == "robot:ci"


@pytest.mark.parametrize("name", ["jku", "x5u", "cty"])
async def test_cve_2025_24976_even_a_good_signature_does_not_excuse_a_key_in_the_header(gateway, name):
    claims = claims_of(await gateway.token())
    ((key_id, pem),) = gateway.tokens.keys._keys.items()
    header = {"alg": "ES256", "kid": key_id, name: "https://evil.test/keys"}
    token = jwt.encode(header, claims, JoseSigner()._key(pem), algorithms=["ES256"])
    assert not await works(gateway, token)
    del header[name]
    assert await works(gateway, jwt.encode(header, claims, JoseSigner()._key(pem), algorithms=["ES256"]))


async def test_the_public_keys_verify_a_token_elsewhere_and_hold_no_secret(gateway):
    token = await gateway.token("repository:team/app:pull", "reader")
    await gateway.tokens.keys.rotate()
    answer = await gateway.ask("GET", "/auth/jwks")
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert [set(key) for key in answer.json["keys"]] == [{"kty", "crv", "x", "y", "kid", "alg", "use"}] * 2
    verified = jwt.decode(token, KeySet.import_key_set(answer.json), algorithms=["ES256"])
    assert verified.claims["sub"] == "reader"


async def test_a_revoked_token_ends_at_once(gateway):
    token = await gateway.token("repository:team/app:pull", "reader")
    assert await works(gateway, token, "/v2/team/app/tags/list")
    await gateway.tokens.revoke(token)
    assert not await works(gateway, token, "/v2/team/app/tags/list")
    assert await works(gateway, await gateway.token("repository:team/app:pull", "reader"), "/v2/team/app/tags/list")
