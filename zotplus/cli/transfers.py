"""``zotplus upload``, ``download`` and ``cp``: from names to single transfers, and their results."""

import functools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from zotplus.cli import faults
from zotplus.cli.content.batches import copy_below
from zotplus.cli.content.copies import Copier
from zotplus.cli.content.downloads import Downloader, safe_path
from zotplus.cli.content.parallel import for_each
from zotplus.cli.content.progress import Meter
from zotplus.cli.content.uploads import DEFAULT_PART, MEBIBYTE, Stored, Uploader, UploadPlan
from zotplus.cli.options import Command, Remote, Server, json_option, remote_options
from zotplus.cli.output import about, describe, emit_json, explain, human_size, printable, remark
from zotplus.cli.remote import addresses
from zotplus.cli.remote.addresses import Address
from zotplus.domain import errors
from zotplus.domain.errors import FaultType, Problem

# Where one transfer fails so, all others would too.
_HOPELESS = frozenset({errors.BUCKET_NOT_FOUND, faults.SERVER_UNREACHABLE, faults.CERTIFICATE_REFUSED})


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How to transfer, as the options of the command say."""

    recursive: bool
    parallel: int
    progress: bool
    plan: UploadPlan = UploadPlan()


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a command was asked for; paths are local, addresses on the server."""

    sources: tuple[Path | Address, ...]
    target: Path | Address
    manner: Manner


class Transfer(msgspec.Struct, frozen=True):
    """One file or object, and where it goes; a problem instead where it cannot go anywhere."""

    source: Path | Address
    target: Path | Address | Problem


class Outcome(msgspec.Struct, kw_only=True):
    """What became of the transfers."""

    done: list[tuple[Transfer, Stored]] = []
    failed: list[tuple[Transfer, Problem]] = []


_TRANSFERRING = (
    click.option("-r", "--recursive", is_flag=True, help="Take folders and prefixes with all below."),
    click.option("-j", "--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="Transfers at a time."),
    click.option("--no-progress", is_flag=True, help="Draw no progress bar."),
    remote_options,
    json_option,
)
_STORING = (
    click.option("--content-type", metavar="TYPE", help="The media type; by default from the name."),
    click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="User metadata; may be given several times."),
    click.option(
        "--part-size",
        type=click.IntRange(5, 5120),  # Amazon S3 User Guide, "Multipart upload limits"
        default=DEFAULT_PART // MEBIBYTE,
        show_default=True,
        metavar="MIB",
        help="Larger files go in parallel parts of this size.",
    ),
)
_version_option = click.option("--version-id", default="", metavar="ID", help="This version of the object.")
_PLANNED = ("content_type", "metadata", "part_size")


def transfer_options(*, stores: bool) -> Callable[[Command], Command]:
    """Adds the options of every transfer, and those of what ``stores``; the command gets them as ``manner``."""
    options = (*_STORING, *_TRANSFERRING) if stores else _TRANSFERRING

    def add(command: Command) -> Command:
        @functools.wraps(command)
        def with_manner(*, recursive: bool, jobs: int, no_progress: bool, **given: Any) -> Any:
            plan = _plan(jobs, **{name: given.pop(name) for name in _PLANNED}) if stores else UploadPlan()
            manner = Manner(recursive=recursive, parallel=jobs, progress=not no_progress, plan=plan)
            return command(manner=manner, **given)

        made: Command = with_manner
        for option in reversed(options):
            made = option(made)
        return made

    return add


@click.command("upload")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.argument("target", metavar="ADDRESS")
@transfer_options(stores=True)
def upload(*, sources: tuple[Path, ...], target: str, manner: Manner, remote: Remote, as_json: bool) -> None:
    """Upload each FILE to ADDRESS (s3://bucket/key, or s3://bucket/folder/ to keep the names)."""
    place = addresses.parse(target)
    if len(sources) > 1 and not place.is_folder:
        raise click.UsageError(f"Several files need a folder: {place}/")
    _transfer(work=Work(sources=sources, target=place, manner=manner), remote=remote, as_json=as_json)


@click.command("download")
@click.argument("source", metavar="ADDRESS")
@click.argument("target", type=click.Path(path_type=Path), default=".", metavar="[PATH]")
@_version_option
@transfer_options(stores=False)
def download(*, source: str, target: Path, version_id: str, manner: Manner, **asking: Any) -> None:
    """Download ADDRESS to PATH (by default into the current folder).

    A download that broke off goes on where it stopped: run the command again. The file appears under its name only when
    size and checksum are right.
    """
    place = _version(addresses.parse(source, key_needed=not manner.recursive), version_id, manner)
    _transfer(work=Work(sources=(place,), target=target, manner=manner), **asking)


@click.command("cp")
@click.argument("source")
@click.argument("target")
@_version_option
@transfer_options(stores=True)
def copy(*, source: str, target: str, version_id: str, manner: Manner, **asking: Any) -> None:
    """Copy SOURCE to TARGET. What begins with s3:// is on the server, everything else a local path."""
    if not addresses.is_address(source) and not addresses.is_address(target):
        raise click.UsageError("One of both must begin with s3://.")
    place = _version(_place(source), version_id, manner)
    _transfer(work=Work(sources=(place,), target=_place(target), manner=manner), **asking)


def _version(place: Path | Address, version_id: str, manner: Manner) -> Path | Address:
    if not version_id:
        return place
    if manner.recursive or not isinstance(place, Address):
        raise click.UsageError("--version-id is of one object, s3://bucket/key.")
    return Address(place.bucket, place.key, version_id)


def _place(text: str) -> Path | Address:
    return addresses.parse(text) if addresses.is_address(text) else Path(text)


def _plan(jobs: int, content_type: str | None, metadata: tuple[str, ...], part_size: int) -> UploadPlan:
    pairs = [pair.partition("=") for pair in metadata]
    if not all(name and sign for name, sign, _ in pairs):
        raise click.UsageError("--metadata takes NAME=VALUE.")
    return UploadPlan(
        part_size=part_size * MEBIBYTE,
        parallel=jobs,
        content_type=content_type,
        metadata={name.lower(): value for name, _, value in pairs},
    )


def _transfer(*, work: Work, remote: Remote, as_json: bool) -> None:
    """Do ``work``, print what became of it, and raise the first failure."""
    meter = Meter(sys.stderr, shows=work.manner.progress and not as_json)
    outcome = Outcome()
    try:
        remote.run(lambda server: _run(server, work, meter, outcome))
    finally:
        meter.close()
        _report(outcome, as_json=as_json)
    if outcome.failed:
        for transfer, problem in outcome.failed[1:]:
            if not as_json:
                explain(about(transfer.source, problem))
        transfer, problem = outcome.failed[0]
        raise about(transfer.source, problem)
    if not outcome.done:
        _tell_nothing(work)


def _tell_nothing(work: Work) -> None:
    """A prefix without objects is most likely mistyped; a bucket may well be empty, and a local folder too."""
    for source in work.sources:
        if isinstance(source, Address) and source.key:
            raise Problem(errors.OBJECT_NOT_FOUND, f"There are no objects below {source}")
        remark(f"There is nothing below {source}")


async def _run(server: Server, work: Work, meter: Meter, outcome: Outcome) -> None:
    async def one(transfer: Transfer) -> None:
        try:
            outcome.done.append((transfer, await _move(server, transfer, work.manner.plan, meter)))
        except Problem as problem:
            if problem.fault in _HOPELESS or problem.fault.type is FaultType.AUTHENTICATION:
                raise
            outcome.failed.append((transfer, problem))

    if await _batched(server, work, meter, outcome):
        return
    await for_each(_transfers(server, work), work.manner.parallel, one)


async def _batched(server: Server, work: Work, meter: Meter, outcome: Outcome) -> bool:
    """Copy all below a prefix inside the server by its API; False for other work."""
    if not work.manner.recursive or not isinstance(work.target, Address):
        return False
    for source in work.sources:
        if not isinstance(source, Address):
            return False
        async for one in copy_below(server.api, source, work.target, meter):
            transfer = Transfer(one.source, one.target)
            if isinstance(one.outcome, Problem):
                outcome.failed.append((transfer, one.outcome))
            else:
                outcome.done.append((transfer, one.outcome))
    return True


async def _move(server: Server, transfer: Transfer, plan: UploadPlan, meter: Meter) -> Stored:
    match transfer.source, transfer.target:
        case Path() as source, Address() as target:
            return await Uploader(server.s3, meter).upload(source, target, plan)
        case Address() as source, Path() as target:
            return await Downloader(server.s3, meter).download(source, target)
        case Address() as source, Address() as target:
            return await Copier(server.s3, meter).copy(source, target, plan)
        case _, Problem() as problem:
            raise problem
        case _:
            raise click.UsageError("One of both must be on the server.")


async def _transfers(server: Server, work: Work) -> AsyncIterator[Transfer]:
    for source in work.sources:
        if isinstance(source, Path):
            for path, name in _files(source, recursive=work.manner.recursive):
                yield Transfer(path, _target(work, name))
        elif work.manner.recursive:
            async for key, name in _keys(server, source):
                yield Transfer(Address(source.bucket, key), _target(work, name))
        else:
            name = addresses.last_part(source.key)
            yield Transfer(source, _target(work, name))


def _files(source: Path, *, recursive: bool) -> Iterator[tuple[Path, str]]:
    """Files with the names that they get below the target. Links to files are followed, links to folders are not."""
    if not source.is_dir():
        yield source, source.name
        return
    if not recursive:
        raise Problem(faults.SOURCE_IS_FOLDER, f"{source} is a folder.")
    for folder, subfolders, names in os.walk(source):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield path, path.relative_to(source).as_posix()


async def _keys(server: Server, source: Address) -> AsyncIterator[tuple[str, str]]:
    """Keys with the names that they get below the target; markers of folders (``a/``) have no file."""
    prefix = addresses.folder(source.key)
    async for page in server.s3.list_pages(Address(source.bucket, prefix)):
        for entry in page.entries:
            name = entry.key.removeprefix(prefix)
            if name and not name.endswith("/"):
                yield entry.key, name


def _target(work: Work, name: str) -> Path | Address | Problem:
    """Where the source called ``name`` goes: below the target, or onto it."""
    target = work.target
    if isinstance(target, Address):
        return target.below(name) if work.manner.recursive or target.is_folder else target
    if not work.manner.recursive and not target.is_dir():
        return target
    try:
        return safe_path(target, name)
    except Problem as problem:
        return problem


def _report(outcome: Outcome, *, as_json: bool) -> None:
    size = sum(stored.size for _, stored in outcome.done)
    if as_json:
        done = [
            {"source": str(transfer.source), "target": str(transfer.target), "size": stored.size, "etag": stored.etag}
            for transfer, stored in outcome.done
        ]
        failed = [{"source": str(transfer.source), **describe(problem)} for transfer, problem in outcome.failed]
        emit_json({"transferred": done, "failed": failed, "bytes": size})
        return
    for transfer, _ in outcome.done:
        click.echo(printable(f"{transfer.source} -> {transfer.target}"))
    if len(outcome.done) > 1:
        click.echo(f"{len(outcome.done)} transferred, {human_size(size)}")
