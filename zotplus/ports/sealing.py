"""Encryption of small secrets at rest."""

from typing import Protocol


class Sealing(Protocol):
    """Authenticated encryption under the installation's master key."""

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """Encrypt; ``context`` (a record's name) must be given again to open, so sealed values cannot be swapped."""
        ...

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt. Raises ``Problem(STORAGE_FAILED)`` for a wrong master key, context or damaged value."""
        ...
