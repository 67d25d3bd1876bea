"""What policies, log and audit are told of plain requests is what they are told of all others, whatever goes wrong."""

import pytest
from structlog.testing import capture_logs

from tests.faces.s3.sharing.asking import allow
from tests.faces.serving.comparing import check, comparing, head_of, joined
from zotplus.services.identity.roles import Role


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    with comparing(tmp_path_factory.mktemp("gateway")) as made:
        made.user = made.gateway.key((Role.READER, "s3:elsewhere"))
        yield made


@pytest.fixture
def own(tmp_path):
    """One that a test may break."""
    with comparing(tmp_path) as made:
        yield made


def asked(compared, method, path="/bucket/key", body=b"", *, lines=(), **options):
    first, signed = head_of(compared, method, path, body, **options)
    return joined(first, [*signed, *lines], body)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize(
    ("condition", "works"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"StringLike": {"aws:UserAgent": "right/*"}}, True),
        ({"StringLike": {"aws:UserAgent": "wrong/*"}}, False),
        ({"Null": {"aws:Referer": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"Null": {"s3:TlsVersion": "true"}}, True),
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, True),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, False),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, True),
        ({"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}}, True),
        ({"StringEquals": {"s3:x-amz-content-sha256": "other"}}, False),
        ({"StringEquals": {"aws:PrincipalType": "key"}}, True),
        ({"StringEquals": {"zotplus:Door": "s3"}}, True),
        ({"StringEquals": {"s3:ResourceAccount": "000000000000", "aws:PrincipalAccount": "000000000000"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/*"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}}, False),
        ({"NumericGreaterThan": {"aws:EpochTime": "1000"}}, True),
    ],
    ids=str,
)
def test_conditions_decide_alike_and_the_same_is_recorded(compared, method, condition, works):
    action = "s3:PutObject" if method == "PUT" else "s3:GetObject"
    path, body = ("/bucket/written", b"content") if method == "PUT" else ("/bucket/key", b"")
    policy = allow("bucket", Action=action, Condition=condition)
    compared.gateway.client().put_bucket_policy(Bucket="bucket", Policy=policy)
    data = asked(compared, method, path, body, key=compared.user, lines=[b"User-Agent: right/1.0"])
    compared.outcome([data])  # by which the caller is known
    done = check(compared, data, taken=int(works))
    assert done.answers[0][0] == (b"HTTP/1.1 200 OK" if works else b"HTTP/1.1 403 Forbidden")
    (record,) = done.records
    assert (record.decisions[0].allowed, record.agent) == (works, "right/1.0")


def test_a_denial_under_a_condition_decides_alike(compared):
    denial = {"Effect": "Deny", "Action": "s3:*", "Condition": {"StringLike": {"aws:UserAgent": "wrong*"}}}
    compared.gateway.client().put_bucket_policy(Bucket="bucket", Policy=allow("bucket", **denial))
    compared.outcome([asked(compared, "GET")])
    for agent, taken in ((b"right", 1), (b"wrong", 0)):
        check(compared, asked(compared, "GET", lines=[b"User-Agent: " + agent]), taken=taken)
        body = asked(compared, "PUT", "/bucket/written", b"content", lines=[b"User-Agent: " + agent])
        check(compared, body, taken=taken)
    compared.gateway.client().delete_bucket_policy(Bucket="bucket")


@pytest.mark.parametrize("key", ["key", "a//..", "missing"])
def test_what_is_recorded_of_reads_is_the_same(compared, key):
    compared.outcome([asked(compared, "GET")])
    done = check(compared, asked(compared, "GET", f"/bucket/{key}"), taken=int(key != "missing"))
    assert [record.path for record in done.records] == [f"/bucket/{key}"]


def test_a_content_that_is_not_what_was_signed_is_told_alike(compared):
    """A refusal that only the writing finds."""
    first, lines = head_of(compared, "PUT", "/bucket/written", b"content", payload="0" * 64)
    done = check(compared, joined(first, [*lines, b"User-Agent: a"], b"content"), taken=1)
    assert done.answers[0][0] == b"HTTP/1.1 400 Bad Request"
    ((finished,), (record,)) = done.finished, done.records
    assert (finished.status, record.status, record.agent) == (400, 400, "a")
    assert record.fault == finished.fields["fault"] != ""


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "0" * 64])
def test_of_a_client_that_is_gone_as_much_is_recorded(own, payload):
    """But for the answer, which was not sent."""
    first, lines = head_of(own, "PUT", "/bucket/written", b"content", payload=payload)
    data = joined(first, [*lines, b"User-Agent: a"], b"content")
    expected = own.outcome([data])
    own._forget()
    own.run(own.store.free.clear)
    perform = own.server._pipeline.perform_plainly
    client = own.connect()

    async def waiting(write, request):
        own.store.arrived.set()
        await own.store.free.wait()
        return await perform(write, request)

    own.server._pipeline.perform_plainly = waiting
    client.send(data)
    assert own.store.arrived.wait(10)
    client.close()
    own.until(lambda: len(own.server._protocols.connections) == 1)
    own.release()
    own.until(lambda: not own.server._running.count)
    ((finished,), (record,)) = own.gateway.finished(), own.gateway.parts.audit.records
    wanted = expected.records[0]
    assert (record.agent, record.fault, record.status) == (wanted.agent, wanted.fault, wanted.status)
    assert record.details == {**wanted.details, "broken": "the client is gone"}
    assert (finished.bytes_in, finished.bytes_out) == (7, 0)


@pytest.mark.parametrize("place", ["telemetry", "audit"])
def test_a_fault_in_telling_loses_no_other_request_and_never_an_audit_record(own, monkeypatch, place):
    own._forget()
    places = {
        "telemetry": (own.gateway.parts.telemetry, "answered_together"),
        "audit": (own.gateway.parts.audit, "take"),
    }
    what, name = places[place]
    tell, calls = getattr(what, name), []

    def failing(*said):
        calls.append(said)
        if len(calls) == 2:
            raise ZeroDivisionError("in telling")
        return tell(*said)

    monkeypatch.setattr(what, name, failing)
    client = own.connect()

    async def nothing():
        own.lane.tell()

    with capture_logs() as lines:
        own.run(own.server._pipeline.audit.flush)
        own.gateway.run(nothing())
        monkeypatch.setattr("zotplus.gateway.transport.plain_lane.TELL_SECONDS", 10)
        for _ in range(3):
            client.send(asked(own, "GET"))
            assert client.answer()[0] == 200
        own.gateway.finished()
        client.send(asked(own, "GET"))
        assert client.answer()[0] == 200
        client.send(b"GET /bucket HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.answer()[0] == 403
    finished, records = own.gateway.finished(), own.gateway.parts.audit.records
    assert len(finished) == 5 - (place == "telemetry")
    assert len(records) == 5 - (place == "audit")
    assert [line["log_level"] for line in lines] == ["error"]
    assert own.faults == []


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("PUT", b"content")])
def test_a_fault_of_our_own_in_looking_is_answered_and_logged(own, monkeypatch, method, body):
    def broken(*_):
        raise ZeroDivisionError("a secret value")

    place = "find_target" if method == "PUT" else "find"
    monkeypatch.setattr(own.server._pipeline._services.plain.__class__, place, broken)
    client = own.connect()
    client.send(asked(own, method, "/bucket/key", body))
    assert client.answer()[0] == 200
    assert own.faults == []
