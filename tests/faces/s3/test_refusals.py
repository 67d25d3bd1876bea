"""How credentials that this server does not take are refused."""

import pytest

from tests.faces.s3.stage import Call


@pytest.mark.parametrize(
    ("authorization", "code", "message"),
    [
        ("nonsense", "InvalidArgument", "Authorization header is invalid -- one and only one &apos; &apos;"),
        ("AWS5-HMAC-SHA1 Credential=x", "InvalidArgument", "Unsupported Authorization Type"),
        ("AWS nonsense", "InvalidRequest", "Please use AWS4-HMAC-SHA256."),
        ("AWS key:AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "InvalidRequest", "Please use AWS4-HMAC-SHA256."),
        ("AWS4-HMAC-SHA256 Credential=x", "AuthorizationHeaderMalformed", "requires three components"),
    ],
)
async def test_an_unknown_credential_is_told_what_is_known(stage, authorization, code, message):
    headers = {"Authorization": authorization, "Date": "Sun, 24 May 2026 12:00:00 GMT"}
    call = Call(method="GET", path="/bucket", signed=None, headers=headers)
    answer = await stage.call(call)
    assert answer.code == code
    assert message.replace("&apos;", "'") in answer.body.decode()


async def test_a_link_without_all_its_parameters_is_refused(stage):
    call = Call(method="GET", path="/bucket/key", signed=None, query="X-Amz-Signature=" + "0" * 64)
    assert (await stage.call(call)).code == "AuthorizationQueryParametersError"


async def test_a_copy_with_an_unknown_checksum_is_refused(stage):
    headers = {"x-amz-copy-source": "/bucket/key", "x-amz-checksum-algorithm": "CRC16"}
    assert (await stage.ask("PUT", "/bucket/copy", headers=headers)).code == "InvalidRequest"
