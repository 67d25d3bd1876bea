"""The command line as a person of an issuer, against the gateway: login, grants, objects, and their end."""

import json
import threading

import msgspec
import pytest

from tests.faces.api.conftest import Terminal
from tests.faces.gateway import settings_for, start
from tests.issuers.login import CLIENT, serving
from tests.peers.programs import call
from zotplus.adapters.oidc.settings import IdentitySettings
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.cli.remote.profiles import profiles_path, tokens_path
from zotplus.cli.signin import sign_in
from zotplus.cli.signin.tokens import read_tokens, write_tokens


@pytest.fixture
def issuer():
    with serving() as (issuer, _, _):
        issuer.person = {"preferred_username": "alice", "groups": ["team"]}
        yield issuer


@pytest.fixture
def gateway(issuer, tmp_path):
    trusted = {"name": "local", "url": issuer.url, "audiences": ["zotplus"], "login": {"client_id": CLIENT}}
    identity = msgspec.convert({"issuers": [trusted]}, IdentitySettings)
    verifier = OidcVerifier(identity.issuers)
    running = start(tmp_path / "data", settings=settings_for(tmp_path / "data", identity=identity), verifier=verifier)
    yield running
    running.run(verifier.close())
    running.stop()


@pytest.fixture
def administrator(gateway, tmp_path):
    names = {
        "ZOTPLUS_ENDPOINT": gateway.url,
        "ZOTPLUS_ACCESS_KEY": gateway.access_key,
        "ZOTPLUS_SECRET_KEY": gateway.secret,
    }
    return Terminal({"XDG_CONFIG_HOME": str(tmp_path / "admin"), **names})


@pytest.fixture
def alice(gateway, tmp_path, monkeypatch):
    for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "PROFILE", "CA", "CONFIG"):
        monkeypatch.delenv(f"ZOTPLUS_{name}", raising=False)
    visits = []

    def visit(address):
        while address is not None:
            address = call("GET", address)[1].get("Location")

    def open_browser(address):
        visits.append(threading.Thread(target=visit, args=(address,)))
        visits[-1].start()

    monkeypatch.setattr(sign_in, "open_browser", open_browser)
    terminal = Terminal({"XDG_CONFIG_HOME": str(tmp_path / "alice")})
    assert f"Logged in to {gateway.url} as alice" in terminal.ok("login", gateway.url, "--oidc")
    for thread in visits:
        thread.join()
    return terminal


def test_a_person_uses_what_their_group_was_given_and_nothing_else(alice, administrator, tmp_path):
    administrator.ok("buckets", "create", "shared")
    administrator.ok("buckets", "create", "private")
    administrator.ok("grants", "create", "group:local:team", "publisher", "s3:shared")
    (tmp_path / "file").write_bytes(b"by alice")
    alice.ok("upload", tmp_path / "file", "shared/file")
    alice.ok("download", "shared/file", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"by alice"
    link = alice.ok("presign", "shared/file").strip()
    assert call("GET", link)[2] == b"by alice"
    assert alice.fails("upload", tmp_path / "file", "private/file")[0] == 4
    assert alice.fails("keys", "list")[0] == 4
    printed = alice.ok("list")
    assert ("shared" in printed, "private" in printed) == (True, False)


def test_a_group_that_is_given_administration_administers(alice, administrator):
    assert alice.fails("keys", "list")[0] == 4
    administrator.ok("grants", "create", "group:local:team", "administrator", "*")
    assert "group:local:team" in alice.ok("grants", "list")


def test_a_grant_that_is_withdrawn_ends_for_a_login_that_lasts(alice, administrator):
    administrator.ok("buckets", "create", "shared")
    made = administrator.json("grants", "create", "group:local:team", "reader", "s3:shared")
    assert "KEY" in alice.ok("list", "shared")
    administrator.ok("grants", "delete", made["id"])
    assert alice.fails("list", "shared")[0] == 4


def test_renewed_tokens_and_keys_go_on_working(alice, administrator, issuer, tmp_path):
    administrator.ok("grants", "create", "group:local:team", "administrator", "*")
    alice.ok("buckets", "create", "mine")
    path = tokens_path(profiles_path(alice.environment), "default")
    found = read_tokens(path)
    write_tokens(path, msgspec.structs.replace(found, expires=0, keys=None))
    issuer.live.clear()
    assert alice.ok("list").count("mine") == 1
    alice.ok("keys", "list")
    now = read_tokens(path)
    assert now.access_token in issuer.live
    assert now.keys.access_key != found.keys.access_key


def test_other_programs_are_served(alice, gateway):
    token = alice.ok("token").strip()
    headers = {"Authorization": f"Bearer {token}"}
    assert json.loads(call("GET", f"{gateway.url}/api/v1/whoami", headers=headers)[2])["name"] == "alice"
    registry = alice.ok("token", "--registry").strip()
    assert len(registry.split(".")) == 3
    assert registry != token
    asked = json.loads(alice.ok("credential-helper", "get", stdin=gateway.url))
    assert (asked["Username"], asked["Secret"]) == ("oidc", token)
    assert json.loads(alice.ok("credential-process"))["SessionToken"]


def test_after_logging_out_nothing_is_left(alice, gateway):
    alice.ok("logout")
    assert alice.fails("list", "--endpoint", gateway.url)[0] == 3
    assert alice.fails("logout")[0] == 3


def test_the_servers_health_is_told_to_those_whose_login_ended(alice, administrator, issuer):
    path = tokens_path(profiles_path(alice.environment), "default")
    write_tokens(path, msgspec.structs.replace(read_tokens(path), expires=0))
    issuer.refuses_refresh = True
    result = alice.run("status", "--json")
    told = json.loads(result.stdout)
    assert set(told["health"]["checks"])
    assert told["status"] is None
    assert "The login has ended." in json.loads(result.stderr.splitlines()[0])["note"]
