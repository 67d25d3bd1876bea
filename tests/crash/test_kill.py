"""SIGKILL at random moments under load: what was acknowledged is there, whole, and what was deleted is gone.

``ZOTPLUS_KILL_ROUNDS`` makes it shorter (or longer); the suite runs 200.
"""

import os
import random
import signal
import threading
import time
from dataclasses import replace

import pytest

from tests.crash.journal import verify
from tests.crash.load import Writer
from tests.crash.stores import assert_sound
from tests.crash.versions import LOCKING, Entry, VersionsWriter, matched, verify_versions

ROUNDS = int(os.environ.get("ZOTPLUS_KILL_ROUNDS", "200"))
WRITERS = 6
LOCKED = "crash-locked"
"""The bucket with object lock; half as many writers make versions there."""
LONGEST_LOAD = 120
"""Acknowledged operations before a kill at most."""
LONGEST_WAIT = 3.0
"""Seconds that they are waited for at most."""
KILLS_PER_START = 6
"""Single kills before the server is started anew: the supervisor waits longer and longer for those that die often."""


A, B, MARKER = Entry("a", "1"), Entry("b", "2"), Entry("", "3")
MAYBE = replace(MARKER, id="", certain=False)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ([A, MARKER, B], [A, MARKER, B]),
        ([A, MAYBE, MARKER], [A, MARKER]),
        ([A, MAYBE, MARKER], [A, replace(MARKER, id="9"), MARKER]),
        ([replace(A, certain=False), B], [B]),
    ],
)
def test_versions_that_may_be_there_are_accepted(expected, found):
    assert [entry.id for entry in matched("key", expected, found)] == [entry.id for entry in found]


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ([A, B], [A]),
        ([A], [A, B]),
        ([A, B], [B, A]),
        ([A], [replace(A, id="9")]),
        ([A], [replace(A, etag="x")]),
        ([MAYBE], [replace(MARKER, id="8"), replace(MARKER, id="9")]),
    ],
)
def test_versions_that_are_lost_torn_or_too_many_are_noticed(expected, found):
    with pytest.raises(AssertionError, match="there"):
        matched("key", expected, found)


class Rounds:
    """A server under load, round after round."""

    def __init__(self, server, bucket):
        self.server = server
        self.bucket = bucket
        self.random = random.Random(os.urandom(8))
        self.plain = [Writer(server, bucket, f"writer-{number}", number) for number in range(WRITERS)]
        self.versioned = [
            VersionsWriter(server, LOCKED, f"versions-{number}", number) for number in range(WRITERS // 2)
        ]
        self.writers = [*self.plain, *self.versioned]

    @property
    def journals(self):
        return [writer.journal for writer in self.writers]

    def kill_all(self):
        """Load, and in the midst of it the end of every process; then a new start on the same data."""
        stop = threading.Event()
        for writer in self.writers:
            writer.start(stop, until_lost=True)
        self._wait_for_the_moment()
        self.server.kill_all()
        self._settle(stop)
        self.server.start()
        self.verify()

    def kill_one(self):
        """Load, and in the midst of it the end of one child; the writers go on with whoever serves them."""
        stop = threading.Event()
        for writer in self.writers:
            writer.start(stop, until_lost=False)
        self._wait_for_the_moment()
        victim = self.random.choice(self.server.children())
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.1)  # some load for those who live
        self._settle(stop)
        self.verify()

    def _wait_for_the_moment(self):
        """Somewhere within the operations of a round, however fast the machine is."""
        enough = self.acknowledged + self.random.randrange(LONGEST_LOAD)
        deadline = time.monotonic() + LONGEST_WAIT
        while self.acknowledged < enough and time.monotonic() < deadline:
            time.sleep(self.random.uniform(0, 0.003))

    @property
    def acknowledged(self):
        return sum(journal.acknowledged for journal in self.journals)

    def _settle(self, stop):
        stop.set()
        for writer in self.writers:
            writer.join()
        assert [refusal for journal in self.journals for refusal in journal.refused] == []

    def verify(self):
        client = self.server.client()
        try:
            verify(client, self.bucket, [writer.journal for writer in self.plain])
            return verify_versions(client, LOCKED, [writer.journal for writer in self.versioned])
        finally:
            client.close()

    def summary(self, kind, count, began):
        unknown = sum(journal.unknown for journal in self.journals)
        print(  # noqa: T201 - for whoever reads the run
            f"\n{count} x SIGKILL of {kind}: {self.acknowledged} operations acknowledged, {unknown} unknown, "
            f"none lost or torn, {time.monotonic() - began:.0f} s"
        )
        assert self.acknowledged > count
        return unknown

    def close(self):
        for writer in self.writers:
            writer.close()


@pytest.fixture
def rounds(launch, bucket):
    server = launch()
    client = server.client()
    assert client.send("PUT", f"/{LOCKED}", headers=LOCKING).status == 200
    client.close()
    made = Rounds(server, bucket)
    yield made
    made.close()


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_acknowledged_is_lost_when_all_processes_are_killed_under_load(rounds, capsys):
    count, began = (ROUNDS + 1) // 2, time.monotonic()
    for _ in range(count):
        rounds.kill_all()
    rounds.server.stop()
    report = assert_sound(rounds.server.data)
    assert report.progress.objects > 0
    with capsys.disabled():
        assert rounds.summary("all processes", count, began) > 0, "no kill met an operation under way"


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_acknowledged_is_lost_when_single_processes_are_killed_under_load(rounds, capsys):
    count, began = ROUNDS // 2, time.monotonic()
    for number in range(count):
        if number % KILLS_PER_START == KILLS_PER_START - 1:
            rounds.server.stop()
            rounds.server.start()
        rounds.kill_one()
    rounds.server.stop()
    assert_sound(rounds.server.data)
    with capsys.disabled():
        rounds.summary("single processes", count, began)
