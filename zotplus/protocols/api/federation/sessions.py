"""Sessions and issued tokens: they are stored nowhere, and can be ended all the same."""

from zotplus.domain import actions, errors
from zotplus.gateway.context import Context
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.protocols.api.federation.documents import SessionsToEnd


async def end_sessions(context: Context, _call: Call, body: SessionsToEnd) -> None:
    """What was issued to the principal until now is void from the next request on, in every worker."""
    context.log["ended"] = body.principal[:256]
    await context.services.federation.standing.revoke(body.principal)


ENDPOINTS = (
    Endpoint(
        address="POST /sessions/revoke",
        name="RevokeSessions",
        summary="End all sessions and tokens that were issued to a principal, or to everybody.",
        work=end_sessions,
        action=actions.ADMIN_REVOKE_TOKENS,
        resource="admin:sessions",
        takes=SessionsToEnd,
        status=204,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
)
