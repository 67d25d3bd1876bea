"""The root command: a table of commands that are imported only when they run, and one place where failures end."""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click
import msgspec

from zotplus.cli import faults
from zotplus.cli.output import exit_code, explain
from zotplus.domain import errors
from zotplus.domain.errors import Problem


class Entry(msgspec.Struct, frozen=True):
    """Where a command is (``module:attribute``) and its line in the overview."""

    place: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "serve": Entry("zotplus.cli.server:serve", "Run the gateway."),
    "config": Entry("zotplus.cli.server:config", "Check, show and describe the configuration."),
    "login": Entry("zotplus.cli.signin.account:login", "Log in: with an access key, or by browser (--oidc)."),
    "logout": Entry("zotplus.cli.signin.commands:logout", "End a login."),
    "token": Entry("zotplus.cli.signin.commands:token", "Print a fresh access token."),
    "credential-helper": Entry("zotplus.cli.signin.docker_credentials:credential_helper", "Serve docker and podman."),
    "credential-process": Entry("zotplus.cli.signin.commands:credential_process", "Serve aws and its SDKs."),
    "status": Entry("zotplus.cli.signin.account:status", "Show how the server is."),
    "keys": Entry("zotplus.cli.access:keys", "Manage access keys and robot tokens."),
    "grants": Entry("zotplus.cli.identity.grants:grants", "Manage who may do what."),
    "tokens": Entry("zotplus.cli.identity.tokens:tokens", "End tokens, and change the key that signs them."),
    "policy": Entry("zotplus.cli.policy.commands:policy", "Manage policies, and apply them from files."),
    "can": Entry("zotplus.cli.policy.questions:can", "Ask what somebody may do, and which statement says so."),
    "why": Entry("zotplus.cli.policy.questions:why", "Explain a decision by the id that came with its answer."),
    "trust": Entry("zotplus.cli.federation.trusts:trust", "Manage which jobs and pods come in without a secret."),
    "sessions": Entry("zotplus.cli.federation.sessions:sessions", "End sessions and tokens before their time."),
    "buckets": Entry("zotplus.cli.buckets:buckets", "Manage buckets."),
    "rb": Entry("zotplus.cli.buckets:remove_bucket", "Delete a bucket."),
    "list": Entry("zotplus.cli.objects:list_objects", "List buckets or objects (also: ls)."),
    "upload": Entry("zotplus.cli.transfers:upload", "Upload files."),
    "download": Entry("zotplus.cli.transfers:download", "Download objects; goes on where it stopped."),
    "cp": Entry("zotplus.cli.transfers:copy", "Copy between files and objects, or among objects."),
    "rm": Entry("zotplus.cli.objects:remove", "Delete objects."),
    "presign": Entry("zotplus.cli.content.links:presign", "Make a link or form that works without credentials."),
    "scrub": Entry("zotplus.cli.maintenance:scrub", "Re-hash what is stored."),
    "backup": Entry("zotplus.cli.maintenance:backup", "Write a backup on the server's disk."),
    "restore": Entry("zotplus.cli.maintenance:restore", "Make a data folder from a backup."),
    "events": Entry("zotplus.cli.events.commands:events", "See events on their way, and those given up."),
    "kms": Entry("zotplus.cli.encryption.commands:kms", "Manage encryption keys."),
    "audit": Entry("zotplus.cli.audit.commands:audit", "Read and verify the audit log."),
    "completion": Entry("zotplus.cli.signin.account:completion", "Print the completion script of a shell."),
}
ALIASES = {"ls": "list"}


class Group(click.Group):
    """A group that names the nearest commands when one is mistyped."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion in the error."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx) from error


class Root(Group):
    """The root: loads a command's module when the command runs, and turns every failure into words and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the table's order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None when there is none."""
        del ctx
        entry = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        module, _, attribute = entry.place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, from the table: nothing is imported for it."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, *positional: Any, **extra: Any) -> NoReturn:
        """Run, print what went wrong if something did, and end the process with the fault's exit code."""
        given = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            result = super().main(given, *positional, **extra)
        except BaseException as error:  # noqa: BLE001 - the last place, and none may end in a traceback
            sys.exit(_fail(error, as_json="--json" in given))
        sys.exit(result if isinstance(result, int) else 0)


def _fail(error: BaseException, *, as_json: bool) -> int:
    """Print ``error``; the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, BrokenPipeError):
        # Whoever reads (head, less) has seen enough; Python must not complain while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())  # nothing was asked for, so the help is the answer
        return 0
    problem = _problem_of(error)
    explain(problem, as_json=as_json)
    return faults.INTERRUPTED if problem.fault is faults.ABORTED else exit_code(problem)


def _problem_of(error: BaseException) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Problem(faults.ABORTED)
    if isinstance(error, click.ClickException):
        return Problem(faults.USAGE, f"{error.format_message()}{_where_options_stand(error)}")
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Problem(faults.FILE_FAILED, f"{where}{error.strerror or error}.")
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})" if frame is not None else ""
    return Problem(errors.INTERNAL_ERROR, f"{type(error).__name__}: {error}{where}")


def _where_options_stand(error: click.ClickException) -> str:
    """What helps where an option that commands have was given before the command; else nothing."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or not isinstance(error.ctx.command, click.Group):
        return ""
    return f" Options stand behind the command: `{error.ctx.command_path} COMMAND {error.option_name} ...`."


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="zotplus", message="%(prog)s %(version)s")
def cli() -> None:
    """One small registry: images, charts and files under one identity.

    Objects are addressed as s3://bucket/key or bucket/key. The server is chosen by --endpoint, ZOTPLUS_ENDPOINT or
    `zotplus login`, in this order; the credentials by ZOTPLUS_ACCESS_KEY and ZOTPLUS_SECRET_KEY, or the login.
    """
