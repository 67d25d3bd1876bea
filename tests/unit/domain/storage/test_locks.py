from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.locks import (
    COMPLIANCE,
    DAY_MS,
    GOVERNANCE,
    NO_RETENTION,
    Retention,
    check_deletable,
    check_period,
    check_retention,
    check_retention_change,
    end_of_period,
    format_instant,
    parse_instant,
)

NOW = 1_800_000_000_000
SOON, LATER = NOW + 1000, NOW + 5000


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


def fault_of(call, *arguments, **options):
    with pytest.raises(Problem) as caught:
        call(*arguments, **options)
    return caught.value.fault


def retention(mode: str, until_ms: int) -> Retention:
    return Retention(mode=mode, until_ms=until_ms)


@pytest.mark.parametrize("bypass", [False, True])
def test_what_is_not_locked_can_be_deleted(bypass):
    check_deletable(NO_RETENTION, NOW, legal_hold=False, bypass=bypass)
    check_deletable(retention(COMPLIANCE, NOW), NOW, legal_hold=False, bypass=bypass)
    check_deletable(retention(GOVERNANCE, NOW), NOW, legal_hold=False, bypass=bypass)


@pytest.mark.parametrize("bypass", [False, True])
def test_a_legal_hold_and_compliance_hold_against_everybody(bypass):
    assert fault_of(check_deletable, NO_RETENTION, NOW, legal_hold=True, bypass=bypass) is errors.OBJECT_LOCKED
    locked = retention(COMPLIANCE, SOON)
    assert fault_of(check_deletable, locked, NOW, legal_hold=False, bypass=bypass) is errors.OBJECT_LOCKED


def test_governance_gives_way_only_to_who_bypasses_it():
    locked = retention(GOVERNANCE, SOON)
    assert fault_of(check_deletable, locked, NOW, legal_hold=False, bypass=False) is errors.OBJECT_LOCKED
    check_deletable(locked, NOW, legal_hold=False, bypass=True)


@pytest.mark.parametrize("mode", ["governance", "WORM", "\0"])
@pytest.mark.parametrize("until_ms", [0, SOON])
def test_a_mode_that_nobody_knows_keeps_a_version_for_ever(mode, until_ms):
    """RustFS GHSA-j548: a lock that could not be read was taken for none."""
    locked = retention(mode, until_ms)
    assert fault_of(check_deletable, locked, NOW, legal_hold=False, bypass=True) is errors.OBJECT_LOCKED
    change = (locked, retention(mode, LATER), NOW)
    assert fault_of(check_retention_change, *change, bypass=True) is errors.OBJECT_LOCKED


@pytest.mark.parametrize("bypass", [False, True])
@pytest.mark.parametrize("mode", [GOVERNANCE, COMPLIANCE])
def test_a_retention_can_be_extended_in_its_mode(mode, bypass):
    check_retention_change(retention(mode, SOON), retention(mode, LATER), NOW, bypass=bypass)
    check_retention_change(retention(mode, SOON), retention(mode, SOON), NOW, bypass=bypass)


@pytest.mark.parametrize("bypass", [False, True])
@pytest.mark.parametrize("wanted", [retention(COMPLIANCE, SOON), retention(GOVERNANCE, LATER + 1), NO_RETENTION])
def test_compliance_is_never_shortened_weakened_or_removed(wanted, bypass):
    change = (retention(COMPLIANCE, LATER), wanted, NOW)
    assert fault_of(check_retention_change, *change, bypass=bypass) is errors.OBJECT_LOCKED


@pytest.mark.parametrize("wanted", [retention(GOVERNANCE, SOON), retention(COMPLIANCE, LATER), NO_RETENTION])
def test_governance_is_shortened_removed_or_made_compliance_only_with_bypass(wanted):
    """CVE-2023-25812: who was denied the bypass had it all the same."""
    change = (retention(GOVERNANCE, LATER), wanted, NOW)
    assert fault_of(check_retention_change, *change, bypass=False) is errors.OBJECT_LOCKED
    check_retention_change(*change, bypass=True)


@pytest.mark.parametrize("mode", ["", GOVERNANCE, COMPLIANCE])
def test_what_has_ended_binds_nobody(mode):
    check_retention_change(retention(mode, NOW), NO_RETENTION, NOW, bypass=False)
    check_retention_change(retention(mode, NOW), retention(GOVERNANCE, SOON), NOW, bypass=False)


def test_a_retention_needs_a_mode_and_a_date_to_come():
    check_retention(retention(GOVERNANCE, SOON), NOW)
    assert fault_of(check_retention, retention("governance", SOON), NOW) is errors.ARGUMENT_INVALID
    assert fault_of(check_retention, retention(COMPLIANCE, NOW), NOW) is errors.ARGUMENT_INVALID


@pytest.mark.parametrize(("days", "years"), [(1, None), (36_500, None), (None, 1), (None, 100)])
def test_a_period_is_of_days_or_years(days, years):
    check_period(days, years)


@pytest.mark.parametrize(
    ("days", "years", "fault"),
    [
        (None, None, errors.XML_MALFORMED),
        (1, 1, errors.XML_MALFORMED),
        (0, None, errors.ARGUMENT_INVALID),
        (-3, None, errors.ARGUMENT_INVALID),
        (36_501, None, errors.ARGUMENT_INVALID),
        (None, 0, errors.ARGUMENT_INVALID),
        (None, 101, errors.ARGUMENT_INVALID),
    ],
)
def test_a_period_that_is_none_is_refused(days, years, fault):
    assert fault_of(check_period, days, years) is fault


def test_a_period_ends_days_later_or_on_the_same_day_of_a_later_year():
    assert end_of_period(NOW, days=30, years=0) == NOW + 30 * DAY_MS
    assert end_of_period(at(2027, 5, 6, 7, 8, 9) + 123, days=0, years=7) == at(2034, 5, 6, 7, 8, 9) + 123
    assert end_of_period(at(2028, 2, 29), days=0, years=4) == at(2032, 2, 29)
    assert end_of_period(at(2028, 2, 29, 12), days=0, years=1) == at(2029, 3, 1, 12)
    assert end_of_period(at(9990, 1, 1), days=0, years=100) == at(9999, 1, 1)


@given(st.integers(0, at(9000, 1, 1)), st.integers(1, 100))
def test_a_period_of_years_is_never_shorter_than_its_years(now_ms, years):
    end = end_of_period(now_ms, days=0, years=years)
    assert 365 * years * DAY_MS <= end - now_ms <= (365 * years + years // 4 + 2) * DAY_MS


@given(st.integers(0, at(9999, 12, 31)))
def test_an_instant_comes_back_as_it_was_written(epoch_ms):
    assert parse_instant(format_instant(epoch_ms)) == epoch_ms


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("2030-01-02T03:04:05Z", at(2030, 1, 2, 3, 4, 5)),
        ("2030-01-02T03:04:05.6Z", at(2030, 1, 2, 3, 4, 5) + 600),
        ("2030-01-02T03:04:05.000000001Z", at(2030, 1, 2, 3, 4, 5) + 1),
        ("2030-01-02T03:04:05+02:00", at(2030, 1, 2, 1, 4, 5)),
        ("2030-01-02T03:04:05-00:30", at(2030, 1, 2, 3, 34, 5)),
    ],
)
def test_an_instant_is_read_in_every_form_that_clients_write(text, epoch_ms):
    assert parse_instant(text) == epoch_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2030-01-02",
        "2030-13-01T00:00:00Z",
        "2030-01-02T03:04:05",
        "tomorrow",
        "\u0662030-01-02T03:04:05Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59.9999Z",
        "0001-01-01T00:00:00+14:00",
        "9" * 5000,
    ],
)
def test_what_is_no_instant_is_none(text):
    assert parse_instant(text) is None
