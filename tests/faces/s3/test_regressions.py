"""One test for each published flaw of other gateways that could be repeated here; ids in names or docstrings.

What concerns every operation at once is in ``test_authorization_matrix`` (CVE-2025-31489, CVE-2026-40344).
"""

import json
import logging
import time
import tracemalloc
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faces.s3.chunked_bodies import SIGNED, UNSIGNED_TRAILER, encode, head_of, seed_of
from tests.faces.s3.stage import ADMIN, NOBODY, READER, UNSIGNED, Body, Call
from zotplus.domain.signatures.sigv4_sign import SigningCredentials
from zotplus.gateway.head import Listener
from zotplus.protocols.s3.objects.writing import PutObject
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role

TRAVERSALS = [
    "..",
    "%2e%2e",
    "%2F",
    "%252F",
    "..%2F..%2Fetc",
    "a%2F..%2Fb",
    "%5C..%5C",
    ";x",
    "a//b",
    "./a",
    "%252e%252e",
]


async def test_cve_2026_41145_a_credential_in_the_query_does_not_stand_in_for_a_signature(stage):
    """GHSA-hv4r-mvr4-25vw: unsigned-trailer upload, no Authorization header, X-Amz-Credential in the query."""
    query = f"X-Amz-Credential={ADMIN.access_key}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
    call = Call(method="PUT", path="/bucket/key", query=query, signed=UNSIGNED)
    head = head_of(stage, call, UNSIGNED_TRAILER, 3)
    answer = await stage.send(head, Body(encode(UNSIGNED_TRAILER, b"abc", None)))
    assert answer.status in (400, 403)
    assert not answer.body_was_read
    assert (await stage.ask("HEAD", "/bucket/key")).status == 404


async def test_cve_2025_68671_the_time_of_a_request_is_checked(stage):
    """Also: presigned links past their end or of more than a week."""
    for offset, expected in ((-960, 403), (-800, 404), (800, 404), (960, 403)):
        answer = await stage.ask("GET", "/bucket/key", now=time.time() + offset)
        assert answer.status == expected, offset
    week = 7 * 86_400
    for expires, expected in ((week, 404), (week + 1, 400), (0, 400), (-5, 400)):
        head = await stage.presigned("GET", "/bucket/key", expires=expires)
        assert (await stage.send(head, Body(b""))).status == expected, expires


@pytest.mark.parametrize("raw", TRAVERSALS)
@pytest.mark.parametrize("listener", list(Listener))
async def test_cve_2026_42882_what_is_authorised_is_what_is_stored(stage, raw, listener):
    """Authorisation saw the encoded path and storage the decoded one. Also CVE-2026-54917: traversal by key."""
    await stage.services.grants.give(READER.access_key, Role.PUBLISHER, "s3:bucket/open/*")
    path = f"/bucket/open/{raw}"
    assert (await stage.ask("PUT", path, body=b"x", signed=READER, listener=listener)).status == 200
    keys = (await stage.ask("GET", "/bucket")).texts("Contents/Key")
    assert len(keys) == 1
    assert keys[0].startswith("open/")
    outside = f"/bucket/{raw}/open/x"
    assert (await stage.ask("PUT", outside, body=b"x", signed=READER, listener=listener)).status == 403


@given(st.text(st.sampled_from("abAB/.%2Fe5C+;\\~ é\u0301"), min_size=1, max_size=20))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cve_2026_42882_the_need_and_the_operation_name_the_same_key(text):
    from tests.faces.s3.stage import Stage  # noqa: PLC0415 - made once per example, without its users

    stage = Stage()
    raw = quote(text, safe="/%")
    try:
        _, operation = stage.faces[Listener.S3].parse(
            stage.head(Call(method="PUT", path=f"/bucket/{raw}", signed=UNSIGNED))
        )
    except Exception as problem:  # noqa: BLE001 - which one is not this test's matter
        assert type(problem).__name__ == "Problem"  # noqa: PT017 - may also parse
        return
    if isinstance(operation, PutObject):
        assert operation.needs()[0].resource == f"s3:bucket/{operation.key}"


async def test_cve_2024_36107_conditions_do_not_tell_who_may_not_read_whether_an_object_exists(stage):
    etag = (await stage.put("key")).headers["ETag"]
    answers = set()
    for path in ("/bucket/key", "/bucket/missing"):
        for headers in ({}, {"If-Match": etag}, {"If-None-Match": etag}, {"If-None-Match": "*"}):
            for user in (NOBODY, UNSIGNED):
                answer = await stage.ask("GET", path, headers=headers, signed=user)
                answers.add((answer.status, answer.code))
    assert answers == {(403, "AccessDenied")}


async def test_cve_2026_34204_internal_headers_of_servers_are_not_taken_from_clients(stage):
    for name in ("x-minio-replication-server-side-encryption-sealed-key", "X-Minio-Source-Mtime", "x-zotplus-owner"):
        answer = await stage.put("key", headers={name: "1"})
        assert (answer.status, answer.body_was_read) == (501, False)
    assert (await stage.put("key", headers={"x-amz-meta-x-minio-internal-a": "1"})).status == 200
    assert (await stage.ask("HEAD", "/bucket/key")).headers["x-amz-meta-x-minio-internal-a"] == "1"


async def test_ghsa_xrrf_encryption_is_never_claimed_and_then_left_out(stage):
    for headers in (
        {"x-amz-server-side-encryption": "aws:kms:dsse"},
        {"x-amz-server-side-encryption": "AES128"},
        {"x-amz-server-side-encryption-context": "e30="},
        {"x-amz-server-side-encryption-customer-key": "a"},
        {"x-amz-server-side-encryption-unknown": "a", "x-amz-server-side-encryption": "aws:kms:x"},
        {"x-amz-copy-source-server-side-encryption-customer-key": "a", "x-amz-copy-source": "/bucket/key"},
    ):
        assert (await stage.put("new", headers=headers)).status in (400, 501)
        assert (await stage.ask("POST", "/bucket/new", query="uploads", headers=headers)).status in (400, 501)
    for headers in ({"x-amz-server-side-encryption": "AES256"}, {"x-amz-server-side-encryption": "aws:kms"}):
        assert (await stage.put("new", b"a secret" * 5000, headers=headers)).status == 200
        assert not [blob for blob in stage.blobs.blobs.values() if b"a secret" in blob.content]


async def test_ghsa_mx42_a_copy_needs_the_right_to_read_its_source(stage):
    """Also GHSA-wfxj, GHSA-3ppv: CopyObject and UploadPartCopy across tenants."""
    await stage.put("secret", b"secret")
    await stage.ask("PUT", "/other-bucket")
    await stage.services.grants.give(READER.access_key, Role.PUBLISHER, "s3:other-bucket")
    upload = (await stage.ask("POST", "/other-bucket/key", query="uploads", signed=READER)).text("UploadId")
    for source in (
        "/bucket/secret",
        "bucket%2Fsecret",
        "/other-bucket/../bucket/secret",
        "other-bucket%2F..%2Fbucket%2Fsecret",
    ):
        for query in ("", f"partNumber=1&uploadId={upload}"):
            headers = {"x-amz-copy-source": source}
            answer = await stage.ask("PUT", "/other-bucket/key", query=query, headers=headers, signed=READER)
            assert answer.status in (403, 404), source
    assert (await stage.ask("GET", "/other-bucket")).texts("Contents/Key") == []


async def test_cve_2024_47866_an_empty_copy_source_is_refused_and_crashes_nothing(stage):
    for source in ("", " ", "/", "//", "?versionId=", "%", "/bucket/%"):
        answer = await stage.ask("PUT", "/bucket/key", headers={"x-amz-copy-source": source})
        assert (answer.status, answer.code) == (400, "InvalidArgument"), source


async def test_ghsa_x298_an_anonymous_list_of_versions_does_not_become_a_list(stage):
    await stage.services.grants.give(PUBLIC, Role.READER, "s3:bucket")
    assert (await stage.ask("GET", "/bucket", query="versions", signed=UNSIGNED)).status == 403


async def test_ghsa_6r96_headers_of_the_client_do_not_override_what_conditions_are_made_on(stage):
    await stage.put("private/a")
    await stage.services.grants.give(READER.access_key, Role.READER, "s3:bucket/open/*")
    for headers in ({"s3-prefix": "open/"}, {"prefix": "open/"}, {"x-amz-prefix": "open/"}):
        answer = await stage.ask("GET", "/bucket", query="prefix=private/", headers=headers, signed=READER)
        assert answer.status == 403


async def test_cve_2021_3524_no_header_breaks_out_of_its_line_by_an_override(stage):
    await stage.put("key")
    for value in ("a%0D%0ASet-Cookie:b", "a%0Ab", "a%00b", "a%0D"):
        answer = await stage.ask("GET", "/bucket/key", query=f"response-content-type={value}")
        assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_cve_2025_27088_an_object_on_the_main_port_cannot_script_the_pages_for_people(stage):
    """Also CVE-2025-32019, GHSA-v9fg, GHSA-7gcx: a stored page on the origin of the console."""
    await stage.put("page.html", b"<script>", headers={"Content-Type": "text/html"})
    for method in ("GET", "HEAD"):
        answer = await stage.ask(method, "/bucket/page.html", listener=Listener.MAIN)
        assert answer.headers["Content-Security-Policy"] == "sandbox"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcX\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\nabc",
        b"3;chunk-signature=0\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"3\r\nabc\r\n",
        b"3\r\nabc\r\n0\r\n" + b"x-amz-meta-a:b\r\n" * 10_000 + b"\r\n",
        b"3" + b" " * 100_000,
        b"2\r\nab\r\n0\r\n\r\n",
        b"4\r\nabcd\r\n0\r\n\r\n",
    ],
)
async def test_ghsa_v2ch_a_malformed_chunked_body_is_refused_and_stores_nothing(stage, body):
    """versitygw GHSA-v2ch-c8v8-fgr7: the reader of aws-chunked bodies crashed."""
    head = head_of(stage, Call(method="PUT", path="/bucket/key"), UNSIGNED_TRAILER, 3)
    answer = await stage.send(head, Body(body))
    assert answer.status == 400
    assert answer.code in ("InvalidRequest", "IncompleteBody", "MalformedTrailerError")
    assert (await stage.ask("HEAD", "/bucket/key")).status == 404
    assert stage.objects_stored() == 0


async def test_a_flood_of_tiny_chunks_is_refused_in_bounded_time(stage):
    """As CVE-2024-30251 and aiohttp's slow chunks: work per byte has to be bounded."""
    data = b"x" * 200_000
    head = head_of(stage, Call(method="PUT", path="/bucket/key"), SIGNED, len(data))
    began = time.process_time()
    answer = await stage.send(head, Body(encode(SIGNED, data[:3000], seed_of(head), size=1)))
    assert answer.code in ("InvalidRequest", "InvalidChunkSizeError")
    assert time.process_time() - began < 5


async def test_cve_2026_39414_memory_does_not_grow_with_what_a_client_announces(stage):
    """Also CVE-2025-27100: numbers in parameters size nothing."""
    tracemalloc.start()
    try:
        await stage.ask("GET", "/bucket", query="max-keys=2147483647&list-type=2")
        await stage.ask("GET", "/bucket", query="uploads&max-uploads=2147483647")
        await stage.ask("PUT", "/bucket/key", headers={"Content-Length": str(5 * 1024**3)}, body=b"x")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20 * 1024 * 1024


async def test_cve_2023_28432_no_secret_is_logged_or_shown(stage, caplog, capfd):
    """Also CVE-2025-48374, GHSA-r54g: secrets in logs and error bodies."""
    caplog.set_level(logging.DEBUG)
    wrong = SigningCredentials(access_key=ADMIN.access_key, secret_key="guessed-secret-guessed")
    token = SigningCredentials(access_key=ADMIN.access_key, secret_key=ADMIN.secret_key, session_token="token-in-clear")
    shown = b""
    for user in (wrong, token, NOBODY, ADMIN):
        answer = await stage.ask("GET", "/bucket/key", signed=user, headers={"Cookie": "cookie-in-clear"})
        shown += answer.body
    out, err = capfd.readouterr()
    everything = caplog.text + out + err + shown.decode()
    for secret in (ADMIN.secret_key, wrong.secret_key, NOBODY.secret_key, "token-in-clear", "cookie-in-clear"):
        assert secret not in everything


async def test_cve_2020_29662_both_addresses_give_the_same_answers(stage):
    await stage.put("key")
    for user in (ADMIN, NOBODY, UNSIGNED):
        for method, path, query in (
            ("GET", "/", ""),
            ("GET", "/bucket", "list-type=2"),
            ("GET", "/bucket/key", ""),
            ("PUT", "/bucket/key", "acl"),
            ("GET", "/bucket/missing", ""),
        ):
            answers = [await stage.ask(method, path, query=query, signed=user, listener=at) for at in Listener]
            assert len({(answer.status, answer.code) for answer in answers}) == 1


SECRET_SOURCES = [
    "bucket/secret/key",
    "/bucket/secret/key",
    "bucket%2Fsecret%2Fkey",
    "%62ucket/%73ecret/key",
    "/s3/bucket/secret/key",
]


@pytest.mark.parametrize("source", SECRET_SOURCES)
@pytest.mark.parametrize("pattern", ["bucket/secret/*", "/bucket/secret/*"])
async def test_a_denied_source_of_copies_is_denied_however_it_is_spelled(stage, source, pattern):
    """versitygw of July 2026 read a source in one way to judge it and in another to copy it."""
    await stage.put("secret/key")
    await stage.put("open/key")
    await stage.ask("PUT", "/target-bucket")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::target-bucket/*",
        "Condition": {"StringLike": {"s3:x-amz-copy-source": pattern}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
    assert (await stage.ask("PUT", "/target-bucket", query="policy=", body=policy)).status == 204

    async def copied(source: str, query: str = "") -> int:
        headers = {"x-amz-copy-source": source}
        call = Call(method="PUT", path="/target-bucket/key", query=query, headers=headers, listener=Listener.MAIN)
        return (await stage.call(call)).status

    begun = await stage.ask("POST", "/target-bucket/key", query="uploads=")
    part = f"partNumber=1&uploadId={begun.text('UploadId')}"
    assert [await copied(source), await copied(source, part)] == [403, 403]
    assert [await copied("bucket/open/key"), await copied("bucket/open/key", part)] == [200, 200]
