"""The engine that does what lifecycle rules say; the janitor runs it.

It reads buckets with rules page by page, and acts on what is due in small transactions that judge each version once
more. It keeps nothing between two runs: what a run that was killed did not come to, the next one finds again.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.decisions import Step, Terms, abortion, decide
from zotplus.domain.storage.lifecycle.rules import RuleSet
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue
from zotplus.records import layout
from zotplus.records.buckets import BUCKET, BucketRecord
from zotplus.records.uploads import UPLOAD
from zotplus.services.lifecycle.acting import ABORT, Done, Target, abort, act_on, rules_now
from zotplus.services.lifecycle.lifecycles import KIND
from zotplus.services.lifecycle.moves import move_one
from zotplus.services.lifecycle.walking import PAGE, Cursor, Seen, prefixes_of, read_page, walk_under
from zotplus.services.lookups import Clock, milliseconds
from zotplus.services.upkeep.references import pages

BATCH = 100
"""Versions that one transaction takes, so that other writers are not kept waiting."""

Told = Callable[[Sequence[Done]], None]
"""Is told what was done, after it is durable; of some batches nothing."""


class Aged(msgspec.Struct, kw_only=True):
    """What one run did. ``locked`` is what object lock kept, ``failed`` the buckets that could not be finished."""

    buckets: int = 0
    versions: int = 0
    removed: int = 0
    hidden: int = 0
    moved: int = 0
    aborted: int = 0
    locked: int = 0
    damaged: int = 0
    failed: int = 0


def _tell_nobody(_: Sequence[Done]) -> None:
    """For who wants no telling."""


class Engine:
    """One run at a time; in any number of processes it is right, in one it is quickest.

    Without ``blobs`` nothing moves. ``page`` is how many versions one snapshot reads.
    """

    page: int = PAGE

    def __init__(
        self,
        store: KeyValue,
        terms: Terms | None = None,
        *,
        blobs: Blobs | None = None,
        told: Told = _tell_nobody,
        clock: Clock = time.time,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._terms = Terms() if terms is None else terms
        self._told = told
        self._clock = clock

    async def run(self) -> Aged:
        """Do all that is due. A bucket that cannot be finished is counted, and the others go on."""
        aged = Aged()
        async for key, value in pages(self._store, layout.BUCKETS):
            bucket = BUCKET.decode(value)
            if KIND not in bucket.documents:
                continue
            aged.buckets += 1
            try:
                await self._age(Target(key[1:].decode(), bucket.id), aged)
            except Problem:
                aged.failed += 1
        return aged

    async def _age(self, target: Target, aged: Aged) -> None:
        current = await self._store.read(partial(rules_now, target=target))
        if current is None or not any(True for _ in current[1].enabled):
            return
        bucket, rules = current
        for prefix in prefixes_of(rules):
            # Only these can mean a key with the prefix: with many rules, each for its own folder, few for each key.
            near = tuple([rule for rule in rules.rules if (rule.filter.prefix or "").startswith(prefix)])
            await self._age_versions(target, (bucket, msgspec.structs.replace(rules, rules=near)), prefix, aged)
        await self._age_uploads(target, rules, aged)

    async def _age_versions(
        self, target: Target, current: tuple[BucketRecord, RuleSet], prefix: str, aged: Aged
    ) -> None:
        bucket, rules = current
        terms = msgspec.structs.replace(self._terms, keeps_versions=bool(bucket.versioning))
        cursor: Cursor | None = walk_under(prefix)
        while cursor is not None:
            page = await self._store.read(partial(read_page, bucket=bucket, cursor=cursor, limit=self.page))
            aged.versions += len(page.versions)
            aged.damaged += page.damaged
            now_ms = milliseconds(self._clock())
            due: list[Seen] = []
            moves: list[Seen] = []
            for seen in page.versions:
                decision = decide(rules, seen.facts, terms, now_ms)
                if decision is not None:
                    (moves if decision.step is Step.MOVE else due).append(seen)
            await self._act(target, due, aged)
            for seen in moves:
                await self._move(target, seen, aged)
            cursor = page.following

    async def _act(self, target: Target, due: list[Seen], aged: Aged) -> None:
        for start in range(0, len(due), BATCH):
            batch, now_ms = due[start : start + BATCH], milliseconds(self._clock())
            failpoints.hit("lifecycle.before_metadata")
            done = await self._store.write(partial(act_on, target=target, due=batch, terms=self._terms, now_ms=now_ms))
            failpoints.hit("lifecycle.after_metadata")
            self._note(done, aged)

    async def _move(self, target: Target, seen: Seen, aged: Aged) -> None:
        """Move one version; one whose content is damaged is counted, and stays."""
        if self._blobs is None:
            return
        try:
            done = await move_one(self._store, self._blobs, (target, seen), self._terms, milliseconds(self._clock()))
        except Problem as problem:
            if problem.fault not in (errors.BLOB_CORRUPT, errors.BLOB_MISSING):
                raise
            aged.damaged += 1
        else:
            self._note(() if done is None else (done,), aged)

    async def _age_uploads(self, target: Target, rules: RuleSet, aged: Aged) -> None:
        if all(rule.abort_days is None for rule in rules.enabled):
            return
        async for key, value in pages(self._store, layout.uploads(target.id)):
            name, now_ms = layout.split_upload(key)[0].decode(), milliseconds(self._clock())
            ending = abortion(rules, name, UPLOAD.decode(value).initiated_ms, self._terms.day)
            if ending is None or ending.at_ms > now_ms:
                continue
            done = await self._store.write(
                partial(abort, target=target, upload_key=key, terms=self._terms, now_ms=now_ms)
            )
            self._note(() if done is None else (done,), aged)

    def _note(self, done: Sequence[Done], aged: Aged) -> None:
        count = Counter("locked" if one.is_locked else one.step for one in done)
        aged.locked += count["locked"]
        aged.removed += count[Step.REMOVE]
        aged.hidden += count[Step.MARK]
        aged.moved += count[Step.MOVE]
        aged.aborted += count[ABORT]
        self._told(done)
