"""Logging in with a browser, and everything that an issuer, a page or a person can do wrong."""

import json
import stat
import threading
import urllib.parse

import pytest

from tests.issuers.local import DISCOVERY, PATH, drip, endless, public, redirect
from tests.issuers.local import key as key_pair
from tests.issuers.login import refusal
from tests.unit.cli.signin.conftest import fetch
from zotplus.cli.remote.profiles import Profile, read_profiles
from zotplus.cli.remote.target import is_exposed
from zotplus.cli.signin import code_flow, loopback
from zotplus.cli.signin import issuer as issuer_module


def test_a_person_logs_in_and_is_known(person):
    result = person.login()
    assert result.exit_code == 0, result.output
    assert f"Logged in to {person.server.url} as alice" in result.stdout
    assert f"note: Log in with a browser at {person.issuer.url}/auth?" in result.stderr
    assert person.json("token", "--json")["token"] in person.issuer.live


def test_profile_and_tokens_are_kept_for_the_owner_alone(person):
    found = person.logged_in()
    expected = Profile(endpoint=person.server.url, issuer=person.issuer.url)
    assert read_profiles(person.profiles).profiles == {"default": expected}
    assert found.access_token in person.issuer.live
    assert found.refresh_token in person.issuer.refresh_tokens
    for path in (person.path, person.path.with_suffix(".lock")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(person.path.parent.stat().st_mode) == 0o700
    assert found.access_token not in repr(found)


def test_no_secret_is_printed(person):
    result = person.login()
    found = person.tokens
    for secret in (found.access_token, found.refresh_token):
        assert secret not in result.output


def test_the_issuer_is_asked_as_the_server_says(person):
    person.server.offers = [person.server.offer(scopes=["openid", "groups", "offline_access"])]
    person.logged_in()
    asked = person.issuer.sent("/auth")[0]
    assert asked["scope"] == "openid groups offline_access"
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert "code_verifier" not in asked


def test_the_page_says_that_it_may_be_closed_and_keeps_the_code_to_itself(person):
    person.logged_in()
    status, headers, page = person.browser.pages[0]
    assert status == 200
    assert "You may close this page" in page
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'"


def test_another_pages_answers_do_not_end_the_wait(person):
    shown = []

    def disturb(address):
        redirect = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["redirect_uri"][0]
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["state"][0]
        strange = ("", "?code=x&state=guessed", "?error=access_denied", f"?state={state}&state=y", "?state=%FF")
        shown.extend(fetch(redirect + query)[::2] for query in strange)
        shown.append(fetch(redirect.removesuffix(loopback.PATH) + "/")[::2])

    person.browser.first = disturb
    assert person.login().exit_code == 0
    assert [status for status, _ in shown] == [400] * 5 + [404]
    assert all("You may close" not in page for _, page in shown)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            {"error": "access_denied", "error_description": "User\ncancelled", "code": None},
            "access_denied: User cancelled",
        ),
        ({"error": "server_error", "code": None}, "server_error."),
        ({"code": None}, "holds no code"),
        ({"code": ""}, "holds no code"),
        ({"code": "another"}, "invalid_grant: Code not valid"),
        ({"iss": "https://evil.example"}, "not of the issuer"),
        ({"iss": None}, "not of the issuer"),
        ({"error": "x" * 5000, "code": None}, "x" * 300),
    ],
)
def test_an_issuers_refusal_is_shown_and_nothing_is_kept(person, query, told):
    person.issuer.query = query
    result = person.login()
    assert result.exit_code == 3
    assert "login_refused" in person.login("--json").stderr
    assert told in result.stderr
    assert "x" * 400 not in result.stderr
    assert not person.path.exists()
    assert not person.profiles.exists()


def test_an_issuer_that_never_names_itself_need_not(person):
    person.issuer.query = {"iss": None}
    person.issuer.discovered = {"authorization_response_iss_parameter_supported": None}
    assert person.login().exit_code == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["zotplus-cli", "another"]},
        {"aud": None},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": None},
        {"iat": 90_000_000_000},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"at_hash": 3},
        {"typ": "Refresh"},
    ],
    ids=str,
)
def test_an_id_token_that_does_not_fit_is_refused(person, claims):
    person.issuer.claims = claims
    result = person.login("--json")
    assert json.loads(result.stderr.splitlines()[-1])["error"]["code"] == "id_token_refused"
    assert result.exit_code == 3
    assert not person.path.exists()


def test_an_id_token_of_another_key_is_refused(person):
    kept = person.issuer.jwks()
    person.issuer.answers[person.issuer.discovery()["jwks_uri"].removeprefix(person.issuer.origin)] = kept
    key_id, algorithm, _ = person.issuer.keys[0]
    person.issuer.keys = [(key_id, algorithm, key_pair("P-256", 7))]
    assert "signature is not the issuer's" in person.login().stderr


@pytest.mark.parametrize("token", ["", "x", "e30.e30.e30", "a.b", None, 3])
def test_what_is_no_id_token_is_refused(person, token):
    person.issuer.fields = {"id_token": token}
    result = person.login()
    assert result.exit_code == (10 if token == 3 else 3)
    assert not person.path.exists()


def test_the_server_has_the_last_word(person):
    person.issuer.fields = {"access_token": "unknown-to-the-server"}
    result = person.login()
    assert result.exit_code == 3
    assert "The issuer knows you, and the server refuses its token: The token is refused." in result.stderr
    assert not person.path.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"access_token": None},
        {"access_token": 3},
        {"access_token": "with space"},
        {"access_token": "line\r\nbreak"},
        {"token_type": "mac"},
        {"token_type": None},
        {"expires_in": "300"},
        {"expires_in": True},
        {"expires_in": -1},
        {"expires_in": 1e300},
        {"refresh_token": {}},
    ],
    ids=str,
)
def test_a_broken_answer_of_the_token_endpoint_is_refused(person, fields):
    person.issuer.fields = fields
    result = person.login()
    assert result.exit_code == 10, result.output
    assert "does not answer as OpenID Connect asks" in result.stderr


@pytest.mark.parametrize(
    "discovered",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"token_endpoint": None},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"token_endpoint": 3},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://user:password@127.0.0.1/auth"},
        {"authorization_endpoint": "http://127.0.0.1/auth#x"},
        {"authorization_endpoint": "http://127.0.0.1/\x1b[2J"},
        {"jwks_uri": "http://[::1"},
        {"code_challenge_methods_supported": ["plain"]},
        {"code_challenge_methods_supported": "S256"},
    ],
    ids=str,
)
def test_an_issuer_that_is_not_fit_is_not_used(person, discovered):
    person.issuer.discovered = discovered
    result = person.login()
    assert result.exit_code == 10, result.output
    assert person.browser.opened == []
    assert person.issuer.forms == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"issuer": 1, "issuer": 2}', b"[" * 100_000, b"\xff"])
def test_what_is_no_discovery_document_is_refused(person, body):
    person.issuer.answers[DISCOVERY] = body
    assert person.login().exit_code == 10


def test_a_trailing_slash_makes_another_issuer(person):
    person.server.offers = [person.server.offer(url=person.issuer.url + "/")]
    assert "calls itself" in person.login().stderr


def test_an_issuer_that_is_not_there_is_named(person):
    origin = person.issuer.origin
    person.in_loop(person.issuer.down())
    result = person.login()
    assert result.exit_code == 10
    assert origin in result.stderr


def test_keys_that_cannot_be_used_are_the_issuers_fault(person):
    person.issuer.answers[PATH + "/keys"] = json.dumps({"keys": [public(key_pair("P-256"), use="enc")]}).encode()
    result = person.login()
    assert (result.exit_code, "Its keys cannot be used" in result.stderr) == (10, True)


@pytest.mark.parametrize(("status", "code"), [(500, 10), (404, 10), (400, 10)])
def test_a_token_endpoint_that_fails_ends_the_login(person, status, code):
    async def fail(_):
        answer = refusal("", "")
        answer.set_status(status)
        return answer

    person.issuer.answers[PATH + "/token"] = fail
    assert person.login().exit_code == code


def test_several_issuers_are_chosen_by_name(person):
    person.server.offers = [person.server.offer(name="other", client_id="other"), person.server.offer(name="mine")]
    result = person.login()
    assert result.exit_code == 2
    assert "choose one with --issuer: other, mine" in result.stderr
    assert "It has no issuer 'third' for people, but other, mine." in person.login("--issuer", "third").stderr
    assert person.login("--issuer", "mine").exit_code == 0


def test_without_issuers_for_people_the_login_is_by_key(person):
    person.server.offers = []
    result = person.login()
    assert result.exit_code == 2
    assert "It has no issuer for people." in result.stderr


@pytest.mark.parametrize("words", [("--access-key", "A"), ("--secret-stdin",), ("--token-file", "-"), ("--trust", "x")])
def test_one_logs_in_in_one_way(person, words):
    assert person.login(*words).exit_code == 2


def test_a_login_by_key_takes_the_place_of_tokens(person):
    person.logged_in()
    words = ("login", person.server.url, "--access-key", "A", "--secret-stdin")
    assert person.run(*words, stdin="wrong\n").exit_code == 3
    assert person.path.exists()  # what is there stays until something takes its place
    person.server.keys = {"A": "secret"}
    assert person.run(*words, stdin="secret\n").exit_code == 0
    assert not person.path.exists()
    stored = Profile(endpoint=person.server.url, access_key="A", secret_key="secret")
    assert read_profiles(person.profiles).profiles == {"default": stored}


def test_nobody_in_time_ends_the_wait(person, monkeypatch):
    defaults = code_flow.Client
    monkeypatch.setattr("zotplus.cli.signin.sign_in.Client", lambda **given: defaults(**given, seconds=0.1))
    result = person.login("--no-browser")
    assert person.browser.opened == []
    assert result.exit_code == 3
    assert "Nobody logged in in time." in result.stderr


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "w"}, True),
        ({"BROWSER": "x"}, True),
        ({"DISPLAY": ""}, False),
    ],
)
def test_a_browser_is_opened_where_there_is_a_screen(monkeypatch, environ, expected):
    monkeypatch.setattr("sys.platform", "linux")
    assert code_flow.has_screen(environ) is expected
    monkeypatch.setattr("sys.platform", "darwin")
    assert code_flow.has_screen(environ)


def test_an_issuer_that_drips_is_not_waited_for(person, monkeypatch):
    monkeypatch.setattr(issuer_module, "ANSWER_SECONDS", 0.3)
    person.issuer.answers[DISCOVERY] = drip(b" ")
    result = person.login()
    assert (result.exit_code, "did not answer within" in result.stderr) == (10, True)


def test_an_issuer_that_never_stops_is_cut_off(person):
    person.issuer.answers[DISCOVERY] = b" " * (issuer_module.DOCUMENT_MAX_BYTES + 1)
    assert "answers more than" in person.login().stderr
    person.issuer.answers[DISCOVERY] = endless()
    assert person.login().exit_code == 10


@pytest.mark.parametrize("path", [DISCOVERY, PATH + "/token", PATH + "/keys"])
def test_no_redirect_of_the_issuer_is_followed(person, path):
    person.issuer.answers[path] = redirect(f"{person.server.url}/elsewhere")
    result = person.login()
    assert (result.exit_code, "is not followed" in result.stderr) == (10, True)


@pytest.mark.parametrize("path", [DISCOVERY, PATH + "/keys"])
def test_an_issuers_document_that_is_missing_is_told(person, path):
    async def gone(_):
        answer = refusal("", "")
        answer.set_status(404)
        return answer

    person.issuer.answers[path] = gone
    assert "answers 404 when asked for its" in person.login().stderr


def test_a_login_without_encryption_is_remarked(person):
    person.server.offers = [person.server.offer(url="http://login.invalid/realms/x")]
    assert "note: The connection to http://login.invalid/realms/x is not encrypted" in person.login().stderr


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://registry.example", True),
        ("http://10.0.0.1:8080", True),
        ("http://[2001:db8::1]/", True),
        ("http://localhost:8080", False),
        ("http://127.0.0.2", False),
        ("http://[::1]:80", False),
        ("https://registry.example", False),
    ],
)
def test_what_goes_without_encryption_to_another_machine_is_exposed(address, expected):
    assert is_exposed(address) is expected


def test_a_server_that_fails_is_no_refusal_of_the_token(person):
    person.server.whoami_status = 503
    result = person.login()
    assert result.exit_code == 10
    assert "The issuer knows you" not in result.stderr


def test_the_browser_is_started_beside_the_command(monkeypatch):
    opened = threading.Event()
    monkeypatch.setattr("webbrowser.open", lambda address: address == "https://x" and opened.set())
    monkeypatch.setenv("DISPLAY", ":0")
    code_flow.open_browser("https://x")
    assert opened.wait(5)
