"""Servers that end with their test."""

import pytest

from tests.crash.server import Server

BUCKET = "crash"


@pytest.fixture
def launch(tmp_path):
    """Starts a server over ``tmp_path/data`` (or ``data``) with an empty bucket; settings are environment variables."""
    servers = []

    def begin(data=None, **variables):
        server = Server(data or tmp_path / "data", **variables)
        servers.append(server)
        server.start()
        client = server.client()
        assert client.send("PUT", f"/{BUCKET}").status == 200
        client.close()
        return server

    yield begin
    for server in servers:
        server.close()


@pytest.fixture
def bucket():
    return BUCKET
