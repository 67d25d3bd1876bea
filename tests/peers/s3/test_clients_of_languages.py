"""Libraries of several languages at both addresses, each as its users have it; see ``matrix.py``."""

import hashlib
import io
import json
from functools import cache
from importlib.metadata import version
from urllib.parse import urlsplit

import minio
import pytest
from minio.commonconfig import ENABLED, CopySource, Tags
from minio.versioningconfig import VersioningConfig

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, call, need
from tests.peers.s3.conftest import client
from tests.peers.s3.matrix import CLIENTS, ODD, SMALL, At, printed_steps, settle, steps
from tools.peers.programs import GO_SOURCES, PYTHON_PROGRAMS

LOCK = json.loads((CLIENTS / "javascript" / "package-lock.json").read_text())["packages"]


def run_client(at: At, *argv: object) -> dict[str, str]:
    return printed_steps(at, at.run(*argv, at.endpoint, ADMIN_KEY, ADMIN_SECRET, at.bucket))


@cache
def pinned(name: str) -> str:
    """The version that a lock pins."""
    made = {program.name: program for program in (*GO_SOURCES, *PYTHON_PROGRAMS)}[name]
    return made.version.rpartition("-")[0]


def test_aws_sdk_for_go(at):
    found = run_client(at, need("aws-sdk-go-client"))
    settle(at, "aws-sdk-go-v2", pinned("aws-sdk-go-client"), found)


def test_minio_go(at):
    found = run_client(at, need("minio-go-client"))
    settle(at, "minio-go", pinned("minio-go-client"), found)


@pytest.mark.parametrize(("name", "script"), [("@aws-sdk/client-s3", "aws-sdk.cjs"), ("minio", "minio.cjs")])
def test_libraries_of_javascript(at, name, script):
    found = run_client(at, need("s3-node"), CLIENTS / "javascript" / script)
    shown = "minio-js" if name == "minio" else name
    settle(at, shown, LOCK[f"node_modules/{name}"]["version"], found)


def test_pyarrow(at):
    found = run_client(at, need("dataframes-python"), CLIENTS / "python" / "pyarrow_client.py")
    settle(at, "pyarrow", pinned("dataframes-python"), found)


def test_fsspec_s3fs(at):
    found = run_client(at, need("dataframes-python"), CLIENTS / "python" / "fsspec_client.py")
    lock = next(program.lock for program in PYTHON_PROGRAMS if program.name == "dataframes-python").read_text()
    settle(at, "s3fs (fsspec)", lock.partition("\ns3fs==")[2].split()[0], found)


class Boto:
    """The steps of boto3."""

    def __init__(self, at: At) -> None:
        self.at, self.s3, self.bucket = at, client(at.endpoint, signature_version="s3v4"), at.bucket

    def read(self, key: str, **more: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key, **more)["Body"].read()

    def put(self):
        for key in ("dir/one", ODD):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=SMALL)

    def get(self):
        assert self.read(ODD) == SMALL

    def part(self):
        assert self.read("dir/one", Range="bytes=0-6") == b"content"

    def multipart(self):
        self.s3.upload_file(str(self.at.large), self.bucket, "large")
        assert hashlib.md5(self.read("large")).digest() == hashlib.md5(self.at.large.read_bytes()).digest()  # noqa: S324

    def listing(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix="dir/", PaginationConfig={"PageSize": 1}
        )
        assert [entry["Key"] for page in pages for entry in page["Contents"]] == ["dir/one", ODD]

    def copy(self):
        self.s3.copy_object(Bucket=self.bucket, Key="copied", CopySource={"Bucket": self.bucket, "Key": ODD})
        assert self.read("copied") == SMALL

    def conditional(self):
        with pytest.raises(self.s3.exceptions.ClientError, match="PreconditionFailed"):
            self.s3.put_object(Bucket=self.bucket, Key="dir/one", Body=b"x", IfNoneMatch="*")

    def presigned(self):
        link = self.s3.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": ODD}, ExpiresIn=60)
        assert call("GET", link)[2] == SMALL

    def form(self):
        form = self.s3.generate_presigned_post(self.bucket, "dir/form", ExpiresIn=60)
        parts = [*form["fields"].items(), ("file", "by a form")]
        lines = [
            f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
        ]
        headers = {"Content-Type": "multipart/form-data; boundary=limit"}
        status, _, body = call("POST", form["url"], headers=headers, body=("".join(lines) + "--limit--\r\n").encode())
        assert status == 204, body
        assert self.read("dir/form") == b"by a form"

    def tags(self):
        self.s3.put_object_tagging(
            Bucket=self.bucket, Key="dir/one", Tagging={"TagSet": [{"Key": "colour", "Value": "blue"}]}
        )
        found = self.s3.get_object_tagging(Bucket=self.bucket, Key="dir/one")
        assert found["TagSet"] == [{"Key": "colour", "Value": "blue"}]

    def versions(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.put()
        self.s3.delete_object(Bucket=self.bucket, Key="dir/one")
        found = self.s3.list_object_versions(Bucket=self.bucket, Prefix="dir/one")
        assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (2, 1)

    def delete(self):
        found = self.s3.list_object_versions(Bucket=self.bucket)
        entries = [*found["Versions"], *found["DeleteMarkers"]]
        every = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        assert "Errors" not in self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": every})
        self.s3.delete_bucket(Bucket=self.bucket)


def test_boto3(at):
    boto = Boto(at)
    found = steps(
        at,
        create=lambda: boto.s3.create_bucket(Bucket=at.bucket),
        put=boto.put,
        get=boto.get,
        range=boto.part,
        multipart=boto.multipart,
        list=boto.listing,
        copy=boto.copy,
        conditional=boto.conditional,
        presigned=boto.presigned,
        form=boto.form,
        tags=boto.tags,
        versions=boto.versions,
        delete=boto.delete,
    )
    settle(at, "boto3", version("boto3"), found)


class MinioPy:
    """The steps of minio-py."""

    def __init__(self, at: At) -> None:
        self.at, self.bucket = at, at.bucket
        self.client = minio.Minio(
            endpoint=urlsplit(at.endpoint).netloc + at.path,
            access_key=ADMIN_KEY,
            secret_key=ADMIN_SECRET,
            secure=False,
            region="us-east-1",
        )

    def write(self, key: str, content: bytes) -> None:
        self.client.put_object(
            bucket_name=self.bucket, object_name=key, data=io.BytesIO(content), length=len(content), part_size=5 << 20
        )

    def read(self, key: str, **span: int) -> bytes:
        answer = self.client.get_object(bucket_name=self.bucket, object_name=key, **span)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def put(self):
        for key in ("dir/one", ODD):
            self.write(key, SMALL)

    def get(self):
        assert self.read(ODD) == SMALL

    def part(self):
        assert self.read("dir/one", offset=0, length=7) == b"content"

    def multipart(self):
        self.write("large", self.at.large.read_bytes())
        assert self.read("large") == self.at.large.read_bytes()

    def keys(self, **options) -> list[str]:
        return [e.object_name for e in self.client.list_objects(bucket_name=self.bucket, recursive=True, **options)]

    def listing(self):
        assert self.keys(prefix="dir/") == ["dir/one", ODD]

    def copy(self):
        source = CopySource(bucket_name=self.bucket, object_name=ODD)
        self.client.copy_object(bucket_name=self.bucket, object_name="copied", source=source)
        assert self.read("copied") == SMALL

    def presigned(self):
        link = self.client.presigned_get_object(bucket_name=self.bucket, object_name=ODD)
        assert call("GET", link)[2] == SMALL

    def tags(self):
        wanted = Tags.new_object_tags()
        wanted["colour"] = "blue"
        self.client.set_object_tags(bucket_name=self.bucket, object_name="dir/one", tags=wanted)
        assert self.client.get_object_tags(bucket_name=self.bucket, object_name="dir/one") == {"colour": "blue"}

    def versions(self):
        self.client.set_bucket_versioning(bucket_name=self.bucket, config=VersioningConfig(status=ENABLED))
        self.put()
        self.client.remove_object(bucket_name=self.bucket, object_name="dir/one")
        assert self.keys(prefix="dir/one", include_version=True) == ["dir/one"] * 3

    def delete(self):
        for e in self.client.list_objects(bucket_name=self.bucket, recursive=True, include_version=True):
            self.client.remove_object(bucket_name=self.bucket, object_name=e.object_name, version_id=e.version_id)
        self.client.remove_bucket(bucket_name=self.bucket)


def test_minio_py(at):
    try:
        of = MinioPy(at)
    except ValueError as refusal:
        settle(at, "minio-py", version("minio"), {"connect": f"ValueError: {refusal}"})
        return
    found = steps(
        at,
        create=lambda: of.client.make_bucket(bucket_name=at.bucket),
        put=of.put,
        get=of.get,
        range=of.part,
        multipart=of.multipart,
        list=of.listing,
        copy=of.copy,
        presigned=of.presigned,
        tags=of.tags,
        versions=of.versions,
        delete=of.delete,
    )
    settle(at, "minio-py", version("minio"), found)
