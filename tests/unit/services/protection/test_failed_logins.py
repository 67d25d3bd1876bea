"""Guessing passwords is slow. CVE-2026-33419: a server that answers any number of wrong passwords at full speed."""

import pytest

from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.services.protection.failed_logins import BY_ADDRESS, BY_NAME, REMEMBERED, FailedLogins

HERE, THERE = "192.0.2.1", "198.51.100.7"
ENOUGH = BY_NAME.free


async def login(access, user, password="wrong", address=HERE):
    """The code of the refusal; None when it was let in."""
    try:
        await access.by_password(user, password, address)
    except Problem as problem:
        return problem.fault.code
    return None


@pytest.fixture
async def key(access):
    return await access.create(kind=PrincipalKind.KEY, name="ci")


@pytest.fixture
def failures(clock):
    return FailedLogins(clock)


async def guess(access, user, times, address=HERE):
    return [await login(access, user, address=address) for _ in range(times)]


def waits(failures, name="ci", address=HERE):
    """Seconds that are asked for; 0 where none are."""
    try:
        failures.require_patience(name, address)
    except Problem as problem:
        return problem.retry_after
    return 0


async def test_cve_2026_33419_passwords_cannot_be_guessed_at_full_speed(access, key):
    answers = await guess(access, key.credential.id, 1000)
    assert answers == ["credentials_invalid"] * ENOUGH + ["login_paused"] * (1000 - ENOUGH)


@pytest.mark.parametrize("addresses", [1, 1_000])
async def test_cve_2026_33419_a_patient_guesser_gets_some_ten_tries_a_minute_of_one_name(access, key, clock, addresses):
    answers = []
    for second in range(600):
        clock.now += 1
        answers.append(await login(access, key.credential.id, address=f"10.0.{second % addresses // 250}.1"))
    assert answers.count("credentials_invalid") <= ENOUGH + 600 / BY_NAME.leak + 3


async def test_a_guesser_of_many_names_gets_some_twenty_tries_a_minute(access, clock):
    answers = []
    for number in range(1_200):
        clock.now += 0.5
        answers.append(await login(access, f"NAME{number}"))
    assert answers.count("credentials_invalid") <= BY_ADDRESS.free + 600 / BY_ADDRESS.leak + 3


async def test_ipv6_addresses_of_one_network_are_one_guesser(access):
    answers = [await login(access, f"NAME{number}", address=f"2001:db8::{number:x}") for number in range(100)]
    assert answers.count("credentials_invalid") == BY_ADDRESS.free


async def test_a_guesser_who_finds_the_password_during_the_pause_does_not_learn_it(access, key):
    await guess(access, key.credential.id, ENOUGH)
    assert await login(access, key.credential.id, key.secret) == "login_paused"


def test_pauses_double_up_to_a_bound_and_are_told_in_whole_seconds(failures, clock):
    for _ in range(ENOUGH - 1):
        failures.failed("ci", HERE)
    assert waits(failures) == 0
    told = []
    for _ in range(8):
        failures.failed("ci", HERE)
        told.append(waits(failures))
    assert told == [1, 2, 4, 8, 16, 30, 30, 30]
    clock.now += 29.5
    assert waits(failures) == 1
    clock.now += 0.5
    assert waits(failures) == 0


async def test_whoever_knows_the_password_waits_for_half_a_minute_at_most(access, key, clock):
    await guess(access, key.credential.id, 1_000)
    clock.now += BY_NAME.longest
    assert await login(access, key.credential.id, key.secret) is None


async def test_guessing_from_elsewhere_does_not_lock_out_who_logged_in_from_here(access, key):
    assert await login(access, key.credential.id, key.secret, HERE) is None
    assert "login_paused" in await guess(access, key.credential.id, 20, THERE)
    assert await login(access, key.credential.id, key.secret, HERE) is None
    assert await login(access, key.credential.id, key.secret, THERE) == "login_paused"


async def test_a_neighbour_who_guesses_other_names_does_not_lock_out_who_logged_in_from_here(access, key):
    assert await login(access, key.credential.id, key.secret) is None
    for number in range(60):
        await login(access, f"NAME{number}")
    assert await login(access, "NAME") == "login_paused"
    assert await login(access, key.credential.id, key.secret) is None


async def test_who_logged_in_from_here_has_one_wrong_password_before_it_counts_as_all_others(access, key):
    assert await login(access, key.credential.id, key.secret) is None
    answers = await guess(access, key.credential.id, 1000)
    assert answers == ["credentials_invalid"] * ENOUGH + ["login_paused"] * (1000 - ENOUGH)


async def test_failures_are_forgotten_one_by_one(access, key, clock):
    await guess(access, key.credential.id, ENOUGH - 1)
    clock.now += 3 * BY_NAME.leak
    assert await guess(access, key.credential.id, 5) == ["credentials_invalid"] * 4 + ["login_paused"]


async def test_signed_requests_and_other_names_go_on(access, key):
    other = await access.create(kind=PrincipalKind.KEY, name="other")
    await guess(access, key.credential.id, 20)
    principal, secret = await access.signer(key.credential.id)
    assert (principal.id, secret) == (key.credential.id, key.secret)
    assert (await access.by_id(key.credential.id)).id == key.credential.id
    assert await login(access, other.credential.id, other.secret) is None


async def test_a_robots_name_is_one_name_however_it_is_sent(access):
    robot = await access.create(kind=PrincipalKind.ROBOT, name="ci")
    for _ in range(ENOUGH // 2):
        await login(access, "robot:ci")
        await login(access, "robot", "ci:wrong")
    assert await login(access, "robot:ci", robot.secret) == "login_paused"


async def test_an_unknown_name_looks_like_a_known_one(access, key):
    assert await guess(access, "ZPUNKNOWN", 30) == await guess(access, key.credential.id, 30)


async def test_what_can_be_no_name_is_not_remembered_but_its_address_is(access):
    answers = await guess(access, "x" * 100_000, 100)
    assert answers.count("credentials_invalid") == BY_ADDRESS.free
    assert not access._failed._names.known


def test_without_an_address_only_the_name_counts(failures):
    for _ in range(ENOUGH):
        failures.failed("ci")
    failures.succeeded("ci")
    assert waits(failures, address="") == 1
    assert waits(failures, "other", "") == 0


def test_memory_is_bounded_and_the_oldest_goes_first(failures):
    for number in range(REMEMBERED + 10):
        failures.failed(f"name-{number}")
        failures.failed("name-5")
    assert len(failures._names.known) == REMEMBERED
    assert "name-5" in failures._names.known
    assert "name-0" not in failures._names.known
    for number in range(REMEMBERED + 10):
        failures.succeeded(f"name-{number}", HERE)
        failures.succeeded(f"name-{number}", HERE)
    assert len(failures._familiar) == REMEMBERED


def test_a_clock_that_was_set_back_locks_nobody_out(failures, clock):
    for _ in range(ENOUGH + 20):
        failures.failed("ci", HERE)
    clock.now -= 86_400
    assert waits(failures) == 0
    failures.failed("ci", HERE)
    assert waits(failures) == 0


def test_very_many_failures_at_once_are_counted_without_overflow(failures):
    for _ in range(5_000):
        failures.failed("ci", HERE)
    assert waits(failures) == BY_ADDRESS.longest
