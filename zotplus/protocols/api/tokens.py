"""The gateway's own tokens: end one before its time, and sign with a new key."""

from zotplus.domain import actions, errors
from zotplus.gateway.context import Context
from zotplus.protocols.api.documents import SigningKey, TokenToRevoke
from zotplus.protocols.api.endpoint import Call, Endpoint


async def revoke_token(context: Context, _call: Call, body: TokenToRevoke) -> None:
    """Whoever holds a token may end it, as RFC 7009 has it; it is over at every door and in every worker."""
    await context.services.tokens.revoke(body.token)


async def rotate_keys(context: Context, _call: Call, _body: None) -> SigningKey:
    """Sign with a new key; the former ones go on verifying what they signed."""
    key_id = await context.services.tokens.keys.rotate()
    context.log["signing_key"] = key_id
    return SigningKey(id=key_id)


ENDPOINTS = (
    Endpoint(
        address="POST /tokens/revoke",
        name="RevokeToken",
        summary="End one of the gateway's own tokens before its time.",
        work=revoke_token,
        takes=TokenToRevoke,
        status=204,
        faults=(errors.TOKEN_INVALID,),
    ),
    Endpoint(
        address="POST /tokens/keys",
        name="RotateSigningKey",
        summary="Sign tokens with a new key from now on.",
        work=rotate_keys,
        action=actions.ADMIN_ROTATE_KEYS,
        resource="admin:tokens/keys",
        gives=SigningKey,
        status=201,
    ),
)
