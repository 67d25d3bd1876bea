"""Load: wrk with requests signed beforehand, so that the client costs as little as it can."""

import contextlib
import multiprocessing
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.servers import KEY, SECRET, Server
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.domain.signatures.sigv4 import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers

CREDENTIALS = SigningCredentials(access_key=KEY, secret_key=SECRET)

LUA = """
local heads = {{ {heads} }}
local body = {body}
local at = 0
function init(args) math.randomseed(tonumber(tostring({{}}):sub(8))); at = math.random(#heads) end
local made = {{}}
function request()
  at = at % #heads + 1
  if made[at] == nil then
    local one = heads[at]
    made[at] = wrk.format("{method}", one[1], one[2], body)
  end
  return made[at]
end
"""


class RefusedError(RuntimeError):
    """The server does not do what the case asks for."""


@dataclass
class Result:
    """What a run of wrk says: requests a second, MiB a second, and the median latency in ms."""

    requests: float
    mib: float
    median_ms: float


def signed(
    server: Server,
    method: str,
    path: str,
    credentials: SigningCredentials = CREDENTIALS,
    more: Sequence[tuple[str, str]] = (),
) -> dict[str, str]:
    """Headers that sign ``method path`` for an unsigned payload; ``more`` are signed and sent too."""
    raw_path, _, raw_query = path.partition("?")
    host = server.url.removeprefix("http://")
    headers = PlainHeaders([("host", host), *more])
    request = SignedRequest(method=method, raw_path=raw_path, raw_query=raw_query, headers=headers, scheme="http")
    added = sign_headers(request, credentials, payload_hash=UNSIGNED_PAYLOAD, now=time.time())
    return {"Host": host, **dict(more), **added}  # wrk adds a second one unless it is spelt so


def fields(headers: dict[str, str]) -> str:
    return ",".join(f'["{name}"]="{value}"' for name, value in headers.items())


def wrk(
    url: str,
    requests: list[tuple[str, dict[str, str]]],
    *,
    method: str = "GET",
    connections: int,
    seconds: int,
    body: str = "nil",
) -> Result:
    """Run wrk with 1 thread over ``requests`` (path, headers); ``body`` is a Lua expression."""
    heads = ",".join(f'{{"{path}",{{{fields(headers)}}}}}' for path, headers in requests)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "load.lua")
        script.write_text(LUA.format(heads=heads, body=body, method=method))
        done = subprocess.run(
            [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--latency",
                "--timeout",
                "30s",
                "-s",
                str(script),
                url,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    if "Non-2xx" in done.stdout:
        raise RefusedError(f"{url} refused: {done.stdout[:500]}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    number, unit = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", done.stdout).groups()
    mib = float(number) * {"B": 2**-20, "KB": 2**-10, "MB": 1, "GB": 2**10}[unit]
    value, scale = re.search(r"50%\s+([\d.]+)(us|ms|s)", done.stdout).groups()
    return Result(rate, mib, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[scale])


def downloads(url: str, path: str, headers: dict[str, str], *, connections: int, seconds: int) -> float:
    """MiB a second of large answers that the client throws away inside the kernel (tcp(7), MSG_TRUNC).

    wrk copies and looks at every byte, which costs it more than the sending costs the fastest servers: with it they all
    look alike.
    """
    context = multiprocessing.get_context("fork")
    counts = context.Array("q", connections)
    address = url.removeprefix("http://")
    lines = "".join(f"{name}: {value}\r\n" for name, value in ({"Host": address} | headers).items())
    head = f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()
    end = time.perf_counter() + seconds

    def download(number: int) -> None:
        host, _, port = address.partition(":")
        while time.perf_counter() < end:
            with socket.create_connection((host, int(port))) as connection, contextlib.suppress(ConnectionError):
                while time.perf_counter() < end:  # some servers close the connection now and then
                    counts[number] += _download(connection, head)

    began = time.perf_counter()
    clients = [context.Process(target=download, args=(number,)) for number in range(connections)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
        if one.exitcode:
            raise RefusedError(f"{url} refused {path}")
    return sum(counts) / (time.perf_counter() - began) / (1 << 20)


def _download(connection: socket.socket, head: bytes) -> int:
    """Bytes of one answer's body."""
    connection.sendall(head)
    got = b""
    while b"\r\n\r\n" not in got:
        data = connection.recv(4096)
        if not data:
            raise ConnectionError("the connection was closed")
        got += data
    told, _, begun = got.partition(b"\r\n\r\n")
    if not told.startswith(b"HTTP/1.1 200"):
        raise RefusedError(told.decode())
    size = int(re.search(rb"(?i)content-length: *(\d+)", told)[1])
    left = size - len(begun)
    buffer = bytearray(1 << 20)
    while left:
        taken = connection.recv_into(buffer, min(left, len(buffer)), socket.MSG_TRUNC)
        if not taken:
            raise ConnectionError("the answer ended early")
        left -= taken
    return size


def ab_head(url: str, headers: dict[str, str], *, connections: int, seconds: int) -> float:
    """Requests a second of HEAD by ApacheBench: wrk waits for the body that a HEAD's answer announces."""
    given = [part for name, value in headers.items() if name != "Host" for part in ("-H", f"{name}: {value}")]
    argv = ["ab", "-i", "-k", "-q", "-c", str(connections), "-t", str(seconds), "-n", "10000000", *given, url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise RuntimeError(f"{url} refused: {done.stdout[-800:]}")
    return float(re.search(r"Requests per second:\s+([\d.]+)", done.stdout)[1])
