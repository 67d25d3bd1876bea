"""What ``why`` prints of records that a test cannot easily bring about."""

import pytest
from click.testing import CliRunner

from zotplus.cli.commands import cli
from zotplus.cli.options import Remote
from zotplus.domain.audit.records import Decided, EventKind, Record
from zotplus.domain.iam import Layer


@pytest.fixture
def why(monkeypatch):
    def run(record, statements):
        monkeypatch.setattr(Remote, "run", lambda _self, _work: (record, statements))
        return CliRunner().invoke(cli, ["why", "X"], prog_name="zotplus").stdout

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
