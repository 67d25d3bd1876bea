"""The frames of encrypted content: what is authentic, what is where, and how a range is found.

Every object has a random key of 256 bits. Each of its streams (the whole content, or one part of a multipart upload)
has an id: the part's number (4 bytes, 0 for the whole) and a random salt (16 bytes). The stream's own key is
HKDF-SHA256 of the object's key with the id as salt, so nothing of one stream opens in the place of another.

A stream is cut into frames of 64 KiB of plaintext; the last one may be shorter, and is empty only where the stream is.
Each frame is stored as AES-256-GCM ciphertext and tag, one behind the other, so frame ``i`` begins at
``i * (65536 + 16)``. Its nonce is the frame's index (11 bytes, big-endian) and 1 for the last frame of the stream, 0
for all others: frames cannot change places, and a stream cannot be cut or made longer unseen.

Spec: NIST SP 800-38D (AES-GCM; 8.2.1, deterministic nonces); RFC 5869 (HKDF); the nonces are those of STREAM
(Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015).
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Protocol, TypeAlias

from zotplus.domain import errors
from zotplus.domain.errors import Problem

Data: TypeAlias = bytes | memoryview

FRAME_BYTES = 65_536
"""Plaintext of a frame: a range reads at most two frames too much, and each costs 16 bytes on disk."""
TAG_BYTES = 16
KEY_BYTES = 32
STREAM_BYTES = 20
"""Bytes of a stream's id: number and salt."""
SALT_BYTES = 16

_STORED_FRAME = FRAME_BYTES + TAG_BYTES
_LABEL = b"zotplus content stream 1"


class Cipher(Protocol):
    """AES-256-GCM under one key."""

    def encrypt(self, nonce: bytes, data: Data, associated: bytes | None, /) -> bytes:
        """Ciphertext and tag. A nonce must never be used twice."""
        ...

    def decrypt(self, nonce: bytes, data: Data, associated: bytes | None, /) -> bytes:
        """The plaintext. Raises ``Problem(BLOB_CORRUPT)`` for anything that was not encrypted so."""
        ...

    def decrypt_into(self, nonce: bytes, data: Data, associated: bytes | None, buffer: memoryview, /) -> int:
        """As ``decrypt`` into ``buffer``, which has exactly the plaintext's length; how many bytes that are."""
        ...


def stream_id(number: int, salt: bytes) -> bytes:
    """The id of a stream: part ``number``, 0 for a whole content, and 16 random bytes that no other stream has."""
    return number.to_bytes(4, "big") + salt


def split_streams(joined: bytes) -> tuple[bytes, ...]:
    """The ids in ``joined``, one behind the other. Raises ``BLOB_CORRUPT`` unless they are whole and in order."""
    if not joined or len(joined) % STREAM_BYTES:
        raise Problem(errors.BLOB_CORRUPT, "An object's record does not name its encrypted streams.")
    found = tuple([joined[place : place + STREAM_BYTES] for place in range(0, len(joined), STREAM_BYTES)])
    numbers = [int.from_bytes(one[:4], "big") for one in found]
    if numbers != sorted(set(numbers)):
        raise Problem(errors.BLOB_CORRUPT, "The encrypted streams of an object are out of order.")
    return found


def stream_key(object_key: bytes, stream: bytes) -> bytes:
    """The key of one stream: HKDF-SHA256, whose expansion is one block."""
    extracted = hmac.digest(stream, object_key, hashlib.sha256)
    return hmac.digest(extracted, _LABEL + b"\x01", hashlib.sha256)


def sealed_size(size: int) -> int:
    """Bytes that ``size`` bytes of plaintext have on disk."""
    return size + TAG_BYTES * max(1, -(-size // FRAME_BYTES))


def plain_size(stored: int) -> int:
    """Bytes of plaintext in a stream of ``stored`` bytes. Raises ``BLOB_CORRUPT`` where no stream has that size."""
    frames = -(-stored // _STORED_FRAME)
    size = stored - frames * TAG_BYTES
    if frames < 1 or size < 0 or sealed_size(size) != stored:
        raise Problem(errors.BLOB_CORRUPT, "The encrypted content has a size that no stream has.")
    return size


def _nonce(index: int, *, is_last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")


class Sealer:
    """Encrypts one stream as it arrives; ``stream`` is its id. Every byte given comes out of some call, encrypted."""

    def __init__(self, cipher: Cipher, stream: bytes) -> None:
        self._cipher = cipher
        self._pending = b""
        self._index = 0
        self.stream = stream

    def update(self, data: bytes) -> bytes:
        """The frames that are complete now; what is left waits, since only the last frame is marked as such."""
        data = self._pending + data if self._pending else data
        whole = max(0, (len(data) - 1) // FRAME_BYTES)
        view = memoryview(data)
        self._pending = data[whole * FRAME_BYTES :]
        return b"".join([self._frame(view[i * FRAME_BYTES : (i + 1) * FRAME_BYTES]) for i in range(whole)])

    def finish(self) -> bytes:
        """The last frame."""
        last, self._pending = self._pending, b""
        return self._cipher.encrypt(_nonce(self._index, is_last=True), last, None)

    def _frame(self, data: Data) -> bytes:
        nonce = _nonce(self._index, is_last=False)
        self._index += 1
        return self._cipher.encrypt(nonce, data, None)


class Opener:
    """Decrypts any run of one stream that has ``size`` bytes of plaintext. Positions are those of the plaintext."""

    def __init__(self, cipher: Cipher, size: int) -> None:
        self._cipher = cipher
        self.size = size
        self._last = max(0, -(-size // FRAME_BYTES) - 1)

    def __repr__(self) -> str:
        """Without the cipher."""
        return f"Opener({self.size})"

    def stored_run(self, start: int, stop: int) -> tuple[int, int]:
        """Where the frames of the bytes ``start`` to ``stop`` (exclusive) are on disk: offset and length."""
        first = start // FRAME_BYTES
        end = min((max(start, stop - 1) // FRAME_BYTES + 1) * _STORED_FRAME, sealed_size(self.size))
        return first * _STORED_FRAME, end - first * _STORED_FRAME

    def open_run(self, sealed: bytes, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes ``start`` to ``stop`` out of the frames that ``stored_run`` names, each authenticated before.

        Raises ``BLOB_CORRUPT`` for anything but what was encrypted at this very place of this very stream.
        """
        first = start // FRAME_BYTES
        for index, frame in enumerate(self._frames(memoryview(sealed), start, stop), first):
            plain = self._cipher.decrypt(self._nonce_of(index), frame, None)
            begin = index * FRAME_BYTES
            yield memoryview(plain)[max(start - begin, 0) : stop - begin]

    def open_into(self, sealed: memoryview, start: int, stop: int, buffer: memoryview) -> memoryview:
        """As ``open_run`` into ``buffer``, which holds the whole frames; the part of it that is the run."""
        first, end = start // FRAME_BYTES, 0
        for index, frame in enumerate(self._frames(sealed, start, stop), first):
            length = len(frame) - TAG_BYTES
            self._cipher.decrypt_into(self._nonce_of(index), frame, None, buffer[end : end + length])
            end += length
        begin = first * FRAME_BYTES
        return buffer[start - begin : stop - begin]

    def _frames(self, sealed: memoryview, start: int, stop: int) -> list[memoryview]:
        if len(sealed) != self.stored_run(start, stop)[1]:
            raise Problem(errors.BLOB_CORRUPT, "The encrypted content is cut short.")
        return [sealed[place : place + _STORED_FRAME] for place in range(0, len(sealed), _STORED_FRAME)]

    def _nonce_of(self, index: int) -> bytes:
        return _nonce(index, is_last=index == self._last)
