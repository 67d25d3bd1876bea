"""Sessions for access keys: as themselves, or as a role that a policy lets them take."""

import json
import time

import pytest

from tests.faces.federation.conftest import ROLE
from tests.faces.federation.test_sts import READ_ONLY, code_of, put
from tests.peers.programs import call
from zotplus.domain.principals import PrincipalKind
from zotplus.services.identity.roles import Role
from zotplus.services.policies.values import NewVersion

AWS_ROLE = "arn:aws:iam::000000000000:role/"


@pytest.fixture
def somebody(stage):
    """A new key that may publish to the bucket ``releases``."""
    return stage.gateway.key((Role.PUBLISHER, "s3:releases"))


def sts(stage, credentials):
    return stage.gateway.client("sts", key=credentials)


def s3(stage, credentials):
    return stage.gateway.client(key=credentials)


def allow(stage, name, key, *actions, resource="sts:release"):
    """Attach a policy that allows ``actions`` to a key."""
    document = {"Statement": {"Effect": "Allow", "Action": list(actions), "Resource": resource}}
    policies = stage.gateway.services.policies
    stage.gateway.run(policies.put(name, NewVersion(text=json.dumps(document).encode(), author="test")))
    stage.gateway.run(policies.attach(name, key, "test"))


def scoped(stage, *actions, expires=None, resource="*"):
    """An administrator's key that its scope narrows."""
    scope = json.dumps({"Statement": {"Effect": "Allow", "Action": list(actions), "Resource": resource}})
    made = stage.gateway.run(stage.gateway.services.lifecycle.create(PrincipalKind.KEY, "scoped", expires, scope))
    stage.gateway.run(stage.gateway.services.grants.give(made.credential.id, Role.ADMINISTRATOR, "*"))
    return made.credential.id, made.secret


def test_a_key_gets_a_session_as_itself(stage, somebody):
    made = sts(stage, somebody).get_session_token(DurationSeconds=900)["Credentials"]
    assert 890 <= made["Expiration"].timestamp() - time.time() <= 900
    put(s3(stage, made), "own")
    assert code_of(lambda: s3(stage, made).create_bucket(Bucket="elsewhere")) == "AccessDenied"
    told = sts(stage, made).get_caller_identity()
    assert told["Arn"] == f"arn:aws:iam::000000000000:user/{somebody[0]}"
    assert stage.recorded("sts").who.id == somebody[0]


def test_a_session_of_a_key_ends_with_the_key(stage, somebody):
    made = sts(stage, somebody).get_session_token()["Credentials"]
    put(s3(stage, made))
    stage.gateway.run(stage.gateway.services.access.revoke(somebody[0]))
    assert code_of(lambda: put(s3(stage, made))) == "InvalidToken"
    access = stage.gateway.services.access
    stage.gateway.run(access.create(kind=PrincipalKind.KEY, name="again", id_=somebody[0]))
    assert code_of(lambda: put(s3(stage, made))) == "InvalidToken"


def test_a_session_of_a_key_lasts_no_longer_than_the_key(stage):
    key = scoped(stage, "s3:*", "sts:*", expires=time.time() + 1_000)
    made = sts(stage, key).get_session_token(DurationSeconds=3_600)["Credentials"]
    assert made["Expiration"].timestamp() <= time.time() + 1_000


def test_the_scope_of_a_key_holds_for_its_sessions(stage):
    """CVE-2025-62506 (GHSA-jjjj-jwhf-8rgr): what was made from a narrowed credential was not narrowed."""
    key = scoped(stage, "s3:GetObject", "sts:GetSessionToken")
    made = sts(stage, key).get_session_token()["Credentials"]
    for credentials in (key, made):
        assert code_of(lambda credentials=credentials: put(s3(stage, credentials))) == "AccessDenied"
    assert (
        code_of(lambda: sts(stage, key).assume_role(RoleArn=ROLE + "release", RoleSessionName="job")) == "AccessDenied"
    )
    narrowed = {"RoleArn": ROLE + "self", "RoleSessionName": "job", "Policy": READ_ONLY}
    assert code_of(lambda: sts(stage, key).assume_role(**narrowed)) == "ValidationError"
    closed = scoped(stage, "s3:GetObject")
    assert code_of(sts(stage, closed).get_session_token) == "AccessDenied"


def test_a_key_narrows_itself(stage, somebody):
    made = sts(stage, somebody).assume_role(RoleArn=AWS_ROLE + "self", RoleSessionName="job", Policy=READ_ONLY)
    assert made["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/self/job"
    put(s3(stage, somebody), "narrow")
    session = s3(stage, made["Credentials"])
    assert session.get_object(Bucket="releases", Key="narrow")["Body"].read() == b"x"
    assert code_of(lambda: put(session)) == "AccessDenied"


def test_a_role_is_taken_by_who_was_allowed_to(stage):
    nobody = stage.gateway.key()
    wanted = {"RoleArn": ROLE + "release", "RoleSessionName": "job"}
    assert code_of(lambda: sts(stage, nobody).assume_role(**wanted)) == "AccessDenied"
    assert code_of(lambda: put(s3(stage, nobody))) == "AccessDenied"
    allow(stage, "takers", nobody[0], "sts:AssumeRole")
    made = sts(stage, nobody).assume_role(**wanted)
    assert made["AssumedRoleUser"]["AssumedRoleId"] == "trust:release:job"
    put(s3(stage, made["Credentials"]))
    told = sts(stage, made["Credentials"]).get_caller_identity()
    assert told["Arn"] == "arn:aws:sts::000000000000:assumed-role/release/job"
    assert code_of(lambda: sts(stage, nobody).assume_role(**{**wanted, "RoleArn": ROLE + "pods"})) == "AccessDenied"
    narrowed = sts(stage, nobody).assume_role(**wanted, Policy=READ_ONLY)["Credentials"]
    assert code_of(lambda: put(s3(stage, narrowed))) == "AccessDenied"
    stage.gateway.run(stage.gateway.services.access.revoke(nobody[0]))
    assert code_of(lambda: put(s3(stage, made["Credentials"]))) == "InvalidToken"


def test_a_role_that_is_not_there_is_told_to_who_might_take_it(stage):
    admin = (stage.gateway.access_key, stage.gateway.secret)
    wanted = {"RoleArn": ROLE + "nothing", "RoleSessionName": "job"}
    assert code_of(lambda: sts(stage, admin).assume_role(**wanted)) == "ValidationError"
    assert code_of(lambda: sts(stage, stage.gateway.key()).assume_role(**wanted)) == "AccessDenied"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"DurationSeconds": 899}, "ValidationError"),
        ({"DurationSeconds": 43_201}, "ValidationError"),
        ({"DurationSeconds": 43_200}, "ValidationError"),  # the trust's own limit is an hour
        ({"RoleSessionName": "no spaces"}, "ValidationError"),
        ({"RoleArn": "arn:aws:iam::000000000000:user/release"}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "InvalidAction"),
        ({"TransitiveTagKeys": ["a"]}, "InvalidAction"),
        ({"ExternalId": "outside"}, "InvalidAction"),
        ({"SerialNumber": "arn:aws:iam::000000000000:mfa/x", "TokenCode": "123456"}, "InvalidAction"),
        ({"SourceIdentity": "alice"}, "InvalidAction"),
        ({"Policy": "{}"}, "MalformedPolicyDocument"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::000000000000:policy/missing"}]}, "ValidationError"),
    ],
)
def test_what_a_session_cannot_be_is_refused(stage, changed, code):
    admin = stage.gateway.client("sts", parameter_validation=False)
    wanted = {"RoleArn": ROLE + "release", "RoleSessionName": "job", **changed}
    assert code_of(lambda: admin.assume_role(**wanted)) == code


def test_a_session_of_a_key_is_ended_by_its_name(stage, somebody):
    made = sts(stage, somebody).get_session_token()["Credentials"]
    put(s3(stage, made))
    stage.gateway.run(stage.federation.standing.revoke(somebody[0]))
    assert code_of(lambda: put(s3(stage, made))) == "InvalidToken"
    put(s3(stage, somebody))


def test_a_key_cannot_sign_a_session_token_of_its_own(stage, somebody):
    """RustFS GHSA-ccrv, GHSA-5qfg: tokens that were signed with the user's own secret were taken."""
    made = sts(stage, somebody).get_session_token()["Credentials"]
    forged = {**made, "AccessKeyId": somebody[0], "SecretAccessKey": somebody[1]}
    assert code_of(lambda: put(s3(stage, forged))) == "InvalidToken"


def test_nobody_gets_a_session_without_a_signature(stage):
    for action in ("GetSessionToken", "AssumeRole"):
        status, _, body = stage.post("/sts", Action=action, Version="2011-06-15", RoleArn=ROLE + "release")
        assert (status, b"MissingAuthenticationToken" in body) == (403, True)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_form_that_a_session_signed_ends_with_it(stage, version):
    somebody = stage.gateway.key((Role.PUBLISHER, "s3:releases"))
    made = sts(stage, somebody).get_session_token()["Credentials"]
    signer = stage.gateway.client(key=made, signature_version=version)
    form = signer.generate_presigned_post("releases", "by-form")
    assert "x-amz-security-token" in form["fields"]
    assert upload(form) == 204
    other = sts(stage, somebody).get_session_token()["Credentials"]["SessionToken"]
    assert upload(form, **{"x-amz-security-token": other}) in (400, 403)
    assert upload({**form, "fields": {k: v for k, v in form["fields"].items() if k != "x-amz-security-token"}}) == 403
    stage.gateway.run(stage.federation.standing.revoke(somebody[0]))
    assert upload(form) == 400


def upload(form, **changed):
    """The status of a form's answer."""
    fields = {**form["fields"], **changed}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\ncontent\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return call("POST", form["url"], headers=headers, body=("".join(parts) + file).encode())[0]
