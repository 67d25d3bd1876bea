"""RenameObject: another key, and nothing else changes."""

import asyncio
import time

import pytest

from tests.faces.s3.stage import NOBODY
from zotplus.services.identity.roles import Role

LARGE = b"x" * 50_000


async def rename(stage, source="old", target="new", **options):
    headers = {"x-amz-rename-source": source, **options.pop("headers", {})}
    return await stage.ask("PUT", f"/bucket/{target}", query="renameObject", headers=headers, **options)


async def keys(stage):
    return (await stage.ask("GET", "/bucket", query="list-type=2")).texts("Contents/Key")


async def test_a_renamed_object_is_what_it_was(stage):
    sent = {"Content-Type": "text/x", "x-amz-meta-a": "b", "x-amz-tagging": "c=d"}
    await stage.put("old", LARGE, headers=sent)
    before = await stage.ask("GET", "/bucket/old")
    answer = await rename(stage)
    assert (answer.status, answer.body) == (200, b"")
    after = await stage.ask("GET", "/bucket/new")
    assert after.body == LARGE
    for name in ("ETag", "Last-Modified", "Content-Type", "x-amz-meta-a", "x-amz-tagging-count"):
        assert after.headers[name] == before.headers[name]
    assert await keys(stage) == ["new"]
    assert await stage.services.usage.prove(repair=False) == []
    assert (await stage.services.scrub.run()).findings == ()


async def test_what_is_at_the_target_goes(stage):
    await stage.put("old", b"1")
    await stage.put("new", LARGE)
    assert (await rename(stage)).status == 200
    assert (await stage.ask("GET", "/bucket/new")).body == b"1"
    assert await stage.services.usage.prove(repair=False) == []
    assert (await stage.services.scrub.run()).findings == ()


@pytest.mark.parametrize("source", ["a%20b%2F%C3%A4", "/bucket/a%20b/%C3%A4", "%2Fbucket%2Fa%20b%2F%C3%A4"])
async def test_the_source_is_encoded_and_may_begin_with_the_bucket(stage, source):
    await stage.put("a b/ä", b"1")
    assert (await rename(stage, source)).status == 200
    assert await keys(stage) == ["new"]


@pytest.mark.parametrize(("source", "code"), [
    ("", "InvalidArgument"),
    ("/bucket/", "InvalidArgument"),
    ("/other/old", "InvalidArgument"),
    ("%zz", "InvalidArgument"),
    ("%FF", "InvalidArgument"),
    ("k" * 5000, "InvalidArgument"),
    ("k" * 1025, "KeyTooLongError"),
    ("missing", "NoSuchKey"),
    ("new", "InvalidRequest"),
])  # fmt: skip
async def test_a_source_that_cannot_be_is_refused(stage, source, code):
    await stage.put("new")
    assert (await rename(stage, source)).code == code
    assert await keys(stage) == ["new"]


async def test_both_ends_can_have_conditions(stage):
    etag = (await stage.put("old", b"1")).headers["ETag"]
    other = (await stage.put("new", b"2")).headers["ETag"]
    long_ago, ahead = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for headers in (
        {"If-None-Match": "*"},
        {"If-Match": etag},
        {"If-Unmodified-Since": long_ago},
        {"x-amz-rename-source-if-match": other},
        {"x-amz-rename-source-if-none-match": etag},
        {"x-amz-rename-source-if-modified-since": ahead},
        {"x-amz-rename-source-if-unmodified-since": long_ago},
    ):
        answer = await rename(stage, headers=headers)
        assert (answer.status, answer.code) == (412, "PreconditionFailed"), headers
    assert (await rename(stage, target="absent", headers={"If-Match": etag})).code == "PreconditionFailed"
    fine = {"If-Match": other, "x-amz-rename-source-if-match": etag}
    assert (await rename(stage, headers=fine)).status == 200
    assert (await rename(stage, "new", "third", headers={"If-None-Match": "*"})).status == 200


async def test_a_rename_that_is_sent_again_succeeds_again(stage):
    await stage.put("old", b"1")
    token = {"x-amz-client-token": "t" * 36}
    assert (await rename(stage, headers=token)).status == 200
    assert (await rename(stage, headers=token)).status == 200
    assert (await rename(stage)).code == "NoSuchKey"
    answer = await rename(stage, "new", "third", headers=token)
    assert (answer.status, answer.code) == (400, "IdempotencyParameterMismatch")
    assert (await rename(stage, headers={"x-amz-client-token": "t" * 257})).code == "InvalidArgument"
    assert await keys(stage) == ["new"]


async def test_tokens_are_forgotten_after_a_day(stage):
    await stage.put("old", b"1")
    token = {"x-amz-client-token": "one"}
    await rename(stage, headers=token)
    await stage.services.collector.run()
    assert (await rename(stage, headers=token)).status == 200

    await stage.services.collector.run(time.time() + 90_000)
    assert (await rename(stage, headers=token)).code == "NoSuchKey"


async def test_a_bucket_that_keeps_versions_has_no_renames(stage):
    await stage.put("old")
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    await stage.ask("PUT", "/bucket", query="versioning", body=enabled)
    answer = await rename(stage)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


async def test_a_rename_needs_the_rights_of_all_that_it_does(stage):
    await stage.put("mine/tagged", headers={"x-amz-tagging": "a=b"})
    await stage.put("theirs/one")
    await stage.services.grants.give(NOBODY.access_key, Role.PUBLISHER, "s3:bucket/mine/*")
    await stage.services.grants.give(NOBODY.access_key, Role.READER, "s3:bucket/theirs/*")
    assert (await rename(stage, "theirs/one", "mine/one", signed=NOBODY)).status == 403
    assert (await rename(stage, "mine/tagged", "theirs/new", signed=NOBODY)).status == 403
    assert (await rename(stage, "mine/missing", "mine/new", signed=NOBODY)).status == 404
    assert await keys(stage) == ["mine/tagged", "theirs/one"]


async def test_tags_that_come_to_the_source_meanwhile_do_not_slip_in(stage, monkeypatch):
    await stage.put("old")
    renaming = stage.services.renaming
    before = renaming.rename

    async def tag_first(wanted):
        await stage.put("old", headers={"x-amz-tagging": "a=b"})
        await before(wanted)

    monkeypatch.setattr(renaming, "rename", tag_first)
    assert (await rename(stage)).status == 403


async def test_a_rename_is_told_as_a_new_object_and_the_end_of_the_old(stage, monkeypatch):
    told = []
    for place in ("zotplus.services.versioning.storing", "zotplus.services.versioning.removing"):
        monkeypatch.setattr(f"{place}.announce", lambda _, __, change: told.append((change.name, change.key)))
    await stage.ask("PUT", "/bucket", query="tagging", body=b"<Tagging><TagSet/></Tagging>")
    await stage.put("old")
    told.clear()
    assert (await rename(stage)).status == 200
    assert told == [("ObjectCreated:Copy", "new"), ("ObjectRemoved:Delete", "old")]


async def test_of_renames_at_once_exactly_one_wins(stage):
    await stage.put("old", LARGE)
    answers = await asyncio.gather(*[rename(stage, target=f"new-{number}") for number in range(8)])
    assert sorted(answer.status for answer in answers) == [200, *[404] * 7]
    assert len(await keys(stage)) == 1
    assert await stage.services.usage.prove(repair=False) == []
    assert (await stage.services.scrub.run()).findings == ()
