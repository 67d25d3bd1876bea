"""Certificate and key of the listening ports, read again when they change."""

import asyncio
import os
import ssl

import structlog

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.settings.sections import TlsSettings

log = structlog.get_logger("zotplus.tls")

WATCH_SECONDS = 5.0
"""How often the files' times are looked at; secrets mounted by Kubernetes change without a signal."""


class ReloadingTls:
    """A server context whose certificate follows its files; connections that are open keep theirs."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._times = self._read_times()
        try:
            self._load()
        except (OSError, ssl.SSLError) as bad:
            raise Problem(errors.SETTING_INVALID, f"http.tls: certificate or key cannot be used: {bad}") from bad

    def reload(self) -> None:
        """Read both files now; a pair that does not work leaves the old one in place."""
        self._times = self._read_times()
        try:
            self._load()
        except (OSError, ssl.SSLError) as bad:
            log.warning("certificate_not_loaded", reason=str(bad))
            return
        log.info("certificate_loaded", certificate=self._settings.certificate)

    async def watch(self) -> None:
        """Reload whenever a file has changed, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._read_times() != self._times:
                self.reload()

    def _load(self) -> None:
        trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trial.load_cert_chain(self._settings.certificate, self._settings.key)
        self.context.load_cert_chain(self._settings.certificate, self._settings.key)

    def _read_times(self) -> tuple[int, ...]:
        times = []
        for path in (self._settings.certificate, self._settings.key):
            try:
                times.append(os.stat(path).st_mtime_ns)  # noqa: PTH116 - twice every few seconds
            except OSError:
                times.append(0)
        return tuple(times)
