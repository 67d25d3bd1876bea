"""A flipped byte in a stored blob: it is never delivered, and the scrub finds it."""

import http.client
import json
import os
import threading
from base64 import b64encode
from urllib.request import Request, urlopen

import pytest

from tests.crash.client import ACCESS_KEY, SECRET_KEY, Unreachable
from tests.crash.journal import Body, in_parts
from tests.crash.load import LARGE_PART
from tests.crash.stores import files_of_blobs
from zotplus.domain.integrity.chunk_sums import BLOCK_SIZE

SIZES = {"one block": 20_000, "middle": 300_000, "many blocks": 3 * BLOCK_SIZE + 500_000}


@pytest.fixture
def server(launch):
    return launch()


@pytest.fixture
def client(server):
    client = server.client()
    yield client
    client.close()


def put(client, bucket, name, size):
    body = Body(name, size)
    assert client.send("PUT", f"/{bucket}/{name}", body.data()).status == 200
    return body.data()


def flip(server, data, offset):
    """Change the byte at ``offset`` of the one blob that holds ``data``."""
    path = next(path for path in files_of_blobs(server.data).values() if path.read_bytes() == data)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes([data[offset] ^ 0x10]))


def received(client, bucket, name, headers=None):
    """Status, and every byte of a body that arrived before the answer ended or broke off; and whether it was whole."""
    try:
        answer = client.send("GET", f"/{bucket}/{name}", headers=headers)
    except Unreachable as broken:
        cause = broken.__cause__
        assert isinstance(cause, http.client.IncompleteRead | ConnectionError), repr(cause)
        return 200, cause.partial if isinstance(cause, http.client.IncompleteRead) else b"", False
    return answer.status, answer.body, True


def assert_not_delivered(client, bucket, name, data, headers=None):
    """Either a refusal, or an answer that breaks off with nothing but right bytes before."""
    status, body, is_whole = received(client, bucket, name, headers)
    if is_whole:
        assert status == 500, status
        assert b"<Error>" in body
    else:
        assert len(body) < len(data)
        assert data.startswith(body)


@pytest.mark.crash
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("times", [0, 8], ids=["never read", "read before"])
def test_a_flipped_byte_is_not_delivered(server, client, bucket, place, times):
    for name, size in SIZES.items():
        data = put(client, bucket, name, size)
        for _ in range(times):  # both workers have verified it
            other = server.client()
            assert other.send("GET", f"/{bucket}/{name}").body == data
            other.close()
        flip(server, data, 0 if place == "first" else len(data) - 1)
        for _ in range(4):
            other = server.client()
            assert_not_delivered(other, bucket, name, data)
            other.close()


@pytest.mark.crash
def test_ranges_beside_the_damaged_block_are_still_delivered(server, client, bucket):
    data = put(client, bucket, "object", 3 * BLOCK_SIZE + 1000)
    flip(server, data, BLOCK_SIZE + 5)

    def of(first, last):
        return {"range": f"bytes={first}-{last}"}

    for first, last in ((0, 99), (0, BLOCK_SIZE - 1), (2 * BLOCK_SIZE, len(data) - 1)):
        answer = client.send("GET", f"/{bucket}/object", headers=of(first, last))
        assert answer.status == 206
        assert answer.body == data[first : last + 1]
    for first, last in (
        (BLOCK_SIZE + 5, BLOCK_SIZE + 5),
        (BLOCK_SIZE, BLOCK_SIZE),  # not the flipped byte, but nobody can know which one it was
        (BLOCK_SIZE - 10, BLOCK_SIZE + 10),
        (10, len(data) - 1),
    ):
        assert_not_delivered(client, bucket, "object", data[first : last + 1], of(first, last))


@pytest.mark.crash
def test_a_damaged_part_spoils_its_own_bytes_only(server, client, bucket):
    parts = [Body("large part", LARGE_PART), Body("last part", 40_000)]
    path = f"/{bucket}/object"
    upload = client.send("POST", path, query="uploads=").element("UploadId")
    for number, part in enumerate(parts, 1):
        assert client.send("PUT", path, part.data(), query=f"partNumber={number}&uploadId={upload}").status == 200
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{part.content().etag}</ETag></Part>"
        for number, part in enumerate(parts, 1)
    )
    document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    assert client.send("POST", path, document, query=f"uploadId={upload}").element("ETag") == in_parts(parts).etag
    flip(server, parts[1].data(), 7)
    data = parts[0].data() + parts[1].data()
    assert_not_delivered(client, bucket, "object", data)
    answer = client.send("GET", path, headers={"range": f"bytes=0-{LARGE_PART - 1}"})
    assert answer.body == parts[0].data()


@pytest.mark.crash
def test_a_blob_that_was_cut_or_is_gone_is_not_delivered(server, client, bucket):
    cut, gone = put(client, bucket, "cut", 300_000), put(client, bucket, "gone", 300_001)
    for path in files_of_blobs(server.data).values():
        if path.read_bytes() == cut:
            os.truncate(path, 299_999)
        elif path.read_bytes() == gone:
            path.unlink()
    for name, data in (("cut", cut), ("gone", gone)):
        assert_not_delivered(client, bucket, name, data)


@pytest.mark.crash
def test_a_flip_while_others_read_is_never_delivered(server, client, bucket):
    data = put(client, bucket, "object", SIZES["many blocks"])
    wrong = []

    def read():
        reader = server.client()
        for _ in range(20):
            _, body, is_whole = received(reader, bucket, "object")
            if not (data.startswith(body) or (is_whole and b"<Error>" in body)):
                wrong.append(body)
        reader.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    client.send("GET", f"/{bucket}/object")
    flip_by_renaming(server, data, 2 * BLOCK_SIZE)
    for thread in threads:
        thread.join()
    assert wrong == []


def flip_by_renaming(server, data, offset):
    """As ``flip``, but a reader that has the file open keeps the whole one."""
    path = next(path for path in files_of_blobs(server.data).values() if path.read_bytes() == data)
    damaged = bytearray(data)
    damaged[offset] ^= 0x10
    other = path.with_name("damaged")
    other.write_bytes(damaged)
    other.rename(path)


def scrub(server):
    token = b64encode(f"{ACCESS_KEY}:{SECRET_KEY}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    with urlopen(Request(server.urls["main"] + "/api/v1/scrub", b"{}", headers), timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.crash
def test_the_scrub_names_every_damaged_object_and_sets_its_content_aside(server, client, bucket):
    kept = put(client, bucket, "kept", 50_000)
    damaged = [put(client, bucket, f"damaged-{number}", 40_000 + number) for number in range(3)]
    for data in damaged:
        flip(server, data, 33_333)
    said = json.dumps(scrub(server))
    for number, data in enumerate(damaged):
        assert f"{bucket}/damaged-{number}" in said
        assert_not_delivered(client, bucket, f"damaged-{number}", data)
    assert f"{bucket}/kept" not in said
    assert len(list((server.data / "blobs/quarantine").iterdir())) == len(damaged)
    assert client.send("GET", f"/{bucket}/kept").body == kept
    # Writing the content anew heals what refers to it.
    assert put(client, bucket, "damaged-0", 40_000) == client.send("GET", f"/{bucket}/damaged-0").body
