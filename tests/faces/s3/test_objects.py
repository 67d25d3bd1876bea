"""Objects: written, read in whole and in part, copied, deleted."""

import base64
import hashlib
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

import pytest

from tests.faces.s3.chunked_bodies import crc32
from tests.faces.s3.stage import READER, UNSIGNED, Call
from zotplus.gateway.head import Listener
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role

LARGE = bytes(range(256)) * 200  # above the inline limit, so that it lies in a blob
SMALL = b"0123456789"
KEYS = [
    "a",
    "a/b",
    "a//b",
    "/leading",
    "trailing/",
    "..",
    "../../etc/passwd",
    "a/./b",
    "plus+sign",
    "per%cent",
    "%2F",
    "%252F",
    "back\\slash",
    "semi;colon",
    "question?mark",
    "hash#",
    "naïve/ünïcode/日本語/🎉",
    "e\u0301 and \xe9",
    " space ",
    "\x01\x1f control",
    "<&>\"'",
    "k" * 1024,
    "é" * 512,
]


@pytest.mark.parametrize("listener", list(Listener))
@pytest.mark.parametrize("key", KEYS)
async def test_any_key_is_written_listed_read_and_deleted(stage, key, listener):
    path = f"/bucket/{quote(key)}"
    assert (await stage.ask("PUT", path, body=SMALL, listener=listener)).status == 200
    assert (await stage.ask("GET", path, listener=listener)).body == SMALL
    listed = await stage.ask("GET", "/bucket", query="list-type=2&encoding-type=url")
    assert listed.texts("Contents/Key") == [quote(key, safe="/~")]
    assert (await stage.ask("DELETE", path, listener=listener)).status == 204
    assert (await stage.ask("GET", path, listener=listener)).code == "NoSuchKey"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/bucket/" + "k" * 1025, "KeyTooLongError"),
        ("/bucket/" + "%C3%A9" * 513, "KeyTooLongError"),
        ("/bucket/a%00b", "InvalidURI"),
        ("/bucket/a%zz", "InvalidURI"),
        ("/bucket/%C0%AF", "InvalidURI"),
        ("/bucket/%ED%A0%80", "InvalidURI"),
        ("/bucket/%FF", "InvalidURI"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
async def test_a_path_that_is_no_key_is_refused(stage, method, path, code):
    answer = await stage.ask(method, path)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("content", [b"", SMALL, LARGE])
async def test_get_and_head_tell_the_same(stage, content):
    put = await stage.put("key", content)
    got = await stage.ask("GET", "/bucket/key")
    head = await stage.ask("HEAD", "/bucket/key")
    assert got.body == content
    assert head.body == b""
    assert got.headers == head.headers
    assert got.headers["Content-Length"] == str(len(content))
    assert got.headers["ETag"] == put.headers["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'  # noqa: S324 - S3's ETag
    assert got.headers["Accept-Ranges"] == "bytes"
    assert got.headers["Content-Type"] == "binary/octet-stream"
    assert got.headers["Last-Modified"].endswith(" GMT")


@pytest.mark.parametrize("content", [LARGE[:10_000], LARGE])
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=9990-", 9990, None),
        ("bytes=-7", -7, None),
        ("bytes=3-999999", 3, None),
    ],
)
async def test_a_range_is_delivered(stage, content, asked, start, end):
    await stage.put("key", content)
    answer = await stage.ask("GET", "/bucket/key", headers={"Range": asked})
    expected = content[start:end]
    first = len(content) + start if start < 0 else start
    assert answer.status == 206
    assert answer.body == expected
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(content)}"
    head = await stage.ask("HEAD", "/bucket/key", headers={"Range": asked})
    assert (head.status, head.headers) == (206, answer.headers)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_range_past_the_end_is_refused_with_the_size(stage, method, asked):
    await stage.put("key", SMALL)
    answer = await stage.ask(method, "/bucket/key", headers={"Range": asked})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */10"
    if method == "GET":
        assert answer.code == "InvalidRange"
        assert answer.xml.findtext("ActualObjectSize") == "10"


@pytest.mark.parametrize("asked", ["bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=5-2", ""])
async def test_a_range_that_is_not_understood_is_ignored(stage, asked):
    await stage.put("key", SMALL)
    answer = await stage.ask("GET", "/bucket/key", headers={"Range": asked})
    assert (answer.status, answer.body) == (200, SMALL)


async def answers(stage, **headers):
    """What GET and HEAD say to the same headers, which has to be the same."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    got = await stage.ask("GET", "/bucket/key", headers=named)
    head = await stage.ask("HEAD", "/bucket/key", headers=named)
    assert (head.status, head.headers.get("Content-Range")) == (got.status, got.headers.get("Content-Range"))
    assert got.status >= 400 or head.headers == got.headers
    return got.status, got.body if got.status < 400 else got.code


async def test_if_range_gives_the_range_only_of_the_object_that_is_meant(stage):
    put = await stage.put("key", SMALL)
    etag, modified = put.headers["ETag"], (await stage.ask("HEAD", "/bucket/key")).headers["Last-Modified"]
    moment = parsedate_to_datetime(modified).timestamp()
    assert await answers(stage, Range="bytes=0-1", If_Range=etag) == (206, b"01")
    assert await answers(stage, Range="bytes=0-1", If_Range=etag.strip('"')) == (206, b"01")
    assert await answers(stage, Range="bytes=0-1", If_Range=modified) == (206, b"01")
    # RFC 9110 section 13.1.5: strong comparison, and a date matches exactly or not at all.
    for other in (
        '"other"',
        f"W/{etag}",
        "*",
        formatdate(moment - 1, usegmt=True),
        formatdate(moment + 1, usegmt=True),
    ):
        assert await answers(stage, Range="bytes=0-1", If_Range=other) == (200, SMALL)
    assert await answers(stage, If_Range=etag) == (200, SMALL)


async def test_a_range_past_the_end_of_another_object_is_the_whole_of_this_one(stage):
    await stage.put("key", SMALL)
    assert await answers(stage, Range="bytes=10-", If_Range='"other"') == (200, SMALL)


async def test_if_range_is_judged_after_the_other_conditions(stage):
    etag = (await stage.put("key", SMALL)).headers["ETag"]
    demand = {"Range": "bytes=0-1", "If_Range": etag}
    assert await answers(stage, **demand, If_Match='"other"') == (412, "PreconditionFailed")
    assert await answers(stage, **demand, If_None_Match=etag) == (304, b"")
    assert await answers(stage, **demand, If_Match=etag) == (206, b"01")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_conditional_reads(stage, method):
    etag = (await stage.put("key", SMALL)).headers["ETag"]

    async def status(**headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await stage.ask(method, "/bucket/key", headers=named)).status

    past, future = formatdate(0, usegmt=True), formatdate(4_000_000_000, usegmt=True)
    assert await status(If_Match=etag) == 200
    assert await status(If_Match='"other"') == 412
    assert await status(If_None_Match='"other"') == 200
    assert await status(If_None_Match=etag) == 304
    assert await status(If_None_Match="*") == 304
    assert await status(If_Modified_Since=past) == 200
    assert await status(If_Modified_Since=future) == 304
    assert await status(If_Unmodified_Since=past) == 412
    assert await status(If_Match=etag, If_Unmodified_Since=past) == 200


async def test_not_modified_carries_the_validators_and_no_body(stage):
    etag = (await stage.put("key", SMALL)).headers["ETag"]
    answer = await stage.ask("GET", "/bucket/key", headers={"If-None-Match": etag})
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag)
    assert "Last-Modified" in answer.headers


async def test_conditional_writes(stage):
    only_new = {"If-None-Match": "*"}
    etag = (await stage.put("key", SMALL, headers=only_new)).headers["ETag"]
    refused = await stage.put("key", b"other", headers=only_new)
    assert (refused.status, refused.code) == (412, "PreconditionFailed")
    assert refused.xml.findtext("Condition") == "If-None-Match"
    assert (await stage.put("key", b"other", headers={"If-Match": '"wrong"'})).status == 412
    assert (await stage.ask("GET", "/bucket/key")).body == SMALL
    assert (await stage.put("key", b"other", headers={"If-Match": etag})).status == 200
    assert (await stage.put("missing", b"x", headers={"If-Match": etag})).code == "NoSuchKey"
    assert (await stage.put("key", b"x", headers={"If-None-Match": etag})).code == "NotImplemented"


async def test_a_failed_precondition_is_told_before_the_body_is_read(stage):
    await stage.put("key", SMALL)
    answer = await stage.put("key", b"other", headers={"If-None-Match": "*"})
    assert (answer.status, answer.body_was_read) == (412, False)


async def test_a_delete_can_demand_an_etag(stage):
    etag = (await stage.put("key", SMALL)).headers["ETag"]
    assert (await stage.ask("DELETE", "/bucket/key", headers={"If-Match": '"other"'})).status == 412
    assert (await stage.ask("DELETE", "/bucket/key", headers={"If-None-Match": "*"})).code == "NotImplemented"
    assert (await stage.put("key", b"x", headers={"x-amz-if-match-size": "1"})).code == "NotImplemented"
    assert (await stage.ask("DELETE", "/bucket/key", headers={"If-Match": etag})).status == 204


async def test_content_headers_metadata_and_class_come_back_as_they_went_in(stage):
    sent = {
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "max-age=5",
        "Content-Disposition": 'attachment; filename="ä.txt"',
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "Expires": "Thu, 01 Dec 2039 16:00:00 GMT",
        "x-amz-meta-Color": "blue, and  green",
        "x-amz-meta-empty": "",
        "x-amz-meta-umlaut": "Grüße",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-acl": "private",
    }
    await stage.put("key", SMALL, headers=sent)
    got = (await stage.ask("HEAD", "/bucket/key")).headers
    for name, value in sent.items():
        if name != "x-amz-acl":
            assert got[name] == value, name


async def test_a_repeated_metadata_header_becomes_one_list(stage):
    head = stage.head(Call(method="PUT", path="/bucket/key", signed=UNSIGNED))
    assert head.headers is not None
    import msgspec  # noqa: PLC0415 - only here
    from multidict import CIMultiDict, CIMultiDictProxy  # noqa: PLC0415 - only here

    headers = CIMultiDict([("Host", "x"), ("x-amz-meta-a", "1"), ("X-Amz-Meta-A", "2"), ("Content-Length", "0")])
    _, operation = stage.faces[Listener.S3].parse(msgspec.structs.replace(head, headers=CIMultiDictProxy(headers)))
    assert operation.attributes.metadata == {"a": "1,2"}


async def test_metadata_of_2_kib_is_taken_and_more_is_refused(stage):
    assert (await stage.put("key", headers={"x-amz-meta-n": "x" * 2047})).status == 200
    answer = await stage.put("key", headers={"x-amz-meta-n": "x" * 2048})
    assert (answer.status, answer.code) == (400, "MetadataTooLarge")
    umlauts = await stage.put("key", headers={"x-amz-meta-n": "ä" * 1024})
    assert umlauts.code == "MetadataTooLarge"


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\x00b", "a\x7fb", "\udcff"])
async def test_a_header_that_could_break_out_of_its_line_is_not_stored(stage, value):
    answer = await stage.put("key", headers={"x-amz-meta-n": value}, signed=UNSIGNED)
    assert answer.status == 400
    assert (await stage.put("key", headers={"Cache-Control": value}, signed=UNSIGNED)).status == 400


async def test_a_redirect_is_told_and_belongs_to_one_object(stage):
    redirect = {"x-amz-website-redirect-location": "/elsewhere"}
    await stage.put("key", headers=redirect)
    head = (await stage.ask("HEAD", "/bucket/key")).headers
    assert head["x-amz-website-redirect-location"] == "/elsewhere"
    source = {"x-amz-copy-source": "/bucket/key"}
    for copy, headers, told in (("plain", source, None), ("own", {**source, **redirect}, "/elsewhere")):
        assert (await stage.ask("PUT", f"/bucket/{copy}", headers=headers)).status == 200
        head = (await stage.ask("HEAD", f"/bucket/{copy}")).headers
        assert head.get("x-amz-website-redirect-location") == told


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-server-side-encryption": "aws:kms:dsse"}, "NotImplemented"),
        ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, "InvalidArgument"),
        ({"x-amz-acl": "public-read"}, "AccessControlListNotSupported"),
        ({"x-amz-grant-read": "id=1"}, "AccessControlListNotSupported"),
        ({"x-amz-tagging": "a=%"}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "GOVERNANCE"}, "InvalidArgument"),
        ({"x-amz-object-lock-legal-hold": "ON"}, "InvalidRequest"),
        ({"x-amz-website-redirect-location": "ftp://x"}, "InvalidRedirectLocation"),
        ({"x-amz-write-offset-bytes": "5"}, "NotImplemented"),
        ({"x-amz-expected-bucket-owner": "somebody"}, "AccessDenied"),
        ({"x-amz-storage-class": "GLACIER"}, "InvalidStorageClass"),
        ({"x-amz-storage-class": "NONSENSE"}, "InvalidStorageClass"),
        ({"Content-Encoding": "aws-chunked"}, "InvalidRequest"),
    ],
)
async def test_a_header_that_asks_for_what_is_not_done_is_refused_and_nothing_stored(stage, headers, code):
    answer = await stage.put("key", headers=headers)
    assert answer.code == code
    assert not answer.body_was_read
    assert (await stage.ask("HEAD", "/bucket/key")).status == 404


async def test_overrides_replace_headers_for_a_signed_reader(stage):
    await stage.put("key", headers={"Content-Type": "text/html", "Cache-Control": "no-cache"})
    query = "response-content-type=text%2Fplain&response-content-disposition=attachment&response-expires=0"
    got = (await stage.ask("GET", "/bucket/key", query=query)).headers
    assert got.getall("Content-Type") == ["text/plain"]
    assert (got["Content-Disposition"], got["Expires"], got["Cache-Control"]) == ("attachment", "0", "no-cache")


async def test_overrides_are_refused_without_a_signature(stage):
    await stage.put("key")
    await stage.services.grants.give(PUBLIC, Role.READER, "s3:bucket")
    assert (await stage.ask("GET", "/bucket/key", signed=UNSIGNED)).status == 200
    answer = await stage.ask("GET", "/bucket/key", query="response-content-type=text%2Fhtml", signed=UNSIGNED)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


async def test_an_object_on_the_main_port_is_sandboxed_and_on_its_own_port_not(stage):
    await stage.put("key")
    main = await stage.ask("GET", "/bucket/key", listener=Listener.MAIN)
    assert main.headers["Content-Security-Policy"] == "sandbox"
    assert "Content-Security-Policy" not in (await stage.ask("GET", "/bucket/key")).headers


async def test_a_checksum_is_shown_when_it_is_asked_for_and_not_on_a_range(stage):
    value = crc32(SMALL)
    put = await stage.put(
        "key", SMALL, headers={"x-amz-checksum-crc32": value, "x-amz-sdk-checksum-algorithm": "CRC32"}
    )
    assert put.headers["x-amz-checksum-crc32"] == value
    asked = {"x-amz-checksum-mode": "ENABLED"}
    assert (await stage.ask("GET", "/bucket/key", headers=asked)).headers["x-amz-checksum-crc32"] == value
    assert (await stage.ask("HEAD", "/bucket/key", headers=asked)).headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert "x-amz-checksum-crc32" not in (await stage.ask("GET", "/bucket/key")).headers
    ranged = await stage.ask("GET", "/bucket/key", headers={**asked, "Range": "bytes=0-1"})
    assert "x-amz-checksum-crc32" not in ranged.headers


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"x-amz-checksum-crc32": crc32(b"other")}, 400, "BadDigest"),
        ({"x-amz-checksum-sha256": base64.b64encode(b"x" * 32).decode()}, 400, "BadDigest"),
        ({"x-amz-checksum-crc32": "nonsense"}, 400, "InvalidRequest"),
        (
            {"x-amz-checksum-crc32": crc32(SMALL), "x-amz-checksum-sha1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
            400,
            "InvalidRequest",
        ),
        ({"x-amz-checksum-xxhash3": "AAAA"}, 400, "InvalidRequest"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, 400, "InvalidRequest"),
        ({"x-amz-trailer": "x-amz-checksum-crc32"}, 400, "InvalidRequest"),
        ({"Content-MD5": base64.b64encode(b"x" * 16).decode()}, 400, "BadDigest"),
        ({"Content-MD5": "nonsense"}, 400, "InvalidDigest"),
    ],
)
async def test_a_wrong_checksum_stores_nothing(stage, headers, status, code):
    answer = await stage.put("key", SMALL, headers=headers)
    assert (answer.status, answer.code) == (status, code)
    assert (await stage.ask("HEAD", "/bucket/key")).status == 404


async def test_the_right_content_md5_is_taken(stage):
    digest = base64.b64encode(hashlib.md5(SMALL).digest()).decode()  # noqa: S324 - the header's algorithm
    assert (await stage.put("key", SMALL, headers={"Content-MD5": digest})).status == 200


@pytest.mark.parametrize(
    ("length", "code"),
    [(str(5 * 1024**3 + 1), "EntityTooLarge"), ("x", "InvalidArgument"), ("9" * 30, "InvalidArgument")],
)
async def test_a_length_that_cannot_be_is_refused_before_the_body_is_read(stage, length, code):
    answer = await stage.put("key", SMALL, headers={"Content-Length": length})
    assert (answer.status, answer.code, answer.body_was_read) == (400, code, False)


async def test_a_part_number_of_an_object_written_at_once_is_one(stage):
    await stage.put("key", SMALL)
    assert (await stage.ask("GET", "/bucket/key", query="partNumber=1")).body == SMALL
    assert (await stage.ask("GET", "/bucket/key", query="partNumber=2")).status == 416
    assert (await stage.ask("GET", "/bucket/key", query="partNumber=0")).code == "InvalidArgument"
    both = await stage.ask("GET", "/bucket/key", query="partNumber=1", headers={"Range": "bytes=0-1"})
    assert both.code == "InvalidRequest"


async def test_without_versioning_only_the_null_version_exists(stage):
    await stage.put("key", SMALL)
    assert (await stage.ask("GET", "/bucket/key", query="versionId=null")).body == SMALL
    for method in ("GET", "DELETE"):
        answer = await stage.ask(method, "/bucket/key", query="versionId=3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY")
        assert (answer.status, answer.code) == (400, "InvalidArgument")
        answer = await stage.ask(method, "/bucket/key", query="versionId=")
        assert (answer.status, answer.code) == (400, "InvalidArgument")
    other = f"versionId={'0' * 32}"
    assert (await stage.ask("GET", "/bucket/key", query=other)).code == "NoSuchVersion"
    assert (await stage.ask("DELETE", "/bucket/key", query=other)).status == 204
    assert (await stage.ask("HEAD", "/bucket/key")).status == 200


async def test_a_delete_depends_on_tag_size_and_time(stage):
    await stage.put("key", SMALL)
    for wrong in (
        {"If-Match": '"-"'},
        {"x-amz-if-match-size": "1"},
        {"x-amz-if-match-last-modified-time": "Wed, 21 Oct 2015 07:28:00 GMT"},
    ):
        assert (await stage.ask("DELETE", "/bucket/key", headers=wrong)).code == "PreconditionFailed"
    for odd in ({"x-amz-if-match-size": "-1"}, {"x-amz-if-match-last-modified-time": "yesterday"}):
        assert (await stage.ask("DELETE", "/bucket/key", headers=odd)).code == "InvalidArgument"
    right = {"x-amz-if-match-size": str(len(SMALL)), "If-Match": "*"}
    assert (await stage.ask("DELETE", "/bucket/key", headers=right)).status == 204


async def test_who_may_not_list_does_not_learn_what_is_missing(stage):
    await stage.services.grants.give(READER.access_key, Role.READER, "s3:bucket/team/*")
    assert (await stage.ask("GET", "/bucket/team/missing", signed=READER)).code == "NoSuchKey"
    other = await stage.ask("GET", "/bucket/missing", signed=READER)
    assert (other.status, other.code) == (403, "AccessDenied")


async def test_deleting_what_is_not_there_is_no_error(stage):
    assert (await stage.ask("DELETE", "/bucket/missing")).status == 204


async def copy(stage, source, target="/bucket/target", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.ask("PUT", target, headers={"x-amz-copy-source": source, **named})


@pytest.mark.parametrize(
    "source",
    ["/bucket/s%C3%B6urce", "bucket/s%C3%B6urce", "bucket%2Fs%C3%B6urce", "/bucket/s%C3%B6urce?versionId=null"],
)
async def test_an_object_is_copied_with_its_attributes(stage, source):
    etag = (await stage.put("söurce", LARGE, headers={"x-amz-meta-a": "1", "Content-Type": "text/x"})).headers["ETag"]
    answer = await copy(stage, source)
    assert answer.text("ETag") == etag
    assert answer.text("LastModified").endswith("Z")
    got = await stage.ask("GET", "/bucket/target")
    assert (got.body, got.headers["x-amz-meta-a"], got.headers["Content-Type"]) == (LARGE, "1", "text/x")


async def test_a_copy_source_may_carry_the_prefix(stage):
    await stage.put("source", SMALL)
    headers = {"x-amz-copy-source": "/s3/bucket/source"}
    answer = await stage.ask("PUT", "/bucket/target", headers=headers, listener=Listener.MAIN)
    assert answer.status == 200


async def test_a_copy_can_replace_the_attributes(stage):
    await stage.put("source", SMALL, headers={"x-amz-meta-a": "1"})
    headers = {"x_amz_metadata_directive": "REPLACE", "x_amz_meta_b": "2"}
    assert (await copy(stage, "/bucket/source", **headers)).status == 200
    got = (await stage.ask("HEAD", "/bucket/target")).headers
    assert got["x-amz-meta-b"] == "2"
    assert "x-amz-meta-a" not in got
    assert (await copy(stage, "/bucket/source", "/bucket/source", **headers)).status == 200
    same = await copy(stage, "/bucket/source", "/bucket/source")
    assert (same.status, same.code) == (400, "InvalidRequest")


async def test_a_copy_can_have_another_checksum(stage):
    await stage.put("source", SMALL, headers={"x-amz-meta-a": "1"})
    answer = await copy(stage, "/bucket/source", x_amz_checksum_algorithm="sha256")
    expected = base64.b64encode(hashlib.sha256(SMALL).digest()).decode()
    assert (answer.text("ChecksumSHA256"), answer.text("ChecksumType")) == (expected, "FULL_OBJECT")
    assert answer.text("ChecksumCRC64NVME") is None
    got = await stage.ask("GET", "/bucket/target", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (got.headers["x-amz-checksum-sha256"], got.headers["x-amz-meta-a"], got.body) == (expected, "1", SMALL)
    replacing = {"x_amz_metadata_directive": "REPLACE", "x_amz_checksum_algorithm": "CRC32"}
    again = await copy(stage, "/bucket/target", **replacing)
    assert again.text("ChecksumCRC32") is not None
    assert "x-amz-meta-a" not in (await stage.ask("HEAD", "/bucket/target")).headers


async def test_copy_conditions(stage):
    etag = (await stage.put("source", SMALL)).headers["ETag"]
    wrong = await copy(stage, "/bucket/source", x_amz_copy_source_if_match='"x"')
    assert wrong.status == 412
    assert (await copy(stage, "/bucket/source", x_amz_copy_source_if_none_match=etag)).status == 412
    assert (await copy(stage, "/bucket/source", x_amz_copy_source_if_match=etag)).status == 200
    assert (await copy(stage, "/bucket/source", If_None_Match="*")).status == 412


@pytest.mark.parametrize(
    "source", ["", "/", "bucket", "bucket/", "/bucket/%FF", "/bucket/a%00", "x" * 5000, "/UPPER/key"]
)
async def test_a_copy_source_that_names_nothing_is_refused(stage, source):
    answer = await copy(stage, source)
    assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_a_copy_of_what_is_missing_is_told(stage):
    assert (await copy(stage, "/bucket/missing")).code == "NoSuchKey"
    assert (await copy(stage, "/other-bucket/key")).code == "NoSuchBucket"
    assert (await copy(stage, "/bucket/key", x_amz_metadata_directive="NONSENSE")).code == "InvalidArgument"


def delete_body(*keys, quiet=False):
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>{str(quiet).lower()}</Quiet>{objects}</Delete>".encode()


async def test_many_objects_are_deleted_at_once(stage):
    for key in ("a", "b/c", "kept"):
        await stage.put(key)
    answer = await stage.ask("POST", "/bucket", query="delete", body=delete_body("a", "b/c", "missing", "a"))
    assert answer.texts("Deleted/Key") == ["a", "b/c", "missing", "a"]
    assert (await stage.ask("GET", "/bucket")).texts("Contents/Key") == ["kept"]


async def test_a_quiet_delete_tells_only_errors(stage):
    await stage.put("a")
    answer = await stage.ask("POST", "/bucket", query="delete=", body=delete_body("a", "k" * 1025, quiet=True))
    assert answer.texts("Deleted/Key") == []
    assert answer.texts("Error/Code") == ["KeyTooLongError"]


async def test_each_key_of_a_delete_is_decided_on_its_own(stage):
    for key in ("team/a", "other/b"):
        await stage.put(key)
    await stage.services.grants.give(READER.access_key, Role.PUBLISHER, "s3:bucket/team/*")
    answer = await stage.ask("POST", "/bucket", query="delete", body=delete_body("team/a", "other/b"), signed=READER)
    assert answer.texts("Deleted/Key") == ["team/a"]
    assert answer.texts("Error/Key") == ["other/b"]
    assert answer.texts("Error/Code") == ["AccessDenied"]
    assert (await stage.ask("GET", "/bucket")).texts("Contents/Key") == ["other/b"]


async def test_a_delete_of_another_version_deletes_nothing(stage):
    await stage.put("a")
    body = b"<Delete><Object><Key>a</Key><VersionId>v1</VersionId></Object></Delete>"
    answer = await stage.ask("POST", "/bucket", query="delete", body=body)
    assert answer.texts("Error/Code") == ["InvalidArgument"]
    body = body.replace(b"v1", b"0" * 32)
    assert (await stage.ask("POST", "/bucket", query="delete", body=body)).texts("Error/Code") == []
    assert (await stage.ask("HEAD", "/bucket/a")).status == 200


async def test_a_delete_whose_body_is_not_what_it_claims_deletes_nothing(stage):
    await stage.put("a")
    for headers in ({"x-amz-checksum-crc32": crc32(b"x")}, {"Content-MD5": base64.b64encode(b"x" * 16).decode()}):
        answer = await stage.ask("POST", "/bucket", query="delete", body=delete_body("a"), headers=headers)
        assert answer.code == "BadDigest"
    forged = await stage.ask("POST", "/bucket", query="delete", body=delete_body("a"), payload="0" * 64)
    assert forged.code == "XAmzContentSHA256Mismatch"
    assert (await stage.ask("HEAD", "/bucket/a")).status == 200
