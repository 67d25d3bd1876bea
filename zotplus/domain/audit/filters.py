"""Which records somebody looks for."""

import fnmatch
import re
from functools import lru_cache

import msgspec

from zotplus.domain.audit.records import Decided, EventKind, Record

PATTERN_MAX = 1_024
"""Characters of a pattern: a resource's name has at most 1,024 bytes besides its bucket."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """All that is given must hold; empty text and None let everything through.

    ``principal`` is an id or name, ``action`` and ``resource`` are patterns (``*``, ``?``) that one and the same
    decision of a record must match, ``denied`` is whether it was refused. ``since`` (inclusive) and ``until``
    (exclusive) are times as records hold them.
    """

    principal: str = ""
    action: str = ""
    resource: str = ""
    denied: bool | None = None
    kind: EventKind | None = None
    operation: str = ""
    face: str = ""
    status: int = 0
    since: str = ""
    until: str = ""

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What every line that passes must hold: looked for before a line is decoded, which costs ten times more."""
        wanted = (("face", self.face), ("operation", self.operation), ("kind", self.kind.value if self.kind else ""))
        texts = [b'"%s":%s' % (name.encode(), msgspec.json.encode(value)) for name, value in wanted if value]
        if self.status:
            texts.append(b'"status":%d' % self.status)
        if self.principal:
            texts.append(msgspec.json.encode(self.principal))
        return tuple(texts)

    def matches(self, record: Record) -> bool:
        """Whether ``record`` is one of them."""
        plain = (
            (self.kind, record.kind),
            (self.operation, record.operation),
            (self.face, record.face),
            (self.status, record.status),
        )
        if any(wanted and wanted != found for wanted, found in plain):
            return False
        if self.denied is not None and self.denied is not (record.kind is EventKind.DENIED):
            return False
        if not self.since <= record.time or (self.until and record.time >= self.until):
            return False
        if self.principal and not _is_of(record, self.principal):
            return False
        if not self.action and not self.resource:
            return True
        return any(self._covers(decided) for decided in record.decisions)

    def _covers(self, decided: Decided) -> bool:
        return _fits(self.action, decided.action) and _fits(self.resource, decided.resource)


def _is_of(record: Record, principal: str) -> bool:
    return record.who is not None and principal in (record.who.id, record.who.name)


def _fits(pattern: str, text: str) -> bool:
    return not pattern or _compiled(pattern).match(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    """``pattern`` without classes; the standard library makes its stars atomic, so matching takes bounded time."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
