"""Policies as files hold them: what has to change so that they hold, and doing all of it or nothing."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterator

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.policies import AttachmentRecord, all_attachments, find_policy, policies
from zotplus.services.identity.administrators import guarded
from zotplus.services.identity.grantees import require_grantee, require_issuer
from zotplus.services.lookups import Clock, milliseconds
from zotplus.services.policies import changes
from zotplus.services.policies.policies import check
from zotplus.services.policies.values import Change, ChangeKind, Wanted, WantedAttachment, require_policy_name

POLICIES_MAX = 1_000
"""Policies in one call: they are read one after another, each in up to a millisecond."""
ATTACHMENTS_MAX = 10_000

Plan = tuple[Change, ...]
Authorise = Callable[[Need], None]
"""Refuses, by raising, what the caller may not do."""

_ACTIONS: dict[ChangeKind, Action] = {
    ChangeKind.CREATE: actions.ADMIN_PUT_POLICY,
    ChangeKind.UPDATE: actions.ADMIN_PUT_POLICY,
    ChangeKind.DELETE: actions.ADMIN_DELETE_POLICY,
    ChangeKind.ATTACH: actions.ADMIN_ATTACH_POLICY,
    ChangeKind.DETACH: actions.ADMIN_DETACH_POLICY,
}


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The plan, with what one should know of each policy, as ``name: warning``."""

    changes: Plan
    warnings: tuple[str, ...]


class _OnlyTried(Exception):  # noqa: N818 - no error: what makes the store forget a change that was only tried
    """Ends the transaction of a dry run."""


class Applying:
    """Makes what is stored what is wanted, in one transaction. ``issuers`` are the names of the configured ones."""

    def __init__(self, store: KeyValue, *, issuers: Collection[str] = (), clock: Clock = time.time) -> None:
        self._store = store
        self._issuers = frozenset(issuers)
        self._clock = clock

    async def run(
        self,
        wanted: Wanted,
        author: str,
        authorise: Authorise,
        *,
        expected: Plan | None = None,
        dry_run: bool = False,
    ) -> Applied:
        """Apply ``wanted`` as ``author``, to whom every single change must be allowed; with ``dry_run`` only say how.

        ``expected`` are the changes that somebody has seen and agreed to.

        A second run changes nothing. Without ``prune`` nothing is deleted or detached.

        Raises ``POLICY_INVALID``, ``ARGUMENT_INVALID``, ``RECORD_NOT_FOUND``, ``POLICY_ATTACHED``,
        ``LAST_ADMINISTRATOR``, what ``authorise`` raises, and ``CONDITIONAL_CONFLICT`` where other changes are
        needed than were expected, or another one came between plan and deed.
        """
        checked, warnings = await _checked(wanted)
        for one in wanted.attachments:
            require_issuer(one.grantee, self._issuers)
        planned = await self._store.read(lambda snapshot: tuple(_plan(snapshot, checked)))
        for change in planned:
            authorise(need(change))
        if expected is not None and set(planned) != set(expected):
            raise Problem(errors.CONDITIONAL_CONFLICT, "Policies were changed since the plan was made.")

        def apply(transaction: Transaction) -> None:
            if tuple(_plan(transaction, checked)) != planned:
                raise Problem(errors.CONDITIONAL_CONFLICT, "Policies were changed meanwhile.")
            now = self._clock()
            guarded(transaction, now, lambda: _do_all(transaction, planned, checked, (author, milliseconds(now))))
            if dry_run:
                raise _OnlyTried

        if planned:
            with contextlib.suppress(_OnlyTried):
                await self._store.write(apply)
        return Applied(changes=planned, warnings=warnings)


def need(change: Change) -> Need:
    """What ``change`` asks leave for."""
    return Need(_ACTIONS[change.kind].name, f"admin:policies/{change.policy}")


async def _checked(wanted: Wanted) -> tuple[Wanted, tuple[str, ...]]:
    """``wanted`` with every policy's kind, and the warnings. Others get their turn between two policies."""
    if len(wanted.policies) > POLICIES_MAX or len(wanted.attachments) > ATTACHMENTS_MAX:
        detail = f"At most {POLICIES_MAX} policies and {ATTACHMENTS_MAX} attachments are applied at once."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="policies")
    checked, warnings = {}, []
    for name, version in sorted(wanted.policies.items()):
        require_policy_name(name)
        try:
            checked[name], judged = check(version)
        except Problem as problem:
            raise Problem(problem.fault, f"{name}: {problem.detail}", **problem.fields) from problem
        warnings += [f"{name}: {warning}" for warning in judged.warnings]
        await asyncio.sleep(0)
    pairs = [(one.policy, one.grantee) for one in wanted.attachments]
    if len(set(pairs)) < len(pairs):
        raise Problem(errors.ARGUMENT_INVALID, "An attachment is named twice.", argument="attachments")
    for name, grantee in pairs:
        require_policy_name(name)
        require_grantee(grantee)
        if wanted.prune and name not in checked:
            detail = f"{name} is attached to {grantee}, but would be deleted: it is not among the policies."
            raise Problem(errors.ARGUMENT_INVALID, detail, argument="attachments")
    return msgspec.structs.replace(wanted, policies=checked), tuple(warnings)


def _plan(snapshot: Snapshot, wanted: Wanted) -> Iterator[Change]:
    """The changes, in an order in which each can be made."""
    there = {
        WantedAttachment(policy=name, grantee=grantee, is_boundary=record.is_boundary)
        for grantee, name, record in all_attachments(snapshot)
    }
    wished = set(wanted.attachments)
    if wanted.prune:
        kept = {(one.policy, one.grantee) for one in wished}
        gone = sorted(one for one in there if (one.policy, one.grantee) not in kept)
        yield from [Change(kind=ChangeKind.DETACH, policy=one.policy, grantee=one.grantee) for one in gone]
        unwanted = [(name, head.current) for name, head in policies(snapshot) if name not in wanted.policies]
        yield from [Change(kind=ChangeKind.DELETE, policy=name, version=version) for name, version in unwanted]
    for name, version in wanted.policies.items():
        if changes.is_new(snapshot, name, version):
            record = find_policy(snapshot, name)
            before = changes.ABSENT if record is None else record.current
            kind = ChangeKind.CREATE if before == changes.ABSENT else ChangeKind.UPDATE
            yield Change(kind=kind, policy=name, version=before)
    for one in sorted(wished - there):
        yield Change(kind=ChangeKind.ATTACH, policy=one.policy, grantee=one.grantee, is_boundary=one.is_boundary)


def _do_all(transaction: Transaction, planned: Plan, wanted: Wanted, by: tuple[str, int]) -> None:
    """Make the changes; ``by`` is their author and the time in milliseconds."""
    author, now_ms = by
    for change in planned:
        match change.kind:
            case ChangeKind.CREATE | ChangeKind.UPDATE:
                changes.put(transaction, change.policy, wanted.policies[change.policy], now_ms)
            case ChangeKind.DELETE:
                changes.delete(transaction, change.policy, detach=False)
            case ChangeKind.ATTACH:
                record = AttachmentRecord(is_boundary=change.is_boundary, author=author, created_ms=now_ms)
                changes.attach(transaction, change.policy, change.grantee, record)
            case _:  # DETACH is the one that is left
                changes.detach(transaction, change.policy, change.grantee)
