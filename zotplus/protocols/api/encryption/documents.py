"""The JSON documents of encryption keys. Times are RFC 3339 in UTC."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta


class NewKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made, by the id that clients name."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
    description: Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class KmsKeyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A wrapping key; its secret is shown to nobody."""

    id: str
    created: datetime
    rotated: datetime
    versions: int
    enabled: bool
    description: str


class KmsKeyList(msgspec.Struct, frozen=True, kw_only=True):
    """All keys of the registry's own ring."""

    keys: tuple[KmsKeyDocument, ...]


class RewrappedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What wrapping anew did: encrypted records seen, wrapped anew, and left because their key cannot be used."""

    encrypted: int
    rewrapped: int
    left: int
