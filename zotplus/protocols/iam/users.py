"""Users and their access keys.

Spec: AWS IAM API Reference, CreateUser, GetUser, ListUsers, DeleteUser, CreateAccessKey, ListAccessKeys,
UpdateAccessKey, DeleteAccessKey, GetAccessKeyLastUsed, ListGroupsForUser.
"""

from collections.abc import Sequence

from zotplus.domain import actions
from zotplus.domain.iam.arns import arn_of_principal
from zotplus.gateway.context import Context
from zotplus.gateway.queries.reading import Parameters, invalid, required
from zotplus.gateway.queries.writing import element, group, moment
from zotplus.protocols.iam.operations import Operation, members, page
from zotplus.services.identity.credentials import Credential
from zotplus.services.identity.users import User

_STATUS = {True: "Inactive", False: "Active"}
_USER = "admin:users/{UserName}"


async def create_user(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_EXISTS``, ``ARGUMENT_INVALID``."""
    made = await context.services.users.create(required(parameters, "UserName"), parameters.get("Path", "/"))
    return [group("User", _user(made))]


async def get_user(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    return [group("User", _user(await context.services.users.get(required(parameters, "UserName"))))]


async def list_users(context: Context, parameters: Parameters) -> Sequence[str]:
    """Those whose path begins with ``PathPrefix``."""
    found = await context.services.users.list(parameters.get("PathPrefix", "/"))
    shown, more = page(found, lambda user: user.name, parameters)
    return [members("Users", [_user(user) for user in shown]), *more]


async def delete_user(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``USER_IN_USE``."""
    await context.services.users.delete(required(parameters, "UserName"))


async def list_groups(context: Context, parameters: Parameters) -> Sequence[str]:
    """None: these users are in no groups. Raises ``RECORD_NOT_FOUND``."""
    await context.services.users.get(required(parameters, "UserName"))
    return [members("Groups", []), element("IsTruncated", "false")]


async def create_access_key(context: Context, parameters: Parameters) -> Sequence[str]:
    """The one time that its secret is told. Raises ``RECORD_NOT_FOUND``, ``USER_KEYS_EXCEEDED``."""
    made = await context.services.users.create_key(required(parameters, "UserName"))
    context.log["key"] = made.credential.id
    key = _key(made.credential)
    return [group("AccessKey", [*key[:3], element("SecretAccessKey", made.secret), *key[3:]])]


async def list_access_keys(context: Context, parameters: Parameters) -> Sequence[str]:
    """Raises ``RECORD_NOT_FOUND``."""
    found = await context.services.users.keys(required(parameters, "UserName"))
    shown, more = page(found, lambda key: key.id, parameters)
    return [members("AccessKeyMetadata", [_key(key) for key in shown]), *more]


async def update_access_key(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""
    status = required(parameters, "Status")
    if status not in _STATUS.values():
        raise invalid("Status", "It is Active or Inactive.")
    key_id, user = required(parameters, "AccessKeyId"), required(parameters, "UserName")
    context.log["key"] = key_id[:128]
    await context.services.users.set_active(user, key_id, active=status == "Active")


async def delete_access_key(context: Context, parameters: Parameters) -> None:
    """Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""
    key_id = required(parameters, "AccessKeyId")
    context.log["key"] = key_id[:128]
    await context.services.users.delete_key(required(parameters, "UserName"), key_id)


async def last_used(context: Context, parameters: Parameters) -> Sequence[str]:
    """Known to the minute; without a date where the key was never used. Raises ``RECORD_NOT_FOUND``."""
    key = await context.services.users.owner_of(required(parameters, "AccessKeyId"))
    used = [] if key.last_used is None else [element("LastUsedDate", moment(key.last_used))]
    place = "N/A" if key.last_used is None else "s3"
    told = [*used, element("ServiceName", place), element("Region", "N/A")]
    return [element("UserName", key.owner), group("AccessKeyLastUsed", told)]


def _user(user: User) -> list[str]:
    return [
        element("Path", user.path),
        element("UserName", user.name),
        element("UserId", user.id),
        element("Arn", arn_of_principal(user.grantee)),
        element("CreateDate", moment(user.created)),
    ]


def _key(key: Credential) -> list[str]:
    return [
        element("UserName", key.owner),
        element("AccessKeyId", key.id),
        element("Status", _STATUS[key.inactive]),
        element("CreateDate", moment(key.created)),
    ]


OPERATIONS = (
    Operation(
        name="CreateUser",
        summary="Make a user that access keys can belong to.",
        work=create_user,
        action=actions.ADMIN_CREATE_USER,
        resource=_USER,
        takes="UserName Path",
    ),
    Operation(
        name="GetUser",
        summary="Read a user.",
        work=get_user,
        action=actions.ADMIN_LIST_USERS,
        resource=_USER,
        takes="UserName",
    ),
    Operation(
        name="ListUsers",
        summary="List the users.",
        work=list_users,
        action=actions.ADMIN_LIST_USERS,
        resource="admin:users",
        takes="PathPrefix Marker MaxItems",
    ),
    Operation(
        name="DeleteUser",
        summary="Delete a user who has nothing any more.",
        work=delete_user,
        action=actions.ADMIN_DELETE_USER,
        resource=_USER,
        takes="UserName",
    ),
    Operation(
        name="ListGroupsForUser",
        summary="List the groups of a user: none.",
        work=list_groups,
        action=actions.ADMIN_LIST_USERS,
        resource=_USER,
        takes="UserName Marker MaxItems",
    ),
    Operation(
        name="CreateAccessKey",
        summary="Make an access key for a user.",
        work=create_access_key,
        action=actions.ADMIN_CREATE_USER_KEY,
        resource=_USER,
        takes="UserName",
    ),
    Operation(
        name="ListAccessKeys",
        summary="List the access keys of a user.",
        work=list_access_keys,
        action=actions.ADMIN_LIST_KEYS,
        resource=_USER,
        takes="UserName Marker MaxItems",
    ),
    Operation(
        name="UpdateAccessKey",
        summary="Switch an access key of a user on or off.",
        work=update_access_key,
        action=actions.ADMIN_CREATE_USER_KEY,
        resource=_USER,
        takes="UserName AccessKeyId Status",
    ),
    Operation(
        name="DeleteAccessKey",
        summary="Revoke an access key of a user.",
        work=delete_access_key,
        action=actions.ADMIN_REVOKE_KEY,
        resource=_USER,
        takes="UserName AccessKeyId",
    ),
    Operation(
        name="GetAccessKeyLastUsed",
        summary="Ask when an access key of a user was used last.",
        work=last_used,
        action=actions.ADMIN_LIST_KEYS,
        resource="admin:keys",
        takes="AccessKeyId",
    ),
)
