"""A stream on disk under a key and a clock of its own."""

import os

import pytest

from zotplus.adapters.audit.appending import Appender, Stream
from zotplus.adapters.audit.files import files_of, mapped, whole_lines
from zotplus.adapters.audit.signing import Ed25519Signer, Verifier, generate
from zotplus.domain.audit.records import Decided, EventKind, Record, Who
from zotplus.domain.audit.times import timestamp
from zotplus.domain.audit.verification import Evidence, StreamVerifier

START = 1_800_000_000.0


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Disk:
    """One stream's folder; ``open`` takes the stream up as a process does at its start."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = Clock()
        self.head = b""
        self.free = None
        self.file_bytes = 64 << 20
        self.use(Ed25519Signer(generate()))

    def use(self, signer):
        self.signer, self.verify = signer, Verifier({signer.key: signer.public})

    def write(self, descriptor, data):
        if self.free is None:
            return os.write(descriptor, data)
        if not self.free:
            raise OSError(28, "No space left on device")
        written = os.write(descriptor, data[: self.free])
        self.free -= written
        return written

    def open(self, name="worker-0", head=None):
        stream = Stream(
            name=name,
            folder=self.folder / name,
            signer=self.signer,
            verify=self.verify,
            clock=self.clock,
            write=self.write,
            file_bytes=self.file_bytes,
        )
        return Appender(stream, self.head if head is None else head)

    def files(self, name="worker-0"):
        return files_of(self.folder / name)

    def report(self, name="worker-0", head=None, removed=b""):
        evidence = Evidence(head=self.head if head is None else head, removed=removed)
        verifier = StreamVerifier(name, evidence, self.verify)
        for first, path in self.files(name):
            with mapped(path) as content:
                verifier.file(first, whole_lines(content))
        return verifier.report()

    def findings(self, **more):
        return [(found.kind.value, found.seq) for found in self.report(**more).findings]


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "audit")


@pytest.fixture
def make():
    def record(number=0, *, at=START, kind=EventKind.REQUEST, **changes):
        given = {
            "id": f"{int(at) << 32 | number:016X}",
            "face": "s3",
            "operation": "GetObject",
            "who": Who("ZPKEY", "key", "ci"),
            "decisions": (Decided("s3:GetObject", f"s3:bucket/key-{number}", allowed=True, policy="reader"),),
            "status": 200,
        }
        return Record(0, timestamp(at), kind, **{**given, **changes})

    return record
