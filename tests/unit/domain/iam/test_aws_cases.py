"""Cases that Amazon's documentation describes, each with its page; principals have our names."""

import json
from pathlib import Path

import pytest

from zotplus.domain.iam import Allowed, Need, PolicyKind, PolicySet, ResourcePolicies, parse_policy

CASES = json.loads((Path(__file__).parent / "aws_cases.json").read_text())


class Known(dict):
    def values(self, key):
        return self.get(key)


def parsed(case, layer, kind):
    return [parse_policy(json.dumps(policy), kind) for policy in case.get(layer, [])] if layer in case else None


@pytest.mark.parametrize("case", CASES, ids=[case["says"] for case in CASES])
def test_a_case_that_amazon_documents(case):
    who = case.get("who", {"id": "ZPKEY"})
    resource = ResourcePolicies(parsed(case, "resource", PolicyKind.RESOURCE) or [])
    policies = PolicySet(
        *parsed(case, "identity", PolicyKind.IDENTITY) or [],
        resource=resource.for_names(who.get("names", []), who["id"]),
        boundaries=parsed(case, "boundary", PolicyKind.BOUNDARY),
        session=parsed(case, "session", PolicyKind.SESSION),
    )
    known = {key: tuple(values) for key, values in case.get("with", {}).items()}
    for _ in range(2):  # what is remembered says the same
        decision = policies.decide(Need(*case["asks"]), Known(known))
        if case["answer"] == "yes":
            assert isinstance(decision, Allowed), decision
        else:
            assert not isinstance(decision, Allowed)
            assert decision.explicit is (case["answer"] == "denied")


def test_there_are_enough_cases_and_each_names_its_page():
    assert len(CASES) >= 50
    assert len({case["says"] for case in CASES}) == len(CASES)
    assert all(case["page"].startswith("https://docs.aws.amazon.com/") for case in CASES)
