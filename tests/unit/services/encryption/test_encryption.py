"""Which encryption an object gets, and how its key is wrapped and opened."""

import msgspec
import pytest

from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.domain import errors
from zotplus.domain.encryption.schemes import read_key_id
from zotplus.domain.errors import Problem
from zotplus.records.buckets import BucketRecord, DefaultEncryptionRecord
from zotplus.records.encryption.ring_keys import find_ring_key, put_ring_key
from zotplus.services.encryption.content_keys import new_content_key
from zotplus.services.encryption.encryption import Encryption, check_customer_key, key_md5
from zotplus.services.encryption.ring import with_new_version
from zotplus.services.values import Protection

CUSTOMER = b"c" * 32
S3 = Protection(scheme="SSE-S3")
KMS = Protection(scheme="SSE-KMS", key_id="s3-default", context='{"a":"b"}')
SSE_C = Protection(scheme="SSE-C", customer_key=CUSTOMER)


def bucket(**default):
    record = BucketRecord(id=b"12345678", created_ms=1, owner="o", region="r")
    return msgspec.structs.replace(record, encryption=DefaultEncryptionRecord(**default)) if default else record


async def refusal(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault


@pytest.mark.parametrize("chosen", [S3, KMS, SSE_C], ids=lambda chosen: chosen.scheme)
async def test_a_key_opens_as_it_was_wrapped(encryption, chosen):
    key, record = await encryption.begin(chosen)
    assert record.scheme == chosen.scheme
    assert key.secret not in record.wrapped
    assert (await encryption.open(record, chosen.customer_key)).secret == key.secret


async def test_sse_kms_without_a_key_is_wrapped_under_the_default(encryption):
    _, record = await encryption.begin(Protection(scheme="SSE-KMS"))
    assert record.key_id == "s3-default"


async def test_every_object_has_a_key_of_its_own(encryption):
    assert (await encryption.begin(S3))[0].secret != (await encryption.begin(S3))[0].secret


async def test_nothing_is_encrypted_that_nobody_asked_for(encryption):
    assert encryption.choose(bucket(), None) is None
    assert await encryption.begin(None) is None


async def test_the_request_comes_before_the_bucket_and_the_bucket_before_the_server(encryption):
    on = Encryption(scheme="SSE-S3")
    assert on.choose(bucket(), None) == S3
    assert on.choose(bucket(scheme="SSE-KMS", key_id="k"), None) == Protection(scheme="SSE-KMS", key_id="k")
    assert encryption.choose(bucket(scheme="SSE-KMS", key_id="k"), S3) == S3
    assert encryption.choose(bucket(scheme="SSE-S3"), None) == S3


async def test_kms_without_a_key_takes_the_buckets_or_the_default(encryption):
    asked = Protection(scheme="SSE-KMS")
    assert encryption.choose(bucket(scheme="SSE-KMS", key_id="k"), asked).key_id == "k"
    assert encryption.choose(bucket(scheme="SSE-S3"), asked).key_id == "s3-default"
    assert encryption.choose(bucket(), asked).key_id == "s3-default"


async def test_without_rings_whoever_asks_for_encryption_is_refused():
    """RustFS GHSA-xrrf: SSE claimed, plaintext stored."""
    assert await refusal(Encryption().begin(S3)) is errors.HEADER_CRYPTO_UNSUPPORTED


async def test_a_customers_key_must_be_the_one_and_is_wanted_nowhere_else(encryption):
    key, record = await encryption.begin(SSE_C)
    assert await refusal(encryption.open(record, b"")) is errors.ENCRYPTION_KEY_MISSING
    assert await refusal(encryption.open(record, b"d" * 32)) is errors.ENCRYPTION_KEY_WRONG
    assert await refusal(encryption.wrap(key, Protection(scheme="SSE-C"))) is errors.ENCRYPTION_KEY_MISSING
    _, other = await encryption.begin(S3)
    assert await refusal(encryption.open(other, CUSTOMER)) is errors.ENCRYPTION_KEY_UNWANTED
    with pytest.raises(Problem):
        check_customer_key(None, CUSTOMER)
    check_customer_key(None, b"")


async def test_the_customers_key_is_in_no_record(encryption):
    _, record = await encryption.begin(SSE_C)
    assert CUSTOMER not in msgspec.msgpack.encode(record)
    assert key_md5(CUSTOMER) not in str(record)
    assert "c" * 8 not in repr(SSE_C)
    assert repr(new_content_key(AesGcm)) == "ContentKey()"


async def test_a_key_is_wrapped_anew_after_a_rotation_and_only_then(encryption, store, sealing):
    for chosen, ring_key in ((S3, "sse:s3"), (KMS, "s3-default")):
        key, record = await encryption.begin(chosen)
        assert await encryption.wrapped_anew(record) is None

        def rotate(transaction, ring_key=ring_key):
            found = find_ring_key(transaction, ring_key)
            put_ring_key(transaction, ring_key, with_new_version(sealing, ring_key, found, 9))

        await store.write(rotate)
        anew = await encryption.wrapped_anew(record)
        assert anew.wrapped != record.wrapped
        assert (await encryption.open(anew, b"")).secret == key.secret
    _, record = await encryption.begin(SSE_C)
    assert await encryption.wrapped_anew(record) is None


async def test_what_a_key_seals_it_opens():
    key = new_content_key(AesGcm)
    sealer = key.sealer(3)
    sealed = sealer.update(b"hello") + sealer.finish()
    assert b"".join(key.opener(sealer.stream, 5).open_run(sealed, 1, 5)) == b"ello"


@pytest.mark.parametrize(
    ("text", "key_id"),
    [("backups", "backups"), ("arn:aws:kms:us-east-1:000000000000:key/a-b.c_1", "a-b.c_1"), ("a" * 128, "a" * 128)],
)
def test_a_key_is_named_by_id_or_arn(text, key_id):
    assert read_key_id(text) == key_id


@pytest.mark.parametrize(
    "text", ["", "alias/x", "arn:aws:kms:us-east-1:000000000000:alias/x", "sse:s3", "a" * 129, "a/b", "a\n"]
)
def test_what_can_be_no_key_is_refused(text):
    with pytest.raises(Problem) as raised:
        read_key_id(text)
    assert raised.value.fault is errors.ARGUMENT_INVALID


def test_only_named_keys_take_a_right_of_their_own(encryption):
    assert encryption.guarded_key(Protection(scheme="SSE-KMS", key_id="payroll")) == "payroll"
    for other in (None, S3, SSE_C, KMS):
        assert encryption.guarded_key(other) == ""
