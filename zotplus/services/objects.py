"""Objects: put, get, copy, delete, list."""

from zotplus.domain.conditions import ReadConditions, WriteConditions
from zotplus.domain.ranges import Range
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue
from zotplus.services.values import Attributes, Listing, ListQuery, ObjectContent, ObjectInfo, Source


class Objects:
    """Objects over both ports. Every method raises ``BUCKET_NOT_FOUND`` first."""

    def __init__(self, store: KeyValue, blobs: Blobs, *, inline_limit: int = 16_384) -> None: ...

    async def put(
        self, bucket: str, key: str, source: Source, attributes: Attributes, conditions: WriteConditions
    ) -> ObjectInfo:
        """Store content durably, then make it visible in one atomic step under ``conditions``.

        Raises ``PRECONDITION_FAILED``, ``DIGEST_MISMATCH``, ``CHECKSUM_MISMATCH``, ``CONTENT_SHA256_MISMATCH``,
        ``BODY_INCOMPLETE``, ``STORAGE_FULL``; then nothing has changed.
        """
        raise NotImplementedError

    async def get(
        self, bucket: str, key: str, wanted: Range | None = None, conditions: ReadConditions | None = None
    ) -> tuple[ObjectContent, tuple[int, int]]:
        """The object, its bytes of the range, and (start, length) of what is delivered.

        Raises ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``, ``NOT_MODIFIED``, ``RANGE_UNSATISFIABLE``.
        """
        raise NotImplementedError

    async def head(self, bucket: str, key: str, conditions: ReadConditions | None = None) -> ObjectInfo:
        """As ``get`` without content."""
        raise NotImplementedError

    async def copy(
        self, source: tuple[str, str], target: tuple[str, str], attributes: Attributes | None, conditions: ReadConditions
    ) -> ObjectInfo:
        """Give ``target`` the content of ``source`` without moving bytes; ``attributes`` None keeps the source's.

        Raises ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``, ``COPY_ONTO_ITSELF``.
        """
        raise NotImplementedError

    async def delete(self, bucket: str, key: str) -> bool:
        """Whether it was there; deleting what is not there is no error."""
        raise NotImplementedError

    async def delete_many(self, bucket: str, keys: tuple[str, ...]) -> tuple[str, ...]:
        """One atomic change; the keys that were there."""
        raise NotImplementedError

    async def list(self, bucket: str, query: ListQuery) -> Listing:
        """One page, in UTF-8 byte order."""
        raise NotImplementedError
