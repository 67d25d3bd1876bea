"""What comes in without a secret that is stored here, put together; and how a session begins."""

from dataclasses import dataclass

import msgspec

from zotplus.domain.principals import Principal
from zotplus.services.federation.exchange import Admit, Exchange, Exchanged, admit_all
from zotplus.services.federation.replay import Replays
from zotplus.services.federation.roles import SESSION_NAME, Roles
from zotplus.services.federation.sessions import Session, SessionPolicies, Sessions
from zotplus.services.federation.standing import Standing
from zotplus.services.federation.trusts import Trusts

SESSION_NAME_KEY = SESSION_NAME
"""The condition key of a session's name. Spec: AWS IAM User Guide, "AWS STS condition keys"."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is asked for: ``token`` is exchanged for ``role`` (a trust, ``self``, or empty: what fits).

    ``seconds`` is None where nothing was asked for. ``name`` is what the session is called, for people and the log.
    """

    token: str
    role: str = ""
    name: str
    seconds: int | None = None
    policies: SessionPolicies = SessionPolicies()


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was begun, and whose it is."""

    session: Session
    principal: Principal
    exchanged: Exchanged


@dataclass(frozen=True, kw_only=True, slots=True)
class Federation:
    """One process's."""

    trusts: Trusts
    standing: Standing
    replays: Replays
    exchange: Exchange
    sessions: Sessions
    roles: Roles

    async def assume(self, wanted: Wanted, admit: Admit = admit_all) -> Assumed:
        """Exchange a token for a session. Raises as ``Exchange.of_token``, ``admit`` and ``Sessions.issue``.

        The session policies are read first: a mistake in them does not use the token up.
        """
        await self.sessions.check(wanted.policies)
        exchanged = await self.exchange.of_token(wanted.token, wanted.role, wanted.seconds)
        admit(await self.exchange.holder(exchanged))
        attributes = {**exchanged.who.attributes, SESSION_NAME_KEY: (wanted.name,)}
        who = msgspec.structs.replace(exchanged.who, attributes=attributes)
        session = await self.sessions.issue(who, exchanged.seconds, wanted.policies)
        principal, _ = await self.sessions.signer(session.access_key, session.token)
        return Assumed(session=session, principal=principal, exchanged=exchanged)
