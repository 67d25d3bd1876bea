"""The file in which ``zotplus login`` keeps endpoints and credentials: YAML, mode 600, written atomically."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from zotplus.cli import faults
from zotplus.domain.errors import Problem
from zotplus.domain.percent import encode

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One server and who one is there: by key, or by a login at ``issuer``, whose tokens are in a file of their own."""

    endpoint: str
    issuer: str = ""
    access_key: str = ""
    secret_key: str = ""
    region: str = ""
    ca_file: str = ""

    @property
    def is_login(self) -> bool:
        """Whether one is known there."""
        return bool(self.access_key or self.issuer)

    def __repr__(self) -> str:
        return f"Profile(endpoint={self.endpoint!r}, access_key={self.access_key!r})"  # the rest is secret


class Profiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    profiles: dict[str, Profile] = {}


def profiles_path(environ: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/zotplus/client.yaml``, by default below ``~/.config`` (XDG Base Directory Specification)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "zotplus" / "client.yaml"


def tokens_path(profiles: Path, name: str) -> Path:
    """Where the tokens of the profile ``name`` are, beside the file ``profiles``."""
    return profiles.parent / "tokens" / f"{encode(name, keep_slash=False)}.json"


def read_profiles(path: Path) -> Profiles:
    """The stored profiles; none when there is no file. Raises ``PROFILES_UNSAFE``, ``PROFILES_MALFORMED``."""
    content = read_private(path)
    if content is None:
        return Profiles()
    import yaml  # noqa: PLC0415 - only whoever has logged in needs it

    try:
        document = yaml.safe_load(content)
        return msgspec.convert({} if document is None else document, Profiles)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        # PyYAML quotes the lines around an error, and they may hold a secret.
        hint = str(error) if isinstance(error, msgspec.ValidationError) else "it is no YAML"
        raise Problem(faults.PROFILES_MALFORMED, f"{path}: {hint}.") from None


def read_private(path: Path) -> bytes | None:
    """What is in a file of secrets; None when there is none. Raises ``PROFILES_UNSAFE``, ``FILE_FAILED``."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode) or mode & _OTHERS:
                raise Problem(faults.PROFILES_UNSAFE, f"{path} has mode {stat.S_IMODE(mode):o}.")
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Problem(faults.FILE_FAILED, f"{path}: {error.strerror}.") from error


def write_private(path: Path, content: bytes) -> None:
    """Put ``content`` in place of the file, which is whole at every moment and its owner's alone.

    Raises ``PROFILES_UNSAFE``, ``FILE_FAILED``.
    """
    if path.is_symlink():
        raise Problem(faults.PROFILES_UNSAFE, f"{path} is a symbolic link.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise Problem(faults.FILE_FAILED, f"{path}: {error.strerror}.") from error


def write_profile(path: Path, name: str, profile: Profile) -> None:
    """Add or replace ``name``. Raises as ``read_profiles`` and ``write_private``."""
    _write(path, {**read_profiles(path).profiles, name: profile})


def remove_profile(path: Path, name: str) -> None:
    """Take ``name`` out, which may be missing. Raises as ``read_profiles`` and ``write_private``."""
    stored = read_profiles(path).profiles
    if name in stored:
        _write(path, {other: profile for other, profile in stored.items() if other != name})


def _write(path: Path, profiles: dict[str, Profile]) -> None:
    import yaml  # noqa: PLC0415 - as above

    content = yaml.safe_dump(msgspec.to_builtins(Profiles(profiles=profiles)), sort_keys=True, allow_unicode=True)
    write_private(path, content.encode())


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".client-")  # created with mode 600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
