"""Deleting objects, one or many.

Spec: Amazon S3 API Reference, DeleteObject, DeleteObjects.
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.conditions import WriteConditions, parse_write_conditions
from zotplus.domain.dates import parse_timestamp
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.names import check_key
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_in, xml_out
from zotplus.protocols.s3.attributes import VERSION_HEADER
from zotplus.protocols.s3.request import (
    Level,
    Request,
    argument_invalid,
    read_version,
)
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.lock_headers import bypass_needs, locked, read_bypass
from zotplus.protocols.s3.wire_errors import error_fields, message, wire
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.values import Deleted, Deletion

_SIZE_HEADER, _TIME_HEADER = "x-amz-if-match-size", "x-amz-if-match-last-modified-time"


class DeleteObject(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an object, or of one of its versions."""

    bucket: str
    key: str
    deletion: Deletion

    def needs(self) -> tuple[Need, ...]:
        """To delete it, and to pass over governance retention where that is asked for."""
        return delete_needs(self.bucket, self.key, self.deletion)


def delete_needs(bucket: str, key: str, deletion: Deletion) -> tuple[Need, ...]:
    """What must be allowed to delete an object or a version of it."""
    resource = f"s3:{bucket}/{key}"
    if not deletion.version:
        return (Need(actions.DELETE_OBJECT.name, resource),)
    need = Need(actions.DELETE_OBJECT_VERSION.name, resource, {"s3:versionid": deletion.version})
    return (need, *bypass_needs(resource, bypass=deletion.bypass))


def parse_delete_object(request: Request) -> DeleteObject:
    """Raises ``ARGUMENT_INVALID``, ``OPERATION_UNKNOWN`` (If-None-Match)."""
    deletion = Deletion(
        version=read_version(request), conditions=_read_conditions(request), bypass=read_bypass(request)
    )
    return DeleteObject(bucket=request.bucket, key=request.key, deletion=deletion)


def _read_conditions(request: Request) -> WriteConditions:
    conditions = parse_write_conditions(request.head.headers)
    if conditions.absent:
        raise Problem(errors.OPERATION_UNKNOWN, "A delete takes If-Match only.", Header="If-None-Match")
    size, modified = request.header(_SIZE_HEADER), request.header(_TIME_HEADER)
    if size is None and modified is None:
        return conditions
    return msgspec.structs.replace(
        conditions,
        size=None if size is None else xml_in.read_size(_SIZE_HEADER, size),
        modified=None if modified is None else _time(modified),
    )


def _time(text: str) -> int:
    found = parse_timestamp(text)
    if found is None:
        raise argument_invalid(_TIME_HEADER, text, "The time cannot be read.")
    return found


async def delete_object(context: Context, operation: DeleteObject) -> Reply:
    """Raises what ``Objects.delete`` does."""
    deletion = msgspec.structs.replace(operation.deletion, by=context.actor)
    try:
        deleted = await context.services.objects.delete(operation.bucket, operation.key, deletion)
    except Problem as problem:
        if problem.fault is errors.OBJECT_LOCKED:
            raise await locked(context, operation.bucket, operation.key, deletion.version) from problem
        raise
    headers = [] if deleted.version is None else [(VERSION_HEADER, deleted.version)]
    if deleted.is_marker:
        headers.append(("x-amz-delete-marker", "true"))
    return Reply(status=204, headers=headers)


class DeleteObjects(msgspec.Struct, frozen=True, kw_only=True):
    """The end of many objects, which the body names."""

    bucket: str
    bypass: bool
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """Nothing beforehand: each key is decided on its own."""
        return ()


def parse_delete_objects(request: Request) -> DeleteObjects:
    """Raises what ``payload.parse_incoming`` does."""
    return DeleteObjects(bucket=request.bucket, bypass=read_bypass(request), body=payload.parse_incoming(request))


async def delete_objects(context: Context, operation: DeleteObjects) -> Reply:
    """Raises ``XML_MALFORMED``, ``BUCKET_NOT_FOUND``; what is wrong with a single key is told in the answer."""
    document = xml_in.read_delete(await payload.read_document(context, operation.body, xml_in.DOCUMENT_LIMIT))
    outcome: dict[xml_in.Doomed, Deleted | Problem] = {}
    allowed: dict[xml_in.Doomed, Deletion] = {}
    await _look_up(context, operation, document)
    for doomed in document.objects:
        deletion = _deletion(context, operation, doomed)
        refusal = _refusal(context, operation.bucket, doomed, deletion)
        if refusal is None:
            allowed[doomed] = deletion
        else:
            outcome[doomed] = refusal
    if not allowed and context.principal.is_anonymous:
        raise Problem(errors.CREDENTIALS_MISSING)
    if allowed:
        wanted = tuple([(doomed.key, deletion) for doomed, deletion in allowed.items()])
        outcome |= zip(allowed, await context.services.objects.delete_many(operation.bucket, wanted), strict=True)
        for doomed in allowed:
            told = outcome[doomed]
            if isinstance(told, Problem) and told.fault is errors.OBJECT_LOCKED:
                outcome[doomed] = await locked(context, operation.bucket, doomed.key, doomed.version)
    content = [_told(doomed, outcome[doomed], quiet=document.quiet) for doomed in document.objects]
    return Reply(headers=(XML,), body=xml_out.document("DeleteResult", "".join(content)))


async def _look_up(context: Context, operation: DeleteObjects, document: xml_in.DeleteDocument) -> None:
    """Find out what policies ask for of each object, where they ask for anything."""
    if not context.principal.policies.facts:
        return
    for doomed in document.objects:
        await gather(context, delete_needs(operation.bucket, doomed.key, _deletion(context, operation, doomed)))


def _deletion(context: Context, operation: DeleteObjects, doomed: xml_in.Doomed) -> Deletion:
    return Deletion(version=doomed.version, conditions=doomed.conditions, bypass=operation.bypass, by=context.actor)


def _refusal(context: Context, bucket: str, doomed: xml_in.Doomed, deletion: Deletion) -> Problem | None:
    if not all(context.may(need) for need in delete_needs(bucket, doomed.key, deletion)):
        return Problem(errors.ACCESS_DENIED)
    try:
        check_key(doomed.key)
    except Problem as problem:
        return problem
    return None


def _told(doomed: xml_in.Doomed, outcome: Deleted | Problem, *, quiet: bool) -> str:
    if isinstance(outcome, Problem):
        return _delete_error(doomed, outcome)
    return "" if quiet else _deleted(doomed, outcome)


def _deleted(doomed: xml_in.Doomed, deleted: Deleted) -> str:
    marker = "<DeleteMarker>false</DeleteMarker>" if doomed.version else ""
    if deleted.is_marker:
        marker = "<DeleteMarker>true</DeleteMarker>" + xml_out.optional("DeleteMarkerVersionId", deleted.version)
    version = xml_out.optional("VersionId", doomed.version)
    return f"<Deleted>{xml_out.element('Key', doomed.key)}{version}{marker}</Deleted>"


def _delete_error(doomed: xml_in.Doomed, problem: Problem) -> str:
    code, _ = wire(problem.fault)
    version = xml_out.optional("VersionId", doomed.version)
    return (
        f"<Error>{xml_out.element('Key', doomed.key)}{version}{xml_out.element('Code', code)}"
        f"{xml_out.element('Message', message(problem))}"
        f"{xml_out.optional('Detail', error_fields(problem).get('Detail'))}</Error>"
    )


ROWS = (
    row(
        When(level=Level.BUCKET, method="POST", query="delete"),
        What(
            name="DeleteObjects",
            summary="Delete up to 1,000 objects.",
            action=actions.DELETE_OBJECT,
            decides=True,
            takes_body=True,
        ),
        parse_delete_objects,
        delete_objects,
    ),
    row(
        When(
            level=Level.OBJECT,
            method="DELETE",
            also="versionId",
            headers="x-amz-if-match-size x-amz-if-match-last-modified-time",
        ),
        What(
            name="DeleteObject",
            summary="Delete an object.",
            action=actions.DELETE_OBJECT,
            version_action=actions.DELETE_OBJECT_VERSION,
        ),
        parse_delete_object,
        delete_object,
    ),
)
