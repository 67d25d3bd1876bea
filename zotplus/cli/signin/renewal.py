"""Whoever logged in at an issuer, as a caller: tokens that are renewed before they end, and keys for S3 from them."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from zotplus.cli import faults
from zotplus.cli.remote.caller import TOKEN_USER
from zotplus.cli.remote.registry import exchange
from zotplus.cli.signin.issuer import Granted, Refused, post
from zotplus.cli.signin.session_keys import assume_role
from zotplus.cli.signin.tokens import SELF, SessionKeys, Tokens, locked, read_job_token, read_tokens, write_tokens
from zotplus.domain.errors import FaultType, Problem
from zotplus.domain.signatures.sigv4_sign import SigningCredentials

if TYPE_CHECKING:
    from zotplus.cli.remote.connection import Connection

TOKEN_SECONDS = 30.0
"""An access token is renewed when it lives less than this: a request is on its way for a while."""
KEYS_SECONDS = 60.0
"""The same of keys for S3: aws and its SDKs ask again about as early."""


class SignedIn:
    """The login in ``connection.target.tokens``. See ``remote.caller.Caller``.

    All raise ``LOGIN_ENDED`` where a new login is needed, and as ``Connection.send`` where the issuer does not answer.
    """

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._path = Path(connection.target.tokens)
        self._known: Tokens | None = None
        self._alone = asyncio.Lock()

    async def authorization(self) -> str | None:
        """See ``Caller``."""
        return f"Bearer {await self.access_token()}"

    async def basic(self) -> tuple[str, str] | None:
        """See ``Caller``."""
        return TOKEN_USER, await self.access_token()

    async def signer(self) -> SigningCredentials | None:
        """See ``Caller``."""
        keys = await self.session_keys()
        return SigningCredentials(
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            session_token=keys.session_token,
            region=self._connection.target.region,
        )

    async def access_token(self) -> str:
        """A token that lives for another half minute at least, wherever the issuer can give one."""
        async with self._alone:
            if self._known is None or not _lives(self._known):
                self._known = await self._renewed()
            return self._known.access_token

    async def session_keys(self) -> SessionKeys:
        """Keys for S3, from the server's token service; what it refuses is raised."""
        async with self._alone:
            keys = None if self._known is None else self._known.keys
            if not _last(keys):
                self._known = await self._with_keys()
                keys = self._known.keys
            if keys is None:
                raise TypeError(keys)
            return keys

    async def _renewed(self) -> Tokens:
        found = self._read()
        if _lives(found):
            return found
        async with locked(self._path):
            return await self._refreshed(self._read())

    async def _with_keys(self) -> Tokens:
        found = self._read()
        if _last(found.keys):
            return found
        async with locked(self._path):
            found = await self._refreshed(self._read())
            if _last(found.keys):
                return found  # another command was quicker
            keys = await assume_role(self._connection, found.access_token, found.role)
            return self._kept(msgspec.structs.replace(found, keys=keys))

    async def _refreshed(self, found: Tokens) -> Tokens:
        """``found``, or what its refresh token gives; under the lock."""
        if _lives(found):
            return found
        try:
            if found.token_file:
                return self._kept(await exchanged_anew(self._connection, found))
            return self._kept(await refresh(found, self._connection.target.ca_file))
        except Problem:
            if found.expires > time.time():
                return found  # it is good for a few seconds more
            raise

    def _read(self) -> Tokens:
        found = read_tokens(self._path)
        if found.endpoint != self._connection.target.endpoint:
            raise Problem(faults.LOGIN_ENDED, f"Its tokens are for {found.endpoint}.")
        return found

    def _kept(self, tokens: Tokens) -> Tokens:
        write_tokens(self._path, tokens)
        return tokens


async def refresh(tokens: Tokens, ca_file: str) -> Tokens:
    """``tokens`` with a new access token. Spec: RFC 6749, 6.

    Raises ``LOGIN_ENDED`` where the issuer refuses or there is no refresh token, and as ``Connection.send``.
    """
    if not tokens.refresh_token:
        raise Problem(faults.LOGIN_ENDED, "There is no refresh token.")
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token, "client_id": tokens.client_id}
    try:
        granted = Granted.read(await post(tokens.token_endpoint, form, ca_file))
    except Refused as refused:
        raise Problem(faults.LOGIN_ENDED, refused.told) from None
    return msgspec.structs.replace(
        tokens,
        access_token=granted.access_token,
        expires=granted.expires,
        refresh_token=granted.refresh_token or tokens.refresh_token,
    )


async def exchanged_anew(connection: "Connection", tokens: Tokens) -> Tokens:
    """``tokens`` with a new access token, for the token that the job's platform has put into its file by now.

    Raises ``LOGIN_ENDED`` where the server refuses that one, ``FILE_FAILED``, and as ``Connection.send``.
    """
    trust = "" if tokens.role == SELF else tokens.role
    try:
        made = await exchange(connection, read_job_token(tokens.token_file), trust)
    except Problem as problem:
        if problem.fault.type is not FaultType.AUTHENTICATION:
            raise
        raise Problem(faults.LOGIN_ENDED, problem.detail, **problem.fields) from problem
    return msgspec.structs.replace(tokens, access_token=made.access_token, expires=time.time() + made.expires_in)


def _lives(tokens: Tokens) -> bool:
    return tokens.expires - time.time() >= TOKEN_SECONDS


def _last(keys: SessionKeys | None) -> bool:
    return keys is not None and keys.expires - time.time() >= KEYS_SECONDS
