"""Objects into files: resumed with ranges, checked, and put in place only when whole."""

import asyncio
import os
from hashlib import sha256
from pathlib import Path

from zotplus.cli import faults
from zotplus.cli.content.integrity import Announced, announced, check
from zotplus.cli.content.progress import Progress
from zotplus.cli.content.uploads import Stored
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.connection import ATTEMPTS, is_transient, pause
from zotplus.cli.remote.s3 import S3, Call
from zotplus.domain.errors import Problem

# NAME_MAX of Linux's file systems is 255 bytes; the ending below takes 22 of them.
_LONGEST_NAME = 230
_PARTIAL = 206


class Downloader:
    """Downloads over one client."""

    def __init__(self, s3: S3, progress: Progress) -> None:
        self._s3 = s3
        self._progress = progress

    async def download(self, address: Address, path: Path) -> Stored:
        """Make the object ``address`` the file ``path``, which is replaced in one step.

        What an earlier try has left of the same content (by ETag) is kept. Raises ``FILE_FAILED``,
        ``DOWNLOAD_DAMAGED``, ``PRECONDITION_FAILED`` when the object is replaced meanwhile, and the server's answer.
        """
        wanted = announced((await self._s3.head(address)).headers)
        part = part_path(path, wanted.etag)
        self._progress.expect(wanted.size)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                await self._fill(address, descriptor, wanted)
                await asyncio.to_thread(self._finish, descriptor, part, wanted)
            finally:
                os.close(descriptor)
            part.replace(path)
        except OSError as error:
            raise Problem(faults.FILE_FAILED, f"{path}: {error.strerror}.") from error
        return Stored(address=str(address), size=wanted.size, etag=wanted.etag.strip('"'))

    async def _fill(self, address: Address, descriptor: int, wanted: Announced) -> None:
        """Fetch what is missing. A try that brought something does not count as failed."""
        failed = 0
        offset = os.fstat(descriptor).st_size
        if offset > wanted.size:
            os.ftruncate(descriptor, 0)
            offset = 0
        self._progress.advance(offset)
        while offset < wanted.size:
            try:
                await self._fetch(address, descriptor, offset, wanted)
            except Problem as problem:
                come = os.fstat(descriptor).st_size
                failed = 0 if come > offset else failed + 1
                if not is_transient(problem) or failed >= ATTEMPTS:
                    raise
                await pause(failed, problem)
            offset = os.fstat(descriptor).st_size

    async def _fetch(self, address: Address, descriptor: int, offset: int, wanted: Announced) -> None:
        headers = {"If-Match": wanted.etag}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        async with self._s3.stream(Call(method="GET", address=address, headers=headers)) as response:
            if offset and not _continues(response.status, response.headers.get("Content-Range", ""), offset):
                raise Problem(faults.ANSWER_UNEXPECTED, "The server does not continue where the file ends.")
            async for chunk in response.content.iter_any():
                if offset + len(chunk) > wanted.size:
                    raise Problem(faults.DOWNLOAD_DAMAGED, "More bytes come than were announced.")
                await asyncio.to_thread(_write, descriptor, chunk, offset)
                offset += len(chunk)
                self._progress.advance(len(chunk))
        if offset < wanted.size:
            raise Problem(faults.CONNECTION_BROKEN, "The answer ends early.")

    @staticmethod
    def _finish(descriptor: int, part: Path, wanted: Announced) -> None:
        try:
            check(descriptor, wanted)
        except Problem:
            part.unlink(missing_ok=True)  # going on from damaged bytes would never end well
            raise
        os.fsync(descriptor)


def part_path(path: Path, etag: str) -> Path:
    """Where the content of ``etag`` grows until it is whole: another version of the object has another file."""
    version = sha256(etag.encode()).hexdigest()[:16]
    name = path.name
    if len(name.encode()) > _LONGEST_NAME:
        name = sha256(name.encode()).hexdigest()
    return path.with_name(f"{name}.{version}.part")


def safe_path(folder: Path, name: str) -> Path:
    """The file below ``folder`` for the relative key ``name``.

    Raises ``FILE_FAILED`` for keys that no file below ``folder`` can have: a bucket is others' to write to, and
    ``../../.ssh/authorized_keys`` is a valid key.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part or os.sep in part for part in parts):
        raise Problem(faults.FILE_FAILED, f"The key {name!r} cannot be a file name here.")
    path = folder.joinpath(*parts)
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise Problem(faults.FILE_FAILED, f"The key {name!r} leads outside {folder} through a link.")
    return path


def _continues(status: int, content_range: str, offset: int) -> bool:
    return status == _PARTIAL and content_range.startswith(f"bytes {offset}-")


def _write(descriptor: int, chunk: bytes, offset: int) -> None:
    view = memoryview(chunk)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written
