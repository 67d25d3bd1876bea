import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.locks import NO_RETENTION, Retention, format_instant
from zotplus.protocols.s3.settings.lock_documents import read_configuration, read_legal_hold, read_retention
from zotplus.protocols.s3.settings.lock_headers import LEGAL_HOLD, MODE, UNTIL, lock_keys, lock_needs, read_lock
from zotplus.records.buckets import RetentionRecord
from zotplus.services.values import Lock

ENABLED = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
MALFORMED, INVALID = errors.XML_MALFORMED, errors.ARGUMENT_INVALID


def configuration(default: str = "", enabled: str = ENABLED) -> bytes:
    rule = f"<Rule><DefaultRetention>{default}</DefaultRetention></Rule>" if default else ""
    return f"<ObjectLockConfiguration>{enabled}{rule}</ObjectLockConfiguration>".encode()


def fault_of(call, *arguments):
    with pytest.raises(Problem) as caught:
        call(*arguments)
    return caught.value.fault


def test_a_configuration_has_a_default_of_days_or_years_or_none():
    days = configuration("<Mode>GOVERNANCE</Mode><Days>30</Days>")
    assert read_configuration(days) == RetentionRecord(mode="GOVERNANCE", days=30)
    years = configuration("<Years>7</Years><Mode>COMPLIANCE</Mode>")
    assert read_configuration(years) == RetentionRecord(mode="COMPLIANCE", years=7)
    assert read_configuration(configuration()) is None


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (b"", errors.BODY_EMPTY),
        (b"malformed", MALFORMED),
        (configuration(enabled=""), MALFORMED),
        (configuration(enabled="<ObjectLockEnabled>Disabled</ObjectLockEnabled>"), MALFORMED),
        (configuration(enabled=ENABLED * 2), MALFORMED),
        (configuration(enabled=f"{ENABLED}<Rule/>"), MALFORMED),
        (configuration(enabled=f"{ENABLED}<Extra/>"), MALFORMED),
        (configuration("<Mode>governance</Mode><Days>3</Days>"), MALFORMED),
        (configuration("<Days>3</Days>"), MALFORMED),
        (configuration("<Mode>COMPLIANCE</Mode>"), MALFORMED),
        (configuration("<Mode>COMPLIANCE</Mode><Days>3</Days><Years>1</Years>"), MALFORMED),
        (configuration("<Mode>COMPLIANCE</Mode><Days>1_0</Days>"), MALFORMED),
        (configuration(f"<Mode>COMPLIANCE</Mode><Days>{'9' * 5000}</Days>"), MALFORMED),
        (configuration("<Mode>COMPLIANCE</Mode><Days>-3</Days>"), INVALID),
        (configuration("<Mode>COMPLIANCE</Mode><Years>101</Years>"), INVALID),
    ],
)
def test_a_configuration_that_says_something_else_is_refused(document, fault):
    assert fault_of(read_configuration, document) is fault


def test_a_retention_has_both_parts_or_none():
    document = b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>1970-01-01T00:00:01Z</RetainUntilDate></Retention>"
    assert read_retention(document) == Retention(mode="GOVERNANCE", until_ms=1000)
    assert read_retention(b"<Retention/>") == NO_RETENTION
    for inner in (
        "<Mode>GOVERNANCE</Mode>",
        "<RetainUntilDate>1970-01-01T00:00:01Z</RetainUntilDate>",
        "<Mode>GOVERNANCE</Mode><RetainUntilDate>tomorrow</RetainUntilDate>",
        "<Mode>invalid_mode</Mode><RetainUntilDate>1970-01-01T00:00:01Z</RetainUntilDate>",
    ):
        assert fault_of(read_retention, f"<Retention>{inner}</Retention>".encode()) is MALFORMED


def test_a_legal_hold_is_on_or_off():
    assert read_legal_hold(b"<LegalHold><Status>ON</Status></LegalHold>")
    assert not read_legal_hold(b"<LegalHold><Status>OFF</Status></LegalHold>")
    for inner in ("", "<Status/>", "<Status>on</Status>", "<State>ON</State>"):
        assert fault_of(read_legal_hold, f"<LegalHold>{inner}</LegalHold>".encode()) is MALFORMED


@given(st.binary(max_size=200))
def test_no_bytes_make_a_reader_fail_otherwise(document):
    for read in (read_configuration, read_retention, read_legal_hold):
        with pytest.raises(Problem):
            read(document)


def test_headers_ask_for_a_lock():
    until_ms = round(time.time()) * 1000 + 86_400_000 * 10 + 60_000
    headers = {MODE: "GOVERNANCE", UNTIL: format_instant(until_ms), LEGAL_HOLD: "ON"}
    lock = read_lock(headers.get)
    assert lock == Lock(mode="GOVERNANCE", until=until_ms / 1000, legal_hold=True)
    assert read_lock({}.get) is None
    assert read_lock({LEGAL_HOLD: "OFF"}.get) == Lock()
    assert lock_keys(lock) == {
        "s3:object-lock-mode": "GOVERNANCE",
        "s3:object-lock-retain-until-date": format_instant(until_ms),
        "s3:object-lock-remaining-retention-days": "10",
        "s3:object-lock-legal-hold": "ON",
    }
    assert [need.action for need in lock_needs(lock, "s3:b/k")] == ["s3:PutObjectRetention", "s3:PutObjectLegalHold"]
    assert [need.action for need in lock_needs(Lock(), "s3:b/k")] == ["s3:PutObjectLegalHold"]
    assert lock_needs(Lock(), "s3:b/k")[0].keys == {"s3:object-lock-legal-hold": "OFF"}
    assert (lock_needs(None, "s3:b/k"), lock_keys(None)) == ((), {})


@pytest.mark.parametrize(
    "headers",
    [
        {MODE: "GOVERNANCE"},
        {UNTIL: "2999-01-01T00:00:00Z"},
        {MODE: "invalid", UNTIL: "2999-01-01T00:00:00Z"},
        {MODE: "GOVERNANCE", UNTIL: "tomorrow"},
        {MODE: "GOVERNANCE", UNTIL: "2001-01-01T00:00:00Z"},
        {MODE: "", UNTIL: ""},
        {LEGAL_HOLD: "on"},
        {LEGAL_HOLD: ""},
    ],
)
def test_headers_that_ask_for_no_lock_are_refused(headers):
    assert fault_of(read_lock, headers.get) is INVALID
