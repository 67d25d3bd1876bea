"""Bodies: lengths, hashes, chunked forms, and what happens when they are not what was announced."""

import base64
import hashlib
import hmac
import time

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.s3.chunked_bodies import MODES, SIGNED, UNSIGNED_TRAILER, crc32, encode, head_of, seed_of, upload
from tests.faces.s3.stage import ADMIN, UNSIGNED, Body, Call, Stage
from zotplus.domain.dates import format_basic_date
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4_canonical import SignedRequest, canonical_request, string_to_sign
from zotplus.domain.signatures.sigv4_sign import SigningCredentials
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role

CONTENT = b"some content" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PUT = Call(method="PUT", path="/bucket/key")


def changed(head, **headers):
    altered = CIMultiDict(head.headers)
    for name, value in headers.items():
        altered.pop(name.replace("_", "-"), None)
        if value is not None:
            altered[name.replace("_", "-")] = value
    return msgspec.structs.replace(head, headers=CIMultiDictProxy(altered))


async def stored(stage):
    answer = await stage.ask("GET", "/bucket/key")
    return answer.body if answer.status == 200 else None


@pytest.mark.parametrize("payload", [SHA256, SHA256.upper(), "UNSIGNED-PAYLOAD"])
async def test_a_plain_body_is_taken(stage, payload):
    assert (await stage.put("key", CONTENT, payload=payload)).status == 200
    assert await stored(stage) == CONTENT


@pytest.mark.parametrize("payload", ["nonsense", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "0" * 63, "x" * 64])
async def test_an_unknown_payload_mode_is_refused(stage, payload):
    answer = await stage.put("key", CONTENT, payload=payload)
    assert (answer.status, answer.code, answer.body_was_read) == (400, "InvalidArgument", False)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("data", [b"", b"x", CONTENT * 8])
@pytest.mark.parametrize("piece", [7, 65_536])
async def test_a_chunked_body_is_taken_however_it_arrives(stage, mode, data, piece):
    answer = await upload(stage, PUT, mode, data[:20_000] if piece == 7 else data, piece=piece)
    assert answer.status == 200, answer.body
    assert await stored(stage) == (data[:20_000] if piece == 7 else data)


async def test_the_encoding_of_the_content_itself_is_kept(stage):
    head = head_of(stage, PUT, UNSIGNED_TRAILER, len(CONTENT))
    for given, kept in (("aws-chunked,gzip", "gzip"), ("gzip, aws-chunked", "gzip"), ("aws-chunked", None)):
        altered = changed(head, Content_Encoding=given, Authorization=None)
        altered = msgspec.structs.replace(altered, raw_query=(await stage.presigned("PUT", "/bucket/key")).raw_query)
        _, operation = stage.faces[head.listener].parse(altered)
        assert operation.attributes.headers.get("content-encoding") == kept


async def test_a_length_is_required(stage):
    head = stage.head(Call(method="PUT", path="/bucket/key"))
    answer = await stage.send(changed(head, Content_Length=None), Body(CONTENT))
    assert (answer.status, answer.code, answer.body_was_read) == (411, "MissingContentLength", False)


async def test_the_decoded_length_of_a_chunked_body_is_required(stage):
    head = stage.head(Call(method="PUT", path="/bucket/key", payload=SIGNED))
    answer = await stage.send(head, Body(b"0\r\n\r\n"))
    assert (answer.status, answer.code, answer.body_was_read) == (411, "MissingContentLength", False)


@pytest.mark.parametrize("length", [3, 5])
@pytest.mark.parametrize("mode", MODES)
async def test_a_chunked_body_of_another_length_is_refused(stage, mode, length):
    head = head_of(stage, PUT, mode, length)
    seed = None if mode == UNSIGNED_TRAILER else seed_of(head)
    answer = await stage.send(head, Body(encode(mode, b"four", seed)))
    assert answer.status == 400
    assert await stored(stage) is None


async def test_a_body_that_ends_early_stores_nothing(stage):
    head = stage.head(Call(method="PUT", path="/bucket/key", body=CONTENT))
    answer = await stage.send(head, Body(CONTENT[:-1], length=len(CONTENT)))
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    assert await stored(stage) is None
    assert stage.objects_stored() == 0


@pytest.mark.parametrize("checksum", ["nonsense", crc32(b"other"), "AAAA"])
async def test_a_trailer_that_does_not_fit_stores_nothing(stage, checksum):
    head = head_of(stage, PUT, UNSIGNED_TRAILER, len(CONTENT))
    answer = await stage.send(head, Body(encode(UNSIGNED_TRAILER, CONTENT, None, checksum=checksum)))
    assert answer.status == 400
    assert await stored(stage) is None


async def test_a_trailer_becomes_the_checksum_of_the_object(stage):
    assert (await upload(stage, PUT, UNSIGNED_TRAILER, CONTENT)).headers["x-amz-checksum-crc32"] == crc32(CONTENT)


@pytest.mark.parametrize("name", ["x-amz-meta-a", "x-amz-checksum-md4", "x-amz-checksum-crc32,x-amz-checksum-sha1"])
async def test_only_one_known_checksum_can_come_in_a_trailer(stage, name):
    headers = {"x-amz-trailer": name, "x-amz-decoded-content-length": "1"}
    answer = await stage.call(Call(method="PUT", path="/bucket/key", headers=headers, payload=UNSIGNED_TRAILER))
    assert (answer.status, answer.code, answer.body_was_read) == (400, "InvalidRequest", False)


async def link(stage, query="", expires=300):
    return await stage.presigned("PUT", "/bucket/key", query=query, expires=expires)


def link_with_hash(stage, digest):
    """A presigned PUT whose query vouches for the body, as some SDKs make it."""
    amz_date = format_basic_date(time.time())
    scope = f"{amz_date[:8]}/us-east-1/s3/aws4_request"
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256={digest}&X-Amz-Credential={ADMIN.access_key}%2F"
        f"{scope.replace('/', '%2F')}&X-Amz-Date={amz_date}&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
    )
    headers = {"Host": "s3.test", "Content-Length": str(len(CONTENT))}
    head = stage.head(Call(method="PUT", path="/bucket/key", query=query, headers=headers, signed=UNSIGNED))
    request = SignedRequest(method="PUT", raw_path=head.raw_path, raw_query=query, headers=head.headers)
    text = string_to_sign(canonical_request(request, ("host",), digest), amz_date, scope)
    key = signing_key(ADMIN.secret_key, date=amz_date[:8], region="us-east-1", service="s3")
    signature = key.sign(text)
    return msgspec.structs.replace(head, raw_query=f"{query}&X-Amz-Signature={signature}")


async def test_a_link_may_carry_the_hash_of_the_body(stage):
    forged = await stage.send(link_with_hash(stage, SHA256), Body(b"x" * len(CONTENT)))
    assert (forged.status, forged.code) == (400, "XAmzContentSHA256Mismatch")
    assert await stored(stage) is None
    assert (await stage.send(link_with_hash(stage, SHA256), Body(CONTENT))).status == 200


async def test_a_link_cannot_have_a_chunked_body(stage):
    head = await link(stage)
    head = changed(head, x_amz_content_sha256=UNSIGNED_TRAILER, x_amz_decoded_content_length="3")
    answer = await stage.send(head, Body(encode(UNSIGNED_TRAILER, b"abc", None)))
    assert answer.status in (400, 403)
    assert not answer.body_was_read


async def test_a_link_ends_with_its_time(stage):
    head = changed(await link(stage), Content_Length=str(len(CONTENT)))
    assert (await stage.send(head, Body(CONTENT))).status == 200
    old = await stage.presigned("PUT", "/bucket/key", now=time.time() - 100, expires=99)
    answer = await stage.send(changed(old, Content_Length="1"), Body(b"x"))
    assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_an_anonymous_body_is_still_held_against_its_hash(stage):
    await stage.services.grants.give(PUBLIC, Role.READER, "s3:bucket")
    answer = await stage.put("key", CONTENT, payload=SHA256, signed=UNSIGNED)
    assert (answer.status, answer.code, answer.body_was_read) == (403, "AccessDenied", False)


async def test_a_document_longer_than_its_limit_is_refused_without_reading_on(stage):
    head = stage.head(Call(method="PUT", path="/new-bucket"))
    body = Body(b"<" * 2_000_000)
    answer = await stage.send(changed(head, Content_Length=None), body)
    assert answer.code == "MaxMessageLengthExceeded"
    announced = await stage.send(changed(head, Content_Length="2000000"), Body(b"<" * 2_000_000))
    assert (announced.code, announced.body_was_read) == ("MaxMessageLengthExceeded", False)


async def test_a_document_that_ends_early_is_refused(stage):
    head = stage.head(Call(method="POST", path="/bucket", query="delete", headers={"Content-Length": "60"}))
    answer = await stage.send(head, Body(b"<Delete><Object><Key>a</Key></Object></Delete>"))
    assert (answer.status, answer.code) == (400, "IncompleteBody")


async def test_a_full_disk_is_told_and_reads_and_deletes_go_on(stage):
    await stage.put("kept", CONTENT * 3)
    stage.blobs.capacity = len(CONTENT) * 3
    answer = await stage.put("key", CONTENT * 2)
    assert (answer.status, answer.code) == (507, "XMinioStorageFull")
    assert answer.headers["Retry-After"] == "60"
    assert (await stage.ask("GET", "/bucket/kept")).body == CONTENT * 3
    assert (await stage.ask("DELETE", "/bucket/kept")).status == 204


async def test_version_2_is_verified_where_it_is_switched_on():
    stage = await Stage(domain="s3.example", allow_signature_v2=True).prepare()
    await stage.ask("PUT", "/bucket")
    await stage.put("key", CONTENT)
    expires = int(time.time()) + 60

    def query(user: SigningCredentials, resource: str) -> str:
        text = f"GET\n\n\n{expires}\n{resource}".encode()
        signature = base64.b64encode(hmac.digest(user.secret_key.encode(), text, "sha1")).decode()
        escaped = signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        return f"AWSAccessKeyId={user.access_key}&Expires={expires}&Signature={escaped}"

    good = query(ADMIN, "/bucket/key")
    assert (await stage.ask("GET", "/bucket/key", query=good, signed=UNSIGNED)).body == CONTENT
    assert (await stage.ask("GET", "/key", query=good, signed=UNSIGNED, host="bucket.s3.example")).body == CONTENT
    assert (await stage.ask("GET", "/bucket/other", query=good, signed=UNSIGNED)).code == "SignatureDoesNotMatch"
    assert (await stage.ask("GET", "/bucket/key", query=f"{good}&x=1", signed=UNSIGNED)).status == 403
    wrong = query(SigningCredentials(access_key=ADMIN.access_key, secret_key="wrong"), "/bucket/key")
    assert (await stage.ask("GET", "/bucket/key", query=wrong, signed=UNSIGNED)).code == "SignatureDoesNotMatch"
