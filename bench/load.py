"""Load: wrk with requests signed beforehand, so that the client costs as little as it can."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.servers import KEY, SECRET, Server

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
local bad = 0
function response(status) if status >= 300 then bad = bad + 1; if bad == 1 then print("STATUS " .. status) end end end
"""


@dataclass
class Result:
    """What a run of wrk says: requests a second, MiB a second, and the median latency in ms."""

    requests: float
    mib: float
    median_ms: float


def signed(server: Server, method: str, path: str) -> dict[str, str]:
    """Headers that sign ``method path`` for an unsigned payload."""
    request = AWSRequest(method=method, url=server.url + path, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    request.context["payload_signing_enabled"] = False
    request.context["client_config"] = None
    auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1")
    auth.add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() != "content-length"}


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
    if "STATUS" in done.stdout or "Non-2xx" in done.stdout:
        raise RuntimeError(f"{url} refused: {done.stdout[:500]}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    number, unit = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", done.stdout).groups()
    mib = float(number) * {"B": 2**-20, "KB": 2**-10, "MB": 1, "GB": 2**10}[unit]
    value, scale = re.search(r"50%\s+([\d.]+)(us|ms|s)", done.stdout).groups()
    return Result(rate, mib, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[scale])
