"""Metadata in memory: for tests, demonstrations and a gateway that keeps nothing. One process only."""

from zotplus.adapters.keyvalue_memory.store import KeyValueMemory

__all__ = ["KeyValueMemory"]
