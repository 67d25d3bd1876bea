"""Object records, laid out so that a listing copies a slice and a read decodes once.

::

    marker: 2 | fragment length: 2 | sum: 4 | fragment | metadata length: 4 | metadata (MessagePack) | inline content

The fragment is the object's ready piece of a listing (``domain/listing.py``). Content up to the inline limit follows
the metadata; larger content is in blobs that the metadata's slices name. The sum is the CRC-32C of all behind it: LMDB
has none of its own, and a damaged record must not be taken for an object. Numbers are big-endian.
"""

import struct
from collections.abc import Callable

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.crc import CRC32C
from zotplus.records.shape import MARKER_BYTES

_HEAD = struct.Struct(">2sHI")
_LENGTH = struct.Struct(">I")
_MARKER = b"O\x02"


class ChecksumRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A checksum: S3's name of the algorithm, base64 value (with ``-N`` when composite), FULL_OBJECT or COMPOSITE."""

    algorithm: str
    value: str
    type: str


class SliceRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``length`` bytes of the blob named by the 32 bytes of ``digest``, from ``offset``."""

    digest: bytes
    offset: int
    length: int


class LockRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What keeps a version from being deleted: GOVERNANCE, COMPLIANCE or no ``mode``, until when; a legal hold."""

    mode: str = ""
    until_ms: int = 0
    legal_hold: bool = False


class EncryptionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How the content is encrypted: ``scheme`` is SSE-S3, SSE-KMS or SSE-C, and ``key_id`` names the wrapping key.

    ``wrapped`` is the object's own key, sealed (empty for SSE-C); ``key_md5`` is base64 of the customer key's MD5;
    ``context`` is the JSON of the KMS encryption context. ``detail`` is what else the framing needs.
    """

    scheme: str
    key_id: str = ""
    wrapped: bytes = b""
    key_md5: str = ""
    context: str = ""
    bucket_key: bool = False
    detail: bytes = b""


class GrantRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One line of an access control list: ``grantee`` (principal id, ``public`` or ``authenticated``), permission."""

    grantee: str
    permission: str


class ExtrasRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What few objects have. It can change without a new version, but for the encryption."""

    tags: dict[str, str] = {}
    lock: LockRecord | None = None
    encryption: EncryptionRecord | None = None
    acl: tuple[GrantRecord, ...] = ()


class ObjectRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A version of an object without its content. ``part_sizes`` is empty unless it was uploaded in parts.

    ``version_id`` is empty for the null version; ``sequence`` orders the versions of a key (microseconds, never twice,
    0 for what was written before versions were kept). ``part_checksums`` are base64, of the algorithm of ``checksum``,
    where the upload asked for one. ``noncurrent_ms`` is when a newer version took its place.
    """

    size: int
    etag: str
    modified_ms: int
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum: ChecksumRecord | None = None
    slices: tuple[SliceRecord, ...] = ()
    part_sizes: tuple[int, ...] = ()
    version_id: str = ""
    sequence: int = 0
    is_marker: bool = False
    noncurrent_ms: int = 0
    owner: str = ""
    extras: ExtrasRecord | None = None
    part_checksums: tuple[str, ...] = ()


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ObjectRecord)
# Marker of an older shape -> what reads its metadata into today's record. The first lacks fields that have defaults.
_OLDER: dict[bytes, Callable[[bytes], ObjectRecord]] = {b"O\x01": _DECODER.decode}


def encode_object(record: ObjectRecord, fragment: bytes, inline: bytes = b"") -> bytes:
    """The stored form. ``inline`` is the whole content of an object without slices, else empty."""
    metadata = _ENCODER.encode(record)
    rest = b"".join((fragment, _LENGTH.pack(len(metadata)), metadata, inline))
    return _HEAD.pack(_MARKER, len(fragment), CRC32C.run(rest, 0)) + rest


def decode_object(data: bytes) -> tuple[ObjectRecord, bytes]:
    """The record and its inline content (empty where the content is in blobs).

    Raises ``BLOB_CORRUPT`` when the bytes are not those that were stored, ``STORAGE_FAILED`` for an unknown shape.
    """
    metadata, start = split_object(data)
    return decode_metadata(metadata), data[start:]


def split_object(data: bytes) -> tuple[bytes, int]:
    """The metadata with its marker before it, for ``decode_metadata``, and where the inline content begins.

    Raises as above.
    """
    try:
        marker, fragment_length, expected = _HEAD.unpack_from(data)
        if CRC32C.run(memoryview(data)[_HEAD.size :], 0) != expected:
            raise Problem(errors.BLOB_CORRUPT, "An object's record is damaged.")
        start = _HEAD.size + fragment_length
        (length,) = _LENGTH.unpack_from(data, start)
    except struct.error as error:
        raise Problem(errors.STORAGE_FAILED, "An object's record cannot be read.") from error
    start += _LENGTH.size
    return marker + data[start : start + length], start + length


def decode_metadata(metadata: bytes) -> ObjectRecord:
    """The record in what ``split_object`` gave. Raises ``STORAGE_FAILED`` for an unknown shape."""
    try:
        decode = _DECODER.decode if metadata[:MARKER_BYTES] == _MARKER else _OLDER[metadata[:MARKER_BYTES]]
        return decode(metadata[MARKER_BYTES:])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
        raise Problem(errors.STORAGE_FAILED, "An object's record cannot be read.") from error


def fragment_of(data: bytes) -> bytes:
    """The listing's fragment, without decoding the rest. ``data`` is a stored record."""
    return data[_HEAD.size : _HEAD.size + (data[2] << 8 | data[3])]
