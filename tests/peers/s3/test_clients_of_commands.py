"""Programs at both addresses, each doing its main job; see ``matrix.py``."""

import json
import re

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, call, need
from tests.peers.s3.conftest import client
from tests.peers.s3.matrix import ODD, SMALL, At, aws_environment, settle, steps
from tools.peers.programs import GO_PROGRAMS


def number_in(text: str) -> str:
    """The first version number in what a program prints about itself."""
    return re.search(r"\d+\.\d+(\.\d+)?(-?[\w.]+)?", text)[0]


def pinned(name: str) -> str:
    return next(program.version for program in GO_PROGRAMS if program.name == name)


def same(first, second) -> None:
    assert first.read_bytes() == second.read_bytes(), f"{second.name} differs"


class Aws:
    """The steps of aws-cli."""

    def __init__(self, at: At) -> None:
        self.at, self.aws, self.environment = at, need("aws"), aws_environment(at)

    def s3(self, *arguments: object) -> str:
        return self.at.run(self.aws, "s3", *arguments, **self.environment)

    def api(self, *arguments: object, check: bool = True) -> str:
        command = (self.aws, "s3api", *arguments, "--bucket", self.at.bucket)
        return self.at.run(*command, check=check, **self.environment)

    def url(self, key: str) -> str:
        return f"s3://{self.at.bucket}/{key}"

    def put(self):
        for key in ("dir/one", ODD):
            self.s3("cp", self.at.small, self.url(key))

    def get(self):
        self.s3("cp", self.url(ODD), "back")
        same(self.at.small, self.at.folder / "back")

    def part(self):
        self.api("get-object", "--key", "dir/one", "--range", "bytes=0-6", "piece")
        assert (self.at.folder / "piece").read_bytes() == b"content"

    def multipart(self):
        self.s3("cp", self.at.large, self.url("large"))
        self.s3("cp", self.url("large"), "large.back")
        same(self.at.large, self.at.folder / "large.back")

    def listing(self):
        listed = json.loads(self.api("list-objects-v2", "--prefix", "dir/", "--page-size", "1"))
        assert [entry["Key"] for entry in listed["Contents"]] == ["dir/one", ODD]

    def copy(self):
        self.s3("cp", self.url(ODD), self.url("copied"))

    def conditional(self):
        said = self.api("put-object", "--key", "dir/one", "--body", self.at.small, "--if-none-match", "*", check=False)
        assert "PreconditionFailed" in said, said

    def presigned(self):
        # in us-east-1 it signs links in version 2 until it is told otherwise
        self.at.run(self.aws, "configure", "set", "default.s3.signature_version", "s3v4", **self.environment)
        status, _, body = call("GET", self.s3("presign", self.url("dir/one")).strip())
        assert (status, body) == (200, SMALL), body.decode()

    def tags(self):
        self.api("put-object-tagging", "--key", "dir/one", "--tagging", "TagSet=[{Key=colour,Value=blue}]")
        assert json.loads(self.api("get-object-tagging", "--key", "dir/one"))["TagSet"][0]["Value"] == "blue"

    def versions(self):
        self.api("put-bucket-versioning", "--versioning-configuration", "Status=Enabled")
        self.s3("cp", self.at.small, self.url("dir/one"))
        self.s3("rm", self.url("dir/one"))
        listed = json.loads(self.api("list-object-versions", "--prefix", "dir/one"))
        assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (2, 1)

    def delete(self):
        listed = json.loads(self.api("list-object-versions"))
        entries = [*listed["Versions"], *listed["DeleteMarkers"]]
        every = {"Objects": [{"Key": e["Key"], "VersionId": e["VersionId"]} for e in entries]}
        assert "Errors" not in self.api("delete-objects", "--delete", json.dumps(every))
        self.s3("rb", f"s3://{self.at.bucket}")


def test_aws_cli(at):
    aws = Aws(at)
    found = steps(
        at,
        create=lambda: aws.s3("mb", f"s3://{at.bucket}"),
        put=aws.put,
        get=aws.get,
        range=aws.part,
        multipart=aws.multipart,
        list=aws.listing,
        copy=aws.copy,
        conditional=aws.conditional,
        presigned=aws.presigned,
        tags=aws.tags,
        versions=aws.versions,
        delete=aws.delete,
    )
    settle(at, "aws-cli", number_in(at.run(aws.aws, "--version")), found)


class Mc:
    """The steps of mc."""

    def __init__(self, at: At) -> None:
        self.at, self.mc, self.bucket = at, need("mc"), f"here/{at.bucket}"

    def run(self, *arguments: object) -> str:
        return self.at.run(self.mc, "--config-dir", self.at.folder / "mc", "--json", *arguments)

    def connect(self):
        self.run("alias", "set", "here", self.at.endpoint, ADMIN_KEY, ADMIN_SECRET)

    def rows(self, *arguments: object) -> list[dict]:
        return [json.loads(line) for line in self.run(*arguments).splitlines()]

    def put(self):
        for key in ("dir/one", ODD):
            self.run("cp", self.at.small, f"{self.bucket}/{key}")

    def get(self):
        self.run("cp", f"{self.bucket}/{ODD}", "back")
        same(self.at.small, self.at.folder / "back")

    def part(self):
        assert self.run("cat", "--offset", "8", f"{self.bucket}/dir/one").encode() == SMALL[8:]

    def multipart(self):
        self.run("cp", self.at.large, f"{self.bucket}/large")
        self.run("cp", f"{self.bucket}/large", "large.back")
        same(self.at.large, self.at.folder / "large.back")

    def listing(self):
        found = [row["key"] for row in self.rows("ls", "--recursive", f"{self.bucket}/dir/")]
        assert found == [key.removeprefix("dir/") for key in ("dir/one", ODD)], found

    def copy(self):
        self.run("cp", f"{self.bucket}/{ODD}", f"{self.bucket}/copied")

    def presigned(self):
        (row,) = self.rows("share", "download", f"{self.bucket}/dir/one")
        assert call("GET", row["share"])[2] == SMALL

    def tags(self):
        self.run("tag", "set", f"{self.bucket}/dir/one", "colour=blue")
        (row,) = self.rows("tag", "list", f"{self.bucket}/dir/one")
        assert row["tagset"] == {"colour": "blue"}

    def versions(self):
        self.run("version", "enable", self.bucket)
        self.put()
        self.run("rm", f"{self.bucket}/dir/one")
        found = self.rows("ls", "--versions", f"{self.bucket}/dir/one")
        assert len(found) == 3, found

    def delete(self):
        self.run("rm", "--recursive", "--versions", "--force", self.bucket)
        self.run("rb", self.bucket)


def test_mc(at):
    mc = Mc(at)
    found = steps(
        at,
        connect=mc.connect,
        create=lambda: mc.run("mb", mc.bucket),
        put=mc.put,
        get=mc.get,
        range=mc.part,
        multipart=mc.multipart,
        list=mc.listing,
        copy=mc.copy,
        presigned=mc.presigned,
        tags=mc.tags,
        versions=mc.versions,
        delete=mc.delete,
    )
    settle(at, "mc", pinned("mc"), found)


class Rclone:
    """The steps of rclone."""

    def __init__(self, at: At) -> None:
        self.at, self.rclone = at, need("rclone")
        keys = f"access_key_id={ADMIN_KEY},secret_access_key={ADMIN_SECRET}"
        self.remote = f":s3,provider=Other,endpoint='{at.endpoint}',{keys}:{at.bucket}"

    def run(self, *arguments: object) -> str:
        limits = ("--retries", "1", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M")
        return self.at.run(self.rclone, "--config", self.at.folder / "none", *limits, *arguments)

    def put(self):
        for key in ("dir/one", ODD):
            self.run("copyto", self.at.small, f"{self.remote}/{key}")

    def get(self):
        self.run("copyto", f"{self.remote}/{ODD}", "back")
        same(self.at.small, self.at.folder / "back")

    def part(self):
        assert self.run("cat", "--offset", "8", "--count", "2", f"{self.remote}/dir/one").encode() == SMALL[8:10]

    def multipart(self):
        self.run("copyto", self.at.large, f"{self.remote}/large")
        self.run("copyto", f"{self.remote}/large", "large.back")
        same(self.at.large, self.at.folder / "large.back")

    def listing(self):
        found = sorted(self.run("lsf", f"{self.remote}/dir").splitlines())
        assert found == ["one", ODD.removeprefix("dir/")], found

    def copy(self):
        self.run("copyto", f"{self.remote}/{ODD}", f"{self.remote}/copied")
        self.run("check", f"{self.remote}/dir", f"{self.remote}/dir")

    def presigned(self):
        assert call("GET", self.run("link", "--expire", "1m", f"{self.remote}/dir/one").strip())[2] == SMALL

    def versions(self):
        self.run("backend", "versioning", self.remote, "Enabled")
        (self.at.folder / "other").write_bytes(b"other content")
        self.run("copyto", "other", f"{self.remote}/dir/one")
        found = self.run("lsf", "--s3-versions", f"{self.remote}/dir").splitlines()
        assert len(found) == 3, found

    def delete(self):
        self.run("delete", self.remote)
        self.run("backend", "cleanup-hidden", self.remote)
        self.run("purge", self.remote)


def test_rclone(at):
    rclone = Rclone(at)
    found = steps(
        at,
        create=lambda: rclone.run("mkdir", rclone.remote),
        put=rclone.put,
        get=rclone.get,
        range=rclone.part,
        multipart=rclone.multipart,
        list=rclone.listing,
        copy=rclone.copy,
        presigned=rclone.presigned,
        versions=rclone.versions,
        delete=rclone.delete,
    )
    settle(at, "rclone", pinned("rclone"), found)


class S3cmd:
    """The steps of s3cmd."""

    def __init__(self, at: At) -> None:
        self.at, self.s3cmd, self.bucket = at, need("s3cmd"), f"s3://{at.bucket}"
        host = at.host + at.path
        (at.folder / "s3cfg").write_text(
            f"[default]\naccess_key = {ADMIN_KEY}\nsecret_key = {ADMIN_SECRET}\nhost_base = {host}\n"
            f"host_bucket = {host}\nuse_https = False\nmultipart_chunk_size_mb = 5\nmax_retries = 1\n"
        )

    def run(self, *arguments: object) -> str:
        return self.at.run(self.s3cmd, "-c", self.at.folder / "s3cfg", *arguments)

    def put(self):
        for key in ("dir/one", ODD):
            self.run("put", self.at.small, f"{self.bucket}/{key}")

    def get(self):
        self.run("get", f"{self.bucket}/{ODD}", "back")
        same(self.at.small, self.at.folder / "back")

    def multipart(self):
        self.run("put", self.at.large, f"{self.bucket}/large")
        self.run("get", f"{self.bucket}/large", "large.back")
        same(self.at.large, self.at.folder / "large.back")

    def part(self):
        (self.at.folder / "half").write_bytes(self.at.large.read_bytes()[: 6 << 20])
        self.run("get", "--continue", f"{self.bucket}/large", "half")
        same(self.at.large, self.at.folder / "half")

    def listing(self):
        found = self.run("ls", f"{self.bucket}/dir/")
        assert found.count(f"{self.bucket}/dir/") == 2, found

    def copy(self):
        self.run("cp", f"{self.bucket}/dir/one", f"{self.bucket}/copied")
        self.run("get", f"{self.bucket}/copied", "copied.back")
        same(self.at.small, self.at.folder / "copied.back")

    def presigned(self):
        link = self.run("signurl", f"{self.bucket}/dir/one", "+60").strip()
        status, _, body = call("GET", link)
        assert status == 200, body.decode()
        assert body == SMALL

    def tags(self):
        self.run("settagging", f"{self.bucket}/dir/one", "colour=blue")
        assert "blue" in self.run("gettagging", f"{self.bucket}/dir/one")

    def delete(self):
        self.run("del", "--recursive", "--force", self.bucket)
        self.run("rb", self.bucket)


def test_s3cmd(at):
    s3cmd = S3cmd(at)
    found = steps(
        at,
        create=lambda: s3cmd.run("mb", s3cmd.bucket),
        put=s3cmd.put,
        get=s3cmd.get,
        multipart=s3cmd.multipart,
        range=s3cmd.part,
        list=s3cmd.listing,
        copy=s3cmd.copy,
        presigned=s3cmd.presigned,
        tags=s3cmd.tags,
        delete=s3cmd.delete,
    )
    settle(at, "s3cmd", number_in(at.run(s3cmd.s3cmd, "--version")), found)


class Restic:
    """The steps of restic."""

    def __init__(self, at: At) -> None:
        self.at, self.restic = at, need("restic")
        client(at.endpoint).create_bucket(Bucket=at.bucket)
        self.environment = {
            **aws_environment(at),
            "RESTIC_PASSWORD": "secret",
            "RESTIC_REPOSITORY": f"s3:{at.endpoint}/{at.bucket}/backups",
        }

    def run(self, *arguments: object) -> str:
        return self.at.run(self.restic, *arguments, **self.environment)

    def backup(self):
        source = self.at.folder / "source"
        source.mkdir()
        (source / "large").write_bytes(self.at.large.read_bytes())
        (source / "small").write_bytes(SMALL)
        self.run("backup", source)

    def restore(self):
        self.run("restore", "latest", "--target", "back", "--path", self.at.folder / "source")
        same(self.at.large, self.at.folder / "back" / self.at.folder.relative_to("/") / "source" / "large")

    def prune(self):
        (self.at.folder / "source" / "large").unlink()
        self.run("backup", self.at.folder / "source")
        self.run("forget", "--keep-last", "1", "--prune")
        self.run("check", "--read-data")


def test_restic(at):
    restic = Restic(at)
    found = steps(
        at,
        init=lambda: restic.run("init"),
        backup=restic.backup,
        check=lambda: restic.run("check", "--read-data"),
        restore=restic.restore,
        prune=restic.prune,
    )
    settle(at, "restic", number_in(at.run(restic.restic, "version")), found)
