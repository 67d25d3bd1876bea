"""What can be set about the metadata store, and why it is what it is."""

from typing import Annotated, Literal

import msgspec

MIB = 1024 * 1024
GIB = 1024 * MIB


class LmdbSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of ``keyvalue_lmdb``."""

    path: str
    """Folder of ``data.mdb`` and ``lock.mdb``, made when missing. On a local disk: LMDB's locks do not work on network
    file systems."""

    fsync: Literal["always", "off"] = "always"
    """``always``: a change is on disk before it is acknowledged. ``off``: the kernel decides when; a crash of the
    machine (not of the process) may lose or damage the whole store, so this is for tests and throw-away data."""

    map_size_bytes: Annotated[int, msgspec.Meta(ge=MIB)] = 16 * GIB
    """Address space mapped at the start. It costs neither memory nor disk, so it begins large: every growth makes all
    processes map anew. Lower it only where the address space is limited (``ulimit -v``)."""

    map_growth_factor: Annotated[int, msgspec.Meta(ge=2, le=16)] = 2
    """By how much the map grows when it is full."""

    map_limit_bytes: Annotated[int, msgspec.Meta(ge=MIB)] = 1024 * GIB
    """Where growth ends and ``storage_full`` begins. One TiB holds some billion records; the address space of a
    process has 128."""

    reserve_bytes: Annotated[int, msgspec.Meta(ge=64 * 1024)] = 8 * MIB
    """Room in map and file that only changes which free space may use. LMDB copies a page to delete from it, so a
    store filled to the last page could never be emptied. The file is allocated ahead of use by four times this
    much: a full disk is met there, before a change is begun."""

    max_readers: Annotated[int, msgspec.Meta(ge=8, le=65536)] = 512
    """Reading transactions at one time over all processes; each worker needs one, each backup one. 64 bytes each,
    fixed by the first process that opens the store."""

    batch_limit: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 256
    """Changes committed together at most. More gain nothing (32 to a commit are already 20 times as fast as one by
    one) and make the first of them wait longer."""
