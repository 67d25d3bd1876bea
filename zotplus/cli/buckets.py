"""``zotplus buckets`` and ``zotplus rb``."""

import asyncio
import sys
from typing import Any

import click
import msgspec

from zotplus.cli.commands import Group
from zotplus.cli.options import COUNT, SIZE, Remote, Server, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, emit_table, human_size, human_time
from zotplus.cli.remote import addresses
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.api import segment
from zotplus.cli.remote.s3 import Call
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.api.buckets.documents import (
    Begun,
    DefaultEncryption,
    NewBucket,
    Quota,
    Removal,
    UsageDocument,
)
from zotplus.protocols.api.documents import Bucket, Buckets

_POLL_SECONDS = 0.5

_recursive = click.option(
    "-r",
    "--recursive",
    "--force",
    "recursive",
    is_flag=True,
    help="Delete all objects and unfinished uploads in it too.",
)
_detach = click.option("--detach", is_flag=True, help="Do not wait until everything is gone.")


@click.group(cls=Group)
def buckets() -> None:
    """Manage buckets."""


@buckets.command("list")
@remote_options
@json_option
def list_buckets(*, remote: Remote, as_json: bool) -> None:
    """List the buckets that you may see, and what they hold where you may see that too."""
    found = remote.run(lambda server: server.api.get("/buckets", Buckets))
    if as_json:
        emit_json([msgspec.to_builtins(row) for row in found.buckets])
    else:
        emit_table(("NAME", "CREATED", "VERSIONING", "OBJECTS", "SIZE", "QUOTA"), [_row(row) for row in found.buckets])


def _row(row: Bucket) -> tuple[str, ...]:
    kept = "locked" if row.lock else (row.versioning or "-").lower()
    quotas = []
    if row.quota_bytes is not None:
        quotas.append(human_size(row.quota_bytes))
    if row.quota_objects is not None:
        quotas.append(f"{row.quota_objects} objects")
    return (
        row.name,
        human_time(row.created),
        kept,
        "-" if row.objects is None else str(row.objects),
        "-" if row.bytes is None else human_size(row.bytes),
        ", ".join(quotas) or "-",
    )


@buckets.command("create")
@click.argument("name")
@click.option("--versioning", is_flag=True, help="Keep every version of an object.")
@click.option("--lock", is_flag=True, help="Let versions be locked (object lock); keeps versions too.")
@click.option(
    "--encryption", type=click.Choice(["SSE-S3", "SSE-KMS"], case_sensitive=False), help="Encrypt by default."
)
@click.option("--kms-key", metavar="NAME", default="", help="The key of SSE-KMS.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; may be given several times.")
@click.option(
    "--quota-bytes", type=SIZE, metavar="SIZE", help="The most that it may hold, like 20GiB; none for no bound."
)
@click.option(
    "--quota-objects", type=COUNT, metavar="COUNT", help="The most versions that it may hold; none for no bound."
)
@remote_options
@json_option
def create_bucket(*, name: str, remote: Remote, as_json: bool, **options: Any) -> None:
    """Create the bucket NAME, with everything that is asked for or not at all."""
    address = _bucket(name)
    wanted = _new_bucket(address.bucket, **options)
    if wanted == NewBucket(name=address.bucket):
        remote.run(lambda server: server.s3.send(Call(method="PUT", address=address)))
    else:
        remote.run(lambda server: server.api.post("/buckets", wanted, Bucket))
    if as_json:
        emit_json({"created": address.bucket})
    else:
        click.echo(f"created {address.bucket}")


def _new_bucket(name: str, *, encryption: str | None, kms_key: str, tags: tuple[str, ...], **rest: Any) -> NewBucket:
    if kms_key and (encryption or "SSE-KMS").upper() != "SSE-KMS":
        raise click.UsageError("--kms-key is for --encryption SSE-KMS.")
    pairs = [tag.partition("=") for tag in tags]
    if not all(key and sign for key, sign, _ in pairs) or len({key for key, _, _ in pairs}) < len(pairs):
        raise click.UsageError("--tag takes KEY=VALUE, each key once.")
    scheme = "SSE-KMS" if kms_key else encryption
    default = None if scheme is None else msgspec.convert({"scheme": scheme.upper(), "key": kms_key}, DefaultEncryption)
    rest |= {quota: rest[quota] or None for quota in ("quota_bytes", "quota_objects")}
    return NewBucket(name=name, encryption=default, tags={key: value for key, _, value in pairs}, **rest)


@buckets.command("usage")
@click.argument("name")
@remote_options
@json_option
def show_usage(*, name: str, remote: Remote, as_json: bool) -> None:
    """Show how much the bucket NAME holds and may hold; every version counts."""
    path = f"/buckets/{segment(_bucket(name).bucket)}/usage"
    _print_usage(remote.run(lambda server: server.api.get(path, UsageDocument)), as_json=as_json)


@buckets.command("quota")
@click.argument("name")
@click.option(
    "--bytes",
    "--quota-bytes",
    "bytes_",
    type=SIZE,
    metavar="SIZE",
    help="The most bytes, like 20GiB; none for no bound.",
)
@click.option(
    "--objects", "--quota-objects", "objects", type=COUNT, metavar="COUNT", help="The most versions; none for no bound."
)
@remote_options
@json_option
def set_quota(*, name: str, bytes_: int | None, objects: int | None, remote: Remote, as_json: bool) -> None:
    """Set how much the bucket NAME may hold; what is not given stays as it is."""
    if bytes_ is None and objects is None:
        raise click.UsageError("Give --bytes, --objects or both; `zotplus buckets usage` shows what is set.")
    path = f"/buckets/{segment(_bucket(name).bucket)}"
    _print_usage(remote.run(lambda server: _set_quota(server, path, bytes_, objects)), as_json=as_json)


async def _set_quota(server: Server, path: str, size: int | None, count: int | None) -> UsageDocument:
    now = await server.api.get(f"{path}/usage", UsageDocument)
    wanted = Quota(
        bytes=now.quota_bytes if size is None else size or None,
        objects=now.quota_objects if count is None else count or None,
    )
    return await server.api.put(f"{path}/quota", wanted, UsageDocument)


def _print_usage(usage: UsageDocument, *, as_json: bool) -> None:
    if as_json:
        emit_json(msgspec.to_builtins(usage))
        return
    held = [f"{human_size(size)} ({size} bytes)" for size in (usage.bytes, usage.unfinished_bytes)]
    size, unfinished, objects = (*held, str(usage.objects)) if usage.counted else ("not counted yet",) * 3
    emit_fields(
        [
            ("bucket", usage.bucket),
            ("size", size),
            ("objects", objects),
            ("unfinished uploads", unfinished),
            ("size quota", "none" if usage.quota_bytes is None else human_size(usage.quota_bytes)),
            ("object quota", "none" if usage.quota_objects is None else str(usage.quota_objects)),
        ]
    )


@buckets.command("delete")
@click.argument("name")
@_recursive
@_detach
@remote_options
@json_option
def delete_bucket(*, name: str, recursive: bool, detach: bool, remote: Remote, as_json: bool) -> None:
    """Delete the bucket NAME, which must be empty unless --recursive is given.

    Its name is free at once; what was in it is deleted by the server, whether anybody waits or not, and also after a
    restart. A bucket that holds locked versions stays.
    """
    _delete(_bucket(name), remote, recursive=recursive, detach=detach, as_json=as_json)


@click.command("rb")
@click.argument("name")
@_recursive
@_detach
@remote_options
@json_option
def remove_bucket(*, name: str, recursive: bool, detach: bool, remote: Remote, as_json: bool) -> None:
    """Delete the bucket NAME: short for `zotplus buckets delete`."""
    _delete(_bucket(name), remote, recursive=recursive, detach=detach, as_json=as_json)


def print_buckets(found: list[tuple[str, str]], *, as_json: bool) -> None:
    """Buckets by name and creation date, as a table or as JSON."""
    if as_json:
        emit_json([{"name": name, "created": created} for name, created in found])
        return
    emit_table(("NAME", "CREATED"), found)


def _delete(address: Address, remote: Remote, *, recursive: bool, detach: bool, as_json: bool) -> None:
    if recursive:
        shows = sys.stderr.isatty() and not as_json
        begun = remote.run(lambda server: _purge(server, address.bucket, waits=not detach, shows=shows))
    else:
        remote.run(lambda server: server.s3.delete(address))
        begun = Begun(bucket=address.bucket, objects=0)
    if as_json:
        emit_json({"bucket": begun.bucket, "objects": begun.objects})
        return
    verb = "deleting" if begun.removal is not None and detach else "deleted"
    click.echo(f"{verb} {begun.bucket}" + (f" with {begun.objects} objects" if recursive else ""))


async def _purge(server: Server, bucket: str, *, waits: bool, shows: bool) -> Begun:
    begun = await server.api.delete(f"/buckets/{segment(bucket)}", Begun, "purge=true&wait=false")
    while waits and begun.removal is not None:
        try:
            removal = await server.api.get(f"/removals/{begun.removal}", Removal)
        except Problem as problem:
            if problem.fault is not errors.RECORD_NOT_FOUND:
                raise
            break
        if shows:
            click.echo(f"\r{removal.removed} of {removal.total} objects deleted ", nl=False, err=True)
        await asyncio.sleep(_POLL_SECONDS)
    if shows:
        click.echo("\r\033[K", nl=False, err=True)
    return begun


def _bucket(name: str) -> Address:
    address = addresses.parse(name)
    if address.key:
        raise click.UsageError(f"{name!r} names an object, not a bucket.")
    return address
