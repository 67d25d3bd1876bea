"""The server itself: who it takes the caller for, and how it is."""

import math
from datetime import UTC, datetime
from importlib.metadata import version

from zotplus.domain import actions
from zotplus.gateway.context import Context
from zotplus.protocols.api.documents import Identity, Status
from zotplus.protocols.api.endpoint import Call, Endpoint

VERSION = version("zotplus")


async def whoami(context: Context, _call: Call, _body: None) -> Identity:
    """The caller as the server knows them; what `zotplus login` tries a credential with."""
    principal = context.principal
    return Identity(
        id=principal.id,
        kind=principal.kind.value,
        name=principal.name,
        credential=principal.credential,
        names=principal.names,
        expires=None if principal.expires == math.inf else datetime.fromtimestamp(principal.expires, UTC),
    )


async def status(context: Context, _call: Call, _body: None) -> Status:
    """Version, clock and counts."""
    services = context.services
    return Status(
        version=VERSION,
        now=datetime.now(UTC),
        buckets=len(await services.buckets.list()),
        keys=len(await services.access.list()),
        grants=len(await services.grants.list()),
    )


ENDPOINTS = (
    Endpoint(
        address="GET /whoami",
        name="WhoAmI",
        summary="Say who the server takes the caller for.",
        work=whoami,
        gives=Identity,
    ),
    Endpoint(
        address="GET /status",
        name="ReadStatus",
        summary="Read version, clock and counts.",
        work=status,
        action=actions.ADMIN_READ_STATUS,
        resource="admin:status",
        gives=Status,
    ),
)
