"""Addresses of buckets and objects as people write them."""

import msgspec

from zotplus.cli import faults
from zotplus.domain.errors import Problem

SCHEME = "s3://"


class Address(msgspec.Struct, frozen=True):
    """A bucket, and the key or prefix in it; ``key`` is empty for the bucket itself, ``version`` for the newest one."""

    bucket: str
    key: str = ""
    version: str = ""

    def __str__(self) -> str:
        version = f"?versionId={self.version}" if self.version else ""
        return f"{SCHEME}{self.bucket}/{self.key}{version}"

    @property
    def is_folder(self) -> bool:
        """Whether it names a bucket or ends like a folder."""
        return not self.key or self.key.endswith("/")

    def below(self, name: str) -> "Address":
        """The address of ``name`` inside this one, taken as a folder."""
        return Address(self.bucket, f"{folder(self.key)}{name}")


def is_address(text: str) -> bool:
    """Whether ``text`` can only mean something on the server."""
    return text.startswith(SCHEME)


def parse(text: str, *, key_needed: bool = False) -> Address:
    """Read ``s3://bucket/key`` or ``bucket/key``. Raises ``ADDRESS_INVALID``."""
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    if not bucket or "\0" in text:
        raise Problem(faults.ADDRESS_INVALID, f"{text!r} names no bucket.")
    if key_needed and not key:
        raise Problem(faults.ADDRESS_INVALID, f"{text!r} names a bucket but no object.")
    return Address(bucket, key)


def folder(key: str) -> str:
    """``key`` as a prefix that ends at a slash; the bucket's root is empty."""
    return key if not key or key.endswith("/") else f"{key}/"


def last_part(key: str) -> str:
    """What a file is called that holds the object ``key``."""
    return key.rstrip("/").rpartition("/")[2]
