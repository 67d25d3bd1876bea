"""The security token service as clients see it."""

import json
import re
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError

from tests.faces.federation.conftest import FORM, ROLE
from tests.peers.programs import call
from zotplus.services.federation.trusts import TrustGrant
from zotplus.services.identity.roles import Role

READ_ONLY = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:releases/*"}})


def text(document: bytes, element: str) -> str:
    found = re.search(rf"<{element}>([^<]*)</{element}>", document.decode())
    assert found is not None, document
    return found[1]


def put(client, key="a"):
    client.put_object(Bucket="releases", Key=key, Body=b"x")


def code_of(work) -> str:
    with pytest.raises(ClientError) as caught:
        work()
    return caught.value.response["Error"]["Code"]


@pytest.mark.parametrize("where", ["/sts", "/sts/", "/s3", "/s3/", "s3 port"])
def test_a_token_becomes_a_session_wherever_clients_post(stage, where):
    at, path = (stage.s3_url, "/") if where == "s3 port" else (stage.url, where)
    status, headers, body = stage.assume(stage.token("github"), path=path, at=at)
    assert status == 200, body
    assert headers["Content-Type"] == "text/xml"
    assert headers["Cache-Control"] == "no-store"
    assert b'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in body
    assert text(body, "AccessKeyId").startswith("ZPS")
    assert text(body, "AssumedRoleId") == "trust:release:job-1"
    assert text(body, "Arn") == "arn:aws:sts::000000000000:assumed-role/release/job-1"
    assert text(body, "SubjectFromWebIdentityToken") == "repo:octo-org/octo-repo:environment:prod"
    assert text(body, "Provider") == "https://token.actions.githubusercontent.com"
    assert text(body, "Audience") == "zotplus"
    assert text(body, "RequestId") == headers["x-amzn-RequestId"]


def test_a_session_works_with_s3_in_header_and_presigned_and_with_streams(stage):
    credentials = stage.session()
    for at in ("s3", "main"):
        s3 = stage.gateway.client(at=at, key=credentials, signature_version="s3v4")
        put(s3)
        assert s3.get_object(Bucket="releases", Key="a")["Body"].read() == b"x"
        link = s3.generate_presigned_url("get_object", Params={"Bucket": "releases", "Key": "a"})
        assert "X-Amz-Security-Token=" in link
        assert call("GET", link)[2] == b"x"
        assert code_of(lambda s3=s3: s3.create_bucket(Bucket="others")) == "AccessDenied"


def test_a_session_works_with_signature_version_2_where_that_is_allowed(stage):
    credentials = stage.session()
    s3 = stage.gateway.client(key=credentials, signature_version="s3")
    put(s3, "version-2")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "releases", "Key": "version-2"})
    assert "x-amz-security-token=" in link
    assert call("GET", link)[2] == b"x"
    other = stage.session()["SessionToken"]
    changed = re.sub(r"x-amz-security-token=[^&]*", f"x-amz-security-token={other}", link)
    assert call("GET", changed)[0] == 400
    assert call("GET", re.sub(r"&?x-amz-security-token=[^&]*", "", link))[0] == 403


def test_get_caller_identity_says_who_a_session_and_a_key_are(stage):
    credentials = stage.session()
    for at in ("sts", "main", "s3"):
        told = stage.gateway.client("sts", at=at, key=credentials).get_caller_identity()
        assert told["Arn"] == "arn:aws:sts::000000000000:assumed-role/release/job-1"
        assert (told["UserId"], told["Account"]) == ("trust:release:job-1", "000000000000")
    key = stage.gateway.access_key
    told = stage.gateway.client("sts", at="sts").get_caller_identity()
    assert (told["Arn"], told["UserId"]) == (f"arn:aws:iam::000000000000:user/{key}", key)


def test_get_caller_identity_can_be_presigned(stage):
    sts = stage.gateway.client("sts", at="sts", key=stage.session())
    link = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    status, _, body = call("GET", link)
    assert (status, text(body, "UserId")) == (200, "trust:release:job-1")
    assert call("GET", link.replace("X-Amz-Signature=", "X-Amz-Signature=0"))[0] == 400
    assert call("GET", link.replace("Version=2011-06-15", "Version=2011-06-15&more=1"))[0] == 403


def test_a_signed_body_cannot_be_exchanged(stage):
    sts = stage.gateway.client("sts", at="sts", key=stage.session())
    sts.meta.events.register("before-send.sts.*", change_body)
    assert code_of(sts.get_caller_identity) == "SignatureDoesNotMatch"


def change_body(request, **_):
    request.body += "&more=1"
    request.headers["Content-Length"] = str(len(request.body))


def test_nobody_is_not_told_who_they_are(stage):
    status, _, body = stage.post("/sts", Action="GetCallerIdentity", Version="2011-06-15")
    assert (status, text(body, "Code")) == (403, "MissingAuthenticationToken")
    assert call("GET", stage.url + "/sts?Action=GetCallerIdentity")[0] == 403


def test_a_session_cannot_take_another_role(stage):
    sts = stage.gateway.client("sts", at="sts", key=stage.session())
    assert code_of(lambda: sts.assume_role(RoleArn=ROLE + "release", RoleSessionName="chain")) == "AccessDenied"
    assert code_of(sts.get_session_token) == "AccessDenied"


def test_a_session_policy_narrows(stage):
    put(stage.gateway.client(key=stage.session()))
    s3 = stage.gateway.client(key=stage.session(Policy=READ_ONLY))
    assert s3.get_object(Bucket="releases", Key="a")["Body"].read() == b"x"
    assert code_of(lambda: put(s3)) == "AccessDenied"


def test_a_person_gets_a_session_as_themselves(stage):
    told = stage.gateway.client("sts", key=stage.session("keycloak", "self")).get_caller_identity()
    assert told["Arn"] == "arn:aws:sts::000000000000:assumed-role/self/job-1"
    assert told["UserId"] == "user:keycloak:02e4df97-29be-4f73-86cd-a1b10bcc2bed:job-1"


REFUSED = {
    "wrong audience": ({"aud": "sts.amazonaws.com"}, 400, "InvalidIdentityToken"),
    "wrong repository id": ({"repository_id": "75"}, 403, "AccessDenied"),
    "wrong branch": ({"ref": "refs/heads/feature"}, 403, "AccessDenied"),
    "expired": ({"exp": 1_000_000_000}, 400, "ExpiredTokenException"),
    "not yet valid": ({"nbf": 4_000_000_000}, 400, "InvalidIdentityToken"),
    "no id": ({"jti": None}, 400, "InvalidIdentityToken"),
    "unknown issuer": ({"iss": "https://evil.example.org"}, 400, "InvalidIdentityToken"),
}


@pytest.mark.parametrize(("changes", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_a_token_that_does_not_fit_is_refused(stage, changes, status, code):
    token = stage.token("github", **changes)
    answer = stage.assume(token)
    assert (answer[0], text(answer[2], "Code")) == (status, code)
    assert text(answer[2], "Message") == "The token is not valid."
    assert token.encode() not in answer[2]


def test_a_token_counts_once_at_all_doors(stage):
    token = stage.token("github")
    assert stage.assume(token)[0] == 200
    status, _, body = stage.assume(token)
    assert (status, text(body, "Code")) == (400, "InvalidIdentityToken")
    assert stage.mint({"token": token})[2]["errors"][0]["code"] == "invalid-reuse-token"
    assert stage.exchange(token)[2]["error"] == "invalid_grant"


def test_with_reuse_the_same_file_serves_again_and_again(stage):
    token = stage.token("kubernetes")
    assert [stage.assume(token, "pods")[0] for _ in range(3)] == [200, 200, 200]


MISTAKES = {
    "no role": ({"RoleArn": None}, "ValidationError"),
    "a role that is none": ({"RoleArn": "release"}, "ValidationError"),
    "a path in the role": ({"RoleArn": ROLE + "a/b"}, "ValidationError"),
    "a long role": ({"RoleArn": ROLE + "a" * 2_048}, "ValidationError"),
    "an unknown role": ({"RoleArn": ROLE + "nobody"}, "AccessDenied"),
    "no session name": ({"RoleSessionName": None}, "ValidationError"),
    "a session name with blanks": ({"RoleSessionName": "a b"}, "ValidationError"),
    "no token": ({"WebIdentityToken": None}, "ValidationError"),
    "a short token": ({"WebIdentityToken": "abc"}, "ValidationError"),
    "a long token": ({"WebIdentityToken": "a" * 20_001}, "ValidationError"),
    "rubbish for a token": ({"WebIdentityToken": "rubbish"}, "InvalidIdentityToken"),
    "a short time": ({"DurationSeconds": "899"}, "ValidationError"),
    "a long time": ({"DurationSeconds": "43201"}, "ValidationError"),
    "a time beyond the trust's": ({"DurationSeconds": "3601"}, "ValidationError"),
    "a time that is none": ({"DurationSeconds": "-1"}, "ValidationError"),
    "a policy that is none": ({"Policy": "{"}, "MalformedPolicyDocument"),
    "a long policy": ({"Policy": " " * 2_049}, "ValidationError"),
    "an unknown stored policy": ({"PolicyArns.member.1.arn": "arn:zotplus:iam:::policy/nothing"}, "ValidationError"),
    "a stored policy that is none": ({"PolicyArns.member.1.arn": "arn:aws:s3:::x"}, "ValidationError"),
    "a field of a stored policy": ({"PolicyArns.member.1.name": "x"}, "ValidationError"),
    "many stored policies": ({f"PolicyArns.member.{n}.arn": "x" for n in range(11)}, "ValidationError"),
    "another version": ({"Version": "2006-03-01"}, "ValidationError"),
    "another action": ({"Action": "AssumeRoleWithSAML"}, "InvalidAction"),
    "no action": ({"Action": None}, "InvalidAction"),
    "many parameters": ({f"x{n}": "1" for n in range(64)}, "ValidationError"),
}


@pytest.mark.parametrize(("changes", "code"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_and_does_not_use_the_token_up(stage, changes, code):
    token = stage.token("github")
    status, _, body = stage.assume(token, **changes)
    assert (status in {400, 403}, text(body, "Code")) == (True, code), body
    assert stage.assume(token)[0] == 200


@pytest.mark.parametrize(
    "body", [b"\xff", b"Action=%ff", b"Action=%zz", b"Action=a&Action=b", b"&=&", b"A" * 65_536, b"A" * 65_537]
)
def test_a_form_that_cannot_be_read_is_refused(stage, body):
    status, _, answer = call("POST", stage.url + "/sts", headers=FORM, body=body)
    assert status in {400, 413}, answer
    assert answer.startswith(b"<ErrorResponse")


def test_tokens_do_not_come_by_the_address(stage):
    query = urlencode({"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": "x"})
    assert text(call("GET", f"{stage.url}/sts?{query}")[2], "Code") == "InvalidAction"
    assert call("PUT", stage.url + "/sts")[0] == 405
    assert call("HEAD", stage.url + "/sts")[0] == 405
    assert call("POST", stage.url + "/sts", headers={"Content-Type": "text/plain"}, body=b"x")[0] == 400


def test_a_key_of_a_session_is_nothing_without_its_token(stage):
    credentials = stage.session()
    bare = stage.gateway.client(key=(credentials["AccessKeyId"], credentials["SecretAccessKey"]))
    assert code_of(lambda: put(bare)) == "InvalidAccessKeyId"
    wrong = stage.gateway.client(key={**credentials, "SessionToken": "x" * 40})
    assert code_of(lambda: put(wrong)) == "InvalidToken"
    other = stage.gateway.client(key={**credentials, "SessionToken": stage.session()["SessionToken"]})
    assert code_of(lambda: put(other)) == "InvalidToken"
    secret = stage.gateway.client(key={**credentials, "SecretAccessKey": "x" * 40})
    assert code_of(lambda: put(secret)) == "SignatureDoesNotMatch"


def test_sessions_end_when_they_are_revoked(stage):
    grants = (TrustGrant(role=Role.PUBLISHER, pattern="s3:releases"),)
    stage.put_trust("short", "cluster", {"sub": ("system:serviceaccount:team-a:pipeline",)}, grants)
    s3 = stage.gateway.client(key=stage.session("tekton", "short"))
    put(s3)
    stage.gateway.run(stage.federation.standing.revoke("trust:short"))
    assert code_of(lambda: put(s3)) == "InvalidToken"


def test_forms_at_the_root_of_s3_with_anything_else_are_s3s(stage):
    status, _, body = call("POST", stage.s3_url + "/?delete", headers=FORM, body=b"")
    assert b"ErrorResponse" not in body
    assert status in {400, 403, 404, 405, 501}
