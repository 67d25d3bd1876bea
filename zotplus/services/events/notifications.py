"""The notification configuration of buckets: rules that name webhooks.

Spec: Amazon S3 API Reference, PutBucketNotificationConfiguration, GetBucketNotificationConfiguration.
"""

import time
from collections.abc import Collection

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.events import TEST_EVENT, Rule, check_rules
from zotplus.ports.keyvalue import KeyValue, Transaction
from zotplus.services.configuration.documents import write_document
from zotplus.services.events.announcing import KIND, Change, encoded, enqueue, rules_of
from zotplus.services.lookups import Clock, find_bucket, now_ms
from zotplus.services.values import NOBODY, Actor


class Notifications:
    """Reads and sets rules. ``webhooks`` are the names of those in the settings."""

    def __init__(self, store: KeyValue, webhooks: Collection[str] = (), *, clock: Clock = time.time) -> None:
        self._store = store
        self._webhooks = frozenset(webhooks)
        self._clock = clock

    async def get(self, bucket: str) -> tuple[Rule, ...]:
        """The rules of a bucket. Raises ``BUCKET_NOT_FOUND``."""
        return await self._store.read(lambda snapshot: rules_of(snapshot, find_bucket(snapshot, bucket)))

    async def put(self, bucket: str, rules: tuple[Rule, ...], by: Actor = NOBODY, *, validate: bool = True) -> None:
        """Give a bucket exactly these rules; every destination is told so by a test event, as on Amazon.

        Unless ``validate`` is False, every webhook must be in the settings; else events for one that is not become
        dead letters. Raises ``BUCKET_NOT_FOUND``, and ``ARGUMENT_INVALID`` as ``check_rules``.
        """
        check_rules(rules)
        if validate:
            self._check_webhooks(rules)

        def write(transaction: Transaction) -> None:
            record = write_document(transaction, bucket, KIND, encoded(rules) if rules else None)
            change = Change(name=TEST_EVENT, key="", by=by, time_ms=now_ms(self._clock))
            for rule in {rule.webhook: rule for rule in rules}.values():
                enqueue(transaction, (bucket, record), rule, change)

        await self._store.write(write)

    def _check_webhooks(self, rules: tuple[Rule, ...]) -> None:
        unknown = next((rule for rule in rules if rule.webhook not in self._webhooks), None)
        if unknown is not None:
            raise Problem(
                errors.ARGUMENT_INVALID,
                f"Unable to validate the following destination configurations: events.webhooks names no "
                f"{unknown.webhook}.",
                ArgumentName=unknown.arn,
                ArgumentValue=unknown.arn,
            )
