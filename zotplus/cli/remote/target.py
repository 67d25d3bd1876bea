"""Which server, and as whom: options win over the environment, and that over the stored profile."""

import difflib
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from zotplus.cli import faults
from zotplus.cli.remote.profiles import Profile, profiles_path, read_profiles, tokens_path
from zotplus.domain import errors
from zotplus.domain.errors import Problem

DEFAULT_ENDPOINT = "http://127.0.0.1:8080"
"""Where ``zotplus serve`` listens when nothing is configured."""
DEFAULT_REGION = "us-east-1"
DEFAULT_PROFILE = "default"
_PORTS = {"http": 80, "https": 443}


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; None where it says nothing."""

    endpoint: str | None = None
    access_key: str | None = None
    region: str | None = None
    profile: str | None = None
    ca_file: str | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A server and the credentials for it: a key, or the file ``tokens`` of a login; with neither, anonymous."""

    endpoint: str
    access_key: str = ""
    secret_key: str = ""
    region: str = DEFAULT_REGION
    ca_file: str = ""
    tokens: str = ""
    other_login: str = ""
    """The endpoint of the login that would have been used, had it been for this one; empty when nothing is amiss."""

    def __repr__(self) -> str:
        return f"Target(endpoint={self.endpoint!r}, access_key={self.access_key!r})"  # the rest is secret

    @property
    def is_anonymous(self) -> bool:
        """Whether there is nothing to be known by."""
        return not self.access_key and not self.tokens

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return self.endpoint.partition(":")[0]

    @property
    def host(self) -> str:
        """Host and port as they go into the Host header."""
        return urlsplit(self.endpoint).netloc

    @property
    def path(self) -> str:
        """The path that the endpoint begins with, without a slash at its end."""
        return urlsplit(self.endpoint).path


def resolve(choice: Choice, environ: Mapping[str, str]) -> Target:
    """The server and credentials to use. A profile's secret is only ever given to that profile's own endpoint.

    Raises ``PROFILE_UNKNOWN``, ``ENDPOINT_INVALID``, and as ``read_profiles``.
    """
    name = choice.profile or environ.get("ZOTPLUS_PROFILE")
    stored = _stored(name, environ)
    given = choice.endpoint or environ.get("ZOTPLUS_ENDPOINT")
    endpoint = clean_endpoint(given or (stored.endpoint if stored else DEFAULT_ENDPOINT))
    trusted = stored if stored is not None and clean_endpoint(stored.endpoint) == endpoint else None
    access_key, secret_key = _credentials(choice, environ, trusted)
    unused = stored is not None and trusted is None and stored.is_login and not access_key
    signed_in = trusted is not None and bool(trusted.issuer) and not access_key
    return Target(
        endpoint=endpoint,
        access_key=access_key,
        secret_key=secret_key,
        region=choice.region or (trusted and trusted.region) or DEFAULT_REGION,
        ca_file=choice.ca_file or environ.get("ZOTPLUS_CA") or (trusted and trusted.ca_file) or "",
        tokens=str(tokens_path(profiles_path(environ), name or DEFAULT_PROFILE)) if signed_in else "",
        other_login=stored.endpoint if stored is not None and unused else "",
    )


def clean_endpoint(text: str) -> str:
    """``text`` in its one spelling: lower-case scheme and host, no default port, no slash at the end.

    Raises ``ENDPOINT_INVALID``.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise Problem(faults.ENDPOINT_INVALID, f"{text!r} is no address.") from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise Problem(faults.ENDPOINT_INVALID, f"{text!r} is not like https://host:port.")
    if parts.username is not None or parts.password is not None:
        raise Problem(faults.ENDPOINT_INVALID, "The endpoint holds credentials; use `zotplus login` for them.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def is_exposed(address: str) -> bool:
    """Whether what is sent there can be read on the way: without TLS, and to another machine."""
    parts = urlsplit(address)
    if parts.scheme != "http":
        return False
    try:
        return not ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname != "localhost"


def _stored(named: str | None, environ: Mapping[str, str]) -> Profile | None:
    profiles = read_profiles(profiles_path(environ)).profiles
    found = profiles.get(named or DEFAULT_PROFILE)
    if found is None and named:
        near = difflib.get_close_matches(named, profiles, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise Problem(faults.PROFILE_UNKNOWN, f"There is no profile {named!r}.{hint}")
    return found


def _credentials(choice: Choice, environ: Mapping[str, str], trusted: Profile | None) -> tuple[str, str]:
    access_key = choice.access_key or environ.get("ZOTPLUS_ACCESS_KEY")
    secret_key = environ.get("ZOTPLUS_SECRET_KEY")
    if access_key is None and secret_key is None:
        return (trusted.access_key, trusted.secret_key) if trusted else ("", "")
    access_key = access_key or (trusted.access_key if trusted else "")
    if secret_key is None and trusted is not None and trusted.access_key == access_key:
        secret_key = trusted.secret_key
    if not access_key or not secret_key:
        missing = "The secret key" if access_key else "The access key"
        raise Problem(
            errors.CREDENTIALS_MISSING, f"{missing} is missing: set ZOTPLUS_ACCESS_KEY and ZOTPLUS_SECRET_KEY."
        )
    return access_key, secret_key
