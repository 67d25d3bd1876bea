"""Conditional requests: reads (RFC 9110 section 13), copy sources, and S3's conditional writes.

Entity tags are compared without their quotes, since S3 clients send them with and without.
"""

from typing import Protocol

import msgspec

from zotplus.domain import errors
from zotplus.domain.dates import parse_http_date
from zotplus.domain.errors import Problem
from zotplus.domain.headers import Headers

ANY = "*"
_DATES = ("If-Modified-Since", "If-Unmodified-Since")
# Headers are bounded by the server; this bounds the work on one that is all commas.
_MAX_TAGS = 128


class ReadConditions(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader demands; None where nothing is said. Dates are in seconds since the epoch."""

    match: tuple[str, ...] | None = None
    none_match: tuple[str, ...] | None = None
    modified_since: int | None = None
    unmodified_since: int | None = None


class Unchanged(msgspec.Struct, frozen=True, kw_only=True):
    """What ``If-Range`` demands: one of these entity tags, or exactly this date in seconds since the epoch."""

    tags: tuple[str, ...] = ()
    modified: int | None = None


class WriteConditions(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer demands: ``absent`` that there is no object, ``match`` that there is one with this ETag.

    A deletion may demand the ``size`` in bytes and the time of the last change too (``modified``, epoch seconds).
    """

    absent: bool = False
    match: tuple[str, ...] | None = None
    size: int | None = None
    modified: int | None = None


class Existing(Protocol):
    """What conditions ask of the object that is there."""

    @property
    def etag(self) -> str:
        """Its entity tag."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def modified_ms(self) -> int:
        """When it was written, in milliseconds since the epoch."""
        ...


UNCONDITIONAL_READ = ReadConditions()
UNCONDITIONAL_WRITE = WriteConditions()


def parse_read_conditions(headers: Headers) -> ReadConditions:
    """The conditions of a GET or HEAD; unreadable dates are ignored (RFC 9110 section 13.1.3)."""
    return _parse(headers, "")


def parse_copy_source_conditions(headers: Headers) -> ReadConditions:
    """The ``x-amz-copy-source-if-…`` conditions of a copy."""
    return _parse(headers, "x-amz-copy-source-")


def parse_rename_source_conditions(headers: Headers) -> ReadConditions:
    """The ``x-amz-rename-source-if-…`` conditions of a rename."""
    return _parse(headers, "x-amz-rename-source-")


def parse_if_range(header: str) -> Unchanged:
    """What an ``If-Range`` header demands; what is no date is a tag."""
    date = parse_http_date(header)
    return Unchanged(tags=parse_tags(header)) if date is None else Unchanged(modified=date)


def parse_write_conditions(headers: Headers) -> WriteConditions:
    """The conditions of a write. Raises ``OPERATION_UNKNOWN`` as AWS.

    That is for another ``If-None-Match`` than ``*``, for both headers at once, and for dates, which Amazon passes over:
    whoever sends one relies on it.
    """
    for name in _DATES:
        if headers.get(name) is not None:
            raise Problem(errors.OPERATION_UNKNOWN, "A write takes If-Match and If-None-Match only.", Header=name)
    match = headers.get("if-match")
    none_match = headers.get("if-none-match")
    if match is None and none_match is None:
        return UNCONDITIONAL_WRITE
    if none_match is not None and (none_match.strip() != ANY or match is not None):
        raise Problem(
            errors.OPERATION_UNKNOWN,
            "A header you provided implies functionality that is not implemented.",
            Header="If-None-Match",
        )
    return WriteConditions(absent=none_match is not None, match=None if match is None else parse_tags(match))


def check_read(conditions: ReadConditions, etag: str, modified: float) -> None:
    """Judge a read of an object (``etag`` without quotes, ``modified`` in seconds since the epoch).

    Precedence is that of RFC 9110 section 13.2.2. Raises ``PRECONDITION_FAILED``, ``NOT_MODIFIED``.
    """
    if conditions is UNCONDITIONAL_READ:
        return
    failed = _failed(conditions, etag, int(modified))
    if failed in ("If-None-Match", "If-Modified-Since"):
        raise Problem(errors.NOT_MODIFIED, Condition=failed)
    if failed:
        raise Problem(errors.PRECONDITION_FAILED, Condition=failed)


def check_rename(conditions: ReadConditions, current: tuple[str, float] | None, what: str) -> None:
    """Judge a rename by its source or destination: its ETag and when it was modified, None where nothing is there.

    Every failure is ``PRECONDITION_FAILED``; only conditions that need an object fail where there is none.
    """
    if conditions is UNCONDITIONAL_READ:
        return
    if current is None:
        failed = "If-Match" if conditions.match is not None else ""
    else:
        failed = _failed(conditions, current[0], int(current[1]))
    if failed:
        raise Problem(errors.PRECONDITION_FAILED, Condition=f"{failed} of the {what}")


def is_unchanged(demand: Unchanged, etag: str, modified: float) -> bool:
    """Whether a range counts (RFC 9110 section 13.1.5): a weak tag never holds, nor a date that is only near."""
    if demand.modified is not None:
        return int(modified) == demand.modified
    return etag in demand.tags


def check_copy_source(conditions: ReadConditions, etag: str, modified: float) -> None:
    """Judge a copy by its source; every failure is ``PRECONDITION_FAILED``, since nothing is cached."""
    if conditions is UNCONDITIONAL_READ:
        return
    failed = _failed(conditions, etag, int(modified))
    if failed:
        raise Problem(errors.PRECONDITION_FAILED, Condition=f"x-amz-copy-source-{failed}")


def check_write(conditions: WriteConditions, current: Existing | None) -> None:
    """Judge a write over the object that is there, None where there is none.

    Raises ``PRECONDITION_FAILED``, and ``OBJECT_NOT_FOUND`` for ``If-Match`` without an object, as AWS does.
    """
    if conditions is UNCONDITIONAL_WRITE:
        return
    if conditions.absent and current is not None:
        raise Problem(errors.PRECONDITION_FAILED, Condition="If-None-Match")
    if conditions.match is None and conditions.size is None and conditions.modified is None:
        return
    if current is None:
        raise Problem(errors.OBJECT_NOT_FOUND)
    if conditions.match is not None and not _strongly_matches(conditions.match, current.etag):
        raise Problem(errors.PRECONDITION_FAILED, Condition="If-Match")
    if conditions.size is not None and conditions.size != current.size:
        raise Problem(errors.PRECONDITION_FAILED, Condition="x-amz-if-match-size")
    if conditions.modified is not None and conditions.modified != current.modified_ms // 1000:
        raise Problem(errors.PRECONDITION_FAILED, Condition="x-amz-if-match-last-modified-time")


def parse_tags(header: str) -> tuple[str, ...]:
    """The entity tags of a list, unquoted; weak ones keep their ``W/`` and ``*`` stands for any.

    A comma inside quotes belongs to the tag. Quotes are optional, as on S3.
    """
    tags: list[str] = []
    rest = header.strip(" \t,")
    while rest and len(tags) < _MAX_TAGS:
        weak = rest.startswith("W/")
        body = rest[2:] if weak else rest
        if body.startswith('"'):
            tag, _, rest = body[1:].partition('"')
        else:
            tag, _, rest = body.partition(",")
            tag = tag.strip(" \t")
        tags.append(f"W/{tag}" if weak else tag)
        rest = rest.lstrip(" \t,")
    return tuple(tags)


def _parse(headers: Headers, prefix: str) -> ReadConditions:
    match = headers.get(f"{prefix}if-match")
    none_match = headers.get(f"{prefix}if-none-match")
    modified_since = headers.get(f"{prefix}if-modified-since")
    unmodified_since = headers.get(f"{prefix}if-unmodified-since")
    if match is None and none_match is None and modified_since is None and unmodified_since is None:
        return UNCONDITIONAL_READ
    return ReadConditions(
        match=None if match is None else parse_tags(match),
        none_match=None if none_match is None else parse_tags(none_match),
        modified_since=None if modified_since is None else parse_http_date(modified_since),
        unmodified_since=None if unmodified_since is None else parse_http_date(unmodified_since),
    )


def _failed(conditions: ReadConditions, etag: str, modified: int) -> str:
    """The header that does not hold, or the empty string. A date counts only without its tag (13.2.2)."""
    if conditions.match is not None:
        if not _strongly_matches(conditions.match, etag):
            return "If-Match"
    elif conditions.unmodified_since is not None and modified > conditions.unmodified_since:
        return "If-Unmodified-Since"
    if conditions.none_match is not None:
        if _weakly_matches(conditions.none_match, etag):
            return "If-None-Match"
    elif conditions.modified_since is not None and modified <= conditions.modified_since:
        return "If-Modified-Since"
    return ""


def _strongly_matches(tags: tuple[str, ...], etag: str) -> bool:
    return etag in tags or ANY in tags


def _weakly_matches(tags: tuple[str, ...], etag: str) -> bool:
    return _strongly_matches(tags, etag) or f"W/{etag}" in tags
