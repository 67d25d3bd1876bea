"""``python -m bench.identity``: what policies and tokens cost a small GET, against the administrator's key in one run.

The registry holds 1,000 policies and 10,000 grants, as in ``bench.decisions``; the member has some of both.
"""

import argparse
import asyncio
import base64
import json
import os
import platform
import tempfile
import time
import urllib.request
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from bench import decisions, load, run, servers
from bench.servers import KEY, SECRET, Server
from zotplus.adapters.keyvalue_lmdb.settings import LmdbSettings
from zotplus.adapters.keyvalue_lmdb.store import KeyValueLmdb
from zotplus.domain.signatures.sigv4_sign import SigningCredentials

FLOOR = 0.9
CONNECTIONS = 32
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:bench/*"},
        {
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": "s3:bench/*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
        },
    ],
}


def issuer(folder: Path) -> tuple[str, str]:
    """The setting of an issuer whose keys are a file, and a token of its member."""
    pair = ECKey.generate_key("P-256")
    public = {**pair.as_dict(private=False), "kid": "k", "use": "sig", "alg": "ES256"}
    (folder / "keys.json").write_text(json.dumps({"keys": [public]}))
    row = {
        "name": "kc",
        "url": "https://login.test/realms/x",
        "audiences": ["zotplus"],
        "jwks_file": str(folder / "keys.json"),
    }
    now = int(time.time())
    claims = {
        "iss": row["url"],
        "aud": "zotplus",
        "sub": "00001",
        "groups": ["team-001"],
        "iat": now,
        "exp": now + 3600,
    }
    token = jwt.encode({"alg": "ES256", "kid": "k"}, claims, pair, algorithms=["ES256"])
    return json.dumps([row]), token


async def fill(folder: Path) -> None:
    store = KeyValueLmdb(LmdbSettings(path=str(folder), fsync="off"))
    await store.write(decisions.fill)
    await store.close()


def api(server: Server, method: str, path: str, body: object) -> dict:
    request = urllib.request.Request(f"{server.extra['main']}/api/v1{path}", json.dumps(body).encode(), method=method)
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode())
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"{}")


def member(server: Server) -> SigningCredentials:
    """A key with policies; the person of the token gets them by their group."""
    made = api(server, "POST", "/keys", {"name": "member"})
    api(server, "PUT", "/policies/bench", {"document": POLICY})
    for number in range(1, 40, 2):
        api(server, "PUT", f"/policies/policy-{number}/attachments/{made['id']}", {})
    for grantee in (made["id"], "group:kc:team-001"):
        api(server, "PUT", f"/policies/bench/attachments/{grantee}", {})
    return SigningCredentials(access_key=made["id"], secret_key=made["secret"])


def measured(server: Server, kinds: dict, seconds: int, rounds: int) -> dict[str, float]:
    """The best of ``rounds`` for each kind, which take turns."""
    best = dict.fromkeys(kinds, 0.0)
    for _ in range(rounds):
        for name, headers in kinds.items():
            requests = [(path := f"/bench/small-{n}", headers(path)) for n in range(run.KEYS)]
            done = load.wrk(server.url, requests, connections=CONNECTIONS, seconds=seconds)
            best[name] = max(best[name], done.requests)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zotplus-bench-") as name:
        folder = Path(name)
        setting, token = issuer(folder)
        servers.zotplus(folder).stop()  # it makes its data folder
        asyncio.run(fill(folder / "data" / "metadata"))
        server = servers.zotplus(folder, ZOTPLUS_IDENTITY__ISSUERS=setting)
        try:
            run.fill(server, 0)
            credentials = member(server)
            host = server.url.removeprefix("http://")
            kinds = {
                "administrator's key": lambda path: load.signed(server, "GET", path),
                "a member's key, policies on": lambda path: load.signed(server, "GET", path, credentials),
                "a person's token, policies on": lambda _path: {"Host": host, "Authorization": f"Bearer {token}"},
            }
            rows = measured(server, kinds, options.seconds, options.rounds)
        finally:
            server.stop()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"GET 4 KiB, {CONNECTIONS} connections, best of {options.rounds}\n\n| caller | requests/s | ratio | |")
    print("| --- | --- | --- | --- |")
    reference = rows["administrator's key"]
    for caller, value in rows.items():
        ratio = value / reference
        print(f"| {caller} | {value:,.0f} | {ratio:.2f} | floor {FLOOR}: {'met' if ratio >= FLOOR else 'MISSED'} |")


if __name__ == "__main__":
    main()
