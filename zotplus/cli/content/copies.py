"""Objects into objects, without their bytes coming here."""

import asyncio
from collections.abc import Mapping

from zotplus.cli.content.integrity import announced
from zotplus.cli.content.parallel import gather_bounded
from zotplus.cli.content.progress import Progress
from zotplus.cli.content.uploads import Run, Stored, UploadPlan, abort, split
from zotplus.cli.remote import s3_xml
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.connection import Answer
from zotplus.cli.remote.s3 import S3, Call, payload_of
from zotplus.domain.percent import encode

# Amazon S3 API Reference, CopyObject: "up to 5 GB in size in a single atomic action"; above it, parts.
LARGEST_COPY = 5 * 1024**3
_COPY_PART = 1024**3
_KEPT = ("Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control", "Expires")


class Copier:
    """Copies inside the server."""

    def __init__(self, s3: S3, progress: Progress) -> None:
        self._s3 = s3
        self._progress = progress

    async def copy(self, source: Address, target: Address, plan: UploadPlan) -> Stored:
        """Give ``target`` content, headers and metadata of ``source`` as they are now."""
        head = await self._s3.head(source)
        found = announced(head.headers)
        self._progress.expect(found.size)
        headers = {"x-amz-copy-source": copy_source(source), "x-amz-copy-source-if-match": found.etag}
        if found.size <= LARGEST_COPY:
            answer = await self._s3.send(Call(method="PUT", address=target, headers=headers))
            root = s3_xml.parse(answer.body, "CopyObjectResult")
            self._progress.advance(found.size)
        else:
            runs = split(found.size, _COPY_PART)
            answer = await self._in_parts(target, runs, headers, _kept(head.headers), plan.parallel)
            root = s3_xml.parse(answer.body, "CompleteMultipartUploadResult")
        etag = s3_xml.text(root, "ETag")
        return Stored(address=str(target), size=found.size, etag=etag.strip('"'))

    async def _in_parts(
        self, target: Address, runs: list[Run], source: Mapping[str, str], kept: Mapping[str, str], parallel: int
    ) -> Answer:
        begun = await self._s3.send(Call(method="POST", address=target, query=(("uploads", ""),), headers=kept))
        upload = ("uploadId", s3_xml.text(s3_xml.parse(begun.body, "InitiateMultipartUploadResult"), "UploadId"))

        async def part(run: Run) -> str:
            headers = {**source, "x-amz-copy-source-range": f"bytes={run.offset}-{run.offset + run.length - 1}"}
            query = (("partNumber", str(run.number)), upload)
            answer = await self._s3.send(Call(method="PUT", address=target, query=query, headers=headers))
            self._progress.advance(run.length)
            return s3_xml.text(s3_xml.parse(answer.body, "CopyPartResult"), "ETag")

        try:
            etags = await gather_bounded(runs, parallel, part)
            parts = s3_xml.completion((run.number, etag) for run, etag in zip(runs, etags, strict=True))
            return await self._s3.send(Call(method="POST", address=target, query=(upload,), payload=payload_of(parts)))
        except BaseException:  # an interrupt too: parts of a dropped upload take room
            await asyncio.shield(abort(self._s3, target, upload))
            raise


def copy_source(source: Address) -> str:
    """``source`` as x-amz-copy-source wants it."""
    version = f"?versionId={encode(source.version, keep_slash=False)}" if source.version else ""
    return f"/{encode(source.bucket, keep_slash=False)}/{encode(source.key, keep_slash=True)}{version}"


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """What CopyObject keeps by itself and a new multipart upload must be told."""
    named = {name: headers[name] for name in _KEPT if name in headers}
    return named | {name: value for name, value in headers.items() if name.lower().startswith("x-amz-meta-")}
