"""A kill at every numbered step of every operation: what was there before is there, or what was to be; never a mix.

The failpoint says which: before the metadata are committed everything is as it was, afterwards it is as it was to be.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.stores import assert_collectable, scrubbed
from tests.crash.test_master_key import STEPS
from tests.crash.victim import BUCKET, INLINE, KEY, NEW, OLD, OTHER, PART, Work, content
from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem
from zotplus.services.values import Deletion

VICTIM = Path(__file__).with_name("victim.py")

BECOMES = {
    **NEW,
    "part": OLD,
    "complete": PART,
    "copy": content("other", len(OLD)),
    "delete": None,
    "delete_many": None,
    "abort": OLD,
    "collect": OLD,
    "age": None,
    "move": OLD,
}
"""Task -> content of its object afterwards."""

COMMITTING = list(BECOMES)
STORING = ["put_blob", "put_pieces", "part", "move"]
PASSED_BY = {
    "blobs.after_create": STORING,
    "blobs.after_write": STORING,
    "blobs.after_sync": STORING,
    "blobs.after_rename": STORING,
    "blobs.after_folder_sync": STORING,
    "blobs.before_unlink": ["collect"],
    "blobs.after_unlink": ["collect"],
    "keyvalue.before_commit": COMMITTING,
    "keyvalue.after_commit": COMMITTING,
    "keyvalue.before_grow": ["fill"],
    "keyvalue.after_grow": ["fill"],
    "objects.put.before_metadata": list(NEW),
    "objects.put.after_metadata": list(NEW),
    "objects.copy.before_metadata": ["copy"],
    "objects.copy.after_metadata": ["copy"],
    "objects.delete.before_metadata": ["delete", "delete_many"],
    "objects.delete.after_metadata": ["delete", "delete_many"],
    "multipart.part.before_metadata": ["part"],
    "multipart.part.after_metadata": ["part"],
    "multipart.complete.before_metadata": ["complete"],
    "multipart.complete.after_metadata": ["complete"],
    "versions.move.before_metadata": ["move"],
    "versions.move.after_metadata": ["move"],
    "lifecycle.before_metadata": ["age"],
    "lifecycle.after_metadata": ["age"],
}
"""Failpoint -> the tasks that get there."""

CASES = [(name, task) for name, tasks in PASSED_BY.items() for task in tasks]


def killed(data, task, failpoint, versioning=""):
    """Run the victim until it dies; its first line (the id of the upload) and what it acknowledged."""
    command = [sys.executable, VICTIM, data, task, failpoint, versioning]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=VICTIM.parents[2])
    assert done.returncode == -signal.SIGKILL, f"it ended with {done.returncode}: {done.stdout[-200:]} {done.stderr}"
    upload, *acknowledged = done.stdout.split()
    return upload, acknowledged


def test_every_failpoint_is_walked_and_there_is_no_other():
    assert {*PASSED_BY, *STEPS} == set(failpoints.FAILPOINTS)
    sources = (Path(failpoints.__file__).parents[1]).rglob("*.py")
    placed = {name for path in sources for name in re.findall(r'failpoints\.hit\("([^"]+)"\)', path.read_text())}
    assert placed == set(failpoints.FAILPOINTS)


@pytest.mark.crash
@pytest.mark.parametrize(("failpoint", "task"), [case for case in CASES if case[1] != "fill"])
async def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_nothing_for_good(tmp_path, failpoint, task):
    upload, _ = killed(tmp_path, task, failpoint)
    work = Work(tmp_path)
    work.upload = upload
    try:
        is_done = failpoint.endswith((".after_commit", ".after_metadata"))
        assert await work.read(KEY) == (BECOMES[task] if is_done else OLD)
        other_is_gone = is_done and task == "delete_many"
        assert await work.read(OTHER) == (None if other_is_gone else content("other", len(OLD)))
        await scrubbed(work.store, work.blobs)
        await again(work, task)
        assert await work.read(KEY) == BECOMES[task]
        await assert_collectable(tmp_path, work.store, work.blobs)
        assert await work.read(KEY) == BECOMES[task]
    finally:
        await work.close()


ADDING = [*NEW, "complete", "copy", "delete", "delete_many"]
"""The tasks that leave one more version where versions are kept."""


@pytest.mark.crash
@pytest.mark.parametrize("versioning", ["Enabled", "Suspended"])
@pytest.mark.parametrize(
    ("failpoint", "task"), [case for case in CASES if case[1] in ADDING and case[0].endswith(("commit", "metadata"))]
)
async def test_a_kill_where_versions_are_kept_leaves_one_more_or_none(tmp_path, failpoint, task, versioning):
    upload, _ = killed(tmp_path, task, failpoint, versioning)
    work = Work(tmp_path)
    work.upload = upload
    try:
        is_done = failpoint.endswith((".after_commit", ".after_metadata"))
        newest = BECOMES[task] if is_done else OLD
        assert await work.read(KEY) == newest
        count = 2 if is_done and versioning == "Enabled" else 1
        assert [is_marker for _, is_marker in await work.versions()] == [newest is None, False][:count]
        await scrubbed(work.store, work.blobs)
        for version, _ in await work.versions():
            await work.objects.delete(BUCKET, KEY, Deletion(version=version))
        assert await work.versions() == []
        await assert_collectable(tmp_path, work.store, work.blobs)
    finally:
        await work.close()


async def again(work, task):
    """A client that got no answer tries again; only an upload that is aborted already says so."""
    try:
        await work.do(task)
    except Problem as problem:
        if (task, problem.fault) != ("abort", errors.UPLOAD_NOT_FOUND):
            raise


@pytest.mark.crash
@pytest.mark.parametrize(("failpoint", "task"), [case for case in CASES if case[1] == "fill"])
async def test_a_kill_while_the_map_grows_loses_nothing_acknowledged(tmp_path, failpoint, task):
    _, acknowledged = killed(tmp_path, task, failpoint)
    assert len(acknowledged) > 100
    work = Work(tmp_path)
    try:
        for name in acknowledged:
            assert await work.read(name) == content(f"fill {int(name[5:])}", INLINE)
        await work.put("one more", OLD)
        await assert_collectable(tmp_path, work.store, work.blobs)
    finally:
        await work.close()
