"""Keys for S3 in exchange for an issuer's token. Spec: AWS STS API Reference, AssumeRoleWithWebIdentity."""

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from zotplus.cli import faults
from zotplus.cli.remote.connection import Answer, Outgoing
from zotplus.cli.remote.s3_xml import parse, text
from zotplus.cli.signin.tokens import SessionKeys
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem

if TYPE_CHECKING:
    from zotplus.cli.remote.connection import Connection

PATH = "/sts"
ROLE = "arn:zotplus:iam:::role/"
SECONDS = 3_600
"""What AWS gives when nothing is asked for."""
_BY_STATUS = {401: errors.CREDENTIALS_INVALID, 403: errors.ACCESS_DENIED, 503: errors.SLOW_DOWN}


async def assume_role(connection: "Connection", token: str, role: str) -> SessionKeys:
    """Keys with the rights of whom ``token`` names in ``role``.

    Raises what the server answers, and as ``Connection.send``.
    """
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": ROLE + role,
        "RoleSessionName": "zotplus",
        "WebIdentityToken": token,
        "DurationSeconds": str(SECONDS),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/xml"}
    outgoing = Outgoing(method="POST", raw_path=PATH, headers=headers)
    answer = await connection.send(outgoing, urlencode(form).encode())
    if answer.is_error:
        raise _problem_of(answer)
    found = parse(answer.body, "AssumeRoleWithWebIdentityResponse").find("AssumeRoleWithWebIdentityResult/Credentials")
    if found is None:
        raise Problem(faults.ANSWER_UNEXPECTED, "The answer holds no credentials.")
    return _keys(found)


def _keys(found: ET.Element) -> SessionKeys:
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    access_key, secret_key, session_token = (text(found, name) for name in names)
    try:
        expires = datetime.fromisoformat(text(found, "Expiration")).timestamp()
    except ValueError:
        expires = 0.0
    if not (access_key and secret_key and session_token and expires):
        raise Problem(faults.ANSWER_UNEXPECTED, "The answer holds credentials that are not complete.")
    return SessionKeys(access_key=access_key, secret_key=secret_key, session_token=session_token, expires=expires)


def _problem_of(answer: Answer) -> Problem:
    """What the token service refused, in the catalogue's words where it names its fault."""
    if not answer.body.lstrip().startswith((b"<?xml", b"<ErrorResponse")):
        raise Problem(faults.ANSWER_UNEXPECTED, f"The server has no token service: it answers {answer.status}.")
    root = parse(answer.body, "ErrorResponse")
    fault = CATALOGUE.get(answer.headers.get("X-Zotplus-Fault", ""))
    fault = fault or _BY_STATUS.get(answer.status, errors.REQUEST_INVALID)
    told = f"{root.findtext('Error/Code') or ''}: {root.findtext('Error/Message') or ''}".strip(": ")
    return Problem(fault, told, request_id=text(root, "RequestId"))
