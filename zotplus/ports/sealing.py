"""Encryption of small secrets at rest."""

from typing import Protocol, runtime_checkable


class Sealing(Protocol):
    """Authenticated encryption under the installation's master key."""

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """Encrypt; ``context`` (a record's name) must be given again to open, so sealed values cannot be swapped."""
        ...

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt. Raises ``Problem(STORAGE_FAILED)`` for a wrong master key, context or damaged value."""
        ...


@runtime_checkable
class SupportsRotation(Sealing, Protocol):
    """An ability: several master keys open, one seals, so that a new one can take over from the old."""

    def is_current(self, sealed: bytes) -> bool:
        """Whether ``sealed`` was made under the key that seals now."""
        ...

    def may_open(self, sealed: bytes) -> bool:
        """Whether ``sealed`` names a key that is here; whether it is whole shows only when it is opened."""
        ...

    def stale_marks(self) -> tuple[bytes, ...]:
        """For each key that opens and does not seal, what everything sealed under it begins with."""
        ...
