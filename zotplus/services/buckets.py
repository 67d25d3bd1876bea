"""Buckets: create, find, list, delete, purge."""

from zotplus.ports.keyvalue import KeyValue
from zotplus.services.values import BucketInfo


class Buckets:
    """Buckets over the key-value port."""

    def __init__(self, store: KeyValue, region: str) -> None: ...

    async def create(self, name: str, owner: str) -> BucketInfo:
        """Raises ``BUCKET_OWNED`` when ``owner`` has it already, ``BUCKET_EXISTS`` when another has."""
        raise NotImplementedError

    async def get(self, name: str) -> BucketInfo:
        """Raises ``BUCKET_NOT_FOUND``."""
        raise NotImplementedError

    async def list(self) -> tuple[BucketInfo, ...]:
        """All buckets by name; the caller filters by rights."""
        raise NotImplementedError

    async def delete(self, name: str) -> None:
        """Raises ``BUCKET_NOT_FOUND``, ``BUCKET_NOT_EMPTY`` (objects or unfinished uploads)."""
        raise NotImplementedError

    async def purge(self, name: str) -> int:
        """Delete the bucket with all objects and uploads; how many objects. The name is free as soon as this returns."""
        raise NotImplementedError
