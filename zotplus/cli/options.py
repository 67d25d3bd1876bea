"""Options that many commands share, and the way from a command into the client's asynchronous code."""

import asyncio
import difflib
import functools
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
import msgspec

from zotplus.cli.output import remark
from zotplus.cli.remote.api import Api
from zotplus.cli.remote.connection import connect
from zotplus.cli.remote.s3 import S3
from zotplus.cli.remote.target import Choice, Target, resolve
from zotplus.domain import errors
from zotplus.domain.errors import Problem

Command = Callable[..., Any]
Result = TypeVar("Result")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_REFUSALS = (errors.ACCESS_DENIED, errors.CREDENTIALS_MISSING)
LONGEST = "36500d"
"""A hundred years: what is longer is a mistake, or leaves the calendar that Python has."""
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_duration = re.compile(r"(\d{1,9})([smhdw])").fullmatch


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The two protocols of one server, on one pool of connections."""

    api: Api
    s3: S3


class Remote:
    """The server that a command's options choose."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    @functools.cached_property
    def target(self) -> Target:
        """The server and the credentials. Raises as ``resolve``."""
        found = resolve(self._choice, os.environ)
        if found.other_login:
            remark(f"The login is for {found.other_login}; {found.endpoint} is asked without credentials.")
        return found

    def run(self, work: Callable[[Server], Awaitable[Result]]) -> Result:
        """What ``work`` returns, run to its end. Raises its problems, with hints where the server can give them."""
        return asyncio.run(self._run(work))

    async def _run(self, work: Callable[[Server], Awaitable[Result]]) -> Result:
        async with connect(self.target) as connection:
            server = Server(api=Api(connection), s3=S3(connection))
            try:
                return await work(server)
            except Problem as problem:
                if problem.fault is errors.BUCKET_NOT_FOUND:
                    raise await _with_nearest_buckets(server.s3, problem) from problem
                if problem.fault in _REFUSALS and self.target.is_anonymous:
                    raise _without_login(self.target, problem) from problem
                raise


def _without_login(target: Target, problem: Problem) -> Problem:
    """A refusal that a login may help against."""
    login = f"Run `zotplus login {target.endpoint}`, or set ZOTPLUS_ACCESS_KEY and ZOTPLUS_SECRET_KEY."
    fault = msgspec.structs.replace(errors.CREDENTIALS_MISSING, remedy=login)
    own = "" if problem.detail == problem.fault.message else problem.detail
    told = f"The login is for {target.other_login}." if target.other_login else own
    return Problem(fault, told, **problem.fields)


async def _with_nearest_buckets(s3: S3, problem: Problem) -> Problem:
    """``problem`` with the names that the caller may have meant, as far as the caller may see them."""
    wanted = str(problem.fields.get("bucket", ""))
    try:
        names = [name for name, _ in await s3.list_buckets()]
    except Problem:
        return problem
    near = difflib.get_close_matches(wanted, names, n=3)
    if not near:
        return problem
    return Problem(problem.fault, f"There is no bucket {wanted}. Did you mean {' or '.join(near)}?", **problem.fields)


def remote_options(command: Command) -> Command:
    """Adds the options that choose the server; the command gets them as ``remote``."""

    @click.option("--endpoint", metavar="URL", help="The server's address. [env: ZOTPLUS_ENDPOINT]")
    @click.option("--access-key", metavar="ID", help="Who asks; the secret is ZOTPLUS_SECRET_KEY or the login's.")
    @click.option("--region", metavar="NAME", help="The region that signatures name.")
    @click.option("--profile", metavar="NAME", help="Which login to use. [env: ZOTPLUS_PROFILE]")
    @click.option("--ca-file", metavar="FILE", help="Trust the authorities in this PEM file. [env: ZOTPLUS_CA]")
    @functools.wraps(command)
    def with_remote(**given: Any) -> Any:
        choice = Choice(**{name: given.pop(name) for name in Choice.__struct_fields__})
        return command(remote=Remote(choice), **given)

    return with_remote


class Duration(click.ParamType[int]):
    """A time span like ``90s``, ``15m``, ``12h``, ``7d`` or ``4w``, as seconds; within two such bounds."""

    name = "duration"

    def __init__(self, shortest: str = "0s", longest: str = LONGEST) -> None:
        self._shortest, self._longest = _seconds(shortest) or 0, _seconds(longest) or 0
        self._bounds = f"{shortest} to {longest}" if self._shortest else f"at most {longest}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds; a usage error for anything else."""
        seconds = _seconds(str(value))
        if seconds is None:
            self.fail(f"{value!r} is no time span like 90s, 15m, 12h, 7d or 4w.", param, ctx)
        if not self._shortest <= seconds <= self._longest:
            self.fail(f"{value} is out of range: {self._bounds}.", param, ctx)
        return seconds


def _seconds(text: str) -> int | None:
    found = _duration(text)
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


class Size(click.ParamType[int]):
    """A size like ``500``, ``20MiB``, ``1.5GiB`` or ``2TB``, as bytes; ``none`` is 0."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes; a usage error for anything else."""
        if value == "none":
            return 0
        found = _size(str(value))
        if found is None:
            self.fail(f"{value!r} is no size like 500, 20MiB, 1.5GiB or 2TB.", param, ctx)
        size = int(float(found[1]) * _UNITS[found[2] or "B"])
        if not size:
            self.fail(f"{value!r} is less than a byte; say none for no bound.", param, ctx)
        return size


class Count(click.ParamType[int]):
    """A number from 1; ``none`` is 0."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; a usage error for anything else."""
        if value == "none":
            return 0
        if not _is_count(str(value)):
            self.fail(f"{value!r} is no number from 1; say none for no bound.", param, ctx)
        return int(value)


_is_count = re.compile(r"[1-9][0-9]{0,17}", re.ASCII).fullmatch
_size = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)(B|[KMGTP]i?B)?", re.ASCII).fullmatch
_UNITS: dict[str, int] = {"B": 1} | {
    f"{letter}{infix}B": base**power
    for infix, base in (("", 1000), ("i", 1024))
    for power, letter in enumerate("KMGTP", start=1)
}

DURATION = Duration()
SIZE = Size()
COUNT = Count()
