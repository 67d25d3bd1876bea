"""``zotplus events`` and the part of the API behind it."""

import json
from base64 import b64encode
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.faces.gateway import settings_for, start
from zotplus.adapters.webhooks.settings import EventSettings, WebhookSettings
from zotplus.domain.storage.events import Rule
from zotplus.services.events.outbox import Failed
from zotplus.services.identity.roles import Role


def rule(webhook):
    arn = f"arn:zotplus:webhook:::{webhook}"
    return Rule(id=webhook, destination="queue", arn=arn, webhook=webhook, events=("ObjectCreated:*",))


@pytest.fixture
def gateway(tmp_path):
    webhooks = tuple(WebhookSettings(name=name, url="https://hooks.example.org/") for name in ("hook", "idle"))
    running = start(tmp_path, settings=settings_for(tmp_path, events=EventSettings(webhooks=webhooks)))
    yield running
    running.stop()


@pytest.fixture
def told(gateway, terminal):
    """A bucket whose test events wait for a webhook, and for one that the settings do not name."""
    terminal.ok("buckets", "create", "box")
    rules = gateway.services.events.notifications
    for name in ("hook", "gone"):
        gateway.run(rules.put("box", (rule(name),), validate=False))


@pytest.fixture
def buried(gateway, told):
    """Both have been given up."""
    outbox = gateway.services.events.outbox
    for name in ("hook", "gone"):
        waiting = gateway.run(outbox.due(name, 10))
        gateway.run(outbox.settle((), [Failed(one, "answered 500", given_up=True) for one in waiting]))


@pytest.mark.usefixtures("told")
def test_the_queues_of_all_webhooks_are_shown(terminal):
    found = {queue["webhook"]: queue for queue in terminal.json("events", "status")}
    assert {name: (queue["waiting"], queue["configured"]) for name, queue in found.items()} == {
        "hook": (1, True),
        "idle": (0, True),
        "gone": (1, False),
    }
    text = terminal.ok("events", "status")
    assert "gone (not in the settings)" in text
    assert text.splitlines()[0].split() == ["WEBHOOK", "WAITING", "OLDEST", "FAILED", "REASON"]


@pytest.mark.usefixtures("buried")
def test_dead_letters_are_listed_with_their_reason(terminal):
    found = terminal.json("events", "dead-letters", "list")
    assert [(one["webhook"], one["event"], one["bucket"], one["reason"], one["attempts"]) for one in found] == [
        ("hook", "TestEvent", "box", "answered 500", 1),
        ("gone", "TestEvent", "box", "answered 500", 1),
    ]
    assert "answered 500" in terminal.ok("events", "dead-letters", "list", "--webhook", "gone")
    assert len(terminal.json("events", "dead-letters", "list", "--webhook", "gone")) == 1


@pytest.mark.usefixtures("buried")
def test_pages_of_dead_letters_go_on_where_the_last_ended(terminal, monkeypatch):
    monkeypatch.setattr("zotplus.cli.events.commands._PAGE", 1)
    assert len(terminal.json("events", "dead-letters", "list")) == 2


@pytest.mark.usefixtures("buried")
def test_one_is_delivered_again_and_another_forgotten(terminal, gateway):
    first, second = (one["id"] for one in terminal.json("events", "dead-letters", "list"))
    assert terminal.ok("events", "dead-letters", "retry", first) == "1 event will be delivered again\n"
    assert len(gateway.run(gateway.services.events.outbox.due("hook", 10))) == 1
    assert terminal.json("events", "dead-letters", "delete", second) == {"count": 1}
    assert terminal.json("events", "dead-letters", "list") == []
    code, words = terminal.fails("events", "dead-letters", "retry", first)
    assert (code != 0, "no dead letter" in words) == (True, True)


@pytest.mark.usefixtures("buried")
def test_all_or_those_of_a_webhook_are_meant_only_when_said(terminal):
    for wrong in ([], ["--all", "--webhook", "hook"], ["evt_0000000000000001", "--all"], ["nonsense"]):
        code, _ = terminal.fails("events", "dead-letters", "retry", *wrong)
        assert code != 0
    assert len(terminal.json("events", "dead-letters", "list")) == 2
    assert terminal.ok("events", "dead-letters", "retry", "--webhook", "hook") == "1 event will be delivered again\n"
    assert terminal.ok("events", "dead-letters", "delete", "--all") == "1 event deleted\n"


@pytest.mark.usefixtures("buried")
@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=x", "after=evt_zzzzzzzzzzzzzzzz"])
def test_a_page_that_cannot_be_is_refused(gateway, terminal, query):

    basic = b64encode(f"{gateway.access_key}:{gateway.secret}".encode()).decode()
    request = Request(f"{gateway.url}/api/v1/events/dead-letters?{query}", headers={"Authorization": f"Basic {basic}"})
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=10)
    with caught.value as answer:
        assert json.load(answer)["code"] == "argument_invalid"


@pytest.mark.usefixtures("buried")
def test_who_is_no_administrator_sees_and_does_nothing(gateway, terminal):
    other = terminal.as_key(gateway.key((Role.PUBLISHER, "s3:*")))
    for words in (["status"], ["dead-letters", "list"], ["dead-letters", "retry", "--all"]):
        _, said = other.fails("events", *words)
        assert "denied" in said.lower() or "may not" in said
    _, said = other.fails("events", "dead-letters", "delete", "--all")
    assert "admin:DeleteEvents" in said
