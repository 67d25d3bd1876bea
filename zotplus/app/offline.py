"""What commands do on the server's own machine: the first start's preparation, reading the key, restoring a backup."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from zotplus.adapters.keyvalue_lmdb.wholeness import require_whole
from zotplus.adapters.sealing_aead.sealing import MASTER_KEY_FILE, decode_master_key, open_sealing
from zotplus.adapters.webhooks.client import HttpWebhooks
from zotplus.app import omissions
from zotplus.app.composition import local_blobs, local_store, saved_blobs
from zotplus.app.tls import ReloadingTls
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.identity.access import Access
from zotplus.services.identity.grantees import is_credential
from zotplus.services.identity.grants import Grants
from zotplus.services.identity.roles import Role
from zotplus.services.upkeep.backups import MANIFEST, METADATA_FOLDER, BackupReport, restore_blobs
from zotplus.services.upkeep.resealing import require_openable
from zotplus.settings import Settings

KeyPair = tuple[str, str]
"""Access key id and secret."""
_STORE_FILE = "data.mdb"


def check(settings: Settings) -> None:
    """Refuse what the settings name and the server could not use: keys and files. Raises ``SETTING_INVALID``."""
    for setting, text in (("master_key", settings.master_key), ("previous_master_key", settings.previous_master_key)):
        if text is not None:
            try:
                decode_master_key(text)
            except Problem as problem:
                raise Problem(problem.fault, f"{setting}: {problem.detail}") from problem
    for setting, file in _named_files(settings):
        if file and not Path(file).is_file():
            raise Problem(errors.SETTING_INVALID, f"{setting}: there is no file {file}.")
    if settings.http.tls is not None:
        ReloadingTls(settings.http.tls)
    HttpWebhooks(settings.events.webhooks)  # reads their secrets


def _named_files(settings: Settings) -> Iterator[tuple[str, str | None]]:
    """Settings and the files that they name."""
    tls = settings.http.tls
    if tls is not None:
        yield from (("http.tls.certificate", tls.certificate), ("http.tls.key", tls.key))
        yield "http.tls.client_ca_file", tls.client_ca_file
    for issuer in settings.identity.issuers:
        yield f"identity.issuers, {issuer.name}: jwks_file", issuer.jwks_file
        yield f"identity.issuers, {issuer.name}: ca_file", issuer.ca_file
    for webhook in settings.events.webhooks:
        yield f"events.webhooks, {webhook.name}: ca_file", webhook.ca_file


def prepare(settings: Settings) -> KeyPair | None:
    """Make the data folder and an administrator; the key pair when it was drawn here just now, else None.

    A secret that somebody set is theirs already: no banner or log repeats it.

    Runs in a process of its own, because the supervisor never opens the store. Raises ``Problem``.
    """
    check(settings)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_master_key(settings)
    return asyncio.run(_administrator(settings))


def _require_master_key(settings: Settings) -> None:
    """A store without its master key is a restored one: a new key could open none of its secrets."""
    key, store = settings.data / MASTER_KEY_FILE, Path(settings.metadata.path) / _STORE_FILE
    if settings.master_key is None and store.exists() and not key.exists():
        raise Problem(
            errors.SETTING_INVALID,
            f"The store in {settings.data_dir} was made under a master key that is gone: copy its {MASTER_KEY_FILE} "
            "into the folder, or set master_key.",
        )


async def _administrator(settings: Settings) -> KeyPair | None:
    store = local_store(settings)
    try:
        sealing = open_sealing(settings.master_key, settings.data, settings.previous_master_key)
        await require_openable(store, sealing)
        access = Access(store, sealing)
        made = await access.ensure_administrator(settings.admin.access_key, settings.admin.secret_key)
    finally:
        await store.close()
    if made is None or settings.admin.secret_key is not None:
        return None
    return made.credential.id, made.secret


def administrator_key(settings: Settings) -> KeyPair:
    """The administrator's key pair, read from the store. Raises ``RECORD_NOT_FOUND`` before the first start."""
    return asyncio.run(_read_administrator(settings))


async def _read_administrator(settings: Settings) -> KeyPair:
    if not Path(settings.metadata.path).exists():
        where = settings.data.absolute()
        raise Problem(
            errors.RECORD_NOT_FOUND, f"There is no store in {where}: name the server's data folder with --data-dir."
        )
    store = local_store(settings)
    try:
        access = Access(store, open_sealing(settings.master_key, settings.data, settings.previous_master_key))
        for grant in await Grants(store).list():
            if grant.role is Role.ADMINISTRATOR and is_credential(grant.grantee):
                _, secret = await access.signer(grant.grantee)
                return grant.grantee, secret
    finally:
        await store.close()
    raise Problem(errors.RECORD_NOT_FOUND, "No credential is an administrator.")


def restore(settings: Settings, folder: Path) -> BackupReport:
    """Fill the empty data folder of ``settings`` from the backup in ``folder``, checking all blobs. Raises ``Problem``.

    The report's ``left_out`` is what has to be put in place by hand: the master key, a managed Zot's images.
    """
    metadata, saved = Path(settings.metadata.path), folder / METADATA_FOLDER / _STORE_FILE
    if metadata.exists():
        raise Problem(errors.RECORD_EXISTS, f"{settings.data.absolute()} already holds a store.")
    if not (folder / MANIFEST).is_file():
        raise Problem(errors.ARGUMENT_INVALID, f"{folder} is no backup: it has no {MANIFEST}.")
    # The engine would make a new store of an empty file.
    if not saved.is_file() or saved.stat().st_size == 0:
        raise Problem(errors.STORAGE_FAILED, f"The backup's metadata are missing or empty: {saved}")
    require_whole(saved)
    with _staged(settings.data, metadata) as staged:
        shutil.copyfile(saved, staged / _STORE_FILE)
        (staged / _STORE_FILE).chmod(0o600)
        report = asyncio.run(_restore_blobs(settings, folder, staged))
    return msgspec.structs.replace(report, left_out=omissions.of_restore(settings))


@contextlib.contextmanager
def _staged(data: Path, metadata: Path) -> Iterator[Path]:
    """A new folder that becomes ``metadata`` at the end: until then ``data`` is no store, and one can begin again.

    After a failure it is removed, and so are the folders around it that were made here and are empty. Blobs stay.
    """
    staged = metadata.with_name(f"{metadata.name}.restoring")
    shutil.rmtree(staged, ignore_errors=True)  # of an attempt that was killed
    made = {one for folder in (data, staged) for one in (folder, *folder.parents) if not one.exists()}
    try:
        for folder in (data, staged):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield staged
        staged.rename(metadata)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        for one in sorted(made, reverse=True):  # the inner ones first
            with contextlib.suppress(OSError):
                one.rmdir()
        raise


async def _restore_blobs(settings: Settings, folder: Path, metadata: Path) -> BackupReport:
    at = msgspec.structs.replace(settings.metadata, path=str(metadata))
    store = local_store(msgspec.structs.replace(settings, metadata=at))
    source = saved_blobs(settings, folder)
    target = local_blobs(settings)
    try:
        return await restore_blobs(folder / MANIFEST, store, source, target)
    finally:
        await store.close()
        await source.close()
        await target.close()
