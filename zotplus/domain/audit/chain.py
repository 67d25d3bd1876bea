"""The chain of one stream while it grows.

The hash of a checkpoint covers every byte from the line of the checkpoint before it on, so each checkpoint vouches for
all that came before. Between checkpoints records only feed a running hash: signing each would cost 50 µs.
"""

import base64
import hashlib
import struct
import zlib
from collections.abc import Sequence
from typing import Protocol

import msgspec

from zotplus.domain.audit.records import Checkpoint, CheckpointKind, encode, signed_bytes

BLOCK_RECORDS = 1_024
"""Records between two checkpoints at most: a signature costs 50 µs, and ``sums`` stays below 6 KiB."""


class Signer(Protocol):
    """Signs with the installation's audit key."""

    @property
    def key(self) -> str:
        """The key's id."""
        ...

    def sign(self, content: bytes) -> str:
        """The Ed25519 signature in hexadecimal."""
        ...


class Chain:
    """What the next checkpoint will say of one stream.

    ``seq`` is the number of the last record, ``covered`` that of the last one that a checkpoint vouches for, ``last``
    the newest checkpoint's line without its line end.
    """

    def __init__(self, stream: str, signer: Signer, *, seq: int = 0, last: bytes = b"") -> None:
        self.stream = stream
        self.seq = self.covered = seq
        self.last = last
        self._signer = signer
        self._hash = hashlib.sha256(_with_end(last))
        self._sums: list[int] = []

    @property
    def uncovered(self) -> int:
        """Records since the newest checkpoint."""
        return len(self._sums)

    def add(self, lines: Sequence[bytes]) -> bytes:
        """Records in their order, each with its line end; all of them in one piece, to be written."""
        joined = b"".join(lines)
        self._hash.update(joined)
        self._sums += map(zlib.adler32, lines)
        self.seq += len(lines)
        return joined

    def checkpoint(self, kind: CheckpointKind, time: str, *, cut: int = 0) -> bytes:
        """The line of a new checkpoint over all records so far, with its line end; the chain goes on from it."""
        value = Checkpoint(
            checkpoint=kind,
            stream=self.stream,
            seq=self.seq,
            time=time,
            hash=self._hash.hexdigest(),
            key=self._signer.key,
            sums=pack_sums(self._sums),
            cut=cut,
        )
        signed = msgspec.structs.replace(value, signature=self._signer.sign(signed_bytes(value)))
        self.last = encode(signed)
        self.covered = self.seq
        line = _with_end(self.last)
        self._hash = hashlib.sha256(line)
        self._sums = []
        return line


def block_hash(previous: bytes, lines: Sequence[bytes]) -> str:
    """What the checkpoint after ``lines`` must say, ``previous`` being the checkpoint's line before them."""
    hashed = hashlib.sha256(_with_end(previous))
    for line in lines:
        hashed.update(line + b"\n")
    return hashed.hexdigest()


def pack_sums(sums: Sequence[int]) -> str:
    """Adler-32 values as a checkpoint holds them."""
    return base64.b64encode(struct.pack(f">{len(sums)}I", *sums)).decode()


def unpack_sums(text: str) -> list[int]:
    """The values in ``text``; none where it holds no such."""
    try:
        packed = base64.b64decode(text, validate=True)
    except ValueError:
        return []
    whole = len(packed) // 4
    return list(struct.unpack(f">{whole}I", packed[: 4 * whole]))


def _with_end(line: bytes) -> bytes:
    """``line`` with its end; nothing where there is no line."""
    return line + b"\n" if line else b""
