"""Content as files on a local or network file system, one file per digest."""

from zotplus.adapters.blobs_fs.settings import FilesystemBlobsSettings
from zotplus.adapters.blobs_fs.store import BlobsFilesystem

__all__ = ["BlobsFilesystem", "FilesystemBlobsSettings"]
