"""Whether a bucket keeps versions. Once it has, it can only suspend that: what is there stays.

Spec: Amazon S3 User Guide, "Using versioning in S3 buckets".
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Transaction
from zotplus.records.buckets import BucketRecord
from zotplus.services.configuration.documents import change_bucket

ENABLED = "Enabled"
SUSPENDED = "Suspended"
STATES = frozenset({ENABLED, SUSPENDED})


class Versioning:
    """Switches versioning of buckets."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store

    async def set(self, bucket: str, state: str) -> None:
        """Enable or suspend. Raises ``BUCKET_NOT_FOUND``, ``BUCKET_STATE_INVALID`` where object lock needs it."""

        def change(record: BucketRecord) -> BucketRecord:
            if record.lock_enabled and state != ENABLED:
                raise Problem(
                    errors.BUCKET_STATE_INVALID,
                    "An Object Lock configuration is present on this bucket, "
                    "so the versioning state cannot be changed.",
                )
            return msgspec.structs.replace(record, versioning=state)

        def write(transaction: Transaction) -> None:
            change_bucket(transaction, bucket, change)

        await self._store.write(write)
