"""What a completed upload becomes: the chosen parts as one record, judged before anything changes.

Spec: Amazon S3 API, ``CompleteMultipartUpload``; S3 User Guide, "Multipart upload limits".
"""

import hashlib
from itertools import pairwise

import msgspec

from zotplus.domain import errors
from zotplus.domain.checksums import ChecksumAlgorithm, ChecksumType, check, composite, full_object, multipart_etag
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.objects import ChecksumRecord, ObjectRecord
from zotplus.records.uploads import PART, PartRecord, UploadRecord
from zotplus.services.ingest import DEFAULT_ALGORITHM
from zotplus.services.values import Expected, PartChoice

MIN_PART_BYTES = 5 * 1024**2
"""All parts but the last (S3 User Guide, "Multipart upload limits")."""
MAX_OBJECT_BYTES = 5 * 1024**4
"""The same page; raised to 50 TB by Amazon in 2025, which nothing here has been tried with."""
MAX_PARTS = 10_000
"""The same page."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that complete an upload, in order, with their numbers."""

    numbers: tuple[int, ...]
    parts: tuple[PartRecord, ...]


def choice_digest(choices: tuple[PartChoice, ...]) -> bytes:
    """What tells one list of parts from another."""
    lines = "\n".join([f"{choice.number} {choice.etag}" for choice in choices])
    return hashlib.sha256(lines.encode(errors="replace")).digest()


def check_order(choices: tuple[PartChoice, ...]) -> None:
    """Raises ``PART_INVALID`` for none or too many, ``PART_ORDER_INVALID`` unless the numbers ascend."""
    if not 0 < len(choices) <= MAX_PARTS:
        raise Problem(errors.PART_INVALID, f"An upload is completed from 1 to {MAX_PARTS} parts.")
    numbers = [choice.number for choice in choices]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise Problem(errors.PART_ORDER_INVALID)


def choose_parts(
    snapshot: Snapshot, upload_id: str, choices: tuple[PartChoice, ...], algorithm: ChecksumAlgorithm
) -> Chosen:
    """The parts that ``choices`` mean. Raises ``PART_INVALID``, ``PART_TOO_SMALL``, ``ENTITY_TOO_LARGE``."""
    parts = tuple([_matching_part(snapshot, upload_id, choice, algorithm) for choice in choices])
    for choice, part in zip(choices[:-1], parts[:-1], strict=True):
        if part.size < MIN_PART_BYTES:
            raise Problem(
                errors.PART_TOO_SMALL,
                PartNumber=choice.number,
                ETag=part.etag,
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART_BYTES,
            )
    size = sum(part.size for part in parts)
    if size > MAX_OBJECT_BYTES:
        raise Problem(errors.ENTITY_TOO_LARGE, ProposedSize=size, MaxSizeAllowed=MAX_OBJECT_BYTES)
    return Chosen(numbers=tuple([choice.number for choice in choices]), parts=parts)


def assemble(upload: UploadRecord, chosen: Chosen, expected: Expected, modified_ms: int) -> ObjectRecord:
    """The object's record. Raises ``REQUEST_INVALID`` for another size, ``CHECKSUM_MISMATCH`` for another checksum."""
    sizes = tuple([part.size for part in chosen.parts])
    if expected.size is not None and expected.size != sum(sizes):
        raise Problem(errors.REQUEST_INVALID, f"The parts have {sum(sizes)} bytes, not {expected.size}.")
    checksum = _checksum(upload, chosen.parts)
    if expected.checksum is not None:
        if expected.algorithm != checksum.algorithm:
            raise Problem(errors.REQUEST_INVALID, f"The upload is summed with {checksum.algorithm}.")
        check(ChecksumAlgorithm(checksum.algorithm), expected.checksum, checksum.value)
    return ObjectRecord(
        size=sum(sizes),
        etag=multipart_etag([bytes.fromhex(part.etag) for part in chosen.parts]),
        modified_ms=modified_ms,
        headers=upload.headers,
        metadata=upload.metadata,
        storage_class=upload.storage_class,
        checksum=checksum,
        slices=tuple([piece for part in chosen.parts for piece in part.slices]),
        part_sizes=sizes,
    )


def upload_algorithm(upload: UploadRecord) -> ChecksumAlgorithm:
    """The algorithm that every part of an upload is summed with."""
    return DEFAULT_ALGORITHM if upload.checksum_algorithm is None else ChecksumAlgorithm(upload.checksum_algorithm)


def _matching_part(snapshot: Snapshot, upload_id: str, choice: PartChoice, algorithm: ChecksumAlgorithm) -> PartRecord:
    data = snapshot.get(layout.part(upload_id, choice.number)) if 0 < choice.number <= MAX_PARTS else None
    part = None if data is None else PART.decode(data)
    if (
        part is None
        or part.etag != choice.etag.strip('"')
        or (choice.checksum is not None and choice.checksum != part.checksums.get(algorithm.value))
    ):
        raise Problem(errors.PART_INVALID, PartNumber=choice.number, ETag=choice.etag[:64])
    return part


def _checksum(upload: UploadRecord, parts: tuple[PartRecord, ...]) -> ChecksumRecord:
    algorithm = upload_algorithm(upload)
    kind = algorithm.default_type if upload.checksum_type is None else ChecksumType(upload.checksum_type)
    values = [part.checksums[algorithm.value] for part in parts]
    if kind is ChecksumType.COMPOSITE:
        value = composite(algorithm, values)
    else:
        value = full_object(algorithm, zip(values, [part.size for part in parts], strict=True))
    return ChecksumRecord(algorithm=algorithm.value, value=value, type=kind.value)
