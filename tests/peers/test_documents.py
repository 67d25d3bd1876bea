"""Every example in README and the pages is run as it is written, against a gateway of its own."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, start_gateway, start_registry
from tools.peers import find, why_missing

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/tour.md",
    "docs/identity.md",
    "docs/s3.md",
    "docs/minio.md",
    "docs/oci.md",
    "docs/reference/s3/versioning.md",
    "docs/reference/s3/object-lock.md",
    "docs/reference/s3/bucket-policies.md",
    "docs/reference/s3/public-access.md",
    "docs/reference/s3/acls.md",
)
NEEDS = {
    "README.md": ("podman", "helm"),
    "docs/identity.md": ("podman", "helm"),
    "docs/s3.md": ("mc", "rclone"),
    "docs/minio.md": ("mc",),
    "docs/reference/s3/versioning.md": ("aws",),
    "docs/reference/s3/object-lock.md": ("aws",),
    "docs/reference/s3/bucket-policies.md": ("aws",),
    "docs/reference/s3/public-access.md": ("aws",),
    "docs/reference/s3/acls.md": ("aws",),
    "docs/oci.md": ("skopeo", "buildah", "helm"),
}
NOT_RUN_HERE = ("make run", "make test")
RUN_ELSEWHERE = {
    "docs/keycloak.md",  # with a Keycloak, by test_keycloak_guide.py
    "docs/trusted-publishing.md",  # with issuers of jobs, by federation/test_page.py
}


def examples(page):
    """The page's shell blocks, but for the two commands that set everything up."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in blocks if block.strip() not in NOT_RUN_HERE]


def test_no_page_with_examples_is_forgotten():
    with_examples = {
        str(path.relative_to(ROOT))
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        if "_build" not in path.parts and re.search(r"^```sh$", path.read_text(), re.MULTILINE)
    }
    assert with_examples - {"CONTRIBUTING.md"} == set(PAGES) | RUN_ELSEWHERE


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_work(page, tmp_path):
    missing = [why_missing(program) for program in NEEDS.get(page, ()) if find(program) is None]
    if missing:
        pytest.skip("; ".join(missing))
    folders = {name: tmp_path / name for name in ("home", "gateway", "registry")}
    for folder in folders.values():
        folder.mkdir()
    registry = start_registry(folders["registry"])
    made = start_gateway(folders["gateway"], registry.url)
    try:
        done = run(page, made, folders["home"])
    finally:
        made.running.stop()
        registry.stop()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def shell_script(page):
    """The page's examples in one script that stops at the first that fails, or that does not fail where it should.

    Bash goes on after ``! command`` in any case.
    """
    commands = "\n".join(examples(page))
    refused = r"if \1; then echo 'this should have been refused' >&2; exit 1; fi"
    return "set -euo pipefail\n" + re.sub(r"^! (.*)$", refused, commands, flags=re.MULTILINE)


def run(page, made, home):
    script = (
        shell_script(page).replace("127.0.0.1:8080", made.host).replace("127.0.0.1:9000", f"127.0.0.1:{made.s3_port}")
    )
    (home / ".venv").symlink_to(ROOT / ".venv")
    return subprocess.run(
        ["bash", "-xc", script],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def environment(home):
    aws = find("aws")
    folders = [str(Path(program).parent) for program in (aws, find("helm"), find("mc"), find("rclone")) if program]
    storage = home / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\nrunroot = "{home}/run"\ngraphroot = "{home}/graph"\n')
    return {
        "HOME": str(home),
        "PATH": ":".join([str(ROOT / ".venv/bin"), *folders, os.environ["PATH"]]),
        "TMPDIR": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_RUNTIME_DIR": str(home),
        "CONTAINERS_STORAGE_CONF": str(storage),
        "ZOTPLUS_ADMIN__ACCESS_KEY": ADMIN_KEY,
        "ZOTPLUS_ADMIN__SECRET_KEY": ADMIN_SECRET,
    }
