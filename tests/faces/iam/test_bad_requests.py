"""Whatever a form says, the service answers or refuses; nothing goes wrong inside."""

import hashlib
import time
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.peers.programs import call
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers
from zotplus.protocols.iam.face import OPERATIONS

READS = [row.name for row in OPERATIONS if not row.action.writes]
NAMES = sorted({name for row in OPERATIONS for name in row.takes.split()})
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "/", "v1", "arn:aws:iam::000000000000:policy/a", "\0", "a" * 600, "-1", "1001", "true", "%"]),
)


def post(stage, body: bytes):
    headers = {
        "host": stage.gateway.url.removeprefix("http://"),
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    }
    request = SignedRequest(method="POST", raw_path="/iam", raw_query="", headers=PlainHeaders(headers.items()))
    key = SigningCredentials(access_key=stage.admin[0], secret_key=stage.admin[1], service="iam")
    headers |= sign_headers(request, key, payload_hash=hashlib.sha256(body).hexdigest(), now=time.time())
    return call("POST", f"{stage.gateway.url}/iam", headers=headers, body=body)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(action=st.sampled_from(READS), parameters=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5))
def test_any_parameters_are_answered_or_refused(stage, action, parameters):
    status, _, told = post(stage, urlencode({"Action": action, "Version": "2010-05-08", **parameters}).encode())
    assert status in (200, 400, 404), told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Action",
        b"Action=ListUsers&Action=ListUsers",
        b"Action=ListUsers&Version=2009-01-01",
        b"Action=%zz",
        b"Action=%ff",
        b"\xff\xfe",
        b"&".join(b"p%d=1" % number for number in range(65)),
        b"Action=ListUsers&" + b"x" * 300_000,
    ],
)
def test_a_form_that_cannot_be_read_is_refused(stage, body):
    status, headers, told = post(stage, body)
    assert status in (400, 413), told
    assert headers["Content-Type"] == "text/xml"
    assert b"<ErrorResponse" in told
