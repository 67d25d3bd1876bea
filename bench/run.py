"""``make bench``: zotplus and its peers, case by case in one run on this machine; prints ratios and keeps them.

Every server runs as shipped; what that means for durability is said in the table's notes. The load generator shares the
cores with the server, so only ratios mean something, and only within one run.
"""

import argparse
import http.client
import json
import os
import platform
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import boto3
from botocore.config import Config

from bench import load, oci, servers
from bench.servers import KEY, SECRET, Server

MIB = 1 << 20
SMALL = os.urandom(4096)
LARGE = os.urandom(MIB) * 64
KEYS = 1000
FLOORS = {
    "GET 4 KiB": {"minio": 2.5, "versitygw": 1.3},
    "HEAD 4 KiB": {"minio": 2.5, "versitygw": 1.3},
    "PUT 4 KiB": {"minio": 5.0, "versitygw": 1.5},
    "GET 64 MiB": {"minio": 1.2, "nginx": 0.8},
    "PUT 64 MiB": {"minio": 0.7},
    "LIST 1,000 of 100,000": {"minio": 10.0},
}
Rows = dict[str, dict[str, float]]


def client(server: Server):
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=16, retries={"max_attempts": 5}),
    )


def fill(server: Server, listed: int) -> None:
    if server.name == "nginx":
        data = Path(f"/proc/{server.process.pid}/cwd").resolve() / "data" / "bench"
        data.mkdir()
        for number in range(KEYS):
            (data / f"small-{number}").write_bytes(SMALL)
        (data / "large").write_bytes(LARGE)
        return
    s3 = client(server)
    s3.create_bucket(Bucket="bench")
    s3.create_bucket(Bucket="listed")
    s3.put_object(Bucket="bench", Key="large", Body=LARGE)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket="bench", Key=f"small-{n}", Body=SMALL), range(KEYS)))
    requests = [
        (path := f"/listed/dir-{n % 100:03}/key-{n:06}", load.signed(server, "PUT", path)) for n in range(listed)
    ]
    fill_quickly(server, requests)


def fill_quickly(server: Server, requests: list) -> None:
    """Empty objects over raw keep-alive connections: boto3 would take minutes for 100,000."""

    def put(part: list) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for path, headers in part:
            connection.request("PUT", path, body=b"", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != HTTPStatus.OK:
                raise RuntimeError(f"{server.name}: {answer.status} {body[:300]!r}")
        connection.close()

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(put, [requests[start::32] for start in range(32)]))


def paths(server: Server, method: str, names: list[str]) -> list:
    if server.name == "nginx":
        return [(f"/bench/{name}", {}) for name in names]
    return [(f"/bench/{name}", load.signed(server, method, f"/bench/{name}")) for name in names]


def small_names(prefix: str = "small") -> list[str]:
    return [f"{prefix}-{number}" for number in random.sample(range(KEYS), 300)]


def get_small(server: Server, seconds: int) -> float:
    return load.wrk(server.url, paths(server, "GET", small_names()), connections=32, seconds=seconds).requests


def head_small(server: Server, seconds: int) -> float:
    path, headers = paths(server, "HEAD", small_names())[0]
    return load.ab_head(server.url + path, headers, connections=32, seconds=seconds)


def put_small(server: Server, seconds: int) -> float:
    body = "string.rep('x', 4096)"
    requests = paths(server, "PUT", small_names("put"))
    return load.wrk(server.url, requests, method="PUT", connections=32, seconds=seconds, body=body).requests


def get_large(server: Server, seconds: int) -> float:
    return load.wrk(server.url, paths(server, "GET", ["large"]), connections=4, seconds=seconds).mib


def put_large(server: Server, seconds: int) -> float:
    body = f"string.rep('y', {64 * MIB})"
    requests = paths(server, "PUT", [f"put-large-{number}" for number in range(4)])
    return 64 * load.wrk(server.url, requests, method="PUT", connections=4, seconds=seconds, body=body).requests


def list_page(server: Server, seconds: int) -> float:
    query = [f"/listed?list-type=2&max-keys=1000&prefix=dir-{number:03}" for number in range(100)]
    requests = [(path, load.signed(server, "GET", path)) for path in query]
    return load.wrk(server.url, requests, connections=4, seconds=seconds).requests


CASES: dict[str, tuple[str, Callable[[Server, int], float], bool]] = {
    "GET 4 KiB": ("requests/s", get_small, True),
    "HEAD 4 KiB": ("requests/s", head_small, True),
    "PUT 4 KiB": ("requests/s", put_small, False),
    "GET 64 MiB": ("MiB/s", get_large, True),
    "PUT 64 MiB": ("MiB/s", put_large, False),
    "LIST 1,000 of 100,000": ("requests/s", list_page, False),
}


def measure(start: Callable[[Path], Server | None], folder: Path, wanted: list[str], options) -> tuple[str, dict]:
    server = start(folder)
    if server is None:
        return "", {}
    try:
        fill(server, options.listed if "LIST 1,000 of 100,000" in wanted else 1)
        row = {}
        for case in wanted:
            _, run, static = CASES[case]
            if server.name == "nginx" and not static:
                continue
            row[case] = max(run(server, options.seconds) for _ in range(options.rounds))
            print(f"  {server.name}: {case}: {row[case]:,.0f}", flush=True)
        return server.name, row
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def idle_connections(server: Server, count: int) -> float:
    """KiB of PSS per kept-alive connection that has made one request."""
    before = server.pss_mib()
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(65536)
        held.append(connection)
    grown = server.pss_mib() - before
    for connection in held:
        connection.close()
    return grown * 1024 / count


def process_cases(folder: Path) -> dict[str, float]:
    server = servers.zotplus(folder / "idle")
    try:
        time.sleep(2)
        whole = server.processes()
        return {
            "start to first answer, s": server.extra["start_seconds"],
            "memory of 2 idle workers and all else (PSS), MiB": server.pss_mib(whole),
            "10,000 idle connections, KiB each": idle_connections(server, 10_000),
        }
    finally:
        server.stop()


def table(rows: Rows) -> list[str]:
    lines = []
    for case, (unit, _, _) in CASES.items():
        ours = rows.get("zotplus", {}).get(case)
        if ours is None:
            continue
        cells = [f"zotplus {ours:,.0f}"]
        for peer, row in rows.items():
            if peer == "zotplus" or case not in row:
                continue
            ratio = ours / row[case]
            floor = FLOORS[case].get(peer)
            mark = "" if floor is None else f" (floor {floor:g}: {'met' if ratio >= floor else 'MISSED'})"
            cells.append(f"{peer} {row[case]:,.0f} = {ratio:.2f} x{mark}")
        lines.append(f"| {case} | {unit} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of a case; the best counts")
    parser.add_argument("--listed", type=int, default=100_000, help="objects in the listed bucket")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these cases")
    parser.add_argument("--only", action="append", help="only these servers")
    parser.add_argument("--fsync", default="always", choices=["always", "off"], help="zotplus's durability")
    parser.add_argument("--skip-processes", action="store_true", help="leave out start, memory and OCI")
    options = parser.parse_args()
    wanted = options.case or list(CASES)
    starters = {
        "zotplus": lambda folder: servers.zotplus(folder, fsync=options.fsync),
        "minio": servers.minio,
        "versitygw": servers.versitygw,
        "nginx": servers.nginx,
    }
    rows: Rows = {}
    with tempfile.TemporaryDirectory(prefix="zotplus-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for peer, start in starters.items():
            if options.only and peer not in options.only:
                continue
            found, row = measure(start, folder / peer, wanted, options)
            if found:
                rows[found] = row
            else:
                print(f"  {peer}: not installed")
        singles = {} if options.skip_processes else process_cases(folder) | oci.cases(folder)
    lines = table(rows)
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, fsync {options.fsync}\n"
    )
    print("\n".join(lines))
    for what, value in singles.items():
        print(f"| {what} | {value:,.2f} |")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "latest.json").write_text(
        json.dumps({"rows": rows, "singles": singles, "fsync": options.fsync}, indent=1)
    )


if __name__ == "__main__":
    main()
