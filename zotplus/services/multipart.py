"""Multipart uploads: an object that arrives in parts; completing it copies nothing."""

from zotplus.domain.conditions import ReadConditions, WriteConditions
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue
from zotplus.services.values import Attributes, ObjectInfo, PartChoice, PartInfo, Source, UploadInfo


class Multipart:
    """Multipart uploads over both ports. Every method raises ``BUCKET_NOT_FOUND`` first, then ``UPLOAD_NOT_FOUND``."""

    def __init__(self, store: KeyValue, blobs: Blobs) -> None: ...

    async def create(
        self, bucket: str, key: str, initiator: str, attributes: Attributes, checksum: tuple[str, str] | None
    ) -> UploadInfo:
        """Begin; ``checksum`` is (algorithm, type) or None."""
        raise NotImplementedError

    async def put_part(self, bucket: str, key: str, upload_id: str, number: int, source: Source) -> PartInfo:
        """Store a part, replacing one of the same number. Raises as ``Objects.put``."""
        raise NotImplementedError

    async def copy_part(  # noqa: PLR0913 - the operation has as many parts
        self, bucket: str, key: str, upload_id: str, number: int, source: tuple[str, str, tuple[int, int] | None, ReadConditions]
    ) -> PartInfo:
        """A part from another object's bytes (first, last inclusive, or all)."""
        raise NotImplementedError

    async def complete(
        self, bucket: str, key: str, upload_id: str, parts: tuple[PartChoice, ...], conditions: WriteConditions
    ) -> ObjectInfo:
        """Make the object visible. Raises ``PART_INVALID``, ``PART_ORDER_INVALID``, ``PART_TOO_SMALL``, ``PRECONDITION_FAILED``.

        Completing again with the same parts returns the same object (clients retry).
        """
        raise NotImplementedError

    async def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """Drop the upload and its parts."""
        raise NotImplementedError

    async def list_parts(self, bucket: str, key: str, upload_id: str, after: int, limit: int) -> tuple[UploadInfo, tuple[PartInfo, ...], bool]:
        """The upload, parts with numbers above ``after``, and whether more follow."""
        raise NotImplementedError

    async def list_uploads(self, bucket: str, prefix: str, delimiter: str, after: tuple[str, str], limit: int) -> tuple[tuple[UploadInfo | str, ...], tuple[str, str] | None]:
        """Uploads by (key, upload id) after the marker, common prefixes rolled up, and the next marker or None."""
        raise NotImplementedError
