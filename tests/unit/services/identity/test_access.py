import asyncio
import re

import pytest

from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import PrincipalKind
from zotplus.records.access import raise_generation
from zotplus.services.identity import generation_cache
from zotplus.services.identity.access import Access
from zotplus.services.identity.generation_cache import GenerationCache
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.roles import Role

READ = Need("s3:GetObject", "s3:releases/a")
WRITE = Need("s3:PutObject", "s3:releases/a")


async def refused(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault.code


async def new_key(access, name="ci", **more):
    return await access.create(kind=PrincipalKind.KEY, name=name, **more)


async def test_a_new_key_has_the_form_that_clients_expect(access):
    made = await new_key(access)
    assert re.fullmatch(r"ZP[A-Z0-9]{18}", made.credential.id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{40}", made.secret)


async def test_a_robot_is_called_after_its_name_and_logs_in_with_its_token(access):
    made = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    assert made.credential.id == "robot:ci"
    assert re.fullmatch(r"zp_[A-Za-z0-9_-]{40}", made.secret)
    assert (await access.by_password("robot:ci", made.secret)).kind is PrincipalKind.ROBOT


async def test_a_robot_whose_name_was_cut_at_the_colon_by_basic_authentication_logs_in(access):
    made = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    assert (await access.by_password("robot", f"ci:{made.secret}")).id == "robot:ci"
    assert await refused(access.by_password("robot", made.secret)) == "credentials_invalid"


async def test_a_key_signs_and_logs_in_and_a_robot_only_logs_in(access):
    key = await new_key(access)
    robot = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    principal, secret = await access.signer(key.credential.id)
    assert (principal.id, secret) == (key.credential.id, key.secret)
    assert (await access.by_password(key.credential.id, key.secret)).id == key.credential.id
    assert await refused(access.signer(robot.credential.id)) == "access_key_unknown"


async def test_wrong_password_and_unknown_user_get_the_same_answer(access):
    made = await new_key(access)
    assert await refused(access.by_password(made.credential.id, "wrong")) == "credentials_invalid"
    assert await refused(access.by_password("ZPUNKNOWN", "wrong")) == "credentials_invalid"
    assert await refused(access.by_password("no such\0id\ud800" * 500, "wr\ud800ng")) == "credentials_invalid"


async def test_an_expired_credential_is_called_expired_only_with_the_right_password(access, clock):
    made = await new_key(access, expires=clock.now + 10)
    clock.now += 10
    assert await refused(access.by_password(made.credential.id, made.secret)) == "credentials_expired"
    assert await refused(access.by_password(made.credential.id, "wrong")) == "credentials_invalid"
    assert await refused(access.signer(made.credential.id)) == "credentials_expired"
    assert await refused(access.by_id(made.credential.id)) == "token_invalid"


async def test_secrets_are_sealed_at_rest(access, store):
    made = await new_key(access)
    pairs = await store.read(lambda snapshot: list(snapshot.scan(b"")))
    assert pairs
    assert not any(made.secret.encode() in value for _, value in pairs)


async def test_a_sealed_secret_cannot_be_moved_to_another_key(access, store):
    mine, other = await new_key(access, id_="mine"), await new_key(access, id_="other")

    def swap(transaction):
        transaction.put(b"Cother", transaction.get(b"Cmine"))

    await store.write(swap)
    assert await refused(Access(store, access._sealing).by_password("other", mine.secret)) == "storage_failed"
    assert other.secret != mine.secret


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": PrincipalKind.ANONYMOUS, "name": "x"},
        {"kind": PrincipalKind.KEY, "name": "x", "id_": "a/b"},
        {"kind": PrincipalKind.KEY, "name": "x", "id_": "public"},
        {"kind": PrincipalKind.KEY, "name": "x", "id_": "anonymous"},
        {"kind": PrincipalKind.KEY, "name": "x", "id_": "robot:x"},
        {"kind": PrincipalKind.ROBOT, "name": "Not A Name"},
        {"kind": PrincipalKind.ROBOT, "name": "x", "id_": "x"},
        {"kind": PrincipalKind.KEY, "name": "x" * 129},
        {"kind": PrincipalKind.KEY, "name": "a\nb"},
        {"kind": PrincipalKind.KEY, "name": "x", "expires": 1.0},
        {"kind": PrincipalKind.KEY, "name": "x", "expires": float("nan")},
        {"kind": PrincipalKind.KEY, "name": "x", "expires": float("inf")},
        {"kind": PrincipalKind.KEY, "name": "x", "secret": "short"},
        {"kind": PrincipalKind.KEY, "name": "x", "secret": "with a blank"},
    ],
)
async def test_a_credential_outside_its_form_is_refused(access, wrong):
    assert await refused(access.create(**wrong)) == "argument_invalid"
    assert await access.list() == ()


async def test_an_id_is_given_once(access):
    await new_key(access, id_="mine", secret="my-own-secret")
    assert await refused(new_key(access, id_="mine")) == "record_exists"
    assert (await access.by_password("mine", "my-own-secret")).id == "mine"


async def test_credentials_are_listed_by_id_without_secrets(access, clock):
    await new_key(access, id_="zzz", expires=clock.now + 60)
    await new_key(access, id_="aaa", name="first")
    listed = await access.list()
    assert [(c.id, c.name, c.expires) for c in listed] == [("aaa", "first", None), ("zzz", "ci", clock.now + 60)]


async def test_a_grant_holds_from_the_next_request_on_in_every_worker(store, sealing):
    here, there, grants = Access(store, sealing), Access(store, sealing), Grants(store)
    made = await new_key(here)
    id_ = made.credential.id
    assert not (await there.by_id(id_)).may(READ)
    grant = await grants.give(id_, Role.PUBLISHER, "s3:releases/*")
    assert (await there.by_id(id_)).may(WRITE)
    await grants.withdraw(grant.id)
    assert not (await there.by_id(id_)).may(READ)


async def test_a_revoked_key_is_gone_at_once_in_every_worker(store, sealing):
    here, there, grants = Access(store, sealing), Access(store, sealing), Grants(store)
    made = await new_key(here)
    id_ = made.credential.id
    await grants.give(id_, Role.READER, "*")
    await there.signer(id_)
    await here.revoke(id_)
    assert await refused(there.signer(id_)) == "access_key_unknown"
    assert await refused(there.by_id(id_)) == "token_invalid"
    assert await grants.list() == ()
    assert await refused(here.revoke(id_)) == "record_not_found"


async def test_a_key_made_again_under_an_old_id_does_not_inherit_its_grants(access, grants):
    await new_key(access, id_="mine")
    await grants.give("mine", Role.PUBLISHER, "*")
    await access.revoke("mine")
    await new_key(access, id_="mine")
    assert not (await access.by_id("mine")).may(READ)


async def test_a_revocation_of_one_key_leaves_the_grants_of_a_longer_name(access, grants):
    await new_key(access, id_="team")
    await new_key(access, id_="team2")
    await grants.give("team2", Role.READER, "*")
    await access.revoke("team")
    assert (await access.by_id("team2")).may(READ)


async def test_what_is_granted_to_the_public_holds_for_everybody(access, grants):
    made = await new_key(access)
    assert not (await access.anonymous()).may(READ)
    await grants.give(PUBLIC, Role.READER, "s3:releases/*")
    for principal in (
        await access.anonymous(),
        await access.by_id("anonymous"),
        await access.by_id(made.credential.id),
    ):
        assert principal.may(READ)
        assert not principal.may(WRITE)


async def test_lists_may_be_asked_for_by_whoever_is_logged_in(access):
    made = await new_key(access)
    need = Need("s3:ListAllMyBuckets", "s3:*")
    assert (await access.by_id(made.credential.id)).may(need)
    assert not (await access.anonymous()).may(need)


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.ADMINISTRATOR])
async def test_the_public_can_only_read(access, grants, role):
    assert await refused(grants.give(PUBLIC, role, "*")) == "argument_invalid"


async def test_a_grant_needs_a_grantee_and_a_pattern_that_exist(access, grants):
    assert await refused(grants.give("nobody", Role.READER, "*")) == "record_not_found"
    assert await refused(grants.give("no\0body", Role.READER, "*")) == "record_not_found"
    assert await refused(grants.give(PUBLIC, Role.READER, "x:y")) == "argument_invalid"


async def test_the_same_grant_twice_is_one_grant(access, grants):
    await new_key(access, id_="mine")
    first = await grants.give("mine", Role.READER, "*")
    assert await grants.give("mine", Role.READER, "*") == first
    assert await grants.list() == (first,)


@pytest.mark.parametrize("id_", ["0" * 16, "", "x" * 3000, "\ud800" * 16])
async def test_withdrawing_what_does_not_exist_is_refused(access, grants, id_):
    assert await refused(grants.withdraw(id_)) == "record_not_found"


async def test_the_first_start_makes_one_administrator_even_with_several_workers(store, sealing):
    workers = [Access(store, sealing) for _ in range(4)]
    made = await asyncio.gather(*(worker.ensure_administrator(None, None) for worker in workers))
    assert sum(one is not None for one in made) == 1
    (new,) = (one for one in made if one is not None)
    assert (await workers[0].by_password(new.credential.id, new.secret)).may(Need("admin:CreateKey", "admin:keys"))
    assert await workers[1].ensure_administrator(None, None) is None


async def test_an_administrator_that_expired_counts_for_nothing(access, grants, clock):
    for id_ in ("old", "older", "oldest"):
        await new_key(access, id_=id_, expires=clock.now + 5)
        await grants.give(id_, Role.ADMINISTRATOR, "*")
    await grants.give(PUBLIC, Role.READER, "*")
    assert await access.ensure_administrator(None, None) is None
    for _ in range(6):  # grants come in the order of their random ids: some before, some behind
        await grants.give(PUBLIC, Role.READER, f"s3:b{_}")
    clock.now += 5
    assert await access.ensure_administrator(None, None) is not None


async def test_a_configured_administrator_holds_the_configured_secret(access):
    made = await access.ensure_administrator("admin", "first-secret")
    assert made.credential.id == "admin"
    assert await access.ensure_administrator("admin", "first-secret") is None
    assert await access.ensure_administrator("admin", "second-secret") is None
    assert await refused(access.by_password("admin", "first-secret")) == "credentials_invalid"
    assert (await access.by_password("admin", "second-secret")).may(Need("admin:Scrub", "admin:scrub"))


async def test_half_of_an_administrator_is_refused(access):
    assert await refused(access.ensure_administrator("admin", None)) == "setting_invalid"
    assert await refused(access.ensure_administrator(None, "some-secret")) == "setting_invalid"


async def test_the_cache_is_emptied_when_it_is_full(monkeypatch, access):
    monkeypatch.setattr(generation_cache, "CAPACITY", 3)
    for number in range(10):
        assert await refused(access.by_id(f"unknown{number}")) == "token_invalid"
    assert len(access._known._entries) <= 3


async def test_a_cached_entry_is_loaded_once_per_generation():
    loads = []
    cache = GenerationCache(KeyValueMemory(), lambda _, name: loads.append(name))
    await cache.get("a")
    await cache.get("a")
    assert loads == ["a"]


class Distant:
    """A store whose reads have to be waited for."""

    def __init__(self, store):
        self.read, self.write = store.read, store.write


@pytest.mark.parametrize("kind", [KeyValueMemory, lambda: Distant(KeyValueMemory())])
async def test_what_is_known_is_looked_at_without_waiting_where_the_store_allows_it(kind):
    store = kind()
    cache = GenerationCache(store, lambda _, name: name.upper())
    assert cache.peek("a") is None
    assert await cache.get("a") == "A"
    assert cache.peek("a") == ("A" if isinstance(store, KeyValueMemory) else None)
    await store.write(raise_generation)
    assert cache.peek("a") is None


async def test_a_task_that_read_an_older_generation_does_not_bring_it_back():
    cache = GenerationCache(KeyValueMemory(), lambda _, name: name)
    cache._keep(7, "a", "new")
    cache._keep(6, "a", "old")
    assert cache._entries == {"a": "new"}


async def test_a_token_of_before_a_credential_was_made_anew_stands_for_nobody(access, clock):
    """A leaked refresh token must not come back to life with the name or key that it was for."""
    first = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    issued = int(clock())
    await access.revoke(first.credential.id)
    clock.now += 10
    await access.create(kind=PrincipalKind.ROBOT, name="ci")
    assert await refused(access.by_id(first.credential.id, issued=issued)) == "token_invalid"
    assert (await access.by_id(first.credential.id, issued=int(clock()))).id == first.credential.id


async def test_a_token_of_before_an_administrators_secret_changed_stands_for_nobody(access, clock):
    await access.ensure_administrator("ADMINKEY", "first-secret")
    issued = int(clock())
    clock.now += 10
    await access.ensure_administrator("ADMINKEY", "second-secret")
    assert await refused(access.by_id("ADMINKEY", issued=issued)) == "token_invalid"


async def administrators(access, grants, *names, **more):
    made = [await new_key(access, name, **more) for name in names]
    return [(await grants.give(one.credential.id, Role.ADMINISTRATOR, "*")) for one in made]


async def test_the_last_administrator_keeps_its_grant_and_its_key(access, grants):
    first, second = await administrators(access, grants, "first", "second")
    await grants.withdraw(first.id)
    assert await refused(grants.withdraw(second.id)) == "last_administrator"
    assert await refused(access.revoke(second.grantee)) == "last_administrator"
    assert [grant.id for grant in await grants.list()] == [second.id]
    assert (await access.signer(second.grantee))[0].may(WRITE)
    await access.revoke(first.grantee)


async def test_an_administrator_of_a_part_or_past_its_expiry_is_none_who_could_stay_alone(store, sealing):
    now = [1_000.0]
    access, grants = Access(store, sealing, clock=lambda: now[0]), Grants(store, clock=lambda: now[0])
    (whole,) = await administrators(access, grants, "whole")
    (expired,) = await administrators(access, grants, "expired", expires=2_000.0)
    part = await new_key(access)
    await grants.give(part.credential.id, Role.ADMINISTRATOR, "s3:releases")
    now[0] = 3_000.0
    assert await refused(grants.withdraw(whole.id)) == "last_administrator"
    await access.revoke(expired.grantee)


async def test_where_nobody_is_an_administrator_everything_can_be_removed(access, grants):
    key = await new_key(access)
    grant = await grants.give(key.credential.id, Role.READER, "s3:releases/*")
    await grants.withdraw(grant.id)
    await access.revoke(key.credential.id)
    assert await access.list() == ()


@pytest.mark.parametrize("id_", ["public", "anonymous", "authenticated"])
async def test_no_key_is_called_like_everybody_whose_rights_would_be_its_own(access, id_):
    assert await refused(access.ensure_administrator(id_, "a secret of some length".replace(" ", "-"))) == (
        "argument_invalid"
    )
