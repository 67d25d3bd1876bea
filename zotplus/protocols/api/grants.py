"""Grants of roles on patterns: list, create, withdraw."""

import msgspec

from zotplus.domain import actions, errors
from zotplus.gateway.context import Context
from zotplus.protocols.api.conversion import grant
from zotplus.protocols.api.documents import GrantDocument, Grants, NewGrant
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.policies.explaining import NO_PUBLIC_ACCESS


async def list_grants(context: Context, _call: Call, _body: None) -> Grants:
    """All grants."""
    return Grants(grants=tuple(grant(row) for row in await context.services.grants.list()))


async def create_grant(context: Context, _call: Call, body: NewGrant) -> GrantDocument:
    """Give a role; it holds from the next request on."""
    made = await context.services.grants.give(body.grantee, body.role, body.pattern, body.networks)
    context.log["grant"] = made.id
    is_shut = body.grantee == PUBLIC and not context.services.explaining.public_access
    warnings = (f"Only whoever is logged in gets this: {NO_PUBLIC_ACCESS}.",) if is_shut else ()
    return msgspec.structs.replace(grant(made), warnings=warnings)


async def delete_grant(context: Context, call: Call, _body: None) -> None:
    """Withdraw a grant; it no longer holds from the next request on."""
    context.log["grant"] = call.path["id"]
    await context.services.grants.withdraw(call.path["id"])


ENDPOINTS = (
    Endpoint(
        address="GET /grants",
        name="ListGrants",
        summary="List all grants.",
        work=list_grants,
        action=actions.ADMIN_LIST_GRANTS,
        resource="admin:grants",
        gives=Grants,
    ),
    Endpoint(
        address="POST /grants",
        name="CreateGrant",
        summary="Grant a role on a pattern to a key, a robot, a person, a group or everybody.",
        work=create_grant,
        action=actions.ADMIN_CREATE_GRANT,
        resource="admin:grants",
        takes=NewGrant,
        gives=GrantDocument,
        status=201,
        faults=(errors.RECORD_NOT_FOUND, errors.RECORD_EXISTS),
    ),
    Endpoint(
        address="DELETE /grants/{id}",
        name="DeleteGrant",
        summary="Withdraw a grant.",
        work=delete_grant,
        action=actions.ADMIN_DELETE_GRANT,
        resource="admin:grants/{id}",
        status=204,
        faults=(errors.RECORD_NOT_FOUND, errors.LAST_ADMINISTRATOR),
    ),
)
