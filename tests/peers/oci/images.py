"""Small images made of bytes, and the plain way to push them."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.peers.programs import call

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCTETS = "application/octet-stream"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass
class Image:
    config: bytes
    layer: bytes
    manifest: bytes


def image(text: str, subject: Image | None = None) -> Image:
    """An image whose one layer has a file with ``text``."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("hello.txt")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    layer = gzip.compress(plain.getvalue(), mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(plain.getvalue())]},
        }
    ).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(CONFIG, config),
        "layers": [described(LAYER, layer)],
    }
    if subject is not None:
        document["subject"] = described(MANIFEST, subject.manifest)
        document["artifactType"] = "application/vnd.example.note"
    return Image(config, layer, json.dumps(document).encode())


def as_folder(made: Image, folder: Path) -> Path:
    """``made`` as plain files, which podman's tools read by ``dir:``; ``folder`` is made."""
    folder.mkdir()
    (folder / "version").write_text("Directory Transport Version: 1.1\n")
    (folder / "manifest.json").write_bytes(made.manifest)
    for content in (made.config, made.layer):
        (folder / digest_of(content).partition(":")[2]).write_bytes(content)
    return folder


def described(media_type: str, content: bytes) -> dict:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def push_blob(base: str, repository: str, content: bytes, headers: dict[str, str]) -> None:
    status, answer, body = call("POST", f"{base}/v2/{repository}/blobs/uploads/", headers=headers, body=b"")
    assert status == 202, (status, body)
    location = answer["Location"]
    target = location if location.startswith("http") else base + location
    target += ("&" if "?" in target else "?") + "digest=" + digest_of(content)
    status, _, body = call("PUT", target, headers={**headers, "Content-Type": OCTETS}, body=content)
    assert status == 201, (status, body)


def push_image(base: str, repository: str, tag: str, made: Image, headers: dict[str, str]) -> None:
    for blob in (made.config, made.layer):
        push_blob(base, repository, blob, headers)
    target = f"{base}/v2/{repository}/manifests/{tag}"
    status, _, body = call("PUT", target, headers={**headers, "Content-Type": MANIFEST}, body=made.manifest)
    assert status == 201, (status, body)
