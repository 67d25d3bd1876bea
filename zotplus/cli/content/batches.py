"""Copies of many objects inside the server, by its API: one request for hundreds of them."""

from collections.abc import AsyncIterator

import msgspec

from zotplus.cli.content.progress import Progress
from zotplus.cli.content.uploads import Stored
from zotplus.cli.remote import addresses
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.api import Api, segment
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem
from zotplus.protocols.api.buckets.documents import Copies, CopyFailure, NewCopies


class Copied(msgspec.Struct, frozen=True):
    """One object, where its copy is or should be, and what became of it."""

    source: Address
    target: Address
    outcome: Stored | Problem


async def copy_below(api: Api, source: Address, target: Address, progress: Progress) -> AsyncIterator[Copied]:
    """Copy everything below ``source`` to below ``target``, a batch at a time. Raises what the API answers."""
    prefix = addresses.folder(source.key)
    wanted = NewCopies(source_prefix=prefix, target_bucket=target.bucket, target_prefix=addresses.folder(target.key))
    path = f"/buckets/{segment(source.bucket)}/copies"
    while True:
        batch = await api.post(path, wanted, Copies)
        size = sum([one.bytes for one in batch.copied])
        progress.expect(size)
        progress.advance(size)
        for one in batch.copied:
            place = target.below(one.key.removeprefix(prefix))
            stored = Stored(address=str(place), size=one.bytes, etag=one.etag)
            yield Copied(Address(source.bucket, one.key), place, stored)
        for failure in batch.failed:
            place = target.below(failure.key.removeprefix(prefix))
            yield Copied(Address(source.bucket, failure.key), place, _problem(failure))
        if batch.next is None:
            return
        wanted = msgspec.structs.replace(wanted, after=batch.next)


def _problem(failure: CopyFailure) -> Problem:
    return Problem(CATALOGUE.get(failure.code, errors.INTERNAL_ERROR), failure.detail)
