"""Quotas of buckets: what would grow past one is refused before its body is read."""

import asyncio

import pytest

from tests.faces.s3 import uploads
from tests.faces.s3.uploads import begin, complete


@pytest.fixture
async def bounded(stage):
    """A bucket of at most 100 bytes and three objects, with one of 40 bytes in it."""
    await stage.put("one", b"x" * 40)
    await stage.services.usage.set_quota("bucket", 100, 3)
    return stage


async def usage(stage):
    found = await stage.services.usage.read("bucket")
    return found.size, found.objects


async def test_an_upload_that_would_pass_the_bytes_is_refused_before_its_body(bounded):
    answer = await bounded.put("two", b"x" * 61)
    assert (answer.status, answer.code, answer.body_was_read) == (403, "QuotaExceeded", False)
    assert "needs 61 bytes and 1 object more" in answer.xml.findtext("Message")
    assert "40 of 100 bytes and 1 of 3 objects" in answer.xml.findtext("Message")
    assert (await bounded.put("two", b"x" * 60)).status == 200
    assert await usage(bounded) == (100, 2)


async def test_an_upload_that_would_pass_the_objects_is_refused_before_its_body(bounded):
    for key in ("two", "three"):
        assert (await bounded.put(key, b"")).status == 200
    answer = await bounded.put("four", b"")
    assert (answer.status, answer.code) == (403, "QuotaExceeded")
    assert (await bounded.ask("DELETE", "/bucket/two")).status == 204
    assert (await bounded.put("four", b"")).status == 200


async def test_an_object_can_be_overwritten_at_the_quota(bounded):
    for key in ("two", "three"):
        await bounded.put(key, b"x" * 30)
    assert await usage(bounded) == (100, 3)
    assert (await bounded.put("one", b"y" * 40)).status == 200
    assert (await bounded.put("one", b"y" * 41)).code == "QuotaExceeded"
    assert (await bounded.put("one", b"")).status == 200
    assert await usage(bounded) == (60, 3)


async def test_every_version_counts_and_delete_markers_do_not(bounded):
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    await bounded.ask("PUT", "/bucket", query="versioning", body=enabled)
    newest = (await bounded.put("one", b"x" * 40)).headers["x-amz-version-id"]
    assert await usage(bounded) == (80, 2)
    assert (await bounded.put("one", b"x" * 40)).code == "QuotaExceeded"
    await bounded.ask("DELETE", "/bucket/one")
    assert await usage(bounded) == (80, 2)
    await bounded.ask("DELETE", "/bucket/one", query=f"versionId={newest}")
    assert await usage(bounded) == (40, 1)


async def test_copies_and_parts_count_too(bounded):
    copy = {"x-amz-copy-source": "/bucket/one"}
    assert (await bounded.ask("PUT", "/bucket/two", headers=copy)).status == 200
    assert (await bounded.ask("PUT", "/bucket/three", headers=copy)).code == "QuotaExceeded"
    made = await bounded.ask("POST", "/bucket/three", query="uploads")
    upload = made.text("UploadId")
    large = await bounded.ask("PUT", "/bucket/three", query=f"partNumber=1&uploadId={upload}", body=b"x" * 21)
    assert (large.code, large.body_was_read) == ("QuotaExceeded", False)
    part = await bounded.ask("PUT", "/bucket/three", query=f"partNumber=1&uploadId={upload}", body=b"x" * 20)
    await bounded.services.usage.set_quota("bucket", 0, 2)
    refused = await complete(bounded, upload, (1, part.headers["ETag"]), key="three")
    assert refused.code == "QuotaExceeded"
    assert "needs 1 object more" in refused.xml.findtext("Message")
    assert await usage(bounded) == (80, 2)
    await bounded.services.usage.set_quota("bucket", 90, 0)  # what was sent may be more than a new quota: it is there
    assert (await complete(bounded, upload, (1, part.headers["ETag"]), key="three")).status == 200
    assert await usage(bounded) == (100, 3)


class Upload:
    """A multipart upload of ``three`` in the bounded bucket."""

    def __init__(self, stage, upload):
        self.stage = stage
        self.id = upload

    async def part(self, number, size, **options):
        return await uploads.part(self.stage, self.id, number, b"x" * size, key="three", **options)

    async def complete(self, *etags):
        return await complete(self.stage, self.id, *enumerate(etags, 1), key="three")

    async def abort(self):
        return await self.stage.ask("DELETE", "/bucket/three", query=f"uploadId={self.id}")

    async def unfinished(self):
        assert await self.stage.services.usage.prove(repair=False) == []
        return (await self.stage.services.usage.read("bucket")).parts


@pytest.fixture
async def upload(bounded):
    return Upload(bounded, await begin(bounded, "three"))


async def test_parts_count_together_before_they_are_an_object(bounded, upload):
    """Else whoever may write to a bucket could fill the disk with uploads that are never completed."""
    assert [(await upload.part(number, 30)).status for number in (1, 2)] == [200, 200]
    assert await upload.unfinished() == 60
    third = await upload.part(3, 1)
    assert (third.status, third.code, third.body_was_read) == (403, "QuotaExceeded", False)
    told = "needs 1 bytes more, and the bucket holds 100 of 100 bytes (60 of them in unfinished uploads) and 1 of 3"
    assert told in third.xml.findtext("Message")
    assert (await bounded.put("two", b"x")).code == "QuotaExceeded"
    assert (await bounded.put("two", b"")).status == 200
    assert await usage(bounded) == (40, 2)


async def test_a_part_that_is_sent_again_counts_once(upload):
    await upload.part(1, 60)
    assert (await upload.part(1, 60)).status == 200
    assert (await upload.part(1, 61)).code == "QuotaExceeded"
    assert (await upload.part(1, 10)).status == 200
    assert await upload.unfinished() == 10


@pytest.mark.parametrize("number", ["0", "10001", "70000"])
async def test_a_part_is_judged_by_its_number_before_the_quota(upload, number):
    assert (await upload.part(number, 70)).code == "InvalidArgument"


async def test_copied_parts_are_bounded_too_and_nothing_is_copied_in_vain(bounded, upload):
    assert (await upload.part(1, 30)).status == 200
    for wanted, status in (("bytes=0-29", 200), ("bytes=0-30", 403)):
        headers = {"x-amz-copy-source": "/bucket/one", "x-amz-copy-source-range": wanted}
        assert (await upload.part(2, 0, headers=headers)).status == status
        assert len(bounded.blobs.blobs) == 1  # the same 30 bytes
    assert await upload.unfinished() == 60


async def test_parts_at_once_cannot_pass_a_quota_together(upload):
    answers = await asyncio.gather(*[upload.part(number, 30) for number in range(1, 9)])
    assert sorted(answer.status for answer in answers) == [200, 200, *[403] * 6]
    assert await upload.unfinished() == 60


async def test_what_ends_an_upload_gives_its_parts_back(bounded, upload):
    etags = [(await upload.part(number, 30)).headers["ETag"] for number in (1, 2)]
    assert (await upload.complete(etags[0])).status == 200
    assert (await usage(bounded), await upload.unfinished()) == ((70, 2), 0)
    again = Upload(bounded, await begin(bounded, "three"))
    await again.part(1, 30)
    assert await again.unfinished() == 30
    assert (await again.abort()).status == 204
    assert (await usage(bounded), await again.unfinished()) == ((70, 2), 0)


@pytest.mark.parametrize("quota", [100, 50])
@pytest.mark.parametrize("versioning", ["", "Enabled", "Suspended"])
async def test_an_upload_that_was_taken_can_be_completed_whatever_the_quota_is_now(bounded, upload, versioning, quota):
    if versioning:
        status = f"<VersioningConfiguration><Status>{versioning}</Status></VersioningConfiguration>".encode()
        assert (await bounded.ask("PUT", "/bucket", query="versioning", body=status)).status == 200
    etag = (await upload.part(1, 60)).headers["ETag"]
    await bounded.services.usage.set_quota("bucket", quota, 2)
    assert (await upload.complete(etag)).status == 200
    assert (await usage(bounded), await upload.unfinished()) == ((100, 2), 0)


async def test_a_refused_completion_leaves_its_parts_counted(bounded, upload):
    etag = (await upload.part(1, 60)).headers["ETag"]
    await bounded.services.usage.set_quota("bucket", 100, 1)
    assert (await upload.complete(etag)).code == "QuotaExceeded"
    assert (await usage(bounded), await upload.unfinished()) == ((40, 1), 60)


async def test_writers_at_once_cannot_pass_a_quota_together(bounded):
    """Each of them alone would fit, and all are admitted before the first is stored."""
    answers = await asyncio.gather(*[bounded.put(f"k{number}", b"x" * 30) for number in range(8)])
    assert sorted(answer.status for answer in answers) == [200, 200, *[403] * 6]
    assert await usage(bounded) == (100, 3)


async def test_a_bucket_that_holds_more_than_its_new_quota_can_shrink(bounded):
    await bounded.services.usage.set_quota("bucket", 10, 1)
    assert (await bounded.put("two", b"")).code == "QuotaExceeded"
    assert (await bounded.put("one", b"x" * 41)).code == "QuotaExceeded"
    assert (await bounded.put("one", b"x" * 40)).status == 200
    assert (await bounded.put("one", b"x" * 30)).status == 200
    renamed = {"x-amz-rename-source": "one"}
    assert (await bounded.ask("PUT", "/bucket/other", query="renameObject", headers=renamed)).status == 200
    renamed = {"x-amz-rename-source": "other"}
    assert (await bounded.ask("PUT", "/bucket/one", query="renameObject", headers=renamed)).status == 200
    assert (await bounded.ask("DELETE", "/bucket/one")).status == 204
    assert (await bounded.put("two", b"x" * 10)).status == 200


async def test_a_bucket_begins_with_versions_where_that_is_asked_for(stage):
    assert (await stage.ask("PUT", "/versioned", headers={"x-zotplus-versioning": "Enabled"})).status == 200
    assert (await stage.ask("GET", "/versioned", query="versioning")).text("Status") == "Enabled"
    answer = await stage.ask("PUT", "/other", headers={"x-zotplus-versioning": "yes"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")
