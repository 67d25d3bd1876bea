"""Settings ``kms.vault``: where the transit engine is, and how this server logs in."""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024, extra={"secret": True})]


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Vault or OpenBao whose transit engine holds the keys of SSE-KMS. They never leave it."""

    url: Text
    """Its address (``https://vault.example.org:8200``). No default: SSE-KMS uses the registry's own ring where it is
    not set."""

    mount: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_/-]{1,128}$")] = "transit"
    """Path of the transit engine. Vault's own default."""

    token: Secret | None = None
    """Token to come with. None by default; ``token_file`` is better, since tokens are renewed."""

    token_file: Text | None = None
    """File that holds the token, read again for each login, as Vault's agent keeps it. None by default."""

    kubernetes_role: Text | None = None
    """Role to log in with through Kubernetes auth, by the pod's own service account. None by default."""

    kubernetes_mount: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_/-]{1,128}$")] = "kubernetes"
    """Path of the Kubernetes auth method. Vault's own default."""

    jwt_file: Text = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    """File of the service account's token, which Kubernetes renews. Kubernetes' own place."""

    namespace: Text | None = None
    """Namespace of Vault Enterprise, or of OpenBao. None by default."""

    ca_file: Text | None = None
    """File of the authorities, in PEM, that sign the certificate of ``url``. The system's by default."""

    timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5.0
    """Seconds until an answer must be there. A client's read waits for it, so that longer than 5 s is no use."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("kms.vault.url is http://host:port or https://host:port")
        ways = [self.token is not None, self.token_file is not None, self.kubernetes_role is not None]
        if sum(ways) != 1:
            raise ValueError("set exactly one of kms.vault.token, token_file and kubernetes_role")

    def __repr__(self) -> str:
        """Without the token, which must not reach a log by way of a traceback."""
        return f"VaultSettings(url={self.url!r}, …)"
