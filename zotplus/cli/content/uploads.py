"""Files into objects: one request for small ones, parallel parts for large ones."""

import asyncio
import mimetypes
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from zotplus.cli import faults
from zotplus.cli.content.integrity import blocks, sums
from zotplus.cli.content.parallel import gather_bounded
from zotplus.cli.content.progress import Progress
from zotplus.cli.remote import s3_xml
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.s3 import S3, Call, Payload, payload_of
from zotplus.domain.errors import Problem

MEBIBYTE = 1_048_576
DEFAULT_PART = 16 * MEBIBYTE
"""Files above this size go in parts of this size: few requests, and little to repeat when one breaks."""
SMALLEST_PART = 5 * MEBIBYTE
"""Amazon S3 User Guide, "Multipart upload limits": parts of 5 MiB to 5 GiB, at most 10,000 of them."""
MOST_PARTS = 10_000
# Waiting for leave costs a round trip, which a transfer of this size hides.
_WORTH_WAITING = MEBIBYTE


class UploadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to upload: bytes per part, parts at a time, and what is stored beside the content."""

    part_size: int = DEFAULT_PART
    parallel: int = 4
    content_type: str | None = None
    metadata: dict[str, str] = {}


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An object as it is after the transfer; ``etag`` without quotes."""

    address: str
    size: int
    etag: str


class Run(msgspec.Struct, frozen=True):
    """A run of bytes: the part's number from 1, its offset and its length."""

    number: int
    offset: int
    length: int


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """An open file on its way to its address."""

    descriptor: int
    size: int
    address: Address
    plan: UploadPlan
    headers: dict[str, str]


class Uploader:
    """Uploads over one client."""

    def __init__(self, s3: S3, progress: Progress) -> None:
        self._s3 = s3
        self._progress = progress

    async def upload(self, path: Path, address: Address, plan: UploadPlan) -> Stored:
        """Make ``path`` the object ``address``. Raises ``FILE_FAILED``, ``FILE_CHANGED``, the server's answer."""
        with _opened(path) as descriptor:
            size = os.fstat(descriptor).st_size
            self._progress.expect(size)
            headers = _headers(path, plan)
            source = _Source(descriptor=descriptor, size=size, address=address, plan=plan, headers=headers)
            etag = await (self._whole(source) if size <= plan.part_size else self._in_parts(source))
        return Stored(address=str(address), size=size, etag=etag.strip('"'))

    async def _whole(self, source: _Source) -> str:
        run = Run(1, 0, source.size)
        payload, checksum = await self._payload(source, run)
        headers = {**source.headers, "x-amz-checksum-crc64nvme": checksum}
        answer = await self._s3.send(Call(method="PUT", address=source.address, headers=headers, payload=payload))
        return answer.headers.get("ETag", "")

    async def _in_parts(self, source: _Source) -> str:
        headers = {**source.headers, "x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "FULL_OBJECT"}
        begun = await self._s3.send(
            Call(method="POST", address=source.address, query=(("uploads", ""),), headers=headers)
        )
        upload = ("uploadId", s3_xml.text(s3_xml.parse(begun.body, "InitiateMultipartUploadResult"), "UploadId"))
        runs = split(source.size, source.plan.part_size)
        try:
            etags = await gather_bounded(runs, source.plan.parallel, lambda run: self._part(source, upload, run))
            parts = s3_xml.completion((run.number, etag) for run, etag in zip(runs, etags, strict=True))
            done = await self._s3.send(
                Call(method="POST", address=source.address, query=(upload,), payload=payload_of(parts))
            )
        except BaseException:  # an interrupt too: parts of a dropped upload take room
            await asyncio.shield(abort(self._s3, source.address, upload))
            raise
        return s3_xml.text(s3_xml.parse(done.body, "CompleteMultipartUploadResult"), "ETag")

    async def _part(self, source: _Source, upload: tuple[str, str], run: Run) -> str:
        payload, checksum = await self._payload(source, run)
        call = Call(
            method="PUT",
            address=source.address,
            query=(("partNumber", str(run.number)), upload),
            headers={"x-amz-checksum-crc64nvme": checksum},
            payload=payload,
        )
        return (await self._s3.send(call)).headers.get("ETag", "")

    async def _payload(self, source: _Source, run: Run) -> tuple[Payload, str]:
        """The run to send, and its checksum. It is read twice, so that no part needs to fit into memory."""
        digests = await asyncio.to_thread(sums, source.descriptor, run.offset, run.length)
        sent = [0]

        def content() -> AsyncIterator[bytes] | bytes:
            self._progress.advance(-sent[0])
            sent[0] = 0
            return self._content(source.descriptor, run, sent) if run.length else b""

        waits = run.length >= _WORTH_WAITING
        return Payload(open=content, length=run.length, sha256=digests.sha256, waits=waits), digests.crc64nvme

    async def _content(self, descriptor: int, run: Run, sent: list[int]) -> AsyncIterator[bytes]:
        reader = blocks(descriptor, run.offset, run.length)
        while block := await asyncio.to_thread(next, reader, b""):
            yield block
            sent[0] += len(block)
            self._progress.advance(len(block))


def split(size: int, part_size: int) -> list[Run]:
    """The parts of ``size`` bytes, larger than ``part_size`` where there would be too many otherwise."""
    length = max(part_size, SMALLEST_PART, -(-size // MOST_PARTS))
    return [
        Run(number, offset, min(length, size - offset)) for number, offset in enumerate(range(0, size, length), start=1)
    ]


async def abort(s3: S3, address: Address, upload: tuple[str, str]) -> None:
    """Drop an unfinished upload; where that fails, the server's own clean-up remains."""
    try:
        await s3.send(Call(method="DELETE", address=address, query=(upload,)))
    except Problem:
        return


def _headers(path: Path, plan: UploadPlan) -> dict[str, str]:
    headers = {f"x-amz-meta-{name}": value for name, value in plan.metadata.items()}
    headers["content-type"] = plan.content_type or guess_type(path.name)
    return headers


def guess_type(name: str) -> str:
    """The media type of a file by its name. A compressed file is what it is, not what is inside."""
    kind, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return f"application/{'gzip' if encoding == 'gzip' else f'x-{encoding}'}"
    return kind or "application/octet-stream"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not block
    except OSError as error:
        raise Problem(faults.FILE_FAILED, f"{path}: {error.strerror}.") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise Problem(faults.SOURCE_IS_FOLDER, f"{path} is a folder.")
        if not stat.S_ISREG(mode):
            raise Problem(faults.FILE_FAILED, f"{path} is no regular file.")
        yield descriptor
    except OSError as error:
        raise Problem(faults.FILE_FAILED, f"{path}: {error.strerror}.") from error
    finally:
        os.close(descriptor)
