"""Sharing over the memory store: who is named, what is loaded, and what becomes of damage."""

import json

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Need
from zotplus.domain.storage.acls import BUCKET_OWNER, WRITER
from zotplus.records import layout
from zotplus.records.access import CredentialRecord, UserRecord, generation, put_credential, put_user
from zotplus.records.trusts import TrustRecord, put_trust
from zotplus.services.buckets import Buckets
from zotplus.services.identity.rights import Rights
from zotplus.services.sharing import loading
from zotplus.services.sharing.loading import SharedBuckets, policy_named
from zotplus.services.sharing.names import Names, canonical_id
from zotplus.services.sharing.objects import ObjectSharing
from zotplus.services.sharing.sharing import Sharing
from zotplus.services.sharing.values import Address, AskedList, PublicAccessBlock
from zotplus.services.values import AclGrant, Actor, Attributes, BucketOptions

KEY = "ZPALICE"


@pytest.fixture
async def sharing(store, bucket):
    record = CredentialRecord(kind="key", name="alice", created_ms=0, expires_ms=None, sealed=b"x")
    await store.write(lambda transaction: put_credential(transaction, KEY, record))
    return Sharing(store, issuers=["kc"])


def policy(name="box", **fields):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    return json.dumps({"Statement": {**statement, **fields}}).encode()


async def rights(store, who, need, rights=None):
    known = rights or Rights()
    return await store.read(lambda snapshot: known.of(snapshot, who).decide(need))


READ = Need("s3:GetObject", "s3:box/k")


async def test_a_policy_is_kept_as_it_was_sent_and_counts_at_once(store, sharing):
    kept = Rights()
    assert not isinstance(await rights(store, KEY, READ, kept), Allowed)
    text = policy(Principal={"AWS": KEY}).replace(b'": ', b'" :\n')
    await sharing.put_policy("box", text)
    assert await sharing.policy("box") == text
    decision = await rights(store, KEY, READ, kept)
    assert (decision.policy, decision.statement) == ("bucket:box", "#1")
    await sharing.delete_policy("box")
    assert not isinstance(await rights(store, KEY, READ, kept), Allowed)


async def test_every_change_makes_caches_stale(store, sharing):
    async def now():
        return await store.read(generation)

    before = await now()
    for change in (
        sharing.put_policy("box", policy()),
        sharing.put_block("box", PublicAccessBlock(restrict=True)),
        sharing.put_block("box", None),
        sharing.delete_policy("box"),
        sharing.put_ownership("box", "ObjectWriter"),
        sharing.put_bucket_list("box", AskedList(grants=(AclGrant(KEY, "READ"),))),
        Buckets(store, "here").delete("box"),
    ):
        await change
        assert await now() > before
        before = await now()


async def test_a_bucket_without_any_of_it_costs_no_generation(store, sharing):
    before = await store.read(generation)
    await Buckets(store, "here").create("plain", "owner")
    await Buckets(store, "here").delete("plain")
    assert await store.read(generation) == before


async def test_only_what_changed_is_prepared_anew(store, sharing, monkeypatch):
    buckets = Buckets(store, "here")
    for name in ("b1x", "b2x", "b3x"):
        await buckets.create(name, "owner")
        await sharing.put_policy(name, policy(name))
    asked = []
    original = loading.policies_of
    monkeypatch.setattr(loading, "policies_of", lambda snapshot, name: asked.append(name) or original(snapshot, name))
    shared = SharedBuckets()
    first = await store.read(shared.statements)
    assert asked == ["b1x", "b2x", "b3x"]
    await sharing.put_policy("b2x", policy("b2x", Effect="Deny"))
    second = await store.read(shared.statements)
    assert asked == ["b1x", "b2x", "b3x", "b2x"]
    assert [one is other for one, other in zip(first, second, strict=True)] == [True, False, True]
    await buckets.delete("b1x")
    assert len(await store.read(shared.statements)) == 2


@pytest.mark.parametrize("damage", [b"", b"w\x01\xff", b"w\x01\x92\xc4\x01x\x81\xa9Statement\x01"])
async def test_a_policy_that_cannot_be_read_denies_its_bucket_alone(store, sharing, damage):
    await Buckets(store, "here").create("other", "owner")
    await sharing.put_policy("other", policy("other"))
    await sharing.put_policy("box", policy())
    record = (await store.read(lambda snapshot: loading.find_bucket(snapshot, "box"))).id
    await store.write(lambda transaction: transaction.put(layout.document(record, "policy"), damage))
    assert (await rights(store, KEY, READ)).policy == "bucket:box"
    assert (await rights(store, KEY, READ)).explicit
    assert isinstance(await rights(store, KEY, Need("s3:GetObject", "s3:other/k")), Allowed)


async def test_public_access_switched_off_closes_policies_too(store, sharing):
    await sharing.put_policy("box", policy())
    assert isinstance(await rights(store, "anonymous", READ), Allowed)
    assert not isinstance(await rights(store, "anonymous", READ, Rights(public_access=False)), Allowed)


async def test_a_policy_is_found_by_the_name_that_decisions_give_it(store, sharing):
    await sharing.put_policy("box", policy())
    await sharing.put_ownership("box", "ObjectWriter")

    async def named(text):
        return await store.read(lambda snapshot: policy_named(snapshot, text))

    assert (await named("bucket:box")).scope == "s3:box"
    assert (await named("acl:box")).scope == "s3:box"
    assert await named("reader on s3:box") is None
    assert await named("bucket:missing") is not None  # a bucket that is gone denies


@pytest.mark.parametrize(
    ("type_", "text", "name"),
    [
        ("AWS", KEY, KEY),
        ("AWS", f"arn:aws:iam::000000000000:user/{KEY}", KEY),
        ("AWS", canonical_id(KEY), KEY),
        ("CanonicalUser", canonical_id(KEY), KEY),
        ("AWS", canonical_id("owner"), "owner"),
        ("CanonicalUser", KEY, ""),
        ("AWS", canonical_id("nobody"), ""),
        ("AWS", "ZPNOBODY", ""),
        ("AWS", "user:kc:bob", "user:kc:bob"),
        ("AWS", "group:kc:team", "group:kc:team"),
        ("AWS", "user:other:bob", ""),
        ("AWS", "certificate:ops", "certificate:ops"),
        ("AWS", "trust:release", "trust:release"),
        ("AWS", "arn:aws:iam::000000000000:role/release", "trust:release"),
        ("AWS", "trust:missing", ""),
        ("AWS", "arn:aws:iam::000000000000:user/eve", "user:iam:eve"),
        ("AWS", "user:iam:eve", "user:iam:eve"),
        ("AWS", "arn:aws:iam::000000000000:user/ci", "user:iam:ci"),
        ("AWS", "arn:aws:iam::000000000000:user/a+b=c,d@example", "user:iam:a+b=c,d@example"),
        ("AWS", "arn:aws:iam::000000000000:user/xy", ""),
        ("AWS", "ci", ""),
        ("AWS", "user:iam:nobody", ""),
        ("AWS", "eve", ""),
        ("AWS", "authenticated", "authenticated"),
        ("AWS", "public", "public"),
        ("AWS", "anonymous", ""),
        ("AWS", "arn:aws:iam::000000000000:root", ""),
        ("AWS", "", ""),
    ],
)
async def test_principals_are_found_by_every_name(store, sharing, type_, text, name):
    trust = TrustRecord(
        issuer="kc", audience="a", claims=(), lifetime=1, reuse=False, description="", created_ms=0, changed_ms=0
    )
    await store.write(lambda transaction: put_trust(transaction, "release", trust))
    for user in ("eve", "ci", "a+b=c,d@example"):  # two characters and signs are no id of a key
        record = UserRecord(name=user, id="AIDA", path="/", created_ms=0)
        await store.write(lambda transaction, record=record: put_user(transaction, record))
    found = await store.read(lambda snapshot: Names(snapshot, ["kc"], ["owner"]).of_principal(type_, text))
    assert found == name


async def test_grantees_are_no_groups_of_everybody(store, sharing):
    def ask(text):
        return store.read(lambda snapshot: Names(snapshot, None).of_grantee(text))

    assert [await ask(text) for text in ("public", "authenticated", "anonymous")] == ["", "", ""]
    assert [await ask(text) for text in (KEY, canonical_id(KEY), "user:any:bob")] == [KEY, KEY, "user:any:bob"]


async def test_a_list_that_names_nobody_is_refused_where_lists_do_not_count_too(sharing):
    for grants in ((AclGrant("#nobody", "FULL_CONTROL"),), (), (AclGrant(KEY, "FULL_CONTROL"),)):
        with pytest.raises(Problem) as caught:
            await sharing.put_bucket_list("box", AskedList(grants=grants))
        assert caught.value.fault is errors.ACL_UNSUPPORTED
    await sharing.put_bucket_list("box", AskedList(grants=(AclGrant(WRITER, "FULL_CONTROL"),)))


# --- objects ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def written(store, objects, content, sharing):
    """An object of ada's in a bucket where lists count."""
    await sharing.put_ownership("box", "ObjectWriter")
    await write(objects, content, "ada")
    return ObjectSharing(store, sharing)


async def write(objects, content, who, key="k", **attributes):
    source = content.source(b"one")
    source = type(source)(chunks=source.chunks, expected=source.expected, by=Actor(principal=who))
    return await objects.put("box", key, source, Attributes(**attributes))


AT = Address(bucket="box", key="k")


async def test_facts_tell_what_the_list_of_an_object_gives(written):
    assert (await written.facts(AT, {"ada"}))["zotplus:acl"] == ("READ", "WRITE", "READ_ACP", "WRITE_ACP")
    assert await written.facts(AT, {"eve", "public"}) == {}
    grants = (AclGrant(WRITER, "FULL_CONTROL"), AclGrant("public", "READ"), AclGrant(BUCKET_OWNER, "READ_ACP"))
    await written.put_list(AT, AskedList(grants=grants))
    assert await written.facts(AT, {"eve", "public"}) == {"zotplus:acl": ("READ",)}
    assert await written.facts(AT, {"owner"}) == {"zotplus:acl": ("READ_ACP",)}
    assert (await written.list_of(AT)).owner == "ada"


@pytest.mark.parametrize(
    "address",
    [
        Address(bucket="missing", key="k"),
        Address(bucket="box", key="missing"),
        Address(bucket="box", key="k", version="nonsense"),
        Address(bucket="box", key="k" * 2000),
        Address(bucket="box", key="nul\0"),
        Address(bucket="box"),
    ],
)
async def test_what_is_not_there_has_no_facts(written, address):
    assert await written.facts(address, {"ada"}) == {}


async def test_tags_are_facts_whatever_their_capitals(store, objects, content, written, sharing):
    await write(objects, content, "ada", key="tagged", tags={"Team": "a", "team": "b", "x": "1"})
    facts = await written.facts(Address(bucket="box", key="tagged"), set())
    assert facts == {"s3:existingobjecttag/team": ("a", "b"), "s3:existingobjecttag/x": ("1",)}


async def test_whoever_did_not_log_in_owns_nothing(objects, content, written):
    await write(objects, content, "anonymous", key="free")
    assert (await written.list_of(Address(bucket="box", key="free"))).owner == "owner"
    assert await written.facts(Address(bucket="box", key="free"), {"public"}) == {}


async def test_a_damaged_store_is_no_object_without_facts(store, written):
    """What cannot be read must not be taken for what is not there."""
    record = await store.read(lambda snapshot: loading.find_bucket(snapshot, "box"))
    await store.write(lambda transaction: transaction.put(layout.object_(record.id, b"k"), b"damaged"))
    with pytest.raises(Problem) as caught:
        await written.facts(AT, {"ada"})
    assert caught.value.fault is errors.STORAGE_FAILED
    await store.write(lambda transaction: transaction.put(layout.bucket("box"), b"damaged"))
    with pytest.raises(Problem):
        await written.facts(AT, {"ada"})


async def test_a_bucket_begins_with_the_list_that_was_asked_for(store, sharing):
    options = BucketOptions(ownership="ObjectWriter", acl=(AclGrant(WRITER, "FULL_CONTROL"), AclGrant(KEY, "READ")))
    await Buckets(store, "here").create("open", "owner", options)
    assert (await sharing.bucket_list("open")).grants == (AclGrant("owner", "FULL_CONTROL"), AclGrant(KEY, "READ"))
    assert isinstance(await rights(store, KEY, Need("s3:ListBucket", "s3:open")), Allowed)
    for ownership, grantee in (("ObjectWriter", "#nobody"), ("BucketOwnerEnforced", KEY)):
        refused = BucketOptions(ownership=ownership, acl=(AclGrant(grantee, "READ"),))
        with pytest.raises(Problem):
            await Buckets(store, "here").create("closed", "owner", refused)
