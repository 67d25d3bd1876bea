"""Settings ``identity``: which issuers of tokens are trusted, and for what."""

import ipaddress
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from zotplus.domain.claims import ClaimsMapping
from zotplus.domain.iam.principal_names import OWN_ISSUER
from zotplus.domain.operators import Operator
from zotplus.domain.trusts import is_github
from zotplus.ports.identity import LoginOffer

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
Url = Annotated[str, msgspec.Meta(min_length=8, max_length=1_024)]


_HOSTS_OF_JOBS = frozenset({"gitlab.com", "agent.buildkite.com", "app.terraform.io"})
"""Issuers for the jobs of everybody, which choose the audience themselves. GitHub's is known by ``is_github``."""

ScopeName = Annotated[str, msgspec.Meta(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$")]
"""A scope as RFC 6749, 3.3 spells it."""


class LoginSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people log in at an issuer with ``zotplus login --oidc``. All of it is public: anybody may read it."""

    client_id: Text
    """The client that is made for people at the issuer: public (without a secret), with the code flow and PKCE, and
    ``http://127.0.0.1/*`` among its redirect addresses. No default."""

    scopes: Annotated[tuple[ScopeName, ...], msgspec.Meta(min_length=1, max_length=32)] = ("openid",)
    """Scopes to ask for. ``openid`` must be among them: without it no ID token says who logged in."""

    offline: bool = False
    """Whether to ask for a login that outlives the browser's session (scope ``offline_access``). Off by default: the
    login then ends with the session at the issuer, as an administrator there expects."""

    device: bool = True
    """Whether the device flow is offered, for machines without a browser. On by default; the issuer must offer it
    too. Turn it off where people may be talked into approving somebody else's login."""

    def __post_init__(self) -> None:
        if "openid" not in self.scopes:
            raise ValueError("the scope openid must be among the scopes")


class IssuerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One issuer of tokens: a Keycloak realm, GitHub Actions, a GitLab, a Kubernetes cluster."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """What logs and policies call it: lower-case letters, digits and hyphens."""

    url: Url
    """The issuer, exactly as its tokens name it in ``iss`` (``https://login.example.org/realms/zotplus``): OpenID
    Connect compares it letter by letter. Its discovery document is read below this address."""

    audiences: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=64)]
    """Audiences, of which a token must carry at least one. No default: without it a token that was made for another
    service would be accepted here."""

    clients: Annotated[tuple[Text, ...], msgspec.Meta(max_length=256)] = ()
    """Clients of the issuer that tokens may have been made for (``azp``). Empty by default: any, because the audience
    decides. A token with several audiences must name its client in any case."""

    jwks_url: Url | None = None
    """Address of the issuer's keys. None by default: discovery tells it, and it must then be on the issuer's own host
    and port. Set it where keys are elsewhere, or where the gateway reaches the issuer by another address than its
    clients do; discovery is then left out."""

    jwks_file: Text | None = None
    """File with the issuer's keys (a JSON Web Key Set), for one that cannot be reached, such as a cluster without a
    public address. None by default. Nothing is fetched where it is set; the file is read again as keys would be."""

    ca_file: Text | None = None
    """File with certificates (PEM) of the authority that signed the issuer's. None by default: the system's
    authorities. For Kubernetes and for companies with their own."""

    allow_http: bool = False
    """Whether the issuer may be asked without TLS on another machine than this. Off by default: who can answer in its
    place decides who everybody is."""

    algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1)] = ALGORITHMS
    """Signature algorithms that are accepted. All with public keys by default; HMAC and ``none`` never are. A token
    chooses among them only as far as the type of the issuer's key allows."""

    leeway: Annotated[float, msgspec.Meta(ge=0, le=300)] = 30.0
    """Seconds that the issuer's clock may differ. Half a minute is more than synchronised clocks differ, and little
    beside the five minutes that a token usually lives."""

    refresh: Annotated[float, msgspec.Meta(ge=10, le=86_400)] = 600.0
    """Seconds after which the keys are fetched anew, behind a request that does not wait. A key that the issuer took
    away is refused after twice this long at the latest, as long as the issuer answers. New keys need not wait: a token
    that names an unknown key has them fetched at once."""

    timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5.0
    """Seconds for one answer of the issuer. A token whose key is not known yet waits this long at most."""

    claims: ClaimsMapping = ClaimsMapping()
    """Which claims give user name, groups and roles. The default is Keycloak's form."""

    people: bool | None = None
    """Whether whoever has a token of this issuer is let in as ``user:<name>:<subject>``, and so is ``authenticated``;
    else only trusts let its tokens in. On by default, but off for GitHub Actions, gitlab.com, Buildkite and HCP
    Terraform: there anybody in the world can have a token for any audience."""

    login: LoginSettings | None = None
    """How people log in here. None by default: the issuer is for machines, and ``zotplus login`` does not offer it."""

    @property
    def has_people(self) -> bool:
        """Whether a token of this issuer stands for somebody without a trust."""
        if self.people is not None:
            return self.people
        return not is_github(self.url) and urlsplit(self.url).hostname not in _HOSTS_OF_JOBS

    def __post_init__(self) -> None:
        for url in (self.url, *([] if self.jwks_url is None else [self.jwks_url])):
            _require_address(url, allow_http=self.allow_http or self.jwks_file is not None)
        if self.jwks_url is not None and self.jwks_file is not None:
            raise ValueError("set jwks_url or jwks_file, not both")


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Identities that others vouch for."""

    issuers: Annotated[tuple[IssuerSettings, ...], msgspec.Meta(max_length=256)] = ()
    """Issuers of OpenID Connect tokens. None by default. In the environment a JSON list. Whoever holds a token of one
    is the principal ``user:<name>:<subject>`` at every door, in the groups and roles that the token names, and may what
    was granted to these."""

    key_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = 90
    """Days after which a new key or robot expires where nobody says otherwise. 90 by default: a secret that was lost
    without a word is worth nothing after a quarter. ``null`` for ever; the first administrator never expires."""

    public_access: bool = True
    """Whether anything can be open to everybody. Off: whoever does not log in gets nothing, whatever grants and
    policies say of ``public``; for registries that must not have such a mistake."""

    operators: Annotated[tuple[Operator, ...], msgspec.Meta(max_length=256)] = ()
    """Operators and services that are known by a client certificate, which an authority of ``http.tls.client_ca_file``
    has signed. None by default; in the environment a JSON list. Each is the principal ``certificate:<name>`` where a
    request brings no other credential. To revoke a certificate, remove its entry and restart."""

    def __post_init__(self) -> None:
        for values in ([one.name for one in self.issuers], [one.url for one in self.issuers]):
            if len(set(values)) != len(values):
                raise ValueError("every issuer has a name and a url of its own")
        if any(one.name == OWN_ISSUER for one in self.issuers):
            raise ValueError(f"no issuer can be called {OWN_ISSUER}: so are the users whom the registry keeps itself")
        if len({one.name for one in self.operators}) != len(self.operators):
            raise ValueError("every operator has a name of its own")


def login_offers(identity: IdentitySettings) -> tuple[LoginOffer, ...]:
    """The issuers at which people log in, as everybody may know them."""
    return tuple(
        LoginOffer(
            name=issuer.name,
            url=issuer.url,
            client_id=issuer.login.client_id,
            scopes=_scopes(issuer.login),
            device=issuer.login.device,
        )
        for issuer in identity.issuers
        if issuer.login is not None
    )


def _scopes(login: LoginSettings) -> tuple[str, ...]:
    added = ("offline_access",) if login.offline and "offline_access" not in login.scopes else ()
    return login.scopes + added


def _require_address(url: str, *, allow_http: bool) -> None:
    """Refuse what is no address to ask an issuer at. Raises ``ValueError``."""
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError outside 0 to 65535
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable() or " " in url:
        raise ValueError("an address is https://host[:port][/path]")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("an address has no credentials, query or fragment")
    if parts.scheme == "http" and not (allow_http or _is_loopback(parts.hostname)):
        raise ValueError("an issuer on another machine is asked by https; see allow_http")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
