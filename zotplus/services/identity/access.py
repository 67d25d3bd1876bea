"""Access keys and robots: made, known by their secrets, revoked."""

import hmac
import math
import secrets
import time

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.records import layout
from zotplus.records.access import (
    CREDENTIAL,
    CredentialRecord,
    GrantRecord,
    delete_grant,
    find_credential,
    grants_of,
    last_used_ms,
    put_credential,
)
from zotplus.records.policies import detach_all
from zotplus.services.identity.administrators import guarded, has_administrator
from zotplus.services.identity.credentials import (
    ROBOT_PREFIX,
    Credential,
    NewCredential,
    credential_attributes,
    draft_credential,
    is_credential_id,
    is_key_id,
    owner_names,
    scope_policies,
    sealed_record,
    shown_credential,
)
from zotplus.services.identity.generation_cache import GenerationCache
from zotplus.services.identity.grants import insert_credential, new_grant_id, put_grant_once, require_credential
from zotplus.services.identity.rights import ANONYMOUS, Rights
from zotplus.services.identity.roles import Role
from zotplus.services.lookups import Clock, milliseconds
from zotplus.services.protection.failed_logins import FailedLogins
from zotplus.services.sharing.leaving import forget_principal

_KEY = PrincipalKind.KEY


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A credential ready for use; ``expires`` is infinite where it never does.

    ``former`` is the secret before, valid until ``former_until``.
    """

    principal: Principal
    secret: str
    created: float
    expires: float
    former: str
    former_until: float


class Access:
    """Credentials over the key-value port; secrets are sealed at rest.

    Principals are cached per process under the generation number that every change of credentials or grants raises in
    its own transaction, so a revocation holds from the next request on, in every worker.
    """

    def __init__(
        self, store: KeyValue, sealing: Sealing, rights: Rights | None = None, *, clock: Clock = time.time
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._rights = rights or Rights()
        self._clock = clock
        self._failed = FailedLogins(clock)
        self._known = GenerationCache(store, self._load)
        self._public = GenerationCache(store, self._load_anonymous)
        # What a password is compared with where there is no such user, so that both answers cost the same.
        self._nobodys_secret = secrets.token_urlsafe()

    async def signer(self, access_key: str) -> tuple[Principal, str]:
        """The principal of an access key and its secret, for signatures.

        Raises ``ACCESS_KEY_UNKNOWN``, ``CREDENTIALS_EXPIRED``.
        """
        known = self._known.peek(access_key)
        if known is None and is_key_id(access_key):
            known = await self._known.get(access_key)
        if known is None or known.principal.kind is not _KEY:
            raise Problem(errors.ACCESS_KEY_UNKNOWN, AWSAccessKeyId=access_key)
        if known.expires <= self._clock():
            raise Problem(errors.CREDENTIALS_EXPIRED)
        return known.principal, known.secret

    def signer_in(self, snapshot: Snapshot, access_key: str) -> tuple[Principal, str] | None:
        """As ``signer`` within a snapshot, where that is known already; None leaves it to ``signer``.

        Whether it has expired is for ``is_current`` to say.
        """
        known = self._known.peek_in(snapshot, access_key)
        return None if known is None or known.principal.kind is not _KEY else (known.principal, known.secret)

    def is_current(self, principal: Principal) -> bool:
        """Whether the credential that ``principal`` came by has not expired."""
        return principal.expires > self._clock()

    async def by_password(self, user: str, password: str, address: str = "") -> Principal:
        """Basic: access key id and secret, or robot name and token, from the client's ``address``.

        Basic credentials end the user's name at the first colon (RFC 7617 section 2), so ``robot:ci`` arrives as the
        user ``robot`` with a password that begins with ``ci:``; that is understood too.

        Raises ``CREDENTIALS_INVALID`` (one answer for unknown user and wrong password, in constant time),
        ``CREDENTIALS_EXPIRED`` only with the right password, ``LOGIN_PAUSED`` after too many wrong ones.
        """
        if user == ROBOT_PREFIX[:-1]:
            name, _, password = password.partition(":")
            user = ROBOT_PREFIX + name
        self._failed.require_patience(user, address)
        known = await self._find(user)
        if not self._is_right(password, known) or known is None:
            # nothing else than an id is ever right, and it could be long
            self._failed.failed(user if is_credential_id(user) else "", address)
            raise Problem(errors.CREDENTIALS_INVALID)
        self._failed.succeeded(user, address)
        if known.expires <= self._clock():
            raise Problem(errors.CREDENTIALS_EXPIRED)
        return known.principal

    def _is_right(self, password: str, known: _Known | None) -> bool:
        """Whether ``password`` is that of ``known``; as long in the making for nobody and for somebody."""
        given, nobodys = password.encode(errors="replace"), self._nobodys_secret
        is_right = hmac.compare_digest(given, (nobodys if known is None else known.secret).encode())
        is_former = hmac.compare_digest(given, (nobodys if known is None else known.former or nobodys).encode())
        if known is None:
            return False
        return is_right or (is_former and self._clock() < known.former_until)

    async def by_id(self, principal_id: str, *, issued: float = math.inf) -> Principal:
        """A principal from a registry token's subject, as it is now.

        Raises ``TOKEN_INVALID`` when it was revoked or has expired, and when the credential was made, or made anew with
        another secret, after the token was ``issued`` (seconds since the epoch): what a leaked secret got ends with it.
        """
        if principal_id == ANONYMOUS:
            return await self.anonymous()
        known = await self._find(principal_id)
        if known is None or known.expires <= self._clock() or issued < math.floor(known.created):
            raise Problem(errors.TOKEN_INVALID)
        return known.principal

    async def anonymous(self) -> Principal:
        """The principal of a request without credentials: what ``public`` was granted."""
        return await self._public.get(ANONYMOUS)

    async def create(
        self,
        *,
        kind: PrincipalKind,
        name: str,
        expires: float | None = None,
        id_: str | None = None,
        secret: str | None = None,
    ) -> NewCredential:
        """Make a credential. Raises ``RECORD_EXISTS``, ``ARGUMENT_INVALID``."""
        credential = Credential(id=id_ or "", kind=kind, name=name, created=self._clock(), expires=expires)
        made = draft_credential(credential, secret)
        record = sealed_record(made, self._sealing)

        await self._store.write(lambda transaction: insert_credential(transaction, made.credential.id, record))
        return made

    async def list(self) -> tuple[Credential, ...]:
        """All credentials by id."""

        def collect(snapshot: Snapshot) -> tuple[Credential, ...]:
            found = snapshot.scan(*layout.table_span(layout.CREDENTIALS))
            rows = [(key[1:].decode(), CREDENTIAL.decode(value)) for key, value in found]
            return tuple([shown_credential(id_, record, last_used_ms(snapshot, id_)) for id_, record in rows])

        return await self._store.read(collect)

    async def revoke(self, id_: str) -> None:
        """Remove a credential with its grants and what is attached to it.

        Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``.
        """

        def remove(transaction: Transaction) -> None:
            require_credential(transaction, id_)
            guarded(transaction, self._clock(), lambda: delete_credential(transaction, id_))

        await self._store.write(remove)

    async def ensure_administrator(self, access_key: str | None, secret: str | None) -> NewCredential | None:
        """At start: make sure that an administrator exists; what was newly made, else None.

        With a key and secret given, exactly that key holds exactly that secret afterwards and never expires; without,
        one is made when no administrator exists. Safe when several workers do it at once.

        Raises ``SETTING_INVALID`` when only one of both is given, ``ARGUMENT_INVALID`` for forms that are not allowed.
        """
        if (access_key is None) is not (secret is None):
            raise Problem(errors.SETTING_INVALID, "The administrator's access key and secret are set together.")
        now = self._clock()
        credential = Credential(id=access_key or "", kind=PrincipalKind.KEY, name="administrator", created=now)
        made = draft_credential(credential, secret)
        sealed = sealed_record(made, self._sealing)
        grant_id = new_grant_id()
        id_ = made.credential.id
        record = GrantRecord(grantee=id_, role=Role.ADMINISTRATOR.value, pattern="*", created_ms=milliseconds(now))

        def ensure(transaction: Transaction) -> bool:
            if access_key is None and has_administrator(transaction, now):
                return False
            there = find_credential(transaction, id_)
            if there is None or there.expires_ms is not None or self._secret(id_, there) != made.secret:
                put_credential(transaction, id_, sealed)
            put_grant_once(transaction, grant_id, record)
            return there is None

        return made if await self._store.write(ensure) else None

    async def _find(self, id_: str) -> _Known | None:
        return await self._known.get(id_) if is_credential_id(id_) else None

    def _load(self, snapshot: Snapshot, id_: str) -> _Known | None:
        record = find_credential(snapshot, id_)
        if record is None or record.inactive:
            return None
        kind, names = PrincipalKind(record.kind), owner_names(record)
        principal = Principal(
            id=id_,
            kind=kind,
            name=record.name,
            policies=self._rights.of(snapshot, id_, names, session=scope_policies(record)),
            names=names,
            attributes=credential_attributes(id_, record),
            credential=kind.value,
            expires=math.inf if record.expires_ms is None else record.expires_ms / 1000,
        )
        created, expires = record.created_ms / 1000, principal.expires
        former = self._sealing.open(record.former, layout.credential(id_)).decode() if record.former else ""
        return _Known(
            principal=principal,
            secret=self._secret(id_, record),
            created=created,
            expires=expires,
            former=former,
            former_until=record.former_until_ms / 1000,
        )

    def _load_anonymous(self, snapshot: Snapshot, id_: str) -> Principal:
        return Principal(id=id_, kind=PrincipalKind.ANONYMOUS, policies=self._rights.of(snapshot, id_))

    def _secret(self, id_: str, record: CredentialRecord) -> str:
        return self._sealing.open(record.sealed, layout.credential(id_)).decode()


def delete_credential(transaction: Transaction, id_: str) -> None:
    """Remove a key or robot with its grants, what is attached to it, and what buckets share with it by name.

    The caller guards the last administrator.
    """
    for grant_id, record in grants_of(transaction, id_):
        delete_grant(transaction, grant_id, record)
    detach_all(transaction, id_)
    forget_principal(transaction, id_)
    transaction.delete(layout.credential(id_))
    transaction.delete(layout.last_used(id_))
