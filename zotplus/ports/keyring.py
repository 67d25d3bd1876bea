"""Keys that wrap the keys of objects: a local ring, or a service that never gives its keys away."""

from typing import Protocol, runtime_checkable


class KeyRing(Protocol):
    """Wrapping under named keys.

    ``context`` is authenticated with the key and has to be the same again. Every method raises ``KMS_KEY_NOT_FOUND``,
    ``KMS_KEY_DISABLED``, ``KMS_REFUSED`` and ``KMS_UNAVAILABLE``.
    """

    async def wrap(self, key_id: str, key: bytes, context: bytes) -> bytes:
        """``key`` encrypted under the newest version of the key ``key_id``."""
        ...

    async def unwrap(self, key_id: str, wrapped: bytes, context: bytes) -> bytes:
        """The key in ``wrapped``. Raises ``BLOB_CORRUPT`` where it was not wrapped under this key and context."""
        ...

    async def is_current(self, key_id: str, wrapped: bytes) -> bool:
        """Whether ``wrapped`` was made under the newest version of its key."""
        ...


@runtime_checkable
class SupportsClose(KeyRing, Protocol):
    """An ability: the ring is a service elsewhere, and holds connections to it."""

    async def close(self) -> None:
        """Let go of its connections."""
        ...
