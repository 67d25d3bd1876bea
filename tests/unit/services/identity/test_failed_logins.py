"""Guessing passwords is slow. CVE-2026-33419: a server that answers any number of wrong passwords at full speed."""

import pytest

from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.services.identity.failed_logins import (
    FREE_FAILURES,
    PAUSE_SECONDS,
    REMEMBERED_NAMES,
    WINDOW_SECONDS,
    FailedLogins,
)


async def login(access, user, password="wrong"):
    """The code of the refusal; None when it was let in."""
    try:
        await access.by_password(user, password)
    except Problem as problem:
        return problem.fault.code
    return None


@pytest.fixture
async def key(access):
    return await access.create(kind=PrincipalKind.KEY, name="ci")


async def guess(access, user, times):
    return [await login(access, user) for _ in range(times)]


async def test_cve_2026_33419_passwords_cannot_be_guessed_at_full_speed(access, key):
    answers = await guess(access, key.credential.id, 1000)
    assert answers == ["credentials_invalid"] * FREE_FAILURES + ["slow_down"] * (1000 - FREE_FAILURES)


async def test_cve_2026_33419_a_patient_guesser_gets_some_twenty_tries_a_minute(access, key, clock):
    answers = []
    for _ in range(600):
        clock.now += 1
        answers.append(await login(access, key.credential.id))
    assert answers.count("credentials_invalid") <= 21 * 10


async def test_a_guesser_who_finds_the_password_during_the_pause_does_not_learn_it(access, key):
    await guess(access, key.credential.id, FREE_FAILURES)
    assert await login(access, key.credential.id, key.secret) == "slow_down"


async def test_whoever_knows_the_password_waits_for_seconds_only(access, key, clock):
    await guess(access, key.credential.id, FREE_FAILURES)
    clock.now += PAUSE_SECONDS
    assert await login(access, key.credential.id, key.secret) is None
    assert await guess(access, key.credential.id, 1) == ["credentials_invalid"]  # and it counts from the start again


async def test_each_further_failure_pauses_again(access, key, clock):
    await guess(access, key.credential.id, FREE_FAILURES)
    clock.now += PAUSE_SECONDS
    assert await guess(access, key.credential.id, 2) == ["credentials_invalid", "slow_down"]


async def test_a_success_in_between_resets_the_count(access, key):
    for _ in range(5):
        assert set(await guess(access, key.credential.id, FREE_FAILURES - 1)) == {"credentials_invalid"}
        assert await login(access, key.credential.id, key.secret) is None


async def test_failures_are_forgotten_after_a_while(access, key, clock):
    await guess(access, key.credential.id, FREE_FAILURES - 1)
    clock.now += WINDOW_SECONDS
    assert set(await guess(access, key.credential.id, FREE_FAILURES)) == {"credentials_invalid"}


async def test_signed_requests_and_other_names_go_on(access, key):
    other = await access.create(kind=PrincipalKind.KEY, name="other")
    await guess(access, key.credential.id, 20)
    principal, secret = await access.signer(key.credential.id)
    assert (principal.id, secret) == (key.credential.id, key.secret)
    assert (await access.by_id(key.credential.id)).id == key.credential.id
    assert await login(access, other.credential.id, other.secret) is None


async def test_a_robots_name_is_one_name_however_it_is_sent(access):
    robot = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    for _ in range(FREE_FAILURES // 2):
        await login(access, "robot:ci")
        await login(access, "robot", "ci:wrong")
    assert await login(access, "robot:ci", robot.secret) == "slow_down"


async def test_an_unknown_name_looks_like_a_known_one(access, key):
    assert await guess(access, "ZPUNKNOWN", 30) == await guess(access, key.credential.id, 30)


async def test_what_can_be_no_name_is_not_remembered(access):
    assert set(await guess(access, "x" * 100_000, 30)) == {"credentials_invalid"}
    assert not access._failed._names


def test_memory_is_bounded_and_the_oldest_goes_first(clock):
    failures = FailedLogins(clock)
    for number in range(REMEMBERED_NAMES + 10):
        failures.failed(f"name-{number}")
        failures.failed("name-5")
    assert len(failures._names) == REMEMBERED_NAMES
    assert "name-5" in failures._names
    assert "name-0" not in failures._names


def test_a_clock_that_was_set_back_locks_nobody_out(clock):
    failures = FailedLogins(clock)
    for _ in range(FREE_FAILURES):
        failures.failed("ci")
    clock.now -= 86_400
    failures.require_patience("ci")
    failures.failed("ci")
    failures.require_patience("ci")
