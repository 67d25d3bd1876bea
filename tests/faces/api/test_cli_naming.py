"""Names where ids are wanted, and the other way: the refusal says what may have been meant."""

import pytest


@pytest.fixture
def alice(terminal):
    return terminal.json("keys", "create", "alice")["id"]


@pytest.fixture(autouse=True)
def only_the_administrator_stays(terminal, gateway):
    yield
    for key in terminal.json("keys", "list"):
        if key["id"] != gateway.access_key:
            terminal.ok("keys", "revoke", key["id"])


@pytest.mark.parametrize("given", ["alice", "alicia", "Alice"])
@pytest.mark.parametrize(
    "words", [["grants", "create", "{}", "reader", "*"], ["keys", "revoke", "{}"], ["grants", "delete", "{}"]]
)
def test_a_name_where_an_id_is_wanted_is_answered_with_the_id(terminal, alice, words, given):
    code, told = terminal.fails(*[word.format(given) for word in words])
    assert code == 5
    assert f"Did you mean the key {alice} (alice)?" in told


def test_a_robots_name_is_answered_with_its_id(terminal):
    terminal.ok("keys", "create", "ci", "--kind", "robot")
    assert "Did you mean the robot robot:ci (ci)?" in terminal.fails("grants", "create", "ci", "reader", "*")[1]


def test_a_key_where_a_grant_is_wanted_is_answered_with_its_grants(terminal, alice):
    grant = terminal.json("grants", "create", alice, "reader", "s3:releases/*")["id"]
    told = terminal.fails("grants", "delete", alice)[1]
    assert f"{alice} is a key, which has {grant} (reader on s3:releases/* for {alice})." in told
    told = terminal.fails("keys", "revoke", grant)[1]
    assert f"{grant} is a grant: reader on s3:releases/* for {alice}." in told


def test_what_nobody_could_have_meant_gets_no_hint(terminal, alice):
    told = terminal.fails("keys", "revoke", "quite-another-thing")[1]
    assert "There is no such key or robot.\n" in told
