from pathlib import Path

import pytest

from tests.contracts.blobs import LARGE, BlobsContract, put, read, sha256
from zotplus.adapters.blobs_classes import BlobsByClass, LocalBlobsByClass
from zotplus.adapters.blobs_fs import BlobsFilesystem, FilesystemBlobsSettings
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import (
    SupportsClasses,
    SupportsLocalPath,
    class_suffix,
    create_with,
    join_address,
    split_address,
)

SMALL = b"small"


class TestBlobsByClass(BlobsContract):
    def new_store(self, folder: Path) -> BlobsByClass:
        return BlobsByClass(BlobsMemory(), {"COLD": BlobsMemory()})


@pytest.fixture
def blobs():
    return BlobsByClass(BlobsMemory(), {"COOL": BlobsMemory(), "COLD": BlobsMemory()})


async def put_in(store, content, storage_class):
    writer = await store.create_in(storage_class)
    await writer.write(content)
    address = join_address(sha256(content), storage_class)
    await writer.commit(address)
    return address


async def test_the_same_content_in_two_classes_is_two_blobs(blobs):
    plain, cold = await put(blobs, LARGE), await put_in(blobs, LARGE, "COLD")
    assert plain != cold
    assert (await blobs.stat(cold)).digest == cold
    assert [info.digest async for info in blobs.list()] == [plain, cold]
    assert await blobs.delete(plain, unchanged_since=2**40)
    assert await blobs.stat(plain) is None
    assert await read(blobs, cold, 10, 100) == LARGE[10:110]
    await blobs.quarantine(cold)
    assert await blobs.stat(cold) is None


async def test_a_blob_is_committed_in_the_class_in_which_it_was_begun(blobs):
    writer = await blobs.create_in("COLD")
    await writer.write(SMALL)
    with pytest.raises(Problem) as raised:
        await writer.commit(join_address(sha256(SMALL), "COOL"))
    assert raised.value.fault is errors.DIGEST_MALFORMED
    await writer.cancel()
    assert [info async for info in blobs.list()] == []


async def test_a_class_that_was_taken_from_the_settings_says_so():
    with pytest.raises(Problem) as raised:
        await BlobsByClass(BlobsMemory(), {}).stat(join_address(sha256(SMALL), "COLD"))
    assert raised.value.fault is errors.STORAGE_FAILED
    assert "COLD" in raised.value.detail


@pytest.mark.parametrize("address", [
    "",
    "0" * 63,
    "0" * 64 + "4",
    "0" * 64 + "434F4C44",
    "0" * 64 + "434f4c4 ",
    "0" * 64 + " 434f4c44",
    "0" * 64 + "2e2e2f",
    "0" * 64 + "636f6c64",
    "0" * 64 + "ff",
    "0" * 64 + "41" * 33,
    "G" * 64,
])  # fmt: skip
def test_an_address_is_a_digest_and_the_name_of_a_class(address):
    with pytest.raises(Problem) as raised:
        split_address(address)
    assert raised.value.fault is errors.DIGEST_MALFORMED


def test_an_address_comes_apart_as_it_was_put_together():
    assert split_address(join_address("0" * 64, "COLD_2")) == ("0" * 64, "COLD_2")
    assert split_address("0" * 64) == ("0" * 64, "")


async def test_only_classes_with_a_store_have_a_suffix(blobs):
    assert isinstance(blobs, SupportsClasses)
    assert class_suffix(blobs, "COLD") == b"COLD"
    assert class_suffix(blobs, "STANDARD_IA") == class_suffix(blobs, "STANDARD") == b""
    assert class_suffix(BlobsMemory(), "COLD") == b""
    assert await create_with(blobs, b"COLD") is not None
    assert await create_with(blobs, b"") is not None
    with pytest.raises(Problem) as raised:
        await create_with(BlobsMemory(), b"COLD")
    assert raised.value.fault is errors.STORAGE_FAILED


async def test_local_files_of_all_classes_have_paths(tmp_path):
    def files(name):
        return BlobsFilesystem(FilesystemBlobsSettings(path=str(tmp_path / name)))

    local = LocalBlobsByClass(files("default"), {"COLD": files("cold")})
    assert isinstance(local, SupportsLocalPath)
    assert not isinstance(BlobsByClass(BlobsMemory(), {}), SupportsLocalPath)
    address = await put_in(local, SMALL, "COLD")
    path = Path(local.local_path(address))
    assert path.is_relative_to(tmp_path / "cold")
    assert path.read_bytes() == SMALL
    await local.check()
    assert await local.sweep(2**40) == 0
    await local.close()
