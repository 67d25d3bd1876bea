"""Policies from files: looking at one document, and making everything what the files say."""

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.protocols.api.policies import conversion
from zotplus.protocols.api.policies.asking import require
from zotplus.protocols.api.policies.documents import Candidate, Changes, NewState, Verdict
from zotplus.services.policies.documents import judge
from zotplus.services.policies.values import NewVersion, Wanted, WantedAttachment

# A thousand policies of 16 KiB: far more text than people keep in one folder.
STATE_LIMIT = 16_777_216


async def validate_policy(_context: Context, _call: Call, body: Candidate) -> Verdict:
    """Whether the document could be stored, and what its author should know; nothing is stored."""
    try:
        judged = judge(bytes(body.document), body.kind)
    except Problem as problem:
        return Verdict(valid=False, error=problem.detail)
    return Verdict(valid=True, kind=judged.kind, warnings=judged.warnings)


async def apply_policies(context: Context, _call: Call, body: NewState) -> Changes:
    """Everything is as the body says, or nothing has changed. Every single change must be allowed to the caller."""
    author = context.principal.id
    versions = {
        row.name: NewVersion(text=bytes(row.document), author=author, kind=row.kind, comment=body.comment)
        for row in body.policies
    }
    if len(versions) < len(body.policies):
        raise Problem(errors.ARGUMENT_INVALID, "A policy is named twice.", argument="policies")
    attachments = [
        WantedAttachment(policy=row.policy, grantee=row.grantee, is_boundary=row.boundary) for row in body.attachments
    ]
    wanted = Wanted(policies=versions, attachments=tuple(attachments), prune=body.prune)

    def authorise(need: Need) -> None:
        require(context, need)

    expected = conversion.plan(body.expected)
    done = await context.services.applying.run(wanted, author, authorise, expected=expected, dry_run=body.dry_run)
    context.log["changes"] = 0 if body.dry_run else len(done.changes)
    return conversion.applied(done, dry_run=body.dry_run)


ENDPOINTS = (
    Endpoint(
        address="POST /policies/validate",
        name="ValidatePolicy",
        summary="Say whether a policy could be stored, and what its author should know.",
        work=validate_policy,
        takes=Candidate,
        gives=Verdict,
    ),
    Endpoint(
        address="POST /policies/apply",
        name="ApplyPolicies",
        summary="Store policies and attachments as files hold them, all or nothing; each change must be allowed.",
        work=apply_policies,
        action=actions.ADMIN_LIST_POLICIES,
        resource="admin:policies",
        takes=NewState,
        gives=Changes,
        faults=(
            errors.POLICY_INVALID,
            errors.RECORD_NOT_FOUND,
            errors.POLICY_ATTACHED,
            errors.LAST_ADMINISTRATOR,
            errors.CONDITIONAL_CONFLICT,
        ),
        body_limit=STATE_LIMIT,
    ),
)
