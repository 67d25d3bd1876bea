"""What a backup does not hold: the key that opens it, and what belongs to the registry behind."""

from pathlib import Path

from zotplus.adapters.audit.files import AUDIT_FOLDER
from zotplus.adapters.sealing_aead.sealing import MASTER_KEY_FILE
from zotplus.adapters.zot.managed import FOLDER
from zotplus.services.upkeep.backups import Omission
from zotplus.settings import Settings

_KEY = "the master key"
_AUDIT = "the audit log, whose newest checkpoints the backup holds"
_IMAGES = "OCI images and charts"


def of_backup(settings: Settings) -> list[Omission]:
    """What to copy beside a backup of this installation, and where it is."""
    key = "the setting master_key" if settings.master_key is not None else str(_master_key(settings))
    left_out = [Omission(what=_KEY, where=key)]
    audit = settings.data.absolute() / AUDIT_FOLDER
    if audit.exists():
        left_out.append(Omission(what=_AUDIT, where=str(audit)))
    if settings.upstream.url is not None:
        left_out.append(Omission(what=_IMAGES, where=f"the registry at {settings.upstream.url}"))
    elif _registry(settings).exists():
        left_out.append(Omission(what=_IMAGES, where=str(_registry(settings))))
    return left_out


def of_restore(settings: Settings) -> list[Omission]:
    """What still has to be put in place before this installation is whole, and where to."""
    left_out = []
    if settings.master_key is None and not _master_key(settings).exists():
        left_out.append(Omission(what=_KEY, where=str(_master_key(settings))))
    if settings.upstream.url is None and not _registry(settings).exists():
        left_out.append(Omission(what=f"{_IMAGES} of a managed Zot", where=str(_registry(settings))))
    return left_out


def _master_key(settings: Settings) -> Path:
    return settings.data.absolute() / MASTER_KEY_FILE


def _registry(settings: Settings) -> Path:
    """The managed Zot's folder, which holds its storage; only Zot itself may read that while it runs."""
    return settings.data.absolute() / FOLDER
