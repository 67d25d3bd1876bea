from pathlib import Path

from tests.contracts.blobs import BlobsContract
from zotplus.adapters.blobs_memory import BlobsMemory


class TestBlobsMemory(BlobsContract):
    def new_store(self, folder: Path) -> BlobsMemory:
        return BlobsMemory()
