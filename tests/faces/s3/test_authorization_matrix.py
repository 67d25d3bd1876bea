"""Every operation by every kind of bad credential and bad body, generated from the route table: nothing may pass.

An operation without a sample, or a sample without an operation, fails: CVE-2026-40344 was a handler that nobody had put
into the list of those to be checked.
"""

import copy
import time
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.s3 import chunked_bodies
from tests.faces.s3.chunked_bodies import MODES, SIGNED, UNSIGNED_TRAILER, encode, head_of, seed_of
from tests.faces.s3.samples import NEVER_THERE, samples
from tests.faces.s3.stage import ADMIN, NOBODY, Answer, Body, Call, Stage
from zotplus.domain.principals import PrincipalKind
from zotplus.domain.signatures.sigv4_sign import SigningCredentials
from zotplus.gateway.head import RequestHead
from zotplus.protocols.s3.routes import ROWS

NAMES = [row.route.name for row in ROWS]
WITH_BODY = [row.route.name for row in ROWS if row.route.takes_body]
WRONG_SECRET = SigningCredentials(access_key=ADMIN.access_key, secret_key="wrong-secret-wrong-secret")
UNKNOWN_KEY = SigningCredentials(access_key="AKUNKNOWN", secret_key="whatever-whatever")
EXPIRED_KEY = SigningCredentials(access_key="AKEXPIRED", secret_key="expired-secret-expired")

Sender = Callable[[Stage, Call], Awaitable[Answer]]


async def contents(stage: Stage) -> tuple:
    """Everything that is stored."""
    pairs = await stage.store.read(lambda snapshot: tuple(snapshot.scan(b"")))
    return pairs, tuple(sorted(stage.blobs.blobs)), len(stage.blobs.unfinished)


def with_head(head: RequestHead, **changes) -> RequestHead:
    headers = CIMultiDict(head.headers)
    headers.update(changes.pop("headers", {}))
    return msgspec.structs.replace(head, headers=CIMultiDictProxy(headers), **changes)


def by(user: SigningCredentials | None, **changes) -> Sender:
    async def send(stage: Stage, call: Call) -> Answer:
        altered = copy.copy(call)
        altered.signed = user
        for name, value in changes.items():
            setattr(altered, name, value)
        return await stage.call(altered)

    return send


def presigned(**options) -> Sender:
    async def send(stage: Stage, call: Call) -> Answer:
        head = await stage.presigned(call.method, call.path, query=call.query, headers=call.headers, **options)
        return await stage.send(with_head(head, headers={"Content-Length": str(len(call.body))}), Body(call.body))

    return send


async def expired_key(stage: Stage, call: Call) -> Answer:
    stage.ahead = 3601.0
    try:
        return await by(EXPIRED_KEY)(stage, call)
    finally:
        stage.ahead = 0.0


async def another_path(stage: Stage, call: Call) -> Answer:
    signed = stage.head(Call(**{**call.__dict__, "path": "/bucket/other", "body": call.body}))
    return await stage.send(with_head(signed, raw_path=call.path), Body(call.body))


async def another_query(stage: Stage, call: Call) -> Answer:
    head = stage.head(call)
    return await stage.send(with_head(head, raw_query=f"{head.raw_query}&x-id=1"), Body(call.body))


async def another_method(stage: Stage, call: Call) -> Answer:
    signed = stage.head(Call(**{**call.__dict__, "method": "OPTIONS"}))
    length = {"Content-Length": str(len(call.body))}
    return await stage.send(with_head(signed, method=call.method, headers=length), Body(call.body))


async def header_and_query(stage: Stage, call: Call) -> Answer:
    head = stage.head(call)
    linked = await stage.presigned(call.method, call.path, query=call.query)
    return await stage.send(with_head(head, raw_query=linked.raw_query), Body(call.body))


async def basic(stage: Stage, call: Call) -> Answer:
    return await stage.call(
        Call(**{**call.__dict__, "signed": None, "headers": {**call.headers, "Authorization": "Basic QUtBRE1JTjp4"}})
    )


async def bearer(stage: Stage, call: Call) -> Answer:
    return await stage.call(
        Call(**{**call.__dict__, "signed": None, "headers": {**call.headers, "Authorization": "Bearer abc"}})
    )


async def version_2(stage: Stage, call: Call) -> Answer:
    query = (
        f"{call.query}&AWSAccessKeyId={ADMIN.access_key}&Expires=9999999999&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"
    )
    return await stage.call(Call(**{**call.__dict__, "signed": None, "query": query.lstrip("&")}))


async def session_token(stage: Stage, call: Call) -> Answer:
    user = SigningCredentials(access_key=ADMIN.access_key, secret_key=ADMIN.secret_key, session_token="made-up")
    return await by(user)(stage, call)


async def a_lone_credential_in_the_query(stage: Stage, call: Call) -> Answer:
    query = f"{call.query}&X-Amz-Credential={ADMIN.access_key}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request".lstrip("&")
    return await stage.call(Call(**{**call.__dict__, "signed": None, "query": query}))


CREDENTIALS: dict[str, Sender] = {
    "none": by(None),
    "wrong secret": by(WRONG_SECRET),
    "unknown key": by(UNKNOWN_KEY),
    "expired key": expired_key,
    "no rights": by(NOBODY),
    "clock behind": by(ADMIN, now=time.time() - 7200),
    "clock ahead": by(ADMIN, now=time.time() + 7200),
    "expired link": presigned(expires=60, now=time.time() - 61),
    "link from the future": presigned(now=time.time() + 7200),
    "link of nobody": presigned(user=NOBODY),
    "link with a wrong secret": presigned(user=WRONG_SECRET),
    "another path": another_path,
    "another query": another_query,
    "another method": another_method,
    "header and query": header_and_query,
    "a lone credential in the query": a_lone_credential_in_the_query,
    "basic": basic,
    "bearer": bearer,
    "version 2 though it is off": version_2,
    "session token": session_token,
}
# Everybody with a credential may ask for the list of buckets; it is then empty.
ALLOWED = {("ListBuckets", "no rights"), ("ListBuckets", "link of nobody")}


@pytest.fixture
async def full_stage(stage):
    access = stage.services.access
    await access.create(
        kind=PrincipalKind.KEY,
        name="expired",
        id_=EXPIRED_KEY.access_key,
        secret=EXPIRED_KEY.secret_key,
        expires=time.time() + 3600,
    )
    stage.samples = await samples(stage)
    return stage


async def test_every_operation_has_a_sample_that_its_owner_may_make(full_stage):
    assert sorted(full_stage.samples) == sorted(NAMES)
    for name in [*[n for n in NAMES if "Delete" not in n and "Abort" not in n and "Complete" not in n], "DeleteObject"]:
        answer = await full_stage.call(full_stage.samples[name])
        assert answer.status in ((404,) if name in NEVER_THERE else (200, 204)), (name, answer.body)


@pytest.mark.parametrize("name", NAMES)
async def test_an_operation_refuses_every_bad_credential_and_changes_nothing(full_stage, name):
    call = full_stage.samples[name]
    before = await contents(full_stage)
    accepted = []
    for kind, send in CREDENTIALS.items():
        answer = await send(full_stage, call)
        refused = answer.status in (400, 403)
        if answer.status == 200 and name == "DeleteObjects" and kind in ("no rights", "link of nobody"):
            refused = answer.texts("Error/Code") == ["AccessDenied"] and not answer.texts("Deleted/Key")
        if not refused and (name, kind) not in ALLOWED:
            accepted.append((kind, answer.status))
        if kind not in ("no rights", "link of nobody", "none"):
            assert not answer.body_was_read, kind
    assert accepted == []
    assert await contents(full_stage) == before


async def test_the_matrix_notices_what_is_accepted(full_stage):
    """The proof that the test above can fail: with a good credential the same comparison finds a change."""
    before = await contents(full_stage)
    assert (await by(ADMIN)(full_stage, full_stage.samples["PutObject"])).status == 200
    assert await contents(full_stage) != before


def fabricate(head: RequestHead) -> RequestHead:
    """The same head with a signature that nobody made."""
    authorization = head.headers["authorization"]
    return with_head(head, headers={"authorization": authorization[:-64] + "0" * 64})


@pytest.mark.parametrize("mode", [*MODES, "UNSIGNED-PAYLOAD", "0" * 64, ""])
@pytest.mark.parametrize("name", WITH_BODY)
async def test_a_fabricated_signature_is_refused_in_every_payload_mode(full_stage, name, mode):
    """CVE-2025-31489 (GHSA-wg47-6jq2-q2hh): the request's signature was not checked for unsigned-trailer uploads."""
    call = full_stage.samples[name]
    before = await contents(full_stage)
    if mode in MODES:
        head = fabricate(head_of(full_stage, call, mode, len(call.body)))
        body = encode(mode, call.body, None if mode == UNSIGNED_TRAILER else seed_of(head))
    else:
        head, body = fabricate(full_stage.head(Call(**{**call.__dict__, "payload": mode or None}))), call.body
    answer = await full_stage.send(head, Body(body))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert not answer.body_was_read
    assert await contents(full_stage) == before


async def tampered(stage: Stage, call: Call, kind: str) -> Answer:
    """``call`` with an honest signature and a body that is not the signed one."""
    data = call.body or b"<CreateBucketConfiguration/>"
    call = Call(**{**call.__dict__, "body": data})
    if kind == "literal":
        return await stage.call(Call(**{**call.__dict__, "payload": "0" * 64}))
    mode = kind.partition(" ")[0]
    head = head_of(stage, call, mode, len(data))
    seed = None if mode == UNSIGNED_TRAILER else seed_of(head)
    body = encode(mode, data, seed, checksum=chunked_bodies.crc32(b"other") if "checksum" in kind else "")
    if "changed" in kind:
        body = body.replace(data[:10], b"X" * 10)
    elif "cut" in kind:
        body = body[:-4]
    elif "more" in kind:
        body += b"5\r\nhello\r\n0\r\n\r\n"
    elif "swapped" in kind:
        first = body.index(b"chunk-signature=") + 16
        body = body[:first] + b"0" * 64 + body[first + 64 :]
    return await stage.send(head, Body(body))


INTEGRITY = {
    "BadDigest",
    "IncompleteBody",
    "MalformedPOSTRequest",  # a form whose beginning was changed is none
    "InvalidRequest",
    "MalformedTrailerError",
    "SignatureDoesNotMatch",
    "XAmzContentSHA256Mismatch",
}
TAMPERED = [
    "literal",
    *[f"{mode} {how}" for mode in MODES for how in ("changed", "cut", "more")],
    *[f"{mode} checksum" for mode in MODES if mode != SIGNED],
    *[f"{mode} swapped" for mode in MODES if mode != UNSIGNED_TRAILER],
]


@pytest.mark.parametrize("kind", TAMPERED)
@pytest.mark.parametrize("name", WITH_BODY)
async def test_a_tampered_body_is_refused_in_every_payload_mode_and_changes_nothing(full_stage, name, kind):
    before = await contents(full_stage)
    answer = await tampered(full_stage, full_stage.samples[name], kind)
    assert answer.status in (400, 403), answer.body
    assert answer.code in INTEGRITY
    assert await contents(full_stage) == before


@pytest.mark.parametrize("mode", MODES)
async def test_the_same_body_untampered_is_taken(full_stage, mode):
    call = full_stage.samples["PutObject"]
    answer = await chunked_bodies.upload(full_stage, call, mode, call.body, piece=100)
    assert answer.status == 200, answer.body
    assert (await full_stage.ask("GET", "/bucket/key")).body == call.body
    assert "Content-Encoding" not in (await full_stage.ask("HEAD", "/bucket/key")).headers


async def test_an_anonymous_request_cannot_have_a_signed_body(full_stage):
    headers = {"x-amz-content-sha256": SIGNED, "x-amz-decoded-content-length": "1", "Content-Length": "90"}
    answer = await full_stage.call(Call(method="PUT", path="/bucket/key", headers=headers, signed=None))
    assert (answer.status, answer.body_was_read) == (403, False)
