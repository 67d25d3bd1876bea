"""What somebody meant who gave a name where an id is wanted, or the id of something else."""

import difflib
from collections.abc import Awaitable
from typing import TypeVar

from zotplus.cli.remote.api import Api
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.api.documents import GrantDocument, Grants, Key, Keys

Result = TypeVar("Result")

_MOST = 3


async def with_hint(api: Api, given: str, work: Awaitable[Result]) -> Result:
    """What ``work`` returns; where it finds nothing called ``given``, the refusal says what may have been meant."""
    try:
        return await work
    except Problem as problem:
        if problem.fault is not errors.RECORD_NOT_FOUND:
            raise
        meant = await _meant(api, given)
        if not meant:
            raise
        raise Problem(problem.fault, f"{problem.detail} {meant}", **problem.fields) from problem


async def _meant(api: Api, given: str) -> str:
    try:
        keys = (await api.get("/keys", Keys)).keys
        grants = (await api.get("/grants", Grants)).grants
    except Problem:
        return ""  # who may not see them gets no hint
    for grant in grants:
        if grant.id == given:
            return f"{given} is a grant: {_about(grant)}."
    named = [key for key in keys if given in (key.name, key.id)]
    held = [grant for grant in grants if grant.grantee in {key.id for key in named} & {given}]
    if held:  # a grant was wanted, and its holder given
        return f"{given} is a key, which has {'; '.join(f'{grant.id} ({_about(grant)})' for grant in held[:_MOST])}."
    return _question(named or _nearest(given, keys))


def _nearest(given: str, keys: tuple[Key, ...]) -> list[Key]:
    by_word = {word.lower(): key for key in keys for word in (key.name, key.id)}
    found = [by_word[word] for word in difflib.get_close_matches(given.lower(), by_word, n=_MOST, cutoff=0.7)]
    return list({key.id: key for key in found}.values())


def _question(keys: list[Key]) -> str:
    words = [f"the {key.kind} {key.id} ({key.name})" for key in keys[:_MOST]]
    return f"Did you mean {' or '.join(words)}?" if words else ""


def _about(grant: GrantDocument) -> str:
    return f"{grant.role.value} on {grant.pattern} for {grant.grantee}"
