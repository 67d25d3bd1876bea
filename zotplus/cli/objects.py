"""``zotplus list``, ``rm`` and ``presign``: what needs no transfer."""

from collections.abc import AsyncIterator
from typing import Any

import click
import msgspec

from zotplus.cli.buckets import print_buckets
from zotplus.cli.options import Remote, Server, json_option, remote_options
from zotplus.cli.output import about, emit_json, explain, human_size, printable
from zotplus.cli.remote import addresses
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.s3 import PAGE
from zotplus.cli.remote.s3_xml import Page
from zotplus.domain import errors
from zotplus.domain.errors import FaultType, Problem


@click.command("list")
@click.argument("address", required=False)
@click.option("-r", "--recursive", is_flag=True, help="List all keys below, not only the next level.")
@click.option("--human", is_flag=True, help="Sizes in KiB, MiB, GiB.")
@remote_options
@json_option
def list_objects(*, address: str | None, recursive: bool, human: bool, remote: Remote, as_json: bool) -> None:
    """List the buckets, or what is at ADDRESS (s3://bucket/prefix)."""
    if address is None or address == addresses.SCHEME:
        print_buckets(remote.run(lambda server: server.s3.list_buckets()), as_json=as_json)
        return
    place = addresses.parse(address)
    delimiter = "" if recursive else "/"
    if as_json:
        emit_json(remote.run(lambda server: _collect(server.s3.list_pages(place, delimiter))))
        return
    remote.run(lambda server: _print(server.s3.list_pages(place, delimiter), human=human))


async def _collect(pages: AsyncIterator[Page]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    async for page in pages:
        rows += [{"prefix": prefix} for prefix in page.prefixes]
        rows += [
            {"key": entry.key, "size": entry.size, "modified": entry.modified, "etag": entry.etag}
            for entry in page.entries
        ]
    return rows


async def _print(pages: AsyncIterator[Page], *, human: bool) -> None:
    """Rows as the pages come: a bucket may hold millions."""
    is_first = True
    async for page in pages:
        if is_first:  # not before something came: an error has no headings
            click.echo(f"{'SIZE':>14}  {'MODIFIED':19}  KEY")
            is_first = False
        rows = [(prefix, f"{'-':>14}  {'':19}") for prefix in page.prefixes]
        for entry in page.entries:
            size = human_size(entry.size) if human else str(entry.size)
            rows.append((entry.key, f"{size:>14}  {entry.modified[:19].replace('T', ' '):19}"))
        for name, columns in sorted(rows):
            click.echo(f"{columns}  {printable(name)}")


@click.command("rm")
@click.argument("targets", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("-r", "--recursive", is_flag=True, help="Delete everything below each address.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@remote_options
@json_option
def remove(*, targets: tuple[str, ...], recursive: bool, dry_run: bool, remote: Remote, as_json: bool) -> None:
    """Delete the objects at ADDRESS. Deleting what is not there is no error."""
    places = [addresses.parse(target, key_needed=not recursive) for target in targets]
    removal = remote.run(lambda server: _remove_all(server, places, recursive=recursive, dry_run=dry_run))
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
        async for bucket, keys in _batches(server, place, recursive=recursive):
            failed = {} if dry_run else dict(await _delete(server, bucket, keys))
            removal.refused += [(Address(bucket, key), why) for key, why in failed.items()]
            done = [str(Address(bucket, key)) for key in keys if key not in failed]
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
        return problem.fault is errors.OBJECT_NOT_FOUND
    return False


async def _batches(server: Server, place: Address, *, recursive: bool) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
    """The keys to delete. Pages are read ahead of their deletion, and a token stays valid when its page is gone."""
    if not recursive:
        yield place.bucket, (place.key,)
        return
    below = Address(place.bucket, addresses.folder(place.key))
    async for page in server.s3.list_pages(below):
        if page.entries:
            yield place.bucket, tuple(entry.key for entry in page.entries)


async def _delete(server: Server, bucket: str, keys: tuple[str, ...]) -> list[tuple[str, Problem]]:
    if len(keys) == 1 or len(keys) > PAGE or not all(map(_fits_xml, keys)):
        refused = []
        for key in keys:
            try:
                await server.s3.delete(Address(bucket, key))
            except Problem as problem:
                if problem.fault is errors.BUCKET_NOT_FOUND or problem.fault.type is FaultType.AUTHENTICATION:
                    raise
                refused.append((key, problem))
        return refused
    return await server.s3.delete_many(bucket, keys)


def _fits_xml(key: str) -> bool:
    """Whether XML 1.0 (section 2.2) can carry ``key``."""
    return all(letter >= " " or letter in "\t\n\r" for letter in key) and not {"\ufffe", "\uffff"} & set(key)
