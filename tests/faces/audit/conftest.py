"""A gateway that is audited, on memory adapters but for the log itself."""

import asyncio
import os
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tests.faces.gateway import memory_engines, settings_for, start
from zotplus.adapters.audit import signing
from zotplus.adapters.audit.appending import Appender, Stream
from zotplus.adapters.audit.signing import Ed25519Signer, Verifier
from zotplus.adapters.audit.stream import AuditStream
from zotplus.app.auditing import audit_folder
from zotplus.cli.commands import cli
from zotplus.domain.audit.records import decode_record
from zotplus.gateway.auditing import FLUSH_SECONDS
from zotplus.services.audit import evidence


class Audited:
    """``gateway`` is the server, ``records`` are all that it has written, ``text`` is every byte of the log."""

    def __init__(self, folder, settings=None):
        self.settings = settings or settings_for(folder)
        engines = memory_engines()
        key = asyncio.run(evidence.signing_key(engines.store, engines.sealing, signing))
        signer = Ed25519Signer(key)
        self.folder = audit_folder(self.settings)
        self.disk = SimpleNamespace(error=None)
        stream = Stream(
            name="worker-0",
            folder=self.folder / "worker-0",
            signer=signer,
            verify=Verifier({signer.key: signer.public}),
            write=self._write,
        )
        self.stream = AuditStream(Appender(stream), checkpoint_seconds=60, interval=0.01)
        parts = {name: getattr(engines, name) for name in ("store", "blobs", "sealing", "upstream")}
        self.gateway = start(folder, settings=self.settings, audit=self.stream, **parts)

    def _write(self, descriptor, data):
        if self.disk.error is not None:
            raise self.disk.error
        return os.write(descriptor, data)

    @property
    def text(self):
        self.gateway.run(asyncio.sleep(3 * FLUSH_SECONDS))  # what the loop has put off
        self.stream.flush()
        self.gateway.run(evidence.keep_head(self.gateway.parts.store, "worker-0", self.stream.head))
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*.jsonl")))

    @property
    def records(self):
        found = [decode_record(line) for line in self.text.splitlines()]
        return [record for record in found if record is not None]

    def last(self, **wanted):
        """The newest record with these values."""
        fits = [one for one in self.records if all(getattr(one, name) == value for name, value in wanted.items())]
        return fits[-1]

    def command(self, *args, **environment):
        given = {
            "ZOTPLUS_ENDPOINT": self.gateway.url,
            "ZOTPLUS_ACCESS_KEY": self.gateway.access_key,
            "ZOTPLUS_SECRET_KEY": self.gateway.secret,
        }
        return CliRunner().invoke(cli, [str(arg) for arg in args], env={**given, **environment}, prog_name="zotplus")

    def stop(self):
        self.gateway.stop()
        self.stream.close()


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    running = Audited(tmp_path_factory.mktemp("audited"))
    yield running
    running.stop()


@pytest.fixture
def own(tmp_path):
    """One that a test may break."""
    running = Audited(tmp_path)
    yield running
    running.stop()
