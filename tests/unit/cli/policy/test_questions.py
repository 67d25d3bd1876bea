"""What ``why`` prints of records that a test cannot easily bring about."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from zotplus.cli.commands import cli
from zotplus.cli.options import Remote
from zotplus.cli.policy import questions
from zotplus.domain import errors
from zotplus.domain.audit.records import Decided, EventKind, Record
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Layer

ID = "0123456789ABCDEF"


@pytest.fixture
def why(monkeypatch):
    def run(record, statements):
        monkeypatch.setattr(Remote, "run", lambda _self, _work: (record, statements))
        return CliRunner().invoke(cli, ["why", ID], prog_name="zotplus").stdout

    return run


def test_decisions_beyond_those_that_are_kept_are_counted(why):
    decided = Decided(action="s3:ListBucket", resource="s3:a", allowed=True, policy="everyone", statement="#1")
    record = Record(seq=1, time="now", kind=EventKind.REQUEST, decisions=(decided,), more_decisions=7)
    told = why(record, [{"Effect": "Allow"}])
    assert "and 7 more decisions" in told
    assert "who     unknown" in told


def test_what_others_chose_is_printed_without_control_characters(why):
    decided = Decided(
        action="s3:GetObject", resource="s3:a/\x1b[2J", allowed=False, policy="p@1", layer=Layer.RESOURCE, reason="no"
    )
    told = why(Record(seq=1, time="now", kind=EventKind.DENIED, path="/\x07", decisions=(decided,)), [{"Sid": "\x1b"}])
    assert "\x1b" not in told
    assert "\x07" not in told


def refused_token(**details):
    return Record(seq=1, time="now", kind=EventKind.DENIED, status=401, fault="token_invalid", details=details)


def test_the_reason_of_a_refused_token_is_printed(why):
    told = why(refused_token(why="No issuer 'http://a\x1b' is configured.", token_fault="issuer", issuer=""), [])
    assert "because  No issuer 'http://a\\x1b' is configured. (issuer)" in told
    assert "because" not in why(refused_token(), [])
    assert "because  Said so.\n" in why(refused_token(why="Said so."), [])


@pytest.mark.parametrize("given", [ID, ID.lower(), f"  {ID.lower()}\n"])
def test_an_id_is_found_however_it_was_copied(monkeypatch, given):
    asked = []

    async def decided(_server, decision_id):
        asked.append(decision_id)
        return refused_token(), []

    monkeypatch.setattr(questions, "_decided", decided)
    monkeypatch.setattr(Remote, "run", lambda _self, work: asyncio.run(work(None)))
    assert CliRunner().invoke(cli, ["why", given]).exit_code == 0
    assert asked == [ID]


@pytest.mark.parametrize("given", ["", "X", ID[1:], f"{ID}0", f"{ID[:8]} {ID[8:]}", "\uff10" * 16, "../../../grants/"])
def test_what_cannot_be_an_id_is_refused_before_anybody_is_asked(given):
    result = CliRunner().invoke(cli, ["why", given], env={"ZOTPLUS_ENDPOINT": "http://127.0.0.1:9"})
    assert result.exit_code == 2
    assert "16 hexadecimal digits" in result.stderr


class Late:
    """A server whose log has the record after some asking."""

    def __init__(self, misses):
        self.misses = misses
        self.asked = 0

    async def get(self, _path, _kind):
        self.asked += 1
        if self.asked <= self.misses:
            raise Problem(errors.RECORD_NOT_FOUND)
        return "record"


def id_of(age):
    return f"{int(time.time() - age):08X}00000000"


async def test_a_decision_of_this_moment_is_waited_for():
    api = Late(2)
    assert await questions._record(SimpleNamespace(api=api), id_of(0)) == "record"
    assert api.asked == 3


async def test_an_older_one_is_not():
    decision_id = id_of(60)
    api = Late(1)
    with pytest.raises(Problem):
        await questions._record(SimpleNamespace(api=api), decision_id)
    assert api.asked == 1


async def test_one_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(questions, "WRITTEN_SECONDS", 0.2)
    with pytest.raises(Problem):
        await questions._record(SimpleNamespace(api=Late(1_000)), id_of(0))
