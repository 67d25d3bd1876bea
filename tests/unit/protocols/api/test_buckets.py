"""Buckets over the API: made with everything at once, bounded, removed as a job, copied from in batches."""

import asyncio

import pytest

from tests.unit.services.conftest import Content
from zotplus.services.values import Attributes, ListQuery


def put(server, bucket, *keys, tags=None):
    async def write():
        for key in keys:
            source = Content(server.services.objects).source(key[:3].encode())
            await server.services.objects.put(bucket, key, source, Attributes(tags=tags or {}))

    asyncio.run(write())


def listed(server, bucket):
    page = asyncio.run(server.services.objects.list(bucket, ListQuery()))
    return [item.key for item in page.items]


def test_a_bucket_is_made_with_all_that_it_begins_with(server):
    body = {"name": "alpha", "versioning": True, "tags": {"team": "blue"}, "quota_bytes": 1000, "quota_objects": 5}
    made = server.ask("POST /api/v1/buckets", body=body)
    assert made.status == 201
    assert (made.json()["name"], made.json()["versioning"], made.json()["lock"]) == ("alpha", "Enabled", False)
    usage = server.ask("GET /api/v1/buckets/alpha/usage").json()
    assert usage == {
        "bucket": "alpha", "bytes": 0, "objects": 0, "unfinished_bytes": 0, "counted": True, "quota_bytes": 1000,
        "quota_objects": 5,
    }  # fmt: skip
    record = asyncio.run(server.buckets.record("alpha"))
    assert record.documents == ("tagging",)
    locked = server.ask("POST /api/v1/buckets", body={"name": "locked", "lock": True}).json()
    assert (locked["versioning"], locked["lock"]) == ("Enabled", True)


@pytest.mark.parametrize(("body", "code"), [
    ({"name": "al"}, "json_malformed"),
    ({"name": "Alpha"}, "bucket_name_invalid"),
    ({"name": "alpha", "other": 1}, "json_malformed"),
    ({"name": "alpha", "quota_bytes": 0}, "json_malformed"),
    ({"name": "alpha", "tags": {"aws:x": "y"}}, "tag_invalid"),
    ({"name": "alpha", "ownership": "Nobody"}, "json_malformed"),
    ({"name": "alpha", "encryption": {"scheme": "SSE-C"}}, "json_malformed"),
    ({"name": "alpha", "encryption": {"scheme": "SSE-S3", "key": "k"}}, "argument_invalid"),
    ({"name": "alpha", "encryption": {"scheme": "SSE-KMS", "key": "k"}}, "encryption_unsupported"),
])  # fmt: skip
def test_a_bucket_that_cannot_be_is_not_made_at_all(server, body, code):
    assert server.ask("POST /api/v1/buckets", body=body).json()["code"] == code
    assert server.ask("GET /api/v1/buckets").json()["buckets"] == []


def test_each_option_needs_the_right_to_set_it(server):
    publisher = server.key(("publisher", "s3:*"))
    assert server.ask("POST /api/v1/buckets", body={"name": "alpha"}, user=publisher).status == 201
    for option in ({"versioning": True}, {"tags": {"a": "b"}}, {"quota_bytes": 5}, {"lock": True}):
        refused = server.ask("POST /api/v1/buckets", body={"name": "beta", **option}, user=publisher)
        assert refused.json()["code"] == "access_denied", option


def test_a_quota_is_set_changed_and_taken_away(server):
    server.bucket("alpha")
    put(server, "alpha", "one", "two")
    set_ = server.ask("PUT /api/v1/buckets/alpha/quota", body={"bytes": 10, "objects": None}).json()
    assert (set_["bytes"], set_["objects"], set_["quota_bytes"], set_["quota_objects"]) == (6, 2, 10, None)
    gone = server.ask("PUT /api/v1/buckets/alpha/quota", body={"bytes": None, "objects": None}).json()
    assert (gone["quota_bytes"], gone["quota_objects"]) == (None, None)
    assert server.ask("PUT /api/v1/buckets/alpha/quota", body={"bytes": 1}).json()["code"] == "json_malformed"
    assert server.ask("PUT /api/v1/buckets/nosuch/quota", body=set_quota(1)).json()["code"] == "bucket_not_found"
    assert server.ask("GET /api/v1/buckets/nosuch/usage").json()["code"] == "bucket_not_found"


def set_quota(amount):
    return {"bytes": amount, "objects": amount}


def test_the_list_tells_what_buckets_hold_to_those_who_may_see_it(server):
    server.bucket("alpha")
    put(server, "alpha", "one")
    (told,) = server.ask("GET /api/v1/buckets").json()["buckets"]
    assert (told["bytes"], told["objects"], told["quota_bytes"]) == (3, 1, None)
    reader = server.key(("reader", "s3:*"))
    (untold,) = server.ask("GET /api/v1/buckets", user=reader).json()["buckets"]
    assert (untold["bytes"], untold["objects"]) == (None, None)


def test_a_removal_is_a_job_that_can_be_watched(server):
    server.bucket("alpha")
    put(server, "alpha", "one", "two")
    begun = server.ask("DELETE /api/v1/buckets/alpha?purge=true&wait=false").json()
    assert server.ask("GET /api/v1/buckets/alpha/usage").json()["code"] == "bucket_not_found"
    # The loop of that request has ended before the job could: as if the worker had been stopped.
    removal = server.ask(f"GET /api/v1/removals/{begun['removal']}").json()
    assert (removal["bucket"], removal["removed"], removal["total"]) == ("alpha", 0, 2)
    assert [one["id"] for one in server.ask("GET /api/v1/removals").json()["removals"]] == [begun["removal"]]


def test_a_removal_is_shown_to_those_who_may_purge_such_a_bucket(server):
    server.bucket("alpha")
    put(server, "alpha", "one")
    id_ = server.ask("DELETE /api/v1/buckets/alpha?purge=true&wait=false").json()["removal"]
    reader = server.key(("reader", "s3:*"))
    assert server.ask(f"GET /api/v1/removals/{id_}", user=reader).json()["code"] == "access_denied"
    assert server.ask("GET /api/v1/removals", user=reader).json() == {"removals": []}
    for target in ("removals", f"removals/{id_}"):
        assert server.ask(f"GET /api/v1/{target}", user=None).json()["code"] == "credentials_missing"


@pytest.mark.parametrize("id_", ["0" * 16, "short", "z" * 16])
def test_a_removal_that_is_not_there_is_done(server, id_):
    assert server.ask(f"GET /api/v1/removals/{id_}").json()["code"] == "record_not_found"


def test_an_empty_bucket_with_lock_is_gone_at_once(server):
    server.ask("POST /api/v1/buckets", body={"name": "locked", "lock": True})
    begun = server.ask("DELETE /api/v1/buckets/locked?purge=true&wait=false").json()
    assert begun == {"bucket": "locked", "objects": 0, "removal": None}


def copies(server, body, user=None, bucket="alpha"):
    more = {} if user is None else {"user": user}
    return server.ask(f"POST /api/v1/buckets/{bucket}/copies", body={"target_bucket": "beta", **body}, **more)


@pytest.fixture
def pair(server):
    server.bucket("alpha")
    server.bucket("beta")
    put(server, "alpha", "a/1", "a/2", "a/3", "b/1", tags={"t": "v"})
    return server


def test_copies_are_made_in_batches_until_nothing_is_left(pair):
    first = copies(pair, {"source_prefix": "a/", "target_prefix": "x/", "limit": 2}).json()
    assert ([one["key"] for one in first["copied"]], first["failed"]) == (["a/1", "a/2"], [])
    second = copies(pair, {"source_prefix": "a/", "target_prefix": "x/", "limit": 2, "after": first["next"]}).json()
    assert (len(second["copied"]), second["next"]) == (1, None)
    assert listed(pair, "beta") == ["x/1", "x/2", "x/3"]
    info = asyncio.run(pair.services.objects.head("beta", "x/1"))
    assert (info.attributes.tags, info.owner) == ({"t": "v"}, "ADMINACCESSKEY00")


def test_what_is_there_stays_where_that_is_asked_for(pair):
    put(pair, "beta", "a/1")
    told = copies(pair, {"source_prefix": "a/", "target_prefix": "a/", "overwrite": False}).json()
    assert (len(told["copied"]), told["skipped"], told["failed"]) == (2, 1, [])
    assert asyncio.run(pair.services.objects.head("beta", "a/1")).attributes.tags == {}


def test_each_copy_needs_the_rights_of_who_asks(pair):
    """CVE-2024-7143 (Pulp): objects were made by a task in another's name than that of who had asked for it."""
    user = pair.key(("reader", "s3:alpha/*"), ("publisher", "s3:beta/x/*"))
    told = copies(pair, {"source_prefix": "a/", "target_prefix": "x/"}, user).json()
    assert len(told["copied"]) == 3
    told = copies(pair, {"source_prefix": "a/", "target_prefix": "y/"}, user).json()
    assert (len(told["copied"]), {one["code"] for one in told["failed"]}) == (0, {"access_denied"})
    stranger = pair.key(("publisher", "s3:beta"))
    assert copies(pair, {}, stranger).json()["code"] == "access_denied"


def test_a_copy_that_fails_is_told_and_the_others_are_made(pair):
    put(pair, "alpha", "a/" + "k" * 1000)
    told = copies(pair, {"source_prefix": "a/", "target_prefix": "x" * 100 + "/"}).json()
    assert (len(told["copied"]), [one["code"] for one in told["failed"]]) == (3, ["key_too_long"])


@pytest.mark.parametrize(("body", "code"), [
    ({"target_bucket": "nosuch"}, "bucket_not_found"),
    ({"target_bucket": "NO_SUCH"}, "bucket_name_invalid"),
    ({"target_bucket": "alpha"}, "argument_invalid"),
    ({"target_bucket": "alpha", "source_prefix": "a/", "target_prefix": "a/b/"}, "argument_invalid"),
    ({"limit": 0}, "json_malformed"),
])  # fmt: skip
def test_copies_that_cannot_be_are_refused(pair, body, code):
    assert copies(pair, body).json()["code"] == code
    assert copies(pair, {}, bucket="nosuch").json()["code"] == "bucket_not_found"
