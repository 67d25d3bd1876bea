"""Policies of users' own, stored policies, and which are attached to whom.

Spec: AWS IAM API Reference, PutUserPolicy, GetUserPolicy, ListUserPolicies, DeleteUserPolicy, AttachUserPolicy,
DetachUserPolicy, ListAttachedUserPolicies, CreatePolicy, GetPolicy, ListPolicies, DeletePolicy, CreatePolicyVersion,
GetPolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.gateway.context import Context
from zotplus.gateway.queries.reading import Parameters, invalid, required
from zotplus.gateway.queries.writing import element, group, moment
from zotplus.protocols.iam.operations import POLICY_ARN, Operation, members, page, policy_name
from zotplus.records.policies import IDENTITY
from zotplus.services.policies.changes import ABSENT
from zotplus.services.policies.values import NewVersion, PolicyHead, PolicyVersion

_USER = "admin:users/{UserName}"
_POLICY = "admin:policies/{PolicyArn}"
_is_version = re.compile(r"v([1-9][0-9]{0,8})").fullmatch


async def put_user_policy(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``POLICY_INVALID``, ``ARGUMENT_INVALID``, ``LAST_ADMINISTRATOR``."""
    user, policy = required(parameters, "UserName"), required(parameters, "PolicyName")
    await context.services.users.put_policy(user, policy, required(parameters, "PolicyDocument"))


async def get_user_policy(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    user, policy = required(parameters, "UserName"), required(parameters, "PolicyName")
    text = await context.services.users.policy(user, policy)
    return [element("UserName", user), element("PolicyName", policy), _document("PolicyDocument", text)]


async def list_user_policies(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    found = await context.services.users.policies(required(parameters, "UserName"))
    shown, more = page(found, str, parameters)
    return [group("PolicyNames", [element("member", name) for name in shown]), *more]


async def delete_user_policy(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""
    user, policy = required(parameters, "UserName"), required(parameters, "PolicyName")
    await context.services.users.delete_policy(user, policy)


async def attach_user_policy(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""
    grantee = USER_PREFIX + required(parameters, "UserName")
    await context.services.policies.attach(policy_name(parameters), grantee, context.principal.id)


async def detach_user_policy(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""
    grantee = USER_PREFIX + required(parameters, "UserName")
    await context.services.policies.detach(policy_name(parameters), grantee)


async def list_attached(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    user = await context.services.users.get(required(parameters, "UserName"))
    found = await context.services.policies.attachments(user.grantee)
    names = [row.policy for row in found if not row.is_boundary]
    shown, more = page(names, str, parameters)
    rows = [[element("PolicyName", name), element("PolicyArn", POLICY_ARN + name)] for name in shown]
    return [members("AttachedPolicies", rows), *more]


async def create_policy(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_EXISTS``, ``POLICY_INVALID``, ``ARGUMENT_INVALID``."""
    name = required(parameters, "PolicyName")
    wanted = _version(context, parameters, parameters.get("Description", ""))
    try:
        await context.services.policies.put(name, wanted, expected=ABSENT)
    except Problem as problem:
        if problem.fault is not errors.PRECONDITION_FAILED:
            raise
        raise Problem(errors.RECORD_EXISTS, f"A policy called {name} already exists.") from problem
    return [group("Policy", _head(await _find(context, name)))]


async def get_policy(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    head = await _find(context, policy_name(parameters))
    return [group("Policy", [*_head(head), element("Description", head.description)])]


async def list_policies(context: Context, parameters: Parameters) -> Sequence[str]:
    """Those that can be attached; none are Amazon's."""
    found = [] if parameters.get("Scope") == "AWS" else await context.services.policies.list()
    only_attached = parameters.get("OnlyAttached", "false") == "true"
    wanted = [head for head in found if head.kind == IDENTITY and (head.attached or not only_attached)]
    shown, more = page(wanted, lambda head: head.name, parameters)
    return [members("Policies", [_head(head) for head in shown]), *more]


async def delete_policy(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``POLICY_ATTACHED``, ``LAST_ADMINISTRATOR``."""
    await _find(context, policy_name(parameters))
    await context.services.policies.delete(policy_name(parameters))


async def create_version(context: Context, parameters: Parameters) -> Sequence[str]:
    """A new version is the default at once. Raises ``RECORD_NOT_FOUND``, ``POLICY_INVALID``, ``ARGUMENT_INVALID``."""
    if parameters.get("SetAsDefault", "false") != "true":
        raise invalid("SetAsDefault", "A new version takes effect here at once; say true.")
    name = policy_name(parameters)
    await _find(context, name)
    stored = await context.services.policies.put(name, _version(context, parameters, None))
    return [group("PolicyVersion", _shown(stored.policy))]


async def get_version(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    await _find(context, policy_name(parameters))
    found = await context.services.policies.read(policy_name(parameters), _number(parameters))
    return [group("PolicyVersion", [_document("Document", found.text.decode()), *_shown(found)])]


async def list_versions(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    await _find(context, policy_name(parameters))
    found = await context.services.policies.versions(policy_name(parameters))
    shown, more = page(found, lambda row: f"v{row.version}", parameters)
    return [members("Versions", [_shown(row) for row in shown]), *more]


async def set_default(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""
    await _find(context, policy_name(parameters))
    await context.services.policies.set_current(policy_name(parameters), _number(parameters))


async def _find(context: Context, name: str) -> PolicyHead:
    """The policy of this name that can be attached. Raises ``RECORD_NOT_FOUND``."""
    for head in await context.services.policies.list():
        if head.name == name and head.kind == IDENTITY:
            return head
    raise Problem(errors.RECORD_NOT_FOUND, f"Policy {POLICY_ARN}{name[:128]} does not exist or is not attachable.")


def _version(context: Context, parameters: Parameters, description: str | None) -> NewVersion:
    text = required(parameters, "PolicyDocument").encode()
    return NewVersion(text=text, author=context.principal.id, kind=IDENTITY, description=description)


def _number(parameters: Parameters) -> int:
    found = _is_version(required(parameters, "VersionId"))
    if found is None:
        raise invalid("VersionId", "It is the letter v and a number.")
    return int(found[1])


def _document(name: str, text: str) -> str:
    """A document as this service gives it: percent-encoded (RFC 3986)."""
    return element(name, quote(text, safe=""))


def _head(head: PolicyHead) -> list[str]:
    return [
        element("PolicyName", head.name),
        element("PolicyId", head.name),
        element("Arn", POLICY_ARN + head.name),
        element("Path", "/"),
        element("DefaultVersionId", f"v{head.version}"),
        element("AttachmentCount", head.attached),
        element("IsAttachable", "true"),
        element("CreateDate", moment(head.created)),
        element("UpdateDate", moment(head.created)),
    ]


def _shown(version: PolicyVersion) -> list[str]:
    return [
        element("VersionId", f"v{version.version}"),
        element("IsDefaultVersion", "true" if version.is_current else "false"),
        element("CreateDate", moment(version.created)),
    ]


OPERATIONS = (
    Operation(
        name="PutUserPolicy",
        summary="Set a policy of a user's own.",
        work=put_user_policy,
        action=actions.ADMIN_PUT_POLICY,
        also=(actions.ADMIN_ATTACH_POLICY,),
        resource=_USER,
        takes="UserName PolicyName PolicyDocument",
    ),
    Operation(
        name="GetUserPolicy",
        summary="Read a policy of a user's own.",
        work=get_user_policy,
        action=actions.ADMIN_READ_POLICY,
        resource=_USER,
        takes="UserName PolicyName",
    ),
    Operation(
        name="ListUserPolicies",
        summary="List the policies of a user's own.",
        work=list_user_policies,
        action=actions.ADMIN_LIST_POLICIES,
        resource=_USER,
        takes="UserName Marker MaxItems",
    ),
    Operation(
        name="DeleteUserPolicy",
        summary="Remove a policy of a user's own.",
        work=delete_user_policy,
        action=actions.ADMIN_DELETE_POLICY,
        also=(actions.ADMIN_DETACH_POLICY,),
        resource=_USER,
        takes="UserName PolicyName",
    ),
    Operation(
        name="AttachUserPolicy",
        summary="Attach a stored policy to a user.",
        work=attach_user_policy,
        action=actions.ADMIN_ATTACH_POLICY,
        resource=_POLICY,
        takes="UserName PolicyArn",
    ),
    Operation(
        name="DetachUserPolicy",
        summary="Detach a stored policy from a user.",
        work=detach_user_policy,
        action=actions.ADMIN_DETACH_POLICY,
        resource=_POLICY,
        takes="UserName PolicyArn",
    ),
    Operation(
        name="ListAttachedUserPolicies",
        summary="List the stored policies that are attached to a user.",
        work=list_attached,
        action=actions.ADMIN_LIST_POLICIES,
        resource=_USER,
        takes="UserName PathPrefix Marker MaxItems",
    ),
    Operation(
        name="CreatePolicy",
        summary="Store a policy.",
        work=create_policy,
        action=actions.ADMIN_PUT_POLICY,
        resource="admin:policies/{PolicyName}",
        takes="PolicyName PolicyDocument Description Path",
    ),
    Operation(
        name="GetPolicy",
        summary="Read what is known of a stored policy.",
        work=get_policy,
        action=actions.ADMIN_READ_POLICY,
        resource=_POLICY,
        takes="PolicyArn",
    ),
    Operation(
        name="ListPolicies",
        summary="List the stored policies.",
        work=list_policies,
        action=actions.ADMIN_LIST_POLICIES,
        resource="admin:policies",
        takes="Scope OnlyAttached PathPrefix PolicyUsageFilter Marker MaxItems",
    ),
    Operation(
        name="DeletePolicy",
        summary="Delete a stored policy that nobody has.",
        work=delete_policy,
        action=actions.ADMIN_DELETE_POLICY,
        resource=_POLICY,
        takes="PolicyArn",
    ),
    Operation(
        name="CreatePolicyVersion",
        summary="Write a new version of a stored policy, which takes effect at once.",
        work=create_version,
        action=actions.ADMIN_PUT_POLICY,
        resource=_POLICY,
        takes="PolicyArn PolicyDocument SetAsDefault",
    ),
    Operation(
        name="GetPolicyVersion",
        summary="Read a version of a stored policy.",
        work=get_version,
        action=actions.ADMIN_READ_POLICY,
        resource=_POLICY,
        takes="PolicyArn VersionId",
    ),
    Operation(
        name="ListPolicyVersions",
        summary="List the versions of a stored policy that are kept.",
        work=list_versions,
        action=actions.ADMIN_READ_POLICY,
        resource=_POLICY,
        takes="PolicyArn Marker MaxItems",
    ),
    Operation(
        name="SetDefaultPolicyVersion",
        summary="Go back, or on, to a version of a stored policy.",
        work=set_default,
        action=actions.ADMIN_PUT_POLICY,
        resource=_POLICY,
        takes="PolicyArn VersionId",
    ),
)
