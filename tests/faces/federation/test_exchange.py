"""Token exchange (RFC 8693), the mint endpoint, and what they give."""

import json
import time

import pytest

from tests.peers.programs import basic, call


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def whoami(stage, headers):
    status, _, body = call("GET", stage.url + "/api/v1/whoami", headers=headers)
    return status, json.loads(body).get("id")


def test_the_audience_is_told(stage):
    for query in ("", "?trust=release"):
        status, _, body = call("GET", f"{stage.url}/_/oidc/audience{query}")
        assert (status, json.loads(body)) == (200, {"audience": "zotplus"})
    status, _, body = call("GET", f"{stage.url}/_/oidc/audience?trust=nobody")
    assert status == 404
    assert json.loads(body)["errors"][0]["code"] == "record-not-found"


@pytest.mark.parametrize(("document", "query"), [({}, ""), ({"trust": "release"}, ""), ({}, "?trust=release")])
def test_a_minted_token_is_good_as_bearer_and_as_password_at_every_door(stage, document, query):
    status, headers, minted = stage.mint({"token": stage.token("github"), **document}, query)
    assert status == 200, minted
    assert headers["Cache-Control"] == "no-store"
    assert minted["success"] is True
    assert 3_590 < minted["expires"] - time.time() <= 3_600
    for credentials in (bearer(minted["token"]), basic("oidc", minted["token"])):
        assert whoami(stage, credentials) == (200, "trust:release")
        assert call("PUT", stage.url + "/s3/releases/minted", headers=credentials, body=b"x")[0] == 200
        assert call("PUT", stage.url + "/s3/other/minted", headers=credentials, body=b"x")[0] in {403, 404}
    assert call("GET", stage.url + "/auth/token", headers=basic("oidc", minted["token"]))[0] == 200


def test_a_minted_token_is_a_web_identity_for_what_is_left_of_it(stage):
    minted = stage.mint({"token": stage.token("github")})[2]["token"]
    assert stage.assume(minted)[0] == 200
    assert stage.assume(minted, "pods")[0] == 403
    assert stage.assume(minted, "self")[0] == 403


def test_a_minted_token_ends_when_it_is_revoked(stage):
    stage.put_trust("ended", "cluster", {"sub": ("system:serviceaccount:team-a:pipeline",)})
    minted = stage.mint({"token": stage.token("tekton"), "trust": "ended"})[2]["token"]
    assert whoami(stage, bearer(minted)) == (200, "trust:ended")
    stage.gateway.run(stage.federation.standing.revoke("trust:ended"))
    assert whoami(stage, bearer(minted))[0] == 401


MINT_REFUSED = {
    "another repository": ({"repository_id": "75"}, {}, "invalid-publisher"),
    "another branch": ({"ref": "refs/heads/x"}, {}, "invalid-publisher"),
    "an unknown trust": ({}, {"trust": "nobody"}, "invalid-publisher"),
    "another audience": ({"aud": "pypi"}, {}, "invalid-token"),
    "expired": ({"exp": 1_000_000_000}, {}, "invalid-token"),
}


@pytest.mark.parametrize(("changes", "document", "code"), MINT_REFUSED.values(), ids=MINT_REFUSED)
def test_a_token_that_does_not_fit_mints_nothing(stage, changes, document, code):
    status, _, body = stage.mint({"token": stage.token("github", **changes), **document})
    assert (status, body["message"]) == (422, "Token request failed.")
    assert [error["code"] for error in body["errors"]] == [code]
    assert body["errors"][0]["description"] == "The token is not valid."


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 1}', b'{"token": ""}', b"\xff", b"[" * 9_999])
def test_a_document_that_cannot_be_read_mints_nothing(stage, body):
    status, _, answer = stage.mint(body)
    assert (status, answer["errors"][0]["code"]) == (422, "invalid-payload")


def test_rubbish_mints_nothing(stage):
    assert stage.mint({"token": "rubbish"})[2]["errors"][0]["code"] == "invalid-token"
    assert call("GET", stage.url + "/_/oidc/mint-token")[0] == 405
    assert call("GET", stage.url + "/_/oidc/elsewhere")[0] == 404
    assert call("HEAD", stage.url + "/_/oidc/mint-token")[0] == 405
    assert call("GET", stage.url + "/_/oidc/audience?trust=%zz")[0] == 422


@pytest.mark.parametrize("audience", [None, "release", "zotplus"])
def test_a_token_is_exchanged_as_oauth_has_it(stage, audience):
    status, headers, answer = stage.exchange(stage.token("github"), audience=audience)
    assert status == 200, answer
    assert headers["Cache-Control"] == "no-store"
    assert answer["token_type"] == "Bearer"
    assert answer["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert 3_590 < answer["expires_in"] <= 3_600
    assert whoami(stage, bearer(answer["access_token"])) == (200, "trust:release")


def test_with_a_scope_the_answer_is_a_registry_token(stage):
    scope = "repository:team/app:pull"
    status, _, answer = stage.exchange(stage.token("github"), scope=scope)
    assert (status, answer.get("scope", ""), answer["expires_in"]) == (200, "", 300)  # s3 alone was granted
    assert whoami(stage, bearer(answer["access_token"]))[0] == 401


def test_a_person_exchanges_their_token_for_one_of_ours(stage):
    status, _, answer = stage.exchange(stage.token("keycloak"), audience="self")
    assert status == 200, answer
    assert answer["expires_in"] <= 300
    assert whoami(stage, bearer(answer["access_token"]))[1].startswith("user:keycloak:")


KIND = "urn:ietf:params:oauth:token-type:"
EXCHANGE_REFUSED = {
    "no token": ({"subject_token": None}, "invalid_request"),
    "no type": ({"subject_token_type": None}, "invalid_request"),
    "another type": ({"subject_token_type": KIND + "saml2"}, "invalid_request"),
    "another wanted type": ({"requested_token_type": KIND + "saml2"}, "invalid_request"),
    "an actor": ({"actor_token": "x"}, "invalid_request"),
    "a resource": ({"resource": "https://example.org"}, "invalid_target"),
    "an unknown trust": ({"audience": "nobody"}, "invalid_target"),
    "rubbish": ({"subject_token": "rubbish"}, "invalid_grant"),
}


@pytest.mark.parametrize(("changes", "error"), EXCHANGE_REFUSED.values(), ids=EXCHANGE_REFUSED)
def test_a_refused_exchange_says_so_as_oauth_has_it(stage, changes, error):
    status, _, answer = stage.exchange(stage.token("github"), **changes)
    assert (status, answer["error"]) == (400, error)


def test_a_parameter_that_is_there_twice_is_refused(stage):
    status, _, answer = stage.exchange(stage.token("github"), audience="release&audience=pods")
    assert status == 400
    body = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=a&subject_token=b"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, answer = call("POST", stage.url + "/auth/token", headers=form, body=body.encode())
    assert (status, json.loads(answer)["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"repository_id": "75"}, "invalid_target"),
        ({"ref": "refs/heads/x"}, "invalid_target"),
        ({"aud": "x"}, "invalid_grant"),
        ({"exp": 1_000_000_000}, "invalid_grant"),
    ],
)
def test_a_token_that_does_not_fit_is_not_exchanged(stage, changes, error):
    status, _, answer = stage.exchange(stage.token("github", **changes))
    assert (status, answer["error"]) == (400, error)


def test_a_token_is_a_password_under_a_trust_that_allows_reuse(stage):
    token = stage.token("kubernetes")
    assert whoami(stage, basic("trust:pods", token)) == (200, "trust:pods")
    assert whoami(stage, basic("oidc", token)) == (200, "user:cluster:system:serviceaccount:team-a:builder")
    assert whoami(stage, basic("trust:release", stage.token("github")))[0] == 401
    assert whoami(stage, basic("trust:nobody", token))[0] == 401
    assert whoami(stage, basic("trust:pods", "rubbish"))[0] == 401


def test_revoking_a_person_ends_the_tokens_that_their_issuer_made_until_then(stage):
    token = stage.token("keycloak", sub="somebody-else", iat=int(time.time()) - 5)
    assert whoami(stage, bearer(token)) == (200, "user:keycloak:somebody-else")
    stage.gateway.run(stage.federation.standing.revoke("user:keycloak:somebody-else"))
    for credentials in (bearer(token), basic("oidc", token)):
        assert whoami(stage, credentials)[0] == 401
    later = stage.token("keycloak", sub="somebody-else", iat=int(time.time()) + 2)
    assert whoami(stage, bearer(later))[0] == 200
