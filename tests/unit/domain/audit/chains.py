"""Streams in memory, and what somebody with an editor may do to them."""

from zotplus.adapters.audit.signing import Ed25519Signer, Verifier, generate
from zotplus.domain.audit.chain import BLOCK_RECORDS, Chain
from zotplus.domain.audit.records import CheckpointKind, Decided, EventKind, Record, Who, encode
from zotplus.domain.audit.verification import Evidence, StreamVerifier

SIGNER = Ed25519Signer(generate())
VERIFY = Verifier({SIGNER.key: SIGNER.public})
TIME = "2026-11-21T12:00:00.000Z"


def record(seq):
    return Record(
        seq,
        TIME,
        EventKind.REQUEST,
        f"6A5F{seq:012X}",
        "s3",
        "GetObject",
        Who("ZPKEY", "key", "ci"),
        (Decided("s3:GetObject", f"s3:bucket/key-{seq}", allowed=True, policy="reader", statement="#1"),),
        status=200,
    )


def line(seq):
    return encode(record(seq)) + b"\n"


def stream(count, every=100, name="worker-0"):
    """The whole lines of a stream of ``count`` records, checkpoints after ``every`` of them."""
    chain = Chain(name, SIGNER)
    lines = [chain.checkpoint(CheckpointKind.BEGUN, TIME)]
    for first in range(1, count + 1, every):
        block = [line(seq) for seq in range(first, min(first + every, count + 1))]
        assert len(block) <= BLOCK_RECORDS
        chain.add(block)
        lines += [*block, chain.checkpoint(CheckpointKind.REGULAR, TIME)]
    return lines


def report_of(lines, *, head=None, removed=b"", name="worker-0", first=1, verify=VERIFY):
    content = b"".join(lines)
    *whole, rest = content.split(b"\n")
    verifier = StreamVerifier(name, Evidence(head=lines[-1][:-1] if head is None else head, removed=removed), verify)
    verifier.file(first, [*whole, rest] if rest else whole)
    return verifier.report()


def findings(lines, **more):
    return [(found.kind.value, found.seq) for found in report_of(lines, **more).findings]
