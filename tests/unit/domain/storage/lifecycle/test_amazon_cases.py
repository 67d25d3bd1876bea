"""What Amazon's User Guide says in its examples, as data; each case names its page."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from zotplus.domain.storage.lifecycle.decisions import Decision, Facts, Step, Terms, decide
from zotplus.domain.storage.lifecycle.rules import RuleSet

CASES = json.loads((Path(__file__).parent / "amazon_cases.json").read_text())
CLASSES = ("STANDARD_IA", "GLACIER")


def milliseconds(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"])
def test_a_version_fares_as_amazon_says(case):
    rules = [{"id": str(number), "is_enabled": True, "filter": {}, **rule} for number, rule in enumerate(case["rules"])]
    known = {"rules": rules} | ({"minimum": case["minimum"]} if "minimum" in case else {})
    facts = Facts(
        key=case.get("key", "a"),
        created_ms=milliseconds(case["created"]),
        size=case.get("size", 1_000_000),
        tags=case.get("tags", {}),
        storage_class=case.get("storage_class", "STANDARD"),
        superseded_ms=milliseconds(case["superseded"]) if "superseded" in case else None,
        newer=case.get("newer", 0),
        is_marker=case.get("is_marker", False),
    )
    terms = Terms(keeps_versions=case.get("keeps_versions", False), classes=CLASSES)

    def decided(moment):
        return decide(msgspec.convert(known, RuleSet), facts, terms, milliseconds(moment))

    if "not_before" in case:
        assert decided(case["not_before"]) is None
    if "due" in case:
        found = decided(case["due"])
        assert isinstance(found, Decision)
        assert (found.step, found.storage_class) == (Step(case["step"]), case.get("to", ""))
