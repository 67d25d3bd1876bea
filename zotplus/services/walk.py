"""Walking keys in order with prefix, delimiter and a place to go on from; the cost grows with what is returned.

Spec: Amazon S3 API, ``ListObjectsV2`` and ``ListMultipartUploads``; "Organizing objects using prefixes".
"""

from collections.abc import Callable, Iterator

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What to walk: everything under ``base`` (a table and bucket) whose name begins with ``prefix``.

    Names that share a beginning up to ``delimiter`` behind the prefix are rolled up into that beginning. ``resume`` is
    the least name to come.
    """

    base: bytes
    prefix: bytes = b""
    delimiter: bytes = b""
    resume: bytes = b""


class Found(msgspec.Struct, frozen=True):
    """A pair as stored, or, with ``common``, names rolled up into that common prefix."""

    key: bytes
    value: bytes
    common: bytes | None = None


def wire(text: str) -> bytes:
    """A prefix, delimiter or marker as bytes. Raises ``PATH_INVALID`` for lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Problem(errors.PATH_INVALID, "The parameter is not valid UTF-8.") from error


def resume_after(prefix: bytes, delimiter: bytes, marker: bytes) -> bytes:
    """The least name that follows ``marker``, which is a name, a common prefix, or any other text.

    A marker at or inside a common prefix leads behind all of it, as with Amazon.
    """
    if not marker or marker < prefix:
        return prefix
    cut = marker.find(delimiter, len(prefix)) if delimiter and marker.startswith(prefix) else -1
    if cut >= 0:
        # A common prefix ends in UTF-8, which has no byte 0xFF, so there is always a key behind it.
        return layout.after(marker[: cut + len(delimiter)]) or marker
    return marker + b"\0"


def walk(snapshot: Snapshot, wanted: Walk, name_of: Callable[[bytes], bytes]) -> Iterator[Found]:
    """Pairs and common prefixes in order, lazily. ``name_of`` takes the name out of a stored key."""
    start, stop = wanted.base + wanted.resume, layout.after(wanted.base + wanted.prefix)
    while stop is None or start < stop:
        common = None
        for key, value in snapshot.scan(start, stop):
            name = name_of(key)
            cut = name.find(wanted.delimiter, len(wanted.prefix)) if wanted.delimiter else -1
            if cut >= 0:
                common = name[: cut + len(wanted.delimiter)]
                yield Found(key, value, common)
                break
            yield Found(key, value)
        behind = None if common is None else layout.after(wanted.base + common)
        if behind is None:
            return
        start = behind
