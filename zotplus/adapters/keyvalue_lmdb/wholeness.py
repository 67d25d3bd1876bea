"""Whether a store's file holds all pages that it says it has: the engine maps it, and dies of a page beyond its end.

Format: LMDB 0.9, ``mdb.c``, ``MDB_meta``: the first two pages each hold magic number, version and the number of the
last page in use; the one of the later transaction counts. Numbers are in the machine's byte order.
"""

import struct
from pathlib import Path

from zotplus.domain import errors
from zotplus.domain.errors import Problem

_MAGIC = 0xBEEFC0DE
_META = struct.Struct("=16xII8x8xI92xQQ")  # page head, magic, version, address, map size, page size, …, last page, txn
_PAGE_MIN, _PAGE_MAX = 512, 65_536


def require_whole(path: Path) -> None:
    """Refuse a file that was cut off, or is no store. Raises ``STORAGE_FAILED``."""
    size = path.stat().st_size
    with path.open("rb") as file:
        first = _meta(file.read(_META.size))
        if first is None:
            raise Problem(errors.STORAGE_FAILED, f"{path} is no metadata store.")
        page, last, transaction = first
        file.seek(page)
        second = _meta(file.read(_META.size))
    if second is not None and second[2] > transaction:
        last = second[1]
    needed = (last + 1) * page
    if size < needed:
        raise Problem(errors.STORAGE_FAILED, f"{path} is cut off: it has {size} bytes of {needed}.")


def _meta(data: bytes) -> tuple[int, int, int] | None:
    """Page size, last page and transaction of a meta page; None where it is none."""
    if len(data) < _META.size:
        return None
    magic, _, page, last, transaction = _META.unpack(data)
    is_page = _PAGE_MIN <= page <= _PAGE_MAX and page & (page - 1) == 0
    return (page, last, transaction) if magic == _MAGIC and is_page else None
