"""Credentials, challenges and rights under /v2/."""

import pytest

from tests.faces.oci.memory_registry import MemoryRegistry
from zotplus.adapters.zot.discovery import MissingUpstream
from zotplus.protocols.oci.face import OciFace

REALM = 'Bearer realm="http://gw.test:8080/auth/token",service="zotplus"'


async def test_a_ping_without_credentials_is_challenged(gateway):
    answer = await gateway.ask("GET", "/v2/")
    assert answer.status == 401
    assert answer.headers.getall("WWW-Authenticate") == [REALM]
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert answer.code == "UNAUTHORIZED"
    assert answer.json["errors"][0]["detail"]["request_id"]


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_a_ping_with_an_anonymous_token_is_answered(gateway, path):
    answer = await gateway.ask("GET", path, headers=[await gateway.bearer()])
    assert (answer.status, answer.body) == (200, b"{}")


async def test_public_content_needs_a_token_too(gateway):
    gateway.registry.push("public/x", b"content")
    assert (await gateway.ask("HEAD", "/v2/public/x/manifests/latest")).status == 401
    token = await gateway.bearer("repository:public/x:pull")
    assert (await gateway.ask("GET", "/v2/public/x/manifests/latest", headers=[token])).body == b"content"


async def test_basic_credentials_work_directly(gateway):
    gateway.registry.push("team/app", b"content")
    answer = await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[gateway.basic("reader")])
    assert (answer.status, answer.body) == (200, b"content")


async def test_a_wrong_password_is_401(gateway):
    answer = await gateway.ask("GET", "/v2/", headers=[gateway.basic("reader", "wrong")])
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == REALM


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic bm9jb2xvbg=="])
async def test_an_unreadable_credential_is_refused_everywhere(gateway, header):
    for target in ("/v2/", "/auth/token"):
        answer = await gateway.ask("GET", target, headers=[("Authorization", header)])
        assert answer.status == 400


async def test_somebody_without_rights_is_403_denied(gateway):
    gateway.registry.push("team/app", b"content")
    answer = await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[gateway.basic("stranger")])
    assert (answer.status, answer.code) == (403, "DENIED")
    assert "WWW-Authenticate" not in answer.headers
    token = await gateway.bearer("repository:team/app:pull", "stranger")
    assert (await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[token])).status == 403
    assert gateway.registry.asked == []


async def test_an_anonymous_token_for_private_content_is_challenged_to_log_in(gateway):
    token = await gateway.bearer("repository:team/app:pull")
    answer = await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[token])
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == f'{REALM},scope="repository:team/app:pull"'


@pytest.mark.parametrize(
    ("method", "target", "scope"),
    [
        ("GET", "/v2/team/app/manifests/latest", "repository:team/app:pull"),
        ("GET", f"/v2/team/app/blobs/sha256:{'a' * 64}", "repository:team/app:pull"),
        ("HEAD", f"/v2/team/app/blobs/sha256:{'a' * 64}", "repository:team/app:pull,push"),
        ("PUT", "/v2/team/app/manifests/latest", "repository:team/app:pull,push"),
        ("POST", "/v2/team/app/blobs/uploads/", "repository:team/app:pull,push"),
        ("DELETE", "/v2/team/app/manifests/latest", "repository:team/app:delete"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
        (
            "POST",
            f"/v2/team/app/blobs/uploads/?mount=sha256:{'a' * 64}&from=team/base",
            "repository:team/app:pull,push repository:team/base:pull",
        ),
    ],
)
async def test_the_challenge_names_the_scope(gateway, method, target, scope):
    answer = await gateway.ask(method, target)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == f'{REALM},scope="{scope}"'


async def test_a_token_for_one_repository_opens_no_other(gateway):
    gateway.registry.push("team/app", b"content")
    token = await gateway.bearer("repository:public/x:pull", "reader")
    answer = await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[token])
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].endswith('scope="repository:team/app:pull",error="insufficient_scope"')
    assert gateway.registry.asked == []


async def test_a_token_for_pull_does_not_push(gateway):
    token = await gateway.bearer("repository:team/app:pull", "writer")
    assert (await gateway.ask("POST", "/v2/team/app/blobs/uploads/", headers=[token])).status == 401
    token = await gateway.bearer("repository:team/app:pull,push", "writer")
    assert (await gateway.ask("POST", "/v2/team/app/blobs/uploads/", headers=[token])).status == 202


async def test_a_reader_may_neither_push_nor_delete(gateway):
    me = gateway.basic("reader")
    for method, target in [
        ("POST", "/v2/team/app/blobs/uploads/"),
        ("PATCH", "/v2/team/app/blobs/uploads/x"),
        ("PUT", "/v2/team/app/blobs/uploads/x"),
        ("PUT", "/v2/team/app/manifests/latest"),
        ("DELETE", "/v2/team/app/manifests/latest"),
        ("DELETE", f"/v2/team/app/blobs/sha256:{'a' * 64}"),
        ("DELETE", "/v2/team/app/blobs/uploads/x"),
        ("GET", "/v2/team/app/blobs/uploads/x"),
    ]:
        assert (await gateway.ask(method, target, headers=[me])).status == 403, (method, target)
    assert gateway.registry.asked == []


async def test_a_revoked_credential_ends_its_tokens_at_once(gateway):
    gateway.registry.push("team/app", b"content")
    token = await gateway.bearer("repository:team/app:pull", "reader")
    assert (await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[token])).status == 200
    await gateway.access.revoke("reader")
    answer = await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[token])
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_withdrawn_grant_holds_at_once(gateway):
    gateway.registry.push("team/app", b"content")
    token = await gateway.bearer("repository:team/app:pull", "reader")
    for grant in await gateway.grants.list():
        if grant.grantee == "reader":
            await gateway.grants.withdraw(grant.id)
    assert (await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[token])).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/v2/_zot/ext/search",
        "/v2/_zot/ext/mgmt",
        "/v2/_zot/ext/userprefs",
        "/v2/_zot/ext/cosign",
        "/v2/_zot/ext/notation",
        "/v2/_oci/ext/discover",
        "/v2//team/app/manifests/latest",
        "/v2/team/../team/app/manifests/latest",
        "/v2/team/./app/manifests/latest",
        "/v2/team%2Fapp/manifests/latest",
        "/v2/team/%2e%2e/app/manifests/latest",
        "/v2/team/app/manifests/latest/",
        "/v2/team/app/manifests/",
        "/v2/team/app/blobs/uploads",
        "/v2/Team/app/tags/list",
        "/v2/team/app",
        "/v2/tags/list",
        "/v2/team\\app/tags/list",
        "/v2/_catalog/",
        "/v2/team/app/tags/list\0",
        "/v2/" + "a/" * 600 + "tags/list",
    ],
)
async def test_what_is_not_canonical_or_not_in_the_api_is_closed(gateway, path):
    for headers in ([], [gateway.basic("writer")]):
        for method in ("GET", "POST", "PUT"):
            answer = await gateway.ask(method, path, headers=headers)
            assert answer.status in {400, 404, 405}, (method, answer)
            assert answer.code in {"NAME_UNKNOWN", "NAME_INVALID", "DIGEST_INVALID", "UNSUPPORTED", "TAG_INVALID"}
    assert gateway.registry.asked == []


async def test_extensions_of_a_registry_are_all_refused_alike(gateway):
    answers = [await gateway.ask("GET", f"/v2/_zot/ext/{name}") for name in ("search", "mgmt", "no-such")]
    assert {(answer.status, answer.code) for answer in answers} == {(404, "NAME_UNKNOWN")}


async def test_other_methods_are_405_with_allow(gateway):
    answer = await gateway.ask("PUT", "/v2/team/app/tags/list")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "Bearer",
        "Bearer a.b.c",
        "Digest x",
        "AWS4-HMAC-SHA256 x",
        "Basic /w==",
    ],
)
async def test_unreadable_credentials_are_refused(gateway, value):
    answer = await gateway.ask("GET", "/v2/", headers=[("Authorization", value)])
    assert answer.status in {400, 401}
    assert answer.code == "UNAUTHORIZED"


async def test_two_credentials_are_refused(gateway):
    answer = await gateway.ask("GET", "/v2/", headers=[gateway.basic("reader"), gateway.basic("writer")])
    assert answer.status == 400


async def test_a_host_that_would_break_out_of_the_challenge_is_not_repeated(gateway):
    answer = await gateway.ask("GET", "/v2/", host='evil",service="x')
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="/auth/token",service="zotplus"'


async def test_the_external_address_makes_the_realm(gateway):
    gateway.face = OciFace(MemoryRegistry(), gateway.tokens, "https://registry.example.com/")
    answer = await gateway.ask("GET", "/v2/")
    assert 'realm="https://registry.example.com/auth/token"' in answer.headers["WWW-Authenticate"]


async def test_without_an_upstream_the_api_says_why(gateway):
    gateway.face = OciFace(MissingUpstream(), gateway.tokens)
    digest = f"sha256:{'a' * 64}"
    me = gateway.basic("writer")
    for method, target in [
        ("GET", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/team/app/manifests/latest"),
        ("GET", f"/v2/team/app/blobs/{digest}"),
        ("HEAD", f"/v2/team/app/blobs/{digest}"),
        ("POST", f"/v2/team/app/blobs/uploads/?mount={digest}&from=team/base"),
    ]:
        answer = await gateway.ask(method, target, headers=[me])
        assert (answer.status, answer.code) == (503, "UPSTREAM_MISSING"), (method, target)
        assert answer.headers["Retry-After"] == "30"
    assert (await gateway.ask("GET", "/v2/")).status == 401
