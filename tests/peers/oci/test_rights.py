"""Rights before a real registry: wrong passwords, missing grants, anonymous reads, a missing upstream."""

import json

import pytest

from tests.peers.oci.images import MANIFEST, digest_of, image, push_image
from tests.peers.programs import basic, call


@pytest.fixture(scope="module")
def made(gateway, upstream):
    found = image("rights")
    for repository in ("team/rights", "public/rights", "private/rights"):
        push_image(upstream.url, repository, "v1", found, {})
    return found


def test_a_wrong_password_is_refused_everywhere(gateway, made):
    for path in ("/v2/", "/v2/team/rights/manifests/v1", "/v2/public/rights/manifests/v1", "/auth/token"):
        key = gateway.users["reader"][0]
        assert call("GET", gateway.url + path, headers=basic(key, "wrong"))[0] == 401


def test_missing_rights_are_403(gateway, made):
    for user, method, path in [
        ("stranger", "GET", "/v2/team/rights/manifests/v1"),
        ("reader", "GET", "/v2/private/rights/manifests/v1"),
        ("reader", "DELETE", "/v2/team/rights/manifests/v1"),
        ("reader", "POST", "/v2/team/rights/blobs/uploads/"),
        ("writer", "POST", "/v2/private/rights/blobs/uploads/"),
        ("writer", "GET", f"/v2/private/rights/blobs/{digest_of(made.layer)}"),
        ("writer", "HEAD", f"/v2/private/rights/blobs/{digest_of(made.layer)}"),
    ]:
        assert gateway.ask(method, path, user, body=b"" if method == "POST" else None)[0] == 403, (user, path)


def test_everybody_reads_what_is_public_with_an_anonymous_token(gateway, made):
    path = "/v2/public/rights/manifests/v1"
    assert gateway.ask("GET", path)[0] == 401
    _, _, body = gateway.ask("GET", "/auth/token?service=zotplus&scope=repository:public/rights:pull,push")
    bearer = {"Authorization": f"Bearer {json.loads(body)['token']}", "Accept": MANIFEST}
    assert gateway.ask("GET", path, headers=bearer)[2] == made.manifest
    assert gateway.ask("GET", "/v2/team/rights/manifests/v1", headers=bearer)[0] == 401
    assert gateway.ask("PUT", path, headers=bearer, body=b"{}")[0] == 401


def test_the_catalogue_differs_by_reader(gateway, made):
    def names(user):
        return json.loads(gateway.ask("GET", "/v2/_catalog", user)[2])["repositories"]

    assert {"team/rights", "public/rights"} <= set(names("reader"))
    assert "private/rights" not in names("reader")
    assert not any(name.startswith("team/") for name in names("stranger"))


def test_a_revocation_holds_in_every_worker(gateway, made):
    key, secret = gateway.add_user("leaver", ("reader", "oci:team/**"))
    _, _, body = call("GET", f"{gateway.url}/auth/token?scope=repository:team/rights:pull", headers=basic(key, secret))
    bearer = {"Authorization": f"Bearer {json.loads(body)['token']}", "Accept": MANIFEST}
    for _ in range(10):
        assert gateway.ask("GET", "/v2/team/rights/manifests/v1", headers=bearer)[0] == 200
    gateway.api("DELETE", f"/keys/{key}")
    for _ in range(20):
        assert gateway.ask("GET", "/v2/team/rights/manifests/v1", headers=bearer)[0] == 401


def test_closed_addresses_stay_closed_to_everybody(gateway, made):
    for path in (
        "/v2/_zot/ext/search?query={}",
        "/v2/_zot/ext/mgmt",
        "/v2/_oci/ext/discover",
        "/v2/team/../private/rights/tags/list",
    ):
        assert gateway.ask("GET", path, "writer")[0] in {400, 404}


def test_without_an_upstream_the_reason_is_told(bare_gateway):
    status, headers, body = bare_gateway.ask("GET", "/v2/", "writer")
    assert (status, headers["Retry-After"]) == (503, "30")
    assert json.loads(body)["errors"][0]["code"] == "UPSTREAM_MISSING"
    assert bare_gateway.ask("GET", "/v2/")[0] == 401
