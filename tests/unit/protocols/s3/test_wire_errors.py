"""Every fault has S3's word for it, and the body is XML whatever the problem carries."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Fault, FaultType, Problem
from zotplus.protocols.s3 import wire_errors


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_fault_has_a_code_and_a_status_in_s3(code):
    name, status = wire_errors.WIRE[CATALOGUE[code]]
    assert name.replace(".", "").isidentifier()  # KMS.NotFoundException and the like
    assert 300 <= status <= 599


def test_no_status_is_401_since_s3_has_no_challenge():
    assert 401 not in {status for _, status in wire_errors.WIRE.values()}


@pytest.mark.parametrize(("status", "code"), [(400, "InvalidRequest"), (409, "InvalidRequest"), (507, "InternalError")])
def test_a_fault_that_the_table_lacks_keeps_its_status(status, code):
    made = Fault(code="x", status=status, type=FaultType.INTERNAL, message="m", cause="c", remedy="r")
    assert wire_errors.wire(made) == (code, status)


def test_the_body_carries_the_fields_that_s3_names_and_no_other():
    problem = Problem(errors.ARGUMENT_INVALID, "No <that>.", argument="max-keys", value="x&y", secret="/etc", Code="X")
    body = wire_errors.error_document(problem, "/bucket/key", "REQ")
    found = {child.tag: child.text for child in ET.fromstring(body)}  # noqa: S314 - our own output
    assert found == {
        "Code": "InvalidArgument",
        "Message": "No <that>.",
        "ArgumentName": "max-keys",
        "ArgumentValue": "x&y",
        "Resource": "/bucket/key",
        "RequestId": "REQ",
        "HostId": "zotplus",
    }


@given(st.text(), st.text(st.characters()), st.text())
@settings(max_examples=100)
def test_no_problem_breaks_the_body(detail, resource, value):
    body = wire_errors.error_document(Problem(errors.REQUEST_INVALID, detail, Header=value), resource, "R")
    assert body.startswith(b"<?xml")
    assert body.endswith(b"</Error>")
    assert body.count(b"<Code>") == 1


def test_who_signs_by_version_2_is_told_the_setting_that_allows_it():
    problem = Problem(errors.SIGNATURE_VERSION_REFUSED)
    assert "s3.allow_signature_v2" in wire_errors.error_fields(problem)["Detail"]
    assert wire_errors.message(problem).endswith("Please use AWS4-HMAC-SHA256.")
