"""Records of policies: their versions, which of them is current, and to whom they are attached.

A policy that was deleted keeps its head, without a current version, and its versions: numbers are never used twice, so
that a decision which names a version can be explained as long as that version is kept.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.shape import Shape

VERSIONS_KEPT: Final = 100
"""Versions kept of one policy, the current one included: enough to go back, and bounded for a policy that a pipeline
writes (AWS IAM keeps 5)."""

IDENTITY: Final = "identity"
"""A policy that applies to whom it is attached to."""
RESOURCE: Final = "resource"
"""A policy that says itself to whom it applies."""

_NO_VERSION: Final = 0


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A policy's head. ``current`` is 0 while the policy is deleted; ``latest`` is the highest number ever given."""

    current: int
    latest: int
    kind: str
    description: str
    created_ms: int


class PolicyVersionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One version: the document as it was sent (JSON), its kind, and who wrote it when and why."""

    text: bytes
    kind: str
    author: str
    created_ms: int
    comment: str


class AttachmentRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A policy given to a grantee: as a permission boundary, or as what grants and denies."""

    is_boundary: bool
    author: str
    created_ms: int


POLICY = Shape(b"v\x01", PolicyRecord)
POLICY_VERSION = Shape(b"V\x01", PolicyVersionRecord)
ATTACHMENT = Shape(b"a\x01", AttachmentRecord)


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that applies to a grantee. ``text`` is empty where the version is lost, which must deny."""

    policy_name: str
    version: int
    is_boundary: bool
    text: bytes


def policy_id(name: str, version: int) -> str:
    """What decisions call a version of a stored policy (``team-a@3``)."""
    return f"{name}@{version}"


def split_policy_id(text: str) -> tuple[str, int] | None:
    """Name and version from what decisions call a policy; None where it is no stored one."""
    name, _, number = text.rpartition("@")
    return (name, int(number)) if name and number.isascii() and number.isdigit() and len(number) < 10 else None  # noqa: PLR2004 - 4 bytes have at most 10 digits


def find_policy(snapshot: Snapshot, name: str) -> PolicyRecord | None:
    """The head, also of a deleted policy; None where there never was one."""
    data = snapshot.get(layout.policy(name))
    return None if data is None else POLICY.decode(data)


def find_version(snapshot: Snapshot, name: str, version: int) -> PolicyVersionRecord | None:
    """A version by its number; None where it never was or is no longer kept."""
    data = snapshot.get(layout.policy_version(name, version))
    return None if data is None else POLICY_VERSION.decode(data)


def policies(snapshot: Snapshot) -> Iterator[tuple[str, PolicyRecord]]:
    """Name and head of every policy that is not deleted, by name."""
    for key, value in snapshot.scan(*layout.table_span(layout.POLICIES)):
        record = POLICY.decode(value)
        if record.current != _NO_VERSION:
            yield key[1:].decode(), record


def versions(snapshot: Snapshot, name: str) -> list[tuple[int, PolicyVersionRecord]]:
    """All versions that are kept, oldest first."""
    found = snapshot.scan(*layout.table_span(layout.policy_versions(name)))
    return [(layout.policy_version_number(key), POLICY_VERSION.decode(value)) for key, value in found]


def put_version(transaction: Transaction, name: str, number: int, record: PolicyVersionRecord) -> None:
    """Store a version."""
    transaction.put(layout.policy_version(name, number), POLICY_VERSION.encode(record))


def put_policy(transaction: Transaction, name: str, record: PolicyRecord) -> None:
    """Store the head, and drop the oldest versions beyond those that are kept; the current one never."""
    transaction.put(layout.policy(name), POLICY.encode(record))
    numbers = [
        layout.policy_version_number(key)
        for key, _ in transaction.scan(*layout.table_span(layout.policy_versions(name)))
    ]
    surplus = len(numbers) - VERSIONS_KEPT
    for number in [number for number in numbers if number != record.current][: max(surplus, 0)]:
        transaction.delete(layout.policy_version(name, number))


def find_attachment(snapshot: Snapshot, name: str, grantee: str) -> AttachmentRecord | None:
    """How the policy is attached to ``grantee``; None where it is not."""
    data = snapshot.get(layout.attachment(grantee, name))
    return None if data is None else ATTACHMENT.decode(data)


def put_attachment(transaction: Transaction, name: str, grantee: str, record: AttachmentRecord) -> None:
    """Attach the policy, or change how it is attached."""
    transaction.put(layout.attachment(grantee, name), ATTACHMENT.encode(record))
    transaction.put(layout.attachment_of(name, grantee), b"")


def delete_attachment(transaction: Transaction, name: str, grantee: str) -> None:
    """Detach the policy."""
    transaction.delete(layout.attachment(grantee, name))
    transaction.delete(layout.attachment_of(name, grantee))


def detach_all(transaction: Transaction, grantee: str) -> None:
    """Detach everything from ``grantee``, as when a credential is revoked: another of its name inherits nothing."""
    for name in policies_of(transaction, grantee):
        delete_attachment(transaction, name, grantee)


def copy_attachments(transaction: Transaction, grantee: str, other: str) -> None:
    """Attach to ``other`` what is attached to ``grantee``, in the same way."""
    prefix = layout.attachments(grantee)
    for key, value in list(transaction.scan(*layout.table_span(prefix))):
        put_attachment(transaction, key[len(prefix) :].decode(), other, ATTACHMENT.decode(value))


def policies_of(snapshot: Snapshot, grantee: str) -> list[str]:
    """The names of the policies that are attached to ``grantee``, in order."""
    prefix = layout.attachments(grantee)
    return [key[len(prefix) :].decode() for key, _ in snapshot.scan(*layout.table_span(prefix))]


def grantees_of(snapshot: Snapshot, name: str) -> list[str]:
    """To whom the policy is attached, in order."""
    prefix = layout.attachments_of(name)
    return [key[len(prefix) :].decode() for key, _ in snapshot.scan(*layout.table_span(prefix))]


def all_attachments(snapshot: Snapshot) -> Iterator[tuple[str, str, AttachmentRecord]]:
    """Grantee, policy and record of every attachment, by grantee."""
    for key, value in snapshot.scan(*layout.table_span(layout.ATTACHMENTS)):
        grantee, name = layout.split_attachment(key)
        yield grantee, name, ATTACHMENT.decode(value)


def attached_to(snapshot: Snapshot, grantee: str) -> tuple[Attachment, ...]:
    """The policies that are attached to ``grantee``, each in its current version, by name."""
    prefix = layout.attachments(grantee)
    found = snapshot.scan(*layout.table_span(prefix))
    pairs = [(key[len(prefix) :].decode(), ATTACHMENT.decode(value)) for key, value in found]
    return tuple([_attachment(snapshot, name, record) for name, record in pairs])


def resource_policies(snapshot: Snapshot) -> tuple[tuple[str, int, bytes], ...]:
    """Name, version and document of every resource policy; the document is empty where it is lost, which must deny."""
    heads = [(name, record.current) for name, record in policies(snapshot) if record.kind == RESOURCE]
    return tuple([(name, current, _text(snapshot, name, current)) for name, current in heads])


def _attachment(snapshot: Snapshot, name: str, record: AttachmentRecord) -> Attachment:
    head = find_policy(snapshot, name)
    version = _NO_VERSION if head is None else head.current
    text = _text(snapshot, name, version)
    return Attachment(policy_name=name, version=version, is_boundary=record.is_boundary, text=text)


def _text(snapshot: Snapshot, name: str, version: int) -> bytes:
    record = find_version(snapshot, name, version)
    return b"" if record is None else record.text
