"""``zotplus serve`` and ``zotplus config``: what runs on the server's own machine."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zotplus.cli.commands import Group
from zotplus.cli.options import json_option
from zotplus.cli.output import emit_json

if TYPE_CHECKING:
    from zotplus.settings import Settings

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration file. [env: ZOTPLUS_CONFIG]",
)


def load_settings(config_file: Path | None, overrides: Mapping[str, str | None]) -> "Settings":
    """The settings of file and environment, ``overrides`` (variable -> value) on top. Raises ``SETTING_INVALID``."""
    from zotplus.settings import load  # noqa: PLC0415 - only this machine's commands need it

    given = {name: value for name, value in overrides.items() if value is not None}
    return load(config_file, {**os.environ, **given})


@click.command("serve")
@config_option
@click.option("--data-dir", metavar="FOLDER", help="Where everything is kept. [env: ZOTPLUS_DATA_DIR]")
@click.option("--port", metavar="PORT", help="The main port. [env: ZOTPLUS_HTTP__PORT]")
@click.option("--s3-port", metavar="PORT", help="The port with S3 at its root. [env: ZOTPLUS_S3__PORT]")
@click.option("--workers", metavar="COUNT", help="Processes that serve. [env: ZOTPLUS_WORKERS]")
def serve(
    *, config_file: Path | None, data_dir: str | None, port: str | None, s3_port: str | None, workers: str | None
) -> int:
    """Run the gateway until SIGTERM or Ctrl-C; requests under way are finished first.

    Without any configuration it keeps its data in ./var, listens on port 8080, serves S3 at the root of port 9000 as
    well, and prints the administrator's key at the first start.
    """
    settings = load_settings(
        config_file,
        {
            "ZOTPLUS_DATA_DIR": data_dir,
            "ZOTPLUS_HTTP__PORT": port,
            "ZOTPLUS_S3__PORT": s3_port,
            "ZOTPLUS_WORKERS": workers,
        },
    )
    from zotplus.serve import serve as run  # noqa: PLC0415 - only this command needs the server's parts

    return run(settings)


@click.group(cls=Group)
def config() -> None:
    """Check, show and describe the server's configuration."""


@config.command("check")
@config_option
@json_option
def check(*, config_file: Path | None, as_json: bool) -> None:
    """Read file and environment, and say what is wrong with them."""
    settings = load_settings(config_file, {})
    from zotplus.app import check as check_named  # noqa: PLC0415 - only this command needs the server's parts

    check_named(settings)
    if as_json:
        emit_json({"valid": True})
    else:
        click.echo("The configuration is valid.")


@config.command("show")
@config_option
@json_option
def show(*, config_file: Path | None, as_json: bool) -> None:
    """Show every setting as it is in force, without secrets."""
    from zotplus.settings.printing import show as tree_of  # noqa: PLC0415 - only this machine's commands need it

    tree = tree_of(load_settings(config_file, {}))
    if as_json:
        emit_json(tree)
        return
    import yaml  # noqa: PLC0415 - see above

    click.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), nl=False)


@config.command("schema")
@json_option
def schema(*, as_json: bool) -> None:
    """Print the JSON Schema of the configuration file, for editors and checks."""
    del as_json  # it is JSON either way
    from zotplus.settings.printing import schema as document_of  # noqa: PLC0415 - as above

    emit_json(document_of())
