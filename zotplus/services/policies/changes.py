"""Changes of policies within a transaction. Who calls them guards the last administrator and raises the generation."""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records.policies import (
    IDENTITY,
    AttachmentRecord,
    PolicyRecord,
    PolicyVersionRecord,
    delete_attachment,
    find_attachment,
    find_policy,
    find_version,
    grantees_of,
    put_attachment,
    put_policy,
    put_version,
)
from zotplus.services.identity.grantees import is_credential
from zotplus.services.identity.grants import require_credential, require_user
from zotplus.services.policies.documents import says_the_same
from zotplus.services.policies.values import NewVersion, PolicyVersion, is_policy_name

ABSENT = 0
"""As the version that is expected: the policy must not exist."""


def require_policy(snapshot: Snapshot, name: str) -> PolicyRecord:
    """The head of a policy that is not deleted. Raises ``RECORD_NOT_FOUND``."""
    record = find_policy(snapshot, name) if is_policy_name(name) else None
    if record is None or record.current == ABSENT:
        raise Problem(errors.RECORD_NOT_FOUND, f"There is no policy {name[:128]!r}.")
    return record


def require_version(snapshot: Snapshot, name: str, number: int) -> PolicyVersionRecord:
    """A version, also of a deleted policy. Raises ``RECORD_NOT_FOUND``."""
    record = find_version(snapshot, name, number) if is_policy_name(name) and 0 < number < 1 << 32 else None
    if record is None:
        raise Problem(errors.RECORD_NOT_FOUND, f"The policy {name[:128]!r} has no version {number}.")
    return record


def require_expected(snapshot: Snapshot, name: str, expected: int | None) -> None:
    """Refuse to change another version than the one that was read. Raises ``PRECONDITION_FAILED``."""
    if expected is None:
        return
    record = find_policy(snapshot, name)
    current = ABSENT if record is None else record.current
    if current != expected:
        there = f"is at version {current}" if current else "does not exist"
        raise Problem(errors.PRECONDITION_FAILED, f"The policy {name} {there}.", version=current)


def is_new(snapshot: Snapshot, name: str, wanted: NewVersion) -> bool:
    """Whether storing ``wanted`` (with its kind) would change anything."""
    record = find_policy(snapshot, name)
    current = None if record is None else find_version(snapshot, name, record.current)
    if record is None or current is None:
        return True
    is_described = wanted.description in (None, record.description)
    return not (is_described and current.kind == wanted.kind and says_the_same(current.text, wanted.text))


def put(transaction: Transaction, name: str, wanted: NewVersion, now_ms: int) -> None:
    """Make ``wanted``, of which the kind is known, the current version.

    Raises ``POLICY_ATTACHED`` where a resource policy would take the place of one that is attached.
    """
    record = find_policy(transaction, name)
    kind = wanted.kind or IDENTITY
    _require_kind(transaction, name, kind)
    number = 1 if record is None else record.latest + 1
    before = "" if record is None else record.description
    version = PolicyVersionRecord(
        text=wanted.text, kind=kind, author=wanted.author, created_ms=now_ms, comment=wanted.comment
    )
    put_version(transaction, name, number, version)
    head = PolicyRecord(
        current=number,
        latest=number,
        kind=kind,
        description=before if wanted.description is None else wanted.description,
        created_ms=now_ms if record is None or record.current == ABSENT else record.created_ms,
    )
    put_policy(transaction, name, head)


def set_current(transaction: Transaction, name: str, number: int) -> None:
    """Make a version that is kept current again; a deleted policy is there again then.

    Raises ``RECORD_NOT_FOUND``, and ``POLICY_ATTACHED`` as ``put``.
    """
    version = require_version(transaction, name, number)
    record = find_policy(transaction, name)
    if record is None:
        raise Problem(errors.STORAGE_FAILED, f"The policy {name} has versions and no head.")
    _require_kind(transaction, name, version.kind)
    put_policy(transaction, name, msgspec.structs.replace(record, current=number, kind=version.kind))


def delete(transaction: Transaction, name: str, *, detach: bool) -> None:
    """Delete the policy; its versions stay to explain earlier decisions.

    Raises ``RECORD_NOT_FOUND``, ``POLICY_ATTACHED`` where somebody has it and ``detach`` was not said.
    """
    record = require_policy(transaction, name)
    grantees = grantees_of(transaction, name)
    if grantees and not detach:
        raise attached(name, grantees)
    for grantee in grantees:
        delete_attachment(transaction, name, grantee)
    put_policy(transaction, name, msgspec.structs.replace(record, current=ABSENT))


def attach(transaction: Transaction, name: str, grantee: str, record: AttachmentRecord) -> bool:
    """Attach the policy to a grantee of a form that exists; whether that changes anything.

    Raises ``RECORD_NOT_FOUND`` for a policy, key or robot that is not there, and ``ARGUMENT_INVALID`` for a resource
    policy.
    """
    if require_policy(transaction, name).kind != IDENTITY:
        detail = f"{name} is a resource policy: it says itself to whom it applies, and is attached to nobody."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="name")
    if is_credential(grantee):
        require_credential(transaction, grantee)
    require_user(transaction, grantee)
    there = find_attachment(transaction, name, grantee)
    if there is not None and there.is_boundary == record.is_boundary:
        return False
    put_attachment(transaction, name, grantee, record)
    return True


def detach(transaction: Transaction, name: str, grantee: str) -> None:
    """Detach the policy. Raises ``RECORD_NOT_FOUND`` where it is not attached."""
    is_there = is_policy_name(name) and find_attachment(transaction, name, grantee) is not None
    if not is_there:
        raise Problem(errors.RECORD_NOT_FOUND, "The policy is not attached to this grantee.")
    delete_attachment(transaction, name, grantee)


def version_value(name: str, number: int, head: PolicyRecord, record: PolicyVersionRecord) -> PolicyVersion:
    """A version as the services give it."""
    return PolicyVersion(
        name=name,
        version=number,
        kind=record.kind,
        description=head.description,
        author=record.author,
        created=record.created_ms / 1000,
        comment=record.comment,
        is_current=number == head.current,
        text=record.text,
    )


def attached(name: str, grantees: list[str]) -> Problem:
    """That somebody has the policy, with the first few."""
    more = f" and {len(grantees) - 3} more" if len(grantees) > 3 else ""  # noqa: PLR2004 - as many as a line holds
    return Problem(errors.POLICY_ATTACHED, f"{name} is attached to {', '.join(grantees[:3])}{more}.")


def _require_kind(snapshot: Snapshot, name: str, kind: str) -> None:
    """Keep what is attached an identity policy. Raises ``POLICY_ATTACHED``."""
    if kind != IDENTITY and (grantees := grantees_of(snapshot, name)):
        raise attached(name, grantees)
