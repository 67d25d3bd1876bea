"""What a completed upload becomes: the chosen parts as one record, judged before anything changes.

Spec: Amazon S3 API, ``CompleteMultipartUpload``; S3 User Guide, "Multipart upload limits".
"""

import hashlib
import re
from itertools import pairwise

import msgspec

from zotplus.domain import errors
from zotplus.domain.conditions import WriteConditions
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksums import (
    ChecksumAlgorithm,
    ChecksumType,
    check,
    composite,
    full_object,
    multipart_etag,
)
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import ChecksumRecord, ExtrasRecord, ObjectRecord
from zotplus.records.uploads import COMPLETED, PART, UPLOAD, PartRecord, UploadRecord
from zotplus.services.content.ingest import DEFAULT_ALGORITHM
from zotplus.services.lookups import find_bucket
from zotplus.services.projections import object_info
from zotplus.services.values import Assembly, ObjectInfo, PartChoice

MIN_PART_BYTES = 5 * 1024**2
"""All parts but the last (S3 User Guide, "Multipart upload limits")."""
MAX_OBJECT_BYTES = 5 * 1024**4
"""The same page; raised to 50 TB by Amazon in 2025, which nothing here has been tried with."""
MAX_PARTS = 10_000
"""The same page."""

_is_upload_id = re.compile(rf"[0-9a-f]{{{layout.UPLOAD_ID_BYTES}}}").fullmatch


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A request to complete; ``name`` is the key as stored, ``digest`` tells its list of parts from another."""

    bucket: str
    key: str
    name: bytes
    upload_id: str
    choices: tuple[PartChoice, ...]
    digest: bytes
    conditions: WriteConditions


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What completing will make an object of: the upload and its chosen parts, in order."""

    bucket_id: bytes
    upload: UploadRecord
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


def prepare_completion(snapshot: Snapshot, request: Completion) -> ObjectInfo | Prepared:
    """The object that this upload has already become by this list, or what it will be made of.

    Raises ``BUCKET_NOT_FOUND``, ``UPLOAD_NOT_FOUND``, ``PART_INVALID``, ``PART_TOO_SMALL``, ``ENTITY_TOO_LARGE``.
    """
    done = _find_completed(snapshot, request)
    if done is not None:
        return done
    bucket, upload = require_upload(snapshot, (request.bucket, request.name), request.upload_id)
    parts = tuple([_matching_part(snapshot, request.upload_id, choice) for choice in request.choices])
    _check_sizes(request.choices, parts)
    return Prepared(bucket_id=bucket.id, upload=upload, parts=parts)


def assemble(prepared: Prepared, wanted: Assembly, modified_ms: int) -> ObjectRecord:
    """The object's record. Raises ``REQUEST_INVALID`` for another size, ``CHECKSUM_MISMATCH`` for another checksum."""
    upload, parts, expected = prepared.upload, prepared.parts, wanted.expected
    sizes = tuple([part.size for part in parts])
    if expected.size is not None and expected.size != sum(sizes):
        raise Problem(
            errors.REQUEST_INVALID,
            f"The provided 'x-amz-mp-object-size' header value {expected.size} does not match what was computed: "
            f"{sum(sizes)}",
        )
    checksum = _checksum(upload, parts)
    if expected.checksum is not None:
        if expected.algorithm != checksum.algorithm:
            raise Problem(errors.REQUEST_INVALID, f"The upload is summed with {checksum.algorithm}.")
        check(ChecksumAlgorithm(checksum.algorithm), expected.checksum, checksum.value)
    return ObjectRecord(
        size=sum(sizes),
        etag=multipart_etag([bytes.fromhex(part.etag) for part in parts]),
        modified_ms=modified_ms,
        headers=upload.headers,
        metadata=upload.metadata,
        storage_class=upload.storage_class,
        checksum=checksum,
        slices=tuple([piece for part in parts for piece in part.slices]),
        part_sizes=sizes,
        part_checksums=_part_checksums(upload, parts),
        owner=wanted.by.principal or upload.initiator,
        extras=_extras(prepared),
    )


def _extras(prepared: Prepared) -> ExtrasRecord | None:
    """What few objects have; where the upload is encrypted, with the ids of the parts' streams."""
    extras = prepared.upload.extras
    if extras is None or extras.encryption is None:
        return extras
    streams = b"".join([part.stream for part in prepared.parts])
    return msgspec.structs.replace(extras, encryption=msgspec.structs.replace(extras.encryption, detail=streams))


def check_mode(prepared: Prepared, wanted: Assembly) -> None:
    """Raises ``REQUEST_INVALID`` for another checksum type than the upload's, and for a composite's bare part.

    ``PART_ORDER_INVALID`` for a composite's parts that are not numbered 1, 2, 3 … Spec: API Reference, CompletedPart.
    """
    upload = prepared.upload
    if upload.checksum_algorithm is None or upload.checksum_type is None:
        return
    if wanted.checksum_type not in (None, upload.checksum_type):
        raise Problem(
            errors.REQUEST_INVALID,
            f"The upload was created using the {upload.checksum_type} checksum mode. The complete request must use the "
            "same checksum mode.",
        )
    if upload.checksum_type != ChecksumType.COMPOSITE:
        return
    missing = [choice.number for choice in wanted.parts if choice.checksum is None]
    if missing:
        raise Problem(
            errors.REQUEST_INVALID,
            f"The upload was created using a {upload.checksum_algorithm.lower()} checksum. The complete request must "
            f"include the checksum for each part. It was missing for part {missing[0]} in the request.",
        )
    if wanted.parts[-1].number != len(wanted.parts):
        detail = "Parts of an upload with checksums of its parts are numbered from 1 without gaps."
        raise Problem(errors.PART_ORDER_INVALID, detail)


def require_upload(snapshot: Snapshot, address: tuple[str, bytes], upload_id: str) -> tuple[BucketRecord, UploadRecord]:
    """Bucket and upload. Raises ``BUCKET_NOT_FOUND``, ``UPLOAD_NOT_FOUND``."""
    name, key = address
    bucket = find_bucket(snapshot, name)
    data = snapshot.get(layout.upload(bucket.id, key, upload_id)) if _is_upload_id(upload_id) else None
    if data is None:
        raise Problem(errors.UPLOAD_NOT_FOUND, upload_id=upload_id[:64])
    return bucket, UPLOAD.decode(data)


def upload_algorithm(upload: UploadRecord) -> ChecksumAlgorithm:
    """The algorithm that every part of an upload is summed with."""
    return DEFAULT_ALGORITHM if upload.checksum_algorithm is None else ChecksumAlgorithm(upload.checksum_algorithm)


def _find_completed(snapshot: Snapshot, request: Completion) -> ObjectInfo | None:
    """The object that this very upload became by this very list of parts, or None."""
    bucket = find_bucket(snapshot, request.bucket)
    data = snapshot.get(layout.completed(request.upload_id)) if _is_upload_id(request.upload_id) else None
    if data is None:
        return None
    done = COMPLETED.decode(data)
    if (done.bucket_id, done.key, done.choice) != (bucket.id, request.name, request.digest):
        return None
    return object_info(request.key, done.object, bucket)


def _check_sizes(choices: tuple[PartChoice, ...], parts: tuple[PartRecord, ...]) -> None:
    for choice, part in zip(choices[:-1], parts[:-1], strict=True):
        if part.size < MIN_PART_BYTES:
            raise Problem(
                errors.PART_TOO_SMALL,
                PartNumber=choice.number,
                ETag=part.etag,
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART_BYTES,
            )
    size = sum([part.size for part in parts])
    if size > MAX_OBJECT_BYTES:
        raise Problem(errors.ENTITY_TOO_LARGE, ProposedSize=size, MaxSizeAllowed=MAX_OBJECT_BYTES)


def _matching_part(snapshot: Snapshot, upload_id: str, choice: PartChoice) -> PartRecord:
    data = snapshot.get(layout.part(upload_id, choice.number)) if 0 < choice.number <= MAX_PARTS else None
    part = None if data is None else PART.decode(data)
    if part is None or part.etag != choice.etag.strip('"'):
        raise Problem(errors.PART_INVALID, PartNumber=choice.number, ETag=choice.etag[:64])
    if choice.algorithm is None:
        return part
    known = part.checksums.get(choice.algorithm)
    if known is None:
        given = choice.algorithm.lower()
        raise Problem(
            errors.DIGEST_MISMATCH,
            f"The {given} you specified for part {choice.number} did not match what we received.",
        )
    if choice.checksum != known:
        raise Problem(errors.PART_INVALID, PartNumber=choice.number, ETag=choice.etag[:64])
    return part


def _part_checksums(upload: UploadRecord, parts: tuple[PartRecord, ...]) -> tuple[str, ...]:
    """Those of the parts, where the upload asked for an algorithm; the server's own is nobody's business."""
    if upload.checksum_algorithm is None:
        return ()
    return tuple([part.checksums[upload.checksum_algorithm] for part in parts])


def _checksum(upload: UploadRecord, parts: tuple[PartRecord, ...]) -> ChecksumRecord:
    algorithm = upload_algorithm(upload)
    kind = algorithm.default_type if upload.checksum_type is None else ChecksumType(upload.checksum_type)
    values = [part.checksums[algorithm.value] for part in parts]
    if kind is ChecksumType.COMPOSITE:
        value = composite(algorithm, values)
    else:
        value = full_object(algorithm, zip(values, [part.size for part in parts], strict=True))
    return ChecksumRecord(algorithm=algorithm.value, value=value, type=kind.value)
