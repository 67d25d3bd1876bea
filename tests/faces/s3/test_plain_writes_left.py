"""Writes that are not plain, not right or not allowed are left to the way of all others, untouched."""

import time
from dataclasses import replace

import pytest

from tests.faces.s3.plain_writing import (
    INLINE_LIMIT,
    OTHER_NIGHT,
    PLAIN,
    WRONG,
    change_bucket,
    is_taken,
    prepare,
    rebuild,
    sha256,
    usually,
)
from tests.faces.s3.stage import ADMIN, NOBODY, READER, Call, Stage
from zotplus.domain import errors
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4_canonical import SignedRequest, canonical_request, string_to_sign
from zotplus.domain.signatures.sigv4_sign import SigningCredentials
from zotplus.gateway.head import Listener
from zotplus.records import layout
from zotplus.records.buckets import DefaultEncryptionRecord
from zotplus.services.encryption.encryption import Encryption
from zotplus.services.identity.roles import Role
from zotplus.services.plain import Plain


@pytest.fixture
async def ready(stage):
    return await prepare(stage)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"method": "GET"},
        {"path": "/missing/key"},
        {"path": "/bucket"},
        {"path": "/bucket/"},
        {"path": "/bucket/k%65y"},
        {"path": "/bucket/a+b"},
        {"path": "/bucket/" + "k" * 1024},
        {"path": "/UPPER/key"},
        {"query": "versionId=null"},
        {"query": "tagging"},
        {"query": "partNumber=1&uploadId=u"},
        {"signed": None},
        {"signed": NOBODY},
        {"signed": READER},
        {"signed": SigningCredentials(access_key="AKADMIN", secret_key="wrong")},
        {"signed": SigningCredentials(access_key="AKUNKNOWN", secret_key="wrong")},
        {"signed": SigningCredentials(access_key="AKADMIN", secret_key=ADMIN.secret_key, session_token="t")},
        {"payload": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
        {"payload": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
        {"payload": sha256().upper()},
        {"payload": "nonsense"},
        {"now": OTHER_NIGHT},
        {"host": "two  blanks"},
        {"body": b"x" * (INLINE_LIMIT + 1)},
    ],
    ids=lambda change: str(change)[:60],
)
async def test_what_is_not_plain_or_not_right_goes_the_way_of_all_others(ready, change):
    assert is_taken(ready, PLAIN)
    assert not is_taken(ready, replace(PLAIN, **change))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-meta-a", "b"),
        ("Cache-Control", "no-cache"),
        ("Content-Encoding", "gzip"),
        ("Content-Disposition", "attachment"),
        ("Content-Language", "en"),
        ("Expires", "never"),
        ("Content-MD5", "mgNkuembtIDdJeHwKEyFVQ=="),
        ("x-amz-checksum-crc32", "AAAAAA=="),
        ("x-amz-checksum-algorithm", "CRC32"),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-decoded-content-length", "7"),
        ("x-amz-tagging", "a=b"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key"),
        ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-acl", "private"),
        ("x-amz-grant-read", 'id="AKREADER"'),
        ("x-amz-website-redirect-location", "/other"),
        ("x-amz-expected-bucket-owner", "other"),
        ("x-amz-request-payer", "requester"),
        ("x-amz-write-offset-bytes", "1"),
        ("x-amz-copy-source", "/bucket/other"),
        ("If-Match", "*"),
        ("If-None-Match", "*"),
        ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("Expect", "100-continue"),
        ("Range", "bytes=0-1"),
        ("Content-Range", "bytes 0-1/2"),
        ("Transfer-Encoding", "chunked"),
        ("Origin", "https://example.org"),
        ("Cookie", "a=b"),
        ("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Content-Type", "Text/Plain"),
        ("Content-Type", "text"),
        ("Content-Type", "text/plain; format=flowed"),
        ("Content-Type", "text/plain,text/html"),
        ("Content-Type", "text/plain\t"),
        ("Content-Type", "text/pl\u00e4in"),
        ("Content-Type", "aws-chunked"),
    ],
)
async def test_a_header_that_means_more_is_read_by_the_usual_steps(ready, name, value):
    assert is_taken(ready, PLAIN)
    assert not is_taken(ready, replace(PLAIN, headers={name: value}))


async def test_every_header_that_counts_is_signed_and_stands_once(ready):
    head = ready.head(PLAIN)
    raw = head.raw_headers
    given = {name.lower(): value for name, value in raw}

    def with_raw(*changed):
        return is_taken(ready, PLAIN, raw_headers=changed)

    def with_authorization(value):
        return with_raw(*[(name, value if name == b"authorization" else old) for name, old in raw])

    assert with_raw(*raw)
    assert with_raw(*raw, (b"content-type", b"text/plain; charset=utf-8"))  # it need not be signed
    assert not with_raw(*raw, (b"content-type", b"text/plain"), (b"Content-Type", b"text/html"))
    assert not with_raw(*raw, (b"Content-Length", given[b"content-length"]))
    assert not with_raw(*raw, (b"x-amz-user-agent", b"a"))
    for name in (b"x-amz-content-sha256", b"x-amz-date", b"authorization"):
        assert not with_raw(*[pair for pair in raw if pair[0].lower() != name])
    signed = given[b"authorization"]
    assert not with_authorization(signed.replace(b"SignedHeaders=host;", b"SignedHeaders=absent;host;"))
    assert not with_authorization(signed + b"0")
    assert not with_authorization(signed[:-1] + (b"0" if signed[-1:] != b"0" else b"1"))


async def test_another_key_query_method_or_payload_than_what_was_signed_is_not_taken(ready):
    assert not is_taken(ready, PLAIN, raw_path="/bucket/other")
    assert not is_taken(ready, PLAIN, raw_query="tagging")
    made = ready.head(replace(PLAIN, payload=sha256()))
    raw = [(name, WRONG.encode() if name == b"x-amz-content-sha256" else value) for name, value in made.raw_headers]
    assert is_taken(ready, PLAIN, raw_headers=made.raw_headers)
    assert not is_taken(ready, PLAIN, raw_headers=tuple(raw))
    read = ready.head(Call(method="GET", path="/bucket/key"))
    assert not is_taken(ready, PLAIN, raw_headers=read.raw_headers)


async def test_the_date_of_the_scope_is_that_of_the_request(ready):
    """A key derived for another day signs nothing of today, however rightly it signs."""
    head = ready.head(PLAIN)
    raw = dict(head.raw_headers)
    date, other = raw[b"x-amz-date"].decode(), "20200101"
    names = "host;x-amz-content-sha256;x-amz-date"
    request = SignedRequest(method="PUT", raw_path="/bucket/key", raw_query="", headers=head.headers)

    def taken(day):
        scope = f"{day}/us-east-1/s3/aws4_request"
        to_sign = string_to_sign(canonical_request(request, names.split(";"), "UNSIGNED-PAYLOAD"), date, scope)
        signature = signing_key(ADMIN.secret_key, day, "us-east-1", "s3").sign(to_sign)
        said = f"AWS4-HMAC-SHA256 Credential={ADMIN.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return is_taken(ready, PLAIN, raw_headers=tuple((raw | {b"authorization": said.encode()}).items()))

    assert taken(date[:8])
    assert not taken(other)


async def test_a_signature_counts_for_its_time_only(ready):
    for ahead, is_plain in ((0, True), (-890, True), (890, True), (-910, False), (910, False)):
        assert is_taken(ready, replace(PLAIN, now=time.time() + ahead)) is is_plain


@pytest.mark.parametrize(
    "changes",
    [
        {"quota_bytes": 1 << 40},
        {"quota_objects": 1_000},
        {"lock_enabled": True, "versioning": "Enabled"},
        {"encryption": DefaultEncryptionRecord(scheme="SSE-S3")},
        {"encryption": DefaultEncryptionRecord(scheme="SSE-KMS", key_id="key")},
    ],
    ids=str,
)
async def test_a_bucket_in_which_writing_takes_more_is_not_plain(ready, changes):
    assert is_taken(ready, PLAIN)
    await change_bucket(ready, **changes)
    assert not is_taken(ready, PLAIN)


@pytest.mark.parametrize("kind", ["lifecycle", "logging"])
async def test_a_bucket_that_has_more_to_tell_of_a_write_is_not_plain(ready, kind):
    await ready.services.documents.put("bucket", "cors", b"")
    assert is_taken(ready, PLAIN)
    await ready.services.documents.put("bucket", kind, b"")
    assert not is_taken(ready, PLAIN)


async def test_where_everything_is_encrypted_nothing_is_plain(ready):
    assert is_taken(ready, PLAIN)
    encryption = Encryption(scheme="SSE-S3")
    rebuild(ready, plain=Plain(ready.store, ready.services.access, encryption))
    assert not is_taken(ready, PLAIN)


async def test_where_hosts_name_buckets_nothing_is_plain():
    stage = await Stage(domain="s3.test").prepare()
    assert (await stage.ask("PUT", "/bucket")).status == 200
    assert not is_taken(stage, PLAIN)
    assert not is_taken(stage, replace(PLAIN, host="other.test"))


async def test_a_credential_that_was_not_looked_up_yet_is_so_by_the_usual_steps(stage):
    await stage.services.grants.give(READER.access_key, Role.PUBLISHER, "s3:bucket")
    call = replace(PLAIN, signed=READER)
    assert not is_taken(stage, call)
    assert (await usually(stage, call))[0][0] == 200
    assert is_taken(stage, call)


async def test_a_store_whose_reads_wait_has_no_plain_writes(ready):
    assert Plain(object(), ready.services.access).find_target("AKADMIN", "bucket") is None


async def test_a_damaged_bucket_is_told_by_the_usual_steps(ready):
    assert is_taken(ready, PLAIN)
    await ready.store.write(lambda transaction: transaction.put(layout.bucket("bucket"), b"junk"))
    assert not is_taken(ready, PLAIN)
    assert (await usually(ready, PLAIN))[0][0] == 500


async def test_rights_count_and_a_withdrawn_one_counts_at_once(ready):
    call = replace(PLAIN, signed=READER)
    assert (await usually(ready, call))[0][0] == 403
    assert not is_taken(ready, call)
    given = await ready.services.grants.give(READER.access_key, Role.PUBLISHER, "s3:bucket")
    assert (await usually(ready, call))[0][0] == 200
    assert is_taken(ready, call)
    assert not is_taken(ready, replace(call, path="/other/key"))
    await ready.services.grants.withdraw(given.id)
    assert not is_taken(ready, call)


async def test_a_credential_that_ends_counts_no_longer_though_nothing_changed(ready):
    call = replace(PLAIN, signed=await ready.passing(Role.PUBLISHER))
    assert (await usually(ready, call))[0][0] == 200
    assert is_taken(ready, call)
    ready.ahead = 1001.0
    assert not is_taken(ready, call)
    assert (await usually(ready, call))[1].fault is errors.CREDENTIALS_EXPIRED


@pytest.mark.parametrize("listener", list(Listener))
async def test_what_was_taken_once_is_looked_up_again_after_any_change(ready, listener):
    call = replace(PLAIN, listener=listener)
    assert is_taken(ready, call)
    await change_bucket(ready, quota_bytes=1)
    assert not is_taken(ready, call)
    await change_bucket(ready, quota_bytes=0)
    assert is_taken(ready, call)
    assert (await ready.ask("DELETE", "/bucket")).status == 204
    assert not is_taken(ready, call)


async def test_a_right_to_read_is_none_to_write(ready):
    call = replace(PLAIN, signed=READER)
    await ready.services.grants.give(READER.access_key, Role.READER, "s3:bucket")
    assert (await ready.call(replace(call, method="GET", body=b""))).status == 404
    assert not is_taken(ready, call)
