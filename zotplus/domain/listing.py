"""What a listing says about one object: a piece of XML rendered once, when the object is written.

Spec: Amazon S3 API, ``ListObjectsV2``, element ``Contents``. Elements come in Amazon's order (Key, LastModified, ETag,
ChecksumAlgorithm, ChecksumType, Size, StorageClass); ``Key`` stands before the fragment and is written by the face,
which alone knows the encoding that the client asked for.
"""

from datetime import UTC, datetime
from functools import lru_cache
from xml.sax.saxutils import escape

import msgspec


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An object as a listing shows it. ``modified_ms`` is milliseconds since the epoch, ``etag`` has no quotes."""

    modified_ms: int
    etag: str
    size: int
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


def format_listing_date(modified_ms: int) -> str:
    """``modified_ms`` as listings write it: ``2026-01-31T23:59:59.000Z``."""
    seconds, milliseconds = divmod(modified_ms, 1000)
    return f"{_format_seconds(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=16)  # many objects are written in the same second
def _format_seconds(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def render_fragment(listed: Listed) -> bytes:
    """The XML of ``Contents`` without ``Key``: UTF-8, every value escaped."""
    checksum = ""
    if listed.checksum_algorithm is not None:
        checksum = f"<ChecksumAlgorithm>{escape(listed.checksum_algorithm)}</ChecksumAlgorithm>"
        if listed.checksum_type is not None:
            checksum += f"<ChecksumType>{escape(listed.checksum_type)}</ChecksumType>"
    return (
        f"<LastModified>{format_listing_date(listed.modified_ms)}</LastModified>"
        f"<ETag>&quot;{escape(listed.etag)}&quot;</ETag>{checksum}"
        f"<Size>{listed.size}</Size><StorageClass>{escape(listed.storage_class)}</StorageClass>"
    ).encode()
