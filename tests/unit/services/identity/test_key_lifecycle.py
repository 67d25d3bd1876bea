"""Keys and robots: expiry, scopes, rotation with overlap, last use."""

import asyncio
import json

import pytest

from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import PrincipalKind
from zotplus.records import layout
from zotplus.records.access import CREDENTIAL
from zotplus.records.policies import AttachmentRecord, put_attachment
from zotplus.services.identity.access import Access
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.key_lifecycle import OVERLAP_MAX, KeyLifecycle
from zotplus.services.identity.roles import Role

DAY = 86_400.0
KEY, ROBOT = PrincipalKind.KEY, PrincipalKind.ROBOT
SCOPE = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:releases/*"}]})
READ, WRITE = Need("s3:GetObject", "s3:releases/x"), Need("s3:PutObject", "s3:releases/x")


@pytest.fixture
def lifecycle(store, sealing, clock):
    return KeyLifecycle(store, sealing, 90 * DAY, clock=clock)


@pytest.fixture
def grants(store, clock):
    return Grants(store, clock=clock)


async def refused(awaitable):
    with pytest.raises(Problem) as caught:
        await awaitable
    return caught.value.fault.code


async def shown(access, id_):
    return next(one for one in await access.list() if one.id == id_)


def test_new_credentials_expire_after_the_usual_time_or_never(store, sealing, lifecycle, clock):
    assert lifecycle.usual_expiry() == clock.now + 90 * DAY
    assert KeyLifecycle(store, sealing).usual_expiry() is None


async def test_a_scope_narrows_and_never_widens(access, grants, lifecycle):
    made = await lifecycle.create(KEY, "narrow", None, SCOPE)
    nothing, _ = await access.signer(made.credential.id)
    assert (nothing.may(READ), nothing.may(WRITE)) == (False, False)
    await grants.give(made.credential.id, Role.PUBLISHER, "s3:releases/*")
    narrowed, _ = await access.signer(made.credential.id)
    assert (narrowed.may(READ), narrowed.may(WRITE)) == (True, False)
    assert (await shown(access, made.credential.id)).scope == SCOPE


@pytest.mark.parametrize("scope", ["{}", "junk", '{"Statement": [{"Effect": "Allow"}]}'])
async def test_a_scope_that_is_no_policy_is_refused(access, lifecycle, scope):
    assert await refused(lifecycle.create(KEY, "narrow", None, scope)) == "policy_invalid"
    assert await access.list() == ()


async def test_a_stored_scope_that_cannot_be_read_denies_everything(store, access, grants, lifecycle):
    made = await lifecycle.create(KEY, "narrow", None, SCOPE)
    await grants.give(made.credential.id, Role.ADMINISTRATOR, "*")
    key = layout.credential(made.credential.id)

    def damage(transaction):
        record = CREDENTIAL.decode(transaction.get(key))
        fields = {name: getattr(record, name) for name in record.__struct_fields__} | {"scope": b"junk"}
        transaction.put(key, CREDENTIAL.encode(type(record)(**fields)))

    await store.write(damage)
    principal, _ = await Access(store, access._sealing).signer(made.credential.id)
    assert (principal.may(READ), principal.may(WRITE)) == (False, False)


async def test_a_narrowed_administrator_is_not_the_last_one(access, grants, lifecycle):
    whole = await access.ensure_administrator(None, None)
    narrow = await lifecycle.create(KEY, "narrow", None, SCOPE)
    await grants.give(narrow.credential.id, Role.ADMINISTRATOR, "*")
    assert await refused(access.revoke(whole.credential.id)) == "last_administrator"


async def test_a_name_that_is_taken_is_refused(lifecycle):
    await lifecycle.create(ROBOT, "ci", None)
    assert await refused(lifecycle.create(ROBOT, "ci", None)) == "record_exists"


async def test_a_robot_has_two_secrets_until_the_overlap_ends(access, grants, lifecycle, clock):
    old = await lifecycle.create(ROBOT, "ci", lifecycle.usual_expiry(), SCOPE)
    await grants.give("robot:ci", Role.READER, "s3:releases/*")
    clock.now += 10 * DAY
    new = await lifecycle.rotate("robot:ci", DAY)
    assert new.credential.id == "robot:ci"
    assert new.secret != old.secret
    for secret in (old.secret, new.secret):
        assert (await access.by_password("robot:ci", secret)).may(READ)
    clock.now += DAY - 1
    assert await access.by_password("robot:ci", old.secret)
    clock.now += 1
    assert await refused(access.by_password("robot:ci", old.secret)) == "credentials_invalid"
    assert await access.by_password("robot:ci", new.secret)
    assert (await shown(access, "robot:ci")).expires == pytest.approx(clock.now + 89 * DAY)
    assert (await shown(access, "robot:ci")).scope == SCOPE


async def test_a_secret_in_its_overlap_dies_when_it_would_have_died_anyway(access, lifecycle, clock):
    old = await lifecycle.create(ROBOT, "ci", clock.now + 60)
    await lifecycle.rotate("robot:ci", DAY)
    clock.now += 60
    assert await refused(access.by_password("robot:ci", old.secret)) == "credentials_invalid"


async def test_only_the_last_secret_overlaps(access, lifecycle):
    secrets = [(await lifecycle.create(ROBOT, "ci", None)).secret]
    secrets += [(await lifecycle.rotate("robot:ci", DAY)).secret for _ in range(2)]
    assert await refused(access.by_password("robot:ci", secrets[0])) == "credentials_invalid"
    for secret in secrets[1:]:
        assert await access.by_password("robot:ci", secret)


async def test_without_an_overlap_the_old_secret_and_its_tokens_end_at_once(access, lifecycle, clock):
    old = await lifecycle.create(ROBOT, "ci", None)
    issued = clock.now
    clock.now += 10
    assert await access.by_id("robot:ci", issued=issued)
    await lifecycle.rotate("robot:ci", DAY)
    assert await access.by_id("robot:ci", issued=issued)
    await lifecycle.rotate("robot:ci", 0)
    assert await refused(access.by_password("robot:ci", old.secret)) == "credentials_invalid"
    assert await refused(access.by_id("robot:ci", issued=issued)) == "token_invalid"


async def test_a_keys_successor_may_the_same_and_the_old_key_ends_after_the_overlap(
    store, access, grants, lifecycle, clock
):
    old = await lifecycle.create(KEY, "backup", lifecycle.usual_expiry(), SCOPE)
    id_ = old.credential.id
    await grants.give(id_, Role.READER, "s3:releases/*", ("192.0.2.0/24",))
    attachment = AttachmentRecord(is_boundary=True, author="x", created_ms=1)
    await store.write(lambda transaction: put_attachment(transaction, "limit", id_, attachment))
    new = await lifecycle.rotate(id_, DAY)
    assert new.credential.id != id_
    assert (new.credential.name, new.credential.scope) == ("backup", SCOPE)
    given = {one.grantee: (one.role, one.pattern, one.networks) for one in await grants.list()}
    assert given[id_] == given[new.credential.id] == (Role.READER, "s3:releases/*", ("192.0.2.0/24",))
    attached = await store.read(lambda snapshot: snapshot.get(layout.attachment(new.credential.id, "limit")))
    assert attached is not None
    assert (await access.signer(id_))[1] == old.secret
    assert (await access.signer(new.credential.id))[1] == new.secret
    clock.now += DAY
    assert await refused(access.signer(id_)) == "credentials_expired"
    assert await access.signer(new.credential.id)


async def test_what_never_expires_is_renewed_for_ever_and_the_old_key_ends(access, lifecycle, clock):
    old = await lifecycle.create(KEY, "backup", None)
    new = await lifecycle.rotate(old.credential.id, 0)
    assert new.credential.expires is None
    assert await refused(access.signer(old.credential.id)) == "credentials_expired"


async def test_rotating_again_and_again_does_not_lengthen_a_life(lifecycle, clock):
    await lifecycle.create(ROBOT, "ci", lifecycle.usual_expiry())
    for _ in range(5):
        clock.now += 30 * DAY
        made = await lifecycle.rotate("robot:ci", DAY)
        assert made.credential.expires == clock.now + 90 * DAY


async def test_the_last_administrator_can_be_rotated(access, lifecycle):
    made = await access.ensure_administrator(None, None)
    new = await lifecycle.rotate(made.credential.id, 0)
    principal, _ = await access.signer(new.credential.id)
    assert principal.may(Need("admin:CreateGrant", "admin:grants"))


@pytest.mark.parametrize("id_", ["ZPUNKNOWN", "robot:nobody", "public", "x" * 10_000, ""])
async def test_nobody_cannot_be_rotated(lifecycle, id_):
    assert await refused(lifecycle.rotate(id_, 0)) == "record_not_found"


@pytest.mark.parametrize("overlap", [-1, OVERLAP_MAX + 1, float("nan")])
async def test_an_overlap_has_bounds(lifecycle, overlap):
    await lifecycle.create(ROBOT, "ci", None)
    assert await refused(lifecycle.rotate("robot:ci", overlap)) == "argument_invalid"


async def test_the_last_use_is_shown_and_never_goes_back(access, lifecycle, clock):
    made = await lifecycle.create(KEY, "backup", None)
    assert (await shown(access, made.credential.id)).last_used is None
    used = clock.now
    await lifecycle.note_use({made.credential.id, "anonymous", "user:keycloak:1", "ZPUNKNOWN"})
    clock.now -= 100
    await lifecycle.note_use({made.credential.id})
    assert (await shown(access, made.credential.id)).last_used == used


async def test_noting_uses_of_nobody_writes_nothing(store, lifecycle):
    for nobodys in ({"user:keycloak:1"}, {"anonymous", "ZPUNKNOWN"}):
        await lifecycle.note_use(nobodys)
        assert await store.read(lambda snapshot: list(snapshot.scan(b"A"))) == []


async def test_a_use_makes_no_cache_stale(store, access, lifecycle):
    made = await lifecycle.create(KEY, "backup", None)
    before = (await access.signer(made.credential.id))[0]
    await lifecycle.note_use({made.credential.id})
    assert (await access.signer(made.credential.id))[0] is before


async def test_a_revoked_name_leaves_nothing_to_its_next_bearer(access, lifecycle):
    await lifecycle.create(ROBOT, "ci", None)
    old = await lifecycle.rotate("robot:ci", DAY)
    await lifecycle.note_use({"robot:ci"})
    await access.revoke("robot:ci")
    await lifecycle.create(ROBOT, "ci", None)
    assert (await shown(access, "robot:ci")).last_used is None
    assert await refused(access.by_password("robot:ci", old.secret)) == "credentials_invalid"


async def test_rotations_at_the_same_time_leave_one_order(access, lifecycle):
    await lifecycle.create(ROBOT, "ci", None)
    made = await asyncio.gather(*(lifecycle.rotate("robot:ci", DAY) for _ in range(5)))
    good = [one for one in made if await _works(access, one.secret)]
    assert len(good) == 2


async def _works(access, secret):
    try:
        return await access.by_password("robot:ci", secret)
    except Problem:
        return None
