"""Authenticated encryption of content, by a key at a time."""

from typing import Protocol

from zotplus.domain.encryption.framing import Cipher


class Ciphers(Protocol):
    """AES-256-GCM."""

    def __call__(self, key: bytes) -> Cipher:
        """The cipher under ``key`` (32 bytes)."""
        ...
