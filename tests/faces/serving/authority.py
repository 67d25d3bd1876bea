"""A certificate authority of the tests."""

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR = dt.timedelta(hours=1)


class Authority:
    """Signs certificates and writes them, each with its key, into ``folder``."""

    def __init__(self, folder, name):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = subject_of(name)
        made = self._builder(self._name, self._key, HOUR).add_extension(x509.BasicConstraints(True, None), True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, True).sign(self._key, hashes.SHA256())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key, lasting):
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * HOUR)
            .not_valid_after(now + lasting)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        )

    def sign(self, name, *others, lasting=HOUR, usage=ExtendedKeyUsageOID.CLIENT_AUTH):
        """Paths of certificate and key, and the certificate; ``others`` are alternative names."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(subject_of(name), key, lasting)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), False)
        made = builder.sign(self._key, hashes.SHA256())
        certificate, secret = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        secret.chmod(0o600)
        return certificate, secret, made

    def server(self):
        """Settings of a server at 127.0.0.1 that shows a certificate of this authority."""
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate, secret, _ = self.sign("server", address, usage=ExtendedKeyUsageOID.SERVER_AUTH)
        return {"ZOTPLUS_HTTP__TLS__CERTIFICATE": str(certificate), "ZOTPLUS_HTTP__TLS__KEY": str(secret)}


def subject_of(name):
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
