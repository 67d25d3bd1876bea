"""Every route of every face, asked by nobody, with bad credentials and without its right: none opens.

The routes are those of the faces, so a new one is asked as well. S3's have samples of their own, and a test like this
in ``tests/faces/s3/test_authorization_matrix.py``.
"""

import json
import re
from urllib.parse import urlencode

import pytest
from botocore.credentials import Credentials

from tests.architecture.source import PACKAGE
from tests.faces.doors.stage import MEMBER, STRANGER, Credential, basic
from tests.faces.doors.test_matrix import REFUSALS, Door
from zotplus.domain.actions import ACTIONS
from zotplus.protocols.api.face import ApiFace
from zotplus.protocols.iam.face import OPERATIONS, IamFace
from zotplus.protocols.mint.face import MintFace
from zotplus.protocols.oci.face import OciFace
from zotplus.protocols.operations.face import OperationsFace
from zotplus.protocols.sts.face import StsFace
from zotplus.services.identity.roles import Role
from zotplus.services.policies.values import NewVersion
from zotplus.settings.sections import MetricsSettings

FACES = {
    "api": ApiFace(),
    "iam": IamFace(),
    "mint": MintFace(),
    "oci": OciFace(None, None),
    "operations": OperationsFace(None, None, MetricsSettings()),
    "sts": StsFace(),
}
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
JSON = (("Content-Type", "application/json"),)
PUBLIC = {
    "api": {"OpenApi", "ListLogins"},
    "mint": {"GetAudience", "MintToken"},  # a job's token is what they ask for
    "oci": {"GetToken", "PostToken", "GetTokenKeys"},  # anybody gets a token for what is public
    "operations": {"Health", "Live", "Ready"},
    "sts": {"SecurityTokenService", "AssumeRoleWithWebIdentity"},
}
SIGNED_STS = {"AssumeRole", "GetSessionToken", "GetCallerIdentity"}
"""Routes without a right of their own that ask for a signature all the same."""

PATHS = {
    "name": "team",
    "name+": "team/app",
    "id": "missing",
    "version": "1",
    "grantee": "anonymous",
    "reference": "latest",
    "digest": "sha256:" + "0" * 64,
    "session": "missing",
}
ADDRESS = {"method": "GET", "bucket": "team", "key": "key"}
BODIES = {
    "CreateLink": ADDRESS,
    "CreateForm": {"bucket": "team", "key": "key"},
    "CopyObjects": {"target_bucket": "open"},
    "CreateBucketWithOptions": {"name": "another"},
    "RevokeToken": {"token": "x"},
    "ValidatePolicy": {"document": {}},
    "Explain": {"action": "s3:GetObject", "resource": "s3:team/key", "who": "anonymous"},
}
"""Of routes whose handlers decide: they read the body first."""

ARGUMENTS = {
    "UserName": "somebody",
    "PolicyName": "policy",
    "PolicyDocument": json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}),
    "AccessKeyId": "A" * 20,
    "Status": "Active",
    "PolicyArn": "arn:aws:iam::000000000000:policy/some-policy",
    "VersionId": "v1",
    "SetAsDefault": "true",
    "RoleArn": "arn:zotplus:iam:::role/release",
    "RoleSessionName": "job",
}
TAKES = {row.name: row.takes.split() for row in OPERATIONS} | {"AssumeRole": ["RoleArn", "RoleSessionName"]}
ALSO = {row.name: [action.name for action in row.also] for row in OPERATIONS}
# Everybody who is known may ask who they are, what they see, and whether a policy is one.
OWN = {"WhoAmI", "ListOwnPermissions", "ListVisibleBuckets", "ListRemovals", "ValidatePolicy"} | {
    "Ping", "HeadPing", "ListCatalog", "GetSessionToken", "GetCallerIdentity"
}  # fmt: skip
FAULTS = dict.fromkeys(OWN, "") | {
    "ReadRemoval": "record_not_found",  # ids are not to be guessed, and only who may purge the bucket reads on
    "RevokeToken": "token_invalid",  # whoever holds a token may end it
}
"""What is said to who has no right, where that is not ``access_denied``."""


def guarded():
    for name, face in FACES.items():
        for route in face.routes:
            if route.name in PUBLIC.get(name, ()) or route.name == "IdentityAndAccessManagement":
                continue
            yield pytest.param(name, route, id=f"{name} {route.name}")


GUARDED = list(guarded())


def door_of(face, route):
    """A request for the route that could be answered."""
    if face in ("iam", "sts"):
        given = {name: ARGUMENTS[name] for name in TAKES.get(route.name, ()) if name in ARGUMENTS}
        version = "2010-05-08" if face == "iam" else "2011-06-15"
        body = urlencode({"Action": route.name, "Version": version, **given}).encode()
        return Door(f"/{face}", method="POST", headers=FORM, body=body, service=face)
    path = re.sub(r"\{([^}]+)\}", lambda found: PATHS[found[1]], route.template)
    path += "?purge=true" if route.name == "PurgeBucket" else ""
    body = json.dumps(BODIES.get(route.name, {})).encode() if route.takes_body else b""
    return Door(path, method=route.method, headers=JSON if body else (), body=body)


def with_key(face, id_, secret):
    if face in ("iam", "sts"):
        return Credential(id_, keys=Credentials(id_, secret))
    return Credential(id_, basic(id_, secret))


async def stored(doors):
    """All that is there, but for the times of last use and the counts of wrong passwords."""
    pairs = await doors.parts.store.read(lambda snapshot: tuple(snapshot.scan(b"")))
    return pairs, tuple(sorted(doors.parts.blobs.blobs))


async def allowed(doors, *names):
    """A key that may do these actions everywhere."""
    id_, secret = await doors.key(STRANGER, ended=False)
    document = {"Statement": {"Effect": "Allow", "Action": list(names), "Resource": "*"}}
    await doors.services.policies.put("allowed", NewVersion(text=json.dumps(document).encode(), author="test"))
    await doors.services.policies.attach("allowed", id_, "test")
    return id_, secret


def test_every_face_is_asked():
    known = {path.parent.name for path in (PACKAGE / "protocols").glob("*/face.py")}
    assert {*FACES, "s3"} == known


def test_a_route_is_public_on_purpose_only():
    public = {(name, route.name) for name, face in FACES.items() for route in face.routes if route.public}
    said = {(name, route) for name, routes in PUBLIC.items() for route in routes}
    assert public == said | {("sts", name) for name in SIGNED_STS}


@pytest.mark.parametrize(("face", "route"), GUARDED)
async def test_a_route_opens_to_no_bad_credential_and_changes_nothing(doors, face, route):
    door = door_of(face, route)
    id_, secret = await doors.key(MEMBER, ended=False)
    await doors.services.grants.give(id_, Role.ADMINISTRATOR, "*")
    ended = await doors.key(MEMBER, ended=True)
    before = await stored(doors)
    bad = {
        "none": None,
        "wrong secret": with_key(face, id_, secret[:-1] + "#"),
        "unknown key": with_key(face, "ZPUNKNOWN0UNKNOWN0UN", "whatever"),
        "expired key": with_key(face, *ended),
        "another service": Credential(id_, keys=Credentials(id_, secret)),
    }
    for kind, credential in bad.items():
        door.service = ("sts" if face == "iam" else "iam") if kind == "another service" else face
        answer = await doors.ask(door, credential)
        assert answer.status in (400, 401, 403), (kind, answer)
        assert answer.fault in REFUSALS, (kind, answer)
    assert await stored(doors) == before


@pytest.mark.parametrize(("face", "route"), GUARDED)
async def test_a_route_does_nothing_for_who_has_no_right(doors, face, route):
    key = await doors.key(STRANGER, ended=False)
    before = await stored(doors)
    answer = await doors.ask(door_of(face, route), with_key(face, *key))
    assert answer.fault == FAULTS.get(route.name, "access_denied"), answer
    assert b"team" not in answer.body or answer.status == 403, answer
    assert answer.principal == key[0]
    assert await stored(doors) == before


@pytest.mark.parametrize(
    ("face", "route"), [row for row in GUARDED if row.values[1].action is not None and row.values[1].name not in OWN]
)
async def test_a_route_is_refused_to_who_may_everything_else(doors, face, route):
    for own in (route.action.name, *ALSO.get(route.name, ())):
        key = await allowed(doors, *[name for name in ACTIONS if name != own])
        answer = await doors.ask(door_of(face, route), with_key(face, *key))
        assert (answer.status, answer.fault) == (403, "access_denied"), answer


@pytest.mark.parametrize(("face", "route"), GUARDED)
async def test_the_same_request_gets_past_the_door_with_the_right(doors, face, route):
    """The proof that the tests above can fail: what refused them is the missing right, and nothing else."""
    key = await allowed(doors, *ACTIONS)
    answer = await doors.ask(door_of(face, route), with_key(face, *key))
    assert answer.fault not in REFUSALS or FAULTS.get(route.name) == answer.fault, answer
