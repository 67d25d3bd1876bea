"""The command line: parses arguments, calls the server or the application, prints."""


def main() -> None:
    """Run the command that the process's arguments name, and end the process."""
    from zotplus.cli.commands import cli  # noqa: PLC0415 - whoever imports the package need not pay for click

    cli.main(prog_name="zotplus")
