"""The first thing that a new user types is the program's name."""

import pytest

from zotplus.cli.commands import cli


@pytest.mark.parametrize("arguments", [[], ["keys"], ["grants"], ["buckets"], ["config"]], ids=" ".join)
def test_without_a_subcommand_the_help_is_the_answer(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: ")
    assert "\\n" not in shown
    assert len(shown.splitlines()) > 5


@pytest.mark.parametrize(
    "arguments", [["--endpoint", "http://x", "status"], ["buckets", "--json", "list"]], ids=" ".join
)
def test_an_option_before_its_command_is_told_where_it_stands(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "behind the command" in capsys.readouterr().err
