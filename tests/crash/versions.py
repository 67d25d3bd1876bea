"""Writers of versions, delete markers and legal holds, and what they know of them.

A writer does one thing after the other, so that what it never learned the outcome of lies, if it happened, between what
was acknowledged before and after it.
"""

import hashlib
import random
import re
import threading
from base64 import b64encode
from dataclasses import dataclass, field, replace

from tests.crash.client import Unreachable
from tests.crash.journal import Body, in_parts
from tests.crash.load import ENCRYPTED, INLINE, MIDDLE, SMALL

KEYS = 4
MANY = 12
"""Versions of a key from which on more are deleted than made."""
LOCKING = {"x-amz-bucket-object-lock-enabled": "true"}
HELD = {"x-amz-object-lock-legal-hold": "ON"}


@dataclass(frozen=True)
class Entry:
    """A version, or (``etag`` empty) a delete marker; ``id`` is empty and ``certain`` False where nothing was told."""

    etag: str
    id: str = ""
    certain: bool = True
    held: frozenset[bool] = frozenset({False})


@dataclass
class VersionsJournal:
    """One writer's keys, each with its versions, the oldest first."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    acknowledged: int = 0
    unknown: int = 0
    refused: list[str] = field(default_factory=list)

    def of(self, key: str) -> list[Entry]:
        return self.entries.setdefault(key, [])

    def change(self, key: str, entry: Entry, now: Entry | None) -> None:
        """``entry`` is something else now, or gone."""
        found = self.of(key)
        place = found.index(entry)
        found[place : place + 1] = [] if now is None else [now]


class VersionsWriter:
    """One thread's work over its own keys of a bucket with object lock, by its own connection."""

    def __init__(self, server, bucket: str, name: str, seed: int) -> None:
        self.journal = VersionsJournal()
        self._client = server.client()
        self._bucket = bucket
        self._name = name
        self._random = random.Random(f"{name}/{seed}")
        self._made = 0
        self._operations = {
            self._put: 40,
            self._copy: 10,
            self._multipart: 10,
            self._delete: 15,
            self._delete_version: 30,
            self._hold: 15,
        }
        self._thread: threading.Thread | None = None

    def start(self, stop: threading.Event, *, until_lost: bool) -> None:
        self._thread = threading.Thread(target=self._run, args=(stop, until_lost), name=self._name)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def close(self) -> None:
        self._client.close()

    def _run(self, stop: threading.Event, until_lost: bool) -> None:  # noqa: FBT001 - passed by name above
        kinds, weights = list(self._operations), list(self._operations.values())
        while not stop.is_set():
            key = f"{self._name}/{self._random.randrange(KEYS)}"
            operation = self._random.choices(kinds, weights)[0]
            try:
                (self._delete_version if len(self.journal.of(key)) > MANY else operation)(key)
            except Unreachable:
                if until_lost:
                    return
            except Exception as error:  # noqa: BLE001 - told by the test, which reads `refused`
                self.journal.refused.append(repr(error))
                return

    def _body(self) -> Body:
        self._made += 1
        return Body(f"{self._name} {self._made}", self._random.choice((INLINE, INLINE, SMALL, MIDDLE)))

    def _put(self, key: str) -> None:
        body, held = self._body(), self._random.random() < 0.2
        headers = {**HELD, "content-md5": base64_of(body.content().etag)} if held else {}
        if self._random.random() < 0.3:
            headers |= ENCRYPTED
        self._add(key, Entry(body.content().etag, held=frozenset({held})), "PUT", key, body.data(), headers=headers)

    def _copy(self, key: str) -> None:
        source = f"{self._name}/{self._random.randrange(KEYS)}"
        found = self._certain(source, is_marker=False)
        if found is not None:
            headers = {"x-amz-copy-source": f"/{self._bucket}/{source}?versionId={found.id}"}
            self._add(key, Entry(found.etag), "PUT", key, headers=headers)

    def _multipart(self, key: str) -> None:
        body, path = self._body(), f"/{self._bucket}/{key}"
        upload = self._ask("POST", path, query="uploads=").element("UploadId")
        part = self._ask("PUT", path, body.data(), query=f"partNumber=1&uploadId={upload}").etag
        document = (
            f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part>"
            "</CompleteMultipartUpload>"
        ).encode()
        self._add(key, Entry(in_parts([body]).etag), "POST", key, document, query=f"uploadId={upload}")

    def _delete(self, key: str) -> None:
        self._add(key, Entry(""), "DELETE", key)

    def _add(self, key: str, entry: Entry, method: str, path: str, body: bytes = b"", **more) -> None:
        """Do what adds a version, and note how it ended."""
        try:
            answer = self._ask(method, f"/{self._bucket}/{path}", body, **more)
        except Unreachable:
            self.journal.of(key).append(replace(entry, certain=False))
            self.journal.unknown += 1
            raise
        self.journal.of(key).append(replace(entry, id=answer.headers["x-amz-version-id"]))
        self.journal.acknowledged += 1

    def _certain(self, key: str, *, is_marker: bool | None = None) -> Entry | None:
        """A version of which everything is known."""
        found = [
            entry
            for entry in self.journal.of(key)
            if entry.certain and len(entry.held) == 1 and is_marker in (None, not entry.etag)
        ]
        return self._random.choice(found) if found else None

    def _delete_version(self, key: str) -> None:
        entry = self._certain(key)
        if entry is None:
            return
        path, query = f"/{self._bucket}/{key}", f"versionId={entry.id}"
        try:
            answer = self._client.send(
                "DELETE", path, query=query, headers={"x-amz-bypass-governance-retention": "true"}
            )
        except Unreachable:
            if entry.held == {False}:
                self.journal.change(key, entry, replace(entry, certain=False))
            self.journal.unknown += 1
            raise
        if entry.held == {True}:
            assert (answer.status, answer.element("Code")) == (403, "AccessDenied"), answer.body
            return
        assert answer.status == 204, answer.body
        self.journal.change(key, entry, None)
        self.journal.acknowledged += 1

    def _hold(self, key: str) -> None:
        entry = self._certain(key, is_marker=False)
        if entry is None:
            return
        held = entry.held != {True}
        document = f"<LegalHold><Status>{'ON' if held else 'OFF'}</Status></LegalHold>".encode()
        try:
            self._ask("PUT", f"/{self._bucket}/{key}", document, query=f"legal-hold=&versionId={entry.id}")
        except Unreachable:
            self.journal.change(key, entry, replace(entry, held=entry.held | {held}))
            self.journal.unknown += 1
            raise
        self.journal.change(key, entry, replace(entry, held=frozenset({held})))
        self.journal.acknowledged += 1

    def _ask(self, method: str, path: str, body: bytes = b"", **more):
        answer = self._client.send(method, path, body, **more)
        assert answer.status in {200, 204}, f"{method} {path}: {answer.status} {answer.body[:500]}"
        assert b"<Error>" not in answer.body, answer.body[:500]
        return answer


def base64_of(digest: str) -> str:
    """What ``Content-MD5`` is of a digest in hexadecimal."""
    return b64encode(bytes.fromhex(digest)).decode()


def verify_versions(client, bucket: str, journals: list[VersionsJournal]) -> int:
    """Every version is there that must be, and no other; how many. What was unknown is known afterwards."""
    count = 0
    for journal in journals:
        for key, expected in journal.entries.items():
            found = matched(key, expected, stored(client, bucket, key))
            journal.entries[key] = [judged(client, f"/{bucket}/{key}", entry) for entry in found]
            count += len(found)
            newest = found[-1].etag if found else ""
            answer = client.send("GET", f"/{bucket}/{key}")
            assert (answer.etag if answer.status == 200 else "") == newest, f"{key}: {answer.status}"
    return count


def stored(client, bucket: str, key: str) -> list[Entry]:
    """The versions of ``key``, the oldest first; whether they are held is not known yet."""
    answer = client.send("GET", f"/{bucket}", query=f"prefix={key.replace('/', '%2F')}&versions=")
    assert answer.status == 200, answer.body
    assert answer.element("IsTruncated") == "false"
    found = []
    for kind, inner in re.findall(r"<(Version|DeleteMarker)>(.*?)</\1>", answer.body.decode()):
        assert f"<Key>{key}</Key>" in inner
        etag = re.search("<ETag>&quot;([^&]*)", inner)[1] if kind == "Version" else ""
        assert ("<IsLatest>true<" in inner) == (not found)
        found.append(Entry(etag, re.search("<VersionId>([^<]*)", inner)[1]))
    return found[::-1]


def judged(client, path: str, entry: Entry) -> Entry:
    """``entry`` with the hold that it has; its content is read, and has to be whole."""
    if not entry.etag:
        return entry
    query = f"versionId={entry.id}"
    answer = client.send("GET", path, query=query)
    assert (answer.status, answer.etag) == (200, entry.etag)
    md5 = hashlib.md5(answer.body, usedforsecurity=False)
    assert entry.etag in {md5.hexdigest(), f"{hashlib.md5(md5.digest(), usedforsecurity=False).hexdigest()}-1"}
    held = answer.headers.get("x-amz-object-lock-legal-hold") == "ON"
    assert held in entry.held, f"{path} {entry.id}: {held}, may be {entry.held}"
    return replace(entry, held=frozenset({held}))


def matched(key: str, expected: list[Entry], found: list[Entry]) -> list[Entry]:
    """``found`` with what is known of it, if it is what may be there."""
    known = {entry.id for entry in expected if entry.id}
    rest = list(found)
    now = []
    for entry in expected:
        following = rest[0] if rest else Entry("")
        is_meant = following.id == entry.id if entry.id else following.id and following.id not in known
        if is_meant and following.etag == entry.etag:
            now.append(replace(entry, id=rest.pop(0).id, certain=True))
        else:
            assert not entry.certain, f"{key}: {entry} is not there: {found}"
    assert rest == [], f"{key}: {rest} must not be there: {expected}"
    return now
