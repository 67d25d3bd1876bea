"""Trusts and sessions over the API and the command line."""

import json

import pytest

from tests.faces.api.conftest import Terminal
from tests.peers.programs import basic, call


@pytest.fixture
def terminal(stage, tmp_path, monkeypatch):
    for name in ("PROFILE", "CA", "CONFIG"):
        monkeypatch.delenv(f"ZOTPLUS_{name}", raising=False)
    return Terminal(
        {
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "ZOTPLUS_ENDPOINT": stage.url,
            "ZOTPLUS_ACCESS_KEY": stage.gateway.access_key,
            "ZOTPLUS_SECRET_KEY": stage.gateway.secret,
        }
    )


TERMS = ("--issuer", "github", "--audience", "zotplus", "--claim", "repository_id=99", "--claim", "ref=refs/tags/*")


def test_a_trust_is_made_shown_changed_and_deleted(terminal):
    made = terminal.json(
        "trust", "create", "cli", *TERMS, "--claim", "ref=refs/heads/main", "--grant", "publisher", "s3:cli",
        "--grant", "reader", "oci:cli/**", "--lifetime", "30m", "--description", "a pipeline",
    )  # fmt: skip
    assert made["principal"] == "trust:cli"
    assert made["claims"] == {"repository_id": ["99"], "ref": ["refs/tags/*", "refs/heads/main"]}
    assert made["grants"] == [{"role": "reader", "pattern": "oci:cli/**"}, {"role": "publisher", "pattern": "s3:cli"}]
    assert (made["lifetime"], made["reuse"]) == (1_800, False)
    assert terminal.json("trust", "show", "cli") == made
    assert "cli" in [row["name"] for row in terminal.json("trust", "list")]
    assert "trust:cli" in terminal.ok("grants", "list")
    changed = terminal.json("trust", "put", "cli", *TERMS, "--reuse")
    assert (changed["grants"], changed["lifetime"], changed["reuse"]) == ([], 3_600, True)
    assert changed["created"] == made["created"]
    assert terminal.ok("trust", "delete", "cli") == "deleted cli\n"
    assert terminal.fails("trust", "show", "cli")[0] != 0


def test_people_get_tables(terminal):
    printed = terminal.ok("trust", "put", "people", *TERMS, "--grant", "publisher", "s3:cli")
    assert "publisher on s3:cli" in printed
    assert "ref=refs/tags/*, repository_id=99" in printed or "repository_id=99, ref=refs/tags/*" in printed
    assert terminal.ok("trust", "list").splitlines()[0].split()[:3] == ["NAME", "ISSUER", "AUDIENCE"]
    assert json.loads(terminal.ok("trust", "delete", "people", "--json")) == {"deleted": "people"}


MISTAKES = {
    "a name alone": (("--claim", "repository=o/r"), "can be registered by somebody else"),
    "the beginning of a subject": (("--claim", "repository_id=1", "--claim", "sub=repo:*"), "compared whole"),
    "no pattern": (("--claim", "repository_id="), "is not PATH=PATTERN"),
    "a span": (("--claim", "repository_id=1", "--lifetime", "5m"), "'--lifetime': 5m is out of range: 15m to 12h."),
    "a long span": (
        ("--claim", "repository_id=1", "--lifetime", "1d"),
        "'--lifetime': 1d is out of range: 15m to 12h.",
    ),
    "an issuer": (("--claim", "repository_id=1", "--issuer", "gitea"), "known: cluster, github, keycloak"),
    "a role on nothing": (("--claim", "repository_id=1", "--grant", "reader", "ftp:x"), "can match nothing"),
}


@pytest.mark.parametrize(("options", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_explained(terminal, options, told):
    code, printed = terminal.fails("trust", "create", "bad", "--issuer", "github", "--audience", "zotplus", *options)
    assert code != 0
    assert told in " ".join(printed.split())


def test_a_trust_is_created_once(terminal):
    assert "exists already" in terminal.fails("trust", "create", "release", *TERMS)[1]


def test_a_token_is_tried_without_being_used_up(stage, terminal):
    token = stage.token("github")
    printed = terminal.ok("trust", "test", stdin=token + "\n")
    assert "accepted by: release" in printed
    found = terminal.json("trust", "test", stdin=token)
    assert [trial["trust"] for trial in found["trusts"] if trial["accepts"]] == ["release"]
    assert stage.assume(token)[0] == 200


def test_a_token_that_no_trust_accepts_is_explained(stage, terminal):
    result = terminal.run("trust", "test", stdin=stage.token("github", ref="refs/heads/feature"))
    assert result.exit_code == 1
    assert "accepted by: no trust" in result.stdout
    failing = [line.split() for line in result.stdout.splitlines() if " NO " in line]
    assert ["release", "ref", "NO", "refs/heads/main", "refs/heads/feature"] in failing
    result = terminal.run("trust", "test", stdin=stage.token("github", aud="pypi"))
    assert (result.exit_code, "refused (audience)" in result.stdout) == (1, True)
    assert terminal.run("trust", "test", stdin=" \n").exit_code == 2
    assert terminal.run("trust", "test", stdin="rubbish").exit_code == 1


def test_sessions_are_ended_from_the_command_line(stage, terminal):
    stage.put_trust("cli-ended", "cluster", {"sub": ("system:serviceaccount:team-a:pipeline",)})
    minted = stage.mint({"token": stage.token("tekton"), "trust": "cli-ended"})[2]["token"]
    assert "trust:cli-ended" in terminal.ok("sessions", "revoke", "--of", "trust:cli-ended")
    assert call("GET", stage.url + "/api/v1/whoami", headers={"Authorization": f"Bearer {minted}"})[0] == 401
    assert terminal.run("sessions", "revoke").exit_code == 2
    assert terminal.run("sessions", "revoke", "--all", "--of", "trust:x").exit_code == 2
    assert terminal.fails("sessions", "revoke", "--of", "public")[0] != 0
    assert terminal.fails("sessions", "revoke", "--of", "nonsense")[0] == 5


def test_who_ends_the_sessions_of_a_person_is_told_what_the_id_ends_with(terminal):
    result = terminal.run("sessions", "revoke", "--of", "user:keycloak:someone")
    assert (result.exit_code, "not the user name" in result.stderr) == (0, True)
    assert terminal.fails("sessions", "revoke", "--of", "user:nowhere:someone")[0] == 5


def test_only_whoever_may_grant_gives_a_trust_roles(stage):
    key, secret = stage.gateway.key(name="trusts")
    document = {"statement": {"Effect": "Allow", "Action": ["admin:PutTrust", "admin:ListTrusts"], "Resource": "*"}}
    admin = {**basic(stage.gateway.access_key, stage.gateway.secret), "Content-Type": "application/json"}
    policy = {"document": {"Statement": document["statement"]}}
    assert call("PUT", stage.url + "/api/v1/policies/trusts", headers=admin, body=json.dumps(policy).encode())[0] < 300
    target = f"{stage.url}/api/v1/policies/trusts/attachments/{key}"
    assert call("PUT", target, headers=admin, body=b"{}")[0] < 300
    mine = {**basic(key, secret), "Content-Type": "application/json"}
    terms = {"issuer": "github", "audience": "zotplus", "claims": {"repository_id": "7"}}

    def put(**more):
        body = json.dumps({**terms, **more}).encode()
        return call("PUT", stage.url + "/api/v1/trusts/mine", headers=mine, body=body)[0]

    assert put(grants=[{"role": "administrator", "pattern": "*"}]) == 403
    assert put() == 200
    assert call("DELETE", stage.url + "/api/v1/trusts/mine", headers=mine)[0] == 403
    assert call("GET", stage.url + "/api/v1/trusts", headers=mine)[0] == 200
    assert call("GET", stage.url + "/api/v1/trusts")[0] == 401
    assert call("DELETE", stage.url + "/api/v1/trusts/mine", headers=admin)[0] == 204
