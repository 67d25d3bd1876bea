"""Decoding of aws-chunked bodies, incrementally and over any split of the input.

Pieces of payload are given out as they come, as slices of the caller's own buffers and before their chunk's signature
can be known: the caller commits what it wrote only after ``finish`` returned, so nothing unverified is ever kept, and
no chunk has to be held in memory whatever its size.

As on AWS only the last chunk may have less than 8 KiB, which bounds the work per byte: a flood of one-byte chunks ends
at its second one.

Spec: AWS "Transferring Payload in Multiple Chunks (Chunked Upload)", with and without trailing headers.
"""

from collections.abc import Mapping
from enum import Enum, auto

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import Headers
from zotplus.domain.signatures.chunk_signatures import ChunkSeed, ChunkSignatures

# A chunk header of real clients has at most 16 + 17 + 64 bytes.
MAX_LINE = 1024
# One checksum and its signature are what SDKs send; the rest is room.
MAX_TRAILERS = 8
MAX_TRAILER_BYTES = 4096
# "Only the last chunk is allowed to have a size less than 8192 bytes", AWS's InvalidChunkSizeError.
MIN_CHUNK = 8192
# 5 TiB, the largest object there is, has 13 digits.
_MAX_LENGTH_DIGITS = 13
# 16 hexadecimal digits are 64 bits; a longer size cannot be one.
_MAX_SIZE_DIGITS = 16
_HEX = frozenset(b"0123456789abcdefABCDEF")
_EXTENSION = b"chunk-signature="
_SIGNATURE_LENGTH = 64
_SIGNATURE_TRAILER = "x-amz-trailer-signature"


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    DONE = auto()
    BROKEN = auto()


class ChunkedDecoder:
    """One body on its way in.

    ``length`` is the request's ``x-amz-decoded-content-length``; ``seed`` is given in the signed modes only;
    ``announced`` are the lower-case names in ``x-amz-trailer``, None in the mode without trailers.
    """

    def __init__(self, *, length: int, seed: ChunkSeed | None = None, announced: tuple[str, ...] | None = None) -> None:
        self._length = length
        self._signatures = None if seed is None else ChunkSignatures(seed)
        self._announced = announced
        self._state = _State.SIZE
        self._line = bytearray()
        self._left = 0  # bytes of the chunk under way that are still to come
        self._received = 0
        self._short_chunk = False
        self._signature = ""
        self._trailers: dict[str, str] = {}
        self._trailer_bytes = 0
        self._trailer_signature: str | None = None

    @property
    def received(self) -> int:
        """Bytes of payload given out so far."""
        return self._received

    def feed(self, data: bytes | bytearray | memoryview) -> list[memoryview]:
        """Take the next bytes of the body; gives the payload among them as slices of ``data``.

        Raises ``BODY_CHUNK_INVALID``, ``BODY_CHUNK_TOO_SMALL``, ``BODY_CHUNK_SIGNATURE_MISMATCH``,
        ``BODY_TRAILER_INVALID`` and, where there is more than announced, ``BODY_INCOMPLETE``; the decoder is of no use
        after that.
        """
        pieces: list[memoryview] = []
        view = memoryview(data)
        position, end = 0, len(view)
        try:
            while position < end:
                if self._state is _State.DATA:
                    piece = view[position : position + self._left]
                    self._take(piece)
                    pieces.append(piece)
                    position += len(piece)
                else:
                    position = self._read_line(view, position)
        except Problem:
            self._state = _State.BROKEN
            raise
        return pieces

    def finish(self) -> Mapping[str, str]:
        """Say that the body is over; gives the trailers by lower-case name.

        Raises ``BODY_CHUNK_INVALID`` for a body that is cut short, ``BODY_INCOMPLETE`` for one of another length.
        """
        if self._state is _State.BROKEN:
            raise _invalid("The body was refused before.")
        if self._state is not _State.DONE:
            raise _invalid("The body ended before its last chunk.")
        if self._received != self._length:
            raise self._wrong_length(self._received)
        return self._trailers

    def _wrong_length(self, found: int) -> Problem:
        detail = "The chunks do not hold the number of bytes that x-amz-decoded-content-length announces."
        return Problem(errors.BODY_INCOMPLETE, detail, expected=self._length, received=found)

    def _take(self, piece: memoryview) -> None:
        if self._signatures is not None:
            self._signatures.update(piece)
        self._received += len(piece)
        self._left -= len(piece)
        if not self._left:
            self._state = _State.DATA_END

    def _read_line(self, view: memoryview, position: int) -> int:
        """Read on to the next line feed after a carriage return; where the reading stopped."""
        if self._state in (_State.DONE, _State.BROKEN):
            raise _invalid("There are bytes after the end of the body.")
        room = (0 if self._state is _State.DATA_END else MAX_LINE) + 2 - len(self._line)
        taken = bytes(view[position : position + room])
        start = max(len(self._line) - 1, 0)
        self._line += taken
        found = self._line.find(b"\r\n", start)
        if found < 0:
            if len(taken) == room:
                raise _invalid("A line of the chunked body is too long or does not end in CRLF.")
            return position + len(taken)
        line = bytes(self._line[:found])
        unused = len(self._line) - found - 2
        self._line.clear()
        self._on_line(line)
        return position + len(taken) - unused

    def _on_line(self, line: bytes) -> None:
        if self._state is _State.SIZE:
            self._on_size(line)
        elif self._state is _State.DATA_END:  # two bytes at most were read, so the line is empty
            self._end_chunk()
            self._state = _State.SIZE
        else:
            self._on_trailer(line)

    def _on_size(self, line: bytes) -> None:
        digits, separator, extension = line.partition(b";")
        if not 0 < len(digits) <= _MAX_SIZE_DIGITS or not _HEX.issuperset(digits):
            raise _invalid("A chunk's size is not a hexadecimal number.")
        self._signature = self._read_signature(extension) if separator or self._signatures is not None else ""
        size = int(digits, 16)
        if size > self._length - self._received:
            raise self._wrong_length(self._received + size)
        if size and self._short_chunk:
            raise Problem(errors.BODY_CHUNK_TOO_SMALL)
        self._short_chunk = size < MIN_CHUNK
        self._left = size
        if size:
            self._state = _State.DATA
        else:
            self._end_chunk()
            self._state = _State.TRAILER

    def _read_signature(self, extension: bytes) -> str:
        signature = extension[len(_EXTENSION) :]
        if self._signatures is None or not extension.startswith(_EXTENSION):
            raise _invalid("A chunk carries an unknown extension, or none where a signature is needed.")
        if len(signature) != _SIGNATURE_LENGTH or not _HEX.issuperset(signature):
            raise _invalid("A chunk's signature is not 64 hexadecimal digits.")
        return signature.decode()

    def _end_chunk(self) -> None:
        if self._signatures is not None:
            self._signatures.check(self._signature)

    def _on_trailer(self, line: bytes) -> None:
        if not line:
            self._end_trailers()
            self._state = _State.DONE
            return
        self._trailer_bytes += len(line)
        if self._trailer_bytes > MAX_TRAILER_BYTES:
            raise _bad_trailer("The trailer is too long.")
        # minio-go ends each field with a bare line feed and the block with CRLF, as AWS's own example shows it.
        for field in line.removesuffix(b"\n").split(b"\n"):
            self._on_field(field)

    def _on_field(self, field: bytes) -> None:
        name_bytes, separator, value_bytes = field.partition(b":")
        if not separator or not field.isascii() or b"\r" in field or b"\0" in field:
            raise _bad_trailer("A trailer is not in the form name:value.")
        name, value = name_bytes.decode().lower(), value_bytes.decode().strip(" \t")
        if self._trailer_signature is not None:
            raise _bad_trailer("A trailer follows the trailers' signature.")
        if name == _SIGNATURE_TRAILER and self._signatures is not None and self._announced is not None:
            self._trailer_signature = value
            return
        if name not in (self._announced or ()) or name in self._trailers or len(self._trailers) == MAX_TRAILERS:
            raise _bad_trailer("A trailer was not announced in x-amz-trailer, or occurs twice.")
        self._trailers[name] = value

    def _end_trailers(self) -> None:
        if len(self._trailers) != len(self._announced or ()):
            raise _bad_trailer("A trailer that x-amz-trailer announces is missing.")
        if self._signatures is None or self._announced is None:
            return
        if self._trailer_signature is None:
            raise _bad_trailer("The trailers' signature is missing.")
        canonical = "".join([f"{name}:{value}\n" for name, value in sorted(self._trailers.items())])
        self._signatures.check_trailer(canonical.encode(), self._trailer_signature)


def _invalid(detail: str) -> Problem:
    return Problem(errors.BODY_CHUNK_INVALID, detail)


def _bad_trailer(detail: str) -> Problem:
    return Problem(errors.BODY_TRAILER_INVALID, detail)


def decoded_length(headers: Headers) -> int:
    """The payload's length in bytes by ``x-amz-decoded-content-length``. Raises ``BODY_LENGTH_REQUIRED``."""
    values = headers.getall("x-amz-decoded-content-length", [])
    text = values[0] if len(values) == 1 else ""
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_LENGTH_DIGITS:
        raise Problem(errors.BODY_LENGTH_REQUIRED, "x-amz-decoded-content-length must be the number of payload bytes.")
    return int(text)
