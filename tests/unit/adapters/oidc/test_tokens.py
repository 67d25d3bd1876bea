"""What is accepted, and every way in which a token is refused."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.issuers import shapes
from tests.issuers.local import KEYS, LocalIssuer, key, public
from tests.unit.adapters.oidc.conftest import NOW
from zotplus.adapters.oidc.compact import TOKEN_MAX_CHARACTERS
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.domain.claims import ClaimsMapping
from zotplus.ports.identity import TokenFault, TokenRefused


def encoded(part: object) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def with_claims(token: str, content: bytes) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{encoded(content)}.{signature}"


async def test_a_token_of_keycloak_becomes_an_identity(case):
    verified = await case.verify(case.token())
    assert (verified.name, verified.issuer, verified.expires) == ("local", case.issuer.url, NOW + 300)
    assert verified.claims["email"] == "alice@example.org"
    who = verified.identity
    assert (who.issuer, who.subject) == (case.issuer.url, "02e4df97-29be-4f73-86cd-a1b10bcc2bed")
    assert (who.user_name, who.groups, who.roles) == ("alice", ("platform",), ("administrator", "signer"))


@pytest.mark.parametrize("shape", shapes.ALL.values(), ids=shapes.ALL)
async def test_tokens_of_well_known_issuers_are_verified(case, shape):
    claims = shape(case.issuer.url, NOW)
    verified = await case.verify(case.issuer.mint(claims))
    assert verified.claims == claims
    assert verified.identity.subject == claims["sub"]


async def test_the_header_of_github_is_taken(case):
    token = case.issuer.mint(shapes.github(case.issuer.url, NOW), x5t="v7_example-thumbprint")
    assert (await case.verify(token)).claims["repository_id"] == "74"


async def test_groups_of_gitlab_come_from_their_own_claim(case):
    case.verifier(claims=ClaimsMapping(user_name=("user_login",), groups=("groups_direct",), roles=()))
    who = (await case.verify(case.issuer.mint(shapes.gitlab(case.issuer.url, NOW)))).identity
    assert (who.user_name, who.groups, who.roles) == ("sample-user", ("my-group/my-subgroup",), ())


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        *(("RSA", name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        *(("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")),
        *(("Ed25519", "EdDSA"), ("Ed25519", "Ed25519")),
    ],
)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # of the issuer's side, which joserfc signs for
async def test_every_algorithm_with_public_keys_is_verified(case, kind, algorithm):
    case.issuer.keys = [("key-0", algorithm, key(kind))]
    assert (await case.verify(case.token())).identity.user_name == "alice"


async def test_an_algorithm_that_the_settings_leave_out_is_refused(case):
    case.verifier(algorithms=("RS256",))
    assert await case.fault(case.token()) is TokenFault.ALGORITHM


async def test_hmac_with_the_public_key_as_its_secret_is_refused(case):
    case.issuer.keys = [("key-0", "RS256", key("RSA"))]
    for secret in (key("RSA").as_pem(private=False), json.dumps(public(key("RSA"))).encode(), case.issuer.jwks()):
        for algorithm in ("HS256", "hs256", "HS512"):
            signed = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-0'})}.{encoded(case.claims())}"
            digest = hashlib.sha512 if algorithm == "HS512" else hashlib.sha256
            signature = encoded(hmac.digest(secret, signed.encode(), digest))
            assert await case.fault(f"{signed}.{signature}") is TokenFault.ALGORITHM


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "RS256 ", "ES256K", "A128KW", 5, None, ["ES256"]])
async def test_a_token_without_a_signature_of_ours_to_choose_is_refused(case, algorithm):
    signature = case.token().rpartition(".")[2]
    token = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-0'})}.{encoded(case.claims())}.{signature}"
    assert await case.fault(token) is TokenFault.ALGORITHM
    assert await case.fault(token.rpartition(".")[0] + ".") in {TokenFault.MALFORMED, TokenFault.ALGORITHM}


async def test_an_algorithm_of_another_kind_of_key_is_refused(case):
    header, claims, signature = case.token().split(".")
    other = encoded({"alg": "RS256", "typ": "JWT", "kid": "key-0"})
    assert await case.fault(f"{other}.{claims}.{signature}") is TokenFault.KEY
    assert header != other


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "x5u", "crit", "b64", "zip", "enc"])
async def test_a_header_that_brings_its_own_key_or_rules_is_refused(case, name):
    stranger = LocalIssuer()
    stranger.keys = [("key-0", "ES256", key("P-256", 99))]
    values = {
        "jwk": public(key("P-256", 99)),
        "jku": "http://127.0.0.1:9/keys",
        "x5u": "http://127.0.0.1:9/chain",
        "x5c": ["MIIB"],
        "crit": ["exp"],
        "b64": False,
    }
    header = {"alg": "ES256", "typ": "JWT", "kid": "key-0", name: values.get(name, "DEF")}
    for signer in (stranger, case.issuer):
        _, claims, signature = signer.mint(case.claims()).split(".")
        assert await case.fault(f"{encoded(header)}.{claims}.{signature}") is TokenFault.HEADER
    assert case.issuer.requests == []


async def test_a_token_that_somebody_else_signed_under_the_same_key_id_is_refused(case):
    stranger = LocalIssuer()
    stranger.keys = [("key-0", "ES256", key("P-256", 99))]
    assert await case.fault(stranger.mint(case.claims())) is TokenFault.SIGNATURE


async def test_a_changed_claim_breaks_the_signature(case):
    forged = with_claims(case.token(), json.dumps(case.claims(groups=["administrators"])).encode())
    assert await case.fault(forged) is TokenFault.SIGNATURE


@pytest.mark.parametrize("change", [lambda url: url + "/", lambda url: url.upper(), lambda _: "https://elsewhere"])
async def test_another_issuer_is_refused(case, change):
    assert await case.fault(case.token(iss=change(case.issuer.url))) is TokenFault.ISSUER
    assert case.issuer.requests == []


@pytest.mark.parametrize("value", [None, "", 5, ["x"], {}, ...])
async def test_an_issuer_that_is_no_text_is_refused(case, value):
    assert await case.fault(case.token(iss=value)) is TokenFault.ISSUER


@pytest.mark.parametrize(
    "audience",
    [
        *("account", "zotplus ", "ZOTPLUS", "", ["account", "other"], []),
        *(None, ..., 5, ["zotplus", 5], {"zotplus": 1}),
    ],
)
async def test_another_audience_is_refused(case, audience):
    assert await case.fault(case.token(aud=audience)) is TokenFault.AUDIENCE


async def test_one_of_several_audiences_is_enough_when_the_client_is_named(case):
    assert await case.verify(case.token(aud=["account", "zotplus"]))
    for client in (..., None, "", 5, ["zotplus"]):
        fault = await case.fault(case.token(aud=["account", "zotplus"], azp=client))
        assert fault is TokenFault.AUTHORIZED_PARTY


async def test_audiences_without_end_are_refused(case):
    assert await case.fault(case.token(aud=["zotplus", *map(str, range(100))])) is TokenFault.AUDIENCE


async def test_only_named_clients_are_let_in_where_the_settings_name_some(case):
    case.verifier(clients=("zotplus", "zotplus-ci"))
    assert await case.verify(case.token(azp="zotplus-ci"))
    for client in ("account-console", ...):
        assert await case.fault(case.token(azp=client)) is TokenFault.AUTHORIZED_PARTY


async def test_an_expired_token_is_refused_once_the_leeway_is_over(case):
    assert await case.verify(case.token(exp=NOW - 29))
    assert await case.fault(case.token(exp=NOW - 30)) is TokenFault.EXPIRED
    assert await case.fault(case.token(exp=0)) is TokenFault.EXPIRED


@pytest.mark.parametrize("name", ["nbf", "iat"])
async def test_a_token_of_the_future_is_refused(case, name):
    assert await case.verify(case.token(**{name: NOW + 30}))
    assert await case.fault(case.token(**{name: NOW + 31})) is TokenFault.NOT_YET_VALID


@pytest.mark.parametrize("value", [None, ..., True, "1800000300", [], -1, 1_800_000_300_000, 10**400, 1e300])
async def test_an_expiry_that_is_no_time_is_refused(case, value):
    assert await case.fault(case.token(exp=value)) is TokenFault.CLAIMS


async def test_times_may_have_fractions(case):
    assert (await case.verify(case.token(exp=NOW + 1.5))).expires == NOW + 1.5


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt", "AT+JWT", "jwt", None])
async def test_id_and_access_tokens_are_taken(case, kind):
    assert await case.verify(case.issuer.mint(case.claims(), typ=kind))


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", "kb+jwt"])
async def test_tokens_for_another_purpose_are_refused(case, kind):
    assert await case.fault(case.issuer.mint(case.claims(), typ=kind)) is TokenFault.TYPE


@pytest.mark.parametrize("kind", ["Refresh", "Offline", "Logout", "", 5])
async def test_keycloaks_tokens_for_itself_are_refused(case, kind):
    assert await case.fault(case.token(typ=kind)) is TokenFault.TYPE


async def test_a_token_bound_to_a_key_is_refused_because_its_proof_is_not_looked_at(case):
    assert await case.fault(case.token(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})) is TokenFault.BOUND


@pytest.mark.parametrize("key_id", ["../../../etc/passwd", "/dev/null", "a' OR '1'='1", "http://127.0.0.1:9/", "\0"])
async def test_a_key_id_is_a_name_and_nothing_else(case, key_id):
    assert await case.fault(case.issuer.mint(case.claims(), kid=key_id)) is TokenFault.KEY
    assert set(case.issuer.requests) <= {KEYS, KEYS.replace("/keys", "/.well-known/openid-configuration")}


@pytest.mark.parametrize("key_id", [5, ["key-0"], None, "k" * 257])
async def test_a_key_id_of_another_form_is_refused(case, key_id):
    _, claims, signature = case.token().split(".")
    header = encoded({"alg": "ES256", "kid": key_id})
    assert await case.fault(f"{header}.{claims}.{signature}") is TokenFault.HEADER


async def test_without_a_key_id_the_only_fitting_key_is_taken(case):
    assert await case.verify(case.issuer.mint(case.claims(), kid=None))
    case.issuer.rotate()
    case.clock.now += 5
    assert await case.verify(case.token())
    assert await case.fault(case.issuer.mint(case.claims(jti="2"), kid=None)) is TokenFault.KEY


async def test_a_token_beyond_the_size_limit_is_refused_unread(case):
    fits = case.token(padding="x" * 11_000)
    assert len(fits) < TOKEN_MAX_CHARACTERS
    assert await case.verify(fits)
    assert await case.fault(case.token(padding="x" * 12_000)) is TokenFault.TOO_LARGE
    assert await case.fault("a" * 10_000_000) is TokenFault.TOO_LARGE


async def test_a_claim_that_is_there_twice_is_refused(case):
    content = json.dumps(case.claims()).encode()
    for double in (
        content[:-1] + b', "sub": "somebody else"}',
        content.replace(b'{"roles"', b'{"roles": ["reader"], "roles"', 1),
    ):
        assert await case.fault(with_claims(case.token(), double)) is TokenFault.MALFORMED


async def test_a_header_name_that_is_there_twice_is_refused(case):
    _, claims, signature = case.token().split(".")
    header = encoded(b'{"alg": "ES256", "alg": "none", "kid": "key-0"}')
    assert await case.fault(f"{header}.{claims}.{signature}") is TokenFault.MALFORMED


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"5", b'"x"', b"null", b"{", b"{}x", b'{"exp": NaN}', b'{"exp": Infinity}', b"\xff\xfe{}"),
        *(b'{"a":' * 40 + b"1" + b"}" * 40, b"[" * 9_000, b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
        *(b'{"exp": ' + b"9" * 5_000 + b"}", b"\xef\xbb\xbf{}"),
    ],
)
async def test_claims_that_are_no_plain_object_are_refused(case, content):
    assert await case.fault(with_claims(case.token(), content)) is TokenFault.MALFORMED


async def test_text_may_hold_brackets_as_it_likes(case):
    assert (await case.verify(case.token(groups=["[" * 50, "{"]))).identity.groups == ("[" * 50, "{")


@pytest.mark.parametrize(
    "token",
    [
        *("", ".", "..", "...", "a.b.c", "eyJ", "eyJhbGciOiJFUzI1NiJ9", "ey.ey.ey.ey", "ey.ey.ey.ey.ey"),
        *("Bearer x", "é.é.é", "eyJ\n.eyJ.x", "\udcff.\udcff.x", "zp_secret", "AKIA.AKIA.AKIA"),
    ],
)
async def test_what_is_no_token_is_refused(case, token):
    assert await case.fault(token) is TokenFault.MALFORMED
    assert not case.first.recognises(token)


async def test_a_token_that_was_seen_is_recognised_without_reading_it(case, monkeypatch):
    token = case.token()
    await case.verify(token)
    monkeypatch.setattr("zotplus.adapters.oidc.verifier.issuer_of", lambda _: None)
    assert case.first.recognises(token)
    assert not case.first.recognises(case.token(jti="2"))


async def test_a_token_is_recognised_by_its_issuer_alone(case):
    verifier = case.verifier()
    assert verifier.recognises(case.token(exp=1))
    assert not verifier.recognises(case.token(iss="https://elsewhere"))
    assert not verifier.recognises(case.token(iss=["x"]))
    assert not verifier.recognises("a-secret-of-another-kind")
    assert not verifier.recognises(case.token(padding="x" * 12_000))
    assert case.issuer.requests == []


@pytest.mark.parametrize("change", [{"sub": ...}, {"sub": ""}, {"sub": 5}, {"groups": 5}, {"groups": ["a", None]}])
async def test_claims_that_give_no_identity_are_refused(case, change):
    assert await case.fault(case.token(**change)) is TokenFault.CLAIMS


async def test_each_token_meets_the_rules_of_its_own_issuer(case):
    async with LocalIssuer() as other:
        trusted = [
            case.settings(),
            IssuerSettings(name="other", url=other.url, audiences=("elsewhere",), timeout=2),
        ]
        verifier = OidcVerifier(trusted, case.clock)
        case.verifiers.append(verifier)
        assert (await verifier.verify(case.token())).name == "local"
        there = shapes.keycloak_access(other.url, NOW)
        assert (await verifier.verify(other.mint(there | {"aud": "elsewhere"}))).name == "other"
        assert await case.fault(other.mint(there)) is TokenFault.AUDIENCE
        other.keys = [("key-0", "ES256", key("P-256", 7))]
        case.clock.now += 2_000  # one issuer's key is no other's
        mixed = other.mint(shapes.keycloak_access(case.issuer.url, case.clock.now))
        assert await case.fault(mixed) is TokenFault.SIGNATURE


@given(st.binary(max_size=200), st.binary(max_size=400), st.binary(min_size=1, max_size=80))
@settings(max_examples=100)
async def test_arbitrary_parts_are_refused_and_nothing_else_happens(header, claims, signature):
    verifier = OidcVerifier([IssuerSettings(name="a", url="http://127.0.0.1:1/x", audiences=("zotplus",))])
    token = f"{encoded(header)}.{encoded(claims)}.{encoded(signature)}"
    assert not verifier.recognises(token)
    with pytest.raises(TokenRefused):
        await verifier.verify(token)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists), st.sampled_from(["iss", "aud", "exp"])
)
@settings(max_examples=100)
async def test_arbitrary_claims_are_refused_and_nothing_else_happens(value, name):
    url = "http://127.0.0.1:1/x"
    verifier = OidcVerifier([IssuerSettings(name="a", url=url, audiences=("zotplus",))], lambda: NOW)
    claims = shapes.keycloak_access(url, NOW) | {name: value}
    token = f"{encoded({'alg': 'none'})}.{encoded(claims)}.eA"
    with pytest.raises(TokenRefused):
        await verifier.verify(token)
