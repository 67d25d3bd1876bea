"""What rules mean for a version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.storage.lifecycle.decisions import Decision, Facts, Step, Terms, abortion, decide, due_ms, expiry
from zotplus.domain.storage.lifecycle.rules import (
    Filter,
    NoncurrentExpiration,
    NoncurrentTransition,
    Rule,
    RuleSet,
    Transition,
    When,
)

DAY = 86_400_000
VERSIONED = Terms(keeps_versions=True)
COLD = Terms(classes=("COOL", "COLD"))


def rules(*told):
    return RuleSet(
        rules=tuple(
            Rule(**{"id": str(number), "is_enabled": True, "filter": Filter()} | one) for number, one in enumerate(told)
        )
    )


def facts(**told):
    return Facts(**{"key": "a", "created_ms": 0, "size": 200_000} | told)


@given(st.integers(0, 2**45), st.integers(0, 40_000), st.sampled_from([86_400.0, 2.0, 0.25, 3600.0]))
def test_days_end_at_a_midnight_after_them_and_within_one_day(since, days, day):
    length = int(day * 1000)
    due = due_ms(since, days, day)
    assert due % length == 0
    assert 0 < due - since - days * length <= length


def test_a_day_may_be_shorter():
    short = rules({"expiration": When(days=2)})
    assert decide(short, facts(created_ms=500), Terms(day=1.0), 3_000).step is Step.REMOVE
    assert decide(short, facts(created_ms=500), Terms(day=1.0), 2_999) is None


def test_a_disabled_rule_does_nothing():
    off = rules({"expiration": When(days=1), "is_enabled": False, "abort_days": 1})
    assert decide(off, facts(), Terms(), 10**15) is None
    assert expiry(off, facts()) is None
    assert abortion(off, "a", 0) is None


@pytest.mark.parametrize(("wanted", "is_taken"), [
    (Filter(), True),
    (Filter(prefix=""), True),
    (Filter(prefix="a/"), True),
    (Filter(prefix="b/"), False),
    (Filter(tags=(("x", "1"),)), True),
    (Filter(tags=(("x", "2"),)), False),
    (Filter(tags=(("x", "1"), ("y", "1"))), False),
    (Filter(larger_than=99), True),
    (Filter(larger_than=100), False),
    (Filter(smaller_than=101), True),
    (Filter(smaller_than=100), False),
    (Filter(prefix="a/", tags=(("x", "1"),), larger_than=1, smaller_than=1000), True),
    (Filter(prefix="a/", tags=(("x", "1"),), larger_than=100, smaller_than=1000), False),
])  # fmt: skip
def test_all_conditions_of_a_filter_must_hold(wanted, is_taken):
    found = decide(
        rules({"expiration": When(date=0), "filter": wanted}), facts(key="a/b", size=100, tags={"x": "1"}), Terms(), 1
    )
    assert (found is not None) is is_taken


def test_a_date_that_has_passed_counts_for_objects_that_came_later():
    dated = rules({"expiration": When(date=86_400)})
    assert decide(dated, facts(created_ms=5 * DAY), Terms(), 5 * DAY) == Decision(step=Step.REMOVE, rule="0")
    assert decide(dated, facts(), Terms(), DAY - 1) is None


def test_of_several_rules_the_one_that_is_due_first_is_named():
    two = rules({"expiration": When(days=9)}, {"expiration": When(days=3)})
    assert decide(two, facts(), Terms(), 30 * DAY).rule == "1"
    assert expiry(two, facts()).rule == "1"


def test_a_marker_above_other_versions_stays():
    both = rules({"expires_markers": True}, {"expiration": When(days=1)})
    assert decide(both, facts(is_marker=True, size=0, is_alone=False), VERSIONED, 10**15) is None


def test_a_marker_that_hides_nothing_ends_by_age_too():
    aged = rules({"expiration": When(days=1)})
    assert decide(aged, facts(is_marker=True, size=0), VERSIONED, 2 * DAY).step is Step.REMOVE
    assert decide(aged, facts(is_marker=True, size=0), VERSIONED, 2 * DAY - 1) is None


def test_a_rule_that_says_no_to_expired_markers_removes_none():
    assert decide(rules({"expires_markers": False}), facts(is_marker=True), VERSIONED, 10**15) is None


def test_an_earlier_marker_ends_as_other_earlier_versions_do():
    found = decide(
        rules({"noncurrent_expiration": NoncurrentExpiration(days=1)}),
        facts(is_marker=True, superseded_ms=0),
        VERSIONED,
        2 * DAY,
    )
    assert found.step is Step.REMOVE


def test_the_newest_version_is_no_matter_of_noncurrent_rules_nor_an_earlier_one_of_the_others():
    earlier = rules({"noncurrent_expiration": NoncurrentExpiration(days=1)})
    assert decide(earlier, facts(), VERSIONED, 10**15) is None
    newest = rules(
        {"expiration": When(days=1)}, {"transitions": (Transition(when=When(days=1), storage_class="COLD"),)}
    )
    assert decide(newest, facts(superseded_ms=0), Terms(keeps_versions=True, classes=("COLD",)), 10**15) is None


def test_an_earlier_version_moves_unless_it_is_among_those_that_stay():
    moving = rules({"noncurrent_transitions": (NoncurrentTransition(days=1, storage_class="COLD", newer=1),)})
    assert decide(moving, facts(superseded_ms=0, newer=0), COLD, 10**15) is None
    assert decide(moving, facts(superseded_ms=0, newer=1), COLD, 2 * DAY).storage_class == "COLD"


def test_a_class_without_a_store_is_passed_over():
    moving = rules({"transitions": (Transition(when=When(days=0), storage_class="GONE"),)})
    assert decide(moving, facts(), COLD, 10**15) is None


def test_uploads_are_aborted_by_the_first_rule_that_is_due_for_their_key():
    aborting = rules(
        {"abort_days": 7}, {"abort_days": 2, "filter": Filter(prefix="tmp/")}, {"expiration": When(days=1)}
    )
    assert abortion(aborting, "tmp/a", 0).rule == "1"
    assert abortion(aborting, "tmp/a", 0).at_ms == 3 * DAY
    assert abortion(aborting, "a", 0).at_ms == 8 * DAY


_CLASS = st.sampled_from(["COOL", "COLD"])
_RULE = st.builds(
    Rule,
    id=st.text("ab", min_size=1, max_size=2),
    is_enabled=st.booleans(),
    filter=st.builds(Filter, prefix=st.sampled_from([None, "", "a", "b"]), larger_than=st.sampled_from([None, 5])),
    expiration=st.none() | st.builds(When, days=st.integers(1, 3)),
    transitions=st.lists(
        st.builds(Transition, when=st.builds(When, days=st.integers(0, 3)), storage_class=_CLASS), max_size=2
    ).map(tuple),
    noncurrent_expiration=st.none() | st.builds(NoncurrentExpiration, days=st.integers(1, 3), newer=st.integers(0, 2)),
)


@given(
    st.lists(_RULE, max_size=4).map(lambda made: RuleSet(rules=tuple(made))),
    st.builds(Facts, key=st.sampled_from(["a", "b"]), created_ms=st.integers(0, DAY), size=st.sampled_from([0, 10**6]),
              superseded_ms=st.none() | st.integers(DAY, 2 * DAY), newer=st.integers(0, 3), is_marker=st.booleans(),
              is_alone=st.booleans()),
    st.booleans(),
    st.integers(0, 8 * DAY),
)  # fmt: skip
def test_what_is_due_stays_due_and_gets_no_milder(made, one, keeps, now):
    terms = Terms(keeps_versions=keeps, classes=("COOL", "COLD"))
    severity = {None: 0, Step.MARK: 1, Step.MOVE: 2, Step.REMOVE: 3}
    first, later = decide(made, one, terms, now), decide(made, one, terms, now + DAY)
    rank = [severity[None if found is None else found.step] for found in (first, later)]
    assert rank[0] <= rank[1]
