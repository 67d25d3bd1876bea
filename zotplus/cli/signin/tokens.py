"""The file with the tokens of one login: JSON, mode 600, written atomically, and a lock beside it."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec

from zotplus.cli import faults
from zotplus.cli.remote.profiles import read_private, write_private
from zotplus.domain import errors
from zotplus.domain.errors import Problem

LOCK_SECONDS = 120.0
"""How long a renewal by another command is waited for: an issuer's answer takes 30 s at most, a server's about 60."""
JOB_TOKEN_MAX_BYTES = 16_384
"""The server reads no longer ones (``adapters.oidc.compact``)."""
_POLL_SECONDS = 0.05


SELF = "self"
"""One's own rights, neither more nor less."""


class SessionKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys for S3 that the server gave for a token, until ``expires`` (seconds since the epoch)."""

    access_key: str
    secret_key: str
    session_token: str
    expires: float

    def __repr__(self) -> str:
        return f"SessionKeys(access_key={self.access_key!r})"  # the rest is secret


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A login. The tokens are for ``endpoint`` alone; ``expires`` is when the access token ends.

    ``role`` is what keys for S3 are asked for: oneself, or the trust that let a job in. ``token_file`` is where a job's
    platform puts its tokens; the access token is then the server's own.
    """

    endpoint: str
    issuer: str
    client_id: str = ""
    token_endpoint: str = ""
    revocation_endpoint: str = ""
    access_token: str
    expires: float
    refresh_token: str = ""
    role: str = SELF
    token_file: str = ""
    keys: SessionKeys | None = None

    @property
    def is_of_server(self) -> bool:
        """Whether the server gave the access token itself, in exchange for another."""
        return self.issuer == self.endpoint

    def __repr__(self) -> str:
        return f"Tokens(endpoint={self.endpoint!r}, issuer={self.issuer!r})"  # the rest is secret


def read_tokens(path: Path) -> Tokens:
    """Raises ``LOGIN_ENDED`` where there are none, ``PROFILES_UNSAFE``, ``PROFILES_MALFORMED``."""
    content = read_private(path)
    if content is None:
        raise Problem(faults.LOGIN_ENDED, "Its tokens are no longer on this machine.")
    try:
        return msgspec.json.decode(content, type=Tokens)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(faults.PROFILES_MALFORMED, f"{path}: it holds no tokens.") from None  # may quote a secret


def write_tokens(path: Path, tokens: Tokens) -> None:
    """Raises as ``write_private``."""
    write_private(path, msgspec.json.encode(tokens))


def forget_tokens(path: Path) -> None:
    """Remove the file, which may be missing. Raises ``FILE_FAILED``."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Problem(faults.FILE_FAILED, f"{path}: {error.strerror}.") from error


def read_job_token(path: str) -> str:
    """The token that a job's platform gave; ``-`` is standard input.

    Raises ``FILE_FAILED``, ``CREDENTIALS_MISSING``.
    """
    try:
        with click.open_file(path, "rb") as file:
            content: bytes = file.read(JOB_TOKEN_MAX_BYTES + 1).strip()
    except OSError as error:
        raise Problem(faults.FILE_FAILED, f"{path}: {error.strerror}.") from error
    if not content or len(content) > JOB_TOKEN_MAX_BYTES or not content.isascii():
        raise Problem(errors.CREDENTIALS_MISSING, f"{path} holds no token.")
    return content.decode()


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Alone among all commands of this machine: a refresh token that rotates may be used once only.

    Raises ``FILE_FAILED``, also when another command holds it for too long.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Problem(faults.FILE_FAILED, f"{path.with_suffix('.lock')}: {error.strerror}.") from error
    try:
        until = time.monotonic() + LOCK_SECONDS
        while not _try_lock(descriptor):
            if time.monotonic() > until:
                raise Problem(faults.FILE_FAILED, f"{path} is being renewed by another command for too long.")
            await asyncio.sleep(_POLL_SECONDS)  # flock itself would not be ended by Ctrl-C in a thread
        yield
    finally:
        os.close(descriptor)  # which unlocks


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
