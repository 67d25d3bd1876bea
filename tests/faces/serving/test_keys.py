"""Keys on a real server of two workers: revoked everywhere at once, and when they were used."""

import base64
import http.client
import json
from urllib.parse import urlsplit

import pytest

from tests.faces.serving.conftest import ACCESS_KEY, PATIENCE, SECRET_KEY, wait_for

CONNECTIONS = 24
"""Enough that the kernel gives some to each of two workers: all to one happens once in eight million times."""


class Caller:
    """One connection with one credential."""

    def __init__(self, server, user, password):
        parts = urlsplit(server.urls["main"])
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        self.headers = {
            "Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(),
            "Content-Type": "application/json",
        }

    def ask(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


@pytest.fixture
def callers():
    made = []

    def call(*given):
        made.append(Caller(*given))
        return made[-1]

    yield call
    for one in made:
        one.connection.close()


@pytest.mark.parametrize("ending", ["revoked", "rotated without an overlap"])
def test_a_key_that_ended_opens_nothing_more_in_any_worker(launch, callers, ending):
    server = launch().ready()
    administrator = callers(server, ACCESS_KEY, SECRET_KEY)
    _, made = administrator.ask("POST", "/api/v1/keys", {"name": "ci"})
    crowd = [callers(server, made["id"], made["secret"]) for _ in range(CONNECTIONS)]
    assert {one.ask("GET", "/api/v1/buckets")[0] for one in crowd} == {200}
    if ending == "revoked":
        assert administrator.ask("DELETE", f"/api/v1/keys/{made['id']}")[0] == 204
    else:
        assert administrator.ask("POST", f"/api/v1/keys/{made['id']}/rotate", {"overlap_seconds": 0})[0] == 201
    assert {one.ask("GET", "/api/v1/buckets")[0] for one in crowd} <= {401, 429}  # 429: too many wrong passwords
    served = {"worker-0", "worker-1"}
    wait_for(lambda: served <= {event["process"] for event in server.events if event.get("principal") == made["id"]})


def test_the_last_use_is_known_after_the_server_ended(launch, callers):
    server = launch().ready()
    administrator = callers(server, ACCESS_KEY, SECRET_KEY)
    used, unused = (administrator.ask("POST", "/api/v1/keys", {"name": name})[1] for name in ("used", "unused"))
    assert callers(server, used["id"], used["secret"]).ask("GET", "/api/v1/buckets")[0] == 200
    assert callers(server, unused["id"], "wrong-password").ask("GET", "/api/v1/buckets")[0] == 401
    assert server.stop() == 0
    again = launch().ready()
    _, found = callers(again, ACCESS_KEY, SECRET_KEY).ask("GET", "/api/v1/keys")
    last = {row["id"]: row["last_used"] for row in found["keys"]}
    assert last[used["id"]] >= used["created"]
    assert last[unused["id"]] is None


def test_a_caller_above_the_limit_is_told_to_wait_at_every_door(launch, callers):
    server = launch(ZOTPLUS_PROTECTION__REQUESTS_PER_SECOND="0.001", ZOTPLUS_PROTECTION__BURST="2").ready()
    caller = callers(server, ACCESS_KEY, SECRET_KEY)
    answers = {}
    for path in ("/api/v1/status", "/api/v1/status", "/v2/", "/s3/"):
        caller.connection.request("GET", path, headers=caller.headers)
        answer = caller.connection.getresponse()
        answers[path] = (answer.status, answer.getheader("Retry-After") is not None)
        answer.read()
    assert answers["/api/v1/status"][0] == 429
    assert answers["/v2/"] == (429, True)
    assert server.get("/health/live")[0] == 200
