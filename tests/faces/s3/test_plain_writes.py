"""Plain writes are answered, and leave behind, what the way of all others does."""

import hashlib
from dataclasses import replace

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.faces.s3.plain_writing import (
    CONTENT,
    INLINE_LIMIT,
    OTHER_NIGHT,
    PLAIN,
    WRONG,
    everything,
    is_taken,
    opened,
    performed,
    plainly,
    prepare,
    rebuild,
    sha256,
    stored,
    usually,
)
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.events import Rule
from zotplus.gateway.auditing import AuditTrail
from zotplus.gateway.head import Listener
from zotplus.gateway.limits import RequestLimits
from zotplus.records import layout
from zotplus.records.objects import decode_object
from zotplus.services.events.notifications import Notifications
from zotplus.services.objects import Objects
from zotplus.services.protection.limits import CallerLimits, ProtectionSettings


@pytest.fixture
async def ready(stage):
    return await prepare(stage)


@pytest.mark.parametrize("listener", list(Listener))
@pytest.mark.parametrize("payload", [None, sha256()], ids=["unsigned", "hashed"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
        {"Content-Type": "text/html;charset=utf-8"},
        {"User-Agent": "client/1.0 of somebody", "Accept": "*/*", "Connection": "keep-alive"},
    ],
    ids=str,
)
async def test_a_plain_write_is_answered_and_stored_as_any_other(ready, headers, payload, listener):
    call = replace(PLAIN, headers=headers, payload=payload, listener=listener)
    answer, context = await plainly(ready, call)
    after = everything(ready)
    assert answer[0] == 200
    assert dict(answer[1])["ETag"] == f'"{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"'
    expected, usual = await usually(ready, call)
    assert answer == expected
    assert everything(ready) == after
    for name in ("principal", "route", "decisions", "fault", "log"):
        assert getattr(context, name) == getattr(usual, name)


async def test_what_is_written_plainly_is_read_as_it_was_sent(ready):
    await plainly(ready, replace(PLAIN, headers={"Content-Type": "text/plain"}, body=b"one"))
    record, inline = decode_object(stored(ready)["key"])
    assert (record.size, record.owner, record.headers, inline) == (3, "AKADMIN", {"content-type": "text/plain"}, b"one")
    answer = await ready.ask("GET", "/bucket/key")
    assert (answer.body, answer.headers["Content-Type"]) == (b"one", "text/plain")
    assert "key" in (await ready.ask("GET", "/bucket")).texts("Contents/Key")


@pytest.mark.parametrize("key", ["a//b", "/a", "a/", "./a", "../a", "a/../b", ".", "..", "~", "a.b-c_d", "k" * 1016])
async def test_keys_are_taken_as_they_are_everywhere(ready, key):
    call = replace(PLAIN, path=f"/bucket/{key}")
    expected, _ = await usually(ready, call)
    after = everything(ready)
    if is_taken(ready, call):
        answer, _ = await plainly(ready, call)
        assert (answer, everything(ready)) == (expected, after)
    else:
        assert expected[0] != 200


async def test_content_up_to_the_inline_limit_is_plain(ready):
    call = replace(PLAIN, body=b"x" * INLINE_LIMIT)
    answer, _ = await plainly(ready, call)
    after = everything(ready)
    assert (answer, everything(ready)) == ((await usually(ready, call))[0], after)
    assert not is_taken(ready, replace(call, body=b"x" * (INLINE_LIMIT + 1)))


async def test_a_hash_that_is_not_the_contents_is_answered_as_always_and_stores_nothing(ready):
    call = replace(PLAIN, payload=WRONG)
    before = everything(ready)
    answer, context = await plainly(ready, call)
    expected, usual = await usually(ready, call)
    assert answer == expected
    assert (answer[0], context.fault) == (400, errors.CONTENT_SHA256_MISMATCH)
    assert context.log == usual.log
    assert everything(ready) == before


async def test_a_bucket_that_goes_in_between_is_missed(ready):
    request = opened(ready, PLAIN)
    write = ready.write_plainly(request)
    assert (await ready.ask("DELETE", "/bucket")).status == 204
    answer, context = await performed(ready, write, request)
    expected, usual = await usually(ready, PLAIN)
    assert answer == expected
    assert (context.fault, context.log) == (errors.BUCKET_NOT_FOUND, usual.log)


async def test_versions_are_kept_and_told(ready):
    await plainly(ready, replace(PLAIN, body=b"first"))
    await ready.services.versioning.set("bucket", "Enabled")
    (status, headers, _), _ = await plainly(ready, replace(PLAIN, body=b"second"))
    version = dict(headers)["x-amz-version-id"]
    (_, usual, _), _ = await usually(ready, PLAIN)
    assert status == 200
    assert [name for name, _ in headers] == [name for name, _ in usual]
    listed = await ready.ask("GET", "/bucket", query="versions")
    assert listed.texts("Version/VersionId")[1:] == [version, "null"]
    assert (await ready.ask("GET", "/bucket/key", query=f"versionId={version}")).body == b"second"
    await ready.services.versioning.set("bucket", "Suspended")
    answer, _ = await plainly(ready, PLAIN)
    assert "x-amz-version-id" not in dict(answer[1])
    assert answer == (await usually(ready, PLAIN))[0]


async def test_an_event_is_announced_once(ready):
    outbox = ready.services.events.outbox

    async def announced():
        """What was announced since the last time, but for number and request."""
        waiting = await outbox.due("hook", 100)
        await outbox.settle(waiting, ())
        return [msgspec.structs.replace(one.event, number=0, request_id="") for one in waiting], waiting

    arn = "arn:zotplus:webhook:::hook"
    rule = Rule(id="all", destination="Queue", arn=arn, webhook="hook", events=("ObjectCreated:*",))
    await Notifications(ready.store, ("hook",)).put("bucket", (rule,))
    await announced()  # that of the configuration itself
    _, context = await plainly(ready, PLAIN)
    plain, (waiting,) = await announced()
    assert waiting.event.request_id == context.request_id
    event = waiting.event
    assert (event.name, event.key, event.size, event.principal) == ("ObjectCreated:Put", "key", 7, "AKADMIN")
    await usually(ready, PLAIN)
    assert (await announced())[0] == plain


async def test_what_is_held_is_counted(ready):
    async def usage():
        found = await ready.services.usage.read("bucket")
        return found.size, found.objects

    for key, content, expected in (("a", b"xxx", (3, 1)), ("b", b"yy", (5, 2)), ("a", b"x", (3, 2))):
        await plainly(ready, replace(PLAIN, path=f"/bucket/{key}", body=content))
        assert await usage() == expected


async def test_a_large_object_that_is_replaced_gives_its_blob_back(ready):
    await ready.put("key", b"x" * 100_000)
    references = [key for key in everything(ready) if key[:1] == layout.REFERENCES]
    assert len(references) == 1
    await plainly(ready, PLAIN)
    assert any(key[:1] == layout.UNREFERENCED for key in everything(ready))
    assert (await ready.ask("GET", "/bucket/key")).body == CONTENT


async def test_who_writes_plainly_is_remembered_as_a_caller(ready):
    ready.pipeline.callers.clear()
    await plainly(ready, PLAIN)
    assert ready.pipeline.callers == {"AKADMIN"}


def limits(**protection):
    return RequestLimits(CallerLimits(ProtectionSettings(**protection), 1, clock=lambda: 0.0))


async def test_limits_count_for_plain_writes_as_for_all_others(ready):
    rebuild(ready, limits=limits(requests_per_second=1, burst=2))
    assert (await plainly(ready, PLAIN))[0][0] == 200
    assert not is_taken(ready, replace(PLAIN, query="a=b"))  # costs nothing, since it comes again
    assert not is_taken(ready, replace(PLAIN, now=OTHER_NIGHT))
    assert (await usually(ready, PLAIN))[0][0] == 200
    before = everything(ready)
    assert not is_taken(ready, PLAIN)  # and is refused by the usual steps
    answer, context = await usually(ready, PLAIN)
    assert (answer[0], context.fault) == (503, errors.TOO_MANY_REQUESTS)
    assert everything(ready) == before


async def test_a_plain_write_takes_one_of_the_requests_of_its_caller(ready):
    rebuild(ready, limits=limits(requests_per_second=1, burst=2))
    assert [is_taken(ready, PLAIN) for _ in range(3)] == [True, True, False]


class FailingLog:
    is_failing = True


async def test_what_must_not_happen_unrecorded_is_refused(ready):
    rebuild(ready, audit=AuditTrail(FailingLog(), required=True))
    before = everything(ready)
    assert not is_taken(ready, PLAIN)
    answer, context = await usually(ready, PLAIN)
    assert (answer[0], context.fault) == (507, errors.AUDIT_UNAVAILABLE)
    assert everything(ready) == before


class BrokenStore:
    """A store whose writes raise ``error``."""

    def __init__(self, store, error):
        self.read, self.read_now = store.read, store.read_now
        self._error = error

    async def write(self, function):
        raise self._error


async def test_a_full_store_is_told_as_always(ready):
    store = BrokenStore(ready.store, Problem(errors.STORAGE_FULL))
    rebuild(ready, objects=Objects(store, ready.blobs))
    answer, context = await plainly(ready, PLAIN)
    assert answer == (await usually(ready, PLAIN))[0]
    assert context.fault is errors.STORAGE_FULL


async def test_a_fault_of_our_own_is_a_500_and_logged(ready):
    store = BrokenStore(ready.store, ZeroDivisionError("a secret value"))
    rebuild(ready, objects=Objects(store, ready.blobs), limits=limits(uploads=1))
    with capture_logs() as logged:
        answer, context = await plainly(ready, PLAIN)
    (line,) = logged
    assert (line["event"], line["operation"]) == ("request_failed", "PutObject")
    assert line["request_id"] == context.request_id
    assert (answer[0], context.fault) == (500, errors.INTERNAL_ERROR)
    assert b"<Code>InternalError</Code>" in answer[2]
    assert b"secret" not in answer[2]
    assert answer == (await usually(ready, PLAIN))[0]
