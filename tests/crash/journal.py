"""What clients know of a bucket: what was acknowledged, and what was under way when the connection was lost.

Each key belongs to one writer, which does one thing after the other. So the content of a key is the one acknowledged
last, or that of the operation whose outcome its writer never learned.
"""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True)
class Content:
    """Content as a reader sees it: the MD5 of its bytes, and the ETag that it must come with."""

    md5: str
    etag: str


@dataclass(frozen=True)
class Body:
    """Bytes that can be made again: ``seed`` and size name them."""

    seed: str
    size: int

    def data(self) -> bytes:
        return _data(self.seed, self.size)

    def content(self) -> Content:
        md5 = _md5(self.data())
        return Content(md5, md5)


@lru_cache(maxsize=64)
def _data(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def in_parts(bodies: list[Body]) -> Content:
    """The content of a multipart object of these parts."""
    digests = b"".join(bytes.fromhex(body.content().md5) for body in bodies)
    return Content(_md5(b"".join(body.data() for body in bodies)), f"{_md5(digests)}-{len(bodies)}")


@dataclass
class Journal:
    """One writer's keys. ``possible`` holds what each may be now (None: absent); one value where that is certain."""

    possible: dict[str, set[Content | None]] = field(default_factory=dict)
    acknowledged: int = 0
    unknown: int = 0
    refused: list[str] = field(default_factory=list)

    def of(self, key: str) -> set[Content | None]:
        return self.possible.setdefault(key, {None})

    def lost(self, key: str, maybe: set[Content | None]) -> None:
        """The outcome of an operation that makes ``key`` one of ``maybe`` is unknown."""
        self.possible[key] = self.of(key) | maybe
        self.unknown += 1

    def done(self, key: str, now: set[Content | None]) -> None:
        """The operation was acknowledged."""
        self.possible[key] = now
        self.acknowledged += 1


def verify(client, bucket: str, journals: list[Journal]) -> int:
    """Read every key; the number that are there. What was unknown is known afterwards."""
    present = set()
    for journal in journals:
        for key, possible in journal.possible.items():
            found = read(client, bucket, key)
            assert found in possible, f"{key} is {found}, may be {possible}"
            journal.possible[key] = {found}
            if found is not None:
                present.add(key)
    assert client.keys(bucket) == present
    return len(present)


def read(client, bucket: str, key: str) -> Content | None:
    answer = client.send("GET", f"/{bucket}/{key}")
    if answer.status == 404:
        assert answer.element("Code") == "NoSuchKey", answer.body
        return None
    assert answer.status == 200, f"{key}: {answer.status} {answer.body[:500]}"
    assert len(answer.body) == int(answer.headers["content-length"])
    return Content(_md5(answer.body), answer.etag)
