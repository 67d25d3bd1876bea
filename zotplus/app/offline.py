"""What commands do on the server's own machine: the first start's preparation, reading the key, restoring a backup."""

import asyncio
from pathlib import Path

from zotplus.adapters.sealing_aead.sealing import open_sealing
from zotplus.app.composition import local_blobs, local_store
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.access import Access
from zotplus.services.backups import restore_backup
from zotplus.settings import Settings

KeyPair = tuple[str, str]
"""Access key id and secret."""


def prepare(settings: Settings) -> KeyPair | None:
    """Make the data folder and an administrator; the key pair when it was made just now, else None.

    Runs in a process of its own, because the supervisor never opens the store. Raises ``Problem``.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return asyncio.run(_administrator(settings))


async def _administrator(settings: Settings) -> KeyPair | None:
    store = local_store(settings)
    try:
        access = Access(store, open_sealing(settings.master_key, settings.data))
        made = await access.ensure_administrator(settings.admin.access_key, settings.admin.secret_key)
    finally:
        await store.close()
    return None if made is None else (made.credential.id, made.secret)


def administrator_key(settings: Settings) -> KeyPair:
    """The administrator's key pair, read from the store. Raises ``RECORD_NOT_FOUND`` before the first start."""
    return asyncio.run(_read_administrator(settings))


async def _read_administrator(settings: Settings) -> KeyPair:
    if not Path(settings.metadata.path).exists():
        raise Problem(errors.RECORD_NOT_FOUND, f"There is no store in {settings.data_dir} yet.")
    store = local_store(settings)
    try:
        access = Access(store, open_sealing(settings.master_key, settings.data))
        return await access.administrator_key()
    finally:
        await store.close()


def restore(settings: Settings, folder: Path) -> int:
    """Fill the empty data folder of ``settings`` from the backup in ``folder``; how many blobs. Raises ``Problem``."""
    if Path(settings.metadata.path).exists():
        raise Problem(errors.RECORD_EXISTS, f"{settings.data_dir} already holds a store.")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return asyncio.run(restore_backup(folder, settings.data, local_blobs(settings)))
