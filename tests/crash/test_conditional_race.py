"""Conditional writes of one key from many clients over two workers: each state has exactly one successor."""

from functools import partial

import pytest

from tests.crash.workers import at_once, spread

CONTENDERS = 8
ROUNDS = 20
INCREMENTS = 10


@pytest.fixture
def clients(launch):
    clients = spread(launch(), CONTENDERS)
    yield clients
    for client in clients:
        client.close()


def write(path, bodies, headers, number, client):
    return client.send("PUT", path, bodies[number], headers=headers)


def only_winner(answers):
    """Which one was accepted; all others were told that the condition does not hold."""
    winners = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert len(winners) == 1, [answer.status for answer in answers]
    assert {answer.status for answer in answers} == {200, 412}
    return winners[0]


@pytest.mark.crash
@pytest.mark.parametrize("size", [100, 20_000])
def test_of_many_that_create_an_object_one_succeeds(clients, bucket, size):
    bodies = [f"{number} ".encode() * size for number in range(CONTENDERS)]
    for turn in range(ROUNDS):
        path = f"/{bucket}/created {turn}"
        answers = at_once(clients, partial(write, path, bodies, {"if-none-match": "*"}))
        winner = only_winner(answers)
        for client in clients:
            assert client.send("GET", path).body == bodies[winner]


@pytest.mark.crash
def test_of_many_that_replace_the_same_version_one_succeeds(clients, bucket):
    path = f"/{bucket}/replaced"
    etag = clients[0].send("PUT", path, b"first").etag
    for turn in range(ROUNDS):
        bodies = [f"{turn} {number}".encode() for number in range(CONTENDERS)]
        answers = at_once(clients, partial(write, path, bodies, {"if-match": f'"{etag}"'}))
        winner = only_winner(answers)
        etag = answers[winner].etag
        assert clients[winner - 1].send("GET", path).body == bodies[winner]


@pytest.mark.crash
def test_a_counter_kept_by_if_match_loses_no_increment(clients, bucket):
    path = f"/{bucket}/counter"
    assert clients[0].send("PUT", path, b"0").status == 200

    def count(_, client):
        done = attempts = 0
        while done < INCREMENTS:
            found = client.send("GET", path)
            more = str(int(found.body) + 1).encode()
            answer = client.send("PUT", path, more, headers={"if-match": f'"{found.etag}"'})
            assert answer.status in {200, 412}
            done += answer.status == 200
            attempts += 1
        return attempts

    attempts = at_once(clients, count)
    assert None not in attempts
    assert clients[0].send("GET", path).body == str(CONTENDERS * INCREMENTS).encode()
    assert sum(attempts) > CONTENDERS * INCREMENTS, "nobody ever lost: they did not meet"


@pytest.mark.crash
def test_without_conditions_the_same_counter_loses_increments(clients, bucket):
    """The proof that the counter above can fail."""
    path = f"/{bucket}/counter"
    assert clients[0].send("PUT", path, b"0").status == 200

    def count(_, client):
        for _ in range(INCREMENTS):
            more = str(int(client.send("GET", path).body) + 1).encode()
            assert client.send("PUT", path, more).status == 200

    at_once(clients, count)
    assert int(clients[0].send("GET", path).body) < CONTENDERS * INCREMENTS
