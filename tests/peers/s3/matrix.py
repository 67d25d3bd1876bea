"""What each client can do at each address of the S3 face: run, and compared with the table that is in the repository.

A client is a function that does its steps and returns what came of each: ``ok``, or what the client said. The table is
``clients/results.json``; ``docs/clients.md`` is printed from it. ``make clients`` runs them all and writes it anew.
"""

import fcntl
import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET

CLIENTS = Path(__file__).parent / "clients"
RESULTS = CLIENTS / "results.json"
RECORDING = "RECORD_CLIENTS"
OK = "ok"
SMALL = b"content of a small file"
ODD = "dir/ümläut + space%.txt"


@dataclass(frozen=True, kw_only=True)
class At:
    """Where a client works: an address, a bucket that is not there yet, and a folder of its own."""

    endpoint: str
    bucket: str
    folder: Path

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.endpoint).netloc

    @property
    def path(self) -> str:
        """What follows them: empty, or ``/s3``."""
        return urlsplit(self.endpoint).path

    @property
    def large(self) -> Path:
        """A file of 12 MiB, which every client sends in parts of 5 MiB or so."""
        path = self.folder / "large"
        if not path.exists():
            path.write_bytes(os.urandom(12 << 20))
        return path

    @property
    def small(self) -> Path:
        """A small file."""
        path = self.folder / "small"
        path.write_bytes(SMALL)
        return path

    def run(self, *argv: object, check: bool = True, inside: Path | None = None, **environment: str) -> str:
        """Run a program that knows nothing but what is said here; what it printed. Raises ``AssertionError``."""
        plain = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            [str(part) for part in argv],
            env={**plain, "LC_ALL": "C.UTF-8", "HOME": str(self.folder), **environment},
            cwd=inside or self.folder,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0 or not check, (
            done.stderr + done.stdout
        ).strip() or f"exit status {done.returncode}"
        return done.stdout + ("" if check else done.stderr)

    def plain(self, text: str) -> str:
        """``text`` in one line, without what is another each time."""
        text = re.sub(r"\s+", " ", text.replace(self.endpoint, "ENDPOINT").replace(self.host, "HOST"))
        text = re.sub(r"(?i)(request_?id(?:: |>))\w+", r"\1ID", text)
        return text.replace(self.bucket, "BUCKET").replace(str(self.folder), "FOLDER")[:300]


def aws_environment(at: At) -> dict[str, str]:
    """What the AWS SDKs read."""
    return {
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": at.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }


def steps(at: At, **named: Callable[[], object]) -> dict[str, str]:
    """Do the steps in their order, whatever comes of each; all that is found where the first fails is that."""
    found: dict[str, str] = {}
    for name, step in named.items():
        try:
            step()
            found[name] = OK
        except Exception as problem:  # noqa: BLE001 - what a client says is the result
            said = at.plain(f"{type(problem).__name__}: {problem}".removeprefix("AssertionError: "))
            if not found:
                return {name: said}
            found[name] = said
    return found


def printed_steps(at: At, output: str) -> dict[str, str]:
    """The steps that a client program printed, one a line."""
    rows = [line.partition("\t") for line in output.splitlines() if "\t" in line]
    return {name: at.plain(result) for name, _, result in rows}


def settle(at: At, client: str, version: str, found: dict[str, str]) -> None:
    """Compare with the table, or write into it where it is being recorded."""
    where = "prefix" if at.path else "root"
    if os.environ.get(RECORDING):
        _record(client, where, version, found)
        return
    known = json.loads(RESULTS.read_text()).get(client, {}).get(where, {})
    differs = {
        name: (found.get(name), known.get(name)) for name in {*found, *known} if found.get(name) != known.get(name)
    }
    assert not differs, f"{client} at {where}, found and known: {differs}; run `make clients` where the first is right"


def _record(client: str, where: str, version: str, found: dict[str, str]) -> None:
    with RESULTS.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        table = json.loads(file.read() or "{}")
        table.setdefault(client, {}).update({"version": version, where: found})
        ordered = {name: dict(sorted(table[name].items())) for name in sorted(table)}
        file.truncate(0)
        file.write(json.dumps(ordered, indent=2, ensure_ascii=False, sort_keys=False) + "\n")
