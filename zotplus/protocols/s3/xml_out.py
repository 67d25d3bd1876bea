"""Writes the XML documents that S3 clients read, as text; what is long and frequent (lists) as joined fragments.

Spec: Amazon S3 API Reference. Characters that XML 1.0 cannot carry are written as numeric references, as Amazon does;
clients that list such keys ask for ``encoding-type=url``, which every SDK does.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from zotplus.domain import percent
from zotplus.services.values import Checksum, ListEntry

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
XML = ("Content-Type", "application/xml")
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

# Everything that needs a reference: markup, CR (parsers would turn it into LF) and what XML 1.0 excludes.
_SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_needs_no_percent = re.compile(r"[A-Za-z0-9\-_.~/\n]*").fullmatch


def _reference(found: re.Match[str]) -> str:
    character = found.group()
    return _NAMED.get(character) or f"&#x{ord(character):X};"


def escape(text: str) -> str:
    """``text`` as XML character data."""
    return text if _SPECIAL.search(text) is None else _SPECIAL.sub(_reference, text)


def element(name: str, value: str | float) -> str:
    """A leaf; ``value`` is escaped."""
    return f"<{name}>{escape(str(value))}</{name}>"


def optional(name: str, value: str | None) -> str:
    """A leaf, or nothing where ``value`` is None or empty."""
    return element(name, value) if value else ""


def truncated(more: bool) -> str:  # noqa: FBT001 - the element's one value
    """``IsTruncated``."""
    return f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"


def etag(value: str) -> str:
    """``ETag`` with its quotes."""
    return f"<ETag>&quot;{escape(value)}&quot;</ETag>"


def document(root: str, content: str) -> bytes:
    """A whole document in Amazon's namespace around ``content``, which is markup already."""
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{content}</{root}>'.encode()


def key_encoder(encoding_type: str) -> Callable[[str], str]:
    """How keys are written: as escaped text, or percent-encoded with ``/`` kept where ``encoding_type`` is ``url``.

    A space becomes ``%20`` and a plus ``%2B``: both readings of ``+`` in clients then give the same key.
    """
    return _percent_encoded if encoding_type else escape


def _percent_encoded(text: str) -> str:
    return percent.encode(text, keep_slash=True)


@lru_cache(maxsize=4096)
def timestamp(epoch: float) -> str:
    """``epoch`` (seconds) as S3 writes it: ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(epoch * 1000) % 1000:03d}Z"


@lru_cache(maxsize=1024)
def principal(name: str, identity: str) -> str:
    """``Owner`` and ``Initiator``: an id in the form of Amazon's canonical user ids, which tells no access key.

    Lists can be public, and an access key is half of a credential. Amazon writes no DisplayName any more.
    """
    return f"<{name}><ID>{hashlib.sha256(identity.encode()).hexdigest()}</ID></{name}>"


def checksum_elements(checksum: Checksum | None, *, with_type: bool = True) -> str:
    """``ChecksumCRC32`` and so on, followed by ``ChecksumType``; nothing where there is none."""
    if checksum is None:
        return ""
    kind = element("ChecksumType", checksum.type) if with_type else ""
    return element(f"Checksum{checksum.algorithm}", checksum.value) + kind


def contents(entries: Sequence[ListEntry], encoding_type: str, owner: bytes) -> bytes:
    """The ``Contents`` of a list. ``owner`` is the ready element or empty; the fragments are used as they are."""
    if not entries:
        return b""
    joined = "\n".join([entry.key for entry in entries])
    keys = joined.split("\n")
    # One search over all keys instead of one per key: nearly always none of them needs anything.
    plain = _needs_no_percent(joined) is not None if encoding_type else _SPECIAL.search(joined) is None
    if not plain or len(keys) != len(entries):
        encode = key_encoder(encoding_type)
        keys = [encode(entry.key) for entry in entries]
    pieces = [
        b"<Contents><Key>%b</Key>%b%b</Contents>" % (key.encode(), entry.fragment, owner)
        for key, entry in zip(keys, entries, strict=True)
    ]
    return b"".join(pieces)


def common_prefixes(prefixes: Sequence[str], encoding_type: str) -> str:
    """The ``CommonPrefixes`` of a list."""
    encode = key_encoder(encoding_type)
    return "".join([f"<CommonPrefixes><Prefix>{encode(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes])
