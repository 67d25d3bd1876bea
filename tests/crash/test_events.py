"""SIGKILL while events are announced and delivered: every acknowledged change is told, each key's in order.

An event may come twice, when the kill falls between its delivery and the note of it; it is then the same event.
"""

import hashlib
import json
import os
import random
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.crash.client import Unreachable
from tests.crash.server import wait_for

ROUNDS = int(os.environ.get("ZOTPLUS_KILL_ROUNDS", "200"))
KEYS = 12
CHANGES = 60
"""Changes of a key in a round at most, so that the delivery of all of them takes no minutes."""
RULES = (
    b"<NotificationConfiguration><QueueConfiguration><Id>all</Id><Queue>arn:zotplus:webhook:::hook</Queue>"
    b"<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"
)


class Endpoint:
    """A webhook that takes nine of ten events, and keeps what it took in order."""

    def __init__(self):
        self.taken = []
        endpoint, chance, lock = self, random.Random(os.urandom(8)), threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    if chance.random() < 0.9:
                        endpoint.take(self.headers["webhook-id"], json.loads(body))
                        self.send_response(204)
                    else:
                        self.send_response(503)
                    self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def take(self, id_, body):
        for record in body.get("Records", ()):
            described = record["s3"]["object"]
            self.taken.append((id_, described["key"], described["eTag"], described["sequencer"]))

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def endpoint():
    made = Endpoint()
    yield made
    made.close()


class Writer(threading.Thread):
    """Puts a new content to its key again and again; ``acknowledged`` are their ETags in order."""

    def __init__(self, server, bucket, key):
        super().__init__()
        self.server, self.bucket, self.key = server, bucket, key
        self.acknowledged = []
        self.count = 0

    def run(self):
        client = self.server.client()
        try:
            while self.count < CHANGES:
                body = f"{self.key} {self.count}".encode()
                self.count += 1
                if client.send("PUT", f"/{self.bucket}/{self.key}", body).status != 200:
                    return
                self.acknowledged.append(hashlib.md5(body, usedforsecurity=False).hexdigest())
        except Unreachable:
            return
        finally:
            client.close()


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_no_event_of_an_acknowledged_change_is_lost_and_each_keys_come_in_order(launch, bucket, endpoint):
    hook = {"name": "hook", "url": endpoint.url, "reach": "local"}
    settings = {"WEBHOOKS": json.dumps([hook]), "FIRST_PAUSE": "0.05", "LONGEST_PAUSE": "0.2", "ATTEMPTS": "1000"}
    server = launch(**{f"ZOTPLUS_EVENTS__{name}": value for name, value in settings.items()})
    client = server.client()
    assert client.send("PUT", f"/{bucket}", RULES, query="notification=").status == 200
    client.close()
    chance, acknowledged = random.Random(os.urandom(8)), {}
    for number in range(max(2, ROUNDS // 50)):
        writers = [Writer(server, bucket, f"{number}-{key}") for key in range(KEYS)]
        for writer in writers:
            writer.start()
        time.sleep(chance.uniform(0.05, 1.5))  # somewhere within the work, on purpose at random
        if number % 2:
            os.kill(server.children()[-1], signal.SIGKILL)  # the janitor, or a worker
            time.sleep(0.2)
        server.kill_all()
        for writer in writers:
            writer.join()
            acknowledged[writer.key] = writer.acknowledged
        server.start()
    wanted = {(key, etag) for key, etags in acknowledged.items() for etag in etags}
    assert wanted
    wait_for(lambda: wanted <= {(key, etag) for _, key, etag, _ in list(endpoint.taken)})
    server.stop()
    for key, etags in acknowledged.items():
        first = list(dict.fromkeys((etag, sequencer) for _, named, etag, sequencer in endpoint.taken if named == key))
        assert [etag for etag, _ in first][: len(etags)] == etags
        assert [sequencer for _, sequencer in first] == sorted(sequencer for _, sequencer in first)
    ids = {}
    for id_, _, _, sequencer in endpoint.taken:
        assert ids.setdefault(id_, sequencer) == sequencer
