"""Prints the page of clients from the table that the tests of clients wrote (``make clients``)."""

import json
from collections.abc import Mapping
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "tests" / "peers" / "s3" / "clients" / "results.json"
OK = "ok"
HEAD = """# Clients of S3

What clients do at this server, each in the version that is named, at both addresses of the S3 side: the root of its own
port (`http://host:9000`) and the prefix of the main one (`http://host:8080/s3`). The tables are printed from the run of
the tests that drive the real programs; a run that gives another result fails.

A client that is not made for an address with a path says so, or signs another path than it asks for, which is refused
as `SignatureDoesNotMatch`: a signature is proven over the path as it was received, and no second one is tried. Such
clients use the root port.
"""
NOTES = {
    "aws-cli": "In `us-east-1` it signs links in version 2, which is refused: `aws configure set "
    "default.s3.signature_version s3v4`.",
    "s3cmd": "It signs links in version 2 whatever it is told; they are refused unless signatures of version 2 are "
    "allowed (`s3.allow_signature_v2`).",
    "minio-js": "It has no conditions on writing; the condition tested is that of a copy.",
    "GitLab runner's cache (links)": "A job has links and no keys; the version is that of curl.",
    "terraform": "With `use_lockfile`: ten processes at once change the state one by one or say who has the lock.",
    "tofu": "With `use_lockfile`, as terraform.",
    "s3fs (FUSE)": "As the distribution has it (Debian 12); `copy` is a rename of a large file.",
    "restic": "As the distribution has it (Debian 12).",
    "DVC": "On fsspec's s3fs.",
}


def page() -> str:
    """Return the page's text."""
    table = json.loads(RESULTS.read_text())
    rows = [_row(client, table[client]) for client in table]
    parts = [HEAD, "| client | version | at the root port | under `/s3` |\n|---|---|---|---|", *rows, ""]
    parts += ["## What each one did\n"]
    parts += [_details(client, table[client]) for client in table]
    return "\n".join(parts)


def _row(client: str, of: Mapping[str, Mapping[str, str]]) -> str:
    return f"| {client} | {of['version']} | {_summary(of['root'])} | {_summary(of['prefix'])} |"


def _summary(steps: Mapping[str, str]) -> str:
    done = sum(result == OK for result in steps.values())
    if done == len(steps):
        return f"all {done} steps"
    return f"{done} of {len(steps)} steps" if done else "no: it wants the root port"


def _details(client: str, of: Mapping[str, Mapping[str, str]]) -> str:
    lines = [f"### {client}\n", _sentence(of["root"])]
    if client in NOTES:
        lines += [NOTES[client]]
    for where, shown in (("root", "At the root port"), ("prefix", "Under `/s3`")):
        lines += [f"{shown}, {name}:\n\n```text\n{text}\n```" for name, text in of[where].items() if text != OK]
    return "\n\n".join([lines[0] + "\n" + lines[1], *lines[2:]]) + "\n"


def _sentence(steps: Mapping[str, str]) -> str:
    done = [name for name, result in steps.items() if result == OK]
    return f"Steps that work: {', '.join(done)}."
