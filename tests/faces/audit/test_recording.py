"""Every decision at every door is in the log, with what decided it, and never a secret."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.faces.gateway import ADMIN
from zotplus.domain.audit.records import DECISIONS_MAX, EventKind
from zotplus.services.identity.roles import Role


def s3(audited, key=None):
    return audited.gateway.client(key=key or ADMIN, user_agent_extra="x" * 300)


def get(url, user=None, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    if user is not None:
        pair = base64.b64encode(":".join(user).encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, dict(refused.headers), refused.read()


@pytest.fixture(scope="module")
def bucket(audited):
    s3(audited).create_bucket(Bucket="recorded")
    return "recorded"


def test_an_allowed_read_names_who_what_and_the_statement_that_allowed_it(audited, bucket):
    s3(audited).put_object(Bucket=bucket, Key="a", Body=b"four")
    s3(audited).get_object(Bucket=bucket, Key="a")["Body"].read()
    record = audited.last(operation="GetObject")
    assert record.kind is EventKind.REQUEST
    assert (record.who.id, record.who.kind, record.who.name) == (audited.gateway.access_key, "key", "administrator")
    (decided,) = record.decisions
    assert (decided.action, decided.resource, decided.allowed) == ("s3:GetObject", f"s3:{bucket}/a", True)
    assert decided.policy
    assert decided.statement
    assert (record.status, record.bytes_out, record.peer, record.method) == (200, 4, "127.0.0.1", "GET")
    assert record.face == "s3"
    assert record.generation > 0
    assert len(record.agent) == 200
    written = audited.last(operation="PutObject")
    assert written.bytes_in >= 4


def test_a_denial_names_its_reason(audited, bucket):
    key = audited.gateway.key((Role.READER, "s3:other/*"))
    with pytest.raises(ClientError):
        s3(audited, key).put_object(Bucket=bucket, Key="b", Body=b"")
    record = audited.last(operation="PutObject", kind=EventKind.DENIED)
    assert (record.who.id, record.status, record.fault) == (key[0], 403, "access_denied")
    (decided,) = record.decisions
    assert not decided.allowed
    assert decided.reason


def test_a_wrong_signature_and_a_wrong_password_are_denied_before_any_decision(audited, bucket):
    with pytest.raises(ClientError):
        s3(audited, (audited.gateway.access_key, "wrong")).list_objects_v2(Bucket=bucket)
    record = audited.last(fault="signature_mismatch")
    assert (record.kind, record.decisions, record.who.id) == (EventKind.DENIED, (), "anonymous")
    assert get(f"{audited.gateway.url}/api/v1/keys", ("nobody", "wrong"))[0] == 401
    assert audited.last(fault="credentials_invalid").kind is EventKind.DENIED


def test_what_cannot_be_parsed_is_denied_with_its_address(audited):
    assert get(f"{audited.gateway.s3_url}/recorded/%ff")[0] == 400
    assert audited.last(fault="path_invalid").path == "/recorded/%ff"
    connection = http.client.HTTPConnection("127.0.0.1", audited.gateway.port)
    connection.putrequest("GET", "/", skip_host=True)
    connection.putheader("Host", "x\x01")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()
    record = audited.last(fault="request_invalid")
    assert (record.kind, record.peer) == (EventKind.DENIED, "127.0.0.1")


def test_administration_is_told_apart(audited):
    audited.command("keys", "create", "somebody")
    record = audited.last(operation="CreateKey")
    assert record.kind is EventKind.ADMINISTRATION
    audited.command("keys", "list")
    assert audited.last(operation="ListKeys").kind is EventKind.REQUEST


def test_a_login_at_the_token_server_is_recorded_and_a_failed_one_denied(audited):
    url = f"{audited.gateway.url}/auth/token?service=zotplus"
    assert get(url, (audited.gateway.access_key, audited.gateway.secret))[0] == 200
    record = audited.last(operation="GetToken", kind=EventKind.LOGIN)
    assert record.who.id == audited.gateway.access_key
    assert get(url, (audited.gateway.access_key, "wrong"))[0] == 401
    assert audited.last(operation="GetToken").kind is EventKind.DENIED


def test_probes_and_the_public_document_are_not_recorded(audited):
    before = len(audited.records)
    for path in ("/health", "/health/live", "/openapi.json"):
        get(f"{audited.gateway.url}{path}")
    assert len(audited.records) == before


def test_anonymous_reads_of_what_is_public_are_not_recorded_but_their_denials_are(audited, bucket):
    s3(audited).put_object(Bucket=bucket, Key="open/a", Body=b"open")
    audited.gateway.run(audited.gateway.services.grants.give("public", Role.READER, f"s3:{bucket}/open/*"))
    before = len(audited.records)
    assert get(f"{audited.gateway.s3_url}/{bucket}/open/a")[0] == 200
    assert get(f"{audited.gateway.s3_url}/{bucket}/open/missing")[0] in (403, 404)
    assert get(f"{audited.gateway.s3_url}/{bucket}/open/a", **{"If-None-Match": "*"})[0] == 304
    after = [one for one in audited.records[before:] if one.kind is not EventKind.DENIED]
    assert after == []
    assert get(f"{audited.gateway.s3_url}/{bucket}/closed")[0] == 403
    assert audited.last(path=f"/{bucket}/closed").kind is EventKind.DENIED


def test_a_listing_names_its_first_decisions_and_counts_the_rest(audited):
    client = s3(audited)
    for number in range(DECISIONS_MAX + 3):
        client.create_bucket(Bucket=f"many-{number:02}")
    client.list_buckets()
    record = audited.last(operation="ListBuckets")
    assert len(record.decisions) == DECISIONS_MAX
    assert record.more_decisions >= 3


def test_the_id_is_that_of_the_answer_and_tells_the_second(audited):
    _, headers, _ = get(f"{audited.gateway.url}/api/v1/keys", (audited.gateway.access_key, audited.gateway.secret))
    record = audited.last(operation="ListKeys")
    assert record.id == headers["X-Request-Id"]
    came = int(record.id, 16) >> 32
    assert abs(datetime.fromisoformat(record.time).timestamp() - came) < 5
    assert datetime.fromisoformat(record.time).tzinfo == UTC


def test_ids_do_not_come_twice(audited):
    ids = [record.id for record in audited.records if record.id]
    assert len(ids) == len(set(ids))


def test_no_secret_is_in_the_log(audited, bucket):
    gateway = audited.gateway
    made = audited.command("keys", "create", "ci", "--kind", "robot", "--json")
    key = gateway.key((Role.READER, f"s3:{bucket}/*"))
    client = s3(audited, key)
    signed = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    get(signed)
    get(signed + "0")
    with pytest.raises(ClientError):
        s3(audited, (key[0], "a-wrong-secret-key")).list_buckets()
    _, _, answer = get(f"{gateway.url}/auth/token?service=zotplus&offline_token=true", key)
    tokens = json.loads(answer)
    get(f"{gateway.url}/v2/", Authorization=f"Bearer {tokens['token']}")
    get(f"{gateway.url}/v2/", Authorization=f"Bearer {tokens['token'][:-3]}abc")
    get(f"{gateway.url}/api/v1/keys", (key[0], "not-the-password"))
    get(f"{gateway.url}/api/v1/keys", ("robot", "ci:not-the-robots-token"))
    get(f"{gateway.url}/api/v1/keys?secret=in-the-query", key)
    get(f"{gateway.url}/api/v1/keys", Cookie="session=in-a-cookie", Authorization="Basic in-a-header")
    body = f"grant_type=refresh_token&refresh_token={tokens['refresh_token']}&service=zotplus&client_id=x"
    request = urllib.request.Request(f"{gateway.url}/auth/token", data=body.encode())
    with urllib.request.urlopen(request) as refreshed:
        third = json.loads(refreshed.read())["token"]
    secrets = [
        gateway.secret,
        key[1],
        json.loads(made.stdout)["secret"],
        tokens["token"],
        tokens["refresh_token"],
        third,
        signed.split("Signature=")[1].split("&")[0],
        "a-wrong-secret-key",
        "not-the-password",
        "not-the-robots-token",
        "in-the-query",
        "in-a-cookie",
        "in-a-header",
        base64.b64encode(":".join(key).encode()).decode(),
        "AWS4-HMAC-SHA256",
        "X-Amz-Signature",
    ]
    text = audited.text.decode()
    assert [secret for secret in secrets if secret in text] == []
    assert len(audited.records) >= 10
    jwts = [part for part in (tokens["token"], third) for part in part.split(".")[1:]]
    assert [part for part in jwts if part in text] == []


def test_while_the_log_cannot_be_written_reads_go_on_and_writes_do_not(own):
    client = s3(own)
    client.create_bucket(Bucket="kept")
    client.put_object(Bucket="kept", Key="a", Body=b"a")
    own.disk.error = OSError(28, "No space left on device")
    client.get_object(Bucket="kept", Key="a")  # the first that cannot be written
    assert own.text is not None
    assert own.stream.is_failing
    assert client.get_object(Bucket="kept", Key="a")["Body"].read() == b"a"
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket="kept", Key="b", Body=b"b")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 507
    administration = own.command("keys", "list")
    assert administration.exit_code == 7
    assert "The audit log cannot be written." in administration.stderr
    own.disk.error = None
    assert own.text
    client.put_object(Bucket="kept", Key="b", Body=b"b")
    assert own.last(fault="audit_unavailable").status == 507
