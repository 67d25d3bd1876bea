"""The servers that are measured: zotplus and its peers, each as shipped, on loopback, in a temporary folder."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tools.peers import find

KEY, SECRET = "BENCHACCESSKEY00", "benchsecretbenchsecretbenchsecret000"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A running server: ``url`` is its S3 endpoint (or its root), ``path`` the prefix of bucket paths."""

    name: str
    process: subprocess.Popen
    url: str
    extra: dict = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def processes(self) -> list[int]:
        """The process and its descendants."""
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                left += [int(child) for child in task.read_text().split()]
        return found

    def pss_mib(self, only: list[int] | None = None) -> float:
        total = 0
        for pid in only or self.processes():
            rollup = Path(f"/proc/{pid}/smaps_rollup")
            if rollup.exists():
                total += sum(
                    int(line.split()[1]) for line in rollup.read_text().splitlines() if line.startswith("Pss:")
                )
        return total / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_until_answering(url: str, process: subprocess.Popen, seconds: float = 30) -> float:
    """Seconds until any HTTP answer."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=2)
        except urllib.error.HTTPError:
            return time.perf_counter() - begun
        except OSError:
            time.sleep(0.002)
            continue
        return time.perf_counter() - begun
    raise RuntimeError(f"no answer from {url}")


def launch(  # noqa: PLR0917 - as many facts as a start has
    argv: list[str], folder: Path, env: dict[str, str], url: str, name: str, probe: str = "/health"
) -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / "log").open("wb")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ZOTPLUS_")}
    process = subprocess.Popen(argv, env=clean | env, stdout=log, stderr=log, cwd=folder)
    server = Server(name, process, url)
    server.extra["start_seconds"] = wait_until_answering(url + probe, process)
    return server


def zotplus(
    folder: Path, *, workers: int = 2, upstream: str | None = None, fsync: str = "always", **more: str
) -> Server:
    """``more`` are further variables of the environment."""
    http, s3 = free_port(), free_port()
    env = {
        "ZOTPLUS_DATA_DIR": str(folder / "data"),
        "ZOTPLUS_HTTP__PORT": str(http),
        "ZOTPLUS_HTTP__ADDRESS": "127.0.0.1",
        "ZOTPLUS_S3__PORT": str(s3),
        "ZOTPLUS_WORKERS": str(workers),
        "ZOTPLUS_ADMIN__ACCESS_KEY": KEY,
        "ZOTPLUS_ADMIN__SECRET_KEY": SECRET,
        "ZOTPLUS_LOG__FORMAT": "json",
        "ZOTPLUS_METADATA__FSYNC": fsync,
        "ZOTPLUS_BLOBS__FSYNC": fsync,
    }
    env |= {"ZOTPLUS_UPSTREAM__URL": upstream} if upstream else {"ZOTPLUS_UPSTREAM__MANAGED": "false"}
    env |= more
    argv = [str(Path(sys.executable).parent / "zotplus"), "serve"]
    server = launch(argv, folder, env, f"http://127.0.0.1:{http}", "zotplus")
    server.extra["main"] = server.url
    server.extra["data"] = folder / "data"
    server.url = f"http://127.0.0.1:{s3}"
    return server


def minio(folder: Path) -> Server | None:
    program = find("minio")
    if program is None:
        return None
    port = free_port()
    env = {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off"}
    argv = [str(program), "server", str(folder / "data"), "--address", f"127.0.0.1:{port}", "--console-address"]
    server = launch([*argv, f"127.0.0.1:{free_port()}"], folder, env, f"http://127.0.0.1:{port}", "minio")
    server.extra["data"] = folder / "data"
    return server


def versitygw(folder: Path) -> Server | None:
    program = find("versitygw")
    if program is None:
        return None
    port = free_port()
    (folder / "data").mkdir(parents=True)
    argv = [
        str(program),
        "--access",
        KEY,
        "--secret",
        SECRET,
        "--port",
        f"127.0.0.1:{port}",
        "posix",
        str(folder / "data"),
    ]
    server = launch(argv, folder, {}, f"http://127.0.0.1:{port}", "versitygw")
    server.extra["data"] = folder / "data"
    return server


NGINX = """
worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 12000; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port} reuseport; root {folder}/data; }} }}
"""


def nginx(folder: Path) -> Server | None:
    program = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
    if program is None:
        return None
    port = free_port()
    (folder / "data").mkdir(parents=True)
    folder.chmod(0o755)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    return launch(
        [str(program), "-c", str(config), "-e", str(folder / "error")], folder, {}, f"http://127.0.0.1:{port}", "nginx"
    )


def upstream(folder: Path) -> Server | None:
    """Stock Zot where there is one, else the CNCF registry."""
    port = free_port()
    folder.mkdir(parents=True)
    if zot := os.environ.get("ZOTPLUS_ZOT") or shutil.which("zot"):
        http = {"address": "127.0.0.1", "port": str(port), "readTimeout": "0s", "writeTimeout": "0s"}
        storage = {"rootDirectory": str(folder / "data"), "dedupe": False, "gc": False}
        config = folder / "zot.json"
        config.write_text(json.dumps({"storage": storage, "http": http, "log": {"level": "error"}}))
        return launch([zot, "serve", str(config)], folder, {}, f"http://127.0.0.1:{port}", "zot", probe="/v2/")
    if registry := find("registry"):
        config = folder / "config.json"
        storage = {"filesystem": {"rootdirectory": str(folder / "data")}}
        http = {"addr": f"127.0.0.1:{port}"}
        config.write_text(json.dumps({"version": 0.1, "log": {"level": "error"}, "storage": storage, "http": http}))
        argv = [str(registry), "serve", str(config)]
        return launch(argv, folder, {}, f"http://127.0.0.1:{port}", "registry", probe="/v2/")
    return None
