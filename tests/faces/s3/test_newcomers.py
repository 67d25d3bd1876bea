"""What people rely on who come from Amazon, and what a new user met that was not so."""

import base64
import hashlib
import json
from email.utils import parsedate_to_datetime

import pytest

from tests.faces.s3.stage import READER
from tests.faces.s3.uploads import begin, complete, part
from zotplus.services.policies.values import NewVersion

VERSIONED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


async def give(stage, action):
    """Make it all that the reader may do, to one bucket."""
    statement = {"Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::bucket"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    await stage.services.policies.put("some", NewVersion(text=json.dumps(document).encode(), author="test"))
    await stage.services.policies.attach("some", READER.access_key, "test")


@pytest.mark.parametrize(
    ("action", "is_seen"), [("s3:ListBucket", True), ("s3:GetBucketLocation", True), ("s3:GetObject", False)]
)
async def test_who_may_list_a_bucket_finds_it_among_the_buckets(stage, action, is_seen):
    await stage.ask("PUT", "/another")
    await give(stage, action)
    found = await stage.ask("GET", "/", signed=READER)
    assert found.texts("Buckets/Bucket/Name") == (["bucket"] if is_seen else [])


@pytest.mark.parametrize("name", ["If-Unmodified-Since", "If-Modified-Since"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_write_that_relies_on_a_date_is_refused_and_changes_nothing(stage, method, name):
    await stage.put("key", b"before")
    headers = {name: "Sun, 22 Nov 2020 13:19:48 GMT"}
    refused = await stage.ask(method, "/bucket/key", headers=headers, body=b"after" if method == "PUT" else b"")
    assert (refused.status, refused.code) == (501, "NotImplemented")
    assert (await stage.ask("GET", "/bucket/key")).body == b"before"


async def test_a_copy_of_a_part_only_is_refused_where_it_would_be_of_all(stage):
    await stage.put("key", b"content")
    headers = {"x-amz-copy-source": "/bucket/key", "x-amz-copy-source-range": "bytes=0-1"}
    refused = await stage.ask("PUT", "/bucket/other", headers=headers)
    assert (refused.status, refused.code) == (501, "NotImplemented")
    assert (await stage.ask("GET", "/bucket/other")).status == 404


async def test_a_delete_marker_named_by_its_version_tells_since_when(stage):
    await stage.ask("PUT", "/bucket", query="versioning", body=VERSIONED)
    await stage.put("key")
    marker = (await stage.ask("DELETE", "/bucket/key")).headers["x-amz-version-id"]
    for method in ("GET", "HEAD"):
        refused = await stage.ask(method, "/bucket/key", query=f"versionId={marker}")
        assert (refused.status, refused.headers["x-amz-delete-marker"]) == (405, "true")
        assert parsedate_to_datetime(refused.headers["Last-Modified"]).year >= 2026


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


class Composite:
    """An upload whose parts have SHA-256 checksums."""

    def __init__(self, stage, upload):
        self.stage = stage
        self.upload = upload
        self.parts = []

    async def part(self, number, content):
        summed = sha256(content)
        done = await part(self.stage, self.upload, number, content, headers={"x-amz-checksum-sha256": summed})
        self.parts.append((number, done.headers["ETag"], f"<ChecksumSHA256>{summed}</ChecksumSHA256>"))

    async def complete(self):
        return await complete(self.stage, self.upload, *self.parts)


@pytest.fixture
async def composite(stage):
    return Composite(stage, await begin(stage, x_amz_checksum_algorithm="SHA256", x_amz_checksum_type="COMPOSITE"))


async def test_a_part_is_told_with_its_own_checksum(stage, composite):
    first, second = b"a" * (5 << 20), b"last"
    await composite.part(1, first)
    await composite.part(2, second)
    assert (await composite.complete()).status == 200
    enabled = {"x-amz-checksum-mode": "ENABLED"}
    for method in ("GET", "HEAD"):
        for number, content in ((1, first), (2, second)):
            told = await stage.ask(method, "/bucket/big", query=f"partNumber={number}", headers=enabled)
            assert (told.status, told.headers["x-amz-checksum-sha256"]) == (206, sha256(content))
            assert told.headers["x-amz-checksum-type"] == "COMPOSITE"
        whole = await stage.ask(method, "/bucket/big", headers=enabled)
        assert whole.headers["x-amz-checksum-sha256"].endswith("-2")
        some = await stage.ask(method, "/bucket/big", headers={**enabled, "Range": "bytes=0-9"})
        assert "x-amz-checksum-sha256" not in some.headers
        unasked = await stage.ask(method, "/bucket/big", query="partNumber=1")
        assert "x-amz-checksum-sha256" not in unasked.headers


async def test_the_only_part_of_an_object_is_told_with_that_of_the_object(stage):
    await stage.put("key", b"content", headers={"x-amz-checksum-sha256": sha256(b"content")})
    told = await stage.ask("HEAD", "/bucket/key", query="partNumber=1", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (told.status, told.headers["x-amz-checksum-sha256"]) == (206, sha256(b"content"))


async def test_parts_with_checksums_of_their_own_are_numbered_without_gaps(composite):
    await composite.part(1, b"a" * (5 << 20))
    await composite.part(3, b"last")
    refused = await composite.complete()
    assert (refused.status, refused.code) == (400, "InvalidPartOrder")


async def test_headers_to_be_shown_to_pages_are_named_one_by_one(stage):
    rule = (
        "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
        "<ExposeHeader>{}</ExposeHeader></CORSRule>"
    )
    for header, status in (("*", 400), ("x-amz-*", 400), ("ETag", 200)):
        body = f"<CORSConfiguration>{rule.format(header)}</CORSConfiguration>".encode()
        assert (await stage.ask("PUT", "/bucket", query="cors", body=body)).status == status
