"""Objects of 10 GiB pass up and down while every process of the gateway stays under 200 MiB.

``ZOTPLUS_TEST_LARGE_GIB`` makes them smaller or larger.
"""

import http.client
import os
import random
import re
import shutil
import time

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, start_gateway
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.domain.signatures.sigv4 import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers

GIB = 1 << 30
SIZE = int(os.environ.get("ZOTPLUS_TEST_LARGE_GIB", "10")) * GIB
SINGLE_SIZE = min(SIZE // 2, 5 * GIB)  # Amazon's limit of one PUT: 5 GiB
PART_SIZE = 64 << 20
PIECE_SIZE = 1 << 20
LIMIT = 200 << 20
CREDENTIALS = SigningCredentials(access_key=ADMIN_KEY, secret_key=ADMIN_SECRET)
BLOCK = random.Random(7).randbytes(PIECE_SIZE)


def pieces(start: int, stop: int, salt: int):
    """The content from ``start`` to ``stop``, a MiB at a time, no two alike."""
    for number in range(start // PIECE_SIZE, stop // PIECE_SIZE):
        yield b"%8d%8d" % (salt, number) + BLOCK[16:]


class Client:
    """One connection that signs and neither keeps nor repeats a body."""

    def __init__(self, port: int) -> None:
        self._host = f"127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection(self._host, timeout=900)

    def ask(self, method, path, *, query="", body=None, length=0, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = SignedRequest(
            method=method,
            raw_path=path,
            raw_query=query,
            headers=PlainHeaders([("host", self._host), *named.items()]),
            scheme="http",
        )
        signed = sign_headers(request, CREDENTIALS, payload_hash=UNSIGNED_PAYLOAD, now=time.time())
        target = f"{path}?{query}" if query else path
        self._connection.request(
            method, target, body=body, headers={"Content-Length": str(length), **named, **signed}, encode_chunked=False
        )
        return self._connection.getresponse()

    def done(self, *arguments, **named):
        """The answer's headers and body; it must be a success."""
        answer = self.ask(*arguments, **named)
        body = answer.read()
        assert answer.status in {200, 204}, body
        return answer.headers, body

    def close(self):
        self._connection.close()


@pytest.fixture
def gateway(tmp_path):
    needed = (SIZE + SINGLE_SIZE) * 5 // 3
    if shutil.disk_usage(tmp_path).free < needed:
        pytest.skip(f"objects of {SIZE // GIB} GiB are tested with {needed // GIB} GiB of free disk and more")
    made = start_gateway(tmp_path, None)
    yield made
    made.running.stop()
    shutil.rmtree(tmp_path)  # pytest would keep it


@pytest.fixture
def client(gateway):
    made = Client(gateway.s3_port)
    made.done("PUT", "/large")
    yield made
    made.close()


def put_whole(client, path, size, salt):
    client.done("PUT", path, body=pieces(0, size, salt), length=size)


def put_in_parts(client, path, size, salt):
    _, body = client.done("POST", path, query="uploads=")
    upload = re.search(rb"<UploadId>([^<]+)</UploadId>", body)[1].decode()
    listed = []
    for number, start in enumerate(range(0, size, PART_SIZE), 1):
        stop = min(start + PART_SIZE, size)
        query = f"partNumber={number}&uploadId={upload}"
        headers, _ = client.done("PUT", path, query=query, body=pieces(start, stop, salt), length=stop - start)
        listed.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{headers['ETag']}</ETag></Part>")
    document = f"<CompleteMultipartUpload>{''.join(listed)}</CompleteMultipartUpload>".encode()
    _, body = client.done("POST", path, query=f"uploadId={upload}", body=document, length=len(document))
    assert re.search(rb"<ETag>[^<]*-%d[^<0-9]*</ETag>" % len(listed), body), body


def require_content(client, path, size, salt):
    """Read all of it back and compare byte by byte as it comes."""
    answer = client.ask("GET", path)
    assert (answer.status, int(answer.headers["Content-Length"])) == (200, size)
    for number, expected in enumerate(pieces(0, size, salt)):
        assert answer.read(PIECE_SIZE) == expected, f"differs in MiB {number}"
    assert answer.read() == b""


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_objects_of_10_gib_keep_memory_flat(gateway, client):
    took = {}
    for salt, (path, put, size) in enumerate(
        [("/large/whole", put_whole, SINGLE_SIZE), ("/large/parts", put_in_parts, SIZE)]
    ):
        for name, step in (("PUT", put), ("GET", require_content)):
            began = time.monotonic()
            step(client, path, size, salt)
            took[f"{name} {path}, MiB/s"] = round((size >> 20) / (time.monotonic() - began))
    tail = client.ask("GET", "/large/parts", Range="bytes=-1048576")
    assert (tail.status, tail.read()) == (206, next(pieces(SIZE - PIECE_SIZE, SIZE, 1)))
    memory = gateway.worker_memory()
    assert len(memory) >= 4  # supervisor, workers, janitor
    assert max(memory.values()) < LIMIT, memory
    print(took, {pid: size >> 20 for pid, size in memory.items()})  # noqa: T201 - the numbers, with -s
