"""Plain reads are answered as all others; ``Stage`` compares both ways for every read of every test beside this one."""

import itertools
import time
from dataclasses import replace

import msgspec
import pytest

from tests.faces.s3.stage import ADMIN, NOBODY, READER, Call, Stage
from zotplus.domain.signatures.signing_key import signing_key
from zotplus.domain.signatures.sigv4_canonical import SignedRequest, canonical_request, string_to_sign
from zotplus.domain.signatures.sigv4_sign import SigningCredentials
from zotplus.gateway.head import Listener
from zotplus.services.identity.roles import Role
from zotplus.services.plain import Plain

PLAIN = Call(method="GET", path="/bucket/key")


@pytest.fixture
async def ready(stage):
    """A stage with an object, and the administrator's credential looked up once."""
    await stage.put("key", b"content", headers={"x-amz-meta-a": "b", "Content-Type": "text/plain"})
    await stage.call(PLAIN)
    stage.answered_plainly = 0
    return stage


def plainly(stage, call, **head):
    """The answer where the request is read plainly."""
    made = msgspec.structs.replace(stage.head(call), **head)
    return stage.read_plainly(made)


@pytest.mark.parametrize("listener", list(Listener))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_plain_read_is_answered_plainly(ready, method, listener):
    answer = await ready.ask(method, "/bucket/key", listener=listener)
    assert answer.status == 200
    assert ready.answered_plainly == 1
    assert answer.body == (b"content" if method == "GET" else b"")


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/bucket/missing"},
        {"path": "/missing/key"},
        {"path": "/bucket"},
        {"path": "/bucket/k%65y"},
        {"path": "/bucket/" + "k" * 1024},
        {"path": "/UPPER/key"},
        {"path": "/bucket~/key"},
        {"path": "/" + "b" * 600 + "/key"},
        {"path": "/bucket/"},
        {"path": "//key"},
        {"path": "//bucket/key"},
        {"path": "/bucket//key"},
        {"query": "versionId=null"},
        {"method": "DELETE"},
        {"method": "OPTIONS"},
        {"headers": {"Range": "bytes=0-1"}},
        {"headers": {"If-Match": "*"}},
        {"headers": {"x-amz-checksum-mode": "ENABLED"}},
        {"headers": {"x-amz-expected-bucket-owner": "other"}},
        {"headers": {"Cookie": "a=b"}},
        {"signed": None},
        {"signed": NOBODY},
        {"signed": SigningCredentials(access_key="AKADMIN", secret_key="wrong")},
        {"signed": SigningCredentials(access_key="AKUNKNOWN", secret_key="wrong")},
        {"signed": SigningCredentials(access_key="AKADMIN", secret_key=ADMIN.secret_key, session_token="t")},
        {"payload": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
        {"now": 0.0 + 1_000_000_000},
        {"host": "two  blanks"},
    ],
    ids=str,
)
async def test_what_is_not_plain_or_not_right_goes_the_way_of_all_others(ready, change):
    assert plainly(ready, PLAIN) is not None
    assert plainly(ready, replace(PLAIN, **change)) is None


@pytest.mark.parametrize("path", ["/bucket/key", "/s3x/bucket/key", "/S3/bucket/key"])
async def test_on_the_main_port_nothing_beside_the_prefix_is_an_object(ready, path):
    """However rightly it is signed: the address may be one of another face."""
    made = ready.head(replace(PLAIN, listener=Listener.MAIN))
    assert ready.read_plainly(made) is not None
    beside = msgspec.structs.replace(made, listener=Listener.S3)
    signed = ready.head(replace(PLAIN, path=path))
    assert ready.read_plainly(msgspec.structs.replace(signed, listener=Listener.MAIN)) is None
    assert ready.read_plainly(beside) is None  # nor is /s3 a bucket of such an object on the other port


async def test_a_signature_counts_for_its_time_only(ready):
    for ahead, is_plain in ((0, True), (-890, True), (890, True), (-910, False), (910, False)):
        found = plainly(ready, replace(PLAIN, now=time.time() + ahead))
        assert (found is not None) is is_plain


async def test_every_header_that_counts_is_signed_and_stands_once(ready):
    head = ready.head(PLAIN)
    raw = head.raw_headers

    def with_raw(*changed):
        made = msgspec.structs.replace(head, raw_headers=changed)
        return ready.read_plainly(made)

    assert with_raw(*raw) is not None
    assert with_raw(*raw, (b"User-Agent", b"a b")) is not None
    assert with_raw(*raw, (b"x-amz-user-agent", b"a")) is None
    assert with_raw(*raw, (b"X-Amz-Date", dict(raw)[b"x-amz-date"])) is None
    assert with_raw(*[pair for pair in raw if pair[0] != b"x-amz-content-sha256"]) is None
    assert (
        with_raw(*[(name, value + b"0") if name == b"authorization" else (name, value) for name, value in raw]) is None
    )
    for odd in (b"AWS4-HMAC-SHA256 Signature=" + b"0" * 64, b"\xff Signature=" + b"0" * 64, b"Basic QTpC"):
        assert with_raw(*[(name, odd if name == b"authorization" else value) for name, value in raw]) is None
    signed = dict(raw)[b"authorization"].replace(b"SignedHeaders=host;", b"SignedHeaders=absent;host;")
    assert with_raw(*[(name, signed if name == b"authorization" else value) for name, value in raw]) is None
    other_day = dict(raw)[b"authorization"].replace(b"/us-east-1/", b"x/us-east-1/")
    assert with_raw(*[(name, other_day if name == b"authorization" else value) for name, value in raw]) is None


def signed_anew(head, *, day=None, changed=("", "")):
    """``head`` signed by hand: for another day than that of its date, over a canonical request with a text changed."""
    raw = dict(head.raw_headers)
    date = raw[b"x-amz-date"].decode()
    day = day or date[:8]
    names = "host;x-amz-content-sha256;x-amz-date"
    request = SignedRequest(method="GET", raw_path="/bucket/key", raw_query="", headers=head.headers)
    scope = f"{day}/us-east-1/s3/aws4_request"
    canonical = canonical_request(request, names.split(";"), "UNSIGNED-PAYLOAD").replace(*changed)
    signature = signing_key(ADMIN.secret_key, day, "us-east-1", "s3").sign(string_to_sign(canonical, date, scope))
    said = f"AWS4-HMAC-SHA256 Credential={ADMIN.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return msgspec.structs.replace(head, raw_headers=tuple((raw | {b"authorization": said.encode()}).items()))


async def test_the_date_of_the_scope_is_that_of_the_request(ready):
    """A key derived for another day signs nothing of today, however rightly it signs."""
    head = ready.head(PLAIN)
    assert ready.read_plainly(signed_anew(head)) is not None
    assert ready.read_plainly(signed_anew(head, day="20200101")) is None


async def test_values_are_signed_in_their_canonical_form(ready):
    """AWS "Create a canonical request": runs of blanks are one there, so who signs them as they are signs wrongly."""
    head = ready.head(replace(PLAIN, host="two  blanks"))
    assert ready.read_plainly(signed_anew(head, changed=("two blanks", "two  blanks"))) is None


async def test_a_withdrawn_right_counts_at_once(ready):
    given = await ready.services.grants.give(READER.access_key, Role.READER, "s3:bucket")
    call = replace(PLAIN, signed=READER)
    assert (await ready.call(call)).status == 200
    assert plainly(ready, call) is not None
    await ready.services.grants.withdraw(given.id)
    assert plainly(ready, call) is None


async def test_a_credential_that_ends_counts_no_longer_though_nothing_changed(ready):
    call = replace(PLAIN, signed=await ready.passing(Role.READER))
    assert (await ready.call(call)).status == 200
    assert plainly(ready, call) is not None
    ready.ahead = 1001.0
    assert plainly(ready, call) is None
    assert (await ready.call(call)).fault == "credentials_expired"


async def test_rights_count_and_a_refusal_leaves_no_trace(ready):
    call = replace(PLAIN, signed=READER)
    assert (await ready.call(call)).status == 403
    assert plainly(ready, call) is None
    await ready.services.grants.give(READER.access_key, Role.READER, "s3:bucket")
    assert (await ready.call(call)).status == 200
    assert plainly(ready, call) is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-tagging": "a=b"},
        {"x-amz-storage-class": "STANDARD_IA"},
        {"x-amz-server-side-encryption": "AES256"},
    ],
    ids=str,
)
async def test_objects_that_are_not_plain_are_read_by_the_usual_steps(ready, headers):
    await ready.put("other", b"content", headers=headers)
    call = replace(PLAIN, path="/bucket/other")
    assert (await ready.call(call)).body == b"content"
    assert plainly(ready, call) is None


async def test_large_objects_and_damaged_ones_are_read_by_the_usual_steps(ready):
    await ready.put("large", b"x" * 20_000)
    assert plainly(ready, replace(PLAIN, path="/bucket/large")) is None
    place = next(key for key in await ready.store.read(lambda s: [key for key, _ in s.scan(b"O")]) if key[9:] == b"key")
    stored = await ready.store.read(lambda s: s.get(place))
    await ready.store.write(lambda t: t.put(place, stored[:-1] + b"X"))
    assert (await ready.call(PLAIN)).status == 500
    assert plainly(ready, PLAIN) is None
    await ready.put("whole")
    asked = [ready.plain_request(ready.head(replace(PLAIN, path=path))) for path in ("/bucket/key", "/bucket/whole")]
    damaged, whole = ready.pipeline.answer_plainly(ready.faces[Listener.S3], asked)
    assert (damaged, whole.content) == (None, b"content")


async def test_a_bucket_that_has_more_to_tell_of_a_read_is_not_plain(ready):
    await ready.services.documents.put("bucket", "lifecycle", b"")
    assert plainly(ready, PLAIN) is None


async def test_versions_are_told_and_a_marker_hides_the_object(ready):
    await ready.services.versioning.set("bucket", "Enabled")
    assert (await ready.call(PLAIN)).headers["x-amz-version-id"] == "null"
    await ready.put("key", b"second")
    assert (await ready.call(PLAIN)).body == b"second"
    await ready.ask("DELETE", "/bucket/key")
    assert (await ready.call(PLAIN)).status == 404


async def test_where_hosts_name_buckets_nothing_is_plain():
    stage = await Stage(domain="s3.test").prepare()
    await stage.ask("PUT", "/bucket")
    await stage.put("key")
    await stage.call(PLAIN)
    assert plainly(stage, PLAIN) is None


async def test_the_headers_of_many_objects_are_not_kept_for_ever(ready, monkeypatch):
    monkeypatch.setattr("zotplus.protocols.s3.plain.reading._LINES", 2)
    for number in range(5):
        await ready.put(f"key-{number}", b"%d" % number)
        assert (await ready.ask("GET", f"/bucket/key-{number}")).body == b"%d" % number


async def test_a_store_whose_reads_wait_has_no_plain_reads(ready):
    assert Plain(object(), ready.services.access).find([("AKADMIN", "bucket", "key")] * 2) == [None] * 2


async def test_each_of_many_reads_gets_what_it_asked_for(ready):
    """Whatever else is decided with it: other callers, objects and buckets, missing ones, and what is not plain."""
    await ready.ask("PUT", "/other")
    for bucket, key in (("bucket", "one"), ("bucket", "two"), ("other", "one")):
        await ready.ask("PUT", f"/{bucket}/{key}", body=f"{bucket}/{key}".encode())
    await ready.services.grants.give(READER.access_key, Role.READER, "s3:other")
    paths = ("/bucket/one", "/bucket/two", "/other/one", "/bucket/missing", "/missing/one", "/bucket/%6fne")
    callers = (ADMIN, READER, SigningCredentials(access_key="AKADMIN", secret_key="wrong"))
    calls = [
        Call(method=method, path=path, signed=signed)
        for path, signed, method in itertools.product(paths, callers, ("GET", "HEAD"))
    ]
    for call in calls:
        await ready.call(call)  # so that every credential is known
    alone = [told(plainly(ready, call)) for call in calls]
    assert len({answer for answer in alone if answer}) == 8
    for many in (2, 5, len(calls)):
        for start in range(0, len(calls), many):
            asked = [ready.plain_request(ready.head(call)) for call in calls[start : start + many]]
            places = [place for place, request in enumerate(asked) if request is not None]
            answers = ready.pipeline.answer_plainly(ready.faces[Listener.S3], [asked[place] for place in places])
            assert [told(answer) for answer in answers] == [alone[start + place] for place in places]
            for place, answer in zip(places, answers, strict=True):
                assert answer is None or asked[place].principal.id == calls[start + place].signed.access_key


def told(answer):
    """What an answer says, but for when it was written."""
    return answer and (answer.need.resource, answer.content, answer.length, answer.principal.id)
