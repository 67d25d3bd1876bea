"""SIGKILL under load: the audit log verifies after the next start, and has what was answered a while before."""

import os
import signal
import threading
import time

import pytest

from tests.crash.client import Unreachable
from zotplus.app import verify_audit
from zotplus.domain.audit.records import decode_record
from zotplus.settings import load

ROUNDS = int(os.environ.get("ZOTPLUS_KILL_ROUNDS", "200")) // 20 or 1
KEPT_SECONDS = 1.0
"""What was answered longer before a kill is in the log: records wait a fifth of a second, on a busy machine more."""


class Load:
    """Puts objects until the server is gone; ``answered`` are request ids with the time of their answer."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.answered = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        client = self.server.client()
        try:
            for number in range(100_000):
                answer = client.send("PUT", f"/crash/{self.name}-{number}", b"content")
                self.answered.append((answer.headers["x-amz-request-id"], time.monotonic()))
        except Unreachable:
            pass
        finally:
            client.close()


def recorded(data):
    found = set()
    for path in (data / "audit").rglob("*.jsonl"):
        found |= {record.id for line in path.read_bytes().splitlines() if (record := decode_record(line)) is not None}
    return found


def judge(data):
    reports = verify_audit(load(None, {"ZOTPLUS_DATA_DIR": str(data)}))
    assert [finding for report in reports for finding in report.findings] == []
    return {report.stream: report for report in reports}


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_after_kills_of_all_processes_the_chain_holds_and_old_records_are_there(launch):
    server = launch()
    owed = set()
    for number in range(ROUNDS):
        loads = [Load(server, f"all-{number}-{worker}") for worker in range(3)]
        time.sleep(1.5 + 0.13 * number)  # some load before the kill
        killed = time.monotonic()
        server.kill_all()
        for one in loads:
            one.thread.join()
            owed |= {request for request, at in one.answered if at < killed - KEPT_SECONDS}
        judge(server.data)  # as the dead have left it
        server.start()
    server.stop()
    reports = judge(server.data)
    assert set(reports) >= {"worker-0", "worker-1", "janitor"}
    assert owed
    assert owed <= recorded(server.data)


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_after_kills_of_single_workers_the_chain_holds(launch):
    server = launch()
    for number in range(ROUNDS):
        loads = [Load(server, f"one-{number}-{worker}") for worker in range(2)]
        time.sleep(0.5)  # some load before the kill
        for child in server.children()[: 1 + number % 2]:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.5)  # and after it
        server.stop()
        for one in loads:
            one.thread.join()
        judge(server.data)
        server.start()
    server.stop()
    judge(server.data)
