"""How long keys and conclusions from them hold: tokens seen before, rotation, issuers that are away."""

import asyncio

import structlog
from aiohttp import web

from tests.issuers.local import DISCOVERY, KEYS, never
from tests.unit.adapters.oidc.conftest import NOW
from zotplus.adapters.oidc.issuer import NEW_KEY_SECONDS, RETRY_SECONDS
from zotplus.adapters.oidc.keys import holds
from zotplus.adapters.oidc.seen import SeenTokens
from zotplus.ports.identity import IssuerState, TokenFault


def state(case) -> IssuerState:
    (status,) = case.first.status()
    return status.state


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for is not ours to signal
            await asyncio.sleep(0.01)


# --- seen tokens -----------------------------------------------------------------------------------------------------


async def test_a_token_is_verified_once(case, monkeypatch):
    seen = []

    def counted(*arguments):
        seen.append(arguments)
        return holds(*arguments)

    monkeypatch.setattr("zotplus.adapters.oidc.verifier.holds", counted)
    token = case.token()
    first = await case.verify(token)
    assert await case.verify(token) is first
    assert len(seen) == 1
    await case.verify(case.token(jti="another"))
    assert len(seen) == 2


async def test_a_token_seen_before_is_refused_once_it_has_expired(case):
    token = case.token()
    await case.verify(token)
    case.clock.now = NOW + 329
    assert await case.verify(token)
    case.clock.now = NOW + 330
    assert await case.fault(token) is TokenFault.EXPIRED


async def test_a_token_seen_before_is_refused_once_its_key_is_gone(case):
    case.verifier(refresh=100)
    token = case.token(exp=NOW + 9_000)
    await case.verify(token)
    case.issuer.rotate(keep=False)
    case.clock.now += 200
    assert await case.fault(token) is TokenFault.KEY


def test_seen_tokens_are_bounded_in_number_and_size():
    verified = None  # any value will do
    seen = SeenTokens(tokens_max=3, characters_max=100)
    for name in "abcd":
        seen.put(name, verified, 0)
    assert [seen.get(name) is not None for name in "abcd"] == [False, True, True, True]
    seen.get("b")
    seen.put("e", verified, 0)
    assert [seen.get(name) is not None for name in "bce"] == [True, False, True]
    seen.put("x" * 99, verified, 0)
    assert len(seen) == 2
    seen.put("y" * 101, verified, 0)
    assert len(seen) == 0


# --- keys over time --------------------------------------------------------------------------------------------------


async def test_keys_are_fetched_once_for_many_at_a_time(case):
    tokens = [case.token(jti=str(number)) for number in range(20)]
    await asyncio.gather(*(case.first.verify(token) for token in tokens))
    assert case.issuer.requests == [DISCOVERY, KEYS]


async def test_an_unknown_key_id_has_the_keys_fetched_once_and_not_again_for_a_while(case):
    await case.verify(case.token())
    case.clock.now += NEW_KEY_SECONDS
    for number in range(10):
        assert await case.fault(case.issuer.mint(case.claims(), kid=f"made-up-{number}")) is TokenFault.KEY
    assert case.issuer.asked() == 2
    case.clock.now += NEW_KEY_SECONDS
    assert await case.fault(case.issuer.mint(case.claims(), kid="made-up")) is TokenFault.KEY
    assert case.issuer.asked() == 3


async def test_a_key_that_the_issuer_began_to_use_is_found_at_once(case):
    old = case.token(jti="old")
    await case.verify(case.token())
    case.issuer.rotate()
    case.clock.now += NEW_KEY_SECONDS
    assert await case.verify(case.token())
    assert await case.verify(old)
    assert case.issuer.asked() == 2


async def test_keys_are_renewed_behind_requests_before_they_are_old(case):
    case.verifier(refresh=100)
    token = case.token(exp=NOW + 9_000)
    await case.verify(token)
    case.clock.now += 100
    case.issuer.answers[KEYS] = never  # nobody waits for it
    async with asyncio.timeout(1):
        assert await case.verify(token)
    await until(lambda: case.issuer.asked() == 2)


async def test_a_key_that_the_issuer_took_away_is_refused_when_the_keys_are_old(case):
    case.verifier(refresh=100)
    token, unseen = case.token(exp=NOW + 9_000), case.token(exp=NOW + 9_000, jti="2")
    await case.verify(token)
    case.issuer.rotate(keep=False)
    case.clock.now += 199
    assert await case.verify(token)  # and renews behind it
    await until(lambda: case.issuer.asked() == 2)
    await asyncio.sleep(0.05)
    for refused in (token, unseen):
        assert await case.fault(refused) is TokenFault.KEY


async def test_a_start_without_the_issuer_waits_for_the_next_attempt(case):
    await case.issuer.down()
    await case.first.start()
    assert "cannot be reached" in await case.unavailable()
    assert state(case) is IssuerState.UNAVAILABLE
    await case.issuer.up()
    assert await case.unavailable()  # too early: the issuer is left alone for a while
    assert case.issuer.requests == []
    case.clock.now += RETRY_SECONDS
    assert await case.verify(case.token())
    assert state(case) is IssuerState.READY


async def test_known_keys_go_on_while_the_issuer_is_down_and_new_ones_wait(case):
    case.verifier(refresh=100)
    token = case.token(exp=NOW + 90_000)
    await case.verify(token)
    await case.issuer.down()
    for _ in range(3):
        case.clock.now += 1_000
        assert await case.verify(token)
        assert await case.verify(case.token())
    assert state(case) is IssuerState.STALE
    case.issuer.rotate()
    await case.unavailable(case.token())
    await case.issuer.up()
    case.clock.now += RETRY_SECONDS
    assert await case.verify(case.token())
    assert state(case) is IssuerState.READY


async def test_an_issuer_that_hangs_holds_up_one_request_and_no_more(case):
    case.verifier(refresh=100, timeout=0.3)
    token = case.token(exp=NOW + 9_000)
    await case.verify(token)
    case.issuer.answers[DISCOVERY] = never
    case.clock.now += 1_000
    assert await case.verify(token)
    case.clock.now += 1_000
    async with asyncio.timeout(0.2):
        assert await case.verify(token)


async def test_a_clock_that_is_set_back_has_the_keys_fetched_and_stops_nothing(case):
    await case.verify(case.token())
    case.clock.now -= 50_000
    assert await case.verify(case.token())


async def test_a_caller_that_gives_up_leaves_the_fetch_to_the_others(case):
    started = asyncio.Event()
    go_on = asyncio.Event()

    async def slowly(_):
        started.set()
        await go_on.wait()
        return web.Response(body=case.issuer.jwks())

    case.issuer.answers[KEYS] = slowly
    first = asyncio.create_task(case.first.verify(case.token()))
    await started.wait()
    second = asyncio.create_task(case.first.verify(case.token(jti="2")))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    go_on.set()
    assert await second
    assert case.issuer.asked() == 1


async def test_starting_fetches_the_keys_before_the_first_token(case):
    await case.first.start()
    await until(lambda: state(case) is IssuerState.READY)
    (status,) = case.first.status()
    assert (status.name, status.reason, status.fetched) == ("local", "", NOW)


async def test_closing_ends_a_fetch_under_way(case):
    case.issuer.answers[DISCOVERY] = never
    await case.first.start()
    await until(lambda: case.issuer.requests)
    async with asyncio.timeout(1):
        await case.first.close()


async def test_the_log_tells_once_what_is_wrong_and_when_it_is_over(case):
    await case.issuer.down()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            await case.unavailable()
            case.clock.now += RETRY_SECONDS
        await case.issuer.up()
        await case.verify(case.token())
    assert [line["event"] for line in lines] == ["issuer_unavailable", "issuer_keys"]
    assert lines[0]["issuer"] == "local"


async def test_the_log_tells_why_a_token_was_refused_and_nothing_of_it(case):
    token = case.token(aud="account")
    with structlog.testing.capture_logs() as lines:
        await case.fault(token)
    assert [(line["event"], line["reason"], line["issuer"]) for line in lines] == [
        ("token_refused", "audience", "local")
    ]
    assert not any(part in str(lines) for part in token.split("."))


async def test_a_token_that_expires_while_its_key_is_fetched_is_refused(case):
    async def late(_):
        case.clock.now += 400
        return web.Response(body=case.issuer.jwks())

    case.issuer.answers[KEYS] = late
    assert await case.fault(case.token()) is TokenFault.EXPIRED
