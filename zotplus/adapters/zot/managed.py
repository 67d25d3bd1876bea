"""The configuration of a Zot that runs beside the gateway as its child process.

The keys are Zot's own (its ``examples/README.md``, release 2.1.20). Zot listens on loopback without authentication: the
gateway is the only way in.
"""

import ipaddress
import socket
from pathlib import Path
from typing import Any

import msgspec

from zotplus.adapters.zot.settings import UpstreamSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem

_ORDERLY_END = b'"error":"http: Server closed"'

FOLDER = "zot"
"""Zot's part of the data folder: its configuration, and ``storage`` that only Zot writes."""


class ManagedUpstream(msgspec.Struct, frozen=True, kw_only=True):
    """A Zot ready to be started: run ``argv``; it will answer at ``url``. ``config_path`` was written for it."""

    argv: tuple[str, ...]
    url: str
    config_path: Path


def prepare(settings: UpstreamSettings, data_dir: Path, binary: Path) -> ManagedUpstream:
    """Write the configuration for ``binary`` and say how to start it.

    Raises ``SETTING_INVALID`` when Zot would listen elsewhere than on loopback, ``STORAGE_FAILED`` when the file cannot
    be written.
    """
    address = loopback(settings.managed_address)
    port = settings.managed_port or free_port(address)
    folder = data_dir.absolute() / FOLDER
    config_path = folder / "config.json"
    document = msgspec.json.format(msgspec.json.encode(configuration(address, port, folder / "storage")))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config_path.write_bytes(document)
    except OSError as failure:
        raise Problem(errors.STORAGE_FAILED, f"{config_path} cannot be written.") from failure
    host = f"[{address}]" if ":" in address else address
    return ManagedUpstream(
        argv=(str(binary), "serve", str(config_path)), url=f"http://{host}:{port}", config_path=config_path
    )


def configuration(address: str, port: int, storage: Path) -> dict[str, Any]:
    """Zot's configuration document."""
    keep_all = {
        # digests that only an attestation or a release list names must stay: retention is the gateway's
        "repositories": ["**"],
        "deleteReferrers": False,
        "deleteUntagged": False,
        "keepTags": [{"patterns": [".*"]}],
    }
    return {
        "distSpecVersion": "1.1.1",
        "storage": {
            "rootDirectory": str(storage),
            # with dedupe, asking a repository for a blob can link it there from another, private one
            "dedupe": False,
            "gc": True,
            "gcDelay": "2h",
            "gcInterval": "24h",
            "retention": {"delay": "24h", "policies": [keep_all]},
        },
        "http": {
            "address": address,
            "port": str(port),
            "compat": ["docker2s2"],  # without it Docker's own media types are refused with 415
            "readTimeout": "0s",  # the default of 60 s cuts every layer that takes longer (2.1.17 and later)
            "writeTimeout": "0s",
        },
        "log": {"level": "warn"},
    }


def loopback(address: str) -> str:
    """``address`` if it is a loopback address. Raises ``SETTING_INVALID``: Zot would be open to others."""
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        detail = (
            f"A managed Zot listens on loopback only, and {address!r} is not: it would answer without authentication."
        )
        raise Problem(errors.SETTING_INVALID, detail, argument="upstream.managed_address")
    return address


def without_orderly_end(line: bytes) -> bytes:
    """``line`` of Zot's log; nothing where it is the error that every orderly end is to Zot.

    Told to end, its server returns Go's ``http.ErrServerClosed``, which Zot logs as a failure to start.
    """
    return b"" if _ORDERLY_END in line else line


def free_port(address: str) -> int:
    """A port that is free on ``address`` now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
