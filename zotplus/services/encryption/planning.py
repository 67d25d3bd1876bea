"""How content is taken in under a key, and what its record says about it afterwards."""

from typing import TypeAlias

import msgspec

from zotplus.domain.integrity.checksums import ChecksumAlgorithm
from zotplus.records.objects import EncryptionRecord
from zotplus.services.content.ingest import Ingested, Plan
from zotplus.services.encryption.content_keys import ContentKey
from zotplus.services.encryption.encryption import hides_digest

Begun: TypeAlias = tuple[ContentKey, EncryptionRecord] | None
"""An object's key and how it is wrapped; None where it stays plain."""


def plan(
    inline_limit: int,
    begun: Begun,
    storage_class: str = "STANDARD",
    *,
    algorithm: ChecksumAlgorithm | None = None,
    number: int = 0,
) -> Plan:
    """How to take in a whole content, or part ``number``."""
    if begun is None:
        return Plan(inline_limit=inline_limit, algorithm=algorithm, storage_class=storage_class)
    key, encryption = begun
    return Plan(
        inline_limit=inline_limit,
        algorithm=algorithm,
        key=key,
        number=number,
        hides_digest=hides_digest(encryption),
        storage_class=storage_class,
    )


def encrypted(begun: Begun, content: Ingested) -> EncryptionRecord | None:
    """The encryption of a content that was taken in as a whole."""
    return None if begun is None else msgspec.structs.replace(begun[1], detail=content.stream)
