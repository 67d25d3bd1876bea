"""The source of a copy: ``x-amz-copy-source``.

Spec: Amazon S3 API, CopyObject: ``/bucket/key`` or ``bucket/key``, URL-encoded, with an optional ``?versionId=``.
"""

import re

import msgspec

from zotplus.domain import errors, names, percent
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need

# Encoded, a key of 1,024 bytes takes three times as many; the rest is for bucket, prefix and version.
_MAX_LENGTH = 4096
_VERSION = "versionId="
# Version ids are opaque; S3's own are at most 1,024 bytes of URL-ready text.
_is_version = re.compile(r"[A-Za-z0-9._\-]{1,1024}").fullmatch


class CopySource(msgspec.Struct, frozen=True, kw_only=True):
    """What is copied; ``version_id`` is None for the current version."""

    bucket: str
    key: str
    version_id: str | None = None


def parse_copy_source(header: str, *, prefix: str = "") -> CopySource:
    """Read the header. ``prefix`` is the path under which this server's S3 lives, such as ``/s3``.

    Some clients (s3fs) send the prefix too; it is taken off where bucket and key follow it. It must not begin with a
    valid bucket name, or that bucket could not be named. The value is decoded exactly once, after the version was
    split off: a ``?`` of the key is written ``%3F``, and the slashes may be encoded as well.

    Raises ``COPY_SOURCE_INVALID``.
    """
    path, version_id = _split_version(header)
    try:
        decoded = percent.decode(path)
    except Problem as problem:
        raise _invalid("Invalid copy source encoding") from problem
    bucket, key = _split_path(decoded, prefix)
    try:
        names.check_bucket_name(bucket)
    except Problem as problem:
        raise _invalid("Invalid copy source bucket name") from problem
    try:
        names.check_key(key)
    except Problem as problem:
        raise _invalid("Invalid copy source object key") from problem
    return CopySource(bucket=bucket, key=key, version_id=version_id)


def copying(need: Need, bucket: str, key: str) -> Need:
    """``need``, to write what is copied from there: conditions see the one source, however a client spells it.

    As ``bucket/key`` and ``/bucket/key``, since policies write both. Spec: Service Authorization Reference, "Condition
    keys for Amazon S3", ``s3:x-amz-copy-source``.
    """
    source = f"{bucket}/{key}"
    return msgspec.structs.replace(need, keys={**need.keys, "s3:x-amz-copy-source": (source, f"/{source}")})


def _split_version(header: str) -> tuple[str, str | None]:
    if len(header) > _MAX_LENGTH:
        raise _invalid("The copy source is too long.")
    path, separator, version_id = header.partition("?")
    if not separator:
        return path, None
    if not version_id.startswith(_VERSION) or _is_version(version_id[len(_VERSION) :]) is None:
        raise _invalid("The copy source's versionId is not valid.")
    return path, version_id[len(_VERSION) :]


def _split_path(path: str, prefix: str) -> tuple[str, str]:
    inner = path.removeprefix("/")
    own = prefix.strip("/") + "/"
    if prefix and inner.startswith(own) and "/" in inner[len(own) :]:
        inner = inner[len(own) :]
    bucket, _, key = inner.partition("/")
    return bucket, key


def _invalid(detail: str) -> Problem:
    return Problem(errors.COPY_SOURCE_INVALID, detail, ArgumentName="x-amz-copy-source")
