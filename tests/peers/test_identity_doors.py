"""A person of a real Keycloak at every door, by the token that they have: what their groups and roles open."""

import itertools
import json
import shutil
import time
from urllib.parse import quote, urlencode

import pytest

from tests.peers.home import Client
from tests.peers.keycloak import PASSWORD
from tests.peers.programs import basic, call, start_gateway, start_registry

pytestmark = pytest.mark.timeout(600)
numbers = itertools.count()

GRANTS = (
    ("group:keycloak:platform", "administrator", "*"),
    ("role:keycloak:publisher", "publisher", "oci:team-a/**"),
    ("role:keycloak:publisher", "publisher", "s3:team-a"),
    ("group:keycloak:readers", "reader", "oci:team-a/**"),
    ("group:keycloak:readers", "reader", "s3:team-a"),
)


@pytest.fixture(scope="module")
def gateway(keycloak, tmp_path_factory):
    """Alice administers by her group, Bob publishes below team-a by his role, Carol reads it by her group."""
    folder = tmp_path_factory.mktemp("doors")
    registry = start_registry(folder)
    issuers = json.dumps([{"name": "keycloak", "url": keycloak.issuer, "audiences": ["zotplus"]}])
    made = start_gateway(folder, registry.url, ZOTPLUS_IDENTITY__ISSUERS=issuers)
    for grantee, role, pattern in GRANTS:
        made.grant(grantee, role, pattern)
    call("PUT", f"{made.url}/s3/team-a", headers=bearer(keycloak.token("alice")))
    yield made
    made.running.stop()
    registry.stop()


@pytest.fixture
def client(tmp_path, gateway):
    return Client(tmp_path / "home", gateway)


@pytest.fixture
def name(gateway):
    return f"{gateway.host}/team-a/app{next(numbers)}"


@pytest.fixture
def layout(client):
    """An image in OCI layout."""
    return client.layout(f"identity {next(numbers)}")


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def login(client, program, token, user="oidc", *, fails=False):
    flags = ("--tls-verify=false", "--username", user, "--password-stdin", client.gateway.host)
    return client.run(program, "login", *flags, stdin=token, fails=fails)


def push(client, layout, name, *, fails=False):
    flags = ("--insecure-policy", "copy", "--dest-tls-verify=false", "--retry-times", "0")
    return client.run("skopeo", *flags, f"oci:{layout}:v1", f"docker://{name}:v1", fails=fails)


@pytest.mark.parametrize("user", ["oidc", "whoever"])
def test_podman_logs_in_with_a_token_as_the_password_under_any_name(client, keycloak, user):
    assert "Login Succeeded" in login(client, "podman", keycloak.token("bob"), user)


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
def test_podman_takes_both_kinds_of_token(client, keycloak, kind):
    assert "Login Succeeded" in login(client, "podman", keycloak.token("bob", kind=kind))


def test_a_publisher_by_role_pushes_and_a_reader_by_group_only_pulls(client, keycloak, layout, name):
    login(client, "skopeo", keycloak.token("bob"))
    push(client, layout, name)
    login(client, "skopeo", keycloak.token("carol"))
    assert "denied" in push(client, layout, name, fails=True).lower()
    client.run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}:v1")


def test_nobody_gets_beyond_what_was_granted(client, keycloak, layout, gateway):
    login(client, "skopeo", keycloak.token("bob"))
    assert "403 (Forbidden)" in push(client, layout, f"{gateway.host}/team-b/app", fails=True)


def test_a_pipelines_service_account_publishes(client, keycloak, layout, name):
    login(client, "skopeo", keycloak.pipeline_token())
    push(client, layout, name)


def test_helm_pushes_and_pulls_a_chart_as_a_person(client, keycloak, gateway):
    client.run("helm", "create", "chart")
    client.run("helm", "package", "chart")
    flags = ("--plain-http", "--username", "oidc", "--password-stdin", gateway.host)
    client.run("helm", "registry", "login", *flags, stdin=keycloak.token("bob"))
    client.run("helm", "push", "chart-0.1.0.tgz", f"oci://{gateway.host}/team-a/charts", "--plain-http")
    client.run("helm", "registry", "login", *flags, stdin=keycloak.token("carol"))
    shutil.rmtree(client.folder / "chart")
    client.run("helm", "pull", f"oci://{gateway.host}/team-a/charts/chart", "--version", "0.1.0", "--plain-http")
    refused = client.run(
        "helm", "push", "chart-0.1.0.tgz", f"oci://{gateway.host}/team-a/charts", "--plain-http", fails=True
    )
    assert "denied" in refused.lower()


@pytest.mark.parametrize("as_password", [False, True])
def test_curl_and_dnf_reach_s3_by_bearer_and_by_basic(keycloak, gateway, as_password):
    def headers(user):
        token = keycloak.token(user)
        return basic("oidc", token) if as_password else bearer(token)

    url = f"{gateway.url}/s3/team-a/packages/{next(numbers)}.rpm"
    assert call("PUT", url, headers=headers("bob"), body=b"an rpm")[0] == 200
    assert call("GET", url, headers=headers("carol"))[2] == b"an rpm"
    assert call("PUT", url, headers=headers("carol"), body=b"other")[0] == 403
    assert call("GET", f"{gateway.url}/s3/other/key", headers=headers("carol"))[0] == 403


def test_the_api_knows_a_person_and_lets_administrators_by_group_administer(keycloak, gateway):
    status, _, answer = call("GET", f"{gateway.url}/api/v1/whoami", headers=bearer(keycloak.token("alice")))
    told = json.loads(answer)
    assert (status, told["kind"], told["name"], told["credential"]) == (200, "user", "alice", "jwt keycloak")
    assert told["id"].startswith("user:keycloak:")
    assert "group:keycloak:platform" in told["names"]
    assert call("GET", f"{gateway.url}/api/v1/keys", headers=bearer(keycloak.token("alice")))[0] == 200
    assert call("GET", f"{gateway.url}/api/v1/keys", headers=bearer(keycloak.token("bob")))[0] == 403


def test_metrics_open_to_those_who_may_read_them(keycloak, gateway):
    assert call("GET", f"{gateway.url}/metrics", headers=bearer(keycloak.token("alice")))[0] == 200
    assert call("GET", f"{gateway.url}/metrics", headers=bearer(keycloak.token("carol")))[0] == 403


def test_a_registry_token_of_a_person_does_not_outlive_theirs_and_comes_without_a_refresh_token(keycloak, gateway):
    query = urlencode({"service": "zotplus", "scope": "repository:team-a/x:pull,push", "offline_token": "true"})
    status, _, answer = call("GET", f"{gateway.url}/auth/token?{query}", headers=basic("oidc", keycloak.token("bob")))
    told = json.loads(answer)
    assert status == 200
    assert told["scope"] == "repository:team-a/x:pull,push"
    assert 60 <= told["expires_in"] <= 300
    assert "refresh_token" not in told


def test_a_grant_to_a_role_that_is_withdrawn_ends_for_tokens_that_are_out(keycloak, gateway):
    """Within a second and on every worker: rights are looked up at each use, by the names that the token carries."""
    made = gateway.api("POST", "/grants", {"grantee": "group:keycloak:readers", "role": "reader", "pattern": "s3:once"})
    gateway.api(
        "POST", "/grants", {"grantee": "role:keycloak:administrator", "role": "publisher", "pattern": "s3:once"}
    )
    call("PUT", f"{gateway.url}/s3/once", headers=bearer(keycloak.token("alice")))
    token = keycloak.token("carol")
    url = f"{gateway.url}/s3/once?list-type=2"
    assert call("GET", url, headers=bearer(token))[0] == 200
    gateway.api("DELETE", f"/grants/{made['id']}")
    changed = time.monotonic()
    assert {call("GET", url, headers=bearer(token))[0] for _ in range(20)} == {403}  # on both workers
    assert time.monotonic() - changed < 60


@pytest.fixture
def leaver(keycloak):
    """Somebody whom no other test knows, in the group readers: name and id."""
    name = f"leaver{time.monotonic_ns()}"
    secret = {"type": "password", "value": PASSWORD, "temporary": False}
    person = {"username": name, "enabled": True, "email": f"{name}@example.org", "emailVerified": True}
    person |= {"firstName": "L", "lastName": "L", "groups": ["/readers"], "credentials": [secret]}
    keycloak.admin("POST", "/users", person)
    (made,) = keycloak.admin("GET", f"/users?username={name}&exact=true")
    yield name, made["id"]
    keycloak.admin("DELETE", f"/users/{made['id']}")


def test_leaving_a_group_in_keycloak_is_felt_with_the_next_token(keycloak, gateway, leaver):
    """The token that is out goes on until it ends (five minutes in the realm); no token made from it lives longer."""
    name, id_ = leaver
    (group,) = [one for one in keycloak.admin("GET", "/groups") if one["name"] == "readers"]
    url = f"{gateway.url}/s3/team-a?list-type=2"
    before = keycloak.token(name)
    assert call("GET", url, headers=bearer(before))[0] == 200
    keycloak.admin("DELETE", f"/users/{id_}/groups/{group['id']}")
    assert call("GET", url, headers=bearer(keycloak.token(name)))[0] == 403
    assert call("GET", url, headers=bearer(before))[0] == 200


def test_a_changed_token_opens_no_door(keycloak, gateway):
    head, body, signature = keycloak.token("alice").split(".")
    forged = ".".join((head, body, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")))
    for url in ("/s3/team-a/key", "/api/v1/keys", "/v2/", "/metrics"):
        for headers in (bearer(forged), basic("oidc", forged)):
            status, _, answer = call("GET", gateway.url + url, headers=headers)
            assert status == (400 if url.startswith("/s3/") else 401), answer  # S3's InvalidToken is a 400
            assert forged[:40].encode() not in answer


def test_nothing_of_a_token_reaches_the_log(keycloak, gateway):
    token = keycloak.token("bob")
    call("GET", f"{gateway.url}/s3/team-a/{quote('x')}", headers=bearer(token))
    log = gateway.running.log.read_text()
    assert token.rpartition(".")[2] not in log
