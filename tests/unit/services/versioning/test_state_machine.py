"""Everything that a bucket can do with versions, against a model that knows nothing but lists.

The model keeps for each key its versions, the newest first, as Amazon's guide describes them; it shares no code and no
idea of storage with what it judges.
"""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain.conditions import UNCONDITIONAL_WRITE, WriteConditions
from zotplus.domain.errors import Problem
from zotplus.domain.versions import new_version_id
from zotplus.records import layout
from zotplus.records.blobs import REFERENCE
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.locks import holding
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.values import (
    Assembly,
    Attributes,
    BucketOptions,
    Copy,
    Deletion,
    ListEntry,
    ListQuery,
    PartChoice,
    Selection,
    Source,
    VersionEntry,
    VersionQuery,
)

KEYS = ["a", "a/", "a/b", "ab", "b", "é"]
INLINE = 8
NONE = "nothing"
"""What reading gives where there is no object."""


@dataclass
class Kept:
    """A version in the model."""

    id: str
    content: bytes | None  # None: a delete marker
    etag: str = ""
    in_blob: bool = False
    held: bool = False


@dataclass
class Model:
    """Lists of versions, the newest first."""

    state: str = ""
    keys: dict[str, list[Kept]] = field(default_factory=dict)

    def of(self, key):
        return self.keys.setdefault(key, [])

    def add(self, key, added):
        found = self.of(key)
        if self.state != "Enabled":
            found[:] = [one for one in found if one.id != "null"]
        found.insert(0, added)

    def newest(self, key):
        found = self.of(key)
        return None if not found or found[0].content is None else found[0]

    def named(self, key, id_):
        return next((one for one in self.of(key) if one.id == id_), None)

    def listed(self):
        for key in sorted(self.keys, key=str.encode):
            for position, one in enumerate(self.keys[key]):
                yield key, one, position == 0


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def kept(content):
    """What a plain write of ``content`` leaves, its id excepted."""
    return Kept("", content, md5(content), in_blob=len(content) > INLINE)


def source(data):
    async def chunks():
        yield data

    return Source(chunks=chunks())


class Machine(RuleBasedStateMachine):
    """One bucket; ids of versions come from what is judged, all else from the model."""

    versions = Bundle("versions")
    lock_enabled = False

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = 1_800_000_000.0
        self.store, self.blobs = KeyValueMemory(), BlobsMemory()
        self.objects = Objects(self.store, self.blobs, inline_limit=INLINE, clock=lambda: self.now)
        self.multipart = Multipart(self.store, self.blobs, clock=lambda: self.now)
        self.model = Model("Enabled" if self.lock_enabled else "")
        buckets = Buckets(self.store, "here")
        self.run(buckets.create("box", "owner", BucketOptions(lock_enabled=self.lock_enabled)))
        self.made = 0

    def teardown(self):
        self.runner.close()

    def run(self, awaitable):
        return self.runner.run(awaitable)

    def refusal(self, awaitable):
        with pytest.raises(Problem) as caught:
            self.run(awaitable)
        return caught.value.fault.code

    def content(self, large):
        self.made += 1
        return f"{self.made} ".encode() * (9 if large else 1)

    def written(self, key, info, kept):
        if not self.model.state:
            assert info.version is None
        elif self.model.state == "Suspended":
            assert info.version == "null"
        else:
            assert self.model.named(key, info.version) is None
        assert info.etag == kept.etag
        kept.id = info.version or "null"
        self.model.add(key, kept)
        return key, kept.id

    @precondition(lambda self: not self.lock_enabled)
    @rule(state=st.sampled_from(["Enabled", "Suspended"]))
    def switch(self, state):
        self.run(Versioning(self.store).set("box", state))
        self.model.state = state

    @rule(seconds=st.sampled_from([0.0, 0.001, 1.0, -5.0]))
    def clock(self, seconds):
        """Also back: versions keep their order all the same."""
        self.now += seconds

    @rule(target=versions, key=st.sampled_from(KEYS), large=st.booleans())
    def put(self, key, large):
        content = self.content(large)
        info = self.run(self.objects.put("box", key, source(content), Attributes(), UNCONDITIONAL_WRITE))
        return self.written(key, info, kept(content))

    @rule(target=versions, key=st.sampled_from(KEYS), absent=st.booleans(), named=versions)
    def put_if(self, key, absent, named):
        """If-None-Match or If-Match with the ETag of a version that once was, or still is, the newest."""
        content, newest = self.content(large=False), self.model.newest(key)
        old = self.model.named(*named)
        etag = "0" * 32 if old is None or old.content is None else old.etag
        conditions = WriteConditions(absent=True) if absent else WriteConditions(match=(etag,))
        write = self.objects.put("box", key, source(content), Attributes(), conditions)
        if newest is None and not absent:
            assert self.refusal(write) == "object_not_found"
        elif (newest is not None) if absent else (newest is None or newest.etag != etag):
            assert self.refusal(write) == "precondition_failed"
        else:
            return self.written(key, self.run(write), kept(content))
        return named

    @rule(target=versions, key=st.sampled_from(KEYS), original=versions, by_version=st.booleans())
    def copy(self, key, original, by_version):
        name, id_ = original
        found = self.model.named(name, id_) if by_version else self.model.newest(name)
        wanted = Copy(
            source=("box", name),
            target=("box", key),
            source_version=id_ if by_version else "",
            attributes=Attributes(metadata={"copied": "yes"}),
        )
        if found is None or found.content is None:
            expected = {"object_not_found", "version_not_found", "request_invalid"}
            assert self.refusal(self.objects.copy(wanted)) in expected
            return original
        return self.written(key, self.run(self.objects.copy(wanted)), replace(found, held=False))

    @rule(target=versions, key=st.sampled_from(KEYS), large=st.booleans())
    def upload(self, key, large):
        content = self.content(large)
        upload = self.run(self.multipart.create("box", key, "owner", Attributes(), None)).upload_id
        part = self.run(self.multipart.put_part("box", key, upload, 1, source(content)))
        assembly = Assembly(parts=(PartChoice(number=1, etag=part.etag),))
        info = self.run(self.multipart.complete("box", key, upload, assembly, UNCONDITIONAL_WRITE))
        etag = f"{md5(bytes.fromhex(md5(content)))}-1"
        return self.written(key, info, Kept("", content, etag, in_blob=True))

    @rule(target=versions, key=st.sampled_from(KEYS))
    def delete(self, key):
        was_there = self.model.newest(key) is not None
        deleted = self.run(self.objects.delete("box", key))
        assert deleted.was_there == was_there
        if not self.model.state:
            assert (deleted.version, deleted.is_marker) == (None, False)
            self.model.keys.pop(key, None)
            return key, "null"
        assert deleted.is_marker
        assert deleted.version is not None
        assert (deleted.version == "null") == (self.model.state == "Suspended")
        self.model.add(key, Kept(deleted.version, None))
        return key, deleted.version

    def forget(self, key, id_):
        """What the model says of deleting a version: the refusal, or whether it was there and a marker."""
        found = self.model.named(key, id_)
        if found is not None and found.held:
            return "object_locked"
        if found is not None:
            self.model.of(key).remove(found)
        return found is not None, found is not None and found.content is None

    @rule(named=versions)
    def delete_version(self, named):
        key, id_ = named
        expected = self.forget(key, id_)
        deletion = self.objects.delete("box", key, Deletion(version=id_, bypass=True))
        if isinstance(expected, str):
            assert self.refusal(deletion) == expected
            return
        deleted = self.run(deletion)
        assert (deleted.was_there, deleted.is_marker) == expected

    @rule(doomed=st.lists(versions, max_size=4))
    def delete_many(self, doomed):
        expected = [self.forget(key, id_) for key, id_ in doomed]
        wanted = tuple((key, Deletion(version=id_)) for key, id_ in doomed)
        outcome = self.run(self.objects.delete_many("box", wanted))
        found = [one.fault.code if isinstance(one, Problem) else (one.was_there, one.is_marker) for one in outcome]
        assert found == expected

    @rule(key=st.sampled_from(KEYS), sequence=st.integers(0, 2**60))
    def a_version_that_never_was(self, key, sequence):
        id_ = new_version_id(sequence)
        assert self.refusal(self.objects.head("box", key, Selection(version=id_))) == "version_not_found"
        assert not self.run(self.objects.delete("box", key, Deletion(version=id_))).was_there

    @precondition(lambda self: self.lock_enabled)
    @rule(named=versions, held=st.booleans())
    def hold(self, named, held):
        key, id_ = named
        found = self.model.named(key, id_)
        change = self.objects.change("box", key, id_, holding(legal_hold=held))
        if found is None or found.content is None:
            assert self.refusal(change) in {"version_not_found", "method_not_allowed"}
            return
        self.run(change)
        found.held = held

    @rule(
        prefix=st.sampled_from(["", "a", "a/", "x"]),
        delimiter=st.sampled_from(["", "/", "b"]),
        limit=st.integers(1, 5),
    )
    def list_in_pages(self, prefix, delimiter, limit):
        found, after, after_version = [], "", ""
        while True:
            query = VersionQuery(
                prefix=prefix, delimiter=delimiter, after=after, after_version=after_version, limit=limit
            )
            page = self.run(self.objects.list_versions("box", query))
            assert len(page.items) <= limit
            found += page.items
            if page.next_after is None:
                break
            assert len(page.items) == limit
            after, after_version = page.next_after
        expected = []
        for key, one, is_newest in self.model.listed():
            if not key.startswith(prefix):
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            entry = key[: cut + len(delimiter)] if cut >= 0 else (key, one.id, is_newest, one.content is None)
            if cut < 0 or entry not in expected:
                expected.append(entry)
        assert [
            (one.key, one.version, one.is_newest, one.is_marker) if isinstance(one, VersionEntry) else one
            for one in found
        ] == expected

    @invariant()
    def every_version_reads_as_it_was_written(self):
        for key, one, is_newest in self.model.listed():
            if one.content is None:
                assert self.read(key, one.id) == "method_not_allowed"
            else:
                assert self.read(key, one.id) == one.content
            if is_newest:
                assert self.read(key) == (NONE if one.content is None else one.content)

    def read(self, key, version=""):
        try:
            found, _ = self.run(self.objects.get("box", key, Selection(version=version)))
        except Problem as problem:
            return NONE if problem.fault.code == "object_not_found" and not version else problem.fault.code
        assert not version or found.info.version == (version if self.model.state else None)
        if found.inline is not None:
            return found.inline
        return b"".join(
            [self.blobs.blobs[one.digest].content[one.offset : one.offset + one.length] for one in found.slices]
        )

    @invariant()
    def only_what_is_not_hidden_is_listed(self):
        listing = self.run(self.objects.list("box", ListQuery()))
        found = [item.key for item in listing.items if isinstance(item, ListEntry)]
        assert found == [key for key in sorted(self.model.keys, key=str.encode) if self.model.newest(key) is not None]

    @invariant()
    def blobs_are_referred_to_as_often_as_versions_hold_them(self):
        expected = Counter(sha256(one.content) for _, one, _ in self.model.listed() if one.in_blob)

        def collect(snapshot):
            found = snapshot.scan(*layout.table_span(layout.REFERENCES))
            return Counter({key[1:].hex(): REFERENCE.decode(value).count for key, value in found})

        assert self.run(self.store.read(collect)) == expected


class LockingMachine(Machine):
    """The same in a bucket with object lock."""

    lock_enabled = True


TestVersions = Machine.TestCase
TestVersions.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestLockedVersions = LockingMachine.TestCase
TestLockedVersions.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
