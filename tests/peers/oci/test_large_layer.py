"""A layer of 2 GiB passes up and down while every process of the gateway stays under 200 MiB."""

import hashlib
import http.client

import pytest

from tests.peers.programs import basic

SIZE = 2 << 30
PIECE = bytes(1 << 20)
LIMIT = 200 << 20


@pytest.fixture(scope="module")
def digest():
    hashed = hashlib.sha256()
    for _ in range(SIZE // len(PIECE)):
        hashed.update(PIECE)
    return f"sha256:{hashed.hexdigest()}"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_layer_of_2_gib_keeps_memory_flat(gateway, digest):
    credentials = basic(*gateway.users["writer"])
    connection = http.client.HTTPConnection(gateway.host, timeout=600)

    def ask(method, target, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body=body, headers={**credentials, **named})
        return connection.getresponse()

    def empty(answer):
        answer.read()
        return answer

    try:
        location = empty(ask("POST", "/v2/team/large/blobs/uploads/", b"")).headers["Location"]
        pieces = (PIECE for _ in range(SIZE // len(PIECE)))
        headers = {"Content_Type": "application/octet-stream", "Content_Length": str(SIZE)}
        patched = empty(ask("PATCH", location, pieces, **headers))
        assert patched.status == 202
        location = patched.headers["Location"]
        query = ("&" if "?" in location else "?") + f"digest={digest}"
        assert empty(ask("PUT", location + query, b"")).status == 201
        answer = ask("GET", f"/v2/team/large/blobs/{digest}")
        assert (answer.status, int(answer.headers["Content-Length"])) == (200, SIZE)
        received, buffer = 0, bytearray(1 << 20)
        while count := answer.readinto(buffer):
            received += count
        assert received == SIZE
    finally:
        connection.close()
    memory = gateway.worker_memory()
    assert len(memory) >= 3
    assert max(memory.values()) < LIMIT, memory
    print({pid: size >> 20 for pid, size in memory.items()})  # noqa: T201 - the numbers, with -s
