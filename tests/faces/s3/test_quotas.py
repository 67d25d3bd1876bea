"""Quotas of buckets: what would grow past one is refused before its body is read."""

import asyncio

import pytest


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
    await bounded.services.usage.set_quota("bucket", 90, 0)
    body = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part>"
        "</CompleteMultipartUpload>"
    ).encode()
    refused = await bounded.ask("POST", "/bucket/three", query=f"uploadId={upload}", body=body)
    assert refused.code == "QuotaExceeded"
    assert "needs 20 bytes and 1 object more" in refused.xml.findtext("Message")
    await bounded.services.usage.set_quota("bucket", 100, 0)
    assert (await bounded.ask("POST", "/bucket/three", query=f"uploadId={upload}", body=body)).status == 200
    assert await usage(bounded) == (100, 3)


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
