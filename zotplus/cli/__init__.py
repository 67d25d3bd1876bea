"""The command line: parses arguments, calls the server or the application, prints."""

import sys


def main() -> None:
    """Run the command that the process's arguments name, and end the process."""
    from zotplus.cli.commands import cli  # noqa: PLC0415 - whoever imports the package need not pay for click

    cli.main(prog_name="zotplus")


def credential_helper() -> None:
    """``docker-credential-zotplus``, as docker and podman call it: the operation is the only argument."""
    from zotplus.cli.commands import cli  # noqa: PLC0415 - as above

    cli.main(["credential-helper", *sys.argv[1:]], prog_name="zotplus")
