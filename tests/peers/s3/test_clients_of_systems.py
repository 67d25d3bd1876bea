"""File systems, data versions, caches of builds and state of infrastructure on S3; see ``matrix.py``."""

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, need
from tests.peers.s3.conftest import client
from tests.peers.s3.matrix import SMALL, At, aws_environment, settle, steps
from tests.peers.s3.test_clients_of_commands import number_in, same

CONTENDERS = 10
MOUNT_SECONDS = 60


class Mounted:
    """A bucket as a file system."""

    def __init__(self, at: At) -> None:
        self.at, self.folder = at, at.folder / "mounted"
        self.folder.mkdir()
        (at.folder / "password").write_text(f"{ADMIN_KEY}:{ADMIN_SECRET}")
        (at.folder / "password").chmod(0o600)
        client(at.endpoint).create_bucket(Bucket=at.bucket)
        options = [f"passwd_file={at.folder / 'password'}", f"url=http://{at.host}", "use_path_request_style"]
        options += ["multipart_size=5", "max_stat_cache_size=0", *([f"servicepath={at.path}/"] if at.path else [])]
        argv = [need("s3fs"), at.bucket, str(self.folder), "-f", *(word for o in options for word in ("-o", o))]
        self.log = (at.folder / "log").open("w+")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def is_mounted(self) -> bool:
        try:
            return self.folder.is_mount()
        except OSError:  # while it is being given up
            return False

    def connect(self):
        until = time.monotonic() + MOUNT_SECONDS
        while not self.is_mounted():
            if self.process.poll() is not None or time.monotonic() > until:
                self.log.seek(0)
                said = self.log.read()
                raise AssertionError(next(iter(re.findall(r"\[CRT\] \S+ (.*)", said)), said))
            time.sleep(0.05)  # polls for readiness, hides no race

    def put(self):
        (self.folder / "dir").mkdir()
        for name in ("one", "ümläut + space%.txt"):
            (self.folder / "dir" / name).write_bytes(SMALL)

    def get(self):
        assert client(self.at.endpoint).get_object(Bucket=self.at.bucket, Key="dir/one")["Body"].read() == SMALL
        assert (self.folder / "dir" / "ümläut + space%.txt").read_bytes() == SMALL

    def multipart(self):
        (self.folder / "large").write_bytes(self.at.large.read_bytes())
        same(self.at.large, self.folder / "large")

    def part(self):
        with (self.folder / "large").open("rb") as file:
            file.seek(6 << 20)
            assert file.read(10) == self.at.large.read_bytes()[6 << 20 : (6 << 20) + 10]

    def listing(self):
        assert sorted(path.name for path in (self.folder / "dir").iterdir()) == ["one", "ümläut + space%.txt"]

    def rename(self):
        (self.folder / "large").rename(self.folder / "dir" / "renamed")
        same(self.at.large, self.folder / "dir" / "renamed")

    def delete(self):
        for path in (self.folder / "dir").iterdir():
            path.unlink()
        (self.folder / "dir").rmdir()
        assert "Contents" not in client(self.at.endpoint).list_objects_v2(Bucket=self.at.bucket)

    def close(self):
        subprocess.run(["umount", str(self.folder)], check=False, capture_output=True)
        self.process.terminate()
        self.process.wait(15)
        self.log.close()


def test_s3fs_of_debian(at):
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or os.geteuid():
        pytest.skip("s3fs: file systems of users (/dev/fuse) cannot be mounted here")
    program, mounted = need("s3fs"), Mounted(at)
    try:
        found = steps(
            at,
            mount=mounted.connect,
            put=mounted.put,
            get=mounted.get,
            multipart=mounted.multipart,
            range=mounted.part,
            list=mounted.listing,
            copy=mounted.rename,
            delete=mounted.delete,
        )
    finally:
        mounted.close()
    settle(at, "s3fs (FUSE)", number_in(at.run(program, "--version")), found)


class Dvc:
    """Data that is versioned beside code."""

    def __init__(self, at: At) -> None:
        self.at, self.dvc, self.project = at, need("dvc"), at.folder / "project"
        self.project.mkdir()
        client(at.endpoint).create_bucket(Bucket=at.bucket)

    def run(self, *arguments: object) -> str:
        quiet = {"DVC_NO_ANALYTICS": "1", "DVC_TEST": "1", "DVC_STUDIO_OFFLINE": "1"}
        return self.at.run(self.dvc, *arguments, inside=self.project, **aws_environment(self.at), **quiet)

    def init(self):
        self.run("init", "--no-scm", "--quiet")
        self.run("remote", "add", "--default", "here", f"s3://{self.at.bucket}/data")
        self.run("remote", "modify", "here", "endpointurl", self.at.endpoint)

    def push(self):
        data = self.project / "data"
        data.mkdir()
        (data / "large").write_bytes(self.at.large.read_bytes())
        (data / "small").write_bytes(SMALL)
        self.run("add", "data", "--quiet")
        self.run("push", "--quiet")

    def pull(self):
        for folder in ("data", ".dvc/cache"):
            self.at.run("rm", "-r", self.project / folder)
        self.run("pull", "--quiet")
        same(self.at.large, self.project / "data" / "large")

    def status(self):
        assert "in sync" in self.run("status", "--cloud")

    def collect(self):
        (self.project / "data" / "large").unlink()
        self.run("add", "data", "--quiet")
        self.run("gc", "--workspace", "--cloud", "--force", "--quiet")
        listed = client(self.at.endpoint).list_objects_v2(Bucket=self.at.bucket)["Contents"]
        assert max(entry["Size"] for entry in listed) < 1 << 20


def test_dvc(at):
    dvc = Dvc(at)
    found = steps(at, init=dvc.init, push=dvc.push, pull=dvc.pull, status=dvc.status, gc=dvc.collect)
    settle(at, "DVC", number_in(at.run(dvc.dvc, "--version")), found)


class BuildCache:
    """What a GitLab runner does: whoever coordinates holds the keys and gives links; the job has curl and no keys.

    GitLab Runner, "Distributed runners caching": the archive is asked for, got where it is newer, and put back.
    """

    def __init__(self, at: At) -> None:
        self.at, self.curl = at, need("curl")
        self.s3 = client(at.endpoint, signature_version="s3v4")
        self.s3.create_bucket(Bucket=at.bucket)

    def link(self, operation: str) -> str:
        key = "runner/abc123/project/7/main-protected"
        return self.s3.generate_presigned_url(operation, Params={"Bucket": self.at.bucket, "Key": key}, ExpiresIn=600)

    def ask(self, *arguments: object) -> str:
        return self.at.run(self.curl, "-sS", "-w", "\n%{http_code}", *arguments).rpartition("\n")[2]

    def miss(self):
        assert self.ask("-I", self.link("head_object")) == "404"
        assert self.ask(self.link("get_object")) == "404"

    def save(self):
        headers = ("-H", "Content-Type: application/octet-stream", "-H", "x-amz-meta-cachekey: main")
        assert self.ask("-T", self.at.large, *headers[:2], self.link("put_object")) == "200"

    def restore(self):
        assert self.ask("-o", "archive.zip", self.link("get_object")) == "200"
        same(self.at.large, self.at.folder / "archive.zip")

    def fresh(self):
        assert self.ask("-z", str(self.at.folder / "archive.zip"), "-o", "again.zip", self.link("get_object")) == "304"

    def foreign(self):
        assert self.ask("-T", self.at.small, self.link("get_object")) == "403"


def test_cache_of_builds_by_links(at):
    cache = BuildCache(at)
    found = steps(at, miss=cache.miss, save=cache.save, restore=cache.restore, fresh=cache.fresh, foreign=cache.foreign)
    settle(at, "GitLab runner's cache (links)", number_in(at.run(cache.curl, "--version")), found)


BACKEND = """
terraform {{
  backend "s3" {{
    bucket = "{bucket}"
    key    = "state/terraform.tfstate"
    region = "us-east-1"
    endpoints = {{ s3 = "{endpoint}" }}
    use_path_style              = true
    use_lockfile                = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
  }}
}}
variable "who" {{ type = string }}
resource "terraform_data" "one" {{ input = var.who }}
"""


class State:
    """State of infrastructure: ``program`` is terraform or tofu. The only provider is the one that is built in."""

    def __init__(self, at: At, program: str) -> None:
        self.at, self.program = at, need(program)
        self.s3 = client(at.endpoint)
        self.s3.create_bucket(Bucket=at.bucket)
        self.environment = {**aws_environment(at), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        self.project = self.checkout("project")

    def checkout(self, name: str) -> Path:
        folder = self.at.folder / name
        folder.mkdir()
        (folder / "main.tf").write_text(BACKEND.format(bucket=self.at.bucket, endpoint=self.at.endpoint))
        return folder

    def run(self, *arguments: object, inside: Path | None = None, check: bool = True) -> str:
        where = inside or self.project
        return self.at.run(self.program, *arguments, inside=where, check=check, **self.environment)

    def init(self, inside: Path | None = None):
        self.run("init", "-input=false", "-no-color", inside=inside)

    def apply(self, who: str, inside: Path | None = None, wait: str = "0s", *, check: bool = True) -> str:
        options = ("-auto-approve", "-input=false", "-no-color", f"-lock-timeout={wait}", f"-var=who={who}")
        return self.run("apply", *options, inside=inside, check=check)

    def serial(self) -> int:
        body = self.s3.get_object(Bucket=self.at.bucket, Key="state/terraform.tfstate")["Body"].read()
        return json.loads(body)["serial"]

    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.at.bucket)["Contents"]]

    def changes(self):
        self.apply("first")
        first = self.serial()
        self.apply("second")
        assert self.serial() > first
        assert self.keys() == ["state/terraform.tfstate"]  # the lock is gone

    def show(self):
        assert self.run("state", "list").strip() == "terraform_data.one"

    def locked(self):
        """Somebody else's lock keeps everybody out, and says whose it is."""
        lock = {
            "ID": "4f6e",
            "Operation": "apply",
            "Who": "somebody@else",
            "Version": "1",
            "Created": "2026-01-01T00:00:00Z",
        }
        key = "state/terraform.tfstate.tflock"
        self.s3.put_object(Bucket=self.at.bucket, Key=key, Body=json.dumps(lock).encode())
        said = self.apply("third", check=False)
        assert "state lock" in said, said
        assert "somebody@else" in said, said
        self.run("force-unlock", "-force", "4f6e")
        assert self.keys() == ["state/terraform.tfstate"]

    def contended(self):
        """Of processes at once those that get the lock change the state one by one, and nobody's change is lost."""
        folders = [self.checkout(f"contender{number}") for number in range(CONTENDERS)]
        with ThreadPoolExecutor(CONTENDERS) as pool:
            list(pool.map(self.init, folders))
            before = self.serial()
            said = list(pool.map(lambda folder: self.apply(folder.name, folder, check=False), folders))
        done = [text for text in said if "Apply complete!" in text]
        assert done, said
        assert all("Error acquiring the state lock" in text for text in said if text not in done), said
        assert self.serial() == before + len(done) * self.step
        assert self.keys() == ["state/terraform.tfstate"]

    step = 1
    """By how much one change raises the serial."""

    def waited(self):
        """Processes that wait for the lock all get it in the end."""
        folders = [self.at.folder / f"contender{number}" for number in range(3)]
        before = self.serial()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(self.wait, folders))
        assert self.serial() == before + 3 * self.step

    def wait(self, folder: Path) -> None:
        """Apply when the lock is free.

        Refused the lock, both programs read whose it is, and wait for it. Where it has been given back between these
        two requests there is nobody to wait for: they give up at once, and whoever called them has to call again.
        """
        while "Apply complete!" not in (said := self.apply(f"{folder.name} waits", folder, "120s", check=False)):
            assert re.search(r"PutObject[^*]+412[^*]+\*[^*]+GetObject[^*]+404", said), said  # lines are broken anywhere


@pytest.mark.timeout(600)  # thirteen processes at once, each as large as terraform is
@pytest.mark.parametrize("program", ["terraform", "tofu"])
def test_state_of_infrastructure(at, program):
    state = State(at, program)
    found = steps(
        at,
        init=state.init,
        apply=state.changes,
        show=state.show,
        locked=state.locked,
        contended=state.contended,
        waited=state.waited,
    )
    settle(at, program, number_in(at.run(state.program, "version")), found)
