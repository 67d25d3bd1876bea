"""What commands print, and with which code they end."""

import json
from pathlib import Path

import pytest

from zotplus.cli import faults, output
from zotplus.cli.commands import COMMANDS, cli
from zotplus.cli.reference import page
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, FaultType, Problem


def test_every_type_of_fault_has_its_own_exit_code():
    assert set(faults.EXIT_CODES) == set(FaultType)
    assert len(set(faults.EXIT_CODES.values())) == len(FaultType)
    assert 0 not in faults.EXIT_CODES.values()


def test_the_clients_faults_are_none_of_the_servers():
    assert set(faults.FAULTS).isdisjoint(CATALOGUE)
    assert all(fault.cause and fault.remedy for fault in faults.FAULTS.values())


def test_a_problem_is_told_with_cause_remedy_and_request_id(capsys):
    output.explain(Problem(errors.BUCKET_NOT_FOUND, "There is no bucket x.", request_id="ABC", bucket="x"))
    assert capsys.readouterr().err.splitlines() == [
        "error: The bucket does not exist. There is no bucket x.",
        "  cause: No bucket has this name.",
        "  remedy: Create it, or check the spelling.",
        "  request id: ABC",
    ]


def test_a_problem_for_programs_is_one_json_object(capsys):
    output.explain(Problem(errors.BUCKET_NOT_FOUND, request_id="ABC", bucket="x"), as_json=True)
    told = json.loads(capsys.readouterr().err)["error"]
    assert (told["code"], told["type"], told["request_id"], told["fields"]) == (
        "bucket_not_found", "not_found", "ABC", {"bucket": "x"},
    )  # fmt: skip


def test_tables_line_up(capsys):
    output.emit_table(("NAME", "SIZE"), [("a", "1"), ("longer", "22")])
    assert capsys.readouterr().out == "NAME    SIZE\na       1\nlonger  22\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain ü 日", "plain ü 日"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb", "a\\nb"), ("\u202e", "\\u202e")],
)
def test_text_of_others_cannot_drive_the_terminal(text, shown):
    assert output.printable(text) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**4, "5.0 TiB"), (2048 * 1024**4, "2048.0 TiB")],
)
def test_sizes_are_readable(count, shown):
    assert output.human_size(count) == shown


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("odd"), 1, "RuntimeError: odd"),
        (FileNotFoundError(2, "No such file or directory", "x"), 7, "x: No such file"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (Problem(errors.ACCESS_DENIED), 4, "Access denied"),
    ],
)
def test_no_failure_ends_in_a_traceback(monkeypatch, capsys, error, code, words):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "invoke", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["status"])
    told = capsys.readouterr().err
    assert ended.value.code == code
    assert words in told
    assert "Traceback" not in told


def test_every_command_can_be_loaded_and_says_what_it_does():
    for name, entry in COMMANDS.items():
        command = cli.get_command(None, name)
        assert command.help, name
        assert entry.summary.endswith(".")


def test_the_page_of_the_documentation_is_what_help_says():
    stored = Path(__file__).parents[3] / "docs/cli.md"
    assert stored.read_text() == page(), "run `make fix`"
