"""When the keys of our own tokens change by themselves."""

import pytest

from zotplus.adapters.jose.tokens import JoseSigner
from zotplus.domain.errors import Problem
from zotplus.services.tokens.signing_keys import SigningKeys


@pytest.fixture
def keys(store, sealing, clock):
    return SigningKeys(store, sealing, JoseSigner(), 600.0, clock=clock)


async def test_a_key_is_replaced_when_it_has_signed_for_long_enough(keys, clock):
    token = await keys.sign({"sub": "x"})
    assert await keys.rotate_if_older(100) == ""
    clock.now += 100
    made = await keys.rotate_if_older(100)
    assert next(key["kid"] for key in await keys.published()) == made
    assert (await keys.verify(token))["sub"] == "x"
    assert await keys.rotate_if_older(100) == ""


async def test_a_store_without_a_key_is_left_alone(keys):
    assert await keys.rotate_if_older(0) == ""


async def test_publishing_makes_the_first_key(keys):
    (key,) = await keys.published()
    token = await keys.sign({"iss": "here"})
    assert keys.recognises(token, "here")
    assert not keys.recognises(token, "elsewhere")
    assert not keys.recognises(await keys.sign({"iss": ["here"]}), "here")
    assert not keys.recognises(token.replace(".", ".!", 1), "here")
    assert key["crv"] == "P-256"


async def test_a_token_of_a_dropped_key_is_refused(keys, clock):
    token = await keys.sign({})
    for _ in range(3):
        clock.now += 601
        await keys.rotate()
    with pytest.raises(Problem) as raised:
        await keys.verify(token)
    assert raised.value.fault.code == "token_invalid"
