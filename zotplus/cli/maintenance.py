"""``zotplus scrub``, ``backup`` and ``restore``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, emit_table
from zotplus.cli.server import config_option, load_settings
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.api.documents import BackedUp, NewBackup, NewScrub, Scrubbed

if TYPE_CHECKING:
    from zotplus.services.upkeep.backups import BackupReport


@click.command("scrub")
@click.option("--repair", is_flag=True, help="Correct wrong reference counts.")
@remote_options
@json_option
def scrub(*, repair: bool, remote: Remote, as_json: bool) -> None:
    """Re-hash everything that the server stores, and say what is damaged or missing."""
    report = remote.run(lambda server: server.api.post("/scrub", NewScrub(repair=repair), Scrubbed))
    if as_json:
        emit_json(msgspec.to_builtins(report))
    else:
        counts = [(name, str(getattr(report, name))) for name in ("blobs", "objects", "read_bytes", "repaired")]
        emit_fields(
            [(name.replace("_", " "), count) for name, count in (*counts, ("findings", str(len(report.findings))))]
        )
        rows = [(row.kind, row.digest or "-", ", ".join(row.objects), row.detail) for row in report.findings]
        if rows:
            emit_table(("KIND", "DIGEST", "OBJECTS", "DETAIL"), rows)
    if report.findings:
        raise Problem(errors.BLOB_CORRUPT, f"The scrub found {len(report.findings)} things wrong.")


@click.command("backup")
@click.argument("folder")
@remote_options
@json_option
def backup(*, folder: str, remote: Remote, as_json: bool) -> None:
    """Write a consistent backup into FOLDER, an empty folder on the server's own disk, while it goes on serving.

    It holds metadata and objects. Not inside, and to be copied by other means: the master key (the file master.key
    in the data folder), without which no secret can be opened, and the images of the registry behind. The output
    says where they are.
    """
    report = remote.run(lambda server: server.api.post("/backup", NewBackup(folder=folder), BackedUp))
    _print(msgspec.to_builtins(report), "not inside", as_json=as_json)
    _require_whole(report)


@click.command("restore")
@click.argument("folder", type=click.Path(path_type=Path))
@config_option
@click.option("--data-dir", metavar="FOLDER", help="The new data folder, which must be empty. [env: ZOTPLUS_DATA_DIR]")
@json_option
def restore(*, folder: Path, config_file: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Make a data folder from the backup in FOLDER. Runs on the server's machine, while no server uses the folder.

    The backup holds neither the master key nor the images of the registry behind; the output says where to put them.
    """
    settings = load_settings(config_file, {"ZOTPLUS_DATA_DIR": data_dir})
    from zotplus.app import restore as run  # noqa: PLC0415 - only this command needs the server's parts

    report = run(settings, folder)
    told = {"restored": str(settings.data.absolute()), **msgspec.to_builtins(report)}
    _print(told, "still to be put in place", as_json=as_json)
    _require_whole(report)


def _require_whole(report: "BackedUp | BackupReport") -> None:
    if report.missing or report.damaged:
        raise Problem(errors.BLOB_CORRUPT, "The backup lacks content that is missing or damaged.")


def _print(report: dict[str, Any], left_out: str, *, as_json: bool) -> None:
    """``left_out`` heads the lines of what the backup does not hold."""
    if as_json:
        emit_json(report)
        return
    omitted = report.pop("left_out")
    rows = [(name.replace("_", " "), _told(value)) for name, value in report.items()]
    emit_fields([*rows, *((left_out, f"{row['what']}: {row['where']}") for row in omitted)])


def _told(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
