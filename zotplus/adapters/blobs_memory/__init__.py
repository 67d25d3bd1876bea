"""Content in memory: for tests, demonstrations and a gateway that keeps nothing. One process only."""

from zotplus.adapters.blobs_memory.store import BlobsMemory

__all__ = ["BlobsMemory"]
