"""``zotplus list``, ``rm`` and ``presign``: what needs no transfer."""

from collections.abc import AsyncIterator
from operator import itemgetter
from typing import Any

import click
import msgspec

from zotplus.cli.buckets import print_buckets
from zotplus.cli.options import Remote, Server, json_option, remote_options
from zotplus.cli.output import about, emit_json, explain, human_size, printable
from zotplus.cli.remote import addresses
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.s3 import PAGE
from zotplus.cli.remote.s3_xml import Entry, Page
from zotplus.domain import errors
from zotplus.domain.errors import FaultType, Problem

_VERSION = 34
"""Columns of a version: its 32 digits, and two between it and the key."""


@click.command("list")
@click.argument("address", required=False)
@click.option("-r", "--recursive", is_flag=True, help="List all keys below, not only the next level.")
@click.option("--versions", is_flag=True, help="List every version and delete marker, the newest of a key first.")
@click.option("--human", is_flag=True, help="Sizes in KiB, MiB, GiB.")
@remote_options
@json_option
def list_objects(*, address: str | None, recursive: bool, remote: Remote, as_json: bool, **how: bool) -> None:
    """List the buckets, or what is at ADDRESS (s3://bucket/prefix)."""
    if address is None or address == addresses.SCHEME:
        if how["versions"]:
            raise click.UsageError("--versions needs an ADDRESS.")
        print_buckets(remote.run(lambda server: server.s3.list_buckets()), as_json=as_json)
        return
    place = addresses.parse(address)
    delimiter = "" if recursive else "/"

    def pages(server: Server) -> AsyncIterator[Page]:
        return (server.s3.version_pages if how["versions"] else server.s3.list_pages)(place, delimiter)

    if as_json:
        emit_json(remote.run(lambda server: _collect(pages(server))))
        return
    remote.run(lambda server: _print(pages(server), **how))


async def _collect(pages: AsyncIterator[Page]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    async for page in pages:
        rows += map(_told, page.entries)
        rows += [{"prefix": prefix} for prefix in page.prefixes]
    return rows


def _told(entry: Entry) -> dict[str, Any]:
    row = {"key": entry.key, "size": entry.size, "modified": entry.modified, "etag": entry.etag}
    if not entry.version:
        return row
    return {**row, "version": entry.version, "latest": entry.is_latest, "deleted": entry.is_marker}


async def _print(pages: AsyncIterator[Page], *, human: bool, versions: bool) -> None:
    """Rows as the pages come: a bucket may hold millions."""
    is_first = True
    width = _VERSION if versions else 0
    async for page in pages:
        if is_first:  # not before something came: an error has no headings
            click.echo(f"{'SIZE':>14}  {'MODIFIED':19}  {'VERSION' if versions else '':{width}}KEY")
            is_first = False
        rows = [(prefix, f"{'-':>14}  {'':19}  {'':{width}}", "") for prefix in page.prefixes]
        for entry in page.entries:
            size = "deleted" if entry.is_marker else human_size(entry.size) if human else str(entry.size)
            columns = f"{size:>14}  {entry.modified[:19].replace('T', ' '):19}  {printable(entry.version):{width}}"
            rows.append((entry.key, columns, "  (latest)" if entry.is_latest else ""))
        for name, columns, state in sorted(rows, key=itemgetter(0)):  # versions of one key stay as they came
            click.echo(f"{columns}{printable(name)}{state}")


@click.command("rm")
@click.argument("targets", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("-r", "--recursive", is_flag=True, help="Delete everything below each address.")
@click.option("--version-id", default="", metavar="ID", help="This version or delete marker, for good.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@remote_options
@json_option
def remove(*, targets: tuple[str, ...], version_id: str, remote: Remote, as_json: bool, **how: bool) -> None:
    """Delete the objects at ADDRESS. Deleting what is not there is no error.

    Where a bucket keeps versions, they stay, behind a delete marker; --version-id deletes one of them.
    """
    recursive, dry_run = how["recursive"], how["dry_run"]
    if version_id and (recursive or len(targets) > 1):
        raise click.UsageError("--version-id goes with one ADDRESS, and without --recursive.")
    parsed = [addresses.parse(target, key_needed=not recursive) for target in targets]
    places = [Address(place.bucket, place.key, version_id) for place in parsed]
    _tell(remote.run(lambda server: _remove_all(server, places, **how)), dry_run=dry_run, as_json=as_json)


def _tell(removal: "_Removal", *, dry_run: bool, as_json: bool) -> None:
    """Print what became of the addresses, and raise the first refusal."""
    refused = removal.refused
    if as_json:
        failed = [{"address": str(place), "code": why.fault.code} for place, why in refused]
        emit_json({"deleted": removal.gone, "missing": removal.missing, "failed": failed})
    else:
        verb = "would delete" if dry_run else "deleted"
        for name in removal.gone:
            click.echo(f"{verb} {printable(name)}")
        for name in removal.missing:
            click.echo(f"nothing there: {printable(name)}")
    if refused:
        for place, why in refused[1:]:
            explain(about(place, why))
        place, why = refused[0]
        raise about(place, why)


class _Removal(msgspec.Struct):
    """What became of the addresses: deleted, known to have been nothing, and refused."""

    gone: list[str] = []
    missing: list[str] = []
    refused: list[tuple[Address, Problem]] = []


async def _remove_all(server: Server, places: list[Address], *, recursive: bool, dry_run: bool) -> _Removal:
    removal = _Removal()
    for place in places:
        is_missing = not recursive and await _is_missing(server, place)
        async for batch in _batches(server, place, recursive=recursive):
            failed = [] if dry_run else await _delete(server, batch)
            removal.refused += failed
            left = {one for one, _ in failed}
            done = [str(one) for one in batch if one not in left]
            if is_missing:
                removal.missing += done
            else:
                removal.gone += done
    return removal


async def _is_missing(server: Server, place: Address) -> bool:
    """Whether the server says that there is no such object, which DeleteObject does not tell."""
    try:
        await server.s3.head(place)
    except Problem as problem:  # any other is the deletion's to tell: who may delete may not always look
        return problem.fault in (errors.OBJECT_NOT_FOUND, errors.VERSION_NOT_FOUND)
    return False


async def _batches(server: Server, place: Address, *, recursive: bool) -> AsyncIterator[list[Address]]:
    """The objects to delete. Pages are read ahead of their deletion, and a token stays valid when its page is gone."""
    if not recursive:
        yield [place]
        return
    below = Address(place.bucket, addresses.folder(place.key))
    async for page in server.s3.list_pages(below):
        if page.entries:
            yield [Address(place.bucket, entry.key) for entry in page.entries]


async def _delete(server: Server, batch: list[Address]) -> list[tuple[Address, Problem]]:
    """Delete objects of one bucket; what was refused, and why."""
    keys = tuple(one.key for one in batch)
    if 1 < len(keys) <= PAGE and all(map(_fits_xml, keys)):
        bucket = batch[0].bucket
        return [(Address(bucket, key), why) for key, why in await server.s3.delete_many(bucket, keys)]
    refused = []
    for one in batch:
        try:
            await server.s3.delete(one)
        except Problem as problem:
            if problem.fault is errors.BUCKET_NOT_FOUND or problem.fault.type is FaultType.AUTHENTICATION:
                raise
            refused.append((one, problem))
    return refused


def _fits_xml(key: str) -> bool:
    """Whether XML 1.0 (section 2.2) can carry ``key``."""
    return all(letter >= " " or letter in "\t\n\r" for letter in key) and not {"\ufffe", "\uffff"} & set(key)
