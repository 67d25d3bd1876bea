"""Policies, their versions and attachments: the endpoints that read and change one thing at a time."""

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.gateway.openapi import QueryParameter
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.protocols.api.policies import conversion
from zotplus.protocols.api.policies.asking import expected_version, require, tag
from zotplus.protocols.api.policies.documents import (
    AttachmentDocument,
    Attachments,
    Chosen,
    NewAttachment,
    NewPolicy,
    PolicyDocument,
    PolicyList,
    Versions,
)
from zotplus.services.policies.values import NewVersion

_POLICY = "admin:policies/{name}"
_CHANGES = (errors.PRECONDITION_FAILED, errors.POLICY_ATTACHED, errors.LAST_ADMINISTRATOR)


async def list_policies(context: Context, _call: Call, _body: None) -> PolicyList:
    """All policies, without their documents."""
    found = await context.services.policies.list()
    return PolicyList(policies=tuple([conversion.head(row) for row in found]))


async def read_policy(context: Context, call: Call, _body: None) -> PolicyDocument:
    """The current version."""
    return conversion.policy(await context.services.policies.read(call.path["name"]))


async def put_policy(context: Context, call: Call, body: NewPolicy) -> PolicyDocument:
    """The policy says this from the next request on; a document that says the same makes no new version."""
    wanted = NewVersion(
        text=bytes(body.document),
        author=context.principal.id,
        kind=body.kind,
        description=body.description,
        comment=body.comment,
    )
    stored = await context.services.policies.put(call.path["name"], wanted, expected=expected_version(context))
    return _stored(context, conversion.stored(stored))


async def delete_policy(context: Context, call: Call, _body: None) -> None:
    """The policy is gone; its versions stay readable, since earlier decisions name them."""
    name = call.path["name"]
    detach = call.query.get("detach") == "true"
    if detach:
        require(context, Need(actions.ADMIN_DETACH_POLICY.name, f"admin:policies/{name}"))
    context.log["policy"] = name[:128]
    await context.services.policies.delete(name, detach=detach, expected=expected_version(context))


async def list_versions(context: Context, call: Call, _body: None) -> Versions:
    """The versions that are kept."""
    found = await context.services.policies.versions(call.path["name"])
    return Versions(versions=tuple([conversion.version(row) for row in found]))


async def read_version(context: Context, call: Call, _body: None) -> PolicyDocument:
    """One version with its document, also of a deleted policy."""
    text = call.path["version"]
    if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004 - digits of the largest number
        raise Problem(errors.ARGUMENT_INVALID, "A version is a number.", argument="version")
    return conversion.policy(await context.services.policies.read(call.path["name"], int(text)))


async def choose_version(context: Context, call: Call, body: Chosen) -> PolicyDocument:
    """The policy is that version again; a deleted one is there again."""
    expected = expected_version(context)
    stored = await context.services.policies.set_current(call.path["name"], body.version, expected=expected)
    return _stored(context, conversion.stored(stored))


async def attach_policy(context: Context, call: Call, body: NewAttachment) -> AttachmentDocument:
    """The policy applies to the grantee from the next request on."""
    context.log["policy"], context.log["grantee"] = call.path["name"][:128], call.path["grantee"][:200]
    made = await context.services.policies.attach(
        call.path["name"], call.path["grantee"], context.principal.id, is_boundary=body.boundary
    )
    return conversion.attachment(made)


async def detach_policy(context: Context, call: Call, _body: None) -> None:
    """The policy no longer applies to the grantee."""
    context.log["policy"], context.log["grantee"] = call.path["name"][:128], call.path["grantee"][:200]
    await context.services.policies.detach(call.path["name"], call.path["grantee"])


async def list_attachments(context: Context, call: Call, _body: None) -> Attachments:
    """All attachments, or those of a grantee or policy."""
    found = await context.services.policies.attachments(call.query.get("grantee"))
    wanted = call.query.get("policy")
    return Attachments(attachments=tuple([conversion.attachment(row) for row in found if wanted in (None, row.policy)]))


def _stored(context: Context, document: PolicyDocument) -> PolicyDocument:
    context.log["policy"], context.log["version"] = document.name, document.version
    return document


def _tag(document: PolicyDocument) -> str:
    return tag(document.version)


ENDPOINTS = (
    Endpoint(
        address="GET /policies",
        name="ListPolicies",
        summary="List all policies, without their documents.",
        work=list_policies,
        action=actions.ADMIN_LIST_POLICIES,
        resource="admin:policies",
        gives=PolicyList,
    ),
    Endpoint(
        address="GET /policies/{name}",
        name="ReadPolicy",
        summary="Read a policy; its ETag is the version.",
        work=read_policy,
        action=actions.ADMIN_READ_POLICY,
        resource=_POLICY,
        gives=PolicyDocument,
        faults=(errors.RECORD_NOT_FOUND,),
        tag=_tag,
    ),
    Endpoint(
        address="PUT /policies/{name}",
        name="PutPolicy",
        summary="Create or change a policy, with If-Match only the version that was read.",
        work=put_policy,
        action=actions.ADMIN_PUT_POLICY,
        resource=_POLICY,
        takes=NewPolicy,
        gives=PolicyDocument,
        faults=(errors.POLICY_INVALID, *_CHANGES),
        tag=_tag,
    ),
    Endpoint(
        address="DELETE /policies/{name}",
        name="DeletePolicy",
        summary="Delete a policy; with detach=true also where it is attached.",
        work=delete_policy,
        action=actions.ADMIN_DELETE_POLICY,
        resource=_POLICY,
        status=204,
        query=(QueryParameter(name="detach", summary="Detach it from everybody first.", values=("true", "false")),),
        faults=(errors.RECORD_NOT_FOUND, *_CHANGES),
    ),
    Endpoint(
        address="GET /policies/{name}/versions",
        name="ListPolicyVersions",
        summary="List the versions of a policy, newest first, also of a deleted one.",
        work=list_versions,
        action=actions.ADMIN_READ_POLICY,
        resource=_POLICY,
        gives=Versions,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
    Endpoint(
        address="GET /policies/{name}/versions/{version}",
        name="ReadPolicyVersion",
        summary="Read a version of a policy, also of a deleted one.",
        work=read_version,
        action=actions.ADMIN_READ_POLICY,
        resource=_POLICY,
        gives=PolicyDocument,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
    Endpoint(
        address="PUT /policies/{name}/current",
        name="ChoosePolicyVersion",
        summary="Make a version of a policy current again.",
        work=choose_version,
        action=actions.ADMIN_PUT_POLICY,
        resource=_POLICY,
        takes=Chosen,
        gives=PolicyDocument,
        faults=(errors.RECORD_NOT_FOUND, errors.POLICY_INVALID, *_CHANGES),
        tag=_tag,
    ),
    Endpoint(
        address="PUT /policies/{name}/attachments/{grantee}",
        name="AttachPolicy",
        summary="Attach a policy to a key, robot, person, group, role or everybody, or set it as a boundary.",
        work=attach_policy,
        action=actions.ADMIN_ATTACH_POLICY,
        resource=_POLICY,
        takes=NewAttachment,
        gives=AttachmentDocument,
        faults=(errors.RECORD_NOT_FOUND, errors.LAST_ADMINISTRATOR),
    ),
    Endpoint(
        address="DELETE /policies/{name}/attachments/{grantee}",
        name="DetachPolicy",
        summary="Detach a policy.",
        work=detach_policy,
        action=actions.ADMIN_DETACH_POLICY,
        resource=_POLICY,
        status=204,
        faults=(errors.RECORD_NOT_FOUND, errors.LAST_ADMINISTRATOR),
    ),
    Endpoint(
        address="GET /attachments",
        name="ListAttachments",
        summary="List to whom policies are attached.",
        work=list_attachments,
        action=actions.ADMIN_LIST_POLICIES,
        resource="admin:policies",
        gives=Attachments,
        query=(
            QueryParameter(name="grantee", summary="Only those of this grantee."),
            QueryParameter(name="policy", summary="Only those of this policy."),
        ),
        faults=(errors.RECORD_NOT_FOUND,),
    ),
)
