"""Multipart uploads: begun, filled, listed, completed, aborted."""

import base64
import hashlib

import pytest

from tests.faces.s3 import chunked_bodies
from tests.faces.s3.chunked_bodies import MODES, crc32
from tests.faces.s3.stage import Call
from tests.faces.s3.uploads import begin, complete, document, part
from zotplus.gateway.head import Listener

MIB = 1024 * 1024
FIRST = bytes(range(256)) * (5 * MIB // 256)
LAST = b"the end"


async def test_an_object_is_put_together_from_its_parts(stage):
    upload = await begin(stage, Content_Type="text/x", x_amz_meta_a="1")
    first = await part(stage, upload, 1, FIRST)
    last = await part(stage, upload, 2, LAST)
    done = await complete(stage, upload, (1, first.headers["ETag"]), (2, last.headers["ETag"]))
    digests = hashlib.md5(FIRST).digest() + hashlib.md5(LAST).digest()  # noqa: S324 - S3's ETag
    etag = f'"{hashlib.md5(digests).hexdigest()}-2"'  # noqa: S324 - S3's ETag
    assert (done.text("ETag"), done.text("Bucket"), done.text("Key")) == (etag, "bucket", "big")
    assert done.text("Location") == "http://s3.test/bucket/big"
    got = await stage.ask("GET", "/bucket/big")
    assert got.body == FIRST + LAST
    assert (got.headers["ETag"], got.headers["Content-Type"], got.headers["x-amz-meta-a"]) == (etag, "text/x", "1")
    middle = await stage.ask("GET", "/bucket/big", headers={"Range": f"bytes={5 * MIB - 2}-{5 * MIB + 2}"})
    assert middle.body == FIRST[-2:] + LAST[:3]
    assert (await stage.ask("GET", "/bucket/big", query="partNumber=3")).status == 416


async def test_completing_again_gives_the_same_answer(stage):
    upload = await begin(stage)
    etag = (await part(stage, upload, 1, LAST)).headers["ETag"]
    first = await complete(stage, upload, (1, etag))
    second = await complete(stage, upload, (1, etag))
    assert (first.status, first.body) == (second.status, second.body)


async def test_the_location_on_the_main_listener_carries_the_prefix(stage):
    upload = await begin(stage)
    etag = (await part(stage, upload, 1, LAST)).headers["ETag"]
    done = await complete(stage, upload, (1, etag), listener=Listener.MAIN)
    assert done.text("Location") == "http://s3.test/s3/bucket/big"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([(1, "wrong")], "InvalidPart"),
        ([(3, "x")], "InvalidPart"),
        ([(2, "{2}"), (1, "{1}")], "InvalidPartOrder"),
        ([(1, "{1}"), (1, "{1}")], "InvalidPartOrder"),
        ([(1, "{1}"), (2, "{2}")], "EntityTooSmall"),
    ],
)
async def test_a_wrong_list_of_parts_is_refused_and_the_upload_stays(stage, parts, code):
    upload = await begin(stage)
    etags = {f"{{{n}}}": (await part(stage, upload, n, LAST)).headers["ETag"] for n in (1, 2)}
    answer = await complete(stage, upload, *[(number, etags.get(etag, etag)) for number, etag in parts])
    assert (answer.status, answer.code) == (400, code)
    assert (await complete(stage, upload, (1, etags["{1}"]))).status == 200


async def test_completing_can_demand_that_nothing_is_there(stage):
    await stage.put("big")
    upload = await begin(stage)
    etag = (await part(stage, upload, 1, LAST)).headers["ETag"]
    answer = await complete(stage, upload, (1, etag), headers={"If-None-Match": "*"})
    assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_the_size_and_checksum_of_the_whole_object_are_checked(stage):
    upload = await begin(stage, x_amz_checksum_algorithm="CRC32", x_amz_checksum_type="FULL_OBJECT")
    etag = (await part(stage, upload, 1, LAST)).headers["ETag"]
    wrong = await complete(stage, upload, (1, etag), headers={"x-amz-mp-object-size": "8"})
    assert wrong.status == 400
    wrong = await complete(stage, upload, (1, etag), headers={"x-amz-checksum-crc32": crc32(b"other")})
    assert wrong.status == 400
    headers = {"x-amz-mp-object-size": "7", "x-amz-checksum-crc32": crc32(LAST)}
    done = await complete(stage, upload, (1, etag), headers=headers)
    assert (done.text("ChecksumCRC32"), done.text("ChecksumType")) == (crc32(LAST), "FULL_OBJECT")
    bad = await complete(stage, upload, (1, etag), headers={"x-amz-mp-object-size": "-1"})
    assert bad.code == "InvalidRequest"


@pytest.mark.parametrize(
    ("algorithm", "kind", "expected"),
    [("CRC32", "", "COMPOSITE"), ("crc64nvme", "", "FULL_OBJECT"), ("SHA256", "COMPOSITE", "COMPOSITE")],
)
async def test_the_checksum_of_an_upload_has_a_type(stage, algorithm, kind, expected):
    headers = {"x-amz-checksum-algorithm": algorithm, **({"x-amz-checksum-type": kind} if kind else {})}
    answer = await stage.ask("POST", "/bucket/big", query="uploads", headers=headers)
    assert answer.headers["x-amz-checksum-algorithm"] == algorithm.upper()
    assert answer.headers["x-amz-checksum-type"] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-algorithm": "MD4"},
        {"x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-algorithm": "SHA1", "x-amz-checksum-type": "FULL_OBJECT"},
        {"x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"},
    ],
)
async def test_an_impossible_checksum_begins_nothing(stage, headers):
    answer = await stage.ask("POST", "/bucket/big", query="uploads", headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize("mode", MODES)
async def test_a_part_is_taken_in_every_chunked_form(stage, mode):
    upload = await begin(stage)
    call = Call(method="PUT", path="/bucket/big", query=f"partNumber=1&uploadId={upload}")
    etag = (await chunked_bodies.upload(stage, call, mode, LAST * 5000)).headers["ETag"]
    assert (await complete(stage, upload, (1, etag))).status == 200
    assert (await stage.ask("GET", "/bucket/big")).body == LAST * 5000


async def test_a_part_with_a_wrong_checksum_is_not_kept(stage):
    upload = await begin(stage)
    headers = {"Content-MD5": base64.b64encode(b"x" * 16).decode()}
    assert (await part(stage, upload, 1, LAST, headers=headers)).code == "BadDigest"
    assert (await stage.ask("GET", "/bucket/big", query=f"uploadId={upload}")).texts("Part/PartNumber") == []


@pytest.mark.parametrize("number", ["0", "10001", "x", "-1", "", "1.0"])
async def test_a_part_number_outside_its_bounds_is_refused_before_the_body_is_read(stage, number):
    upload = await begin(stage)
    answer = await part(stage, upload, number, LAST)
    assert (answer.status, answer.code, answer.body_was_read) == (400, "InvalidArgument", False)


@pytest.mark.parametrize("upload", ["missing", "", "x" * 300, "%C3%A9", "..%2F..", "0" * 32])
async def test_an_unknown_upload_is_told_by_every_operation(stage, upload):
    calls = [
        ("PUT", f"partNumber=1&uploadId={upload}", b"x"),
        ("GET", f"uploadId={upload}", b""),
        ("DELETE", f"uploadId={upload}", b""),
        ("POST", f"uploadId={upload}", document((1, "x"))),
    ]
    for method, query, body in calls:
        answer = await stage.ask(method, "/bucket/big", query=query, body=body)
        assert (answer.status, answer.code) == (404, "NoSuchUpload"), method


async def test_an_aborted_upload_is_gone(stage):
    upload = await begin(stage)
    await part(stage, upload, 1, LAST)
    assert (await stage.ask("DELETE", "/bucket/big", query=f"uploadId={upload}")).status == 204
    assert (await stage.ask("GET", "/bucket/big", query=f"uploadId={upload}")).code == "NoSuchUpload"


async def test_a_part_is_copied_from_another_object(stage):
    await stage.put("source", FIRST)
    upload = await begin(stage)
    query = f"partNumber=1&uploadId={upload}"
    headers = {"x-amz-copy-source": "/bucket/source", "x-amz-copy-source-range": "bytes=1-5"}
    copied = await stage.ask("PUT", "/bucket/big", query=query, headers=headers)
    assert copied.text("LastModified").endswith("Z")
    assert (await complete(stage, upload, (1, copied.text("ETag")))).status == 200
    assert (await stage.ask("GET", "/bucket/big")).body == FIRST[1:6]


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-5", "0-5", "bytes=5-2", "bytes=0-99999999999", "bytes=0-1,2-3"])
async def test_a_copied_range_must_lie_in_its_source(stage, asked):
    await stage.put("source", LAST)
    upload = await begin(stage)
    headers = {"x-amz-copy-source": "/bucket/source", "x-amz-copy-source-range": asked}
    answer = await stage.ask("PUT", "/bucket/big", query=f"partNumber=1&uploadId={upload}", headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_the_parts_are_listed_in_pages(stage):
    upload = await begin(stage, x_amz_checksum_algorithm="CRC32")
    for number in (1, 2, 7):
        headers = {"x-amz-checksum-crc32": crc32(LAST)}
        assert (await part(stage, upload, number, LAST, headers=headers)).headers["x-amz-checksum-crc32"] == crc32(LAST)
    page = await stage.ask("GET", "/bucket/big", query=f"uploadId={upload}&max-parts=2")
    assert page.texts("Part/PartNumber") == ["1", "2"]
    assert page.texts("Part/ChecksumCRC32") == [crc32(LAST)] * 2
    assert (page.text("IsTruncated"), page.text("NextPartNumberMarker")) == ("true", "2")
    assert page.text("ChecksumAlgorithm") == "CRC32"
    assert page.text("Initiator/ID") == hashlib.sha256(b"AKADMIN").hexdigest()
    rest = await stage.ask("GET", "/bucket/big", query=f"uploadId={upload}&part-number-marker=2")
    assert rest.texts("Part/PartNumber") == ["7"]
    assert rest.text("IsTruncated") == "false"
    none = await stage.ask("GET", "/bucket/big", query=f"uploadId={upload}&max-parts=0")
    assert (none.texts("Part"), none.text("IsTruncated")) == ([], "false")
    assert (await stage.ask("GET", "/bucket/big", query=f"uploadId={upload}&max-parts=x")).code == "InvalidArgument"


async def test_the_uploads_of_a_bucket_are_listed_in_pages(stage):
    for key in ("a", "a", "dir/x", "dir/y", "z"):
        await begin(stage, key=key)
    whole = await stage.ask("GET", "/bucket", query="uploads")
    assert whole.texts("Upload/Key") == ["a", "a", "dir/x", "dir/y", "z"]
    rolled = await stage.ask("GET", "/bucket", query="uploads&delimiter=/&encoding-type=url")
    assert rolled.texts("Upload/Key") == ["a", "a", "z"]
    assert rolled.texts("CommonPrefixes/Prefix") == ["dir/"]
    found, key, id_ = [], "", ""
    while True:
        query = f"uploads&max-uploads=2&key-marker={key}&upload-id-marker={id_}"
        page = await stage.ask("GET", "/bucket", query=query)
        found += page.texts("Upload/UploadId")
        if page.text("IsTruncated") == "false":
            break
        key, id_ = page.text("NextKeyMarker"), page.text("NextUploadIdMarker")
    assert found == whole.texts("Upload/UploadId")


async def test_a_delimiter_that_no_key_has_rolls_nothing_up(stage):
    keys = ["zzz/bca", "abc/something", "foo/bar/baz", "foo/xyz"]
    for key in keys:
        assert (await stage.ask("POST", f"/bucket/{key}", query="uploads")).status == 200
    page = await stage.ask("GET", "/bucket", query="uploads&delimiter=delim")
    assert page.texts("Upload/Key") == sorted(keys)
    assert page.texts("CommonPrefixes/Prefix") == []


@pytest.mark.parametrize(("asked", "told"), [("", "1000"), ("&max-parts=2147483647", "1000"), ("&max-parts=7", "7")])
async def test_a_page_has_at_most_a_thousand_parts(stage, asked, told):
    upload = await begin(stage)
    page = await stage.ask("GET", "/bucket/big", query=f"uploadId={upload}{asked}")
    assert page.text("MaxParts") == told


async def test_single_parts_of_an_object_are_read(stage):
    upload = await begin(stage)
    first, last = await part(stage, upload, 1, FIRST), await part(stage, upload, 2, LAST)
    await complete(stage, upload, (1, first.headers["ETag"]), (2, last.headers["ETag"]))
    got = await stage.ask("GET", "/bucket/big", query="partNumber=2")
    assert (got.status, got.body, got.headers["x-amz-mp-parts-count"]) == (206, LAST, "2")
    size = len(FIRST) + len(LAST)
    assert got.headers["Content-Range"] == f"bytes {len(FIRST)}-{size - 1}/{size}"
    head = await stage.ask("HEAD", "/bucket/big", query="partNumber=1")
    assert (head.status, head.headers["Content-Length"]) == (206, str(len(FIRST)))
    past = await stage.ask("GET", "/bucket/big", query="partNumber=3")
    assert (past.status, past.code) == (416, "InvalidPartNumber")
    assert b"<ActualPartCount>2<" in past.body


async def test_an_unfinished_upload_goes_with_its_bucket(stage):
    await begin(stage)
    assert (await stage.ask("DELETE", "/bucket")).status == 204
    assert (await stage.ask("GET", "/bucket", query="uploads")).code == "NoSuchBucket"
