"""Power may fail at any moment: what was acknowledged by then is on disk, shown on what remains of a recorded run.

The system calls of the real write path are replayed into a file system that forgets what was not synced. After every
call that made something durable, the stores are opened as they would be found.
"""

import asyncio
import hashlib
import random
import shutil
import subprocess
import sys

import pytest

from tests.crash.model import Model
from tests.crash.recorded import BUCKET, RESERVE_BYTES
from tests.crash.recording import STRACE, steps
from tests.crash.stores import files_of_blobs, opened
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.content.contents import read_slices
from zotplus.services.objects import Objects
from zotplus.services.upkeep.scrub import Scrub

NOTHING = (0.0, 0.0)
MIXTURES = ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5))
"""What survives of that which was not synced: probability for a name, for a write. Nothing is always tried, and one of
the mixtures in turn."""


class LostError(AssertionError):
    """Something acknowledged is gone or damaged."""


def record(folder, fsync, *left_out):
    """Run the program under strace; the recording."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: `make peers` says how")
    (folder / "root").mkdir()
    root = folder / "root"
    program = [sys.executable, "-m", "tests.crash.recorded", root / "data", root / "acks", fsync, *left_out]
    command = [*STRACE, "-o", folder / "trace", *program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "PTRACE_TRACEME" in done.stderr or "ptrace(" in done.stderr:
        pytest.skip("tracing processes is not permitted here")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "trace"


def replay(folder, trace):
    """Let power fail after every durable change and judge what is left; how many moments were judged."""
    root = folder / "root"
    model, judged, moments = Model(root), 0, 0
    possible: dict[str, set[str]] = {}
    for step in steps(trace):
        model.take(step)
        said = step.is_end and step.call.name == "write" and step.call.paths[0] == str(root / "acks")
        if said:
            what, key, md5 = step.call.strings[0].decode().split()
            possible[key] = {md5} if what == "done" else {md5} | possible.get(key, {"-"})
        if said or model.generation > judged:
            judged = model.generation
            for mixture in (NOTHING, MIXTURES[moments % len(MIXTURES)]):
                judge(folder / "found", model, possible, (moments, mixture))
            moments += 1
    return moments


def judge(found, model, possible, when):
    moment, (names, data) = when
    model.crash(found, names=names, data=data, chance=random.Random(moment), without={"lock.mdb", "acks"})
    try:
        asyncio.run(judge_stores(found / "data", possible))
    except (Problem, LostError) as error:
        raise LostError(f"moment {when}, {possible}: {error!r}") from error
    finally:
        shutil.rmtree(found)


async def judge_stores(data, possible):
    """What was acknowledged is there; what was under way is whole or not there at all."""
    certain = any("-" not in values for values in possible.values())
    if not certain and not (data / "metadata/data.mdb").exists():
        return
    for digest, path in files_of_blobs(data).items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise LostError(f"the blob {digest} is torn")
    async with opened(data, reserve_bytes=RESERVE_BYTES) as (store, blobs):
        report = await Scrub(store, blobs).run()
        if report.findings:
            raise LostError(str(report.findings))
        objects = Objects(store, blobs)
        for key, values in possible.items():
            here = await digest_of(objects, blobs, key)
            if here not in values:
                raise LostError(f"{key} is {here}, can only be {values}")


async def digest_of(objects, blobs, key):
    try:
        found, _ = await objects.get(BUCKET, key)
    except Problem as problem:
        if problem.fault in {errors.OBJECT_NOT_FOUND, errors.BUCKET_NOT_FOUND}:
            return "-"
        raise
    md5 = hashlib.md5(found.inline or b"", usedforsecurity=False)
    async for chunk in read_slices(blobs, found.slices):
        md5.update(chunk)
    return md5.hexdigest()


@pytest.mark.crash
def test_what_was_acknowledged_survives_a_power_loss_at_any_moment(tmp_path):
    assert replay(tmp_path, record(tmp_path, "always")) > 50


@pytest.mark.crash
@pytest.mark.parametrize(
    ("fsync", "left_out"),
    [
        ("off", ()),
        ("always", ("fdatasync", "/staging/")),
        ("always", ("fsync", "/blobs/sha256/")),
        ("always", ("fsync", "/metadata")),
    ],
    ids=["any sync", "the content's sync", "the sync of the blob's folder", "the sync of the metadata's folder"],
)
def test_the_judge_finds_what_is_lost_without(tmp_path, fsync, left_out):
    trace = record(tmp_path, fsync, *left_out)
    with pytest.raises(LostError):
        replay(tmp_path, trace)
