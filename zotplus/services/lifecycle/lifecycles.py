"""The lifecycle rules of buckets: set, read, removed, and what they say of an object's end."""

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle import decisions
from zotplus.domain.storage.lifecycle.decisions import DAY_SECONDS, Expiry, Facts
from zotplus.domain.storage.lifecycle.rules import RuleSet, decode_rules, encode_rules
from zotplus.domain.storage.lifecycle.validation import check_rules
from zotplus.ports.keyvalue import KeyValue, Snapshot
from zotplus.records.buckets import BucketRecord
from zotplus.services.configuration.documents import read_document, write_document
from zotplus.services.lookups import find_bucket, milliseconds
from zotplus.services.values import ObjectInfo

KIND = "lifecycle"
"""The kind of the bucket's document."""


def read_rules(snapshot: Snapshot, bucket: BucketRecord) -> RuleSet | None:
    """The bucket's rules, or None; costs nothing where there are none. Raises ``STORAGE_FAILED``."""
    data = read_document(snapshot, bucket, KIND)
    return None if data is None else decode_rules(data)


class Lifecycles:
    """The rules of buckets. Every method raises ``BUCKET_NOT_FOUND``.

    ``classes`` are the storage classes that have a store of their own, warmest first; ``day`` is how many seconds a day
    of the rules has.
    """

    def __init__(self, store: KeyValue, *, classes: tuple[str, ...] = (), day: float = DAY_SECONDS) -> None:
        self._store = store
        self._classes = classes
        self._day = day

    async def put(self, bucket: str, rules: RuleSet) -> None:
        """Set the rules in place of those that are there. Raises what ``check_rules`` does."""
        check_rules(rules, self._classes)
        data = encode_rules(rules)
        await self._store.write(lambda transaction: write_document(transaction, bucket, KIND, data))

    async def get(self, bucket: str) -> RuleSet:
        """The rules. Raises ``LIFECYCLE_MISSING`` where there are none, ``STORAGE_FAILED``."""
        rules = await self._store.read(lambda snapshot: read_rules(snapshot, find_bucket(snapshot, bucket)))
        if rules is None:
            raise Problem(errors.LIFECYCLE_MISSING, bucket=bucket)
        return rules

    async def delete(self, bucket: str) -> None:
        """Remove the rules; no error where there are none."""
        await self._store.write(lambda transaction: write_document(transaction, bucket, KIND, None))

    async def expiry(self, bucket: str, info: ObjectInfo) -> Expiry | None:
        """When the newest version of an object ends, for ``x-amz-expiration``; None where no rule says so.

        Rules that cannot be read end nothing, and objects are read and written all the same.
        """
        rules = await self._readable(bucket)
        if rules is None:
            return None
        facts = Facts(key=info.key, created_ms=milliseconds(info.modified), size=info.size, tags=info.attributes.tags)
        return decisions.expiry(rules, facts, self._day)

    async def abortion(self, bucket: str, key: str, initiated: float) -> Expiry | None:
        """When an unfinished upload is dropped, for ``x-amz-abort-date``; as ``expiry``."""
        rules = await self._readable(bucket)
        return None if rules is None else decisions.abortion(rules, key, milliseconds(initiated), self._day)

    async def _readable(self, bucket: str) -> RuleSet | None:
        try:
            return await self.get(bucket)
        except Problem:
            return None
