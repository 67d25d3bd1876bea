"""Sessions: temporary access keys that are stored nowhere. All there is to know of one is in its session token, sealed.

A session token holds who somebody is and under which session policies, never their rights: those are looked up at each
use, so that a grant that goes takes effect at once. Revoking and removing a trust do so too (``standing``).

Spec: AWS STS API Reference, "AssumeRoleWithWebIdentity"; AWS IAM User Guide, "Session policies".
"""

import base64
import binascii
import secrets
import string
import time
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Policy
from zotplus.domain.principals import Principal
from zotplus.domain.trusts import LIFETIME, LIFETIME_MAX, LIFETIME_MIN
from zotplus.ports.keyvalue import KeyValue, Snapshot
from zotplus.ports.sealing import Sealing
from zotplus.records import layout
from zotplus.records.access import find_credential
from zotplus.services.federation.session_policies import narrowing
from zotplus.services.federation.standing import ORIGIN_KEY, is_standing
from zotplus.services.identity.credentials import scope_policies
from zotplus.services.identity.generation_cache import GenerationCache
from zotplus.services.identity.people import Somebody
from zotplus.services.identity.rights import Rights
from zotplus.services.lookups import Clock

KEY_PREFIX: Final = "ZPS"
"""What a session's access key id begins with. Whether a key is a session's is told by its token, never by its name."""

ISSUE_TIME_KEY: Final = "aws:tokenissuetime"
"""The condition key of when a session began. Spec: AWS IAM User Guide, "AWS global condition context keys"."""

KEY_OF_SESSION: Final = "zotplus:sessionkey"
"""The attribute with the id of the access key that a session was got by, and ends with."""

TOKEN_MAX_CHARACTERS: Final = 8_192
"""A token goes into a header, or a query beside a key of 1,024 bytes, and a request line has 16 KiB."""
OPENED_MAX: Final = 1_024
"""Session tokens whose holder is remembered, at most some 16 MiB."""

_ID_ALPHABET = string.ascii_uppercase + string.digits
_ID_RANDOM = 17  # with the prefix 20 characters, as AWS's own
_SECRET_BYTES = 30  # 40 characters of URL-safe base64, as AWS's own
_CONTEXT = b"session token"
_VERSION = 1


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings ``sessions``: temporary credentials for S3 clients."""

    lifetime: Annotated[int, msgspec.Meta(ge=LIFETIME_MIN, le=LIFETIME_MAX)] = LIFETIME
    """Seconds that a person's session lasts at most; trusts have a lifetime of their own. Default one hour: what an
    issuer says of somebody (groups, roles) is believed for as long as the session lasts."""


class SessionPolicies(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a session is narrowed to: ``text`` is a policy as it was sent or empty, ``names`` are stored policies."""

    text: str = ""
    names: tuple[str, ...] = ()

    @property
    def is_narrowing(self) -> bool:
        """Whether there is any."""
        return bool(self.text or self.names)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials just made; ``expires`` in seconds since the epoch. ``fill`` is how much of a token's room is used."""

    access_key: str
    secret: str
    token: str
    expires: int
    fill: float


class _Content(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a session token holds. ``who`` expires with the session."""

    version: int
    access_key: str
    secret: str
    who: Somebody
    policies: SessionPolicies
    issued: float


class Sessions:
    """Makes sessions and recognises them. ``settings`` limit those of people."""

    def __init__(
        self, store: KeyValue, sealing: Sealing, rights: Rights, settings: SessionSettings, *, clock: Clock = time.time
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._sealing = sealing
        self._rights = rights
        self._store = store
        self._opened: dict[str, _Content] = {}
        self._known = GenerationCache(store, self._load, capacity=OPENED_MAX)

    async def check(self, policies: SessionPolicies, key_id: str = "") -> None:
        """Refuse policies that no session can have, or none of the access key ``key_id`` as itself.

        Raises ``POLICY_INVALID`` for a document that cannot be read, ``RECORD_NOT_FOUND`` for a stored policy that is
        not there, ``ARGUMENT_INVALID`` for a key that has a scope.
        """

        def look(snapshot: Snapshot) -> None:
            narrowing(snapshot, policies.text, policies.names, strict=True)
            record = find_credential(snapshot, key_id) if policies.is_narrowing and key_id else None
            if record is not None and record.scope:
                detail = "The access key has a scope, which its sessions have; they cannot be narrowed further."
                raise Problem(errors.ARGUMENT_INVALID, detail, argument="Policy")

        await self._store.read(look)

    async def issue(self, who: Somebody, seconds: int, policies: SessionPolicies) -> Session:
        """Credentials by which their holder is ``who`` for so long, within ``policies``, which were checked before.

        What is wrong with them all the same denies. Raises ``SESSION_TOO_LARGE``.
        """
        now = self._clock()
        expires = int(now) + seconds
        access_key = KEY_PREFIX + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_RANDOM))
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        content = _Content(
            version=_VERSION,
            access_key=access_key,
            secret=secret,
            who=msgspec.structs.replace(who, expires=float(expires)),
            policies=policies,
            issued=now,
        )
        sealed = self._sealing.seal(msgspec.msgpack.encode(content), _CONTEXT)
        token = base64.urlsafe_b64encode(sealed).decode()
        if len(token) > TOKEN_MAX_CHARACTERS:
            detail = f"The session token would have {len(token)} characters, and {TOKEN_MAX_CHARACTERS} fit."
            raise Problem(errors.SESSION_TOO_LARGE, detail)
        fill = len(token) / TOKEN_MAX_CHARACTERS
        return Session(access_key=access_key, secret=secret, token=token, expires=expires, fill=fill)

    async def signer(self, access_key: str, token: str) -> tuple[Principal, str]:
        """Who holds the session of ``token``, with the rights of now, and its secret, for signatures.

        Raises ``TOKEN_INVALID`` for what is no session token, that of another key, and a session that was ended;
        ``CREDENTIALS_EXPIRED``.
        """
        content = self._open(token)
        if content.access_key != access_key:
            raise Problem(errors.TOKEN_INVALID)
        if content.who.expires <= self._clock():
            self._opened.pop(token, None)
            raise Problem(errors.CREDENTIALS_EXPIRED)
        principal = self._known.peek(token) or await self._known.get(token)
        if principal.expires <= self._clock():
            raise Problem(errors.CREDENTIALS_EXPIRED)
        return principal, content.secret

    def _open(self, token: str) -> _Content:
        known = self._opened.get(token)
        if known is not None:
            return known
        content = self._read(token)
        if len(self._opened) >= OPENED_MAX:
            self._opened.clear()
        self._opened[token] = content
        return content

    def _read(self, token: str) -> _Content:
        """The content of a token that was sealed here. Raises ``TOKEN_INVALID``."""
        if not 0 < len(token) <= TOKEN_MAX_CHARACTERS:
            raise Problem(errors.TOKEN_INVALID)
        try:
            sealed = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
            content = msgspec.msgpack.decode(self._sealing.open(sealed, _CONTEXT), type=_Content)
        except (binascii.Error, UnicodeEncodeError, msgspec.MsgspecError, Problem) as problem:
            raise Problem(errors.TOKEN_INVALID) from problem
        if content.version != _VERSION:
            raise Problem(errors.TOKEN_INVALID)
        return content

    def _load(self, snapshot: Snapshot, token: str) -> Principal:
        """The holder of a token that was opened before, with the rights in ``snapshot``."""
        content = self._open(token)
        who, within = content.who, content.policies
        origin = who.attributes.get(ORIGIN_KEY, ())
        is_ended = any(snapshot.get(layout.revoked_token(token_id)) is not None for token_id in origin)
        if is_ended or not is_standing(snapshot, who.id, content.issued):
            raise Problem(errors.TOKEN_INVALID, "The session was ended.")
        session: tuple[Policy, ...] | None = None
        if within.is_narrowing:
            session = narrowing(snapshot, within.text, within.names, strict=False)
        session, expires = _of_key(snapshot, content, session)
        return Principal(
            id=who.id,
            kind=who.kind,
            name=who.name,
            policies=self._rights.of(snapshot, who.id, who.names, session=session),
            names=who.names,
            attributes={
                **who.attributes,
                "zotplus:credential": ("session",),
                ISSUE_TIME_KEY: (_moment(content.issued),),
            },
            credential=f"session {content.access_key}",
            expires=expires,
        )


def _of_key(
    snapshot: Snapshot, content: _Content, session: tuple[Policy, ...] | None
) -> tuple[tuple[Policy, ...] | None, float]:
    """The policies that narrow a session, and when it ends, where it was got by an access key: with the key.

    CVE-2025-62506: a key's scope holds for its own sessions too. One that narrows both ways would need two layers, so
    none is issued, and whatever claims to be one may do nothing. Raises ``TOKEN_INVALID`` for a key that is no more.
    """
    who = content.who
    key_id = who.attributes.get(KEY_OF_SESSION)
    if key_id is None:
        return session, who.expires
    record = find_credential(snapshot, key_id[0])
    if record is None or record.inactive or record.created_ms > content.issued * 1000:
        raise Problem(errors.TOKEN_INVALID, "The access key of the session is no more.")
    expires = who.expires if record.expires_ms is None else min(who.expires, record.expires_ms / 1000)
    if who.id != key_id[0]:
        return session, expires
    scope = scope_policies(record)
    if scope is not None and session is not None:
        return (), expires
    return (session if scope is None else scope), expires


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
