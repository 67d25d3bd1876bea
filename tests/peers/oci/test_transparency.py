"""For somebody who may, the gateway is not there: the same request gives the same answer directly and through it."""

import itertools
import json

import pytest

from tests.peers.oci.images import LAYER, MANIFEST, OCTETS, digest_of, image, push_blob, push_image
from tests.peers.programs import basic, call

# Hop-by-hop and what a server says about itself or the moment; and the one header that the gateway adds where it lacks.
IGNORED = {"date", "server", "connection", "keep-alive", "transfer-encoding", "x-request-id"}
ADDED = {"docker-distribution-api-version"}
# Differ from one answer to the next even directly.
VOLATILE = {"docker-upload-uuid", "blob-upload-uuid"}

numbers = itertools.count()


class Both:
    """The same request twice: to the upstream itself, and through the gateway as somebody who may."""

    def __init__(self, gateway, upstream):
        self.gateway = gateway
        self.upstream = upstream
        self.user = basic(*gateway.users["writer"])

    def ask(self, method, path, *, headers=None, body=None, through=None):
        """``through`` is the path for the gateway where it must be another (a write can be done once)."""
        direct = call(method, self.upstream.url + path, headers=headers, body=body)
        relayed = call(
            method, self.gateway.url + (through or path), headers={**(headers or {}), **self.user}, body=body
        )
        return direct, relayed

    def same(self, method, path, **more):
        direct, relayed = self.ask(method, path, **more)
        assert relayed[0] == direct[0], (direct, relayed)
        one, other = self.shown(direct[1]), self.shown(relayed[1])
        assert {name: other.get(name) for name in one} == one
        assert set(other) - set(one) <= ADDED
        assert relayed[2] == direct[2]
        return relayed

    def alike(self, method, path, through, **more):
        """For answers that name the repository or a session: the same status and the same header names."""
        direct, relayed = self.ask(method, path, through=through, **more)
        if direct[0] >= 500:  # a fault of the registry is told as one, and as the gateway's own answer
            assert relayed[0] == 502, (direct, relayed)
            return direct, relayed
        assert relayed[0] == direct[0], (direct, relayed)
        assert set(self.shown(relayed[1])) - set(self.shown(direct[1])) <= ADDED
        assert set(self.shown(direct[1])) <= set(self.shown(relayed[1]))
        location = relayed[1].get("Location", "/v2/")
        assert location.startswith("/v2/")
        return direct, relayed

    def shown(self, headers):
        fields = {name.lower(): value for name, value in headers.items()}
        fields = {name: value for name, value in fields.items() if name not in IGNORED}
        if "location" in fields:
            fields["location"] = fields["location"].removeprefix(self.upstream.url)
        return {name: "" if name in VOLATILE else value for name, value in fields.items()}


@pytest.fixture
def both(gateway, upstream):
    return Both(gateway, upstream)


@pytest.fixture
def repository():
    return f"team/transparent{next(numbers)}"


@pytest.fixture
def made(upstream, repository):
    """An image that is there already."""
    found = image(repository)
    push_image(upstream.url, repository, "v1", found, {})
    push_image(upstream.url, repository, "v2", found, {})
    return found


def test_manifests_are_read_the_same(both, repository, made):
    accept = {"Accept": f"{MANIFEST}, application/vnd.oci.image.index.v1+json"}
    for reference in ("v1", "v2", digest_of(made.manifest), "none", f"sha256:{'0' * 64}"):
        for method in ("GET", "HEAD"):
            both.same(method, f"/v2/{repository}/manifests/{reference}", headers=accept)
    answer = both.same("GET", f"/v2/{repository}/manifests/v1", headers=accept)
    assert answer[2] == made.manifest
    tag = answer[1].get("Etag") or answer[1].get("ETag")
    if tag:
        both.same("GET", f"/v2/{repository}/manifests/v1", headers={**accept, "If-None-Match": tag})


def test_blobs_are_read_the_same(both, repository, made):
    for content in (made.layer, made.config):
        path = f"/v2/{repository}/blobs/{digest_of(content)}"
        assert both.same("GET", path)[2] == content
        both.same("HEAD", path)
        for span in ("bytes=0-0", "bytes=2-5", "bytes=3-", "bytes=-4", "bytes=0-99999", "bytes=99999-", "lines=1-2"):
            both.same("GET", path, headers={"Range": span})
    for method in ("GET", "HEAD"):
        both.same(method, f"/v2/{repository}/blobs/sha256:{'0' * 64}")
        both.same(method, f"/v2/team/never-pushed/blobs/{digest_of(made.layer)}")


def test_large_blobs_are_read_the_same(both, upstream, repository):
    content = bytes(range(256)) * 20_000
    push_blob(upstream.url, repository, content, {})
    path = f"/v2/{repository}/blobs/{digest_of(content)}"
    for _ in range(3):  # over a connection that was used before, too
        assert both.same("GET", path)[2] == content
    assert both.same("GET", path, headers={"Range": "bytes=100000-4000000"})[2] == content[100_000:4_000_001]


def test_lists_are_read_the_same(both, repository, made):
    for query in ("", "?n=1", "?n=1&last=v1", "?n=100", "?last=v2", "?n=0"):
        both.same("GET", f"/v2/{repository}/tags/list{query}")
    both.same("GET", "/v2/team/never-pushed/tags/list")


def test_referrers_are_read_the_same(both, upstream, repository, made):
    note = image(f"{repository} note", subject=made)
    push_image(upstream.url, repository, digest_of(note.manifest), note, {})
    for query in ("", "?artifactType=application/vnd.example.note", "?artifactType=a/b&artifactType=c/d"):
        both.same("GET", f"/v2/{repository}/referrers/{digest_of(made.manifest)}{query}")


def test_uploads_in_one_request_after_post_are_the_same(both, repository):
    one, other = f"{repository}/a", f"{repository}/b"
    content = repository.encode()
    direct, relayed = both.alike("POST", f"/v2/{one}/blobs/uploads/", f"/v2/{other}/blobs/uploads/", body=b"")
    headers = {"Content-Type": OCTETS}

    def finish(answer):
        location = answer[1]["Location"].removeprefix(both.upstream.url)
        return location + ("&" if "?" in location else "?") + f"digest={digest_of(content)}"

    direct, relayed = both.alike("PUT", finish(direct), finish(relayed), headers=headers, body=content)
    assert relayed[1]["Location"] == f"/v2/{other}/blobs/{digest_of(content)}"
    assert relayed[1]["Docker-Content-Digest"] == direct[1]["Docker-Content-Digest"]


def test_uploads_in_chunks_are_the_same(both, repository):
    one, other = f"{repository}/a", f"{repository}/b"
    first, second = b"first chunk ", b"second chunk"
    answers = both.alike("POST", f"/v2/{one}/blobs/uploads/", f"/v2/{other}/blobs/uploads/", body=b"")

    def next_of(answers, query=""):
        for answer in answers:
            location = answer[1]["Location"].removeprefix(both.upstream.url)
            yield location + (("&" if "?" in location else "?") + query if query else "")

    headers = {"Content-Type": OCTETS, "Content-Range": f"0-{len(first) - 1}"}
    answers = both.alike("PATCH", *next_of(answers), headers=headers, body=first)
    assert answers[0][1]["Range"] == answers[1][1]["Range"]
    answers = both.alike("GET", *next_of(answers))
    wrong = both.alike("PATCH", *next_of(answers), headers={**headers, "Content-Range": "5-9"}, body=b"wrong")
    assert wrong[0][0] == 416
    end = len(first) + len(second) - 1
    headers = {"Content-Type": OCTETS, "Content-Range": f"{len(first)}-{end}"}
    answers = both.alike("PATCH", *next_of(answers), headers=headers, body=second)
    answers = both.alike("PUT", *next_of(answers, f"digest={digest_of(first + second)}"), body=b"")
    assert both.same(
        "GET", f"/v2/{one}/blobs/{digest_of(first + second)}", through=f"/v2/{other}/blobs/{digest_of(first + second)}"
    )


def test_failed_uploads_are_the_same(both, repository):
    one, other = f"{repository}/a", f"{repository}/b"
    answers = both.alike("POST", f"/v2/{one}/blobs/uploads/", f"/v2/{other}/blobs/uploads/", body=b"")
    paths = [answer[1]["Location"].removeprefix(both.upstream.url) for answer in answers]
    query = f"digest=sha256:{'0' * 64}"
    wrong = [path + ("&" if "?" in path else "?") + query for path in paths]
    assert both.alike("PUT", *wrong, headers={"Content-Type": OCTETS}, body=b"content")[0][0] == 400
    session = "00000000-0000-4000-8000-000000000000"
    both.alike("GET", f"/v2/{one}/blobs/uploads/{session}", f"/v2/{other}/blobs/uploads/{session}")
    both.alike("DELETE", f"/v2/{one}/blobs/uploads/{session}", f"/v2/{other}/blobs/uploads/{session}")


def test_an_abandoned_upload_is_the_same(both, repository):
    one, other = f"{repository}/a", f"{repository}/b"
    answers = both.alike("POST", f"/v2/{one}/blobs/uploads/", f"/v2/{other}/blobs/uploads/", body=b"")
    paths = [answer[1]["Location"].removeprefix(both.upstream.url) for answer in answers]
    assert both.alike("DELETE", *paths)[0][0] == 204


def test_a_mount_is_the_same(both, upstream, repository, made):
    query = f"?mount={digest_of(made.layer)}&from={repository}"
    one, other = f"/v2/{repository}/one/blobs/uploads/{query}", f"/v2/{repository}/other/blobs/uploads/{query}"
    both.alike("POST", one, other, body=b"")


def test_manifests_are_written_and_deleted_the_same(both, upstream, repository, made):
    one, other = f"{repository}/one", f"{repository}/other"
    for name in (one, other):
        for blob in (made.config, made.layer):
            push_blob(upstream.url, name, blob, {})
    headers = {"Content-Type": MANIFEST}
    for reference in ("v1", "v2", digest_of(made.manifest)):
        paths = (f"/v2/{one}/manifests/{reference}", f"/v2/{other}/manifests/{reference}")
        direct, _ = both.alike("PUT", *paths, headers=headers, body=made.manifest)
        assert direct[0] == 201
    for bad in (b"", b"{}", b"no json", made.manifest.replace(b"sha256:", b"sha256:0")):
        both.alike("PUT", f"/v2/{one}/manifests/bad", f"/v2/{other}/manifests/bad", headers=headers, body=bad)
    missing = json.loads(made.manifest)
    missing["layers"][0]["digest"] = f"sha256:{'0' * 64}"
    document = json.dumps(missing).encode()
    both.alike("PUT", f"/v2/{one}/manifests/bad", f"/v2/{other}/manifests/bad", headers=headers, body=document)
    for reference in ("v2", "none", digest_of(made.manifest), digest_of(made.manifest)):
        both.alike("DELETE", f"/v2/{one}/manifests/{reference}", f"/v2/{other}/manifests/{reference}")
    digest = digest_of(made.layer)
    both.alike("DELETE", f"/v2/{one}/blobs/{digest}", f"/v2/{other}/blobs/{digest}")


def test_a_sha512_digest_passes(both, upstream, repository):
    content = b"under another algorithm"
    digest = digest_of(content, "sha512")
    one, other = f"{repository}/a", f"{repository}/b"
    answers = both.alike("POST", f"/v2/{one}/blobs/uploads/", f"/v2/{other}/blobs/uploads/", body=b"")
    paths = [answer[1]["Location"].removeprefix(both.upstream.url) for answer in answers]
    paths = [path + ("&" if "?" in path else "?") + f"digest={digest}" for path in paths]
    both.alike("PUT", *paths, headers={"Content-Type": OCTETS}, body=content)
    both.same("GET", f"/v2/{one}/blobs/{digest}", through=f"/v2/{other}/blobs/{digest}")


def test_docker_media_types_pass(both, upstream, repository, made):
    manifest = json.loads(made.manifest)
    manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
    manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    manifest["layers"][0]["mediaType"] = LAYER.replace(
        "vnd.oci.image.layer.v1.tar+gzip", "vnd.docker.image.rootfs.diff.tar.gzip"
    )
    document = json.dumps(manifest).encode()
    headers = {"Content-Type": manifest["mediaType"]}
    path = f"/v2/{repository}/manifests/docker"
    answer = call("PUT", both.gateway.url + path, headers={**headers, **both.user}, body=document)
    assert answer[0] == 201, answer
    assert both.same("GET", path, headers={"Accept": manifest["mediaType"]})[2] == document


def test_the_catalogue_of_somebody_who_may_see_all_is_the_upstreams(both, made):
    both.gateway.users.setdefault("root", both.gateway.add_user("root", ("administrator", "*")))
    direct = json.loads(call("GET", f"{both.upstream.url}/v2/_catalog?n=1000")[2])["repositories"]
    seen, path = [], "/v2/_catalog?n=3"
    while path:
        status, headers, body = both.gateway.ask("GET", path, "root")
        assert status == 200
        seen += json.loads(body)["repositories"]
        path = headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == direct
