"""Another master key for a stopped server: the new key joins the old, everything is sealed anew, the old key goes."""

import asyncio
from pathlib import Path

import msgspec

from zotplus.adapters.sealing_aead.sealing import generate_master_key, open_sealing, read_keyring, write_keyring
from zotplus.adapters.sealing_aead.secret_files import create_secret_file
from zotplus.app.composition import local_store
from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem
from zotplus.services.upkeep.resealing import reseal
from zotplus.settings import Settings


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. ``resumed``: an earlier rotation was finished, no key drawn; ``resealed``: records by table."""

    resumed: bool
    resealed: dict[str, int]


def rotate_master_key(settings: Settings, save_old: Path | None) -> Rotation:
    """Seal everything under a new master key; the old one opens nothing afterwards.

    With ``master_key`` set, that is the new key and ``previous_master_key`` the old one; else a key is drawn, and the
    old one, which backups made before still need, is kept in the new file ``save_old`` (None: nowhere). After a crash
    at any point the server starts with what there is, and the same command goes on where this one stopped.

    Nothing else may use the data folder meanwhile. Raises ``RECORD_NOT_FOUND`` without a store, ``SETTING_INVALID``,
    ``RECORD_EXISTS`` where ``save_old`` holds something else, ``STORAGE_FAILED``.
    """
    if not Path(settings.metadata.path).exists():
        raise Problem(errors.RECORD_NOT_FOUND, f"There is no store in {settings.data.absolute()}.")
    if settings.master_key is not None:
        return _to_the_set_key(settings)
    keys = read_keyring(settings.data)
    resumed = len(keys) > 1
    if not resumed:
        keys = [generate_master_key(), *keys]
    if save_old is not None:
        _save(save_old, "\n".join(keys[1:]))
    write_keyring(settings.data, keys)
    failpoints.hit("master_key.after_keyring")
    resealed = asyncio.run(_reseal(settings))
    failpoints.hit("master_key.after_reseal")
    write_keyring(settings.data, keys[:1])
    failpoints.hit("master_key.after_removal")
    return Rotation(resumed=resumed, resealed=resealed)


def _to_the_set_key(settings: Settings) -> Rotation:
    if settings.previous_master_key is None:
        raise Problem(
            errors.SETTING_INVALID,
            "The master key is a setting: put the new one in master_key and the old one in previous_master_key.",
            setting="previous_master_key",
        )
    return Rotation(resumed=False, resealed=asyncio.run(_reseal(settings)))


def _save(path: Path, text: str) -> None:
    if create_secret_file(path, text) != text:
        raise Problem(errors.RECORD_EXISTS, f"{path} holds something else already.")


async def _reseal(settings: Settings) -> dict[str, int]:
    store = local_store(settings)
    try:
        sealing = open_sealing(settings.master_key, settings.data, settings.previous_master_key)
        return await reseal(store, sealing)
    finally:
        await store.close()
