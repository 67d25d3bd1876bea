"""A content store made of several: one for each storage class that has its own, and one for everything else."""

from zotplus.adapters.blobs_classes.store import BlobsByClass, LocalBlobsByClass

__all__ = ("BlobsByClass", "LocalBlobsByClass")
