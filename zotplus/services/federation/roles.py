"""Sessions for access keys: as themselves, or as a role that they may take. What a key was given ends with the key.

A trust is a role: who is allowed ``sts:AssumeRole`` on it becomes the trust's principal, as a workload does with a
token that the trust lets in.

Spec: AWS STS API Reference, "AssumeRole", "GetSessionToken".
"""

import time

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.domain.trusts import LIFETIME
from zotplus.services.federation.exchange import SELF
from zotplus.services.federation.sessions import KEY_OF_SESSION, Session, SessionPolicies, Sessions
from zotplus.services.federation.trusts import TRUST_PREFIX, Trusts
from zotplus.services.identity.people import Somebody
from zotplus.services.lookups import Clock

SESSION_NAME = "sts:rolesessionname"
_KEY = PrincipalKind.KEY


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A session that a key asks for: ``role`` is a trust's name or ``self``; ``name`` is empty for one's own.

    ``seconds`` is None where nothing was asked for.
    """

    role: str
    name: str = ""
    seconds: int | None = None
    policies: SessionPolicies = SessionPolicies()


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was begun, and whose it is."""

    session: Session
    principal: Principal


class Roles:
    """Begins sessions for keys. Whether a key may take a role is judged before."""

    def __init__(self, trusts: Trusts, sessions: Sessions, *, clock: Clock = time.time) -> None:
        self._trusts = trusts
        self._sessions = sessions
        self._clock = clock

    async def take(self, by: Principal, asked: Asked) -> Taken:
        """A session of ``by``, who must have come with an access key.

        Raises ``ACCESS_DENIED`` for another credential, ``RECORD_NOT_FOUND`` for a role that is not there,
        ``ARGUMENT_INVALID`` for more seconds than are allowed, ``POLICY_INVALID``, ``SESSION_TOO_LARGE``.
        """
        if by.kind is not _KEY or by.credential != _KEY.value:
            raise Problem(errors.ACCESS_DENIED, "Only an access key takes roles; a session cannot (role chaining).")
        await self._sessions.check(asked.policies, by.id if asked.role == SELF else "")
        allowed, who = await self._who(by, asked)
        if asked.seconds is not None and asked.seconds > allowed:
            detail = f"The credentials may last {allowed} seconds at most."
            raise Problem(errors.ARGUMENT_INVALID, detail, argument="DurationSeconds")
        left = max(by.expires - self._clock(), 0)
        seconds = int(min(asked.seconds or LIFETIME, allowed, left))
        session = await self._sessions.issue(who, seconds, asked.policies)
        principal, _ = await self._sessions.signer(session.access_key, session.token)
        return Taken(session=session, principal=principal)

    async def _who(self, by: Principal, asked: Asked) -> tuple[int, Somebody]:
        """For how many seconds at most, and as whom."""
        of_session: dict[str, tuple[str, ...]] = {KEY_OF_SESSION: (by.id,), "zotplus:credential": ("session",)}
        if asked.name:
            of_session[SESSION_NAME] = (asked.name,)
        if asked.role == SELF:
            own = {**by.attributes, **of_session}
            return self._sessions.settings.lifetime, Somebody(
                id=by.id, kind=by.kind, name=by.name, names=by.names, attributes=own
            )
        terms = (await self._trusts.get(asked.role)).terms
        id_ = TRUST_PREFIX + terms.name
        attributes: dict[str, tuple[str, ...]] = {
            "aws:username": (terms.name,),
            "aws:userid": (f"{id_}:{by.id}",),
            "aws:principaltype": (PrincipalKind.TRUST.value,),
            **of_session,
        }
        return terms.lifetime, Somebody(id=id_, kind=PrincipalKind.TRUST, name=terms.name, attributes=attributes)
