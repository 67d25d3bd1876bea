"""The stored form of lifecycle rules."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.rules import Filter, Rule, RuleSet, When, decode_rules, encode_rules


def test_rules_come_back_as_they_were_stored():
    rules = RuleSet(rules=(Rule(id="a", is_enabled=True, filter=Filter(prefix="x"), expiration=When(days=3)),))
    assert decode_rules(encode_rules(rules)) == rules


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x01", b"\x01\xc1", encode_rules(RuleSet(rules=()))[:-3]])
def test_rules_that_cannot_be_read_are_no_rules(data):
    with pytest.raises(Problem) as raised:
        decode_rules(data)
    assert raised.value.fault is errors.STORAGE_FAILED
