import os
import stat
from pathlib import Path

import pytest

from tests.contracts.blobs import LARGE, BlobsContract, put, read, sha256
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import SupportsLocalPath


class TestBlobsFilesystem(BlobsContract):
    def new_store(self, folder: Path) -> BlobsFilesystem:
        return BlobsFilesystem(FilesystemBlobsSettings(path=str(folder), fsync="off"))

    async def test_a_blob_is_one_file_under_its_digest_and_private(self, store, tmp_path):
        digest = await put(store, LARGE)
        file = tmp_path / "store" / "blobs" / "sha256" / digest[:2] / digest
        assert file.read_bytes() == LARGE
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        for folder in (tmp_path / "store", *file.parents[:3], tmp_path / "store" / "staging"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list((tmp_path / "store" / "staging").iterdir()) == []
        assert isinstance(store, SupportsLocalPath)
        assert Path(store.local_path(digest)) == file

    async def test_a_file_put_there_by_another_program_is_served_and_other_names_are_not(self, store, tmp_path):
        await store.check()
        folder = tmp_path / "store" / "blobs" / "sha256" / sha256(b"x")[:2]
        (folder / sha256(b"x")).write_bytes(b"x")
        (folder / "README").write_text("not a blob")
        assert await read(store, sha256(b"x")) == b"x"
        assert [info.digest async for info in store.list()] == [sha256(b"x")]

    async def test_a_file_cut_by_another_program_is_never_served_short(self, store):
        digest = await put(store, LARGE)
        os.truncate(store.local_path(digest), 1000)
        with pytest.raises(Problem) as caught:
            await read(store, digest, 0, len(LARGE))
        assert caught.value.fault is errors.BLOB_MISSING

    async def test_a_symbolic_link_is_not_followed(self, store, tmp_path):
        await store.check()
        (tmp_path / "secret").write_text("secret")
        Path(store.local_path(sha256(b"x"))).symlink_to(tmp_path / "secret")
        with pytest.raises(Problem) as caught:
            await read(store, sha256(b"x"))
        assert caught.value.fault is errors.STORAGE_FAILED

    async def test_a_quarantined_blob_can_be_looked_at(self, store, tmp_path):
        digest = await put(store, b"damaged")
        await store.quarantine(digest)
        assert (tmp_path / "store" / "quarantine" / digest).read_bytes() == b"damaged"


class TestBlobsFilesystemSynced(BlobsContract):
    def new_store(self, folder: Path) -> BlobsFilesystem:
        return BlobsFilesystem(FilesystemBlobsSettings(path=str(folder), fsync="always"))

    def test_it_behaves_as_a_dictionary(self, tmp_path):
        pytest.skip("the same machine runs unsynced; a disk would be busy for a minute")
