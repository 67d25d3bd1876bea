"""From what the policies' services return to the documents that go out."""

import msgspec

from zotplus.protocols.api.conversion import moment
from zotplus.protocols.api.policies import documents
from zotplus.services.policies.applying import Applied, Plan
from zotplus.services.policies.values import AttachedPolicy, Change, ChangeKind, PolicyHead, PolicyVersion, Stored


def head(row: PolicyHead) -> documents.PolicyHeadDocument:
    """A policy in a list."""
    return documents.PolicyHeadDocument(**{**msgspec.structs.asdict(row), "created": moment(row.created)})


def policy(row: PolicyVersion, warnings: tuple[str, ...] = (), *, changed: bool = False) -> documents.PolicyDocument:
    """A version with its document."""
    return documents.PolicyDocument(
        name=row.name,
        version=row.version,
        kind=row.kind,
        description=row.description,
        author=row.author,
        created=moment(row.created),
        comment=row.comment,
        current=row.is_current,
        document=msgspec.Raw(row.text),
        warnings=warnings,
        changed=changed,
    )


def stored(made: Stored) -> documents.PolicyDocument:
    """A version after a change."""
    return policy(made.policy, made.warnings, changed=made.changed)


def version(row: PolicyVersion) -> documents.VersionDocument:
    """A version in a list."""
    return documents.VersionDocument(
        version=row.version,
        kind=row.kind,
        author=row.author,
        created=moment(row.created),
        comment=row.comment,
        current=row.is_current,
    )


def attachment(row: AttachedPolicy) -> documents.AttachmentDocument:
    """An attachment."""
    return documents.AttachmentDocument(
        policy=row.policy,
        grantee=row.grantee,
        boundary=row.is_boundary,
        author=row.author,
        created=moment(row.created),
    )


def plan(rows: tuple[documents.ChangeDocument, ...] | None) -> Plan | None:
    """The changes that the caller has agreed to."""
    if rows is None:
        return None
    return tuple(
        Change(
            kind=ChangeKind(row.change),
            policy=row.policy,
            version=row.version,
            grantee=row.grantee,
            is_boundary=row.boundary,
        )
        for row in rows
    )


def applied(done: Applied, *, dry_run: bool) -> documents.Changes:
    """What was changed."""
    changes = [
        documents.ChangeDocument(
            change=one.kind.value,
            policy=one.policy,
            version=one.version,
            grantee=one.grantee,
            boundary=one.is_boundary,
        )
        for one in done.changes
    ]
    return documents.Changes(changes=tuple(changes), warnings=done.warnings, dry_run=dry_run)
