"""Files that hold one secret: read with care for who else can read them, made durable and for the owner only."""

import os
import secrets
import stat
from pathlib import Path

from zotplus.domain import errors
from zotplus.domain.errors import Problem

SECRET_FILE_MAX_BYTES = 65_536
"""Far more than any key or password; a wrong path (a disk, a log) is refused instead of being read into memory."""


def read_secret_file(path: Path) -> str:
    """The text of ``path`` without its last line end.

    Raises ``SETTING_INVALID`` when it cannot be read, is no plain file, is too large or empty, is not UTF-8, or can be
    read or written by every user of the machine.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unusable(path, error.strerror or "cannot be opened") from error
    try:
        _require_private(path, os.fstat(descriptor))
        content = os.read(descriptor, SECRET_FILE_MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > SECRET_FILE_MAX_BYTES:
        raise _unusable(path, f"it has more than {SECRET_FILE_MAX_BYTES} bytes")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _unusable(path, "it is not UTF-8 text") from error
    if not text:
        raise _unusable(path, "it is empty")
    return text


def create_secret_file(path: Path, text: str) -> str:
    """Make ``path`` hold ``text`` with mode 0600 unless it is there; what it holds then.

    Durable before it returns, never seen half-written, and safe when several processes do it at once: the first wins.
    Raises ``SETTING_INVALID`` where the folder cannot be written.
    """
    temporary = _written(path, text)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return read_secret_file(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return text


def replace_secret_file(path: Path, text: str) -> None:
    """Make ``path`` hold ``text`` with mode 0600, whatever it held. Durable before it returns, never half-written.

    The owner stays, for a server that runs as somebody else than whoever does this. Raises ``SETTING_INVALID`` where
    the folder cannot be written.
    """
    temporary = _written(path, text)
    try:
        if path.exists():
            there = path.stat()
            os.chown(temporary, there.st_uid, there.st_gid)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unusable(path, error.strerror or "it cannot be replaced") from error
    _sync_folder(path.parent)


def _written(path: Path, text: str) -> Path:
    """A durable file beside ``path`` that holds ``text``."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be made") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(path, "it is no plain file")
    if status.st_mode & stat.S_IWOTH:
        raise _unusable(path, "every user of the machine can put another secret into it; use chmod o-rw")
    if status.st_mode & stat.S_IROTH:
        raise _unusable(path, "every user of the machine can read it; use chmod o-r (Kubernetes: defaultMode 0440)")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, reason: str) -> Problem:
    return Problem(errors.SETTING_INVALID, f"The secret file {path} is not usable: {reason}.", file=str(path))
