"""Metadata in LMDB: one machine, many processes, one writer at a time, durable in groups."""

from zotplus.adapters.keyvalue_lmdb.settings import LmdbSettings
from zotplus.adapters.keyvalue_lmdb.store import KeyValueLmdb

__all__ = ["KeyValueLmdb", "LmdbSettings"]
