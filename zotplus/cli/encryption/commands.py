"""``zotplus kms``: encryption keys of the registry's own ring, and wrapping objects' keys anew."""

import click
import msgspec

from zotplus.cli.commands import Group
from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, emit_table, human_time
from zotplus.cli.remote.api import segment
from zotplus.protocols.api.encryption.documents import KmsKeyDocument, KmsKeyList, NewKmsKey, RewrappedDocument


@click.group(cls=Group)
def kms() -> None:
    """Manage encryption keys: each wraps the keys of many objects, and is itself sealed under the master key."""


@kms.group("keys", cls=Group)
def keys() -> None:
    """Manage the keys themselves. Clients name them by id in x-amz-server-side-encryption-aws-kms-key-id."""


@keys.command("list")
@remote_options
@json_option
def list_keys(*, remote: Remote, as_json: bool) -> None:
    """List all keys; that of SSE-S3 is sse:s3."""
    found = remote.run(lambda server: server.api.get("/kms/keys", KmsKeyList)).keys
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    rows = [
        (one.id, "enabled" if one.enabled else "disabled", str(one.versions), human_time(one.rotated), one.description)
        for one in found
    ]
    emit_table(("ID", "STATE", "VERSIONS", "ROTATED", "DESCRIPTION"), rows)


@keys.command("create")
@click.argument("key_id", metavar="ID")
@click.option("--description", default="", help="What it is for.")
@remote_options
@json_option
def create_key(*, key_id: str, description: str, remote: Remote, as_json: bool) -> None:
    """Create the key ID."""
    body = NewKmsKey(id=key_id, description=description)
    _show(remote.run(lambda server: server.api.post("/kms/keys", body, KmsKeyDocument)), as_json=as_json)


@keys.command("rotate")
@click.argument("key_id", metavar="ID")
@remote_options
@json_option
def rotate_key(*, key_id: str, remote: Remote, as_json: bool) -> None:
    """Wrap with a new version of the key ID from now on. `zotplus kms rewrap` does the same for what is stored."""
    _act(remote, key_id, "rotate", as_json=as_json)


@keys.command("disable")
@click.argument("key_id", metavar="ID")
@remote_options
@json_option
def disable_key(*, key_id: str, remote: Remote, as_json: bool) -> None:
    """Let the key ID be used no more: what it wraps can neither be read nor written until it is enabled."""
    _act(remote, key_id, "disable", as_json=as_json)


@keys.command("enable")
@click.argument("key_id", metavar="ID")
@remote_options
@json_option
def enable_key(*, key_id: str, remote: Remote, as_json: bool) -> None:
    """Let the key ID be used again."""
    _act(remote, key_id, "enable", as_json=as_json)


@kms.command("rewrap")
@remote_options
@json_option
def rewrap(*, remote: Remote, as_json: bool) -> None:
    """Wrap the keys of all objects anew, under the newest versions of their encryption keys.

    Content is not touched, and everything else goes on. When it is interrupted, run it again.
    """
    done = remote.run(lambda server: server.api.post("/kms/rewrap", {}, RewrappedDocument))
    if as_json:
        emit_json(msgspec.to_builtins(done))
    else:
        emit_fields([(name, str(count)) for name, count in msgspec.structs.asdict(done).items()])


def _act(remote: Remote, key_id: str, verb: str, *, as_json: bool) -> None:
    path = f"/kms/keys/{segment(key_id)}/{verb}"
    _show(remote.run(lambda server: server.api.post(path, {}, KmsKeyDocument)), as_json=as_json)


def _show(key: KmsKeyDocument, *, as_json: bool) -> None:
    if as_json:
        emit_json(msgspec.to_builtins(key))
        return
    emit_fields(
        [
            ("id", key.id),
            ("state", "enabled" if key.enabled else "disabled"),
            ("versions", str(key.versions)),
            ("rotated", human_time(key.rotated)),
            ("description", key.description or "-"),
        ]
    )
