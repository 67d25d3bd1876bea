"""Keys of the ring as administrators manage them, and wrapping anew after a rotation."""

import msgspec
import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.records import layout
from zotplus.records.objects import decode_object
from zotplus.records.uploads import UPLOAD
from zotplus.services.configuration.documents import Documents
from zotplus.services.encryption import rewrapping as module
from zotplus.services.encryption.kms_keys import KmsKeys
from zotplus.services.encryption.rewrapping import Rewrapped, Rewrapping
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.projections import encryption_of
from zotplus.services.values import Attributes, Protection, Selection

SSE_S3 = Protection(scheme="SSE-S3")


@pytest.fixture
def keys(store, sealing, clock):
    return KmsKeys(store, sealing, clock=clock)


@pytest.fixture
def objects(store, blobs, encryption):
    return Objects(store, blobs, inline_limit=100, encryption=encryption)


@pytest.fixture
def multipart(store, blobs, encryption):
    return Multipart(store, blobs, encryption=encryption)


async def refusal(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault


async def test_a_key_is_made_listed_and_rotated(keys, clock):
    made = await keys.create("backups", "for backups")
    assert (made.id, made.versions, made.enabled, made.description) == ("backups", 1, True, "for backups")
    clock.now += 10
    rotated = await keys.rotate("backups")
    assert (rotated.versions, rotated.rotated - rotated.created) == (2, 10)
    assert await keys.list() == (rotated,)


async def test_a_key_is_made_once_and_by_an_id_that_clients_can_send(keys):
    await keys.create("backups")
    assert await refusal(keys.create("backups")) is errors.RECORD_EXISTS
    assert await refusal(keys.create("sse:s3")) is errors.ARGUMENT_INVALID


async def test_what_is_not_there_is_told(keys):
    assert await refusal(keys.rotate("nothing")) is errors.KMS_KEY_NOT_FOUND
    assert await refusal(keys.enable("nothing", enabled=False)) is errors.KMS_KEY_NOT_FOUND


async def test_keys_of_a_key_service_are_made_there(store, sealing):
    assert await refusal(KmsKeys(store, sealing, is_elsewhere=True).create("k")) is errors.REQUEST_INVALID


async def test_a_disabled_key_can_be_enabled_again_and_that_of_sse_s3_is_never_disabled(keys, objects, content, bucket):
    await keys.create("backups")
    put = Attributes(protection=Protection(scheme="SSE-KMS", key_id="backups"))
    await objects.put(bucket, "k", content.source(b"data"), put)
    await keys.enable("backups", enabled=False)
    assert await refusal(objects.get(bucket, "k")) is errors.KMS_KEY_DISABLED
    await keys.enable("backups", enabled=True)
    assert (await objects.get(bucket, "k"))[0].inline == b"data"
    assert await refusal(keys.enable("sse:s3", enabled=False)) is errors.ARGUMENT_INVALID


@pytest.fixture
async def stored(*, objects, multipart, content, bucket, store, keys):
    """Objects of all schemes, an earlier version, and an upload."""
    await Documents(store).change(bucket, versioning="Enabled")
    await keys.create("backups")
    kms = Protection(scheme="SSE-KMS", key_id="backups")
    for key, protection in (("a", SSE_S3), ("a", SSE_S3), ("b", kms), ("c", None)):
        await objects.put(bucket, key, content.source(b"content of " + key.encode()), Attributes(protection=protection))
    customer = Protection(scheme="SSE-C", customer_key=b"c" * 32)
    await objects.put(bucket, "d", content.source(b"content of d"), Attributes(protection=customer))
    return await multipart.create(bucket, "u", "me", Attributes(protection=SSE_S3), None)


async def wrapped(store):
    def collect(snapshot):
        found = {}
        for table in (layout.OBJECTS, layout.VERSIONS):
            for at, data in snapshot.scan(*layout.table_span(table)):
                found[at] = encryption_of(decode_object(data)[0])
        for at, data in snapshot.scan(*layout.table_span(layout.UPLOADS)):
            found[at] = encryption_of(UPLOAD.decode(data))
        return {at: held.wrapped for at, held in found.items() if held is not None}

    return await store.read(collect)


@pytest.mark.parametrize("page", [1, 200])
async def test_all_is_wrapped_anew_after_a_rotation_and_reads_as_before(
    *, stored, store, keys, encryption, objects, multipart, content, bucket, page, monkeypatch
):
    monkeypatch.setattr(module, "_PAGE", page)
    before = await wrapped(store)
    rewrapping = Rewrapping(store, encryption)
    assert await rewrapping.run() == Rewrapped(encrypted=5, rewrapped=0)
    await keys.rotate("sse:s3")
    await keys.rotate("backups")
    assert await rewrapping.run() == Rewrapped(encrypted=5, rewrapped=4)
    after = await wrapped(store)
    assert sum(before[at] != after[at] for at in before) == 4
    assert await rewrapping.run() == Rewrapped(encrypted=5, rewrapped=0)
    for key in ("a", "b", "c"):
        assert (await objects.get(bucket, key))[0].inline == b"content of " + key.encode()
    opened, _ = await objects.get(bucket, "d", Selection(customer_key=b"c" * 32))
    assert opened.inline == b"content of d"
    part = await multipart.put_part(bucket, "u", stored.upload_id, 1, content.source(b"part"))
    assert part.size == 4


async def test_what_cannot_be_opened_is_counted_and_left(*, stored, store, keys, encryption, objects, bucket):
    await keys.rotate("backups")
    await keys.enable("backups", enabled=False)
    await keys.rotate("sse:s3")
    assert await Rewrapping(store, encryption).run() == Rewrapped(encrypted=5, rewrapped=3, left=1)


async def test_a_damaged_record_is_left_to_the_scrub(stored, store, encryption):
    def damage(transaction):
        at, data = next(iter(transaction.scan(*layout.table_span(layout.OBJECTS))))
        transaction.put(at, data[:-1] + bytes([data[-1] ^ 1]))

    await store.write(damage)
    assert (await Rewrapping(store, encryption).run()).encrypted == 4


async def test_a_key_service_that_is_down_ends_the_run(stored, store, encryption, keys, monkeypatch):
    async def down(*_):
        raise Problem(errors.KMS_UNAVAILABLE)

    await keys.rotate("backups")
    monkeypatch.setattr(type(encryption), "wrapped_anew", down)
    assert await refusal(Rewrapping(store, encryption).run()) is errors.KMS_UNAVAILABLE


async def test_what_changed_meanwhile_is_left_as_it_is(*, stored, store, encryption, keys, objects, content, bucket):
    await keys.rotate("sse:s3")
    rewrapping, original = Rewrapping(store, encryption), encryption.wrapped_anew
    changed = []

    async def slowly(held):
        again = await original(held)
        if not changed:
            changed.append(True)
            await objects.put(bucket, "a", content.source(b"newer"), Attributes(protection=SSE_S3))
            await objects.delete(bucket, "b")
        return again

    encryption.wrapped_anew = slowly
    await rewrapping.run()
    assert (await objects.get(bucket, "a"))[0].inline == b"newer"
    plain = msgspec.structs.replace  # an object that became plain is left too

    def without(transaction):
        for at, data in list(transaction.scan(*layout.table_span(layout.OBJECTS))):
            record, inline = decode_object(data)
            if record.extras is not None:
                transaction.put(at, module.encoded_object(plain(record, extras=None), inline))

    held = await wrapped(store)
    records = [(at, encryption_of(decode_object(data)[0])) for at, data in await everything(store)]
    await store.write(without)
    changes = [(at, one, one) for at, one in records if one is not None and at in held]
    assert await store.write(lambda t: module._apply(t, changes=changes)) == 0
    assert await store.write(lambda t: module._apply(t, changes=[(b"O gone", *changes[0][1:])])) == 0


async def everything(store):
    return await store.read(lambda snapshot: list(snapshot.scan(*layout.table_span(layout.OBJECTS))))
