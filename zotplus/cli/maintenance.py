"""``zotplus scrub``, ``backup`` and ``restore``."""

from pathlib import Path
from typing import Any

import click

from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json
from zotplus.cli.server import config_option, load_settings


@click.command("scrub")
@remote_options
@json_option
def scrub(*, remote: Remote, as_json: bool) -> None:
    """Re-hash everything that the server stores; what is damaged is set aside and reported."""
    _print(remote.run(lambda server: server.api.post("/scrub", {}, dict[str, Any])), as_json=as_json)


@click.command("backup")
@click.argument("folder")
@remote_options
@json_option
def backup(*, folder: str, remote: Remote, as_json: bool) -> None:
    """Write a consistent backup into FOLDER, a path on the server's own disk, while it goes on serving."""
    wanted = {"folder": folder}
    _print(remote.run(lambda server: server.api.post("/backup", wanted, dict[str, Any])), as_json=as_json)


@click.command("restore")
@click.argument("folder", type=click.Path(path_type=Path))
@config_option
@click.option("--data-dir", metavar="FOLDER", help="The new data folder, which must be empty. [env: ZOTPLUS_DATA_DIR]")
@json_option
def restore(*, folder: Path, config_file: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Make a data folder from the backup in FOLDER. Runs on the server's machine, while no server uses the folder."""
    settings = load_settings(config_file, {"ZOTPLUS_DATA_DIR": data_dir})
    from zotplus.app import restore as run  # noqa: PLC0415 - only this command needs the server's parts

    _print({"restored": str(settings.data), "blobs": run(settings, folder)}, as_json=as_json)


def _print(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json(report)
        return
    emit_fields([(name.replace("_", " "), _told(value)) for name, value in report.items()])


def _told(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
