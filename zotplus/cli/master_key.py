"""``zotplus keys rotate-master``: runs on the server's own machine, while the server is stopped."""

import os
from pathlib import Path

import click
import msgspec

from zotplus.cli.options import json_option
from zotplus.cli.output import emit_fields, emit_json, remark
from zotplus.cli.server import config_option, load_settings


@click.command("rotate-master")
@click.option("--save-old-key", type=click.Path(path_type=Path), metavar="FILE", help="Keep the old key in a new FILE.")
@click.option("--discard-old-key", is_flag=True, help="Keep it nowhere: backups made before can no longer be used.")
@config_option
@click.option("--data-dir", metavar="FOLDER", help="The server's data folder. [env: ZOTPLUS_DATA_DIR]")
@json_option
def rotate_master(
    *, save_old_key: Path | None, discard_old_key: bool, config_file: Path | None, data_dir: str | None, as_json: bool
) -> None:
    """Seal all stored secrets under a new master key. Runs on the server's machine, while the server is stopped.

    The new key is drawn and written to the file master.key; backups made before need the old one, so say where to keep
    it. Where the master key is a setting, the new key is ZOTPLUS_MASTER_KEY, the old one ZOTPLUS_PREVIOUS_MASTER_KEY,
    and no file is written. When it is interrupted, run it again: it goes on where it stopped, and until then the server
    starts with both keys.
    """
    settings = load_settings(config_file, {"ZOTPLUS_DATA_DIR": data_dir})
    if settings.master_key is None and (save_old_key is None) is not discard_old_key:
        raise click.UsageError("Backups made before need the old key: give --save-old-key FILE or --discard-old-key.")
    from zotplus.app.master_key import rotate_master_key  # noqa: PLC0415 - only this command needs the server's parts
    from zotplus.serve.data_folder import claim  # noqa: PLC0415 - as above

    lock = claim(settings.data) if settings.data.exists() else None
    try:
        done = rotate_master_key(settings, save_old_key)
    finally:
        if lock is not None:
            os.close(lock)
    if as_json:
        emit_json(msgspec.to_builtins(done))
    else:
        emit_fields([(f"{name} sealed anew", str(count)) for name, count in done.resealed.items()])
    if done.resumed:
        remark("A rotation that was interrupted is finished; no new key was drawn.")
    remark("Backups made until now need the old key, those made from now on the new one.")
