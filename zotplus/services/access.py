"""Who may: credentials, roles and grants become principals with policies."""

from enum import StrEnum

import msgspec

from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.ports.keyvalue import KeyValue
from zotplus.ports.sealing import Sealing


class Role(StrEnum):
    """The built-in roles; each is a policy written out by ``role_policy`` for a pattern."""

    ADMINISTRATOR = "administrator"
    PUBLISHER = "publisher"
    READER = "reader"


PUBLIC = "public"
"""The grantee that stands for everybody, logged in or not; it can only be given ``reader``."""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """An access key or robot token without its secret. ``id`` is the access key id or robot name (``robot:ci``)."""

    id: str
    kind: PrincipalKind
    name: str
    created: float
    expires: float | None = None


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential just made; ``secret`` is shown this once."""

    credential: Credential
    secret: str


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """``grantee`` (a credential id, or ``public``) has ``role`` on ``pattern`` (``oci:team/**``, ``s3:releases/*``, ``*``)."""

    id: str
    grantee: str
    role: Role
    pattern: str
    created: float


class Access:
    """Credentials and grants over the key-value port; secrets are sealed at rest.

    Principals are cached per process under the generation number that every change of credentials or grants raises in
    its own transaction, so a revocation holds from the next request on, in every worker.
    """

    def __init__(self, store: KeyValue, sealing: Sealing) -> None: ...

    async def signer(self, access_key: str) -> tuple[Principal, str]:
        """The principal of an access key and its secret, for signatures. Raises ``ACCESS_KEY_UNKNOWN``, ``CREDENTIALS_EXPIRED``."""
        raise NotImplementedError

    async def by_password(self, user: str, password: str) -> Principal:
        """Basic: access key id and secret, or robot name and token. Raises ``CREDENTIALS_INVALID`` (one answer for
        unknown user and wrong password, in constant time), ``CREDENTIALS_EXPIRED`` only with the right password."""
        raise NotImplementedError

    async def by_id(self, principal_id: str) -> Principal:
        """A principal from a registry token's subject, as it is now. Raises ``TOKEN_INVALID`` when it was revoked."""
        raise NotImplementedError

    async def anonymous(self) -> Principal:
        """The principal of a request without credentials: what ``public`` was granted."""
        raise NotImplementedError

    async def create(  # noqa: PLR0913 - keyword-only
        self, *, kind: PrincipalKind, name: str, expires: float | None = None, id_: str | None = None, secret: str | None = None
    ) -> NewCredential:
        """Make a credential. Raises ``RECORD_EXISTS``, ``ARGUMENT_INVALID``."""
        raise NotImplementedError

    async def list(self) -> tuple[Credential, ...]:
        """All credentials by id."""
        raise NotImplementedError

    async def revoke(self, id_: str) -> None:
        """Remove a credential and its grants. Raises ``RECORD_NOT_FOUND``."""
        raise NotImplementedError

    async def grant(self, grantee: str, role: Role, pattern: str) -> Grant:
        """Raises ``RECORD_NOT_FOUND`` for an unknown grantee, ``ARGUMENT_INVALID`` for a pattern that can match nothing."""
        raise NotImplementedError

    async def grants(self) -> tuple[Grant, ...]:
        """All grants by id."""
        raise NotImplementedError

    async def withdraw(self, id_: str) -> None:
        """Remove a grant. Raises ``RECORD_NOT_FOUND``."""
        raise NotImplementedError

    async def ensure_administrator(self, access_key: str | None, secret: str | None) -> NewCredential | None:
        """At start: make the given administrator's key hold exactly the given secret, or make one when no administrator
        exists; what was newly made, else None. Safe when several workers do it at once."""
        raise NotImplementedError
