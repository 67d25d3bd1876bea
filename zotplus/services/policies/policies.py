"""Policies over the key-value port. A change holds from the next request on, in every worker."""

import time
from collections.abc import Collection

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.policies import (
    AttachmentRecord,
    PolicyRecord,
    all_attachments,
    find_attachment,
    find_policy,
    grantees_of,
    policies,
    policies_of,
    versions,
)
from zotplus.services.identity.administrators import guarded
from zotplus.services.identity.grantees import require_grantee, require_issuer
from zotplus.services.lookups import Clock, milliseconds
from zotplus.services.policies import changes
from zotplus.services.policies.documents import Judged, judge
from zotplus.services.policies.values import (
    AttachedPolicy,
    NewVersion,
    PolicyHead,
    PolicyVersion,
    Stored,
    is_policy_name,
    require_policy_name,
    require_text,
)


class Policies:
    """Keeps policies, their versions and to whom they are attached.

    Whoever may put and attach policies can give more than they have, as in AWS IAM: those actions are an
    administrator's. No change may leave nobody who could take it back (``LAST_ADMINISTRATOR``).

    ``expected`` is the version that the caller has read: ``PRECONDITION_FAILED`` where another is current, and for
    ``changes.ABSENT`` where there is one. ``issuers`` are the names of the configured ones.
    """

    def __init__(self, store: KeyValue, *, issuers: Collection[str] = (), clock: Clock = time.time) -> None:
        self._store = store
        self._issuers = frozenset(issuers)
        self._clock = clock

    async def list(self) -> tuple[PolicyHead, ...]:
        """All policies by name."""

        def collect(snapshot: Snapshot) -> tuple[PolicyHead, ...]:
            return tuple(
                [
                    PolicyHead(
                        name=name,
                        version=record.current,
                        kind=record.kind,
                        description=record.description,
                        created=record.created_ms / 1000,
                        attached=len(grantees_of(snapshot, name)),
                    )
                    for name, record in list(policies(snapshot))
                ]
            )

        return await self._store.read(collect)

    async def read(self, name: str, version: int | None = None) -> PolicyVersion:
        """The current version, or that of a number, which is there also when the policy was deleted.

        Raises ``RECORD_NOT_FOUND``.
        """

        def find(snapshot: Snapshot) -> PolicyVersion:
            if version is None:
                return _current(snapshot, name)
            record = changes.require_version(snapshot, name, version)
            return changes.version_value(name, version, _head(snapshot, name), record)

        return await self._store.read(find)

    async def versions(self, name: str) -> tuple[PolicyVersion, ...]:
        """All versions that are kept, newest first, also of a deleted policy. Raises ``RECORD_NOT_FOUND``."""

        def collect(snapshot: Snapshot) -> tuple[PolicyVersion, ...]:
            head = _head(snapshot, name)
            found = versions(snapshot, name)
            return tuple([changes.version_value(name, number, head, record) for number, record in reversed(found)])

        return await self._store.read(collect)

    async def put(self, name: str, wanted: NewVersion, *, expected: int | None = None) -> Stored:
        """Store a version and make it current; nothing changes where the current one says the same.

        Raises ``POLICY_INVALID``, ``ARGUMENT_INVALID``, ``PRECONDITION_FAILED``, ``LAST_ADMINISTRATOR``, and
        ``POLICY_ATTACHED`` when a resource policy would take the place of an attached one.
        """
        require_policy_name(name)
        checked, judged = check(wanted)

        def insert(transaction: Transaction) -> tuple[PolicyVersion, bool]:
            changes.require_expected(transaction, name, expected)
            is_new = changes.is_new(transaction, name, checked)
            if is_new:
                now = self._clock()
                guarded(transaction, now, lambda: changes.put(transaction, name, checked, milliseconds(now)))
            return _current(transaction, name), is_new

        policy, changed = await self._store.write(insert)
        return Stored(policy=policy, warnings=judged.warnings, changed=changed)

    async def set_current(self, name: str, version: int, *, expected: int | None = None) -> Stored:
        """Go back, or on, to a version that is kept; a deleted policy is there again then.

        Raises ``RECORD_NOT_FOUND``, ``PRECONDITION_FAILED``, ``POLICY_ATTACHED``, ``LAST_ADMINISTRATOR``, and
        ``POLICY_INVALID`` for a version that an earlier release took and this one does not.
        """
        found = await self.read(name, version)
        judged = judge(found.text, found.kind)

        def choose(transaction: Transaction) -> tuple[PolicyVersion, bool]:
            changes.require_expected(transaction, name, expected)
            is_new = _head(transaction, name).current != version
            if is_new:
                guarded(transaction, self._clock(), lambda: changes.set_current(transaction, name, version))
            return _current(transaction, name), is_new

        policy, changed = await self._store.write(choose)
        return Stored(policy=policy, warnings=judged.warnings, changed=changed)

    async def delete(self, name: str, *, detach: bool = False, expected: int | None = None) -> None:
        """Delete a policy; its versions stay readable by number.

        Raises ``RECORD_NOT_FOUND``, ``PRECONDITION_FAILED``, ``LAST_ADMINISTRATOR``, and ``POLICY_ATTACHED`` unless
        ``detach`` asks to take it from everybody.
        """

        def remove(transaction: Transaction) -> None:
            changes.require_policy(transaction, name)
            changes.require_expected(transaction, name, expected)
            guarded(transaction, self._clock(), lambda: changes.delete(transaction, name, detach=detach))

        await self._store.write(remove)

    async def attach(self, name: str, grantee: str, author: str, *, is_boundary: bool = False) -> AttachedPolicy:
        """Give a policy to a grantee, or set it as a permission boundary.

        Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``, and ``ARGUMENT_INVALID`` for a resource policy.
        """
        require_grantee(grantee)
        require_issuer(grantee, self._issuers)
        now = self._clock()
        record = AttachmentRecord(is_boundary=is_boundary, author=author, created_ms=milliseconds(now))

        def insert(transaction: Transaction) -> AttachedPolicy:
            guarded(transaction, now, lambda: changes.attach(transaction, name, grantee, record))
            return _attached(grantee, name, find_attachment(transaction, name, grantee) or record)

        return await self._store.write(insert)

    async def detach(self, name: str, grantee: str) -> None:
        """Take a policy from a grantee. Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""
        require_grantee(grantee)

        def remove(transaction: Transaction) -> None:
            guarded(transaction, self._clock(), lambda: changes.detach(transaction, name, grantee))

        await self._store.write(remove)

    async def attachments(self, grantee: str | None = None) -> tuple[AttachedPolicy, ...]:
        """What is attached to ``grantee``, or to anybody, by grantee and policy. Raises ``RECORD_NOT_FOUND``."""
        if grantee is not None:
            require_grantee(grantee)

        def collect(snapshot: Snapshot) -> tuple[AttachedPolicy, ...]:
            if grantee is None:
                return tuple([_attached(*row) for row in all_attachments(snapshot)])
            found = [(name, find_attachment(snapshot, name, grantee)) for name in policies_of(snapshot, grantee)]
            return tuple([_attached(grantee, name, record) for name, record in found if record is not None])

        return await self._store.read(collect)


def check(wanted: NewVersion) -> tuple[NewVersion, Judged]:
    """``wanted`` with its kind, and what was found about its document.

    Raises ``POLICY_INVALID``, ``ARGUMENT_INVALID``.
    """
    require_text("description", wanted.description or "")
    require_text("comment", wanted.comment)
    judged = judge(wanted.text, wanted.kind)
    return msgspec.structs.replace(wanted, kind=judged.kind), judged


def _head(snapshot: Snapshot, name: str) -> PolicyRecord:
    """The head, also of a deleted policy. Raises ``RECORD_NOT_FOUND``."""
    record = find_policy(snapshot, name) if is_policy_name(name) else None
    if record is None:
        raise Problem(errors.RECORD_NOT_FOUND, f"There never was a policy {name[:128]!r}.")
    return record


def _current(snapshot: Snapshot, name: str) -> PolicyVersion:
    head = changes.require_policy(snapshot, name)
    record = changes.require_version(snapshot, name, head.current)
    return changes.version_value(name, head.current, head, record)


def _attached(grantee: str, name: str, record: AttachmentRecord) -> AttachedPolicy:
    return AttachedPolicy(
        policy=name,
        grantee=grantee,
        is_boundary=record.is_boundary,
        author=record.author,
        created=record.created_ms / 1000,
    )
