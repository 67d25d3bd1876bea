"""Identities that issuers vouch for, as principals: who somebody is, what they are called, what they may.

A verified token becomes ``Somebody``, a value small enough to be put into the tokens and sessions that are made from
it; ``People`` gives it the rights of the moment, again at every use.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from zotplus.domain.iam import PolicySet
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.ports.identity import TokenFault, TokenRefused, VerifiedToken
from zotplus.ports.keyvalue import KeyValue, Snapshot
from zotplus.services.identity.generation_cache import GenerationCache
from zotplus.services.identity.rights import Rights

CLAIM_PREFIX = "zotplus:claim/"
"""Condition keys of claims: the path in lower case behind it, its steps with dots between them."""

CLAIMS_MAX = 128
CLAIMS_MAX_CHARACTERS = 8_192
"""All names and values together. Tokens made from this one carry them, in a header of 16 KiB at most."""
CLAIMS_DEPTH = 4
TAGS_CLAIM = "https://aws.amazon.com/tags"
_LATEST = 100_000_000_000
"""Seconds since the epoch, year 5138: a later time is a mistake."""

SEEN_MAX = 4_096
"""Tokens whose holder is remembered, some KiB each."""


class Somebody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a token or session stands for: a principal without its rights, which are those of the moment it is used.

    ``attributes`` are condition keys in lower case; ``expires`` is in seconds since the epoch.
    """

    id: str
    kind: PrincipalKind
    name: str = ""
    names: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = {}
    expires: float = math.inf


class People:
    """Gives identities their rights, cached under the generation that every change of rights raises."""

    def __init__(self, store: KeyValue, rights: Rights) -> None:
        self._rights = rights
        self._sets = GenerationCache(store, self._load)
        self._seen: dict[int, tuple[VerifiedToken, Somebody]] = {}

    def holder(self, verified: VerifiedToken) -> Somebody:
        """The person that a verified token stands for.

        Raises ``TokenRefused`` for a token that stands for nobody without a trust, and for more claims than can be
        judged.
        """
        seen = self._seen.get(id(verified))
        if seen is not None and seen[0] is verified:
            return seen[1]
        if not verified.is_person:
            why = "The issuer is for jobs (identity.issuers, people): only a trust lets its tokens in."
            raise TokenRefused(TokenFault.TRUST, why, issuer=verified.name)
        somebody = person(verified)
        if len(self._seen) >= SEEN_MAX:
            self._seen.clear()
        self._seen[id(verified)] = (verified, somebody)
        return somebody

    async def principal(self, somebody: Somebody, credential: str) -> Principal:
        """``somebody`` with the rights of now; ``credential`` says by what they came. Raises ``STORAGE_FAILED``."""
        names = (somebody.id, somebody.names)
        policies = self._sets.peek(names) or await self._sets.get(names)
        return Principal(
            id=somebody.id,
            kind=somebody.kind,
            name=somebody.name,
            policies=policies,
            names=somebody.names,
            attributes=somebody.attributes,
            credential=credential,
            expires=somebody.expires,
        )

    def _load(self, snapshot: Snapshot, who: tuple[str, tuple[str, ...]]) -> PolicySet:
        return self._rights.of(snapshot, *who)


def person(verified: VerifiedToken) -> Somebody:
    """Who holds ``verified``, by its issuer's mapping. Raises ``TokenRefused``."""
    known, issuer = verified.identity, verified.name
    id_ = f"user:{issuer}:{known.subject}"
    groups = tuple(f"group:{issuer}:{group}" for group in known.groups)
    roles = tuple(f"role:{issuer}:{role}" for role in known.roles)
    return Somebody(
        id=id_,
        kind=PrincipalKind.USER,
        name=known.user_name,
        names=(*groups, *roles),
        attributes={
            **claim_attributes(verified),
            "aws:username": (known.user_name,),
            "aws:userid": (id_,),
            "aws:principaltype": (PrincipalKind.USER.value,),
            "zotplus:credential": ("jwt",),
            "zotplus:issuer": (issuer,),
            "zotplus:subject": (known.subject,),
            "zotplus:groups": known.groups,
            "zotplus:roles": known.roles,
        },
        expires=verified.expires,
    )


def _token_attributes(verified: VerifiedToken) -> dict[str, tuple[str, ...]]:
    """When the token was issued, and the tags that it gives its holder.

    Spec: AWS IAM User Guide, "Pass session tags in AWS STS" (the claim ``https://aws.amazon.com/tags``).
    """
    found: dict[str, tuple[str, ...]] = {}
    issued = verified.claims.get("iat")
    if isinstance(issued, int | float) and 0 <= issued < _LATEST:
        found["aws:tokenissuetime"] = (datetime.fromtimestamp(issued, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),)
    tags = verified.claims.get(TAGS_CLAIM)
    given = tags.get("principal_tags") if isinstance(tags, Mapping) else None
    for path, values in _flat(given, "", 1) if isinstance(given, Mapping) else ():
        found[f"aws:principaltag/{path.lower()}"] = values
    return found


def claim_attributes(verified: VerifiedToken) -> dict[str, tuple[str, ...]]:
    """The claims of a token as condition keys: text, numbers and truth values, and lists of them; also its tags.

    Raises ``TokenRefused`` beyond ``CLAIMS_MAX``: leaving one out could leave out what denies.
    """
    found: dict[str, tuple[str, ...]] = {}
    characters = 0
    for path, values in _flat(verified.claims, "", CLAIMS_DEPTH):
        key = CLAIM_PREFIX + path.lower()
        found[key] = found.get(key, ()) + values
        characters += len(path) + sum(map(len, values))
        if len(found) > CLAIMS_MAX or characters > CLAIMS_MAX_CHARACTERS:
            why = f"The token has more than {CLAIMS_MAX} claims or {CLAIMS_MAX_CHARACTERS} characters in them."
            raise TokenRefused(TokenFault.CLAIMS, why, issuer=verified.name)
    return found | _token_attributes(verified)


def _flat(claims: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in claims.items():
        path = before + name
        if isinstance(value, Mapping):
            if depth > 1:
                yield from _flat(value, path + ".", depth - 1)
            continue
        values = value if isinstance(value, list | tuple) else [value]
        told = tuple(_text(one) for one in values if isinstance(one, str | int | float))
        if told:
            yield path, told


def _text(value: str | float) -> str:
    """A JSON value as conditions compare it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
