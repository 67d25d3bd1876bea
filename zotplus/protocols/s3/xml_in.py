"""Reads the XML documents that S3 clients send: strictly, in bounded time and memory.

Used by the handlers after authentication. DOCTYPE is refused, so no entity but XML's own five is ever expanded.
Namespaces are ignored, since clients send Amazon's, none, or an older one.

Spec: Amazon S3 API Reference, CompleteMultipartUpload, DeleteObjects, CreateBucket.
"""

from collections.abc import Iterable
from xml.parsers import expat

import msgspec

from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE, WriteConditions, parse_tags
from zotplus.domain.dates import parse_timestamp
from zotplus.domain.errors import Problem
from zotplus.domain.iam.refusals import shown
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, is_value
from zotplus.protocols.s3.request import argument_invalid
from zotplus.services.values import PartChoice

DOCUMENT_LIMIT = 1_048_576
"""Bytes of a document (1 MiB, S3's own limit for CompleteMultipartUpload); a thousand keys of 1,024 bytes take that."""
KEYS_LIMIT = 1_000
"""Keys of one DeleteObjects (S3 API Reference)."""
PARTS_LIMIT = 10_000
"""Parts of one upload (S3 User Guide, "Amazon S3 multipart upload limits")."""
_DEPTH_LIMIT = 8  # a rule of a lifecycle takes seven: no document that S3 describes nests deeper
_ELEMENTS_LIMIT = PARTS_LIMIT * 8
_CHECKSUMS = {f"Checksum{algorithm}": algorithm for algorithm in ChecksumAlgorithm}
_SIZE_DIGITS = 19  # 2 ** 63 - 1
_DELETE_CONDITIONS = frozenset({"ETag", "LastModifiedTime", "Size"})


class Doomed(msgspec.Struct, frozen=True):
    """One object of DeleteObjects; ``version`` is empty where the document names none."""

    key: str
    version: str = ""
    conditions: WriteConditions = UNCONDITIONAL_WRITE


class DeleteDocument(msgspec.Struct, frozen=True):
    """The body of DeleteObjects; ``quiet`` leaves successes out of the answer."""

    objects: tuple[Doomed, ...]
    quiet: bool


class Element:
    """An element: its name and attributes without namespaces, its text, and its children in order."""

    __slots__ = ("attributes", "children", "name", "pieces", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text = ""
        self.pieces: list[str] = []  # joined at the end tag: comments can cut text into very many
        self.children: list[Element] = []


def _malformed(detail: str) -> Problem:
    return Problem(errors.XML_MALFORMED, detail)


class _Reader:
    """The callbacks of one parse, and their limits."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf8"):
            raise _malformed("The document must be encoded in UTF-8.")

    def doctype(self, *_: object) -> None:
        raise _malformed("DOCTYPE is not accepted.")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _ELEMENTS_LIMIT or len(self._open) >= _DEPTH_LIMIT:
            raise _malformed("The document has too many elements, or nests them too deeply.")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = Element(name.rpartition(" ")[2], plain)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        element = self._open.pop()
        element.text = "".join(element.pieces)
        if element.children and element.text.strip():
            raise _malformed(f"{element.name} holds text between its elements.")

    def text(self, data: str) -> None:
        self._open[-1].pieces.append(data)


def read_tree(document: bytes, root: str) -> Element:
    """The tree of ``document``, whose outermost element must be ``root``. Raises ``XML_MALFORMED``."""
    if len(document) > DOCUMENT_LIMIT:
        raise _malformed("The document is too large.")
    reader = _Reader()
    parser = expat.ParserCreate("UTF-8", " ")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.XmlDeclHandler = reader.declaration
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document, True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        raise _malformed("The document is not well-formed XML.") from error
    if reader.root is None or reader.root.name != root:
        raise _malformed(f"The document must be {root}.")
    return reader.root


def read_fields(element: Element, known: Iterable[str]) -> dict[str, str]:
    """The leaves below ``element`` by name, each at most once and in ``known``. Raises ``XML_MALFORMED``."""
    found: dict[str, str] = {}
    for child in element.children:
        if child.name not in known or child.name in found or child.children:
            raise _malformed(f"{child.name} does not belong into {element.name}, or not twice.")
        found[child.name] = child.text
    return found


def read_delete(document: bytes) -> DeleteDocument:
    """The body of DeleteObjects.

    Raises ``XML_MALFORMED``, and ``OPERATION_UNKNOWN`` for conditions per object: ignoring them would delete too much.
    """
    root = read_tree(document, "Delete")
    objects: list[Doomed] = []
    quiet = False
    for child in root.children:
        if child.name == "Quiet":
            quiet = _boolean(child)
        elif child.name == "Object":
            objects.append(_doomed(child))
        else:
            raise _malformed(f"{child.name} does not belong into Delete.")
    if not 1 <= len(objects) <= KEYS_LIMIT:
        raise _malformed(f"Delete takes 1 to {KEYS_LIMIT} objects.")
    return DeleteDocument(tuple(objects), quiet)


def _doomed(element: Element) -> Doomed:
    fields = read_fields(element, {"Key", "VersionId"} | _DELETE_CONDITIONS)
    if not fields.get("Key"):
        raise _malformed("Object needs a Key.")
    return Doomed(fields["Key"], fields.get("VersionId", ""), _delete_conditions(fields))


def _delete_conditions(fields: dict[str, str]) -> WriteConditions:
    if _DELETE_CONDITIONS.isdisjoint(fields):
        return UNCONDITIONAL_WRITE
    etag, size, time = fields.get("ETag"), fields.get("Size"), fields.get("LastModifiedTime")
    modified = None if time is None else parse_timestamp(time)
    if time is not None and modified is None:
        raise _malformed("LastModifiedTime is no date.")
    return WriteConditions(
        match=None if etag is None else parse_tags(etag),
        size=None if size is None else read_size("Size", size),
        modified=modified,
    )


def read_size(name: str, text: str) -> int:
    """A number of bytes. Raises ``ARGUMENT_INVALID``."""
    if not text.isascii() or not text.isdigit() or len(text) > _SIZE_DIGITS:
        raise argument_invalid(name, text, "The size must be a number of bytes.")
    return int(text)


def _boolean(element: Element) -> bool:
    value = element.text.strip().lower()
    if value not in ("true", "false"):
        raise _malformed(f"{element.name} is true or false, not {shown(value)}.")
    return value == "true"


def read_complete(document: bytes) -> tuple[PartChoice, ...]:
    """The parts of CompleteMultipartUpload in the document's order, ETags without quotes. Raises ``XML_MALFORMED``."""
    root = read_tree(document, "CompleteMultipartUpload")
    if not 1 <= len(root.children) <= PARTS_LIMIT:
        raise _malformed(f"CompleteMultipartUpload takes 1 to {PARTS_LIMIT} parts.")
    return tuple(_part(child) for child in root.children)


def _part(element: Element) -> PartChoice:
    if element.name != "Part":
        raise _malformed(f"{element.name} does not belong into CompleteMultipartUpload.")
    fields = read_fields(element, {"PartNumber", "ETag", *_CHECKSUMS})
    checksums = [(_CHECKSUMS[name], value.strip()) for name, value in fields.items() if name in _CHECKSUMS]
    if len(checksums) > 1 or any(not is_value(*checksum) for checksum in checksums):
        raise argument_invalid("Checksum", "", "Invalid Base64 or multiple checksums present in request")
    number = fields.get("PartNumber", "").strip()
    if number.startswith("-") or number == "0":
        raise argument_invalid("PartNumber", number, "PartNumber must be >= 1")
    # At most five digits: int() takes only what the limit can hold, and no "+1", "1_0" or foreign digits.
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and 1 <= int(number) <= PARTS_LIMIT):  # noqa: PLR2004
        raise _malformed(f"PartNumber is 1 to {PARTS_LIMIT}, not {shown(number)}.")
    if "ETag" not in fields:
        raise _malformed("Part needs an ETag.")
    etag = fields["ETag"].strip().strip('"')
    algorithm, checksum = checksums[0] if checksums else (None, None)
    return PartChoice(
        number=int(number), etag=etag, algorithm=None if algorithm is None else algorithm.value, checksum=checksum
    )


def read_location(document: bytes) -> str:
    """The LocationConstraint of CreateBucketConfiguration; empty for no body and where it names none.

    Its Tags are read elsewhere (``settings/tagging``). Raises ``XML_MALFORMED``, ``OPERATION_UNKNOWN`` for directory
    buckets.
    """
    if not document:
        return ""
    root = read_tree(document, "CreateBucketConfiguration")
    if any(child.name in ("Location", "Bucket") for child in root.children):
        raise Problem(errors.OPERATION_UNKNOWN, "Directory buckets are not implemented.")
    root.children = [child for child in root.children if child.name != "Tags"]
    return read_fields(root, {"LocationConstraint"}).get("LocationConstraint", "").strip()
