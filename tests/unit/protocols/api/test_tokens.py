"""Tokens of our own over the API: ended early, and signed with a new key."""

import asyncio

from zotplus.domain.principals import PrincipalKind
from zotplus.services.identity.roles import Role


def token_of(server, pair):
    async def made():
        principal = await server.callers.by_password(*pair)
        return (await server.tokens.issue_access(principal, 600)).token

    return asyncio.run(made())


def test_whoever_holds_a_token_may_end_it(server):
    robot = server.key(kind=PrincipalKind.ROBOT, name="ci")
    token = token_of(server, robot)
    bearer = [("Authorization", f"Bearer {token}")]
    assert server.ask("GET /api/v1/whoami", user=None, headers=bearer).json()["id"] == "robot:ci"
    assert server.ask("POST /api/v1/tokens/revoke", user=robot, body={"token": token}).status == 204
    assert server.ask("GET /api/v1/whoami", user=None, headers=bearer).json()["code"] == "token_invalid"


def test_what_is_no_token_of_ours_cannot_be_ended(server):
    robot = server.key(kind=PrincipalKind.ROBOT, name="ci")
    refused = server.ask("POST /api/v1/tokens/revoke", user=robot, body={"token": "x.y.z"})
    assert (refused.status, refused.json()["code"]) == (401, "token_invalid")
    assert server.ask("POST /api/v1/tokens/revoke", user=None, body={"token": "x"}).status == 401


def test_administrators_rotate_the_signing_key_and_old_tokens_go_on(server):
    token = token_of(server, ("ADMINACCESSKEY00", "admin-secret-admin-secret"))
    made = server.ask("POST /api/v1/tokens/keys")
    assert (made.status, len(made.json()["id"])) == (201, 16)
    bearer = [("Authorization", f"Bearer {token}")]
    assert server.ask("GET /api/v1/whoami", user=None, headers=bearer).status == 200
    reader = server.key((Role.READER, "*"))
    assert server.ask("POST /api/v1/tokens/keys", user=reader).status == 403
