"""Keys, grants, buckets, logins and errors through the command line."""

import json
import socket
import stat
from datetime import datetime, timedelta

import pytest

from tests.faces.gateway import settings_for, start
from zotplus.adapters.oidc.settings import IdentitySettings
from zotplus.cli.commands import cli


def test_a_key_is_made_with_its_grant_and_works(terminal, bucket):
    made = terminal.json("keys", "create", "ci", "--role", "reader", "--on", f"s3:{bucket}/*")
    reader = terminal.as_key((made["id"], made["secret"]))
    assert [row["name"] for row in reader.json("buckets", "list")] == [bucket]
    code, told = reader.fails("cp", __file__, f"s3://{bucket}/no")
    assert code == 4
    assert "error: Access denied." in told
    assert "remedy:" in told
    assert "request id:" in told
    terminal.ok("keys", "revoke", made["id"])
    assert reader.fails("buckets", "list")[0] == 3


def test_tables_show_keys_without_secrets(terminal):
    made = terminal.json("keys", "create", "builder", "--kind", "robot", "--expires", "90d")
    table = terminal.ok("keys", "list")
    assert table.splitlines()[0].split() == ["ID", "KIND", "NAME", "CREATED", "EXPIRES", "LAST", "USED", "SCOPE"]
    assert "robot:builder" in table
    assert made["secret"] not in table
    terminal.ok("keys", "revoke", "robot:builder")


def test_the_secret_is_printed_once_for_people_too(terminal):
    printed = terminal.ok("keys", "create", "someone")
    rows = dict(line.rsplit(maxsplit=1) for line in printed.splitlines())
    assert rows["access key"] in terminal.ok("keys", "list")
    assert len(rows["secret"]) >= 20


def test_a_key_expires_by_itself_unless_never_is_said(terminal):
    usual, never = (terminal.json("keys", "create", "x", *more) for more in ([], ["--expires", "never"]))
    made, ends = (datetime.fromisoformat(usual[name]) for name in ("created", "expires"))
    assert abs(ends - made - timedelta(days=90)) < timedelta(minutes=1)
    assert never["expires"] is None


def test_a_scope_narrows_a_key(terminal, bucket, tmp_path):
    scope = {"Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"s3:{bucket}"}]}
    (tmp_path / "scope.json").write_text(json.dumps(scope))
    given = ["--role", "publisher", "--on", f"s3:{bucket}/*", "--scope", str(tmp_path / "scope.json")]
    made = terminal.json("keys", "create", "narrow", *given)
    assert made["scope"] == scope
    narrow = terminal.as_key((made["id"], made["secret"]))
    assert narrow.fails("cp", __file__, f"s3://{bucket}/no")[0] == 4
    assert narrow.ok("list", f"s3://{bucket}") is not None
    assert "narrowed" in terminal.ok("keys", "list")
    (tmp_path / "scope.json").write_text("junk")
    assert terminal.fails("keys", "create", "x", "--scope", str(tmp_path / "scope.json"))[0] == 2
    (tmp_path / "scope.json").write_text('{"Statement": []}')
    code, told = terminal.fails("keys", "create", "x", "--scope", str(tmp_path / "scope.json"))
    assert (code, "$.Statement" in told) == (2, True)


def test_a_key_is_rotated_with_an_overlap(terminal, bucket):
    old = terminal.json("keys", "create", "ci", "--role", "reader", "--on", f"s3:{bucket}/*")
    new = terminal.json("keys", "rotate", old["id"])
    for pair in (old, new):
        assert terminal.as_key((pair["id"], pair["secret"])).json("buckets", "list")
    printed = terminal.ok("keys", "rotate", new["id"], "--overlap", "0s")
    assert "secret" in printed
    assert terminal.as_key((new["id"], new["secret"])).fails("buckets", "list")[0] == 3
    assert terminal.fails("keys", "rotate", "ZPUNKNOWN")[0] == 5


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("keys create k --expires 99999999d", "'--expires': 99999999d is out of range: at most 36500d."),
        ("keys rotate k --overlap 100d", "'--overlap': 100d is out of range: at most 90d."),
        ("audit export --since 9999999d", "'--since': 9999999d is out of range: at most 36500d."),
    ],
)
def test_a_time_span_beyond_reason_is_a_mistake_of_its_option(terminal, command, told):
    code, printed = terminal.fails(*command.split())
    assert (code, told in " ".join(printed.split())) == (2, True)


def test_the_longest_time_spans_are_taken(terminal):
    made = terminal.json("keys", "create", "old", "--expires", "36500d")
    terminal.ok("audit", "search", "--since", "36500d", "--limit", "1")
    terminal.ok("keys", "rotate", made["id"], "--overlap", "90d")


def test_a_robot_keeps_its_name_when_it_is_rotated(terminal):
    old = terminal.json("keys", "create", "turner", "--kind", "robot")
    new = terminal.json("keys", "rotate", "robot:turner", "--overlap", "1h")
    assert (new["id"], new["secret"] == old["secret"]) == ("robot:turner", False)
    terminal.ok("keys", "revoke", "robot:turner")


def test_a_grant_for_a_network_says_so(terminal):
    made = terminal.ok("grants", "create", "authenticated", "reader", "s3:near/*", "--from", "10.0.0.0/8")
    assert "everybody who is logged in is reader on s3:near/*, from 10.0.0.0/8" in made
    assert "10.0.0.0/8" in terminal.ok("grants", "list")
    code, told = terminal.fails("grants", "create", "public", "reader", "s3:near/*", "--from", "10.0.0.1/8")
    assert (code, "such as 10.0.0.0/8" in told) == (2, True)


def test_a_group_of_an_issuer_that_is_not_configured_is_refused_with_those_that_are(terminal):
    code, told = terminal.fails("grants", "create", "group:keycloak:team", "reader", "*")
    assert (code, "No issuer is called 'keycloak' in the settings; known: none." in told) == (5, True)


def test_the_signing_key_of_tokens_is_changed_and_a_token_ended(terminal, gateway):
    assert "from now on" in terminal.ok("tokens", "rotate-key")
    principal = gateway.run(gateway.services.callers.by_password(gateway.access_key, gateway.secret))
    token = gateway.run(gateway.services.tokens.issue_access(principal, 600)).token
    assert "revoked" in terminal.ok("tokens", "revoke", stdin=token)
    assert terminal.fails("tokens", "revoke", stdin=token)[0] == 3
    assert "holds no token" in terminal.fails("tokens", "revoke", stdin="")[1]


def test_grants_are_made_listed_and_withdrawn(terminal):
    grant = terminal.json("grants", "create", "public", "reader", "s3:open/*")
    assert grant["pattern"] == "s3:open/*"
    assert grant["id"] in terminal.ok("grants", "list")
    terminal.ok("grants", "delete", grant["id"])
    assert terminal.fails("grants", "delete", grant["id"])[0] == 5


def test_a_grant_to_everybody_while_public_access_is_off_says_so(terminal, tmp_path):
    shut = start(tmp_path, settings=settings_for(tmp_path, identity=IdentitySettings(public_access=False)))
    there = {"ZOTPLUS_ENDPOINT": shut.url, "ZOTPLUS_ACCESS_KEY": shut.access_key, "ZOTPLUS_SECRET_KEY": shut.secret}
    words = "public access is switched off (identity.public_access)"
    try:
        made = terminal.run("grants", "create", "public", "reader", "s3:shut/*", **there)
        assert (made.exit_code, words in made.stderr) == (0, True)
        assert terminal.run("grants", "create", "authenticated", "reader", "s3:shut/*", **there).stderr == ""
        asked = terminal.run("can", "anonymous", "s3:GetObject", "s3:shut/a", **there)
        assert (asked.exit_code, words in asked.stdout) == (12, True)
    finally:
        shut.stop()


def test_a_grant_to_everybody_where_that_is_allowed_says_nothing(terminal):
    assert terminal.run("grants", "create", "public", "reader", "s3:open/b/*").stderr == ""


def test_public_objects_need_no_credentials(terminal, bucket, tmp_path):
    terminal.ok("cp", __file__, f"s3://{bucket}/open")
    grant = terminal.json("grants", "create", "public", "reader", f"s3:{bucket}/*")
    nobody = {"ZOTPLUS_ACCESS_KEY": None, "ZOTPLUS_SECRET_KEY": None}
    terminal.ok("download", f"{bucket}/open", tmp_path / "open", **nobody)
    terminal.ok("grants", "delete", grant["id"])
    code, _ = terminal.fails("download", f"{bucket}/open", tmp_path / "open", **nobody)
    assert code in (3, 4)


def test_a_full_bucket_is_only_deleted_by_force(terminal, bucket):
    terminal.ok("cp", __file__, f"s3://{bucket}/a")
    code, told = terminal.fails("rb", bucket)
    assert code == 6
    assert "--force" in told
    assert terminal.json("rb", "--force", f"s3://{bucket}") == {"bucket": bucket, "objects": 1}


def test_a_mistyped_bucket_is_answered_with_the_nearest(terminal, bucket):
    code, told = terminal.fails("ls", f"s3://{bucket}x/")
    assert code == 5
    assert f"Did you mean {bucket}?" in told


def test_a_mistyped_command_is_answered_with_the_nearest(terminal):
    code, told = terminal.fails("uplaod")
    assert (code, "Did you mean upload?" in told) == (2, True)
    assert "Did you mean create?" in terminal.fails("keys", "creat")[1]


def test_a_login_is_stored_for_its_owner_only_and_used(terminal, gateway, tmp_path):
    clean = {"ZOTPLUS_ENDPOINT": None, "ZOTPLUS_ACCESS_KEY": None, "ZOTPLUS_SECRET_KEY": None}
    terminal.ok(
        "login", gateway.url, "--access-key", gateway.access_key, "--secret-stdin", stdin=gateway.secret, **clean
    )
    path = tmp_path / "config/zotplus/client.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert terminal.ok("keys", "list", **clean)
    path.chmod(0o644)
    code, told = terminal.fails("keys", "list", **clean)
    assert (code, "mode 644" in told) == (3, True)


def test_a_wrong_login_is_not_stored(terminal, gateway, tmp_path):
    code, told = terminal.fails(
        "login", gateway.url, "--access-key", gateway.access_key, "--secret-stdin", stdin="wrong"
    )
    assert code == 3
    assert "The user name or password is wrong." in told
    assert not (tmp_path / "config").exists()


def test_a_server_that_is_not_there_is_named(terminal):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        code, told = terminal.fails("keys", "list", "--endpoint", endpoint)
    assert code == 10
    assert endpoint in told
    assert "Connection refused" in told


def test_a_wrong_secret_is_told_from_a_missing_right(terminal):
    code, told = terminal.fails("ls", ZOTPLUS_SECRET_KEY="wrong-secret-wrong-secret")
    assert code == 3
    assert "secret" in told


def test_errors_are_json_when_json_is_asked_for(terminal):
    code, told = terminal.fails("ls", "nosuchbucket", "--json")
    assert code == 5
    assert '"code": "bucket_not_found"' in told
    assert '"request_id"' in told


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "create", "x", "--expires", "soon"],
        ["keys", "create", "x", "--role", "reader"],
        ["cp", "a", "b"],
        ["download", "s3://bucket"],
        ["upload", "a", "b", "s3://bucket/key"],
        ["ls", "s3:///x"],
        ["rb", "bucket/key"],
        ["presign", "b/k", "--expires", "8d"],
        ["upload", ".", "bucket/"],
        ["upload", "a", "b/", "--metadata", "x"],
        ["keys", "list", "--endpoint", "ftp://x"],
        ["keys", "list", "--endpoint", "http://user:pass@x"],
        ["ls", "--endpoint", "http://[::1"],
    ],
)
def test_what_cannot_be_meant_ends_with_two_and_a_sentence(terminal, words):
    code, told = terminal.fails(*words)
    assert code == 2, told
    assert told.startswith("error: ")


def test_every_command_explains_itself(terminal):
    for name in cli.list_commands(None):
        assert "Usage:" in terminal.ok(name, "--help")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_completion(terminal, shell):
    assert "_ZOTPLUS_COMPLETE" in terminal.ok("completion", shell)


def test_a_scrub_tells_what_it_looked_at(terminal, bucket):
    terminal.ok("cp", __file__, f"s3://{bucket}/a")
    report = terminal.json("scrub")
    assert report["findings"] == []
    assert report["objects"] + report["blobs"] >= 1
    assert "findings" in terminal.ok("scrub")


@pytest.mark.parametrize("folder", ["relative", "/proc/nothing/here", ""])
def test_a_backup_needs_a_folder_of_its_own(terminal, folder):
    assert terminal.fails("backup", folder)[0] == 2


def test_a_backup_never_goes_where_something_is(terminal, tmp_path):
    (tmp_path / "there").touch()
    code, told = terminal.fails("backup", tmp_path)
    assert (code, "not empty" in told) == (2, True)


def test_status_shows_what_is_there(terminal):
    status = terminal.run("status", "--json")
    assert '"version"' in status.stdout


def test_a_backup_says_what_is_not_inside_and_where_that_is(terminal, gateway, tmp_path):
    registry = gateway.settings.data.absolute() / "zot"
    registry.mkdir(parents=True)
    told = terminal.ok("backup", tmp_path / "first")
    assert f"not inside    the master key: {gateway.settings.data.absolute()}/master.key" in told
    assert f"not inside    OCI images and charts: {registry}" in told
    registry.rmdir()
    left_out = terminal.json("backup", tmp_path / "second")["left_out"]
    assert left_out == [{"what": "the master key", "where": f"{gateway.settings.data.absolute()}/master.key"}]


@pytest.fixture
def elsewhere(terminal, gateway):
    """Somebody who has logged in to another spelling of the gateway's address, which is another server for all."""
    environ = {**terminal.environment, "ZOTPLUS_ENDPOINT": None, "ZOTPLUS_ACCESS_KEY": None, "ZOTPLUS_SECRET_KEY": None}
    clean = terminal.__class__(environ)
    url = gateway.url.replace("127.0.0.1", "localhost")
    clean.ok("login", url, "--access-key", gateway.access_key, "--secret-stdin", stdin=gateway.secret)
    return clean, url


def test_a_login_that_is_not_used_is_mentioned(elsewhere, terminal, gateway, bucket, tmp_path):
    clean, url = elsewhere
    terminal.ok("cp", __file__, f"s3://{bucket}/open")
    grant = terminal.json("grants", "create", "public", "reader", f"s3:{bucket}/*")
    result = clean.run("download", f"{bucket}/open", tmp_path / "open", "--endpoint", gateway.url)
    assert result.exit_code == 0
    assert result.stderr == f"note: The login is for {url}; {gateway.url} is asked without credentials.\n"
    terminal.ok("grants", "delete", grant["id"])


@pytest.mark.parametrize(
    "words",
    [
        ["ls", "{bucket}"],
        ["download", "{bucket}/x", "/nowhere"],
        ["upload", __file__, "{bucket}/x"],
        ["rm", "{bucket}/x"],
        ["rb", "{bucket}"],
        ["keys", "list"],
        ["backup", "/nowhere"],
        ["presign", "{bucket}/x"],
    ],
)
def test_who_is_refused_without_a_login_is_told_to_log_in(elsewhere, gateway, bucket, words):
    clean, url = elsewhere
    words = [word.format(bucket=bucket) for word in words]
    result = clean.run(*words, "--endpoint", gateway.url)
    assert result.exit_code == 3, result.stderr
    assert f"zotplus login {gateway.url}" in result.stderr
    assert f"The login is for {url}" in result.stderr


def test_a_login_that_is_used_is_not_mentioned(elsewhere):
    clean, _ = elsewhere
    assert clean.run("keys", "list").stderr == ""


def test_notes_and_errors_are_a_line_of_json_each_where_json_is_asked_for(elsewhere, gateway):
    clean, url = elsewhere
    lines = clean.run("keys", "list", "--json", "--endpoint", gateway.url).stderr.splitlines()
    note, error = map(json.loads, lines)
    assert url in note["note"]
    assert error["error"]["code"] == "credentials_missing"


def test_the_last_administrator_cannot_be_removed(terminal, gateway):
    grant = next(row["id"] for row in terminal.json("grants", "list") if row["role"] == "administrator")
    for words in (["grants", "delete", grant], ["keys", "revoke", gateway.access_key]):
        code, told = terminal.fails(*words)
        assert code == 6
        assert told.startswith("error: The last administrator cannot be removed.")
    terminal.ok("keys", "list")


def test_the_administrators_key_of_another_folder_is_found_by_data_dir(terminal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, told = terminal.fails("keys", "admin")
    assert code == 5
    assert f"There is no store in {tmp_path}/var: name the server's data folder with --data-dir." in told


def test_a_relative_backup_folder_is_named(terminal):
    told = terminal.fails("backup", "backups/today")[1]
    assert "The folder 'backups/today' is relative; it must be an absolute path on the server" in told


def test_a_key_whose_grant_can_match_nothing_is_not_made(terminal):
    code, told = terminal.fails("keys", "create", "erin", "--kind", "robot", "--role", "publisher", "--on", "nonsense")
    assert (code, "can match nothing" in told) == (2, True)
    assert "robot:erin" not in terminal.ok("keys", "list")
