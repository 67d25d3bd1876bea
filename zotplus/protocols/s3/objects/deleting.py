"""Deleting objects, one or many.

Spec: Amazon S3 API Reference, DeleteObject, DeleteObjects.
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.conditions import (
    WriteConditions,
    parse_write_conditions,
)
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.names import check_key
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_in, xml_out
from zotplus.protocols.s3.request import (
    Level,
    Request,
    require_null_version,
)
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.wire_errors import message, wire
from zotplus.protocols.s3.xml_out import XML


class DeleteObject(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an object."""

    bucket: str
    key: str
    conditions: WriteConditions

    def needs(self) -> tuple[Need, ...]:
        """To delete it."""
        return (Need(actions.DELETE_OBJECT.name, f"s3:{self.bucket}/{self.key}"),)


def parse_delete_object(request: Request) -> DeleteObject:
    """Raises ``VERSION_NOT_FOUND``, ``OPERATION_UNKNOWN`` (If-None-Match)."""
    require_null_version(request.query.get("versionId", ""))
    conditions = parse_write_conditions(request.head.headers)
    if conditions.absent:
        raise Problem(errors.OPERATION_UNKNOWN, "A delete takes If-Match only.", Header="If-None-Match")
    return DeleteObject(bucket=request.bucket, key=request.key, conditions=conditions)


async def delete_object(context: Context, operation: DeleteObject) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``, ``PRECONDITION_FAILED``."""
    await context.services.objects.delete(operation.bucket, operation.key, conditions=operation.conditions)
    return Reply(status=204)


class DeleteObjects(msgspec.Struct, frozen=True, kw_only=True):
    """The end of many objects, which the body names."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """Nothing beforehand: each key is decided on its own."""
        return ()


def parse_delete_objects(request: Request) -> DeleteObjects:
    """Raises what ``payload.parse_incoming`` does."""
    return DeleteObjects(bucket=request.bucket, body=payload.parse_incoming(request))


async def delete_objects(context: Context, operation: DeleteObjects) -> Reply:
    """Raises ``XML_MALFORMED``, ``BUCKET_NOT_FOUND``; what is wrong with a single key is told in the answer."""
    document = xml_in.read_delete(await payload.read_document(context, operation.body, xml_in.DOCUMENT_LIMIT))
    refused: dict[xml_in.Doomed, Problem] = {}
    for doomed in document.objects:
        problem = _refusal(context, operation.bucket, doomed)
        if problem is not None:
            refused[doomed] = problem
    if len(refused) == len(set(document.objects)) and context.principal.is_anonymous:
        raise Problem(errors.CREDENTIALS_MISSING)
    allowed = dict.fromkeys(doomed.key for doomed in document.objects if doomed not in refused)
    if allowed:
        await context.services.objects.delete_many(operation.bucket, tuple(allowed))
    content = [
        _delete_error(doomed, refused[doomed]) if doomed in refused else _deleted(doomed)
        for doomed in document.objects
        if doomed in refused or not document.quiet
    ]
    return Reply(headers=(XML,), body=xml_out.document("DeleteResult", "".join(content)))


def _refusal(context: Context, bucket: str, doomed: xml_in.Doomed) -> Problem | None:
    if not context.may(Need(actions.DELETE_OBJECT.name, f"s3:{bucket}/{doomed.key}")):
        return Problem(errors.ACCESS_DENIED)
    try:
        check_key(doomed.key)
        require_null_version(doomed.version)
    except Problem as problem:
        return problem
    return None


def _deleted(doomed: xml_in.Doomed) -> str:
    version = xml_out.optional("VersionId", doomed.version)
    return f"<Deleted>{xml_out.element('Key', doomed.key)}{version}</Deleted>"


def _delete_error(doomed: xml_in.Doomed, problem: Problem) -> str:
    code, _ = wire(problem.fault)
    version = xml_out.optional("VersionId", doomed.version)
    return (
        f"<Error>{xml_out.element('Key', doomed.key)}{version}{xml_out.element('Code', code)}"
        f"{xml_out.element('Message', message(problem))}</Error>"
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
        When(level=Level.OBJECT, method="DELETE", also="versionId"),
        What(name="DeleteObject", summary="Delete an object.", action=actions.DELETE_OBJECT),
        parse_delete_object,
        delete_object,
    ),
)
