"""Listing objects and uploads in pages. Spec: Amazon S3 API, ``ListObjectsV2``, ``ListMultipartUploads``."""

from itertools import islice

from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.objects import fragment_of
from zotplus.records.uploads import UPLOAD
from zotplus.services.projections import upload_info
from zotplus.services.values import ListEntry, Listing, ListQuery, UploadInfo
from zotplus.services.walk import Found, Walk, resume_after, walk, wire

_NAME = layout.OBJECT_KEY_OFFSET


def list_objects(snapshot: Snapshot, bucket_id: bytes, query: ListQuery) -> Listing:
    """One page of objects and common prefixes. ``limit`` 0 gives an empty last page, as Amazon does."""
    prefix, delimiter, marker = wire(query.prefix), wire(query.delimiter), wire(query.after)
    base, resume = layout.objects(bucket_id), resume_after(prefix, delimiter, marker)
    items: list[ListEntry | str] = []
    if query.limit > 0 and delimiter:
        wanted = Walk(base=base, prefix=prefix, delimiter=delimiter, resume=resume)
        items = _rolled_up(snapshot, wanted, query.limit + 1)
    elif query.limit > 0 and resume.startswith(prefix):
        # Without a delimiter nothing is rolled up, and a thousand entries are worth a loop of their own.
        found = islice(snapshot.scan(base + resume, layout.after(base + prefix)), query.limit + 1)
        items = [ListEntry(key[_NAME:].decode(), fragment_of(value)) for key, value in found]
    if len(items) <= query.limit:
        return Listing(items=tuple(items))
    items.pop()
    last = items[-1]
    return Listing(items=tuple(items), next_after=last if isinstance(last, str) else last.key)


def list_uploads(
    snapshot: Snapshot, bucket_id: bytes, query: ListQuery, after_upload: str
) -> tuple[tuple[UploadInfo | str, ...], tuple[str, str] | None]:
    """One page of unfinished uploads, by key and upload id, and the marker to go on from.

    ``query.after`` is a key or common prefix; with ``after_upload`` that key's later uploads still come.
    """
    prefix, delimiter, marker = wire(query.prefix), wire(query.delimiter), wire(query.after)
    base = layout.uploads(bucket_id)
    resume = resume_after(prefix, delimiter, marker)
    if resume == marker + b"\0" and not after_upload:
        resume = marker + b"\1"  # behind the separator, and with it behind all uploads of the key
    elif resume == marker + b"\0":
        resume += wire(after_upload) + b"\0"
    wanted = Walk(base=base, prefix=prefix, delimiter=delimiter, resume=resume)
    if b"\0" in prefix or query.limit == 0:
        return (), None
    found = list(islice(walk(snapshot, wanted, _upload_name), query.limit + 1))
    items = tuple([_upload_item(one) for one in found[: query.limit]])
    if len(found) <= query.limit:
        return items, None
    last = items[-1]
    return items, (last, "") if isinstance(last, str) else (last.key, last.upload_id)


def _upload_name(key: bytes) -> bytes:
    return layout.split_upload(key)[0]


def _rolled_up(snapshot: Snapshot, wanted: Walk, limit: int) -> list[ListEntry | str]:
    """As ``walk``, in a loop of its own: a page of a thousand takes some seven hundredths less."""
    delimiter, behind_prefix = wanted.delimiter, len(wanted.base) + len(wanted.prefix)
    stop = layout.after(wanted.base + wanted.prefix)
    start: bytes | None = wanted.base + wanted.resume
    items: list[ListEntry | str] = []
    while start is not None and (stop is None or start < stop) and len(items) < limit:
        for key, value in snapshot.scan(start, stop):
            cut = key.find(delimiter, behind_prefix)
            if cut >= 0:
                common = key[: cut + len(delimiter)]
                items.append(common[_NAME:].decode())
                break
            items.append(ListEntry(key[_NAME:].decode(), fragment_of(value)))
            if len(items) == limit:
                return items
        else:
            return items
        start = layout.after(common)  # one search skips all that is rolled up
    return items


def _upload_item(found: Found) -> UploadInfo | str:
    if found.common is not None:
        return found.common.decode()
    name, upload_id = layout.split_upload(found.key)
    return upload_info(name.decode(), upload_id, UPLOAD.decode(found.value))
