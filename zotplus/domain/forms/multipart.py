"""Forms with a file as they arrive: the fields before the file, then the file's content, however it is cut.

Strict where leniency would let two readers see two forms: each field once, no preamble, no encodings of parts.

Spec: RFC 7578 (multipart/form-data), RFC 2046 section 5.1.1 (boundaries); Amazon S3 API Reference, POST Object.
"""

import re
from typing import Final

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

HEAD_LIMIT: Final = 20_480
"""Bytes before the file's content (S3 API Reference, POST Object: the form without the file has at most 20 KB)."""
FIELDS_LIMIT: Final = 128
"""Fields of a form; the largest real ones have about thirty."""
FILE: Final = "file"
FORM_TYPE: Final = "multipart/form-data"

_CONTENT_TYPE_MAX = 1_024
_PLAIN_ENCODINGS = frozenset({"7bit", "8bit", "binary"})
# RFC 2046 section 5.1.1: 1 to 70 of bchars, of which a space is not the last.
_is_boundary = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]").fullmatch
# Quoted text in which browsers write quotes and line ends as percent escapes, and others put a backslash before them.
_parameter = re.compile(r";[ \t]*+([a-zA-Z*]{1,16})=(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s\";]*+))[ \t]*+").match
_escaped = re.compile(r"\\([\"\\])")
_BROWSER_ESCAPES = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


class FormHead(msgspec.Struct, frozen=True, kw_only=True):
    """A form up to its file: ``fields`` by lower-case name, in their order; ``size`` of all that in bytes.

    ``filename`` is what the client calls the file, without its folders; ``begun`` what came of the content already.
    """

    fields: dict[str, str]
    filename: str
    size: int
    begun: bytes


def boundary_of(content_type: str) -> str | None:
    """The boundary that a Content-Type of ``multipart/form-data`` names; None for another type.

    Raises ``FORM_MALFORMED`` where there is none, or one that is not in its form.
    """
    media_type, *parameters = content_type[: _CONTENT_TYPE_MAX + 1].split(";")  # no boundary holds a semicolon
    if media_type.strip().lower() != FORM_TYPE:
        return None
    named = [part.partition("=") for part in parameters]
    found = [value.strip() for name, _, value in named if name.strip().lower() == "boundary"]
    boundary = found[0] if len(found) == 1 and len(content_type) <= _CONTENT_TYPE_MAX else ""
    if len(boundary) > 1 and boundary[0] == boundary[-1] == '"':
        boundary = boundary[1:-1]
    if _is_boundary(boundary) is None:
        raise malformed("The Content-Type names no boundary of 1 to 70 characters.")
    return boundary


def malformed(detail: str) -> Problem:
    """A refusal of a form, with what is wrong with it."""
    return Problem(errors.FORM_MALFORMED, Detail=detail)


class FormReader:
    """Reads a form: ``head`` until it answers, then ``content`` with what comes after."""

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode()
        self._buffer = bytearray(b"\r\n")  # so that the first delimiter is like the others
        self._at = 0  # all before it has been read
        self._scanned = 0  # where the search for what ends the value or the headers at hand goes on
        self._name = ""  # of the field whose value is at hand; empty while a delimiter and headers are
        self._fields: dict[str, str] = {}
        self.closing_bytes = len(self._delimiter) + 4
        """How long the end of a form is that has nothing behind its file."""
        self.is_complete = False
        """Whether the file's content has come to its end."""

    def head(self, data: bytes) -> FormHead | None:
        """The form's head, once ``data`` completes it.

        Raises ``FORM_MALFORMED``, ``FORM_TOO_LARGE``, ``FORM_WITHOUT_FILE``.
        """
        self._buffer += data
        while self._read_value() if self._name else self._read_part_head():
            if self._name == FILE:
                return self._opened()
        self._require_small(len(self._buffer))
        return None

    def content(self, data: bytes) -> bytes:
        """The part of the file's content that is known as such now that ``data`` came; what is behind it is ignored."""
        if self.is_complete:
            return b""
        whole = bytes(self._buffer) + data
        end = whole.find(self._delimiter)
        self.is_complete = end >= 0
        known = end if self.is_complete else max(len(whole) - len(self._delimiter) + 1, 0)
        self._buffer = bytearray() if self.is_complete else bytearray(whole[known:])
        return whole[:known]

    def _opened(self) -> FormHead:
        self._require_small(self._at)
        begun, size = bytes(self._buffer[self._at :]), self._at - 2
        self._buffer.clear()
        return FormHead(fields=self._fields, filename=self._fields.pop(FILE), size=size, begun=begun)

    def _read_part_head(self) -> bool:
        """Read a delimiter and the headers behind it; False where more has to come first."""
        buffer, start = self._buffer, self._at + len(self._delimiter)
        if not buffer.startswith(self._delimiter[: len(buffer) - self._at], self._at):
            raise malformed("The body does not begin with the boundary.")
        if len(buffer) < start + 2:
            return False
        if buffer.startswith(b"--", start):
            raise Problem(errors.FORM_WITHOUT_FILE)
        if not buffer.startswith(b"\r\n", start):
            raise malformed("There is no line end after a boundary.")
        end = buffer.find(b"\r\n\r\n", max(start, self._scanned - 3))
        self._scanned = len(buffer)
        if end < 0:
            return False
        self._begin(bytes(buffer[start + 2 : end]))
        self._at = self._scanned = end + 4
        return True

    def _begin(self, headers: bytes) -> None:
        name, filename = _part_names(headers)
        if not name or name in self._fields or len(self._fields) >= FIELDS_LIMIT:
            raise malformed("A field has no name, is there twice, or is one too many.")
        self._name = name
        self._fields[name] = filename

    def _read_value(self) -> bool:
        """Read a field's value up to the next delimiter; False where more has to come first."""
        end = self._buffer.find(self._delimiter, self._scanned)
        if end < 0:
            self._scanned = max(len(self._buffer) - len(self._delimiter) + 1, self._at)
            return False
        self._fields[self._name] = _text(bytes(self._buffer[self._at : end]))
        self._name = ""
        self._at = self._scanned = end
        return True

    def _require_small(self, size: int) -> None:
        if size > HEAD_LIMIT:
            raise Problem(errors.FORM_TOO_LARGE, MaxSizeAllowed=HEAD_LIMIT)


def _part_names(headers: bytes) -> tuple[str, str]:
    """The name of a part in lower case, and that of its file, empty where it has none."""
    found: dict[str, str] = {}
    for line in _text(headers).split("\r\n"):
        name, colon, value = line.partition(":")
        lower = name.lower()
        if not colon or name != name.strip() or lower in found:
            raise malformed("A part has a header that cannot be read.")
        found[lower] = value.strip()
    if found.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise malformed("A part is encoded (RFC 7578 section 4.7).")
    kind, _, _ = found.get("content-disposition", "").partition(";")
    if kind.strip().lower() != "form-data":
        raise malformed("A part has no Content-Disposition of form-data.")
    parameters = _parameters(found["content-disposition"][len(kind) :])
    return parameters.get("name", "").lower(), _without_folders(parameters.get("filename", ""))


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        matched = _parameter(text, at)
        if matched is None or matched[1].lower() in found:
            raise malformed("A Content-Disposition cannot be read.")
        quoted, plain = matched[2], matched[3]
        found[matched[1].lower()] = plain if quoted is None else _unescaped(quoted)
        at = matched.end()
    return found


def _unescaped(quoted: str) -> str:
    text = _escaped.sub(r"\1", quoted)
    for escape, character in _BROWSER_ESCAPES:
        text = text.replace(escape, character)
    return text


def _without_folders(path: str) -> str:
    """What follows the last slash or backslash (S3 API Reference, POST Object: ``${filename}``)."""
    return path.replace("\\", "/").rpartition("/")[2]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise malformed("A field is not UTF-8.") from error
