"""Tokens that are renewed in time, once, whatever runs beside; and keys for S3 made of them."""

import asyncio
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from tests.issuers.login import refusal
from zotplus.cli.remote.connection import connect
from zotplus.cli.remote.target import Target
from zotplus.cli.signin import tokens as tokens_module
from zotplus.cli.signin.tokens import locked

TOKEN_PATH = "/realms/test/token"


def aged(person, seconds, **changes):
    person.tokens = msgspec.structs.replace(person.tokens, expires=time.time() + seconds, **changes)


def refreshes(person):
    return [form for form in person.issuer.sent("/token") if form["grant_type"] == "refresh_token"]


def test_a_token_that_lives_is_used_as_it_is(person):
    found = person.logged_in()
    aged(person, 31)
    assert person.json("token", "--json") == {"token": found.access_token}
    assert refreshes(person) == []


@pytest.mark.parametrize("seconds", [29, 0, -3600])
def test_a_token_that_ends_soon_is_renewed_and_the_new_refresh_token_is_kept(person, seconds):
    old = person.logged_in()
    aged(person, seconds)
    token = person.json("token", "--json")["token"]
    assert token != old.access_token
    assert token in person.issuer.live
    assert person.tokens.refresh_token != old.refresh_token
    assert person.tokens.refresh_token in person.issuer.refresh_tokens
    assert person.tokens.expires > time.time() + 200
    assert person.json("token", "--json")["token"] == token


def test_an_issuer_that_does_not_rotate_leaves_the_refresh_token(person):
    old = person.logged_in()
    aged(person, 0)
    person.issuer.fields = {"refresh_token": None}
    person.run("token")
    assert person.tokens.refresh_token == old.refresh_token


def test_parallel_commands_renew_once(person):
    person.logged_in()
    aged(person, 0)
    environment = {**person.environment, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", "from zotplus.cli import main; main()", "token"]

    def run(_):
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        printed = set(pool.map(run, range(4)))
    assert printed == {person.tokens.access_token + "\n"}
    assert len(refreshes(person)) == 1


def test_parallel_requests_of_one_command_renew_once(person):
    person.logged_in()
    aged(person, 0)

    async def ask():
        async with connect(Target(endpoint=person.server.url, tokens=str(person.path))) as connection:
            await asyncio.gather(*(connection.caller.signer() for _ in range(20)))
            return await asyncio.gather(*(connection.caller.authorization() for _ in range(20)))

    assert set(asyncio.run(ask())) == {f"Bearer {person.tokens.access_token}"}
    assert len(refreshes(person)) == 1
    assert len(person.server.sts) == 1


def test_a_refused_renewal_asks_for_a_new_login(person):
    person.logged_in()
    aged(person, 0)
    person.issuer.refuses_refresh = True
    result = person.run("token", "--json")
    assert result.exit_code == 3
    problem = json.loads(result.stderr)["error"]
    assert problem["code"] == "login_ended"
    assert "Token is not active" in problem["detail"]
    assert "Log in again" in problem["remedy"]


def test_without_a_refresh_token_the_login_ends_with_the_token(person):
    person.logged_in()
    aged(person, 10, refresh_token="")
    assert person.run("token").exit_code == 0
    aged(person, -1, refresh_token="")
    result = person.run("token")
    assert (result.exit_code, "There is no refresh token" in result.stderr) == (3, True)


def test_an_issuer_that_is_away_is_no_loss_while_the_token_lives(person):
    old = person.logged_in()
    person.in_loop(person.issuer.down())
    aged(person, 10)
    assert person.json("token", "--json")["token"] == old.access_token
    aged(person, -1)
    result = person.run("token")
    assert result.exit_code == 10
    assert person.issuer.origin in result.stderr
    assert person.tokens.refresh_token == old.refresh_token


def test_a_renewal_that_fails_inside_the_issuer_is_no_end_of_the_login(person):
    person.logged_in()
    aged(person, -1)

    async def fail(_):
        answer = refusal("", "")
        answer.set_status(502)
        return answer

    person.issuer.answers[TOKEN_PATH] = fail
    assert person.run("token").exit_code == 10
    del person.issuer.answers[TOKEN_PATH]
    assert person.run("token").exit_code == 0


def test_the_api_is_asked_with_the_token(person):
    person.logged_in()
    aged(person, 0)
    assert person.run("status").exit_code != 3  # this server has no status, and knows the caller


def test_objects_are_asked_for_with_keys_of_the_session(person):
    person.logged_in()
    assert person.run("list").exit_code == 0
    assert person.run("list").exit_code == 0
    form = {**person.server.sts[0]}
    assert form.pop("WebIdentityToken") in person.issuer.live
    assert form == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": "arn:zotplus:iam:::role/self",
        "RoleSessionName": "zotplus",
        "DurationSeconds": "3600",
    }
    assert len(person.server.sts) == 1
    _, session, proof = person.server.seen[0]
    assert session == "session"
    assert "Credential=ZS1/" in proof
    assert "x-amz-security-token" in proof


def test_keys_of_the_session_are_renewed_before_they_end(person):
    person.logged_in()
    person.run("list")
    keys = person.tokens.keys
    for seconds, expected in ((61, "ZS1"), (59, "ZS2")):
        changed = msgspec.structs.replace(keys, expires=time.time() + seconds)
        person.tokens = msgspec.structs.replace(person.tokens, keys=changed)
        person.run("list")
        assert person.tokens.keys.access_key == expected


def test_keys_are_made_of_a_fresh_token(person):
    person.logged_in()
    aged(person, 5)
    person.run("list")
    assert person.server.sts[0]["WebIdentityToken"] == person.tokens.access_token
    assert person.tokens.keys.access_key == "ZS1"
    assert len(refreshes(person)) == 1


def test_a_link_is_signed_with_keys_of_the_session(person):
    person.logged_in()
    link = person.run("presign", "bucket/key").stdout
    assert "X-Amz-Security-Token=session" in link
    assert "X-Amz-Credential=ZS1%2F" in link


ERROR = "<ErrorResponse><Error><Code>{}</Code><Message>no</Message></Error><RequestId>7</RequestId></ErrorResponse>"
WHOLE = "<AssumeRoleWithWebIdentityResponse>{}</AssumeRoleWithWebIdentityResponse>"
CREDENTIALS = WHOLE.format(
    "<AssumeRoleWithWebIdentityResult><Credentials>{}</Credentials></AssumeRoleWithWebIdentityResult>"
)
KEYS = "<AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken>"


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ((403, ERROR.format("AccessDenied")), 4, "AccessDenied: no"),
        ((400, ERROR.format("InvalidIdentityToken")), 2, "InvalidIdentityToken: no"),
        ((401, ERROR.format("ExpiredToken")), 3, "ExpiredToken: no"),
        ((404, "{}"), 10, "The server has no token service: it answers 404."),
        ((200, ""), 10, "no XML"),
        ((200, WHOLE.format("")), 10, "no credentials"),
        ((200, CREDENTIALS.format(KEYS)), 10, "not complete"),
        ((200, CREDENTIALS.format(KEYS + "<Expiration>soon</Expiration>")), 10, "not complete"),
        ((200, CREDENTIALS.format("<Expiration>2040-01-01T00:00:00Z</Expiration>")), 10, "not complete"),
    ],
)
def test_what_the_token_service_refuses_is_told(person, answer, code, told):
    person.logged_in()
    person.server.sts_answer = answer
    result = person.run("list")
    assert (result.exit_code, told in result.stderr) == (code, True), result.stderr


def test_tokens_go_to_their_own_server_alone(person):
    person.logged_in()
    result = person.run("token", "--endpoint", "http://127.0.0.1:1")
    assert result.exit_code == 3
    assert "There is no login with an issuer." in result.stderr
    person.tokens = msgspec.structs.replace(person.tokens, endpoint="https://evil.example")
    assert "Its tokens are for https://evil.example." in person.run("token").stderr


def test_a_key_from_the_environment_takes_the_place_of_the_login(person):
    person.logged_in()
    shown = person.json("credential-process", ZOTPLUS_ACCESS_KEY="A", ZOTPLUS_SECRET_KEY="secret")
    assert shown == {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "secret"}


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"access_token": "secret-of-alice"}', b"\xff", b"[" * 99_999])
def test_a_file_that_holds_no_tokens_is_refused_without_quoting_it(person, content):
    person.logged_in()
    person.path.write_bytes(content)
    result = person.run("token")
    assert result.exit_code == 2
    assert "it holds no tokens" in result.stderr
    assert "secret-of-alice" not in result.output


def test_tokens_that_others_may_read_are_refused(person):
    person.logged_in()
    person.path.chmod(0o644)
    assert "not safe to use" in person.run("token").stderr


def test_tokens_that_are_gone_ask_for_a_new_login(person):
    person.logged_in()
    person.path.unlink()
    result = person.run("token")
    assert (result.exit_code, "no longer on this machine" in result.stderr) == (3, True)


async def test_a_lock_that_is_held_for_too_long_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens_module, "LOCK_SECONDS", 0.1)
    async with locked(tmp_path / "x.json"):
        with pytest.raises(Exception, match="for too long"):
            async with locked(tmp_path / "x.json"):
                pass
    async with locked(tmp_path / "x.json"):
        pass


async def test_no_lock_is_made_through_a_link(tmp_path):
    (tmp_path / "x.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match=r"x\.lock"):
        async with locked(tmp_path / "x.json"):
            pass
    assert not (tmp_path / "elsewhere").exists()
