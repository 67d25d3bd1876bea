"""Policies through the command line: by hand, from folders, and what they decide."""

import json

import msgspec
import pytest

from tests.faces.gateway import settings_for, start
from zotplus.adapters.oidc.settings import IdentitySettings
from zotplus.cli.policy import applying

READ = {"Statement": [{"Sid": "read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:a/*"}]}
WRITE = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "s3:a/*"}]}
READ_YAML = """
Version: 2012-10-17
Statement:
  - Sid: read
    Effect: Allow
    Action: [s3:GetObject, s3:ListBucket]
    Resource: s3:a*
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    issuer = {"name": "k", "url": "https://login.example.org", "audiences": ["zotplus"]}
    identity = msgspec.convert({"issuers": [issuer]}, IdentitySettings)
    running = start(folder, settings=settings_for(folder, identity=identity))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def nothing_left(gateway):
    """The gateway is the module's: every test begins without policies."""
    yield
    policies = gateway.services.policies
    for row in gateway.run(policies.list()):
        gateway.run(policies.delete(row.name, detach=True))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "policies").mkdir()
    return tmp_path / "policies"


def write(path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_policy_by_hand(terminal, tmp_path):
    file = write(tmp_path / "p.json", READ)
    assert terminal.ok("policy", "put", "by-hand", file, "--comment", "first") == "by-hand is now at version 1\n"
    assert "says the same already" in terminal.ok("policy", "put", "by-hand", file)
    assert json.loads(terminal.ok("policy", "show", "by-hand")) == READ
    write(file, WRITE)
    assert terminal.json("policy", "put", "by-hand", file, "--if-version", 1)["version"] == 2
    assert terminal.fails("policy", "put", "by-hand", file, "--if-version", 0)[0] == 6
    assert terminal.json("policy", "show", "by-hand", "--version", 1)["document"] == READ
    history = terminal.ok("policy", "history", "by-hand").splitlines()
    assert [line.split()[0] for line in history] == ["VERSION", "2*", "1"]
    assert "first" in history[2]
    assert [row["version"] for row in terminal.json("policy", "history", "by-hand")] == [2, 1]
    assert terminal.ok("policy", "rollback", "by-hand", 1) == "by-hand is now at version 1\n"
    assert "by-hand" in terminal.ok("policy", "list")
    assert [row["name"] for row in terminal.json("policy", "list")] == ["by-hand"]
    assert terminal.ok("policy", "delete", "by-hand") == "deleted by-hand\n"
    assert terminal.fails("policy", "show", "by-hand")[0] == 5


def test_a_policy_is_attached_limits_and_is_detached(terminal, gateway, tmp_path):
    key = gateway.key()
    terminal.ok("policy", "put", "p", write(tmp_path / "p.json", READ))
    assert terminal.ok("policy", "attach", "p", key[0]) == f"p is attached to {key[0]}\n"
    assert terminal.ok("policy", "attach", "p", "group:k:/a b", "--boundary") == "p limits group:k:/a b\n"
    table = terminal.ok("policy", "attachments", "--policy", "p")
    assert "boundary" in table
    assert [row["grantee"] for row in terminal.json("policy", "attachments", "--grantee", key[0])] == [key[0]]
    code, told = terminal.fails("policy", "delete", "p")
    assert (code, "--detach" in told) == (6, True)
    assert terminal.ok("policy", "detach", "p", "group:k:/a b") == "detached p from group:k:/a b\n"
    assert terminal.json("policy", "delete", "p", "--detach") == {"deleted": "p"}


def test_a_file_is_validated_with_the_path_of_the_fault(terminal, tmp_path):
    good = write(tmp_path / "good.yaml", READ_YAML)
    assert "valid identity policy" in terminal.ok("policy", "validate", good)
    wide = write(tmp_path / "wide.json", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    assert terminal.run("policy", "validate", wide).stderr.startswith("note: $.Statement[0]")
    assert terminal.json("policy", "validate", wide)["warnings"]
    broken = write(tmp_path / "broken.json", {"Statement": [{**READ["Statement"][0], "Action": "s3:GetObjekt"}]})
    code, told = terminal.fails("policy", "validate", broken)
    assert code == 2
    assert "$.Statement[0].Action" in told


def test_a_document_comes_by_standard_input(terminal):
    assert "- is a valid identity policy." in terminal.ok("policy", "validate", "-", stdin=json.dumps(READ))
    code, told = terminal.fails("policy", "put", "p", "-", stdin="{")
    assert (code, "no JSON" in told) == (2, True)


def test_warnings_are_notes(terminal, tmp_path):
    wide = write(tmp_path / "wide.json", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    assert "note: $.Statement[0]" in terminal.run("policy", "put", "wide-by-hand", wide).stderr
    assert "note: wide: $.Statement[0]" in terminal.run("policy", "diff", "-f", wide).stderr


def test_who_may_apply_but_not_read_is_shown_no_differences(terminal, gateway, folder, tmp_path):
    allowed = {"Effect": "Allow", "Action": ["admin:ListPolicies", "admin:PutPolicy"], "Resource": "admin:*"}
    key = gateway.key()
    terminal.ok("policy", "put", "applier", write(tmp_path / "applier.json", {"Statement": allowed}))
    terminal.ok("policy", "attach", "applier", key[0])
    terminal.ok("policy", "put", "hidden", write(tmp_path / "hidden.json", READ))
    write(folder / "hidden.json", WRITE)
    code, told = terminal.as_key(key).fails("policy", "diff", "-f", folder)
    assert (code, "admin:ReadPolicy" in told) == (4, True)
    done = terminal.as_key(key).json("policy", "apply", "-f", folder, "--yes")
    assert [row["change"] for row in done["changes"]] == ["update"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.json", "{"),
        ("p.json", b"\xff"),
        ("p.yaml", "a: &x 1\nb: *x"),
        ("p.yaml", "a: 1\na: 2"),
        ("p.yaml", "a: 99999999999999999999999"),
        ("p.yaml", "a: !!set {x}"),
        ("p.json", b"[" * 100_000),
        ("p.json", b" " * 1_048_577),
    ],
)
def test_a_file_that_cannot_be_read_is_named(terminal, tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, told = terminal.fails("policy", "put", "p", file)
    assert code in (2, 7), told
    assert name in told or "policy" in told


def test_a_folder_is_applied_once_and_shown_first(terminal, folder, monkeypatch):
    write(folder / "readers.yaml", READ_YAML)
    write(folder / "writers.json", WRITE)
    write(folder / "README.md", "not a policy")
    write(folder / "attachments.yaml", "readers: [public, 'group:k:dev']\n")
    write(folder / "boundaries.json", {"writers": ["group:k:dev"]})
    shown = terminal.run("policy", "diff", "-f", folder)
    assert shown.exit_code == 11
    assert "+++ readers (file)" in shown.stdout
    assert "+ attach readers to public" in shown.stdout
    assert "+ attach writers to group:k:dev as boundary" in shown.stdout
    code, told = terminal.fails("policy", "apply", "-f", folder)
    assert (code, "give --yes" in told) == (2, True)
    monkeypatch.setattr(applying, "_has_terminal", lambda: True)
    code, told = terminal.fails("policy", "apply", "-f", folder, stdin="n\n")
    assert (code, "Nothing was changed." in told, "Interrupted" in told) == (1, True, False)
    assert terminal.json("policy", "list") == []
    assert "Done: 2 to create, 3 to attach." in terminal.ok("policy", "apply", "-f", folder, stdin="y\n")
    assert terminal.run("policy", "diff", "-f", folder).exit_code == 0
    assert terminal.ok("policy", "apply", "-f", folder, "--yes") == "Nothing to change.\n"


def test_what_is_not_in_the_folder_goes_only_with_prune(terminal, folder, tmp_path):
    terminal.ok("policy", "put", "old", write(tmp_path / "old.json", READ))
    terminal.ok("policy", "attach", "old", "public")
    terminal.ok("policy", "put", "kept", write(tmp_path / "kept.json", READ))
    write(folder / "kept.json", WRITE)
    assert "Done: 1 to update." in terminal.ok("policy", "apply", "-f", folder, "--yes")
    tried = terminal.ok("policy", "apply", "-f", folder, "--prune", "--dry-run")
    assert "- detach old from public" in tried
    assert "--- old (version 1)" in tried
    assert len(terminal.json("policy", "list")) == 2
    done = terminal.json("policy", "apply", "-f", folder, "--prune", "--yes")
    assert [row["change"] for row in done["changes"]] == ["detach", "delete"]
    assert [row["name"] for row in terminal.json("policy", "list")] == ["kept"]


def test_a_diff_shows_what_changes(terminal, folder, tmp_path):
    terminal.ok("policy", "put", "shown", write(tmp_path / "p.json", READ))
    file = write(folder / "shown.json", WRITE)
    lines = terminal.run("policy", "diff", "-f", file).stdout.splitlines()
    assert lines[:2] == ["--- shown (version 1)", "+++ shown (file)"]
    assert '-      "Action": "s3:GetObject",' in lines
    assert '+      "Action": "s3:PutObject",' in lines
    found = terminal.run("policy", "diff", "-f", file, "--json")
    assert (found.exit_code, json.loads(found.stdout)["changes"][0]["change"]) == (11, "update")


def test_nothing_is_applied_when_one_file_is_wrong(terminal, folder):
    write(folder / "a.json", READ)
    write(folder / "b.json", {"Statement": []})
    code, told = terminal.fails("policy", "apply", "-f", folder, "--yes")
    assert (code, "b: $" in told) == (2, True)
    assert terminal.json("policy", "list") == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"p.json": READ, "p.yaml": READ_YAML}, "more than one form"),
        ({"attachments.yaml": "p: public"}, "{policy: [grantees]}"),
        ({"attachments.json": "[]"}, "{policy: [grantees]}"),
        ({"Upper.json": READ}, "Upper.json: A policy's name"),
    ],
)
def test_a_folder_that_cannot_be_meant_is_refused(terminal, folder, files, words):
    for name, document in files.items():
        write(folder / name, document)
    code, told = terminal.fails("policy", "apply", "-f", folder, "--yes")
    assert code == 2
    assert words in told


def test_one_file_is_not_all_there_shall_be(terminal, folder):
    code, told = terminal.fails("policy", "diff", "-f", write(folder / "p.json", READ), "--prune")
    assert (code, "--prune needs a folder" in told) == (2, True)


def test_can_answers_with_the_statement(terminal, gateway, tmp_path):
    key = gateway.key()
    reader = terminal.as_key(key)
    no = reader.run("can", "me", "s3:GetObject", "s3:a/b")
    assert no.exit_code == 12
    assert no.stdout.startswith("no: me may not s3:GetObject on s3:a/b")
    terminal.ok("policy", "put", "asked", write(tmp_path / "p.json", READ))
    terminal.ok("policy", "attach", "asked", key[0])
    yes = reader.ok("can", "me", "s3:GetObject", "s3:a/b")
    assert yes.startswith("yes: me may s3:GetObject on s3:a/b")
    assert "asked version 1 (identity)" in yes
    assert '"Sid": "read"' in yes
    about = terminal.json("can", key[0], "s3:GetObject", "s3:a/b")
    assert (about["policy"], about["statement"]) == ("asked", READ["Statement"][0])
    assert reader.fails("can", "anonymous", "s3:GetObject", "s3:a/b")[0] == 4


@pytest.mark.parametrize(
    ("resource", "right"),
    [
        ("s3://a/b", "s3:a/b"),
        ("arn:aws:s3:::a/b", "s3:a/b"),
        ("a/b", "s3:a/b"),
        ("s4:a/b", "s3:"),
    ],
)
def test_can_says_no_to_nothing_that_no_resource_can_be_called(terminal, resource, right):
    code, words = terminal.fails("can", "me", "s3:GetObject", resource)
    assert (code, right in words) == (2, True)


@pytest.mark.parametrize(
    ("action", "resource"),
    [("oci:ListCatalog", "registry"), ("s3:ListAllMyBuckets", "s3:"), ("s3:ListAllMyBuckets", "*")],
)
def test_can_takes_what_lists_ask_for(terminal, action, resource):
    assert terminal.run("can", "me", action, resource).exit_code == 0


def test_a_policy_on_an_address_is_told_what_is_called_so(terminal, tmp_path):
    document = {"Statement": [{**READ["Statement"][0], "Resource": "s3://a/b"}]}
    told = terminal.run("policy", "validate", write(tmp_path / "p.json", document)).stderr
    assert "note: $.Statement[0].Resource: 's3://a/b' is an address" in told
    assert "'s3:a/b'" in told


def test_can_asks_about_people_by_their_groups_and_context(terminal, tmp_path):
    near = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    document = {"Statement": [{**READ["Statement"][0], "Condition": near}]}
    terminal.ok("policy", "put", "p", write(tmp_path / "p.json", document))
    terminal.ok("policy", "attach", "p", "group:k:dev")
    ada = ("can", "user:k:ada", "s3:GetObject", "s3:a/b")
    here = ("--context", "aws:SourceIp=10.0.0.1")
    assert terminal.run(*ada, "--group", "dev", *here).exit_code == 0
    assert terminal.run(*ada, "--group", "group:k:dev", "--role", "r", *here).exit_code == 0
    assert terminal.run(*ada, "--group", "dev").exit_code == 12
    assert terminal.run(*ada, *here).exit_code == 12


@pytest.mark.parametrize(
    "words",
    [
        ["can", "robot:ci", "s3:GetObject", "s3:a", "--group", "dev"],
        ["can", "me", "s3:GetObject", "s3:a", "--context", "x"],
        ["can", "me", "s3:GetObjekt", "s3:a"],
        ["policy", "put", "UPPER", __file__],
        ["policy", "rollback", "p", "0"],
    ],
)
def test_what_cannot_be_meant_is_refused(terminal, words):
    assert terminal.fails(*words)[0] == 2
