"""``zotplus buckets`` and ``zotplus rb``."""

import click
import msgspec

from zotplus.cli.commands import Group
from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_json, emit_table
from zotplus.cli.remote import addresses
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.api import segment
from zotplus.cli.remote.s3 import Call
from zotplus.protocols.api.documents import Purged

_force = click.option("--force", is_flag=True, help="Delete all objects and unfinished uploads in it too.")


@click.group(cls=Group)
def buckets() -> None:
    """Manage buckets."""


@buckets.command("list")
@remote_options
@json_option
def list_buckets(*, remote: Remote, as_json: bool) -> None:
    """List the buckets that you may see."""
    print_buckets(remote.run(lambda server: server.s3.list_buckets()), as_json=as_json)


@buckets.command("create")
@click.argument("name")
@remote_options
@json_option
def create_bucket(*, name: str, remote: Remote, as_json: bool) -> None:
    """Create the bucket NAME."""
    address = _bucket(name)
    remote.run(lambda server: server.s3.send(Call(method="PUT", address=address)))
    if as_json:
        emit_json({"created": address.bucket})
    else:
        click.echo(f"created {address.bucket}")


@buckets.command("delete")
@click.argument("name")
@_force
@remote_options
@json_option
def delete_bucket(*, name: str, force: bool, remote: Remote, as_json: bool) -> None:
    """Delete the bucket NAME, which must be empty unless --force is given."""
    _delete(_bucket(name), force=force, remote=remote, as_json=as_json)


@click.command("rb")
@click.argument("name")
@_force
@remote_options
@json_option
def remove_bucket(*, name: str, force: bool, remote: Remote, as_json: bool) -> None:
    """Delete the bucket NAME: short for `zotplus buckets delete`."""
    _delete(_bucket(name), force=force, remote=remote, as_json=as_json)


def print_buckets(found: list[tuple[str, str]], *, as_json: bool) -> None:
    """Buckets by name and creation date, as a table or as JSON."""
    if as_json:
        emit_json([{"name": name, "created": created} for name, created in found])
        return
    emit_table(("NAME", "CREATED"), found)


def _delete(address: Address, *, force: bool, remote: Remote, as_json: bool) -> None:
    if force:
        path = f"/buckets/{segment(address.bucket)}"
        purged = remote.run(lambda server: server.api.delete(path, Purged, "purge=true"))
    else:
        remote.run(lambda server: server.s3.delete(address))
        purged = Purged(bucket=address.bucket, objects=0)
    if as_json:
        emit_json(msgspec.to_builtins(purged))
        return
    click.echo(f"deleted {purged.bucket}" + (f" with {purged.objects} objects" if force else ""))


def _bucket(name: str) -> Address:
    address = addresses.parse(name)
    if address.key:
        raise click.UsageError(f"{name!r} names an object, not a bucket.")
    return address
