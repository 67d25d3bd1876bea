"""The log over the API and on the command line, for those who may read it."""

import json
import threading
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from tests.faces.audit.test_recording import get, s3
from zotplus.cli.audit import commands
from zotplus.cli.commands import cli
from zotplus.services.identity.roles import Role


@pytest.fixture(scope="module")
def bucket(audited):
    client = s3(audited)
    client.create_bucket(Bucket="reading")
    for number in range(5):
        client.put_object(Bucket="reading", Key=f"k{number}", Body=b"x")
    return "reading"


def found(audited, *args):
    assert audited.text
    result = audited.command("audit", *args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_search_is_a_table_for_people(audited, bucket):
    assert audited.text
    result = audited.command("audit", "search", "--resource", f"s3:{bucket}/k3")
    heading, row = result.stdout.splitlines()
    assert heading.split() == ["TIME", "KIND", "WHO", "OPERATION", "RESOURCE", "STATUS", "ID"]
    assert "PutObject" in row
    assert audited.gateway.access_key in row


def test_filters_reach_the_server(audited, bucket):
    names = [
        record["decisions"][0]["resource"]
        for record in found(audited, "search", "--action", "s3:Put*", "--since", "1h", "--allowed", "--limit", "2")
    ]
    assert names == [f"s3:{bucket}/k4", f"s3:{bucket}/k3"]
    assert found(audited, "search", "--until", "2001-01-01T00:00:00") == []
    assert found(audited, "search", "--since", "2001-01-01T00:00:00+02:00", "--face", "oci") == []


def test_show_tells_everything_of_one_decision(audited, bucket):
    record = audited.last(operation="PutObject")
    shown = found(audited, "show", record.id)
    assert shown["stream"] == "worker-0"
    words = audited.command("audit", "show", record.id).stdout
    for word in (record.id, "s3:PutObject", f"s3:{bucket}/k4", "allowed", "who id"):
        assert word in words
    denied = get(f"{audited.gateway.url}/api/v1/keys", ("nobody", "wrong"))[1]["X-Request-Id"]
    assert audited.text
    assert "credentials_invalid" in audited.command("audit", "show", denied).stdout
    missing = audited.command("audit", "show", "0" * 16)
    assert missing.exit_code == 5


def test_export_is_json_lines_oldest_first(audited, bucket):
    assert audited.text
    lines = audited.command("audit", "export", "--operation", "PutObject").stdout.splitlines()
    seqs = [json.loads(line)["seq"] for line in lines]
    assert len(seqs) >= 5
    assert seqs == sorted(seqs)


def test_tail_shows_the_newest_last(audited, bucket):
    assert audited.text
    lines = audited.command("audit", "tail", "--operation", "PutObject", "--lines", "2").stdout.splitlines()
    assert [line.split()[4] for line in lines] == [f"s3:{bucket}/k3", f"s3:{bucket}/k4"]
    assert audited.command("audit", "tail", "--lines", "0").stdout == ""


def test_tail_follows_what_comes(audited, bucket, monkeypatch):
    monkeypatch.setattr(commands, "FOLLOW_SECONDS", 0.05)
    came, seen = threading.Event(), []

    def line(record, *, as_json):
        seen.append(record.decisions[0].resource)
        came.set()
        if seen[-1].endswith("followed"):
            raise KeyboardInterrupt

    monkeypatch.setattr(commands, "emit_line", line)
    result = []
    given = {
        "ZOTPLUS_ENDPOINT": audited.gateway.url,
        "ZOTPLUS_ACCESS_KEY": audited.gateway.access_key,
        "ZOTPLUS_SECRET_KEY": audited.gateway.secret,
    }
    words = ["audit", "tail", "--follow", "--operation", "PutObject", "--lines", "1"]

    def follow():
        result.append(CliRunner().invoke(cli, words, env=given, prog_name="zotplus"))

    thread = threading.Thread(target=follow)
    thread.start()
    assert came.wait(20)
    s3(audited).put_object(Bucket=bucket, Key="followed", Body=b"")
    thread.join(20)
    assert not thread.is_alive()
    assert seen == [f"s3:{bucket}/k4", f"s3:{bucket}/followed"]
    assert result[0].exit_code == 130


def test_a_log_is_verified_over_the_api_and_damage_is_named(own):
    own.command("keys", "list")
    own.command("keys", "list")
    assert own.text
    whole = own.command("audit", "verify")
    assert whole.exit_code == 0
    assert "worker-0" in whole.stdout
    path = next(own.folder.rglob("*.jsonl"))
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"operation":"ListKeys"', b'"operation":"ListKeyz"', 1))
    damaged = own.command("audit", "verify")
    assert damaged.exit_code == 8
    assert "record 1 was edited" in damaged.stdout
    assert "The audit log is not whole." in damaged.stderr
    verdict = json.loads(own.command("audit", "verify", "--json").stdout)
    assert verdict["whole"] is False
    assert verdict["streams"][0]["findings"][0]["seq"] == 1


def test_reading_and_verifying_are_actions_of_their_own(audited):
    key = audited.gateway.key((Role.READER, "*"))
    for method, path in (("GET", "/audit"), ("GET", "/audit/" + "0" * 16), ("POST", "/audit/verify")):
        assert get(f"{audited.gateway.url}/api/v1{path}", key, method=method)[0] == 403
        assert get(f"{audited.gateway.url}/api/v1{path}", method=method)[0] == 401


@pytest.mark.parametrize(
    "query",
    [
        "outcome=maybe",
        "kind=nonsense",
        "status=99",
        "status=-1",
        "status=٣٠٠",
        "limit=0",
        "limit=1001",
        "limit=x",
        "order=sideways",
        "since=yesterday",
        "since=2026-11-21T12:00:00",
        "until=0001-01-01T00:00:00Z",
        "until=9999-12-31T23:59:59Z",
        f"principal={'x' * 1025}",
        "cursor=nonsense",
        "unknown=1",
    ],
)
def test_a_question_that_is_none_is_refused(audited, query):
    user = (audited.gateway.access_key, audited.gateway.secret)
    status, _, body = get(f"{audited.gateway.url}/api/v1/audit?{quote(query, safe='=')}", user)
    assert (status, json.loads(body)["code"]) == (400, "argument_invalid")


def test_a_time_that_is_none_is_a_usage_error(audited):
    assert audited.command("audit", "search", "--since", "yesterday").exit_code == 2
