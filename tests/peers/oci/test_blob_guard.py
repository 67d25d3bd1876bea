"""Stock Zot with ``dedupe``: asking for somebody else's blob must not give it.

By itself Zot links a blob that any repository holds into the one that is asked, for HEAD, for a GET with a Range and
for a mount. The first test shows that it still does; the others show that it does not happen through the gateway.
"""

import itertools

import pytest

from tests.peers.oci.images import digest_of, image, push_blob, push_image
from tests.peers.programs import call, start_gateway, start_zot

numbers = itertools.count()


@pytest.fixture(scope="module")
def zot(tmp_path_factory):
    running = start_zot(tmp_path_factory.mktemp("zot"), dedupe=True)
    yield running
    running.stop()


@pytest.fixture
def secret(zot):
    """A fresh blob that only private/app holds."""
    content = f"the private layer {next(numbers)}".encode() * 5_000
    push_blob(zot.url, "private/app", content, {})
    return content


@pytest.fixture(scope="module")
def gateway(zot, tmp_path_factory):
    made = start_gateway(tmp_path_factory.mktemp("gateway"), zot.url, workers=1)
    try:
        made.add_user("attacker", ("publisher", "oci:mine/**"), ("reader", "oci:open/**"))
        yield made
    finally:
        made.running.stop()


def has(zot, repository: str, content: bytes) -> bool:
    """Whether the repository holds the secret, asked in the one way that does not change the answer."""
    return call("GET", f"{zot.url}/v2/{repository}/blobs/{digest_of(content)}")[0] == 200


def test_zot_itself_links_a_blob_that_is_asked_for(zot, secret):
    path = f"/blobs/{digest_of(secret)}"
    for number, (method, suffix, headers) in enumerate(
        [
            ("HEAD", path, {}),
            ("GET", path, {"Range": "bytes=0-0"}),
            ("POST", f"/blobs/uploads/?mount={digest_of(secret)}", {}),
        ]
    ):
        repository = f"mine/{number}"
        assert not has(zot, repository, secret)
        call(method, f"{zot.url}/v2/{repository}{suffix}", headers=headers, body=b"" if method == "POST" else None)
        if not has(zot, repository, secret):
            pytest.skip(f"this Zot no longer links by {method}; the guard may go when no supported one does")


@pytest.mark.parametrize("repository", ["mine/app", "open/app"])
@pytest.mark.parametrize(
    "request_",
    [("HEAD", {}), ("GET", {}), ("GET", {"Range": "bytes=0-0"}), ("GET", {"Range": "bytes=0-"}), ("GET", {"Range": ""}),
     ("HEAD", {"Range": "bytes=0-0"}), ("GET", {"range": "bytes=0-1,3-4"})],
)  # fmt: skip
def test_asking_for_a_foreign_blob_does_not_link_it(gateway, zot, repository, request_, secret):
    method, headers = request_
    path = f"/v2/{repository}/blobs/{digest_of(secret)}"
    for _ in range(2):
        assert gateway.ask(method, path, "attacker", headers=headers)[0] == 404
    assert not has(zot, repository, secret)


@pytest.mark.parametrize(
    "source", ["", "&from=", "&from=private/app", "&from=mine/other", "&from=mine/app", "&from=open/x"]
)
def test_mounting_a_foreign_blob_begins_an_upload(gateway, zot, source, secret):
    push_blob(zot.url, "mine/other", b"something else", {})
    target = f"/v2/mine/app/blobs/uploads/?mount={digest_of(secret)}{source}"
    status, headers, _ = gateway.ask("POST", target, "attacker", body=b"")
    assert (status, "uploads" in headers["Location"]) == (202, True)
    assert not has(zot, "mine/app", secret)
    assert not has(zot, "mine/other", secret)


def test_a_manifest_that_names_a_foreign_blob_is_refused(gateway, zot, secret):
    made = image("attack")
    push_image(zot.url, "mine/app", "v1", made, {})
    own = digest_of(made.layer)
    manifest = made.manifest.replace(own.encode(), digest_of(secret).encode())
    headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    status, _, _ = gateway.ask("PUT", "/v2/mine/app/manifests/v2", "attacker", headers=headers, body=manifest)
    assert status in {400, 404}
    assert not has(zot, "mine/app", secret)


def test_one_s_own_blobs_are_served_and_mounted(gateway, zot):
    content = b"my own layer" * 10_000
    push_blob(zot.url, "mine/base", content, {})
    digest = digest_of(content)
    path = f"/v2/mine/base/blobs/{digest}"
    status, headers, _ = gateway.ask("HEAD", path, "attacker")
    assert (status, headers["Content-Length"], headers["Docker-Content-Digest"]) == (200, str(len(content)), digest)
    status, headers, body = gateway.ask("GET", path, "attacker", headers={"Range": "bytes=3-5"})
    assert (status, body, headers["Content-Range"]) == (206, content[3:6], f"bytes 3-5/{len(content)}")
    target = f"/v2/mine/app/blobs/uploads/?mount={digest}&from=mine/base"
    assert gateway.ask("POST", target, "attacker", body=b"")[0] == 201
    assert gateway.ask("GET", f"/v2/mine/app/blobs/{digest}", "attacker")[2] == content


def test_an_empty_blob_is_served(gateway, zot):
    push_blob(zot.url, "mine/base", b"", {})
    status, headers, _ = gateway.ask("HEAD", f"/v2/mine/base/blobs/{digest_of(b'')}", "attacker")
    assert (status, headers["Content-Length"]) == (200, "0")
