"""Credentials as values: their forms, and how new ones are made."""

import re
import secrets
import string

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Policy, PolicyKind, parse_policy, unreadable
from zotplus.domain.iam.arns import arn_of_principal
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.sealing import Sealing
from zotplus.records import layout
from zotplus.records.access import CredentialRecord
from zotplus.services.lookups import milliseconds

ROBOT_PREFIX = "robot:"
"""What a robot's id begins with; an access key id holds no colon, so the two never meet."""

SCOPE = "scope"
"""What decisions call the policy that narrows a credential."""

_ID_ALPHABET = string.ascii_uppercase + string.digits
_ID_RANDOM = 18  # with "ZP" 20 characters, as long as AWS's own: some clients check
_SECRET_BYTES = 30  # 40 characters of URL-safe base64, as long as AWS's own
_NAME_MAX = 128
# Seconds since the epoch, year 5138: beyond it a number is no time in seconds but a mistake (milliseconds).
_LATEST = 100_000_000_000
# AWS IAM API, AccessKey: 16 to 128 word characters; shorter ones are common with MinIO (3 and more).
_is_key_id = re.compile(r"[A-Za-z0-9_.-]{3,128}").fullmatch
_is_robot_id = re.compile(rf"{ROBOT_PREFIX}[a-z0-9][a-z0-9._-]{{0,63}}").fullmatch
# Visible ASCII without blanks, so that a secret survives every shell, header and file; MinIO asks for 8 and more.
_is_secret = re.compile(r"[!-~]{8,128}").fullmatch
# Words that mean something else where an id is expected.
_RESERVED = frozenset({"public", "anonymous", "authenticated"})


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """An access key or robot token without its secret. ``id`` is the access key id or robot name (``robot:ci``).

    Times are in seconds since the epoch. ``scope`` is a policy in JSON that narrows what the credential may, empty for
    none; ``last_used`` is known to the minute, and None where it was never used. ``owner`` is the user whose key it is,
    empty for one that stands for itself; one that is ``inactive`` opens nothing.
    """

    id: str
    kind: PrincipalKind
    name: str
    created: float
    expires: float | None = None
    scope: str = ""
    last_used: float | None = None
    owner: str = ""
    inactive: bool = False


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential just made; ``secret`` is shown this once."""

    credential: Credential
    secret: str


def credential_attributes(id_: str, record: CredentialRecord) -> dict[str, tuple[str, ...]]:
    """Condition keys of a credential's holder; a user's key is known by the user's name and ARN."""
    user = {"aws:principalarn": (arn_of_principal(USER_PREFIX + record.owner),)} if record.owner else {}
    return {
        **user,
        "aws:username": (record.owner or record.name,),
        "aws:userid": (id_,),
        "aws:principaltype": (record.kind,),
        "zotplus:credential": (record.kind,),
    }


def sealed_record(made: NewCredential, sealing: Sealing) -> CredentialRecord:
    """What is stored of a new credential."""
    credential = made.credential
    return CredentialRecord(
        kind=credential.kind.value,
        name=credential.name,
        created_ms=milliseconds(credential.created),
        expires_ms=None if credential.expires is None else milliseconds(credential.expires),
        sealed=sealing.seal(made.secret.encode(), layout.credential(credential.id)),
        scope=credential.scope.encode(),
        owner=credential.owner,
        inactive=credential.inactive,
    )


def shown_credential(id_: str, record: CredentialRecord, used_ms: int | None = None) -> Credential:
    """What people see of a stored credential."""
    return Credential(
        id=id_,
        kind=PrincipalKind(record.kind),
        name=record.name,
        created=record.created_ms / 1000,
        expires=None if record.expires_ms is None else record.expires_ms / 1000,
        scope=record.scope.decode(errors="replace"),
        last_used=None if used_ms is None else used_ms / 1000,
        owner=record.owner,
        inactive=record.inactive,
    )


def owner_names(record: CredentialRecord) -> tuple[str, ...]:
    """The other name by which grants and policies know a key: that of its user, where it is a user's."""
    return (USER_PREFIX + record.owner,) if record.owner else ()


def scope_policies(record: CredentialRecord) -> tuple[Policy, ...] | None:
    """The policies that narrow a credential, as those of a session; None where none do.

    A scope that cannot be read denies everything.
    """
    if not record.scope:
        return None
    try:
        return (msgspec.structs.replace(parse_policy(record.scope, PolicyKind.SESSION), id=SCOPE),)
    except Problem:
        return (unreadable(SCOPE),)


def is_key_id(text: str) -> bool:
    """Whether ``text`` could be the id of a key."""
    return _is_key_id(text) is not None


def is_credential_id(text: str) -> bool:
    """Whether ``text`` could be the id of a key or robot."""
    return is_key_id(text) or _is_robot_id(text) is not None


def draft_credential(credential: Credential, secret: str | None) -> NewCredential:
    """``credential`` with an id and a secret where it has none yet (``id`` empty, ``secret`` None).

    A robot without an id is called after its name. Raises ``ARGUMENT_INVALID`` for anything outside its form, and
    ``POLICY_INVALID`` for a scope that is no session policy.
    """
    if credential.kind not in (PrincipalKind.KEY, PrincipalKind.ROBOT):
        raise _invalid("kind", "only access keys and robots can be made")
    is_robot = credential.kind is PrincipalKind.ROBOT
    made = ROBOT_PREFIX + credential.name if is_robot else "ZP" + _random_id()
    new_id = credential.id or made
    if (_is_robot_id if is_robot else _is_key_id)(new_id) is None or new_id in _RESERVED:
        form = "'robot:' and lower-case letters, digits, dots, hyphens" if is_robot else "3 to 128 letters and digits"
        raise _invalid("id", f"it has {form}")
    if len(credential.name) > _NAME_MAX or not credential.name.isprintable():
        raise _invalid("name", f"it has at most {_NAME_MAX} printable characters")
    if credential.expires is not None and not credential.created < credential.expires < _LATEST:
        raise _invalid("expires", "it is a time in the future, in seconds since the epoch")
    if credential.scope:
        parse_policy(credential.scope, PolicyKind.SESSION)
    new_secret = secrets.token_urlsafe(_SECRET_BYTES) if secret is None else secret
    if _is_secret(new_secret) is None:
        raise _invalid("secret", "it has 8 to 128 visible ASCII characters")
    if secret is None and is_robot:
        new_secret = "zp_" + new_secret
    return NewCredential(credential=msgspec.structs.replace(credential, id=new_id), secret=new_secret)


def _random_id() -> str:
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_RANDOM))


def _invalid(argument: str, form: str) -> Problem:
    return Problem(errors.ARGUMENT_INVALID, f"The {argument} is invalid: {form}.", argument=argument)
