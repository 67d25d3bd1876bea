"""Version ids: opaque to clients; the first half is the sequence that orders a key's versions and finds one at once.

Spec: Amazon S3 User Guide, "Versioning in S3": ids are Unicode, UTF-8 encoded, URL-ready, opaque strings of at most
1,024 bytes; the null version has the id ``null``.
"""

import re
import secrets

from zotplus.domain import errors
from zotplus.domain.errors import Problem

NULL = "null"
_HALF = 16
_is_id = re.compile(rf"[0-9a-f]{{{2 * _HALF}}}").fullmatch
# What others make: Amazon has 32 characters, MinIO 36, and some of them are digits.
_could_be_id = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9._-]{20,1024}").fullmatch
_MAX_SHOWN = 128


def new_version_id(sequence: int) -> str:
    """An id for the version with that sequence; the second half cannot be guessed."""
    return f"{sequence:0{_HALF}x}{secrets.token_hex(_HALF // 2)}"


def sequence_of(version_id: str) -> int:
    """The sequence in an id that was made here. Raises ``ARGUMENT_INVALID`` for anything else."""
    if _is_id(version_id) is None:
        raise Problem(
            errors.ARGUMENT_INVALID,
            "Invalid version id specified",
            ArgumentName="versionId",
            ArgumentValue=version_id[:_MAX_SHOWN],
        )
    return int(version_id[:_HALF], 16)


def sequence_to_look_at(version_id: str) -> int:
    """As ``sequence_of``; what could be an id of another server has 0, which no version has.

    Raises ``ARGUMENT_INVALID`` for what no server makes.
    """
    if _is_id(version_id) is None and _could_be_id(version_id) is not None:
        return 0
    return sequence_of(version_id)


def next_sequence(newest: int, now_ms: int) -> int:
    """The sequence of a version made now (microseconds), after ``newest`` even where the clock went back."""
    return max(now_ms * 1000, newest + 1)
