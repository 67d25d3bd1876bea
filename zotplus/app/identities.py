"""The services that know who calls and what they may, put together."""

import time
from dataclasses import dataclass

from zotplus.adapters.jose.tokens import JoseSigner
from zotplus.domain.trusts import LIFETIME_MAX
from zotplus.ports.identity import TokenVerifier
from zotplus.ports.keyvalue import KeyValue
from zotplus.ports.sealing import Sealing
from zotplus.services.federation.exchange import Exchange
from zotplus.services.federation.federation import Federation
from zotplus.services.federation.replay import Replays
from zotplus.services.federation.roles import Roles
from zotplus.services.federation.sessions import Sessions
from zotplus.services.federation.standing import Standing
from zotplus.services.federation.trusts import Trusts
from zotplus.services.identity.access import Access
from zotplus.services.identity.callers import Callers
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.key_lifecycle import KeyLifecycle
from zotplus.services.identity.people import People
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.users import Users
from zotplus.services.lookups import Clock
from zotplus.services.tokens.registry_tokens import RegistryTokens
from zotplus.services.tokens.revocations import Revocations
from zotplus.services.tokens.signing_keys import SigningKeys
from zotplus.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Identities:
    """One process's."""

    access: Access
    callers: Callers
    grants: Grants
    people: People
    tokens: RegistryTokens
    keys: SigningKeys
    lifecycle: KeyLifecycle
    users: Users
    federation: Federation


def identities(
    settings: Settings, store: KeyValue, sealing: Sealing, verifier: TokenVerifier, clock: Clock = time.time
) -> Identities:
    """All of them over one store."""
    rights = Rights(public_access=settings.identity.public_access)
    access, people = Access(store, sealing, rights, clock=clock), People(store, rights)
    own = settings.registry_tokens
    longest = max(own.lifetime, own.refresh_lifetime, LIFETIME_MAX)
    keys = SigningKeys(store, sealing, JoseSigner(), longest, clock=clock)
    issuers = {issuer.name: issuer.url for issuer in settings.identity.issuers}
    standing = Standing(store, issuers, clock=clock)
    tokens = RegistryTokens(
        keys=keys,
        access=access,
        people=people,
        revocations=Revocations(store, standing, clock=clock),
        settings=own,
        clock=clock,
    )
    audiences = {issuer.name: issuer.audiences for issuer in settings.identity.issuers}
    trusts = Trusts(store, issuers, audiences, clock=clock)
    replays = Replays(store, clock=clock)
    sessions = Sessions(store, sealing, rights, settings.sessions, clock=clock)
    exchange = Exchange(
        verifier=verifier,
        tokens=tokens,
        people=people,
        trusts=trusts,
        standing=standing,
        replays=replays,
        lifetime=settings.sessions.lifetime,
        clock=clock,
    )
    return Identities(
        access=access,
        callers=Callers(
            access=access, people=people, tokens=tokens, verifier=verifier, sessions=sessions, exchange=exchange
        ),
        grants=Grants(store, issuers=issuers, clock=clock),
        people=people,
        tokens=tokens,
        keys=keys,
        users=Users(store, sealing, clock=clock),
        lifecycle=KeyLifecycle(store, sealing, _lifetime(settings), clock=clock),
        federation=Federation(
            trusts=trusts,
            standing=standing,
            replays=replays,
            exchange=exchange,
            sessions=sessions,
            roles=Roles(trusts, sessions, clock=clock),
        ),
    )


def _lifetime(settings: Settings) -> float | None:
    days = settings.identity.key_days
    return None if days is None else days * 86_400.0
