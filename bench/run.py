"""``make bench``: zotplus and its peers, case by case in one run on this machine; prints ratios and keeps them.

Every server runs as shipped; what that means for durability is said in the table's notes. The load generator shares the
cores with the server, so only ratios mean something, and only within one run.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import load, oci, servers
from bench.cases import CASES, LISTINGS, fill, paths, small_names
from bench.servers import Server

Rows = dict[str, dict[str, float]]

IDLE, ACTIVE = 10_000, 500


def measure(start: Callable[[Path], Server | None], folder: Path, wanted: list[str], options) -> tuple[str, dict]:
    server = start(folder)
    if server is None:
        return "", {}
    try:
        fill(server, options.listed if LISTINGS in wanted else 1)
        row = {}
        for case in wanted:
            if server.name == "nginx" and not CASES[case].static:
                continue
            try:
                row[case] = max(CASES[case].run(server, options.seconds) for _ in range(options.rounds))
            except load.RefusedError:
                print(f"  {server.name}: {case}: refused", flush=True)
                continue
            print(f"  {server.name}: {case}: {row[case]:,.0f}", flush=True)
        return server.name, row
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def idle_connections(server: Server, count: int) -> Iterator[None]:
    """Kept-alive connections that have made one request each."""
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(65536)
        held.append(connection)
    yield
    for connection in held:
        connection.close()


def process_cases(folder: Path) -> dict[str, float]:
    server = servers.zotplus(folder / "idle")
    try:
        time.sleep(2)
        whole = server.pss_mib(server.processes())
        fill(server, 1)
        before = server.pss_mib()
        with idle_connections(server, IDLE):
            idle = server.pss_mib()
            requests = paths(server, "GET", small_names())
            with ThreadPoolExecutor(1) as pool:
                asking = pool.submit(load.wrk, server.url, requests, connections=ACTIVE, seconds=5)
                time.sleep(3)
                both = server.pss_mib()
                rate = asking.result().requests
        return {
            "start to first answer, s": server.extra["start_seconds"],
            "memory of 2 idle workers and all else (PSS), MiB": whole,
            f"{IDLE:,} idle connections, KiB each": (idle - before) * 1024 / IDLE,
            f"GET 4 KiB by {ACTIVE} more connections, requests/s": rate,
            "what these added to the memory, MiB": both - idle,
        }
    finally:
        server.stop()


def table(rows: Rows) -> list[str]:
    lines = []
    for case, described in CASES.items():
        ours = rows.get("zotplus", {}).get(case)
        if ours is None:
            continue
        cells = [f"zotplus {ours:,.0f}"]
        for peer, row in rows.items():
            if peer == "zotplus" or case not in row:
                continue
            ratio = ours / row[case]
            floor = described.floors.get(peer)
            mark = "" if floor is None else f" (floor {floor:g}: {'met' if ratio >= floor else 'MISSED'})"
            cells.append(f"{peer} {row[case]:,.0f} = {ratio:.2f} x{mark}")
        lines.append(f"| {case} | {described.unit} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of a case; the best counts")
    parser.add_argument("--listed", type=int, default=1_000_000, help="objects in the listed bucket")
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
