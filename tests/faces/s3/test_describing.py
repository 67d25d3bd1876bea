"""GetObjectAttributes: what an object is, without its content."""

import base64
import zlib

import pytest

from tests.faces.s3.stage import NOBODY

ALL = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
PART = b"p" * 5 * 1024 * 1024


async def attributes(stage, names=ALL, key="key", query="attributes", **options):
    headers = {"x-amz-object-attributes": names, **options.pop("headers", {})}
    return await stage.ask("GET", f"/bucket/{key}", query=query, headers=headers, **options)


def crc(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


async def test_what_is_asked_for_is_told_and_nothing_else(stage):
    put = await stage.put("key", b"content", headers={"x-amz-checksum-crc32": crc(b"content")})
    answer = await attributes(stage)
    assert answer.text("ETag") == put.headers["ETag"].strip('"')
    assert (answer.text("ObjectSize"), answer.text("StorageClass")) == ("7", "STANDARD")
    assert answer.text("Checksum/ChecksumCRC32") == crc(b"content")
    assert answer.text("Checksum/ChecksumType") == "FULL_OBJECT"
    assert answer.text("ObjectParts") is None
    assert answer.headers["Last-Modified"] == (await stage.ask("HEAD", "/bucket/key")).headers["Last-Modified"]
    assert "x-amz-version-id" not in answer.headers
    assert len((await attributes(stage, "ObjectSize")).xml) == 1
    assert len((await attributes(stage, "ObjectSize, ETag")).xml) == 2


async def uploaded(stage, kind):
    headers = {} if kind is None else {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": kind}
    made = await stage.ask("POST", "/bucket/key", query="uploads", headers=headers)
    upload = made.text("UploadId")
    lines = []
    for number, data in ((1, PART), (2, b"end")):
        given = {} if kind is None else {"x-amz-checksum-crc32": crc(data)}
        part = await stage.ask(
            "PUT", "/bucket/key", query=f"partNumber={number}&uploadId={upload}", body=data, headers=given
        )
        summed = "" if kind is None else f"<ChecksumCRC32>{crc(data)}</ChecksumCRC32>"
        lines.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{part.headers['ETag']}</ETag>{summed}</Part>")
    body = f"<CompleteMultipartUpload>{''.join(lines)}</CompleteMultipartUpload>".encode()
    assert (await stage.ask("POST", "/bucket/key", query=f"uploadId={upload}", body=body)).status == 200


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
async def test_parts_are_listed_with_the_checksums_that_the_upload_asked_for(stage, kind):
    await uploaded(stage, kind)
    answer = await attributes(stage)
    assert answer.text("Checksum/ChecksumType") == kind
    assert answer.text("ObjectParts/PartsCount") == "2"
    assert answer.texts("ObjectParts/Part/PartNumber") == ["1", "2"]
    assert answer.texts("ObjectParts/Part/Size") == [str(len(PART)), "3"]
    assert answer.texts("ObjectParts/Part/ChecksumCRC32") == [crc(PART), crc(b"end")]
    assert answer.text("ObjectParts/IsTruncated") == "false"


async def test_a_copy_with_another_checksum_has_none_of_its_parts(stage):
    await uploaded(stage, "COMPOSITE")
    copy = {"x-amz-copy-source": "/bucket/key"}
    await stage.ask("PUT", "/bucket/same", headers=copy)
    assert (await attributes(stage, key="same")).texts("ObjectParts/Part/ChecksumCRC32") == [crc(PART), crc(b"end")]
    await stage.ask("PUT", "/bucket/other", headers={**copy, "x-amz-checksum-algorithm": "SHA256"})
    answer = await attributes(stage, key="other")
    assert answer.texts("ObjectParts/Part/ChecksumSHA256") == []
    assert answer.texts("ObjectParts/Part/Size") == [str(len(PART)), "3"]


async def test_parts_come_in_pages(stage):
    await uploaded(stage, None)
    first = await attributes(stage, headers={"x-amz-max-parts": "1"})
    assert first.texts("ObjectParts/Part/PartNumber") == ["1"]
    assert first.texts("ObjectParts/Part/ChecksumCRC64NVME") == []
    assert (first.text("ObjectParts/IsTruncated"), first.text("ObjectParts/MaxParts")) == ("true", "1")
    marker = first.text("ObjectParts/NextPartNumberMarker")
    second = await attributes(stage, headers={"x-amz-max-parts": "1", "x-amz-part-number-marker": marker})
    assert second.texts("ObjectParts/Part/PartNumber") == ["2"]
    assert (second.text("ObjectParts/IsTruncated"), second.text("ObjectParts/PartNumberMarker")) == ("false", "1")
    beyond = await attributes(stage, headers={"x-amz-part-number-marker": "7"})
    assert beyond.texts("ObjectParts/Part/PartNumber") == []
    assert beyond.text("ObjectParts/IsTruncated") == "false"


@pytest.mark.parametrize(
    ("names", "code"), [("", "InvalidRequest"), (",", "InvalidRequest"), ("etag", "InvalidArgument")]
)
async def test_what_cannot_be_told_is_refused(stage, names, code):
    await stage.put("key")
    answer = await attributes(stage, names)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("name", ["x-amz-max-parts", "x-amz-part-number-marker"])
async def test_pages_are_numbers(stage, name):
    assert (await attributes(stage, headers={name: "many"})).code == "InvalidArgument"


async def test_versions_and_what_is_missing(stage):
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    await stage.ask("PUT", "/bucket", query="versioning", body=enabled)
    first = (await stage.put("key", b"1")).headers["x-amz-version-id"]
    await stage.put("key", b"22")
    answer = await attributes(stage, query=f"attributes&versionId={first}")
    assert (answer.text("ObjectSize"), answer.headers["x-amz-version-id"]) == ("1", first)
    await stage.ask("DELETE", "/bucket/key")
    gone = await attributes(stage)
    assert (gone.status, gone.code, gone.headers["x-amz-delete-marker"]) == (404, "NoSuchKey", "true")
    assert (await stage.ask("GET", "/missing-bucket/key", query="attributes")).code == "NoSuchBucket"
    assert (await attributes(stage, signed=NOBODY)).status == 403
