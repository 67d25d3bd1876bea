"""Tokens that were verified already, so that each costs its signature once. Bounded in number and in size."""

import hashlib
from collections import OrderedDict

import msgspec

from zotplus.ports.identity import VerifiedToken

TOKENS_MAX = 10_000
"""About 4 KiB each with their claims: 40 MiB in a worker that has seen as many people at once."""

CHARACTERS_MAX = 32 * 1024 * 1024
"""Characters of all tokens kept: their claims take a few times as much, so that long tokens crowd out fewer short ones'
memory than their number would."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A verified token, the generation of its issuer's keys then, and its length."""

    verified: VerifiedToken
    generation: int
    characters: int


class SeenTokens:
    """By SHA-256 of the token, so that no token stays in memory; the one not used for longest goes first."""

    def __init__(self, tokens_max: int = TOKENS_MAX, characters_max: int = CHARACTERS_MAX) -> None:
        self._tokens_max = tokens_max
        self._characters_max = characters_max
        self._characters = 0
        self._found: OrderedDict[bytes, Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, token: str) -> Seen | None:
        """What is known of ``token``."""
        key = _key(token)
        seen = self._found.get(key)
        if seen is not None:
            self._found.move_to_end(key)
        return seen

    def put(self, token: str, verified: VerifiedToken, generation: int) -> None:
        """Remember ``token``."""
        self.drop(token)
        self._found[_key(token)] = Seen(verified=verified, generation=generation, characters=len(token))
        self._characters += len(token)
        while len(self._found) > self._tokens_max or self._characters > self._characters_max:
            _, oldest = self._found.popitem(last=False)
            self._characters -= oldest.characters

    def drop(self, token: str) -> None:
        """Forget ``token``."""
        seen = self._found.pop(_key(token), None)
        if seen is not None:
            self._characters -= seen.characters


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
