"""The image is built by buildah on a base made here, and serves as any user of group 0."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.peers.programs import READY_SECONDS, call, free_port, need
from tests.peers.scratch_image import fill

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (ROOT / "Containerfile").read_text()
CONTEXT = ("zotplus", "pyproject.toml", "README.md", "LICENSE", "requirements-run.lock", "Containerfile")
ARBITRARY_USER = 54_321  # OpenShift gives each project a range of its own
FREE_BYTES = 2 << 30


class Buildah:
    """buildah with a storage of its own, without overlays and user namespaces: what works in a container too."""

    def __init__(self, folder: Path) -> None:
        self._command = [need("buildah"), "--root", str(folder / "store"), "--runroot", str(folder / "run")]
        self._command += ["--storage-driver", "vfs"]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]} {done.stderr[-4000:]}"
        return done.stdout.strip()

    @contextlib.contextmanager
    def running(self, container: str, log: Path, *command: str, user: str, **environment: str):
        """A process of the image's; it is ended by its own id, as buildah would kill it."""
        given = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        run = [*self._command, "run", "--isolation", "chroot", "--user", user, *given, container, "--", *command]
        with log.open("wb") as output:
            process = subprocess.Popen(run, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            yield process
        finally:
            for pid in served_by(process.pid, command[0]):
                os.kill(pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)


def descendants(pid: int) -> list[int]:
    """Any thread of a Go program may have started a child."""
    children = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread ended meanwhile
            children += [int(child) for child in path.read_text().split()]
    return [*children, *(below for child in children for below in descendants(child))]


def served_by(pid: int, program: str) -> list[int]:
    """The supervisor: the first process below ``pid`` that Python runs ``program`` in."""
    for found in descendants(pid):
        words = Path(f"/proc/{found}/cmdline").read_bytes().decode().split("\0")
        if len(words) > 1 and words[1] == program and "python" in words[0]:
            return [found]
    return []


@pytest.fixture
def folder(tmp_path):
    """Half a gigabyte while the test runs, and nothing afterwards."""
    if os.geteuid() != 0:
        pytest.skip("buildah's chroot isolation needs root here")
    if shutil.disk_usage(tmp_path).free < FREE_BYTES:
        pytest.skip("building the image takes 2 GiB of disk")
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def download_wheels(folder: Path) -> None:
    """What the image needs, from whatever index this machine uses; none of its settings enter the image."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--require-hashes"]
    done = subprocess.run(
        [*pip, "-r", str(ROOT / "requirements-run.lock"), "-d", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("the image's packages cannot be had from a package index")


def build(buildah: Buildah, folder: Path) -> str:
    (folder / "base").mkdir()
    fill(folder / "base")
    (folder / "base.Containerfile").write_text("FROM scratch\nCOPY . /\n")
    base = ["bud", "--quiet", "--isolation", "chroot", "--file", str(folder / "base.Containerfile"), "--tag"]
    buildah(*base, "localhost/base", str(folder / "base"))
    context = folder / "context"
    context.mkdir()
    for name in CONTEXT:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, context / name)
    download_wheels(context / "wheels")
    options = ["--build-arg", "BASE_IMAGE=localhost/base"]
    options += ["--build-arg", "PIP_OPTIONS=--no-index --find-links=/src/wheels"]
    options += ["--ignorefile", str(ROOT / ".containerignore"), "--isolation", "chroot"]
    buildah("bud", "--quiet", *options, "--tag", "localhost/zotplus", str(context))
    return "localhost/zotplus"


def wait_for_life(url: str, process: subprocess.Popen, log: Path) -> tuple[int, bytes]:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            status, _, body = call("GET", f"{url}/health/live")
        except OSError:
            time.sleep(0.1)  # polls for readiness, hides no race
        else:
            return status, body
    raise AssertionError(log.read_text())


def owners(pid: int) -> tuple[int, int]:
    status = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"(?m)^{name}:\s+(\d+)", status)[1]) for name in ("Uid", "Gid"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_image_builds_and_serves_as_an_arbitrary_user_of_group_0(folder):
    buildah = Buildah(folder)
    image = build(buildah, folder)
    config = json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
    assert config["User"] == "10001:0"
    assert set(config["ExposedPorts"]) == {"8080/tcp", "9000/tcp"}
    assert (config["Entrypoint"], config["Cmd"]) == (["/srv/zotplus/bin/zotplus"], ["serve"])
    assert not [line for line in config["Env"] if "index" in line.lower() or "pip" in line.lower()]

    container = buildah("from", image)
    look = (
        "import importlib.util as u, os; print([u.find_spec(n) for n in ('pip', 'setuptools')], os.access('/srv', 2))"
    )
    run = ("run", "--isolation", "chroot", "--user", f"{ARBITRARY_USER}:0", container, "--")
    assert buildah(*run, "/srv/zotplus/bin/python", "-c", look) == "[None, None] False"

    port, s3_port = free_port(), free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    ports = {"ZOTPLUS_HTTP__PORT": str(port), "ZOTPLUS_S3__PORT": str(s3_port)}
    local = {"ZOTPLUS_HTTP__ADDRESS": "127.0.0.1", "ZOTPLUS_WORKERS": "1"}
    command = (*config["Entrypoint"], *config["Cmd"])
    with buildah.running(container, log, *command, user=f"{ARBITRARY_USER}:0", **ports, **local) as process:
        assert wait_for_life(url, process, log) == (200, b'{"alive":true}')
        (supervisor,) = served_by(process.pid, command[0])
        assert owners(supervisor) == (ARBITRARY_USER, 0)
        assert json.loads(call("GET", f"{url}/health")[2])["ready"] in {True, False}
        assert call("GET", f"http://127.0.0.1:{s3_port}/")[0] == 403
    assert process.returncode == 0, log.read_text()


def instructions(name: str) -> list[str]:
    joined = CONTAINERFILE.replace("\\\n", " ")
    return [line.partition(" ")[2].strip() for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_the_base_is_an_argument_and_both_stages_use_it():
    assert [line.partition("=")[0] for line in instructions("ARG")] == ["BASE_IMAGE", "PIP_OPTIONS"]
    assert instructions("FROM") == ["${BASE_IMAGE} AS build", "${BASE_IMAGE}"]


def test_the_image_runs_as_nobody_in_particular():
    user, _, group = instructions("USER")[-1].partition(":")
    assert int(user) > 0
    assert group == "0"
    assert instructions("EXPOSE") == ["8080 9000"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def test_packages_are_pinned_by_hash_and_no_index_is_named():
    assert "--require-hashes -r requirements-run.lock" in CONTAINERFILE
    assert not re.search(r"--(extra-)?index-url|--trusted-host|--cert", CONTAINERFILE)


def test_the_image_says_what_it_is():
    labels = " ".join(instructions("LABEL"))
    for label in ("title", "description", "licenses"):
        assert f"org.opencontainers.image.{label}=" in labels


def test_the_context_is_what_the_containerignore_lets_in():
    allowed = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == {*CONTEXT, "wheels"} - {"Containerfile"}
