"""What the page "Coming from MinIO" says, by mc, and with MinIO itself where it is installed (for the benchmarks)."""

import json
import subprocess
import uuid

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, free_port, need, start


@pytest.fixture
def mc(root_endpoint, tmp_path):
    """Runs mc with the alias ``new``: exit code, and what it printed."""
    program = need("mc")

    def run(*words, stdin=""):
        done = subprocess.run(
            [program, "--config-dir", str(tmp_path / "mc"), *map(str, words)],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    assert run("alias", "set", "new", root_endpoint, ADMIN_KEY, ADMIN_SECRET)[0] == 0
    return run


@pytest.fixture
def old(mc, tmp_path):
    """The alias ``old`` of a MinIO, with an empty bucket that keeps versions: the bucket's name."""
    folder = tmp_path / "old"
    folder.mkdir()
    url = f"http://127.0.0.1:{free_port()}"
    argv = [need("minio"), "server", "--quiet", "--address", url.removeprefix("http://"), str(folder / "data")]
    words = {"MINIO_ROOT_USER": ADMIN_KEY, "MINIO_ROOT_PASSWORD": ADMIN_SECRET}
    running = start(argv, url, folder, ready="/minio/health/live", environment=words)
    bucket = f"moved-{uuid.uuid4().hex[:10]}"
    for command in (("alias", "set", "old", url, ADMIN_KEY, ADMIN_SECRET), ("mb", f"old/{bucket}")):
        assert mc(*command)[0] == 0
    yield bucket
    running.stop()


def told(mc, *words):
    """The lines that mc printed for a command that worked."""
    code, printed = mc("--json", *words)
    assert code == 0, printed
    return [json.loads(line) for line in printed.splitlines()]


def test_a_mirror_brings_the_newest_versions_with_metadata_and_tags(mc, old, tmp_path):
    told(mc, "version", "enable", f"old/{old}")
    path = tmp_path / "file"
    for text in ("first", "second"):
        path.write_text(text)
        told(mc, "cp", "--attr", "colour=red;Content-Type=text/x-a", "--tags", "team=blue", path, f"old/{old}/a/file")
    told(mc, "mirror", "--preserve", "old", "new")
    assert told(mc, "diff", f"old/{old}", f"new/{old}") == []
    assert mc("cat", f"new/{old}/a/file") == (0, "second")
    (stat,) = told(mc, "stat", f"new/{old}/a/file")
    assert (stat["metadata"]["Content-Type"], stat["metadata"]["X-Amz-Meta-Colour"]) == ("text/x-a", "red")
    assert told(mc, "tag", "list", f"new/{old}/a/file")[0]["tagset"] == {"team": "blue"}
    assert len(told(mc, "ls", "--versions", f"new/{old}/a/file")) == 1
    told(mc, "rm", "--versions", "--force", f"old/{old}/a/file")
    told(mc, "mirror", "--preserve", "--overwrite", "--remove", f"old/{old}", f"new/{old}")
    assert told(mc, "ls", "--recursive", f"new/{old}") == []


def test_policies_and_rules_are_read_from_one_and_written_to_the_other(mc, old, tmp_path):
    told(mc, "anonymous", "set", "download", f"old/{old}/open")
    told(mc, "ilm", "rule", "add", "--expire-days", "30", f"old/{old}")
    told(mc, "mb", f"new/{old}")
    policy = tmp_path / "policy.json"
    policy.write_text(mc("anonymous", "get-json", f"old/{old}")[1])
    told(mc, "anonymous", "set-json", policy, f"new/{old}")
    assert told(mc, "anonymous", "get", f"new/{old}/open")[0]["permission"] == "download"
    rules = mc("ilm", "rule", "export", f"old/{old}")[1]
    assert mc("ilm", "rule", "import", f"new/{old}", stdin=rules)[0] == 0
    assert told(mc, "ilm", "rule", "ls", f"new/{old}")[0]["config"]["Rules"][0]["Expiration"] == {"Days": 30}


@pytest.mark.parametrize(
    "words",
    [
        ("admin", "info", "new"),
        ("admin", "user", "list", "new"),
        ("admin", "user", "add", "new", "somebody", "secret-of-somebody"),
        ("admin", "policy", "list", "new"),
        ("admin", "config", "get", "new", "region"),
        ("quota", "info", "new/any"),
        ("idp", "openid", "ls", "new"),
        ("batch", "list", "new"),
        ("ilm", "tier", "ls", "new"),
    ],
)
def test_the_administration_of_minio_is_refused_with_the_page_to_read(mc, words):
    code, printed = mc(*words)
    assert (code, "Coming from MinIO" in printed) == (1, True), printed


@pytest.mark.parametrize("words", [("watch",), ("sql", "-e", "select * from s3object"), ("replicate", "ls")])
def test_what_there_is_not_is_refused(mc, tmp_path, words):
    bucket = f"moved-{uuid.uuid4().hex[:10]}"
    told(mc, "mb", f"new/{bucket}")
    (tmp_path / "file").write_text("x")
    told(mc, "cp", tmp_path / "file", f"new/{bucket}/file")
    at = f"new/{bucket}/file" if words[0] == "sql" else f"new/{bucket}"
    assert '"status":"error"' in mc("--json", *words, at)[1]
