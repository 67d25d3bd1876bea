"""The proxy path: a blob and a manifest through the gateway, against the same upstream directly."""

import base64
import hashlib
import json
import os
import urllib.request
from pathlib import Path

from bench import load, servers
from bench.servers import KEY, SECRET

ROUNDS = 3  # measurements of a case; the best counts
SIZE = 64 << 20
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()}
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def push(url: str) -> tuple[str, str]:
    """A blob of 64 MiB and a manifest that names it; their paths."""
    blob = os.urandom(1 << 20) * (SIZE >> 20)
    config = b"{}"
    for content in (blob, config):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        begin = urllib.request.Request(f"{url}/v2/bench/uploads/blobs/uploads/", method="POST")
        location = urllib.request.urlopen(begin).headers["Location"]
        target = location if location.startswith("http") else url + location
        joined = target + ("&" if "?" in target else "?") + f"digest={digest}"
        headers = {"Content-Type": "application/octet-stream"}
        urllib.request.urlopen(urllib.request.Request(joined, data=content, method="PUT", headers=headers))
    described = [
        {"mediaType": kind, "digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}
        for kind, content in (
            ("application/vnd.oci.image.config.v1+json", config),
            ("application/vnd.oci.image.layer.v1.tar", blob),
        )
    ]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described[0], "layers": described[1:]}
    urllib.request.urlopen(
        urllib.request.Request(
            f"{url}/v2/bench/uploads/manifests/1",
            data=json.dumps(manifest).encode(),
            method="PUT",
            headers={"Content-Type": MANIFEST_TYPE},
        )
    )
    return f"/v2/bench/uploads/blobs/{described[1]['digest']}", "/v2/bench/uploads/manifests/1"


def _mib(url: str, path: str, headers: dict[str, str], connections: int, seconds: int) -> float:
    return load.wrk(url, [(path, headers)], connections=connections, seconds=seconds).mib


def cases(folder: Path, seconds: int = 5) -> dict[str, float]:
    upstream = servers.upstream(folder / "upstream")
    if upstream is None:
        return {}
    gateway = servers.zotplus(folder / "gateway", upstream=upstream.url)
    try:
        main = gateway.extra["main"]
        blob, manifest = push(upstream.url)
        found: dict[str, float] = {}
        for connections in (1, 4):
            direct = max(_mib(upstream.url, blob, {}, connections, seconds) for _ in range(ROUNDS))
            through = max(_mib(main, blob, BASIC, connections, seconds) for _ in range(ROUNDS))
            found[f"OCI blob 64 MiB, {connections} connections, through / directly ({upstream.name}; floor 0.6)"] = (
                through / direct
            )
        direct = load.wrk(upstream.url, [(manifest, {})], connections=1, seconds=seconds).median_ms
        through = load.wrk(main, [(manifest, BASIC)], connections=1, seconds=seconds).median_ms
        found["OCI manifest GET, added at the median, ms (floor 0.6)"] = through - direct
        return found
    finally:
        gateway.stop()
        upstream.stop()
