"""The composition root: settings become adapters, services, faces, servers and the work of a process, here only."""

from zotplus.app.auditing import verify_audit
from zotplus.app.janitor import run_janitor
from zotplus.app.offline import administrator_key, check, prepare, restore
from zotplus.app.worker import run_worker

__all__ = ["administrator_key", "check", "prepare", "restore", "run_janitor", "run_worker", "verify_audit"]
