"""RenameObject: another key for an object, in one step.

Spec: Amazon S3 API Reference, RenameObject (there for directory buckets only, here for all that keep no versions).
"""

import msgspec

from zotplus.domain import actions, percent
from zotplus.domain.conditions import parse_read_conditions, parse_rename_source_conditions
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.names import check_key
from zotplus.domain.storage.tags import tag_keys
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import require
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3.objects.reading import missing_or_denied
from zotplus.protocols.s3.request import Level, Request, argument_invalid
from zotplus.protocols.s3.rows import What, When, row
from zotplus.services.renaming import Rename
from zotplus.services.values import Selection

_SOURCE = "x-amz-rename-source"
_TOKEN = "x-amz-client-token"  # noqa: S105 - a name of a request, no secret
_TOKEN_LIMIT = 256
_SOURCE_LIMIT = 4096  # an encoded key of 1,024 bytes, and a bucket before it


class RenameObject(msgspec.Struct, frozen=True, kw_only=True):
    """A rename."""

    wanted: Rename

    def needs(self) -> tuple[Need, ...]:
        """To write the target, and to read and delete the source."""
        wanted = self.wanted
        source = f"s3:{wanted.bucket}/{wanted.source}"
        return (
            Need(actions.PUT_OBJECT.name, f"s3:{wanted.bucket}/{wanted.target}"),
            Need(actions.GET_OBJECT.name, source),
            Need(actions.DELETE_OBJECT.name, source),
        )


def parse_rename_object(request: Request) -> RenameObject:
    """Raises ``ARGUMENT_INVALID``, ``KEY_TOO_LONG``."""
    token = request.header(_TOKEN) or ""
    if len(token) > _TOKEN_LIMIT:
        raise argument_invalid(_TOKEN, token, f"A client token has at most {_TOKEN_LIMIT} characters.")
    return RenameObject(
        wanted=Rename(
            bucket=request.bucket,
            source=_source(request),
            target=request.key,
            source_conditions=parse_rename_source_conditions(request.head.headers),
            target_conditions=parse_read_conditions(request.head.headers),
            token=token,
        )
    )


def _source(request: Request) -> str:
    """The key in the header: encoded, with or without the bucket's name before it (``/bucket/key``)."""
    text = request.header(_SOURCE) or ""
    try:
        path = percent.decode(text) if len(text) <= _SOURCE_LIMIT else ""
    except Problem as problem:
        raise argument_invalid(_SOURCE, text, "The rename source is not valid percent-encoded UTF-8.") from problem
    if path.startswith("/"):
        bucket, _, path = path[1:].partition("/")
        if bucket != request.bucket:
            raise argument_invalid(_SOURCE, text, "An object can be renamed within its bucket only.")
    if not path:
        raise argument_invalid(_SOURCE, text, "The rename source names no object.")
    check_key(path)
    return path


async def rename_object(context: Context, operation: RenameObject) -> Reply:
    """Raises what ``Renaming.rename`` does."""
    wanted = msgspec.structs.replace(
        operation.wanted, by=context.actor, with_tags=await _may_tag(context, operation.wanted)
    )
    try:
        await context.services.renaming.rename(wanted)
    except Problem as problem:
        raise missing_or_denied(context, wanted.bucket, wanted.source, problem) from problem
    return Reply()


async def _may_tag(context: Context, wanted: Rename) -> bool:
    """Whether the source's tags may come with it; no tags need no right. Raises ``ACCESS_DENIED``."""
    try:
        info = await context.services.objects.head(wanted.bucket, wanted.source, Selection(keyless=True))
        tags = info.attributes.tags
    except Problem:
        return False  # the rename says what is wrong, or that it was done before
    if tags:
        require(context, Need(actions.GET_OBJECT_TAGGING.name, f"s3:{wanted.bucket}/{wanted.source}"))
        resource = f"s3:{wanted.bucket}/{wanted.target}"
        require(context, Need(actions.PUT_OBJECT_TAGGING.name, resource, tag_keys(tags)))
    return bool(tags)


ROWS = (
    row(
        When(level=Level.OBJECT, method="PUT", query="renameObject", headers=_SOURCE),
        What(name="RenameObject", summary="Give an object another key.", action=actions.PUT_OBJECT),
        parse_rename_object,
        rename_object,
    ),
)
