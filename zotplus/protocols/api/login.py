"""Where people log in: what ``zotplus login --oidc`` has to know before anybody is known."""

from zotplus.gateway.context import Context
from zotplus.protocols.api.documents import LoginIssuer, Logins
from zotplus.protocols.api.endpoint import Call, Endpoint


async def list_logins(context: Context, _call: Call, _body: None) -> Logins:
    """The issuers for people, in the order of the settings; none where everybody comes with keys."""
    offers = context.services.logins
    return Logins(
        issuers=tuple(
            LoginIssuer(
                name=offer.name, url=offer.url, client_id=offer.client_id, scopes=offer.scopes, device=offer.device
            )
            for offer in offers
        )
    )


ENDPOINTS = (
    Endpoint(
        address="GET /login",
        name="ListLogins",
        summary="Say at which OpenID Connect issuers people log in, and as which client.",
        work=list_logins,
        public=True,
        gives=Logins,
    ),
)
