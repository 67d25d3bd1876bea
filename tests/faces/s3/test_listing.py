"""Lists of objects, in both versions, page by page."""

import hashlib
from urllib.parse import quote

import pytest

from tests.faces.s3.stage import NAMESPACE, UNSIGNED
from zotplus.services.identity.grantees import PUBLIC
from zotplus.services.identity.roles import Role

KEYS = ["a", "a/b", "a/c", "b", "dir/one", "dir/two/x", "ü"]


@pytest.fixture
async def listed(stage):
    for key in KEYS:
        await stage.put(key)
    return stage


async def ask(stage, query):
    answer = await stage.ask("GET", "/bucket", query=query)
    assert answer.status == 200, answer.body
    return answer


def entries(answer):
    return answer.texts("Contents/Key"), answer.texts("CommonPrefixes/Prefix")


@pytest.mark.parametrize("version", ["", "list-type=2&"])
@pytest.mark.parametrize(
    ("query", "keys", "prefixes"),
    [
        ("", KEYS, []),
        ("prefix=a", ["a", "a/b", "a/c"], []),
        ("prefix=a/", ["a/b", "a/c"], []),
        ("prefix=none", [], []),
        ("delimiter=/", ["a", "b", "ü"], ["a/", "dir/"]),
        ("delimiter=/&prefix=dir/", ["dir/one"], ["dir/two/"]),
        ("delimiter=wo", ["a", "a/b", "a/c", "b", "dir/one", "ü"], ["dir/two"]),
        ("max-keys=0", [], []),
    ],
)
async def test_keys_and_prefixes(listed, version, query, keys, prefixes):
    answer = await ask(listed, version + query)
    assert entries(answer) == (keys, prefixes)
    assert answer.text("IsTruncated") == "false"


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("delimiter", ["", "/"])
async def test_pages_of_version_2_make_up_the_whole(listed, size, delimiter):
    whole = entries(await ask(listed, f"list-type=2&delimiter={delimiter}"))
    keys, prefixes, token = [], [], ""
    while True:
        page = await ask(listed, f"list-type=2&delimiter={delimiter}&max-keys={size}{token}")
        found = entries(page)
        assert page.text("KeyCount") == str(len(found[0]) + len(found[1]))
        assert len(found[0]) + len(found[1]) <= size
        keys, prefixes = keys + found[0], prefixes + found[1]
        if page.text("IsTruncated") == "false":
            break
        token = f"&continuation-token={quote(page.text('NextContinuationToken'), safe='')}"
    assert (keys, prefixes) == whole
    assert page.text("NextContinuationToken") is None


@pytest.mark.parametrize("delimiter", ["", "/"])
async def test_pages_of_version_1_make_up_the_whole(listed, delimiter):
    whole = entries(await ask(listed, f"delimiter={delimiter}"))
    keys, prefixes, marker = [], [], ""
    while True:
        page = await ask(listed, f"delimiter={delimiter}&max-keys=2&marker={quote(marker)}")
        assert page.text("Marker") == (marker or None) or marker == ""
        found = entries(page)
        keys, prefixes = keys + found[0], prefixes + found[1]
        if page.text("IsTruncated") == "false":
            break
        assert (page.text("NextMarker") is not None) == bool(delimiter)
        marker = page.text("NextMarker") or found[0][-1]
    assert (keys, prefixes) == whole


async def test_start_after_is_not_among_what_follows_and_a_token_wins_over_it(listed):
    first = await ask(listed, "list-type=2&start-after=a/b&max-keys=1")
    assert entries(first)[0] == ["a/c"]
    assert first.text("StartAfter") == "a/b"
    token = quote(first.text("NextContinuationToken"), safe="")
    second = await ask(listed, f"list-type=2&start-after=a/b&max-keys=1&continuation-token={token}")
    assert entries(second)[0] == ["b"]


@pytest.mark.parametrize("token", ["", "nonsense", "a/b", "%00", "AA==", "x" * 3000, "AWE", "%FF"])
async def test_a_token_that_was_not_given_out_is_refused(listed, token):
    answer = await listed.ask("GET", "/bucket", query=f"list-type=2&continuation-token={token}")
    assert (answer.status, answer.code) in ((400, "InvalidArgument"), (400, "InvalidURI"))


@pytest.mark.parametrize(
    "query",
    [
        "max-keys=-1",
        "max-keys=x",
        "max-keys=1.5",
        "max-keys=%D9%A1",
        "max-keys=9999999999999999999",
        "encoding-type=base64",
        "list-type=3",
    ],
)
async def test_a_bad_parameter_is_refused(listed, query):
    answer = await listed.ask("GET", "/bucket", query=query)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.xml.findtext("ArgumentName") == query.partition("=")[0]


async def test_more_than_a_thousand_is_answered_with_a_thousand(listed):
    assert (await ask(listed, "max-keys=2147483647")).text("MaxKeys") == "1000"


async def test_the_owner_is_told_by_version_1_and_on_demand_by_version_2(listed):
    owner = hashlib.sha256(b"AKADMIN").hexdigest()
    assert set((await ask(listed, "")).texts("Contents/Owner/ID")) == {owner}
    assert (await ask(listed, "list-type=2")).texts("Contents/Owner/ID") == []
    assert set((await ask(listed, "list-type=2&fetch-owner=true")).texts("Contents/Owner/ID")) == {owner}


async def test_no_list_tells_an_access_key(listed):
    await listed.ask("POST", "/bucket/begun", query="uploads")
    upload = (await listed.ask("GET", "/bucket", query="uploads")).text("Upload/UploadId")
    await listed.services.grants.give(PUBLIC, Role.READER, "s3:bucket")
    lists = [
        await listed.ask("GET", "/bucket", signed=UNSIGNED),
        await listed.ask("GET", "/bucket", query="list-type=2&fetch-owner=true", signed=UNSIGNED),
        await listed.ask("GET", "/bucket", query="uploads"),
        await listed.ask("GET", "/bucket/begun", query=f"uploadId={upload}"),
        await listed.ask("GET", "/"),
    ]
    for answer in lists:
        assert answer.status == 200
        assert b"<Owner><ID>" in answer.body
        assert b"AKADMIN" not in answer.body


async def test_everything_is_percent_encoded_when_that_is_asked_for(stage):
    for key in ("a b/x+y", "a b/ü", "a b/plain"):
        await stage.put(key)
    answer = await ask(stage, "list-type=2&encoding-type=url&prefix=a%20b/&delimiter=%2B&start-after=a%20b")
    assert answer.text("EncodingType") == "url"
    assert (answer.text("Prefix"), answer.text("Delimiter"), answer.text("StartAfter")) == ("a%20b/", "%2B", "a%20b")
    assert answer.texts("Contents/Key") == ["a%20b/plain", "a%20b/%C3%BC"]
    assert answer.texts("CommonPrefixes/Prefix") == ["a%20b/x%2B"]


async def test_an_entry_tells_what_head_tells(listed):
    head = (await listed.ask("HEAD", "/bucket/a")).headers
    entry = (await ask(listed, "list-type=2&max-keys=1")).xml.find(f"{NAMESPACE}Contents")
    assert entry.findtext(f"{NAMESPACE}ETag") == head["ETag"]
    assert entry.findtext(f"{NAMESPACE}Size") == head["Content-Length"]
    assert entry.findtext(f"{NAMESPACE}StorageClass") == "STANDARD"


async def test_a_plus_in_the_query_is_a_space(stage):
    await stage.put("a b")
    assert entries(await ask(stage, "prefix=a+b"))[0] == ["a b"]
