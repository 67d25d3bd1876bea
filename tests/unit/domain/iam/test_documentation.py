"""The policies of docs/policies.md are valid, and mean what the page says of them."""

import re
from pathlib import Path

import pytest

from zotplus.domain.iam import (
    OPERATORS,
    Allowed,
    Need,
    PolicyKind,
    PolicySet,
    ResourcePolicies,
    WarningCode,
    parse_policy,
    warnings,
)

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "policies.md").read_text()
POLICIES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
NAMES = ("first", "anonymous", "team", "office", "signed", "session", "boundary")
EXAMPLES = dict(zip(NAMES, POLICIES, strict=True))


class Known(dict):
    def values(self, key):
        return self.get(key)


def parsed(name, kind=PolicyKind.IDENTITY):
    return parse_policy(EXAMPLES[name], kind)


def allowed(policies, action, resource, **known):
    keys = {key.replace("_", ":"): (value,) for key, value in known.items()}
    return isinstance(policies.decide(Need(action, resource), Known(keys)), Allowed)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_and_only_oddities_that_the_page_tells_are_in_it(name):
    kind = {"anonymous": PolicyKind.RESOURCE, "session": PolicyKind.SESSION}.get(name, PolicyKind.IDENTITY)
    codes = {row.code for row in warnings(parsed(name, kind))}
    assert codes == ({"key_never_present"} if name == "signed" else set())


def test_everybody_reads_the_bucket_and_nobody_writes():
    everybody = PolicySet(
        resource=ResourcePolicies([parsed("anonymous", PolicyKind.RESOURCE)]).for_names((), "anonymous")
    )
    assert allowed(everybody, "s3:GetObject", "s3:releases/app/1.tar")
    assert not allowed(everybody, "s3:PutObject", "s3:releases/app/1.tar")
    assert not allowed(everybody, "s3:GetObject", "s3:other/x")


def test_members_of_the_team_have_their_own_folder():
    team = PolicySet(parsed("team"))
    assert allowed(team, "oci:Push", "oci:team/app")
    assert allowed(team, "s3:PutObject", "s3:team/home/7f/x", zotplus_subject="7f")
    assert not allowed(team, "s3:PutObject", "s3:team/home/7f/x", zotplus_subject="8a")
    assert not allowed(team, "s3:PutObject", "s3:team/home/7f/x")
    assert allowed(team, "s3:ListBucket", "s3:team", zotplus_subject="7f", s3_prefix="home/7f/")
    assert not allowed(team, "s3:ListBucket", "s3:team", zotplus_subject="7f", s3_prefix="home/8a/")


def test_outside_of_the_office_everything_is_read_and_nothing_changed():
    team = PolicySet(parsed("team"), parsed("office"))
    for address, writes in (("10.1.2.3", True), ("198.51.100.1", False)):
        known = {"aws_sourceip": address, "aws_securetransport": "true"}
        assert allowed(team, "oci:Pull", "oci:team/app", **known)
        assert allowed(team, "oci:Push", "oci:team/app", **known) is writes
        assert not allowed(team, "oci:Pull", "oci:team/app", **known | {"aws_securetransport": "false"})


def test_what_is_not_known_to_be_signed_is_not_pulled():
    everything = parse_policy(
        '{"Statement": {"Effect": "Allow", "Action": "oci:Pull", "Resource": "*"}}', PolicyKind.IDENTITY
    )
    cluster = PolicySet(everything, parsed("signed"))
    assert not allowed(cluster, "oci:Pull", "oci:production/app")
    assert not allowed(cluster, "oci:Pull", "oci:production/app", zotplus_signed="false")
    assert allowed(cluster, "oci:Pull", "oci:production/app", zotplus_signed="true")
    assert allowed(cluster, "oci:Pull", "oci:test/app")


def test_the_page_tells_of_every_warning_and_points_to_every_operator():
    assert all(f"| `{code.value}` |" in PAGE for code in WarningCode)
    reference = (Path(__file__).resolve().parents[4] / "docs" / "reference" / "policies.md").read_text()
    assert all(f"| `{name}` |" in reference for name in OPERATORS)
