"""A gateway that stores no secret of any job; it knows GitHub and a cluster by files, Keycloak by its address."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.issuers import shapes
from tests.issuers.local import AUDIENCE, LocalIssuer
from tests.peers.home import Home
from tests.peers.keycloak import Keycloak
from tests.peers.programs import (
    ADMIN_KEY,
    ADMIN_SECRET,
    PeerGateway,
    basic,
    call,
    start_gateway,
    start_registry,
)

URLS = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.example.org",
    "cluster": "https://kubernetes.default.svc",
}
GRANTS = [{"role": "publisher", "pattern": "oci:team/**"}, {"role": "publisher", "pattern": "s3:releases"}]
TRUSTS = {
    "release": {
        "issuer": "github",
        "claims": {"repository_id": "74", "ref": ["refs/heads/main", "refs/tags/v*"]},
    },
    "pipeline": {"issuer": "cluster", "claims": {"sub": "system:serviceaccount:team-a:pipeline"}},
    "builder": {"issuer": "cluster", "claims": {"sub": "system:serviceaccount:team-a:builder"}, "reuse": True},
    "alice": {"issuer": "keycloak", "claims": {"azp": "zotplus", "groups": "platform"}, "reuse": True},
}


@dataclass
class Site:
    """The gateway, and who mints tokens for it."""

    gateway: PeerGateway
    issuer: LocalIssuer
    count: list[int] = field(default_factory=lambda: [0])

    def token(self, shape: str, **changes) -> str:
        self.count[0] += 1
        url = URLS.get(shape, URLS["cluster"])
        claims = shapes.ALL[shape](url, time.time(), **{"jti": f"peer-{self.count[0]}-{os.getpid()}", **changes})
        return self.issuer.mint(claims)


class Job(Home):
    """A job of a CI system: a home without any credential, and one token of its system in a file."""

    def __init__(self, folder: Path, site: Site, token: str):
        self.site = site
        self.token_file = folder / "token"
        self.token_file.write_text(token)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "DOCKER_CONFIG": str(folder / "docker"),
            "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "NO_PROXY": "127.0.0.1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        super().__init__(folder, environment)

    def with_web_identity(self, role: str, **more: str) -> "Job":
        """For aws: where the token is, and which role it is for; there is no key anywhere."""
        self.environment |= {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.token_file),
            "AWS_ROLE_ARN": f"arn:zotplus:iam:::role/{role}",
            "AWS_ROLE_SESSION_NAME": "job",
            "AWS_ENDPOINT_URL": self.site.gateway.url + "/s3",
            **more,
        }
        return self

    def mint(self, trust: str) -> str:
        """An access token for the job's own, as its script asks for it."""
        document = json.dumps({"token": self.token_file.read_text(), "trust": trust}).encode()
        status, _, body = call("POST", f"{self.site.gateway.url}/_/oidc/mint-token", body=document)
        assert status == 200, body
        return json.loads(body)["token"]


@pytest.fixture(scope="module")
def site(keycloak: Keycloak, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    issuer = LocalIssuer()
    keys = folder / "jwks.json"
    keys.write_bytes(issuer.jwks())
    issuers = [
        {"name": name, "url": url, "audiences": [AUDIENCE], "jwks_file": str(keys)} for name, url in URLS.items()
    ]
    issuers.append({"name": "keycloak", "url": keycloak.issuer, "audiences": [AUDIENCE]})
    upstream_folder = folder / "registry"
    upstream_folder.mkdir()
    upstream = start_registry(upstream_folder)
    own = folder / "gateway"
    own.mkdir()
    gateway = start_gateway(own, upstream.url, ZOTPLUS_IDENTITY__ISSUERS=json.dumps(issuers))
    try:
        for name, trust in TRUSTS.items():
            gateway.api("PUT", f"/trusts/{name}", {"audience": AUDIENCE, "grants": GRANTS, **trust})
        gateway.grant("group:keycloak:platform", "publisher", "s3:releases")
        made, _, _ = call("PUT", gateway.url + "/s3/releases", headers=basic(ADMIN_KEY, ADMIN_SECRET), body=b"")
        assert made == 200
        yield Site(gateway, issuer)
    finally:
        gateway.running.stop()
        upstream.stop()


@pytest.fixture
def job(site, tmp_path):
    """Makes jobs."""
    count = 0

    def make(token: str) -> Job:
        nonlocal count
        count += 1
        folder = tmp_path / f"job-{count}"
        folder.mkdir()
        return Job(folder, site, token)

    return make
