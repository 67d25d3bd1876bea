"""Object lock: of a bucket, and retention and legal hold of versions.

Spec: Amazon S3 API Reference, PutObjectLockConfiguration, GetObjectLockConfiguration, PutObjectRetention,
GetObjectRetention, PutObjectLegalHold, GetObjectLegalHold; S3 User Guide, "Locking objects with Object Lock".
"""

import time

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.locks import Retention, check_retention, format_instant
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import authorise
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.lock_documents import (
    DOCUMENT_LIMIT,
    read_configuration,
    read_legal_hold,
    read_retention,
)
from zotplus.protocols.s3.settings.lock_headers import bypass_needs, lock_keys, locked, read_bypass
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.configuration.locks import enabling, holding, require_lock_enabled, retaining
from zotplus.services.values import Lock, Selection


class _OfBucket(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str

    def _need(self, action: Action) -> tuple[Need, ...]:
        return (Need(action.name, f"s3:{self.bucket}"),)


class PutObjectLockConfiguration(_OfBucket, frozen=True, kw_only=True):
    """Object lock on, and the retention that new versions get."""

    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set it."""
        return self._need(actions.PUT_BUCKET_OBJECT_LOCK)


def parse_put_object_lock_configuration(request: Request) -> PutObjectLockConfiguration:
    """Raises what ``payload.parse_incoming`` does."""
    body = payload.parse_incoming(request, needs_length=False)
    return PutObjectLockConfiguration(bucket=request.bucket, body=body)


async def put_object_lock_configuration(context: Context, operation: PutObjectLockConfiguration) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``, ``BUCKET_STATE_INVALID``, and what ``read_configuration`` does."""
    retention = read_configuration(await payload.read_document(context, operation.body, DOCUMENT_LIMIT))
    await context.services.documents.apply(operation.bucket, enabling(retention))
    return Reply()


class GetObjectLockConfiguration(_OfBucket, frozen=True, kw_only=True):
    """Whether object lock is on, and the default retention."""

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return self._need(actions.GET_BUCKET_OBJECT_LOCK)


def parse_get_object_lock_configuration(request: Request) -> GetObjectLockConfiguration:
    """Only the name."""
    return GetObjectLockConfiguration(bucket=request.bucket)


async def get_object_lock_configuration(context: Context, operation: GetObjectLockConfiguration) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``, ``LOCK_CONFIGURATION_NOT_FOUND``."""
    bucket = await context.services.documents.bucket(operation.bucket)
    if not bucket.lock_enabled:
        raise Problem(errors.LOCK_CONFIGURATION_NOT_FOUND, bucket=operation.bucket)
    content, default = xml_out.element("ObjectLockEnabled", "Enabled"), bucket.retention
    if default is not None:
        period = xml_out.element("Days", default.days) if default.days else xml_out.element("Years", default.years)
        mode = xml_out.element("Mode", default.mode)
        content += f"<Rule><DefaultRetention>{mode}{period}</DefaultRetention></Rule>"
    return Reply(headers=(XML,), body=xml_out.document("ObjectLockConfiguration", content))


class _OfVersion(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version: str

    @property
    def resource(self) -> str:
        """The object's name in policies."""
        return f"s3:{self.bucket}/{self.key}"

    @property
    def keys(self) -> dict[str, str]:
        """The condition key of the version, where one is named."""
        return {"s3:versionid": self.version} if self.version else {}


class _Change(_OfVersion, frozen=True, kw_only=True):
    body: payload.Incoming
    bypass: bool = False

    def needs(self) -> tuple[Need, ...]:
        """Nothing beforehand: conditions may be about what the body says."""
        return ()


class PutObjectRetention(_Change, frozen=True, kw_only=True):
    """How long a version is kept from now on; ``bypass`` lets governance be shortened by who may."""


def _version(request: Request) -> str:
    """``versionId``; an empty one means the newest here, as programs that handle locks of all buckets alike send it."""
    return request.query.get("versionId", "")


def parse_put_object_retention(request: Request) -> PutObjectRetention:
    """Raises what ``payload.parse_incoming`` and ``read_bypass`` do."""
    return PutObjectRetention(
        bucket=request.bucket,
        key=request.key,
        version=_version(request),
        body=payload.parse_incoming(request, needs_length=False),
        bypass=read_bypass(request),
    )


async def put_object_retention(context: Context, operation: PutObjectRetention) -> Reply:
    """Raises ``OBJECT_LOCKED``, ``REQUEST_INVALID`` without object lock, and what ``Objects.change`` does."""
    document = await payload.read_document(context, operation.body, DOCUMENT_LIMIT)
    wanted = read_retention(document) if document else None
    keys = {} if wanted is None else lock_keys(Lock(mode=wanted.mode, until=wanted.until_ms / 1000))
    await _authorise(context, operation, actions.PUT_OBJECT_RETENTION, keys)
    await context.services.documents.bucket(operation.bucket)
    if wanted is None:
        raise Problem(errors.XML_MALFORMED, "The document must be Retention.")
    now_ms = round(time.time() * 1000)
    if wanted.mode:
        check_retention(wanted, now_ms)
    change = retaining(wanted, now_ms, bypass=operation.bypass)
    try:
        await context.services.objects.change(operation.bucket, operation.key, operation.version, change)
    except Problem as problem:
        if problem.fault is errors.OBJECT_LOCKED:
            raise await locked(context, operation.bucket, operation.key, operation.version) from problem
        raise
    return Reply()


class PutObjectLegalHold(_Change, frozen=True, kw_only=True):
    """A legal hold put on a version, or taken off."""


def parse_put_object_legal_hold(request: Request) -> PutObjectLegalHold:
    """Raises what ``payload.parse_incoming`` does."""
    return PutObjectLegalHold(
        bucket=request.bucket,
        key=request.key,
        version=_version(request),
        body=payload.parse_incoming(request, needs_length=False),
    )


async def put_object_legal_hold(context: Context, operation: PutObjectLegalHold) -> Reply:
    """Raises ``REQUEST_INVALID`` without object lock, and what ``Objects.change`` does."""
    document = await payload.read_document(context, operation.body, DOCUMENT_LIMIT)
    wanted = read_legal_hold(document) if document else None
    keys = {} if wanted is None else lock_keys(Lock(legal_hold=wanted), legal_hold=wanted)
    await _authorise(context, operation, actions.PUT_OBJECT_LEGAL_HOLD, keys)
    await context.services.documents.bucket(operation.bucket)
    if wanted is None:
        raise Problem(errors.XML_MALFORMED, "The document must be LegalHold.")
    change = holding(legal_hold=wanted)
    await context.services.objects.change(operation.bucket, operation.key, operation.version, change)
    return Reply()


async def _authorise(context: Context, operation: _Change, action: Action, keys: dict[str, str]) -> None:
    """Raises ``ACCESS_DENIED``, ``CREDENTIALS_MISSING``; the right to bypass is asked for before it could matter."""
    if context.route is None:
        raise Problem(errors.ACCESS_DENIED)
    need = Need(action.name, operation.resource, operation.keys | keys)
    needs = (need, *bypass_needs(operation.resource, bypass=operation.bypass))
    await gather(context, needs)
    authorise(context, context.route, needs)


class GetObjectRetention(_OfVersion, frozen=True, kw_only=True):
    """How long a version is kept."""

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_OBJECT_RETENTION.name, self.resource, self.keys),)


def parse_get_object_retention(request: Request) -> GetObjectRetention:
    """Address and version; an empty one is the newest."""
    version = _version(request)
    return GetObjectRetention(bucket=request.bucket, key=request.key, version=version)


async def get_object_retention(context: Context, operation: GetObjectRetention) -> Reply:
    """Raises ``LOCK_NOT_FOUND``, ``REQUEST_INVALID`` without object lock, and what ``Objects.head`` does."""
    lock = await _lock(context, operation)
    if lock is None or not lock.mode:
        raise Problem(errors.LOCK_NOT_FOUND)
    retention = Retention(mode=lock.mode, until_ms=round(lock.until * 1000))
    content = xml_out.element("Mode", retention.mode) + xml_out.element(
        "RetainUntilDate", format_instant(retention.until_ms)
    )
    return Reply(headers=(XML,), body=xml_out.document("Retention", content))


class GetObjectLegalHold(_OfVersion, frozen=True, kw_only=True):
    """Whether a version is under a legal hold."""

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_OBJECT_LEGAL_HOLD.name, self.resource, self.keys),)


def parse_get_object_legal_hold(request: Request) -> GetObjectLegalHold:
    """Address and version; an empty one is the newest."""
    version = _version(request)
    return GetObjectLegalHold(bucket=request.bucket, key=request.key, version=version)


async def get_object_legal_hold(context: Context, operation: GetObjectLegalHold) -> Reply:
    """Raises as ``get_object_retention``."""
    lock = await _lock(context, operation)
    if lock is None:
        raise Problem(errors.LOCK_NOT_FOUND)
    status = xml_out.element("Status", "ON" if lock.legal_hold else "OFF")
    return Reply(headers=(XML,), body=xml_out.document("LegalHold", status))


async def _lock(context: Context, operation: _OfVersion) -> Lock | None:
    services = context.services
    selection = Selection(version=operation.version, keyless=True)
    info = await services.objects.head(operation.bucket, operation.key, selection)
    require_lock_enabled(await services.documents.bucket(operation.bucket))
    return info.attributes.lock


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="object-lock"),
        What(
            name="PutObjectLockConfiguration",
            summary="Switch object lock on, and set the default retention.",
            action=actions.PUT_BUCKET_OBJECT_LOCK,
            takes_body=True,
        ),
        parse_put_object_lock_configuration,
        put_object_lock_configuration,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="object-lock"),
        What(
            name="GetObjectLockConfiguration",
            summary="Read a bucket's object lock.",
            action=actions.GET_BUCKET_OBJECT_LOCK,
        ),
        parse_get_object_lock_configuration,
        get_object_lock_configuration,
    ),
    row(
        When(level=Level.OBJECT, method="PUT", query="retention", also="versionId"),
        What(
            name="PutObjectRetention",
            summary="Set how long a version is kept.",
            action=actions.PUT_OBJECT_RETENTION,
            decides=True,
            takes_body=True,
        ),
        parse_put_object_retention,
        put_object_retention,
    ),
    row(
        When(level=Level.OBJECT, method="GET", query="retention", also="versionId"),
        What(
            name="GetObjectRetention",
            summary="Read how long a version is kept.",
            action=actions.GET_OBJECT_RETENTION,
        ),
        parse_get_object_retention,
        get_object_retention,
    ),
    row(
        When(level=Level.OBJECT, method="PUT", query="legal-hold", also="versionId"),
        What(
            name="PutObjectLegalHold",
            summary="Put a version under a legal hold, or release it.",
            action=actions.PUT_OBJECT_LEGAL_HOLD,
            decides=True,
            takes_body=True,
        ),
        parse_put_object_legal_hold,
        put_object_legal_hold,
    ),
    row(
        When(level=Level.OBJECT, method="GET", query="legal-hold", also="versionId"),
        What(
            name="GetObjectLegalHold",
            summary="Read whether a version is under a legal hold.",
            action=actions.GET_OBJECT_LEGAL_HOLD,
        ),
        parse_get_object_legal_hold,
        get_object_legal_hold,
    ),
)
