"""Names of buckets, object keys, OCI repositories, tags and digests: which are valid, checked in linear time.

Spec: AWS "General purpose bucket naming rules" and "Naming Amazon S3 objects"; OCI Distribution Specification 1.1
("Pulling manifests") and OCI Image Specification 1.1 ("Digests").
"""

import re
from functools import lru_cache

from zotplus.domain import errors, percent
from zotplus.domain.errors import Problem

MAX_KEY_BYTES = 1024
MAX_REPOSITORY = 255  # OCI Distribution: many clients limit name and host to 255 characters
_MIN_BUCKET, _MAX_BUCKET = 3, 63
# Longest digest worth reading: algorithm and 128 hexadecimal digits with ample room.
_MAX_DIGEST = 255
_BUCKET_PREFIXES = ("xn--", "sthree-")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

_is_bucket = re.compile(r"[a-z0-9][a-z0-9.\-]*[a-z0-9]").fullmatch
_is_address = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}").fullmatch
# One component and one separator at a time; possessive, so a long name that fails does so in one pass.
_is_repository = re.compile(
    r"[a-z0-9]++(?:(?:\.|_|__|-++)[a-z0-9]++)*+(?:/[a-z0-9]++(?:(?:\.|_|__|-++)[a-z0-9]++)*+)*+"
).fullmatch
_is_tag = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]{0,127}").fullmatch
_is_digest = re.compile(r"[a-z0-9]++(?:[+._\-][a-z0-9]++)*+:[A-Za-z0-9=_\-]++").fullmatch
_HEX_LENGTHS = {"sha256": 64, "sha512": 128}
_HEX = frozenset("0123456789abcdef")


def check_bucket_name(name: str) -> None:
    """Raises ``BUCKET_NAME_INVALID`` unless ``name`` is one that a general purpose bucket may have."""
    if not (_MIN_BUCKET <= len(name) <= _MAX_BUCKET and _is_bucket_name(name)):
        raise Problem(errors.BUCKET_NAME_INVALID, BucketName=name[: _MAX_BUCKET + 1])


@lru_cache(maxsize=1024)
def _is_bucket_name(name: str) -> bool:
    return (
        _is_bucket(name) is not None
        and ".." not in name
        and _is_address(name) is None
        and not name.startswith(_BUCKET_PREFIXES)
        and not name.endswith(_BUCKET_SUFFIXES)
    )


def check_key(key: str) -> None:
    """Raises ``KEY_TOO_LONG`` above 1,024 bytes, ``PATH_INVALID`` for an empty key, a NUL or a lone surrogate.

    Everything else is a key, ``..`` and ``//`` included: keys never become paths of files.
    """
    if not key or "\0" in key:
        raise Problem(errors.PATH_INVALID, "The key is empty or holds a NUL.")
    try:
        size = len(key) if key.isascii() else len(key.encode())
    except UnicodeEncodeError as error:
        raise Problem(errors.PATH_INVALID, "The key is not valid UTF-8.") from error
    if size > MAX_KEY_BYTES:
        raise Problem(errors.KEY_TOO_LONG, Size=size, MaxSizeAllowed=MAX_KEY_BYTES)


def decode_key(raw: str) -> str:
    """The key that a raw path segment names: percent-decoded exactly once, ``+`` stays ``+``.

    Raises ``PATH_INVALID``, ``KEY_TOO_LONG``.
    """
    key = percent.decode(raw)
    check_key(key)
    return key


def check_repository_name(name: str) -> None:
    """Raises ``REPOSITORY_NAME_INVALID`` unless ``name`` follows the distribution specification's ``<name>``."""
    if len(name) > MAX_REPOSITORY or _is_repository(name) is None:
        raise Problem(errors.REPOSITORY_NAME_INVALID, name=name[:MAX_REPOSITORY])


def is_tag(reference: str) -> bool:
    """Whether ``reference`` is a tag."""
    return _is_tag(reference) is not None


def is_digest(reference: str) -> bool:
    """Whether ``reference`` is a digest: any registered form, and for SHA-256 and SHA-512 of the right length."""
    if len(reference) > _MAX_DIGEST or _is_digest(reference) is None:
        return False
    algorithm, _, encoded = reference.partition(":")
    length = _HEX_LENGTHS.get(algorithm)
    return length is None or (len(encoded) == length and _HEX.issuperset(encoded))


def check_reference(reference: str) -> None:
    """Raises ``REFERENCE_INVALID`` unless ``reference`` is a tag or a digest."""
    if not is_tag(reference) and not is_digest(reference):
        raise Problem(errors.REFERENCE_INVALID, reference=reference[:_MAX_DIGEST])


def check_digest(digest: str) -> None:
    """Raises ``REFERENCE_INVALID`` unless ``digest`` is one."""
    if not is_digest(digest):
        raise Problem(errors.REFERENCE_INVALID, reference=digest[:_MAX_DIGEST])
