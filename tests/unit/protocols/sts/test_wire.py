"""Every fault of the catalogue has a document that clients of AWS's STS read."""

import xml.etree.ElementTree as ET

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem
from zotplus.gateway.queries import writing
from zotplus.gateway.queries.writing import element
from zotplus.ports.identity import TokenFault, TokenRefused
from zotplus.protocols.sts.wire import NAMESPACE, wire_of


def refusal(problem: Problem, request_id: str) -> tuple[int, bytes]:
    wire = wire_of(problem)
    return wire.status, writing.refusal(problem, request_id, wire)


def read(document: bytes) -> dict[str, str]:
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert root.tag == f"{{{NAMESPACE}}}ErrorResponse"
    return {node.tag.removeprefix(f"{{{NAMESPACE}}}"): node.text or "" for node in root.iter()}


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=CATALOGUE)
def test_a_fault_has_a_code_a_side_and_a_status(fault):
    status, document = refusal(Problem(fault), "id-1")
    told = read(document)
    assert 300 <= status < 600
    assert told["Type"] == ("Receiver" if status >= 500 else "Sender")
    assert told["Code"].isalpha()
    assert (told["Message"], told["RequestId"]) == (fault.message, "id-1")


AS_AMAZON = {
    errors.ISSUER_UNAVAILABLE: "IDPCommunicationError",
    errors.POLICY_INVALID: "MalformedPolicyDocument",
    errors.SESSION_TOO_LARGE: "PackedPolicyTooLarge",
    errors.CREDENTIALS_EXPIRED: "ExpiredToken",
    errors.ACCESS_KEY_UNKNOWN: "InvalidClientTokenId",
    errors.ARGUMENT_INVALID: "ValidationError",
    errors.STORAGE_FAILED: "InternalFailure",
}


@pytest.mark.parametrize(("fault", "code"), AS_AMAZON.items(), ids=AS_AMAZON.values())
def test_clients_find_the_words_they_know(fault, code):
    assert read(refusal(Problem(fault), "")[1])["Code"] == code


@pytest.mark.parametrize("token_fault", TokenFault)
def test_a_refused_token_is_told_without_its_reason(token_fault):
    status, document = refusal(TokenRefused(token_fault, "the inner reason"), "id-1")
    assert status in {400, 403}
    assert b"inner reason" not in document


def test_what_xml_cannot_carry_is_replaced():
    assert element("A", "a\0\ud800<&b") == "<A>a\ufffd\ufffd&lt;&amp;b</A>"
