"""Looking after what is stored: scrub and backup. Both answer when they are done, which may take hours."""

from pathlib import Path

import msgspec
import structlog

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.protocols.api.documents import BackedUp, FindingDocument, LeftOut, NewBackup, NewScrub, Scrubbed
from zotplus.protocols.api.endpoint import Call, Endpoint

log = structlog.get_logger("zotplus.content")


async def scrub(context: Context, _call: Call, body: NewScrub) -> Scrubbed:
    """Everything was re-hashed; what was found."""
    report = await context.services.scrub.run(repair=body.repair)
    findings = tuple(
        FindingDocument(kind=found.kind.value, digest=found.digest, detail=found.detail, objects=found.objects)
        for found in report.findings
    )
    context.log["findings"] = len(findings)
    for found in findings:
        log.error("content_damaged", kind=found.kind, digest=found.digest, objects=found.objects, detail=found.detail)
    progress = msgspec.structs.asdict(report.progress)
    return Scrubbed(**progress, findings=findings, repaired=report.repaired)


async def back_up(context: Context, _call: Call, body: NewBackup) -> BackedUp:
    """A consistent backup is in the folder, which must be absolute and not exist or be empty."""
    folder = Path(body.folder)
    if not folder.is_absolute():
        detail = f"The folder {body.folder!r} is relative; it must be an absolute path on the server, like /srv/backup."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="folder")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        detail = f"The folder {body.folder!r} cannot be used on the server: {error.strerror}."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="folder") from error
    if not is_empty:
        raise Problem(
            errors.ARGUMENT_INVALID, f"The folder {body.folder!r} is not empty on the server.", argument="folder"
        )
    context.log["folder"] = body.folder
    report = await context.services.backup(folder)
    for fault, digests in ((errors.BLOB_MISSING, report.missing), (errors.BLOB_CORRUPT, report.damaged)):
        for digest in digests:
            log.error("content_damaged", fault=fault.code, digest=digest, detail="The backup lacks it.")
    return BackedUp(
        folder=body.folder,
        blobs=report.blobs,
        copied=report.copied,
        copied_bytes=report.copied_bytes,
        missing=tuple(report.missing),
        damaged=tuple(report.damaged),
        left_out=tuple([LeftOut(what=one.what, where=one.where) for one in report.left_out]),
    )


ENDPOINTS = (
    Endpoint(
        address="POST /scrub",
        name="RunScrub",
        summary="Re-hash everything that is stored, and say what is damaged or missing.",
        work=scrub,
        action=actions.ADMIN_SCRUB,
        resource="admin:scrub",
        takes=NewScrub,
        gives=Scrubbed,
        faults=(errors.STORAGE_FAILED,),
    ),
    Endpoint(
        address="POST /backup",
        name="RunBackup",
        summary="Write a consistent backup into an empty folder on the server's disk.",
        work=back_up,
        action=actions.ADMIN_BACKUP,
        resource="admin:backup",
        takes=NewBackup,
        gives=BackedUp,
        status=201,
        faults=(errors.STORAGE_FAILED, errors.STORAGE_FULL),
    ),
)
