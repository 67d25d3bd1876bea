"""The clients that people use, as they are: login, push, pull, copy, delete, wrong passwords, missing rights."""

import itertools
import json
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.peers.home import Client
from tests.peers.oci.images import image, push_image
from tests.peers.programs import need

pytestmark = pytest.mark.timeout(600)
numbers = itertools.count()


@pytest.fixture
def client(tmp_path, gateway):
    return Client(tmp_path / "home", gateway)


@pytest.fixture
def name(gateway):
    return f"{gateway.host}/team/client{next(numbers)}"


@pytest.fixture
def layout(client):
    """A folder with an image in OCI layout, made by skopeo from a folder of plain files."""
    return client.layout(f"layout {next(numbers)}")


@pytest.fixture
def storage(client):
    """Flags that give podman and buildah a store of their own; they take no runroot above 50 characters."""
    with tempfile.TemporaryDirectory(prefix="zp") as runroot:
        yield ("--root", client.folder / "root", "--runroot", runroot, "--storage-driver", "vfs")


def login(client, program, user="writer", password=None, *, fails=False):
    key, secret = client.credentials(user)
    flags = ("--tls-verify=false", "--username", key, "--password-stdin")
    return client.run(program, "login", *flags, client.gateway.host, stdin=password or secret, fails=fails)


def test_podman_builds_logs_in_pushes_and_pulls(client, name, storage):
    (client.folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (client.folder / "config" / "containers").mkdir()
    shutil.copy(client.folder / "policy.json", client.folder / "config" / "containers" / "policy.json")
    (client.folder / "context").mkdir()
    (client.folder / "context" / "hello.txt").write_text("hello")
    (client.folder / "context" / "Containerfile").write_text("FROM scratch\nCOPY hello.txt /\nLABEL a=b\n")
    podman = ("podman", *storage)
    client.run(*podman, "build", "--isolation", "chroot", "-t", f"{name}:v1", "context")
    client.run(*podman, "push", "--tls-verify=false", f"{name}:v1", fails=True)
    login(client, "podman", password="wrong", fails=True)
    login(client, "podman")
    client.run(*podman, "push", "--tls-verify=false", f"{name}:v1")
    client.run(*podman, "rmi", "-f", f"{name}:v1")
    client.run(*podman, "pull", "--tls-verify=false", f"{name}:v1")
    assert "b" in client.run(*podman, "inspect", "--format", "{{.Labels.a}}", f"{name}:v1")
    client.run(*podman, "push", "--tls-verify=false", "--format", "v2s2", f"{name}:v1", f"{name}:docker")
    said = client.run(
        *podman, "push", "--tls-verify=false", f"{name}:v1", f"{client.gateway.host}/private/x", fails=True
    )
    assert "denied" in said.lower() or "403" in said
    client.run("podman", "logout", client.gateway.host)
    client.run(*podman, "pull", "--tls-verify=false", f"{name}:v1", fails=True)


def test_buildah_builds_and_pushes(client, name, storage):
    (client.folder / "config" / "containers").mkdir()
    policy = client.folder / "config" / "containers" / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (client.folder / "Containerfile").write_text("FROM scratch\nLABEL c=d\n")
    login(client, "buildah")
    buildah = ("buildah", *storage)
    client.run(*buildah, "build", "--isolation", "chroot", "-t", f"{name}:v1", ".")
    client.run(*buildah, "push", "--tls-verify=false", f"{name}:v1")
    inspected = client.run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}:v1")
    assert json.loads(inspected)["Labels"]["c"] == "d"


def test_skopeo_copies_inspects_and_deletes(client, name, layout):
    skopeo = ("skopeo", "--insecure-policy")
    source = f"oci:{layout}:v1"
    wrong = f"{client.credentials()[0]}:wrong"
    client.run(
        *skopeo, "copy", "--dest-tls-verify=false", "--dest-creds", wrong, source, f"docker://{name}:v1", fails=True
    )
    client.run(*skopeo, "copy", "--dest-tls-verify=false", source, f"docker://{name}:v1", fails=True)
    login(client, "skopeo")
    client.run(*skopeo, "copy", "--dest-tls-verify=false", source, f"docker://{name}:v1")
    client.run(
        *skopeo,
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        f"docker://{name}:v1",
        f"docker://{name}-copy:v2",
    )
    client.run(*skopeo, "copy", "--src-tls-verify=false", f"docker://{name}-copy:v2", f"oci:{client.folder}/back:v2")
    tags = client.run(*skopeo, "list-tags", "--tls-verify=false", f"docker://{name}")
    assert json.loads(tags)["Tags"] == ["v1"]
    for user in ("reader", "stranger"):
        target = f"docker://{name}:v3"
        said = client.run(
            *skopeo, "copy", "--dest-tls-verify=false", "--dest-creds", client.pair(user), source, target, fails=True
        )
        assert "denied" in said.lower() or "403" in said
    client.run(*skopeo, "delete", "--tls-verify=false", f"docker://{name}:v1")


def test_everybody_pulls_what_is_public_without_login(client, upstream):
    repository = f"public/client{next(numbers)}"
    push_image(upstream.url, repository, "v1", image(repository), {})
    target = f"{client.gateway.host}/{repository}:v1"
    copy = ("skopeo", "--insecure-policy", "copy", "--src-tls-verify=false")
    client.run(*copy, f"docker://{target}", f"oci:{client.folder}/anonymous:v1")
    client.run("crane", "digest", "--insecure", target)
    client.run("regctl", "registry", "set", client.gateway.host, "--tls", "disabled", "--skip-check")
    client.run("regctl", "manifest", "get", target)
    private = f"docker://{client.gateway.host}/team/none:v1"
    client.run(*copy, private, f"oci:{client.folder}/no:v1", fails=True)


def test_crane_pushes_copies_lists_and_deletes(client, name, layout):
    key, secret = client.credentials()
    client.run("crane", "push", "--insecure", layout, f"{name}:v1", fails=True)
    client.run("crane", "auth", "login", client.gateway.host, "-u", key, "--password-stdin", stdin=secret)
    client.run("crane", "push", "--insecure", layout, f"{name}:v1")
    client.run("crane", "copy", "--insecure", f"{name}:v1", f"{name}/copy:v2")
    assert client.run("crane", "digest", "--insecure", f"{name}:v1") == client.run(
        "crane", "digest", "--insecure", f"{name}/copy:v2"
    )
    client.run("crane", "validate", "--insecure", "--remote", f"{name}/copy:v2")
    client.run("crane", "tag", "--insecure", f"{name}:v1", "v9")
    assert client.run("crane", "ls", "--insecure", name).split() == ["v1", "v9"]
    repository = name.partition("/")[2]
    assert repository in client.run("crane", "catalog", "--insecure", client.gateway.host).split()
    client.run("crane", "delete", "--insecure", f"{name}:v9")
    client.run("crane", "push", "--insecure", layout, f"{client.gateway.host}/private/x:v1", fails=True)


def test_regctl_copies_attaches_and_lists_referrers(client, name, layout):
    key, secret = client.credentials()
    client.run("regctl", "registry", "set", client.gateway.host, "--tls", "disabled", "--skip-check")
    client.run("regctl", "registry", "login", client.gateway.host, "-u", key, "--pass-stdin", stdin=secret)
    client.run("regctl", "image", "copy", f"ocidir://{layout}:v1", f"{name}:v1")
    note = ("regctl", "artifact", "put", "--artifact-type", "application/vnd.example.note", "--subject", f"{name}:v1")
    client.run(*note, "--file-media-type", "text/plain", stdin="a note")
    referrers = json.loads(client.run("regctl", "artifact", "list", f"{name}:v1", "--format", "{{json .}}"))
    assert "application/vnd.example.note" in json.dumps(referrers)
    # without the referrers API the note also has a tag, sha256-…, for clients to find it by
    assert "v1" in client.run("regctl", "tag", "ls", name).split()
    client.run("regctl", "image", "copy", f"{name}:v1", f"{name}-copy:v1")
    client.run("regctl", "tag", "delete", f"{name}-copy:v1")


def test_helm_pushes_pulls_shows_and_renders_a_chart(client, name):
    need("helm")
    host = client.gateway.host
    key, secret = client.credentials()
    client.run("helm", "create", "demo")
    client.run("helm", "package", "demo", "--version", "1.2.3")
    registry = f"oci://{name}"
    client.run("helm", "push", "demo-1.2.3.tgz", registry, "--plain-http", fails=True)
    client.run(
        "helm", "registry", "login", host, "-u", key, "--password-stdin", "--plain-http", stdin="wrong", fails=True
    )
    client.run("helm", "registry", "login", host, "-u", key, "--password-stdin", "--plain-http", stdin=secret)
    client.run("helm", "push", "demo-1.2.3.tgz", registry, "--plain-http")
    (client.folder / "pulled").mkdir()
    chart = ("oci://" + name + "/demo", "--version", "1.2.3", "--plain-http")
    client.run("helm", "pull", *chart, "-d", "pulled")
    pushed, pulled = (client.folder / part / "demo-1.2.3.tgz" for part in (".", "pulled"))
    assert pushed.read_bytes() == pulled.read_bytes()
    assert "version: 1.2.3" in client.run("helm", "show", "chart", *chart)
    assert "kind: Deployment" in client.run("helm", "template", "demo", *chart)
    # without a cluster a dry run ends after the chart was pulled
    said = client.run("helm", "install", "demo", *chart, "--dry-run=client", fails=True)
    assert "Pulled:" in said
    assert "cluster unreachable" in said
    client.run("helm", "push", "demo-1.2.3.tgz", f"oci://{host}/private", "--plain-http", fails=True)


def test_oras_pushes_and_pulls_files(client, name, monkeypatch):
    oras = pytest.importorskip("oras.client")
    # The library tries a refused login again five times, with pauses that grow to 81 s.
    monkeypatch.setattr("oras.decorator.time", SimpleNamespace(sleep=lambda _seconds: None))
    key, secret = client.credentials()
    (client.folder / "file.txt").write_text("content")
    registry = oras.OrasClient(hostname=client.gateway.host, insecure=True, tls_verify=False, auth_backend="token")
    registry.auth.set_basic_auth(key, secret)
    before = os.getcwd()  # noqa: PTH109 - the library names files relative to it
    os.chdir(client.folder)
    try:
        answer = registry.push(target=f"{name}:v1", files=["file.txt"], disable_path_validation=True)
        assert answer.status_code == 201
    finally:
        os.chdir(before)
    pulled = registry.pull(target=f"{name}:v1", outdir=str(client.folder / "out"))
    assert [Path(path).read_text() for path in pulled] == ["content"]
    nobody = oras.OrasClient(hostname=client.gateway.host, insecure=True, tls_verify=False, auth_backend="token")
    nobody.auth.set_basic_auth(key, "wrong")
    with pytest.raises(Exception, match=r"(?i)unauthorized|401|authenticat|denied|issue"):
        nobody.pull(target=f"{name}:v1", outdir=str(client.folder / "no"))


def test_skopeo_says_why_without_an_upstream(client, bare_gateway):
    target = f"docker://{bare_gateway.host}/team/x:v1"
    pair = ":".join(bare_gateway.users["writer"])
    said = client.run(
        "skopeo", "inspect", "--retry-times", "0", "--tls-verify=false", "--creds", pair, target, fails=True
    )
    assert "503" in said or "No OCI registry" in said or "UPSTREAM_MISSING" in said, said
