"""A bucket's lifecycle rules as values, and the form in which they are stored.

Spec: Amazon S3 API Reference, LifecycleRule; S3 User Guide, "Lifecycle configuration elements".
"""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

ALL_CLASSES_128K = "all_storage_classes_128K"
"""No object below 128 KiB changes its class unless its rule says something about sizes: Amazon's default."""
VARIES_BY_CLASS = "varies_by_storage_class"
"""As above, but the archives ``GLACIER`` and ``DEEP_ARCHIVE`` take objects of any size."""

_MARKER = b"\x01"


class When(msgspec.Struct, frozen=True, kw_only=True):
    """So many ``days`` after an object's creation, or at ``date`` (seconds since the epoch, midnight UTC); not both."""

    days: int | None = None
    date: int | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A change of storage class."""

    when: When
    storage_class: str


class NoncurrentTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A change of class ``days`` after a version stopped being the newest; the ``newer`` newest of those stay."""

    days: int
    storage_class: str
    newer: int = 0


class NoncurrentExpiration(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a version ``days`` after it stopped being the newest; the ``newer`` newest of those stay."""

    days: int
    newer: int = 0


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects a rule is for: all that is said must hold. Sizes are bytes, and exclusive.

    ``is_plain`` is the older form, a prefix beside the rule's other elements; ``is_and`` says that an ``And`` stood
    around the conditions. Both only matter for giving the rule back as it was sent.
    """

    prefix: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    larger_than: int | None = None
    smaller_than: int | None = None
    is_plain: bool = False
    is_and: bool = False

    @property
    def has_size(self) -> bool:
        """Whether it says anything about sizes."""
        return self.larger_than is not None or self.smaller_than is not None

    def takes(self, key: str, size: int, tags: dict[str, str]) -> bool:
        """Whether an object of this key, size and tags is meant."""
        return (
            key.startswith(self.prefix or "")
            and (self.larger_than is None or size > self.larger_than)
            and (self.smaller_than is None or size < self.smaller_than)
            and all(tags.get(name) == value for name, value in self.tags)
        )


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. ``expires_markers`` removes delete markers that hide nothing; None where nothing is said of that."""

    id: str
    is_enabled: bool
    filter: Filter
    expiration: When | None = None
    expires_markers: bool | None = None
    transitions: tuple[Transition, ...] = ()
    noncurrent_expiration: NoncurrentExpiration | None = None
    noncurrent_transitions: tuple[NoncurrentTransition, ...] = ()
    abort_days: int | None = None

    @property
    def concerns_versions(self) -> bool:
        """Whether it does anything but drop unfinished uploads."""
        acts = (self.expiration, self.expires_markers, self.noncurrent_expiration)
        return any(act is not None for act in acts) or bool(self.transitions or self.noncurrent_transitions)


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of a bucket, and which size is too small to change its class."""

    rules: tuple[Rule, ...]
    minimum: str = ALL_CLASSES_128K

    @property
    def enabled(self) -> "Iterable[Rule]":
        """The rules that count."""
        return (rule for rule in self.rules if rule.is_enabled)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(RuleSet)


def encode_rules(rules: RuleSet) -> bytes:
    """The stored form: a marker of its shape, then MessagePack."""
    return _MARKER + _ENCODER.encode(rules)


@lru_cache(maxsize=256)  # every write and read of such a bucket's objects asks, and the same bytes are the same rules
def decode_rules(data: bytes) -> RuleSet:
    """The rules in ``data``. Raises ``STORAGE_FAILED``: nothing may expire by rules half understood."""
    if data[:1] != _MARKER:
        raise Problem(errors.STORAGE_FAILED, "The lifecycle rules of a bucket are of an unknown shape.")
    try:
        return _DECODER.decode(data[1:])
    except msgspec.MsgspecError as error:
        raise Problem(errors.STORAGE_FAILED, "The lifecycle rules of a bucket cannot be read.") from error
