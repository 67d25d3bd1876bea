"""A real Keycloak with the realm of the tour, once for all workers of a test run.

The first run imports ``compose/keycloak-realm.json`` into a database and keeps it, with an archive of loaded classes,
beside the installed program; later runs start on a copy of it, which takes 5 s instead of 40 s. A changed realm file is
imported anew. Workers of pytest-xdist share one process: the first starts it, the last ends it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.peers.programs import Running, call, free_port, need, start
from tools.peers import cache

REALM_FILE = Path(__file__).parents[2] / "compose" / "keycloak-realm.json"
REALM = "zotplus"
READY = f"/realms/{REALM}/.well-known/openid-configuration"
PASSWORD = "peers-tour-password-0123"
"""Of alice, bob and carol, and the secret of the client zotplus-ci: the realm file takes it from the environment."""
ADMIN, ADMIN_PASSWORD = "admin", "peers-keycloak-admin-0123"
END_SECONDS = 30
IMPORT_SECONDS = 200

# Short-lived and alone on the machine: quick to start matters, and throughput does not.
JAVA_OPTIONS = "-XX:+IgnoreUnrecognizedVMOptions -XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC -Xlog:all=off"


@dataclass(frozen=True, kw_only=True)
class Keycloak:
    """Where the server answers. ``issuer`` is the URL of the realm."""

    url: str

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/{REALM}"

    def token(self, user: str, *, kind: str = "access_token", scope: str = "openid") -> str:
        """A person's token by the direct grant, which is there for tests."""
        fields = {"client_id": REALM, "grant_type": "password", "username": user, "password": PASSWORD, "scope": scope}
        return self._granted(REALM, fields)[kind]

    def pipeline_token(self) -> str:
        """A token of the service account."""
        fields = {"client_id": "zotplus-ci", "client_secret": PASSWORD, "grant_type": "client_credentials"}
        return self._granted(REALM, fields)["access_token"]

    def admin(self, method: str, path: str, document: object = None, *, realm: str = REALM) -> object:
        """A call of the administration API below the realm (``/users?username=bob``)."""
        fields = {"client_id": "admin-cli", "grant_type": "password", "username": ADMIN, "password": ADMIN_PASSWORD}
        headers = {
            "Authorization": f"Bearer {self._granted('master', fields)['access_token']}",
            "Content-Type": "application/json",
        }
        body = None if document is None else json.dumps(document).encode()
        status, _, answer = call(method, f"{self.url}/admin/realms/{realm}{path}", headers=headers, body=body)
        assert status < 300, answer
        return json.loads(answer) if answer else None

    def rotate_keys(self) -> None:
        """Sign with a new RSA key from now on; the former stays published."""
        priority = str(time.time_ns() // 1_000_000)  # the highest signs
        self.admin(
            "POST",
            "/components",
            {
                "name": f"rsa-{priority}",
                "providerId": "rsa-generated",
                "providerType": "org.keycloak.keys.KeyProvider",
                "config": {"priority": [priority], "algorithm": ["RS256"], "keySize": ["2048"]},
            },
        )

    def _granted(self, realm: str, fields: dict[str, str]) -> dict[str, str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.url}/realms/{realm}/protocol/openid-connect/token"
        status, _, answer = call("POST", url, headers=headers, body=urlencode(fields).encode())
        assert status == 200, answer
        return json.loads(answer)


_mine: dict[int, Running] = {}
"""Servers that this process started; another worker may be the one that ends them."""


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory, worker_id) -> Iterator[Keycloak]:
    """The server, shared by all workers of the run."""
    need("keycloak")
    own = tmp_path_factory.getbasetemp()
    shared = (own if worker_id == "master" else own.parent) / "keycloak"
    shared.mkdir(exist_ok=True)
    with _locked(shared / "lock"):
        url = _entered(shared)
    yield Keycloak(url=url)
    with _locked(shared / "lock"):
        _left(shared)


def _entered(shared: Path) -> str:
    """Count one user more; the first starts the server."""
    state = shared / "state.json"
    known = json.loads(state.read_text()) if state.exists() else {"users": 0}
    if not known["users"]:
        known = {"users": 0, **_started(shared)}
    state.write_text(json.dumps(known | {"users": known["users"] + 1}))
    return known["url"]


def _left(shared: Path) -> None:
    """Count one user less; the last ends the server, by its process id."""
    state = shared / "state.json"
    known = json.loads(state.read_text())
    users = known["users"] - 1
    state.write_text(json.dumps(known | {"users": users}))
    if users:
        return
    mine = _mine.pop(known["pid"], None)
    if mine is not None:
        mine.stop()
    else:
        _end(known["pid"])


def _started(shared: Path) -> dict[str, object]:
    folder = shared / f"server-{time.monotonic_ns()}"
    shutil.copytree(_prepared(), folder / "database")
    running = _start(folder, folder / "database")
    _mine[running.process.pid] = running
    return {"url": running.url, "pid": running.process.pid}


def _prepared() -> Path:
    """The folder with a database that holds the realm, made once for each state of the realm file."""
    mark = hashlib.sha256(_realm() + Path(need("keycloak")).read_bytes() + PASSWORD.encode()).hexdigest()
    base = cache() / "java" / "keycloak-database"
    base.mkdir(exist_ok=True)
    with _locked(base / "lock"):
        done = base / mark[:16]
        if not done.exists():
            for former in base.iterdir():
                if former.is_dir():
                    shutil.rmtree(former)
            made = base / "being-made"
            made.mkdir()
            running = _start(made, made / "database", importing=True)
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(IMPORT_SECONDS) in (0, 143), running.log.read_text()[-2000:]
            (made / "database").replace(done)
            shutil.rmtree(made)
    return done


def _start(folder: Path, database: Path, *, importing: bool = False) -> Running:
    """Run the server on ``database``. It listens on 127.0.0.1 alone, and writes to ``folder`` alone."""
    folder.mkdir(exist_ok=True)
    classes = (cache() / "java" / "keycloak-classes.jsa").absolute()
    archive = f"-XX:SharedArchiveFile={classes}" + (" -XX:+AutoCreateSharedArchive" if importing else "")
    environment = {
        "KC_DB_URL": f"jdbc:h2:file:{database}/keycloakdb;NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE",
        "KC_CACHE": "local",  # else it looks for others on the network
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "TOUR_PASSWORD": PASSWORD,
        "QUARKUS_TRANSACTION_MANAGER_OBJECT_STORE_DIRECTORY": str(folder / "transactions"),
        "JAVA_OPTS_APPEND": f"{JAVA_OPTIONS} {archive}",
    }
    url = f"http://127.0.0.1:{free_port()}"
    options = ["--http-enabled=true", "--hostname-strict=false", "--http-host=127.0.0.1"]
    argv = [need("keycloak"), "start", "--optimized", *options, f"--http-port={url.rpartition(':')[2]}"]
    if importing:
        _offer()
        argv.append("--import-realm")
    return start(argv, url, folder, ready=READY, environment=environment, seconds=IMPORT_SECONDS)


def _realm() -> bytes:
    """The realm of the tour, where the same person may log in several times at one moment, as parallel tests do."""
    return json.dumps(json.loads(REALM_FILE.read_text()) | {"bruteForceProtected": False}).encode()


def _offer() -> None:
    """Put the realm where ``--import-realm`` looks: in the program's own folder, under the realm's name."""
    script = Path(need("keycloak")).read_text().partition("exec '")[2].partition("'")[0]
    offered = Path(script).parents[1] / "data" / "import"
    offered.mkdir(parents=True, exist_ok=True)
    (offered / f"{REALM}-realm.json").write_bytes(_realm())


def _end(pid: int) -> None:
    """End a process that may be another worker's child, and wait until it is gone."""
    until = time.monotonic() + END_SECONDS
    os.kill(pid, signal.SIGTERM)
    while time.monotonic() < until and _runs(pid):
        time.sleep(0.1)  # it is no child of ours to wait for
    if _runs(pid):
        os.kill(pid, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
