"""Conditional writes of one key from many clients over all workers, against a checker of linearizability.

``ZOTPLUS_LINEARIZABILITY_RUNS`` histories are recorded and checked for each state of versioning; ``make
linearizability`` asks for 1,000.
"""

import dataclasses
import hashlib
import itertools
import os
import random
import re
import threading
import time
from functools import partial

import pytest

from tests.crash.histories import BUSY, FAILED, GONE, OK, Operation, Recorder, explain, told
from tests.crash.workers import at_once, spread

RUNS = int(os.environ.get("ZOTPLUS_LINEARIZABILITY_RUNS", "100"))
CLIENTS = 8
STEPS = 8
CONTENDERS = 1_000
CONNECTIONS = 64


def operation(name, began, ended, outcome=OK, **what):
    return Operation(name=name, began=began, ended=ended, outcome=outcome, **what)


def write(value, began, ended, outcome=OK, **what):
    return operation(f"write {value}", began, ended, outcome, becomes=value, **what)


def read(value, began, ended):
    return operation("read", began, ended, GONE if value is None else OK, reads=True, seen=value)


def delete(began, ended, outcome=OK, **what):
    return operation("delete", began, ended, outcome, **what)


LINEARIZABLE = {
    "one after the other": [write("a", 0, 1), read("a", 2, 3), delete(4, 5), read(None, 6, 7)],
    "a read during a write sees either": [write("a", 0, 9), read(None, 1, 2), read("a", 3, 4)],
    "one of two creators": [write("a", 0, 9, absent=True), write("b", 0, 9, FAILED, absent=True), read("a", 10, 11)],
    "a replacement of what another one wrote": [write("a", 0, 9), write("b", 1, 8, match="a"), read("b", 10, 11)],
    "a conditional delete before the write": [delete(0, 9, GONE, match="a"), write("a", 1, 2)],
    "creation, deletion, creation": [
        write("a", 0, 5, absent=True),
        write("b", 0, 9, absent=True),
        delete(1, 8, match="a"),
        read("b", 10, 11),
    ],
    "what was told to try again did nothing": [write("a", 0, 1, BUSY), read(None, 2, 3)],
}
ANOMALIES = {
    "a stale read": [write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)],
    "a lost write": [write("a", 0, 1), read(None, 2, 3)],
    "two creators": [write("a", 0, 9, absent=True), write("b", 0, 9, absent=True)],
    "two replacements of one": [write("a", 0, 1), write("b", 2, 9, match="a"), write("c", 2, 9, match="a")],
    "a creator refused although nothing was there": [write("a", 0, 1, FAILED, absent=True), read(None, 2, 3)],
    "reads that go back": [write("a", 0, 1), write("b", 2, 9), read("b", 3, 4), read("a", 5, 6)],
    "a deletion that took something else": [write("a", 0, 1), delete(2, 3, match="b")],
    "a write from nowhere": [read("a", 0, 1)],
}


@pytest.mark.parametrize("name", LINEARIZABLE)
def test_a_history_of_one_key_is_explained(name):
    order = explain(LINEARIZABLE[name])
    assert order is not None
    assert sorted(map(id, order)) == sorted(map(id, LINEARIZABLE[name]))


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_is_noticed(name):
    """The proof that the checker can fail."""
    assert explain(ANOMALIES[name]) is None


class Contender:
    """One client: what it knows of the key, and what it does next."""

    def __init__(self, client, recorder, path, random_):
        self._client, self._recorder, self._path, self._random = client, recorder, path, random_
        self._known = "0" * 32
        self._made = 0

    def run(self):
        kinds = [self._get, self._create, self._replace, self._delete, self._copy, self._complete]
        for _ in range(STEPS):
            self._random.choices(kinds, [3, 2, 3, 2, 1, 1])[0]()

    def _body(self):
        self._made += 1
        return f"{self._path} {id(self)} {self._made} ".encode() * 300

    def _note(self, name, send, **what):
        answer = self._recorder.run(name, send, **what)
        if answer.status == 200 and what.get("reads"):
            self._known = answer.etag
        elif answer.status == 200:
            self._known = what["becomes"]

    def _condition(self):
        """Headers and what they mean."""
        if self._random.random() < 0.4:
            return {"if-none-match": "*"}, {"absent": True}
        return {"if-match": f'"{self._known}"'}, {"match": self._known}

    def _get(self):
        self._note("GET", partial(self._client.send, "GET", self._path), reads=True)

    def _create(self):
        body = self._body()
        send = partial(self._client.send, "PUT", self._path, body, headers={"if-none-match": "*"})
        self._note("PUT *", send, becomes=md5(body), absent=True)

    def _replace(self):
        body = self._body()
        headers = {"if-match": f'"{self._known}"'}
        send = partial(self._client.send, "PUT", self._path, body, headers=headers)
        self._note(f"PUT over {self._known[:6]}", send, becomes=md5(body), match=self._known)

    def _delete(self):
        headers = {"if-match": f'"{self._known}"'}
        send = partial(self._client.send, "DELETE", self._path, headers=headers)
        self._note(f"DELETE of {self._known[:6]}", send, match=self._known)

    def _copy(self):
        body, source = self._body(), f"{self._path} source {id(self)}"
        assert self._client.send("PUT", source, body).status == 200
        headers, what = self._condition()
        headers = {**headers, "x-amz-copy-source": source.replace(" ", "%20")}
        self._note("COPY", partial(self._client.send, "PUT", self._path, headers=headers), becomes=md5(body), **what)

    def _complete(self):
        body = self._body()
        upload = self._client.send("POST", self._path, query="uploads=").element("UploadId")
        part = self._client.send("PUT", self._path, body, query=f"partNumber=1&uploadId={upload}").etag
        headers, what = self._condition()
        document = (
            f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part>"
            "</CompleteMultipartUpload>"
        ).encode()
        send = partial(self._client.send, "POST", self._path, document, query=f"uploadId={upload}", headers=headers)
        etag = f"{hashlib.md5(bytes.fromhex(md5(body)), usedforsecurity=False).hexdigest()}-1"
        self._note("COMPLETE", send, becomes=etag, **what)


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def record(clients, path, seed):
    recorder = Recorder()
    contenders = [
        Contender(client, recorder, path, random.Random(f"{seed} {number}")) for number, client in enumerate(clients)
    ]
    at_once(clients, lambda number, _: contenders[number].run())
    assert len(recorder.history) == CLIENTS * STEPS, "a client failed"
    return recorder.history


def versions_of(client, bucket, key):
    """The ETags of a key's versions, the oldest first; None for a delete marker."""
    answer = client.send("GET", f"/{bucket}", query=f"prefix={key.replace(' ', '%20')}&versions=")
    assert answer.status == 200, answer.body
    assert b"<IsTruncated>false<" in answer.body
    found = re.findall(r"<(Version|DeleteMarker)>(.*?)</\1>", answer.body.decode())
    own = [(kind, inner) for kind, inner in found if f"<Key>{key}</Key>" in inner]
    return [re.search("&quot;([^&]*)", inner)[1] if kind == "Version" else None for kind, inner in reversed(own)]


def assert_kept(history, versions):
    """Each write that succeeded left one version, next to the one that its condition was about."""
    writes = {one.becomes: one for one in history if one.outcome == OK and one.becomes is not None}
    deletions = [one.match for one in history if one.outcome == OK and not one.reads and one.becomes is None]
    assert sorted(etag for etag in versions if etag is not None) == sorted(writes)
    assert versions.count(None) == len(deletions)
    for before, etag in itertools.pairwise([None, *versions]):
        if etag is None:
            assert before in deletions
        elif writes[etag].absent:
            assert before is None
        elif writes[etag].match is not None:
            assert before == writes[etag].match
    for earlier, later in itertools.combinations([writes[etag] for etag in versions if etag is not None], 2):
        assert earlier.began < later.ended


def test_a_falsified_history_of_the_kind_that_is_recorded_is_noticed():
    history = [write("a", 0, 1), *[read("a", n, n + 3) for n in range(2, 60)], write("b", 62, 63), read("b", 64, 65)]
    assert explain(history) is not None
    assert explain([*history[:-1], dataclasses.replace(history[-1], seen="a")]) is None


@pytest.mark.crash
@pytest.mark.timeout(900)
@pytest.mark.parametrize("versioning", ["", "Enabled", "Suspended"])
def test_concurrent_conditional_writes_of_a_key_are_linearizable(launch, bucket, versioning, capsys):
    server = launch()
    clients = spread(server, CLIENTS)
    if versioning:
        document = f"<VersioningConfiguration><Status>{versioning}</Status></VersioningConfiguration>".encode()
        assert clients[0].send("PUT", f"/{bucket}", document, query="versioning=").status == 200
    began, contested = time.monotonic(), 0
    for run in range(RUNS):
        history = record(clients, f"/{bucket}/key {run}", os.urandom(8))
        assert explain(history) is not None, told(history)
        if versioning == "Enabled":
            assert_kept(history, versions_of(clients[0], bucket, f"key {run}"))
        contested += sum(operation.outcome == FAILED for operation in history)
    assert contested > 0, "nobody ever lost: they did not meet"
    with capsys.disabled():
        print(f"\n{RUNS} histories ({versioning or 'unversioned'}), {time.monotonic() - began:.1f} s")  # noqa: T201 - for whoever reads the run


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_of_a_thousand_that_take_a_state_lock_one_has_it(launch, bucket):
    """What ``use_lockfile`` of terraform and tofu rests on: ``If-None-Match: *`` on one key."""
    clients = spread(launch(), CONNECTIONS)
    path = f"/{bucket}/terraform.tfstate.tflock"
    numbers = iter(range(CONTENDERS))
    lock, outcomes = threading.Lock(), []

    def contend(_, client):
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            body = f'{{"ID": "{number}"}}'.encode()
            status = client.send("PUT", path, body, headers={"if-none-match": "*"}).status
            with lock:
                outcomes.append((status, body))

    at_once(clients, contend)
    winners = [body for status, body in outcomes if status == 200]
    assert (len(outcomes), len(winners)) == (CONTENDERS, 1)
    assert {status for status, _ in outcomes} == {200, 412}
    assert clients[0].send("GET", path).body == winners[0]
    assert clients[0].send("DELETE", path).status == 204
    assert clients[1].send("PUT", path, b"next", headers={"if-none-match": "*"}).status == 200
