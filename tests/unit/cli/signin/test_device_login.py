"""Logging in with a browser on another device (RFC 8628)."""

import pytest

from tests.issuers.local import PATH
from tests.issuers.login import refusal
from zotplus.cli.signin import device_flow


@pytest.fixture
def pauses(monkeypatch):
    """What the command slept, without sleeping."""
    found = []

    async def sleep(seconds):
        found.append(seconds)

    monkeypatch.setattr(device_flow.asyncio, "sleep", sleep)
    return found


def test_a_person_logs_in_on_another_device(person):
    person.issuer.waits = ["authorization_pending", "authorization_pending"]
    result = person.login("--device")
    assert result.exit_code == 0, result.output
    assert f"Open {person.issuer.url}/enter on any device and enter the code ABCD-EFGH" in result.stderr
    assert f"{person.issuer.url}/enter?code=ABCD-EFGH" in result.stderr
    assert len(person.issuer.sent("/token")) == 3
    assert person.tokens.access_token in person.issuer.live
    assert person.browser.opened == []


def test_it_asks_as_often_as_the_issuer_wants(person, pauses):
    person.issuer.interval = 7
    person.issuer.waits = ["authorization_pending", "slow_down", "authorization_pending", "slow_down"]
    assert person.login("--device").exit_code == 0
    assert pauses == [7, 7, 12, 12, 17]


def test_every_five_seconds_where_the_issuer_does_not_say(person, pauses):
    person.issuer.interval = None
    assert person.login("--device").exit_code == 0
    assert pauses == [5]


def test_a_line_that_breaks_is_tried_again_less_often(person, pauses):
    person.issuer.interval = 2
    failures = [503, 502]

    async def fail(request):
        if not failures:
            del person.issuer.answers[PATH + "/token"]
            return await person.issuer._token(dict(await request.post()))
        answer = refusal("", "")
        answer.set_status(failures.pop())
        return answer

    person.issuer.answers[PATH + "/token"] = fail
    assert person.login("--device").exit_code == 0
    assert pauses == [2, 4, 8]


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        ("access_denied", "The issuer refused the login. access_denied."),
        ("expired_token", "Nobody logged in in time."),
        ("invalid_client", "The issuer refused the login. invalid_client."),
    ],
)
def test_what_ends_the_wait_is_told(person, wait, told):
    person.issuer.waits = ["authorization_pending", wait]
    result = person.login("--device")
    assert result.exit_code == 3
    assert told in result.stderr
    assert not person.path.exists()


def test_nobody_in_time_ends_the_wait(person, pauses):
    person.issuer.fields = {"expires_in": 1, "interval": 5}
    assert "Nobody logged in in time." in person.login("--device").stderr
    assert pauses == []


@pytest.mark.parametrize(
    "fields",
    [
        {"device_code": None},
        {"user_code": 3},
        {"user_code": ""},
        {"expires_in": None},
        {"expires_in": "60"},
        {"expires_in": 1e9},
        {"interval": -1},
        {"interval": True},
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri_complete": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_a_broken_answer_is_refused_and_not_shown(person, fields):
    person.issuer.fields = fields
    result = person.login("--device")
    assert result.exit_code == 10, result.output
    assert "on any device" not in result.stderr


def test_a_refusal_at_the_beginning_is_told(person):
    person.issuer.fields = {"error": "unauthorized_client", "error_description": "Device flow is off"}
    assert "unauthorized_client: Device flow is off" in person.login("--device").stderr


def test_what_a_terminal_would_act_on_is_not_sent_to_it(person):
    person.issuer.fields = {"user_code": "\x1b[2JABC"}
    assert "\x1b" not in person.login("--device").stderr


def test_an_issuer_without_device_flow_says_so(person):
    person.issuer.discovered = {"device_authorization_endpoint": None}
    result = person.login("--device")
    assert result.exit_code == 2
    assert "has no device flow" in result.stderr


def test_a_server_that_does_not_want_it_says_so(person):
    person.server.offers = [person.server.offer(device=False)]
    result = person.login("--device")
    assert result.exit_code == 2
    assert "does not offer the device flow" in result.stderr
    assert person.issuer.requests == []


def test_an_id_token_without_nonce_is_good_there_and_a_wrong_one_is_not(person):
    assert person.login("--device").exit_code == 0
    person.issuer.claims = {"aud": "another"}
    assert person.login("--device").exit_code == 3
