"""Certificate and key of the listening ports, and whose client certificates count; read again when they change."""

import asyncio
import hashlib
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.operators import Operator, Presented, operator_of
from zotplus.gateway.transport.certificates import NOBODYS, Holder
from zotplus.settings.sections import TlsSettings

log = structlog.get_logger("zotplus.tls")

WATCH_SECONDS = 5.0
"""How often the files' times are looked at; secrets mounted by Kubernetes change without a signal."""


class ReloadingTls:
    """A server context whose certificate and trusted authorities follow their files.

    Connections that are open keep their certificate. When the authorities change, ``distrusted`` is called: no open
    connection's client certificate counts any more, and each client has to show it again.
    """

    def __init__(self, settings: TlsSettings, operators: Sequence[Operator] = ()) -> None:
        self._settings = settings
        self._operators = tuple(operators)
        self._seen: set[bytes] = set()
        self._times = self._read_times()
        self.distrusted: Callable[[], None] = _nobody_listens
        try:
            self.context = self._load()
            self._authorities = self._read_authorities()
        except (OSError, ssl.SSLError) as bad:
            raise Problem(errors.SETTING_INVALID, f"http.tls: certificate or key cannot be used: {bad}") from bad
        self._current = self.context
        # A context cannot forget an authority, so each load makes a new one, and every handshake is sent on to it.
        self.context.sni_callback = self._send_on

    def reload(self) -> None:
        """Read all files now; such as do not work leave everything as it was."""
        self._times = self._read_times()
        try:
            loaded, authorities = self._load(), self._read_authorities()
        except (OSError, ssl.SSLError) as bad:
            log.warning("certificate_not_loaded", reason=str(bad))
            return
        self._current = loaded
        log.info("certificate_loaded", certificate=self._settings.certificate)
        if authorities != self._authorities:
            self._authorities = authorities
            self._seen.clear()
            self.distrusted()

    async def watch(self) -> None:
        """Reload whenever a file has changed, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._read_times() != self._times:
                self.reload()

    def holder(self, connection: ssl.SSLObject) -> Holder:
        """Whose certificate the client of ``connection`` showed.

        Nobody's without one, with one that no operator has, and in a session resumed from before the authorities
        changed: nothing was verified then.
        """
        encoded = connection.getpeercert(binary_form=True)
        if not encoded:
            return NOBODYS
        digest = hashlib.sha256(encoded).digest()
        if connection.session_reused and digest not in self._seen:
            return NOBODYS
        certificate = presented(encoded)
        name = operator_of(self._operators, certificate)
        if not name:
            log.info("certificate_of_nobody", subject=certificate.subject, fingerprint=certificate.fingerprint)
            return NOBODYS
        self._seen.add(digest)
        return Holder(name=name, until=certificate.until)

    def _load(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(settings.certificate, settings.key)
        if settings.client_ca_file is not None:
            context.load_verify_locations(settings.client_ca_file)
            required = settings.client_certificates == "required"
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
            context.num_tickets = 0  # a ticket would outlive the authorities
            context.options |= ssl.OP_NO_TICKET
        return context

    def _send_on(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _from: ssl.SSLContext) -> None:
        if self._current is not self.context:
            connection.context = self._current

    def _read_authorities(self) -> bytes:
        path = self._settings.client_ca_file
        return b"" if path is None else hashlib.sha256(Path(path).read_bytes()).digest()

    def _read_times(self) -> tuple[int, ...]:
        times = []
        for path in (self._settings.certificate, self._settings.key, self._settings.client_ca_file):
            try:
                times.append(0 if path is None else os.stat(path).st_mtime_ns)  # noqa: PTH116 - every few seconds
            except OSError:
                times.append(0)
        return tuple(times)


def presented(encoded: bytes) -> Presented:
    """What a certificate in DER says. One that TLS took and this library cannot read says nothing."""
    fingerprint = hashlib.sha256(encoded).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        names = _alternative_names(certificate)
        return Presented(
            subject=certificate.subject.rfc4514_string(),
            dns=tuple(names.get_values_for_type(x509.DNSName)),
            uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
            fingerprint=certificate.fingerprint(SHA256()).hex(),
            until=certificate.not_valid_after_utc.timestamp(),
        )
    except ValueError:
        return Presented(subject="", dns=(), uris=(), fingerprint=fingerprint, until=0.0)


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def _nobody_listens() -> None:
    """Where no server runs there is nothing to distrust."""
