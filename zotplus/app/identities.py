"""The services that know who calls and what they may, put together."""

import time
from dataclasses import dataclass

from zotplus.adapters.jose.tokens import JoseSigner
from zotplus.ports.identity import TokenVerifier
from zotplus.ports.keyvalue import KeyValue
from zotplus.ports.sealing import Sealing
from zotplus.services.identity.access import Access
from zotplus.services.identity.callers import Callers
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.people import People
from zotplus.services.identity.registry_tokens import RegistryTokens
from zotplus.services.identity.revocations import Revocations
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.signing_keys import SigningKeys
from zotplus.services.lookups import Clock
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


def identities(
    settings: Settings, store: KeyValue, sealing: Sealing, verifier: TokenVerifier, clock: Clock = time.time
) -> Identities:
    """All of them over one store."""
    rights = Rights(public_access=settings.identity.public_access)
    access, people = Access(store, sealing, rights, clock=clock), People(store, rights)
    own = settings.registry_tokens
    keys = SigningKeys(store, sealing, JoseSigner(), max(own.lifetime, own.refresh_lifetime), clock=clock)
    tokens = RegistryTokens(keys, access, people, Revocations(store, clock=clock), own, clock=clock)
    return Identities(
        access=access,
        callers=Callers(access, people, tokens, verifier),
        grants=Grants(store, issuers=[issuer.name for issuer in settings.identity.issuers], clock=clock),
        people=people,
        tokens=tokens,
        keys=keys,
    )
