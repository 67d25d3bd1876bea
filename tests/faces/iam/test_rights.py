"""Each action asks for its own right, and nothing is done or told without it."""

import hashlib
import json
import time

import pytest

from tests.faces.iam.conftest import code_of
from tests.peers.programs import call
from zotplus.domain.actions import ACTIONS
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers
from zotplus.protocols.iam.face import OPERATIONS

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DOCUMENT = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
ARGUMENTS = {
    "UserName": "somebody",
    "PolicyName": "policy",
    "PolicyDocument": DOCUMENT,
    "AccessKeyId": "A" * 20,
    "Status": "Active",
    "PolicyArn": "arn:aws:iam::000000000000:policy/some-policy",
    "VersionId": "v1",
    "SetAsDefault": True,
}
NAMES = [row.name for row in OPERATIONS]


def ask(stage, key, operation):
    """The code of the refusal, empty where there is none."""
    client = stage.gateway.client("iam", key=key)
    method = next(name for name, wire in client.meta.method_to_api_mapping.items() if wire == operation.name)
    given = {name: ARGUMENTS[name] for name in operation.takes.split() if name in ARGUMENTS}
    return code_of_any(getattr(client, method), given)


def code_of_any(work, given):
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only here

    try:
        work(**given)
    except ClientError as refused:
        return refused.response["Error"]["Code"]
    return ""


def cleaned(stage):
    for row in stage.iam.list_users()["Users"]:
        if row["UserName"] == "somebody":
            for key in stage.iam.list_access_keys(UserName="somebody")["AccessKeyMetadata"]:
                stage.iam.delete_access_key(UserName="somebody", AccessKeyId=key["AccessKeyId"])
            for name in stage.iam.list_user_policies(UserName="somebody")["PolicyNames"]:
                stage.iam.delete_user_policy(UserName="somebody", PolicyName=name)
            stage.iam.delete_user(UserName="somebody")
    for row in stage.iam.list_policies(MaxItems=1000)["Policies"]:
        if row["PolicyName"] == "policy":
            stage.iam.delete_policy(PolicyArn=row["Arn"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=NAMES)
def test_an_action_is_refused_to_who_may_everything_else(stage, operation):
    """CVE-2024-55949, RustFS GHSA-566f, GHSA-mm2q, GHSA-vcwh: another right than its own was asked for."""
    own = {operation.action.name, *[action.name for action in operation.also]}
    for missing in own:
        others = [name for name in ACTIONS if name != missing]
        assert ask(stage, stage.allowed(*others), operation) == "AccessDenied"


@pytest.mark.parametrize("operation", OPERATIONS, ids=NAMES)
def test_an_action_is_allowed_by_its_own_rights_alone(stage, operation):
    own = [operation.action.name, *[action.name for action in operation.also]]
    try:
        assert ask(stage, stage.allowed(*own), operation) != "AccessDenied"
    finally:
        cleaned(stage)


@pytest.mark.parametrize("operation", OPERATIONS, ids=NAMES)
def test_nobody_does_anything_without_a_signature(stage, operation):
    body = f"Action={operation.name}&Version=2010-05-08&UserName=somebody".encode()
    status, _, told = call("POST", f"{stage.gateway.url}/iam", headers=FORM, body=body)
    assert (status, b"MissingAuthenticationToken" in told) == (403, True)


def test_a_key_with_all_rights_to_objects_manages_nobody(stage):
    key = stage.allowed("s3:*", "sts:*", "oci:*")
    for operation in OPERATIONS:
        assert ask(stage, key, operation) == "AccessDenied"


def test_a_user_does_not_give_itself_more(stage):
    """CVE-2021-43858, CVE-2023-27589: who may manage their own keys made one with more rights."""
    name, key = stage.user()
    own = stage.gateway.client("iam", key=key)
    for work, more in (
        (own.create_access_key, {}),
        (own.put_user_policy, {"PolicyName": "p", "PolicyDocument": DOCUMENT}),
        (own.attach_user_policy, {"PolicyArn": ARGUMENTS["PolicyArn"]}),
    ):
        assert code_of(work, UserName=name, **more) == "AccessDenied"
    assert code_of(own.create_access_key) == "AccessDenied"


def test_to_make_keys_of_ones_own_is_no_right_to_those_of_users(stage):
    """CVE-2024-24747: a key made for a parent inherited all that the parent may."""
    key = stage.allowed("admin:CreateKey")
    name, _ = stage.user()
    assert code_of(stage.gateway.client("iam", key=key).create_access_key, UserName=name) == "AccessDenied"


def test_the_scope_of_a_key_holds_here(stage):
    """CVE-2025-62506: what a narrowed credential made was not narrowed."""
    from zotplus.domain.principals import PrincipalKind  # noqa: PLC0415 - only here
    from zotplus.services.identity.roles import Role  # noqa: PLC0415 - only here

    scope = json.dumps({"Statement": {"Effect": "Allow", "Action": "admin:ListUsers", "Resource": "*"}})
    made = stage.gateway.run(stage.gateway.services.lifecycle.create(PrincipalKind.KEY, "scoped", None, scope))
    stage.gateway.run(stage.gateway.services.grants.give(made.credential.id, Role.ADMINISTRATOR, "*"))
    scoped = stage.gateway.client("iam", key=(made.credential.id, made.secret))
    scoped.list_users()
    assert code_of(scoped.create_user, UserName="beyond") == "AccessDenied"


def test_a_refusal_tells_nothing_of_what_is_there(stage):
    name, _ = stage.user()
    key = stage.allowed("s3:*")
    client = stage.gateway.client("iam", key=key)
    assert code_of(client.get_user, UserName=name) == code_of(client.get_user, UserName="missing") == "AccessDenied"


def test_a_changed_form_and_another_services_signature_are_refused(stage):
    iam = stage.gateway.client("iam")
    iam.meta.events.register("before-send.iam.*", _change)
    assert code_of(iam.create_user, UserName="changed") == "SignatureDoesNotMatch"
    status, _, told = call("GET", f"{stage.gateway.url}/iam?Action=CreateUser&UserName=a")
    assert (status, b"InvalidAction" in told) == (405, True)
    status, _, told = call("GET", f"{stage.gateway.url}/iam?Action=ListUsers")
    assert (status, b"MissingAuthenticationToken" in told) == (403, True)
    assert call("PUT", f"{stage.gateway.url}/iam", body=b"")[0] == 405


@pytest.mark.parametrize("at", ["s3", "main", "iam"])
def test_a_list_can_be_asked_for_by_a_link(stage, at):
    link = stage.gateway.client("iam", at=at).generate_presigned_url("list_users", HttpMethod="GET")
    status, _, told = call("GET", link)
    assert (status, b"<Users>" in told) == (200, True)
    assert call("GET", link.replace("Action=ListUsers", "Action=ListPolicies"))[0] == 403


def _change(request, **_):
    request.body += b"&Path=/x/" if isinstance(request.body, bytes) else "&Path=/x/"
    request.headers["Content-Length"] = str(len(request.body))


@pytest.mark.parametrize(("payload", "status"), [(None, 200), ("0" * 64, 403), ("UNSIGNED-PAYLOAD", 403)])
def test_the_hash_that_was_signed_is_that_of_the_form(stage, payload, status):
    """CVE-2025-31489: a signature over another body was taken."""
    body = b"Action=ListUsers&Version=2010-05-08"
    host = stage.gateway.url.removeprefix("http://")
    headers = {"host": host, **FORM}
    request = SignedRequest(method="POST", raw_path="/iam", raw_query="", headers=PlainHeaders(headers.items()))
    key = SigningCredentials(access_key=stage.admin[0], secret_key=stage.admin[1], service="iam")
    digest = payload or hashlib.sha256(body).hexdigest()
    headers |= sign_headers(request, key, payload_hash=digest, now=time.time())
    assert call("POST", f"{stage.gateway.url}/iam", headers=headers, body=body)[0] == status
