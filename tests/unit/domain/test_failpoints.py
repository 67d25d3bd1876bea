import os
import signal
import subprocess
import sys

import pytest

from zotplus.domain import failpoints

REACH = (
    "import sys; from zotplus.domain import failpoints\nfor name in sys.argv[1:]: failpoints.hit(name)\nprint('alive')"
)


def reach(armed, *names):
    environment = {**os.environ, failpoints.VARIABLE: armed}
    command = [sys.executable, "-c", REACH, *names]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_armed_failpoint_kills_the_process_that_gets_there():
    assert reach("blobs.after_rename", "blobs.after_sync", "blobs.after_rename").returncode == -signal.SIGKILL


def test_a_failpoint_can_wait_for_a_later_hit():
    assert reach("blobs.after_rename:3", *["blobs.after_rename"] * 2).stdout == "alive\n"
    assert reach("blobs.after_rename:3", *["blobs.after_rename"] * 3).returncode == -signal.SIGKILL


def test_nothing_happens_without_the_variable():
    assert reach("", *failpoints.FAILPOINTS).stdout == "alive\n"


def test_an_unknown_failpoint_is_refused():
    with pytest.raises(ValueError, match="there is no failpoint nowhere"):
        failpoints.arm("nowhere")


def test_hits_are_counted_down_only_for_the_armed_name(monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
    failpoints.arm("blobs.after_sync:2")
    try:
        for name in ("blobs.after_write", "blobs.after_sync", "blobs.after_write"):
            failpoints.hit(name)
        assert killed == []
        failpoints.hit("blobs.after_sync")
        assert killed == [(os.getpid(), signal.SIGKILL)]
    finally:
        failpoints.arm(None)
