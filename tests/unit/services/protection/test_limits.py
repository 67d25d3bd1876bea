"""What one caller may ask of one process."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.protection.limits import REMEMBERED, CallerLimits, ProtectionSettings


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def limited(clock, workers=1, **given):
    return CallerLimits(ProtectionSettings(**given), workers, clock=clock)


def admitted(limits, times, caller="ci"):
    """How many of ``times`` requests go through."""
    return sum(outcome is None for outcome in (refusal(limits.take, caller) for _ in range(times)))


def refusal(call, *given):
    try:
        call(*given)
    except Problem as problem:
        return problem.retry_after if problem.fault is errors.TOO_MANY_REQUESTS else problem.fault.code
    return None


def test_a_caller_has_a_burst_and_then_the_rate():
    clock = Clock()
    limits = limited(clock, requests_per_second=10, burst=30)
    assert admitted(limits, 100) == 30
    assert refusal(limits.take, "ci") == 1
    clock.now += 0.5
    assert admitted(limits, 100) == 5
    clock.now += 1_000
    assert admitted(limits, 100) == 30


def test_callers_do_not_take_from_each_other():
    limits = limited(Clock(), requests_per_second=1, burst=2)
    assert admitted(limits, 5, "a") == 2
    assert admitted(limits, 5, "b") == 2


def test_every_worker_allows_its_share():
    limits = limited(Clock(), workers=4, requests_per_second=8, uploads=8)
    assert admitted(limits, 100) == 4  # the burst is that of two seconds: 16
    assert [limits.begin_upload("ci"), limits.begin_upload("ci"), refusal(limits.begin_upload, "ci")] == [True, True, 1]


def test_a_share_is_never_nothing():
    clock = Clock()
    limits = limited(clock, workers=4, requests_per_second=0.1, burst=1, uploads=1)
    assert admitted(limits, 5) == 1
    assert refusal(limits.take, "ci") == 40
    clock.now += 40.001
    assert admitted(limits, 5) == 1
    assert limits.begin_upload("ci")


def test_a_request_that_comes_again_counts_once():
    limits = limited(Clock(), requests_per_second=1, burst=1)
    limits.take("ci")
    limits.give_back("ci")
    assert admitted(limits, 5) == 1
    limits.give_back("somebody else")
    for _ in range(5):
        limits.give_back("ci")
    assert admitted(limits, 5) == 1


def test_uploads_that_end_make_room():
    limits = limited(Clock(), uploads=2)
    limits.begin_upload("ci")
    limits.begin_upload("ci")
    assert refusal(limits.begin_upload, "ci") == 1
    limits.begin_upload("other")
    limits.end_upload("ci")
    limits.begin_upload("ci")
    for caller in ("ci", "ci", "other"):
        limits.end_upload(caller)
    assert limits._running == {}


def test_nothing_is_limited_that_is_not_set():
    limits = limited(Clock(), uploads=1)
    assert admitted(limits, 1_000) == 1_000
    assert limited(Clock(), requests_per_second=1).begin_upload("ci") is False
    assert not ProtectionSettings().is_on
    assert ProtectionSettings(uploads=1).is_on
    assert ProtectionSettings(requests_per_second=1).is_on


def test_memory_is_bounded():
    limits = limited(Clock(), requests_per_second=1)
    for number in range(REMEMBERED + 5):
        limits.take(str(number))
    assert len(limits._buckets) == REMEMBERED
    assert "0" not in limits._buckets


@settings(max_examples=50)
@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 20), st.integers(1, 20))
def test_no_pattern_of_requests_gets_more_than_burst_and_rate(pauses, rate, burst):
    clock = Clock()
    limits = limited(clock, requests_per_second=rate, burst=burst)
    begun, through = clock.now, 0
    for pause in pauses:
        clock.now += pause
        through += admitted(limits, 3)
        assert through <= burst + rate * (clock.now - begun) + 1e-6


@pytest.mark.parametrize("given", [{"requests_per_second": 0}, {"burst": 0}, {"uploads": 0}, {"uploads": "many"}])
def test_limits_that_would_stop_everything_are_refused(given):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, ProtectionSettings)
