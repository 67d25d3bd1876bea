"""Access keys and robot tokens: list, create, rotate, revoke."""

from datetime import UTC, datetime

import msgspec
from msgspec import UNSET

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.gateway.context import Context
from zotplus.protocols.api.conversion import created_key, key
from zotplus.protocols.api.documents import CreatedKey, KeyRotation, Keys, NewKey
from zotplus.protocols.api.endpoint import Call, Endpoint


async def list_keys(context: Context, _call: Call, _body: None) -> Keys:
    """All credentials, never with their secrets."""
    return Keys(keys=tuple(key(row) for row in await context.services.access.list()))


async def create_key(context: Context, _call: Call, body: NewKey) -> CreatedKey:
    """A new credential; its secret is in this answer and nowhere else."""
    lifecycle = context.services.lifecycle
    if isinstance(body.expires, datetime) and body.expires <= datetime.now(UTC):
        raise Problem(errors.ARGUMENT_INVALID, "The expiry lies in the past.", argument="expires")
    chosen = body.expires.timestamp() if isinstance(body.expires, datetime) else None
    expires = lifecycle.usual_expiry() if body.expires is UNSET else chosen
    scope = "" if body.scope is None else msgspec.json.encode(body.scope).decode()
    made = await lifecycle.create(PrincipalKind(body.kind), body.name, expires, scope)
    context.log["credential"] = made.credential.id
    return created_key(made.credential, made.secret)


async def rotate_key(context: Context, call: Call, body: KeyRotation) -> CreatedKey:
    """A new secret beside the old one; for a key under a new id."""
    made = await context.services.lifecycle.rotate(call.path["id"], body.overlap_seconds)
    context.log["credential"] = made.credential.id
    return created_key(made.credential, made.secret)


async def revoke_key(context: Context, call: Call, _body: None) -> None:
    """The credential and its grants are gone from the next request on."""
    context.log["credential"] = call.path["id"]
    await context.services.access.revoke(call.path["id"])


ENDPOINTS = (
    Endpoint(
        address="GET /keys",
        name="ListKeys",
        summary="List access keys and robot tokens, without their secrets.",
        work=list_keys,
        action=actions.ADMIN_LIST_KEYS,
        resource="admin:keys",
        gives=Keys,
    ),
    Endpoint(
        address="POST /keys",
        name="CreateKey",
        summary="Create an access key or robot token; its secret is shown this once.",
        work=create_key,
        action=actions.ADMIN_CREATE_KEY,
        resource="admin:keys",
        takes=NewKey,
        gives=CreatedKey,
        status=201,
        faults=(errors.RECORD_EXISTS, errors.POLICY_INVALID),
    ),
    Endpoint(
        address="POST /keys/{id}/rotate",
        name="RotateKey",
        summary="Give a key or robot a new secret beside the old one; a key's successor has another id.",
        work=rotate_key,
        action=actions.ADMIN_ROTATE_KEY,
        resource="admin:keys/{id}",
        takes=KeyRotation,
        gives=CreatedKey,
        status=201,
        faults=(errors.RECORD_NOT_FOUND, errors.LAST_ADMINISTRATOR),
    ),
    Endpoint(
        address="DELETE /keys/{id}",
        name="RevokeKey",
        summary="Revoke an access key or robot token, with its grants.",
        work=revoke_key,
        action=actions.ADMIN_REVOKE_KEY,
        resource="admin:keys/{id}",
        status=204,
        faults=(errors.RECORD_NOT_FOUND, errors.LAST_ADMINISTRATOR),
    ),
)
