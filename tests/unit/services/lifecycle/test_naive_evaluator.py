"""The engine against an evaluator that reads everything at once and thinks in calendar days."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain.storage.lifecycle.rules import (
    Filter,
    NoncurrentExpiration,
    Rule,
    RuleSet,
    When,
    encode_rules,
)
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.documents import Documents
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.lifecycle.engine import Engine
from zotplus.services.lifecycle.lifecycles import KIND
from zotplus.services.objects import Objects
from zotplus.services.upkeep.scrub import Scrub
from zotplus.services.values import Attributes, Selection, Source, VersionQuery

BEGIN = datetime(2030, 1, 1, 9, 30, tzinfo=UTC)
# Where a page ends within a key, what one page did may make more due on the next, and not a round later.
_ROUNDS = 4
KEYS = ["a", "a/b", "b"]

_RULES = st.lists(
    st.fixed_dictionaries({
        "prefix": st.sampled_from(["", "", "a", "a/", "c"]),
        "tag": st.sampled_from([False, False, True]),
        "larger": st.sampled_from([None, 0, 150]),
        "days": st.none() | st.integers(1, 3),
        "markers": st.booleans(),
        "noncurrent": st.none() | st.tuples(st.integers(1, 3), st.integers(0, 2)),
    }),
    min_size=1,
    max_size=3,
)  # fmt: skip
_STEPS = st.lists(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from([0, 100, 200]), st.booleans())
    | st.tuples(st.just("delete"), st.sampled_from(KEYS))
    | st.tuples(st.just("switch"), st.sampled_from(["Enabled", "Suspended"]))
    | st.tuples(st.just("wait"), st.sampled_from([1, 30, 60])),
    min_size=6,
    max_size=16,
)


class Town:
    """One bucket, a clock, and what the naive evaluator knows of each version."""

    def __init__(self):
        self.store, self.blobs, self.now = KeyValueMemory(), BlobsMemory(), BEGIN
        self.objects = Objects(self.store, self.blobs, inline_limit=150, clock=self.clock)
        self.state = ""
        self.rules = []
        self.since = {}

    def clock(self):
        return self.now.timestamp()

    async def prepare(self, told):
        await Buckets(self.store, "here").create("box", "owner")
        rules = []
        for number, one in enumerate(told):
            whole = not one["tag"] and one["larger"] is None
            self.rules.append(one | {"markers": one["markers"] and whole and one["days"] is None})
            rules.append(
                Rule(
                    id=str(number),
                    is_enabled=True,
                    filter=Filter(
                        prefix=one["prefix"], tags=(("t", "1"),) if one["tag"] else (), larger_than=one["larger"]
                    ),
                    expiration=None if one["days"] is None else When(days=one["days"]),
                    expires_markers=self.rules[-1]["markers"] or None,
                    noncurrent_expiration=one["noncurrent"]
                    and NoncurrentExpiration(days=one["noncurrent"][0], newer=one["noncurrent"][1]),
                )
            )
        # Past the checks: what does nothing is no rule that a client could set, and does no harm here.
        await Documents(self.store).put("box", KIND, encode_rules(RuleSet(rules=tuple(rules))))

    async def step(self, name, *details):
        self.now += timedelta(seconds=1)
        if name == "put":
            key, size, is_tagged = details

            async def chunks():
                yield b"x" * size

            attributes = Attributes(tags={"t": "1"} if is_tagged else {})
            await self.objects.put("box", key, Source(chunks=chunks()), attributes)
        elif name == "delete":
            await self.objects.delete("box", details[0])
        elif name == "switch":
            self.state = details[0]
            await Versioning(self.store).set("box", self.state)
        await self.note()
        if name == "wait":
            self.now += timedelta(hours=details[0])

    async def note(self):
        """Remember since when each version has not been the newest."""
        for key, versions in (await self.read_all()).items():
            for version in versions[1:]:
                self.since.setdefault((key, version[0], version[2]), self.now)

    async def read_all(self):
        """Key -> its versions, the newest first: (id, is marker, since when, size, tags)."""
        found = {}
        for one in (await self.objects.list_versions("box", VersionQuery())).items:
            size, tags = 0, {}
            if not one.is_marker:
                info = await self.objects.head("box", one.key, Selection(version=one.version))
                size, tags = info.size, info.attributes.tags
            moment = datetime.fromtimestamp(one.modified, UTC)
            found.setdefault(one.key, []).append((one.version, one.is_marker, moment, size, tags))
        return found

    def is_over(self, since, days):
        """Whether the midnight has come that follows ``days`` days after ``since``."""
        return self.now.date() > (since + timedelta(days=days)).date()

    def matches(self, rule, key, version):
        _, _, _, size, tags = version
        return (
            key.startswith(rule["prefix"])
            and (not rule["tag"] or tags.get("t") == "1")
            and (rule["larger"] is None or size > rule["larger"])
        )

    def after_one_round(self, found):
        return {key: left for key, versions in found.items() if (left := self.left_of(key, versions))}

    def left_of(self, key, versions):
        left, kept_before = self.newest_left(key, versions), 0
        for version in versions[1:]:
            since = self.since.get((key, version[0], version[2]), self.now)
            kept = [
                rule["noncurrent"] for rule in self.rules if rule["noncurrent"] and self.matches(rule, key, version)
            ]
            if any(kept_before >= newer and self.is_over(since, days) for days, newer in kept):
                continue
            kept_before += 1
            left.append(version)
        if self.state == "Suspended" and left[:1] == [self.marker]:
            return [left[0], *[version for version in left[1:] if version[0] != "null"]]
        return left

    @property
    def marker(self):
        return ("new marker", True, self.now, 0, {})

    def newest_left(self, key, versions):
        newest = versions[0]
        rules = [rule for rule in self.rules if self.matches(rule, key, newest)]
        expires = any(rule["days"] and self.is_over(newest[2], rule["days"]) for rule in rules)
        if newest[1]:
            is_gone = len(versions) == 1 and (expires or any(rule["markers"] for rule in rules))
            return [] if is_gone else [newest]
        if not expires:
            return [newest]
        return [self.marker, newest] if self.state else []

    def named(self, found):
        """What is compared: whether it was made now matters more than its id."""
        return {
            key: [
                "new marker" if is_marker and moment == self.now else name for name, is_marker, moment, *_ in versions
            ]
            for key, versions in found.items()
        }


async def play(told, state, steps, page):
    town = Town()
    await town.prepare(told)
    if state:
        await town.step("switch", state)
    for step in steps:
        await town.step(*step)
    town.now += timedelta(days=3)
    engine = Engine(town.store, clock=town.clock)
    engine.page = page
    expected = before = await town.read_all()
    for _ in range(_ROUNDS):
        expected = town.after_one_round(expected)
        aged = await engine.run()
        assert (aged.failed, aged.locked, aged.damaged) == (0, 0, 0)
    assert town.named(await town.read_all()) == town.named(expected), before
    assert (await Scrub(town.store, town.blobs).run()).findings == ()


@pytest.mark.parametrize("page", [2, 200])
@settings(max_examples=100, deadline=None)
@given(told=_RULES, state=st.sampled_from(["", "Enabled", "Suspended"]), steps=_STEPS)
def test_the_engine_leaves_what_a_naive_evaluator_would(page, told, state, steps):
    asyncio.run(play(told, state, steps, page))
