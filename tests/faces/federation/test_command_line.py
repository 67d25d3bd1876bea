"""Jobs and pods at the command line: the token of their platform comes in, and everything works without a secret."""

import json

import msgspec
import pytest

from tests.faces.api.conftest import Terminal
from zotplus.cli.remote.profiles import profiles_path, tokens_path
from zotplus.cli.signin.tokens import read_tokens, write_tokens


class Job(Terminal):
    def __init__(self, stage, folder):
        super().__init__({"XDG_CONFIG_HOME": str(folder / "config")})
        self.stage = stage
        self.file = folder / "token"
        self.path = tokens_path(profiles_path(self.environment), "default")

    def begin(self, shape, *words, **changes):
        self.file.write_text(self.stage.token(shape, **changes) + "\n")
        return self.run("login", self.stage.url, "--token-file", self.file, *words)

    @property
    def tokens(self):
        return read_tokens(self.path)

    def age(self, **changes):
        write_tokens(self.path, msgspec.structs.replace(self.tokens, **changes))


@pytest.fixture
def job(stage, tmp_path, monkeypatch):
    for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "PROFILE", "CA", "CONFIG"):
        monkeypatch.delenv(f"ZOTPLUS_{name}", raising=False)
    return Job(stage, tmp_path)


@pytest.mark.parametrize(("shape", "trust"), [("github", "release"), ("kubernetes", "pods")])
@pytest.mark.parametrize("named", [False, True])
def test_a_job_publishes_with_the_token_of_its_platform(job, tmp_path, shape, trust, named):
    result = job.begin(shape, *(("--trust", trust) if named else ()))
    assert result.exit_code == 0, result.output
    assert f"Logged in to {job.stage.url} as {trust}" in result.stdout
    (tmp_path / "file").write_text(trust)
    job.ok("upload", tmp_path / "file", f"releases/{shape}/file")
    job.ok("download", f"releases/{shape}/file", tmp_path / "back")
    assert (tmp_path / "back").read_text() == trust
    assert job.fails("buckets", "create", "not-granted")[0] == 4
    assert job.fails("keys", "list")[0] == 4


def test_a_job_serves_its_programs(job):
    assert job.begin("github").exit_code == 0
    assert json.loads(job.ok("credential-helper", "get", stdin=job.stage.url))["Username"] == "oidc"
    assert json.loads(job.ok("credential-process"))["SessionToken"]
    assert len(job.ok("token", "--registry").split(".")) == 3
    assert job.ok("token").strip() == job.tokens.access_token


def test_standard_input_is_a_file_too(job):
    result = job.run("login", job.stage.url, "--token-file", "-", stdin=job.stage.token("github") + "\n")
    assert result.exit_code == 0, result.output
    job.age(expires=0)
    code, said = job.fails("token")
    assert (code, "The login has ended." in said) == (3, True)


def test_a_pod_goes_on_with_what_its_cluster_puts_into_the_file(job):
    assert job.begin("kubernetes").exit_code == 0
    first = job.tokens.access_token
    job.file.write_text(job.stage.token("kubernetes"))
    job.age(expires=0, keys=None)
    job.ok("list", "releases")
    assert job.tokens.access_token != first
    assert job.tokens.keys is not None
    job.age(expires=0)
    job.file.unlink()
    assert job.fails("token")[0] == 7


def test_a_token_that_was_used_up_ends_the_login(job):
    assert job.begin("github").exit_code == 0
    job.age(expires=0)
    code, said = job.fails("token")
    assert (code, "The login has ended." in said) == (3, True)


@pytest.mark.parametrize(
    ("shape", "words", "changes"),
    [
        ("github", (), {"repository_id": "75"}),
        ("github", (), {"ref": "refs/heads/other"}),
        ("github", (), {"aud": "another"}),
        ("github", (), {"exp": 1_700_000_000}),
        ("github", ("--trust", "pods"), {}),
        ("github", ("--trust", "missing"), {}),
    ],
    ids=str,
)
def test_a_job_that_is_not_trusted_stays_out(job, shape, words, changes):
    result = job.begin(shape, *words, **changes)
    assert result.exit_code == 3, result.output
    assert "request id" in result.stderr
    assert not job.path.exists()


def test_a_person_may_bring_a_token_that_they_have(job):
    assert "as alice" in job.begin("keycloak", "--trust", "self").stdout
    assert job.tokens.role == "self"


def test_logging_out_ends_the_token_at_the_server(job):
    assert job.begin("github").exit_code == 0
    kept = job.tokens
    assert json.loads(job.ok("logout", "--json"))["revoked"] is True
    assert job.begin("github").exit_code == 0
    write_tokens(job.path, msgspec.structs.replace(kept, keys=None))
    assert job.fails("keys", "list")[0] == 3


@pytest.mark.parametrize("content", [b"", b" \n", b"x" * 20_000, "ü".encode()])
def test_a_file_without_a_token_is_refused(job, content):
    job.file.write_bytes(content)
    code, said = job.fails("login", job.stage.url, "--token-file", job.file)
    assert (code, "holds no token" in said) == (3, True)


def test_a_file_that_is_missing_is_named(job, tmp_path):
    code, said = job.fails("login", job.stage.url, "--token-file", tmp_path / "missing")
    assert (code, "missing" in said) == (7, True)


@pytest.mark.parametrize("words", [("--oidc",), ("--device",), ("--issuer", "x"), ("--access-key", "A")])
def test_one_logs_in_in_one_way(job, words):
    assert job.begin("github", *words).exit_code == 2


def test_a_registry_token_that_is_refused_is_told(job):
    code, said = job.fails(
        "token",
        "--registry",
        "--scope",
        "not a scope",
        "--endpoint",
        job.stage.url,
        ZOTPLUS_ACCESS_KEY="A",
        ZOTPLUS_SECRET_KEY="B",
    )
    assert (code, "error: " in said, "request id" in said) == (3, True, True)
