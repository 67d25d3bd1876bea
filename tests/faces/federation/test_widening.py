"""Nothing that is issued opens more, or for longer, than what it was made from."""

import json
import time
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError

from tests.peers.programs import basic, call
from zotplus.domain.trusts import LIFETIME_MAX
from zotplus.services.federation.trusts import TrustGrant
from zotplus.services.identity.roles import Role

PUBLISHER = (TrustGrant(role=Role.PUBLISHER, pattern="s3:releases"),)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def whoami(stage, headers):
    status, _, body = call("GET", stage.url + "/api/v1/whoami", headers=headers)
    return status, json.loads(body)


@pytest.mark.parametrize("scope", ["repository:Not/A/Name:pull", "openid", "registry:other:*", "repository:x"])
def test_a_scope_that_is_not_understood_gives_less_and_never_everything(stage, scope):
    status, _, answer = stage.exchange(stage.token("github"), scope=scope)
    assert status == 200, answer
    assert whoami(stage, bearer(answer["access_token"]))[0] == 401
    assert call("GET", stage.url + "/s3/releases", headers=bearer(answer["access_token"]))[0] in {400, 401, 403}


def test_anybodys_job_at_github_is_nobody_without_a_trust(stage):
    stage.gateway.run(stage.gateway.services.grants.give("authenticated", Role.READER, "s3:releases"))
    stranger = {"repository_id": "666", "sub": "repo:mallory/fork:ref:refs/heads/main"}
    for headers in (
        bearer(stage.token("github", **stranger)),
        basic("oidc", stage.token("github", **stranger)),
    ):
        for path in ("/s3/releases", "/api/v1/whoami", "/v2/", "/auth/token"):
            assert call("GET", stage.url + path, headers=headers)[0] in {400, 401, 403}, path
    assert stage.assume(stage.token("github", **stranger), "self")[0] == 403
    assert stage.exchange(stage.token("github", **stranger), audience="self")[0] == 400
    assert stage.mint({"token": stage.token("github", **stranger), "trust": "self"})[0] == 422
    assert whoami(stage, bearer(stage.token("keycloak")))[0] == 200


def test_a_token_used_up_by_an_exchange_opens_no_door_by_itself(stage):
    token = stage.token("github")
    assert stage.assume(token)[0] == 200
    assert whoami(stage, bearer(token))[0] == 401
    assert stage.mint({"token": token, "trust": "self"})[0] == 422


def test_what_comes_by_a_token_of_ours_is_seen_so_by_conditions(stage):
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"StringEquals": {"zotplus:credential": "token"}},
            }
        ],
    }
    url, root = stage.url + "/api/v1", basic(stage.gateway.access_key, stage.gateway.secret)
    stage.put_trust("watched", "cluster", {"sub": ("system:serviceaccount:team-a:pipeline",)}, PUBLISHER, reuse=True)
    body = json.dumps({"document": document}).encode()
    headers = {**root, "Content-Type": "application/json"}
    assert call("PUT", f"{url}/policies/no-tokens", headers=headers, body=body)[0] in {200, 201}
    attachment = f"{url}/policies/no-tokens/attachments/trust:watched"
    assert call("PUT", attachment, headers=headers, body=b"{}")[0] in {200, 201}
    token = stage.token("tekton")
    by_password = basic("trust", f"watched:{token}")
    minted = bearer(stage.mint({"token": token, "trust": "watched"})[2]["token"])
    for headers, status in ((by_password, 200), (minted, 403)):
        assert call("PUT", stage.url + "/s3/releases/seen", headers=headers, body=b"x")[0] == status


def test_no_chain_of_exchanges_lasts_longer_than_its_first_link(stage):
    minted = stage.mint({"token": stage.token("github")})[2]
    token, ends = minted["token"], minted["expires"]
    for _ in range(3):
        status, _, answer = stage.exchange(token)
        assert status == 200, answer
        token = answer["access_token"]
        assert time.time() + answer["expires_in"] <= ends + 1
    status, _, body = stage.assume(token, DurationSeconds=str(LIFETIME_MAX))
    assert status == 200
    ended = body.decode().partition("<Expiration>")[2].partition("<")[0]
    assert ended <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends + 1))


def test_the_name_of_a_trust_does_not_fill_the_log(stage):
    stage.exchange(stage.token("github"), audience="x" * 9_000)
    assert len(stage.recorded("oci").details["exchanged_for"]) <= 128
    stage.mint({"token": stage.token("github")}, "?trust=" + "x" * 2_000)
    assert len(stage.recorded("mint").details["exchanged_for"]) <= 128


def test_whom_a_policy_denies_to_exchange_tokens_gets_nothing_for_one(stage):
    root = {**basic(stage.gateway.access_key, stage.gateway.secret), "Content-Type": "application/json"}
    url = stage.url + "/api/v1/policies/no-exchange"
    statement = {"Effect": "Deny", "Action": "sts:*", "Resource": "sts:denied"}
    body = json.dumps({"document": {"Version": "2012-10-17", "Statement": [statement]}}).encode()
    assert call("PUT", url, headers=root, body=body)[0] in {200, 201}
    for name in ("denied", "undenied"):
        claims = {"sub": ("system:serviceaccount:team-a:pipeline",)}
        stage.put_trust(name, "cluster", claims, PUBLISHER, reuse=True)
        assert call("PUT", f"{url}/attachments/trust:{name}", headers=root, body=b"{}")[0] in {200, 201}
    token = stage.token("tekton")
    assert stage.assume(token, "undenied")[0] == 200
    assert stage.assume(token, "denied")[0] == 403
    denied = stage.recorded("sts")
    assert (denied.fault, denied.who.id) == ("access_denied", "trust:denied")
    assert [one.policy for one in denied.decisions] == ["no-exchange@1"]
    assert stage.mint({"token": token, "trust": "undenied"})[0] == 200
    assert stage.mint({"token": token, "trust": "denied"})[0] == 403
    assert stage.exchange(token, audience="undenied")[0] == 200
    assert stage.exchange(token, audience="denied")[0] == 403


@pytest.mark.parametrize("links", [1, 3])
def test_what_was_got_for_a_token_ends_when_that_is_revoked(stage, links):
    first = stage.mint({"token": stage.token("github")})[2]["token"]
    token = first
    for _ in range(links):
        token = stage.exchange(token)[2]["access_token"]
    other = stage.mint({"token": stage.token("github")})[2]["token"]
    scope = {"service": "zotplus", "scope": "registry:catalog:*"}
    status, _, body = call("GET", f"{stage.url}/auth/token?{urlencode(scope)}", headers=basic("oidc", token))
    assert status == 200
    registry = json.loads(body)["token"]
    document = stage.assume(token)[2].decode()
    keys = {
        name: document.partition(f"<{name}>")[2].partition("<")[0]
        for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
    }
    s3 = stage.gateway.client(key=keys)
    s3.put_object(Bucket="releases", Key="derived", Body=b"x")
    assert call("GET", stage.url + "/v2/", headers=bearer(registry))[0] == 503  # it is let in, and no registry is there
    revocation = json.dumps({"token": first}).encode()
    headers = {**bearer(other), "Content-Type": "application/json"}
    assert call("POST", stage.url + "/api/v1/tokens/revoke", headers=headers, body=revocation)[0] == 204
    assert whoami(stage, bearer(token))[0] == 401
    assert call("GET", stage.url + "/v2/", headers=bearer(registry))[0] == 401
    assert stage.assume(token)[0] in {400, 403}
    with pytest.raises(ClientError):
        s3.put_object(Bucket="releases", Key="derived", Body=b"x")
    assert whoami(stage, bearer(other))[0] == 200
