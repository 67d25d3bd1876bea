"""Records for people: no word of the language that the program is written in."""

from zotplus.cli.audit.printing import emit_record
from zotplus.domain.audit.records import Decided, EventKind, Record, Who

WHO = Who(
    id="user:keycloak:ada",
    kind="user",
    names=("group:keycloak:dev", "group:keycloak:ops"),
    claims={"oidc:sub": ("ada",), "oidc:groups": ("dev", "ops")},
)
DECIDED = (Decided("s3:GetObject", "s3:box/key", True, "reading", "#1"), Decided("s3:PutObject", "s3:box/key", False))


def test_a_record_is_told_in_words_and_a_table(capsys):
    record = Record(
        7, "2026-11-22T06:00:00.000Z", EventKind.DENIED, id="A1", who=WHO, decisions=DECIDED, details={"grant": "g1"}
    )
    emit_record(record, as_json=False)
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "seq 7" in told
    assert "who names group:keycloak:dev, group:keycloak:ops" in told
    assert "who claims oidc:sub=ada; oidc:groups=dev, ops" in told
    assert "detail grant g1" in told
    assert told[-2:] == ["allowed s3:GetObject s3:box/key reading #1 -", "denied s3:PutObject s3:box/key - -"]
    assert not [line for line in told if set("{}()'") & set(line)]


def test_a_record_without_anybody_has_no_empty_lines(capsys):
    emit_record(Record(1, "2026-11-22T06:00:00.000Z", EventKind.LOST, details={"records": 3}), as_json=False)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["seq", "1"],
        ["time", "2026-11-22T06:00:00.000Z"],
        ["kind", "lost"],
        ["detail", "records", "3"],
    ]
