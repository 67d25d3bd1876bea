"""What encryption costs: the same objects plain, by SSE-S3 and by SSE-C, read and written in one run of one server.

``python -m bench.encryption [--seconds 5] [--rounds 3]``; prints JSON: MiB/s or requests/s, and the ratio to plain.
"""

import argparse
import base64
import hashlib
import json
import os
import statistics
import tempfile
from pathlib import Path

from bench import servers
from bench.cases import client
from bench.load import signed, wrk
from bench.servers import Server

LARGE, SMALL = 64 * 1024 * 1024, 4096
KEY = os.urandom(32)
SSE_C = [
    ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ("x-amz-server-side-encryption-customer-key", base64.b64encode(KEY).decode()),
    (
        "x-amz-server-side-encryption-customer-key-md5",
        base64.b64encode(hashlib.md5(KEY, usedforsecurity=False).digest()).decode(),
    ),
]
SCHEMES = {"plain": [], "SSE-S3": [("x-amz-server-side-encryption", "AES256")], "SSE-C": SSE_C}


def fill(server: Server) -> None:
    s3 = client(server)
    s3.create_bucket(Bucket="bench")
    for name in SCHEMES:
        extra = {"SSE-S3": {"ServerSideEncryption": "AES256"}}.get(name, {})
        if name == "SSE-C":
            extra = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
        s3.put_object(Bucket="bench", Key=f"{name}/large", Body=os.urandom(LARGE), **extra)
        s3.put_object(Bucket="bench", Key=f"{name}/small", Body=os.urandom(SMALL), **extra)


def read(server: Server, name: str, size: str, seconds: int) -> float:
    """MiB/s of large objects over 4 connections, requests/s of small ones over 32."""
    path = f"/bench/{name}/{size}"
    headers = signed(server, "GET", path, more=SSE_C if name == "SSE-C" else ())
    connections = 4 if size == "large" else 32
    found = wrk(server.url, [(path, headers)], connections=connections, seconds=seconds)
    return found.mib if size == "large" else found.requests


def write(server: Server, name: str, seconds: int) -> float:
    """MiB/s of new 64 MiB objects over 2 connections."""
    path = f"/bench/{name}/written"
    requests = [(path, signed(server, "PUT", path, more=SCHEMES[name]))]
    body = f"string.rep('y', {LARGE})"
    return wrk(server.url, requests, method="PUT", connections=2, seconds=seconds, body=body).requests * LARGE / 2**20


def measured(server: Server, seconds: int, rounds: int) -> dict[str, dict[str, float]]:
    cases = {
        "GET 64 MiB, MiB/s": lambda name: read(server, name, "large", seconds),
        "GET 4 KiB, requests/s": lambda name: read(server, name, "small", seconds),
        "PUT 64 MiB, MiB/s": lambda name: write(server, name, seconds),
    }
    report = {}
    for case, measure in cases.items():
        runs = {name: [] for name in SCHEMES}
        for _ in range(rounds):  # side by side, so that what else the machine does falls on all of them
            for name in SCHEMES:
                runs[name].append(measure(name))
        medians = {name: statistics.median(found) for name, found in runs.items()}
        ratios = {f"{name} / plain": found / medians["plain"] for name, found in medians.items() if name != "plain"}
        report[case] = {name: round(value, 2) for name, value in (medians | ratios).items()}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = servers.zotplus(Path(folder), ZOTPLUS_S3__ALLOW_SSE_C_OVER_HTTP="true")
        try:
            fill(server)
            print(json.dumps(measured(server, options.seconds, options.rounds), indent=2))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
