"""Tags of buckets and objects: their limits, and the form in which a header carries them.

Spec: Amazon S3 User Guide, "Categorizing your objects using tags" and "Using cost allocation S3 bucket tags".
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from zotplus.domain import errors, percent
from zotplus.domain.errors import Problem

OBJECT_TAGS: Final = 10
"""Tags of one object."""
BUCKET_TAGS: Final = 50
"""Tags of one bucket."""
KEY_UNITS: Final = 128
VALUE_UNITS: Final = 256
"""UTF-16 units of a key and of a value: a character outside of the basic plane counts twice."""

ConditionKeys = dict[str, str | tuple[str, ...]]
"""Condition keys, in lower case, with their values."""

_MARKER = b"\x01"
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(dict[str, str])
_HEADER_LIMIT = 16_384  # ten tags of three escaped bytes a unit take about as much; larger cannot be valid
_SIGNS = frozenset(" +-=._:/@")
_SYSTEM_PREFIX = "aws:"
_UNITS_OF_ASTRAL = 0xFFFF


def check_tags(pairs: Iterable[tuple[str, str]], *, limit: int) -> dict[str, str]:
    """The tags as a dictionary, at most ``limit`` (``OBJECT_TAGS`` or ``BUCKET_TAGS``), in the order given.

    Raises ``TAGS_TOO_MANY``, and ``TAG_INVALID`` for characters, lengths, the prefix ``aws:`` and a key given twice.
    """
    found: dict[str, str] = {}
    listed = list(pairs)
    if len(listed) > limit:
        what = "Object tags" if limit == OBJECT_TAGS else "Bucket tag count"
        raise Problem(errors.TAGS_TOO_MANY, f"{what} cannot be greater than {limit}")
    for key, value in listed:
        _check(key, value)
        if key in found:
            raise Problem(errors.TAG_INVALID, "Cannot provide multiple Tags with the same key", TagKey=key)
        found[key] = value
    return found


def _check(key: str, value: str) -> None:
    if not key or _units(key) > KEY_UNITS or not _is_text(key):
        raise Problem(errors.TAG_INVALID, "The TagKey you have provided is invalid", TagKey=key[:KEY_UNITS])
    if key.lower().startswith(_SYSTEM_PREFIX):
        raise Problem(errors.TAG_INVALID, "System tags cannot be added/updated by requester", TagKey=key)
    if _units(value) > VALUE_UNITS or not _is_text(value):
        detail = "The TagValue you have provided is invalid"
        raise Problem(errors.TAG_INVALID, detail, TagKey=key, TagValue=value[:VALUE_UNITS])


def _units(text: str) -> int:
    """UTF-16 units, as Amazon counts."""
    return len(text) + sum(1 for letter in text if ord(letter) > _UNITS_OF_ASTRAL)


def _is_text(text: str) -> bool:
    """Whether all are letters, digits or one of the signs that Amazon names; so none can break out of a header."""
    return all(letter in _SIGNS or letter.isalnum() or _is_mark(letter) for letter in text)


def _is_mark(letter: str) -> bool:
    """A mark that belongs to the letter before it (categories M): without them most of Indic text could not be."""
    return unicodedata.category(letter).startswith("M")


def encode_tags(tags: dict[str, str]) -> bytes:
    """The stored form of a bucket's tags."""
    return _MARKER + _ENCODER.encode(tags)


def decode_tags(data: bytes) -> dict[str, str]:
    """The tags in a stored form. Raises ``STORAGE_FAILED``."""
    try:
        if data[:1] == _MARKER:
            return _DECODER.decode(memoryview(data)[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Problem(errors.STORAGE_FAILED, "The bucket's tags cannot be read.") from error
    raise Problem(errors.STORAGE_FAILED, "The bucket's tags are of an unknown form.")


def parse_tag_header(text: str) -> dict[str, str]:
    """The tags of ``x-amz-tagging``: ``key=value&key2=value2``, percent-encoded, with ``+`` as a space.

    Raises ``ARGUMENT_INVALID`` where the form is wrong or a key is there twice, and what ``check_tags`` does.
    """
    if len(text) > _HEADER_LIMIT:
        raise _unreadable(text)
    pairs: list[tuple[str, str]] = []
    for piece in text.split("&"):
        if not piece:
            continue
        raw_key, _, raw_value = piece.partition("=")
        try:
            pairs.append((percent.decode(raw_key.replace("+", " ")), percent.decode(raw_value.replace("+", " "))))
        except Problem as problem:
            raise _unreadable(text) from problem
    keys = [key for key, _ in pairs]
    if "" in keys or len(set(keys)) < len(keys):
        raise _unreadable(text)
    return check_tags(pairs, limit=OBJECT_TAGS)


def tag_keys(tags: Mapping[str, str]) -> ConditionKeys:
    """The condition keys of tags that a request sets: each by its name, and all names; none for no tags.

    Spec: Service Authorization Reference, "Condition keys for Amazon S3" (``s3:RequestObjectTag``).
    """
    found: ConditionKeys = {f"s3:requestobjecttag/{name.lower()}": value for name, value in tags.items()}
    if tags:
        found["s3:requestobjecttagkeys"] = tuple(tags)
    return found


def _unreadable(text: str) -> Problem:
    return Problem(
        errors.ARGUMENT_INVALID,
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name "
        "duplicates.",
        ArgumentName="x-amz-tagging",
        ArgumentValue=text[:128],
    )
