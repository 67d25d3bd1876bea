"""Amazon's names and ours: each principal has one ARN, and an ARN never means somebody else."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.arns import arn_of_principal, arn_of_resource, principal_of_arn, resource_of_arn

_NAMES = (
    *("ZP0123456789ABCDEFGH", "robot:ci", "user:keycloak:a/b:c", "group:keycloak:team a", "role:keycloak:r"),
    *("trust:release", "certificate:ops", "public", "authenticated"),
)


@pytest.mark.parametrize("name", _NAMES)
def test_a_principal_is_found_by_its_arn_and_by_its_name(name: str) -> None:
    assert principal_of_arn(arn_of_principal(name)) == name
    assert principal_of_arn(name) == name


def test_arns_have_the_forms_that_the_identity_of_a_caller_has() -> None:
    assert arn_of_principal("robot:ci") == "arn:aws:iam::000000000000:user/robot:ci"
    assert arn_of_principal("trust:release") == "arn:aws:iam::000000000000:role/release"


def test_everybody_stays_everybody() -> None:
    assert principal_of_arn("*") == "*"


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::000000000000:root",
        "arn:aws:iam::111122223333:user/robot:ci",
        "000000000000",
        "arn:aws:iam::000000000000:user/*",
        "arn:aws:iam::000000000000:user/a*",
        "arn:aws:iam::000000000000:user/",
        "arn:aws:iam::000000000000:role/",
        "arn:aws:sts::000000000000:assumed-role/release/session",
        "",
    ],
)
def test_an_arn_of_nobody_here_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        principal_of_arn(text)
    assert caught.value.fault is errors.POLICY_INVALID


def test_names_of_buckets_and_objects_are_translated_both_ways() -> None:
    assert resource_of_arn("arn:aws:s3:::bucket/a/*") == "s3:bucket/a/*"
    assert arn_of_resource("s3:bucket/a/*") == "arn:aws:s3:::bucket/a/*"
    assert arn_of_resource("oci:team/app") == "oci:team/app"


@pytest.mark.parametrize("text", ["s3:bucket", "arn:aws:s3:::", "arn:aws:sqs:::queue", "*"])
def test_what_is_no_arn_of_s3_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        resource_of_arn(text)
    assert caught.value.fault is errors.POLICY_INVALID
