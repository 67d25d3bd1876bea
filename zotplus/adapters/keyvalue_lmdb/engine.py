"""One opened LMDB environment: its locks, its growth and its room.

Two locks keep the map in place while somebody looks into it. ``reading`` is held by every read, which is short;
``writing`` is held by the committing thread from begin to commit. The map is changed only under both, taken in this
order. The committing thread lets go of ``writing`` before it asks for both.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import lmdb

from zotplus.adapters.keyvalue_lmdb.faults import FULL, is_full
from zotplus.adapters.keyvalue_lmdb.settings import LmdbSettings
from zotplus.domain import failpoints

_ROOT_PAGES = 3  # two meta pages and the leaf that names the two databases
_ALLOCATION_RESERVES = 4  # the file grows by this many reserves at once


class Room(Enum):
    """What a change finds before it begins."""

    ENOUGH = "enough"
    MAP_NEARLY_FULL = "map nearly full"
    """The map can and should grow first."""
    EXHAUSTED = "exhausted"
    """Only the reserve is left, and neither map nor file can grow."""


class Engine:
    """An environment of this process. Never used in a process forked from it: LMDB's locks do not cross a fork."""

    def __init__(self, settings: LmdbSettings) -> None:
        folder = Path(settings.path)
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings = settings
        self.environment = lmdb.open(
            settings.path,
            map_size=settings.map_size_bytes,
            max_dbs=2,
            max_readers=settings.max_readers,
            mode=0o600,
            sync=settings.fsync == "always",  # metasync stays on: without it the last change may be undone by a crash
            writemap=False,  # with it a stray pointer can write into the store, and it writes ten times as much
            meminit=True,  # without it freed memory, which may hold a secret, gets into the file
            readahead=False,  # lookups are random, and the store may be larger than memory
            max_spare_txns=2,  # a reader's slot is kept: a fifth off the price of a read
        )
        self.reading = threading.RLock()
        self.writing = threading.Lock()
        self.records = self.environment.open_db(b"records")
        self.overflow = self.environment.open_db(b"overflow")
        self._page_size: int = self.environment.stat()["psize"]
        # Closing a descriptor of data.mdb is harmless; LMDB's fcntl locks are on lock.mdb, which we never open.
        self._file = os.open(folder / "data.mdb", os.O_RDWR | os.O_CLOEXEC)
        self._can_allocate = True
        self.environment.reader_check()
        if settings.fsync == "always":  # LMDB syncs what is in its file, never the file's name
            _sync_folders(folder, folder.parent, *[one.parent for one in made])

    def begin_read(self) -> "lmdb.Transaction[bytes]":
        """Begin a reading transaction; ``reading`` must be held until it has ended."""
        while True:
            try:
                return self.environment.begin(self.records)
            except lmdb.MapResizedError:
                self._adopt_map()

    @contextlib.contextmanager
    def begin_write(self) -> Iterator["lmdb.Transaction[bytes]"]:
        """A writing transaction, with ``writing`` held. It is aborted unless the block commits it."""
        while True:
            with self.writing:
                try:
                    transaction = self.environment.begin(self.records, write=True)
                except lmdb.MapResizedError:
                    transaction = None
                if transaction is not None:
                    try:
                        yield transaction
                    finally:
                        transaction.abort()  # does nothing after a commit
                    return
            self._adopt_map()

    def _adopt_map(self) -> None:
        """Take over the map size that another process has set."""
        with self.reading, self.writing:
            self.environment.set_mapsize(0)

    def grow_map(self) -> bool:
        """Enlarge the map; False when it has its final size. Neither lock may be held for writing."""
        size: int = self.environment.info()["map_size"]
        if size >= self._settings.map_limit_bytes:
            return False
        larger = min(size * self._settings.map_growth_factor, self._settings.map_limit_bytes)
        failpoints.hit("keyvalue.before_grow")
        with self.reading, self.writing:
            self.environment.set_mapsize(larger - larger % self._page_size)
        failpoints.hit("keyvalue.after_grow")
        return True

    def room(self, transaction: "lmdb.Transaction[bytes]") -> Room:
        """How a writing ``transaction`` stands; allocates the file ahead if that is due.

        Allocating happens under the store's write lock, which the transaction holds, so that no other process writes
        into the range at the same time (where the file system cannot allocate, the C library fills in zeros).
        Pages freed a moment ago, which a reader may still hold, count as room: a commit may yet find none, and says so.
        """
        reserve = self._settings.reserve_bytes
        live = self._live_bytes(transaction)
        map_size: int = self.environment.info()["map_size"]
        if map_size - live < reserve:
            can_grow = map_size < self._settings.map_limit_bytes // self._page_size * self._page_size
            return Room.MAP_NEARLY_FULL if can_grow else Room.EXHAUSTED
        size = os.fstat(self._file).st_size
        if size - live >= reserve or size >= map_size or not self._can_allocate:
            return Room.ENOUGH
        return self._allocate(size, min(_ALLOCATION_RESERVES * reserve, map_size - size))

    def _live_bytes(self, transaction: "lmdb.Transaction[bytes]") -> int:
        """Bytes of all pages in use; the others of the file are free for the next change."""
        pages = _ROOT_PAGES
        for database in (self.records, self.overflow):
            stat = transaction.stat(database)
            pages += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        return pages * self._page_size

    def _allocate(self, size: int, more: int) -> Room:
        try:
            os.posix_fallocate(self._file, size, more)
        except OSError as error:
            if error.errno in FULL:
                return Room.EXHAUSTED
            self._can_allocate = False  # the file system cannot; then a full disk shows in a commit, which is undone
        return Room.ENOUGH

    def is_full(self, error: Exception) -> bool:
        """Whether ``error`` means that there is no room. LMDB tells a short write as EIO, whatever cut it short."""
        if is_full(error):
            return True
        if os.strerror(errno.EIO) not in str(error):
            return False
        disk = os.fstatvfs(self._file)
        return disk.f_bavail * disk.f_frsize < self._settings.reserve_bytes

    def close(self) -> None:
        """Release everything. No transaction may be open."""
        with self.reading, self.writing:
            self.environment.close()
            os.close(self._file)


def _sync_folders(*folders: Path) -> None:
    """Make the names in ``folders`` durable. Every process does: another may have made them and not synced yet."""
    for folder in folders:
        with contextlib.suppress(PermissionError):  # a mount point's parent need not be ours to open
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
