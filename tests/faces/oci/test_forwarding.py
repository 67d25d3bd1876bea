"""What reaches the upstream, and what comes back."""

import json

import pytest

from tests.faces.oci.memory_registry import digest_of
from zotplus.ports.upstream import OpenBody, UpstreamReply
from zotplus.protocols.oci.forwarding import to_reply
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role

SHA = f"sha256:{'a' * 64}"


async def test_credentials_and_hop_by_hop_headers_stay_here(gateway):
    hidden = [
        ("Cookie", "session=1"),
        ("X-Zot-API-Client", "zot-ui"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Real-IP", "1.2.3.4"),
        ("Forwarded", "for=1.2.3.4"),
        ("Connection", "Upgrade, Accept"),
        ("Upgrade", "h2c"),
        ("Expect", "100-continue"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Authorization", "Basic x"),
    ]
    kept = [("Accept", "a/b"), ("Accept", "c/d"), ("Range", "bytes=0-1"), ("User-Agent", "podman/1")]
    await gateway.ask("GET", "/v2/team/app/manifests/latest", headers=[gateway.basic("reader"), *hidden, *kept])
    assert gateway.registry.requests[0].headers == tuple(kept)


async def test_a_put_keeps_its_length(gateway):
    headers = [gateway.basic("writer"), ("Content-Type", "application/octet-stream")]
    await gateway.ask("PUT", f"/v2/team/app/blobs/uploads/x?digest={SHA}", headers=headers, body=b"12345678")
    request = gateway.registry.requests[0]
    assert (request.target, request.body) == (f"/v2/team/app/blobs/uploads/x?digest={SHA}", b"12345678")
    assert ("Content-Length", "8") in request.headers


async def test_an_empty_put_has_the_length_zero(gateway):
    await gateway.ask("PUT", f"/v2/team/app/blobs/uploads/x?digest={SHA}", headers=[gateway.basic("writer")])
    assert ("Content-Length", "0") in gateway.registry.requests[0].headers


async def test_a_chunked_manifest_gets_a_length(gateway):
    manifest = b'{"schemaVersion": 2}'
    me = gateway.basic("writer")
    await gateway.ask("PUT", "/v2/team/app/manifests/latest", headers=[me], body=manifest, chunked=True)
    request = gateway.registry.requests[0]
    assert (request.body, dict(request.headers)["Content-Length"]) == (manifest, "20")


async def test_a_chunked_manifest_over_4_mib_is_refused(gateway):
    body = bytes((4 << 20) + 1)
    me = gateway.basic("writer")
    answer = await gateway.ask("PUT", "/v2/team/app/manifests/latest", headers=[me], body=body, chunked=True)
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")


async def test_a_chunked_patch_stays_chunked(gateway):
    me = gateway.basic("writer")
    await gateway.ask("PATCH", "/v2/team/app/blobs/uploads/x", headers=[me], body=b"12345", chunked=True)
    request = gateway.registry.requests[0]
    assert request.body == b"12345"
    assert "Content-Length" not in dict(request.headers)


async def test_unknown_parameters_are_dropped(gateway):
    me = gateway.basic("reader")
    await gateway.ask("GET", "/v2/team/app/tags/list?n=5&last=a+b&x=1&from=private/app", headers=[me])
    assert gateway.registry.asked == ["GET /v2/team/app/tags/list?n=5&last=a%20b"]


async def test_every_tag_in_the_query_is_checked(gateway):
    me = gateway.basic("writer")
    good = f"/v2/team/app/manifests/{SHA}?tag=v1&tag=v2"
    assert (await gateway.ask("PUT", good, headers=[me])).status != 400
    assert gateway.registry.asked == [f"PUT {good}"]
    for bad in ("?tag=v1&tag=../x", "?tag=", "?tag=a%2Fb", "?tag=" + "a" * 129):
        answer = await gateway.ask("PUT", f"/v2/team/app/manifests/{SHA}{bad}", headers=[me])
        assert (answer.status, answer.code) == (400, "TAG_INVALID"), bad


@pytest.mark.parametrize(
    "query",
    [
        "n=x",
        "n=-1",
        "n=1&n=2",
        "n=%",
        "last=%ff",
        "last=%00",
        "n=1e9",
        "last=" + "a" * 300,
        "&".join(["a=1"] * 100),
        "a" * 9000,
    ],
)
async def test_bad_queries_are_400(gateway, query):
    answer = await gateway.ask("GET", f"/v2/team/app/tags/list?{query}", headers=[gateway.basic("reader")])
    assert answer.status == 400
    assert gateway.registry.asked == []


async def test_a_refusal_of_the_upstream_passes_untouched(gateway):
    answer = await gateway.ask("GET", "/v2/team/app/manifests/none", headers=[gateway.basic("reader")])
    assert (answer.status, answer.json) == (404, {"errors": [{"code": "BLOB_UNKNOWN"}]})


async def test_a_head_keeps_the_length_of_the_content(gateway):
    gateway.registry.push("team/app", b"content")
    answer = await gateway.ask("HEAD", "/v2/team/app/manifests/latest", headers=[gateway.basic("reader")])
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "7", b"")
    assert answer.headers["X-From"] == "upstream"


async def test_an_open_body_becomes_a_relay():
    connection = object()
    body = OpenBody(connection=connection, prefix=b"ab", length=9)
    reply = to_reply(UpstreamReply(status=206, headers=(), body=body, length=9))
    assert (reply.body.connection, reply.body.prefix, reply.body.length) == (connection, b"ab", 9)


async def test_a_mount_of_what_the_source_holds_is_forwarded(gateway):
    digest = gateway.registry.push("team/base", b"layer")
    me = gateway.basic("writer")
    target = f"/v2/team/app/blobs/uploads/?mount={digest}&from=team/base"
    assert (await gateway.ask("POST", target, headers=[me])).status == 201
    assert gateway.registry.asked == [f"POST /v2/team/app/blobs/uploads/?mount={digest}&from=team/base"]


@pytest.mark.parametrize("source", ["", "&from=", "&from=private/app", "&from=team/empty"])
async def test_any_other_mount_becomes_an_upload(gateway, source):
    digest = gateway.registry.push("private/app", b"secret layer")
    target = f"/v2/team/app/blobs/uploads/?mount={digest}{source}&digest={SHA}"
    assert (await gateway.ask("POST", target, headers=[gateway.basic("writer")])).status == 202
    assert gateway.registry.asked == ["POST /v2/team/app/blobs/uploads/"]


async def test_a_mount_with_a_token_needs_the_source_in_its_scope(gateway):
    digest = gateway.registry.push("team/base", b"layer")
    target = f"/v2/team/app/blobs/uploads/?mount={digest}&from=team/base"
    narrow = await gateway.bearer("repository:team/app:pull,push", "writer")
    assert (await gateway.ask("POST", target, headers=[narrow])).status == 202
    wide = await gateway.bearer("repository:team/app:pull,push%20repository:team/base:pull", "writer")
    assert (await gateway.ask("POST", target, headers=[wide])).status == 201


async def test_a_malformed_mount_is_refused(gateway):
    me = gateway.basic("writer")
    for query in ("mount=x&from=team/a", f"mount={SHA}&from=..", "digest=sha256:1", f"mount={SHA}&mount={SHA}"):
        assert (await gateway.ask("POST", f"/v2/team/app/blobs/uploads/?{query}", headers=[me])).status == 400


async def test_the_catalogue_shows_what_the_reader_may_pull(gateway):
    for name in ("public/a", "public/b", "team/a", "team/b", "team/c", "zzz/private"):
        gateway.registry.push(name, name.encode())

    async def names(*headers):
        return (await gateway.ask("GET", "/v2/_catalog", headers=headers)).json["repositories"]

    assert await names(gateway.basic("stranger")) == ["public/a", "public/b"]
    assert await names(gateway.basic("reader")) == ["public/a", "public/b", "team/a", "team/b", "team/c"]
    assert await names(await gateway.bearer("registry:catalog:*")) == ["public/a", "public/b"]
    assert len(await names(await gateway.bearer("registry:catalog:*", "reader"))) == 5
    answer = await gateway.ask(
        "GET", "/v2/_catalog", headers=[await gateway.bearer("repository:team/a:pull", "reader")]
    )
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].endswith('scope="registry:catalog:*",error="insufficient_scope"')


async def test_the_catalogue_is_paged_anew_and_never_names_what_is_hidden(gateway):
    for number in range(9):
        gateway.registry.push(f"team/{number}", b"")
        gateway.registry.push(f"private/{number}", b"")
        gateway.registry.push(f"team/{number}x", b"")
    seen, target = [], "/v2/_catalog?n=4"
    while target:
        answer = await gateway.ask("GET", target, headers=[gateway.basic("reader")])
        assert b"private" not in answer.body
        assert len(answer.json["repositories"]) <= 4
        seen += answer.json["repositories"]
        link = answer.headers.get("Link", "")
        assert "private" not in link
        target = link.partition(">")[0].removeprefix("<")
    assert seen == sorted(name for name in gateway.registry.blobs if name.startswith("team/"))


async def test_a_full_last_page_has_no_link(gateway):
    for name in ("team/a", "team/b", "zzz/hidden"):
        gateway.registry.push(name, b"")
    answer = await gateway.ask("GET", "/v2/_catalog?n=2", headers=[gateway.basic("reader")])
    assert answer.json == {"repositories": ["team/a", "team/b"]}
    assert "Link" not in answer.headers


async def test_a_catalogue_of_zero_entries_is_empty(gateway):
    gateway.registry.push("team/a", b"")
    answer = await gateway.ask("GET", "/v2/_catalog?n=0", headers=[gateway.basic("reader")])
    assert (answer.status, answer.json) == (200, {"repositories": []})


async def test_a_public_repository_is_also_everybodys_who_is_known(gateway):
    digest = gateway.registry.push("public/x", b"content")
    answer = await gateway.ask("GET", f"/v2/public/x/blobs/{digest}", headers=[gateway.basic("stranger")])
    assert (answer.status, digest_of(answer.body)) == (200, digest)
    await gateway.grants.give(PUBLIC, Role.READER, "oci:more")
    token = await gateway.bearer("repository:more:pull,push")
    assert (await gateway.ask("GET", "/v2/more/tags/list", headers=[token])).status == 200


async def test_the_error_body_is_what_the_specification_says(gateway):
    answer = await gateway.ask("GET", "/v2/team/app/manifests/latest")
    document = json.loads(answer.body)
    assert set(document) == {"errors"}
    assert set(document["errors"][0]) == {"code", "message", "detail"}
    assert answer.headers["Content-Type"] == "application/json"
