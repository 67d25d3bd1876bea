"""Registry tokens below the faces: damage, races between workers, and what never should be signed."""

from pathlib import Path

import pytest

from tests.faces.gateway import settings_for
from zotplus.adapters.oidc.verifier import OidcVerifier
from zotplus.app.identities import identities
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.tokens.registry_tokens import RegistryTokens
from zotplus.services.tokens.signing_keys import KEY_PREFIX


@pytest.fixture
def make(store, sealing, clock):
    def made() -> RegistryTokens:
        return identities(settings_for(Path("unused")), store, sealing, OidcVerifier(()), clock).tokens

    return made


async def test_two_workers_that_start_at_once_end_with_one_key(make, access):
    one, other = make(), make()
    nobody = await access.anonymous()
    load, calls = one.keys._load, []

    async def interrupted():
        await load()
        if not calls:
            calls.append(1)
            await other.issue(nobody, ())  # the other worker is faster

    one.keys._load = interrupted
    issued = await one.issue(nobody, ())
    assert one.keys._keys == other.keys._keys
    assert len(one.keys._keys) == 1
    assert (await other.holder(issued.token)).is_anonymous


async def test_a_worker_that_starts_later_signs_with_the_key_that_is_there(make, access):
    first, later = make(), make()
    nobody = await access.anonymous()
    await first.issue(nobody, ())
    issued = await later.issue(nobody, ())
    assert later.keys._keys == first.keys._keys
    assert (await first.holder(issued.token)).is_anonymous


async def test_a_refresh_token_that_stands_for_nobody_is_refused(make, access):
    tokens = make()
    await tokens.issue(await access.anonymous(), ())
    token = await tokens._sign(await access.anonymous(), tokens._refresh_audience, int(tokens.clock()), 60)
    with pytest.raises(Problem) as refused:
        await tokens.refreshed(token)
    assert refused.value.fault == errors.TOKEN_INVALID


async def test_young_keys_stay_at_a_rotation(make, access):
    tokens = make()
    await tokens.issue(await access.anonymous(), ())
    for _ in range(3):
        await tokens.keys.rotate()
    assert len(tokens.keys._keys) == 4


@pytest.mark.parametrize(("name", "value"), [(b"key", b"\xc1"), (b"\xff", b"")])
async def test_a_damaged_key_stops_everything(make, access, store, name, value):
    await store.write(lambda transaction: transaction.put(KEY_PREFIX + name, value))
    with pytest.raises(Problem) as refused:
        await make().issue(await access.anonymous(), ())
    assert refused.value.fault == errors.STORAGE_FAILED


async def test_a_key_under_another_name_does_not_open(make, access, store):
    await make().issue(await access.anonymous(), ())

    def swap(transaction):
        ((key, value),) = list(transaction.scan(KEY_PREFIX, b"U"))
        transaction.delete(key)
        transaction.put(KEY_PREFIX + b"other", value)

    await store.write(swap)
    with pytest.raises(Problem) as refused:
        await make().issue(await access.anonymous(), ())
    assert refused.value.fault == errors.STORAGE_FAILED


async def test_a_refresh_token_is_not_for_the_anonymous(make, access):
    assert (await make().issue(await access.anonymous(), (), offline=True)).refresh is None
