"""A Keycloak that goes away and comes back: what goes on, what waits, and what readiness says, as the guide promises.

The server itself is everybody's, so it is reached by a line of its own that can be cut. Keycloak names itself after the
address that it is asked at, so that tokens that were fetched over the line are those of an issuer at its end.
"""

import json
import shutil
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.peers.programs import call, free_port, start_gateway

pytestmark = pytest.mark.timeout(300)

REFRESH_SECONDS = 10
"""The least that settings admit."""


class Line:
    """Forwards a port of this machine to Keycloak, until it is cut."""

    def __init__(self, target):
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = host, int(port)
        self.port = free_port()
        self._listening = None
        self._open = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self):
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self):
        if self._listening is None:
            return
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._listening = None
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self, listening):
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._open += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=ends, daemon=True).start()


def _copy(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(keycloak):
    made = Line(keycloak.url)
    made.connect()
    yield made
    made.cut()


@pytest.fixture
def over_the_line(keycloak, line):
    return replace(keycloak, url=line.url)


@pytest.fixture
def start(over_the_line, tmp_path):
    """Starts the gateway, once."""
    started = []

    def begin():
        issuer = {"name": "keycloak", "url": over_the_line.issuer, "audiences": ["zotplus"], "refresh": REFRESH_SECONDS}
        made = start_gateway(tmp_path, None, ZOTPLUS_IDENTITY__ISSUERS=json.dumps([issuer]))
        started.append(made)
        return made

    yield begin
    for made in started:
        made.running.stop()
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


def asked(gateway, token):
    """Status and code of who the holder of the token is."""
    status, _, answer = call("GET", f"{gateway.url}/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})
    return status, json.loads(answer).get("code")


def readiness(gateway):
    status, _, answer = call("GET", f"{gateway.url}/health/ready")
    return status, json.loads(answer)["checks"]["issuer keycloak"]["status"]


def eventually(seconds, wanted, found):
    until = time.monotonic() + seconds
    while (last := found()) != wanted:
        assert time.monotonic() < until, last
        time.sleep(0.1)  # polls, for as long as the guide says


def test_who_has_a_token_goes_on_while_keycloak_is_away_and_readiness_says_so(over_the_line, line, start):
    gateway = start()
    token, other = over_the_line.token("alice"), over_the_line.token("bob")
    eventually(10, (200, "ok"), lambda: readiness(gateway))
    assert {asked(gateway, token) for _ in range(10)} == {(200, None)}
    line.cut()
    eventually(REFRESH_SECONDS + 10, (200, "stale"), lambda: readiness(gateway))
    assert {asked(gateway, token) for _ in range(10)} == {(200, None)}
    assert {asked(gateway, other) for _ in range(10)} == {(200, None)}  # one that nobody has seen yet, of a known key
    line.connect()
    eventually(REFRESH_SECONDS + 10, (200, "ok"), lambda: readiness(gateway))


def test_a_gateway_that_starts_without_keycloak_waits_for_it(over_the_line, line, start):
    token = over_the_line.token("alice")
    line.cut()
    gateway = start()
    eventually(10, (200, "waiting"), lambda: readiness(gateway))
    assert asked(gateway, token) == (503, "issuer_unavailable")
    assert gateway.api("GET", "/keys")  # keys of the gateway's own go on
    line.connect()
    eventually(20, {(200, None)}, lambda: {asked(gateway, token) for _ in range(10)})
