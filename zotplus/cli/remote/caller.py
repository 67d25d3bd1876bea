"""As whom requests are made: what goes into their headers."""

import base64
from typing import Protocol

from zotplus.cli.remote.target import Target
from zotplus.domain.signatures.sigv4_sign import SigningCredentials

TOKEN_USER = "oidc"  # noqa: S105 - a name
"""The user name beside a token that goes as a password; any does."""


class Caller(Protocol):
    """Whoever asks. All is asked anew for every request: credentials that end are renewed on the way."""

    async def authorization(self) -> str | None:
        """The Authorization header of the API; None asks anonymously."""
        ...

    async def basic(self) -> tuple[str, str] | None:
        """User name and password for the registry; None when there are none."""
        ...

    async def signer(self) -> SigningCredentials | None:
        """What requests to S3 are signed with; None leaves them unsigned."""
        ...


class KeyCaller:
    """The holder of an access key or robot token, or nobody."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def authorization(self) -> str | None:
        """See ``Caller``."""
        pair = await self.basic()
        return None if pair is None else basic_header(*pair)

    async def basic(self) -> tuple[str, str] | None:
        """See ``Caller``."""
        target = self._target
        return (target.access_key, target.secret_key) if target.access_key else None

    async def signer(self) -> SigningCredentials | None:
        """See ``Caller``."""
        target = self._target
        if not target.access_key:
            return None
        return SigningCredentials(access_key=target.access_key, secret_key=target.secret_key, region=target.region)


class TokenCaller:
    """The holder of an issuer's token that is not kept yet; S3 is not asked with it."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def authorization(self) -> str | None:
        """See ``Caller``."""
        return f"Bearer {self._token}"

    async def basic(self) -> tuple[str, str] | None:
        """See ``Caller``."""
        return TOKEN_USER, self._token

    async def signer(self) -> SigningCredentials | None:
        """See ``Caller``."""
        return None


def basic_header(user: str, password: str) -> str:
    """The Authorization header of the Basic scheme. Spec: RFC 7617."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
