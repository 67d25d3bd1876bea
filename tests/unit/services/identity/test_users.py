"""The registry's own users over memory: what the face's tests do not reach."""

import pytest

from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import PrincipalKind
from zotplus.services.identity.access import Access
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.key_lifecycle import KeyLifecycle
from zotplus.services.identity.roles import Role
from zotplus.services.identity.users import Users

READ = '{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'
GET = Need("s3:GetObject", "s3:a/b")


@pytest.fixture
def parts():
    store, sealing = KeyValueMemory(), AeadSealing([bytes(32)])
    return Users(store, sealing), Access(store, sealing), Grants(store), KeyLifecycle(store, sealing)


async def refused(work) -> str:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value.fault.code


async def test_what_a_user_is_given_its_keys_have_at_once_and_after_a_rotation(parts):
    users, access, grants, lifecycle = parts
    user = await users.create("Alice@example.org")
    key = (await users.create_key(user.name)).credential
    principal, _ = await access.signer(key.id)
    assert (principal.names, principal.attributes["aws:username"]) == ((user.grantee,), (user.name,))
    assert not principal.may(GET)
    await users.put_policy(user.name, "own", READ)
    assert (await access.signer(key.id))[0].may(GET)
    renewed = (await lifecycle.rotate(key.id, 60)).credential
    assert (await access.signer(renewed.id))[0].may(GET)
    await users.delete_policy(user.name, "own")
    assert not (await access.signer(renewed.id))[0].may(GET)
    await grants.give(user.grantee, Role.READER, "s3:a")
    assert (await access.signer(renewed.id))[0].may(GET)
    assert [row.owner for row in await users.keys(user.name)] == [user.name] * 2


async def test_a_key_that_is_off_opens_nothing(parts):
    users, access, _, _ = parts
    await users.create("ci")
    made = await users.create_key("ci")
    await users.set_active("ci", made.credential.id, active=False)
    assert await refused(access.signer(made.credential.id)) == "access_key_unknown"
    assert await refused(access.by_password(made.credential.id, made.secret)) == "credentials_invalid"
    assert await refused(access.by_id(made.credential.id)) == "token_invalid"


async def test_only_keys_of_users_are_theirs(parts):
    users, access, _, _ = parts
    await users.create("ci")
    other = (await access.create(kind=PrincipalKind.KEY, name="ci")).credential
    assert await users.keys("ci") == ()
    for work in (
        users.owner_of(other.id),
        users.delete_key("ci", other.id),
        users.policy("ci", "missing"),
        users.delete_policy("ci", "missing"),
        users.get("missing"),
    ):
        assert await refused(work) == "record_not_found"
    for work in (users.owner_of("no key\0"), users.delete_key("ci", "a" * 129), users.get("no/user")):
        assert await refused(work) == "argument_invalid"


async def test_grants_wait_for_no_user_who_is_not_there(parts):
    _, _, grants, _ = parts
    assert await refused(grants.give("user:iam:nobody", Role.READER, "s3:a")) == "record_not_found"
    assert await refused(grants.give("group:iam:nobody", Role.READER, "s3:a")) == "record_not_found"


async def test_a_user_without_anything_goes_and_its_name_is_free(parts):
    users, access, _, _ = parts
    await users.create("ci", "/team/")
    assert [user.name for user in await users.list("/team/")] == ["ci"]
    assert await users.list("/other/") == ()
    await users.delete("ci")
    assert await users.list() == ()
    await access.create(kind=PrincipalKind.KEY, name="ci", id_="ci-key")
    assert await refused(users.create("ci-key")) == "record_exists"
    assert await refused(users.create("a b")) == "argument_invalid"
