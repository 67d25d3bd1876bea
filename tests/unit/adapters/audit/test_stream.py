"""A stream on disk: numbered, chained, recovered after a crash, and honest about what it lost."""

import errno
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from zotplus.adapters.audit.files import name_of
from zotplus.adapters.audit.signing import Ed25519Signer, generate
from zotplus.adapters.audit.stream import PENDING_MAX_BYTES, AuditStream
from zotplus.domain import errors
from zotplus.domain.audit.records import CheckpointKind, EventKind, decode_checkpoint, decode_record
from zotplus.domain.errors import Problem

DAY = 86_400


def lines(disk, name="worker-0"):
    return [one for _, path in disk.files(name) for one in path.read_bytes().splitlines()]


def records(disk):
    found = [decode_record(one) for one in lines(disk)]
    return [one for one in found if one is not None]


def kinds(disk):
    return [one.checkpoint.value for one in map(decode_checkpoint, lines(disk)) if one is not None]


@pytest.fixture
def stream(disk):
    made = AuditStream(disk.open(), checkpoint_seconds=60, interval=0.01)
    yield made
    made.close()


def test_records_are_numbered_in_their_order_and_the_chain_holds(disk, make):
    stream = AuditStream(disk.open())
    stream.append([make(1), make(2)])
    stream.append([make(3)], urgent=True)
    stream.close()
    assert [one.seq for one in records(disk)] == [1, 2, 3]
    assert disk.findings(head=stream.head) == []
    assert kinds(disk)[0] == "begun"
    assert kinds(disk)[-1] == "closed"


def test_only_the_owner_can_read_the_files(disk, stream):
    path = disk.files()[0][1]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_urgent_record_is_on_disk_soon_and_others_within_the_interval(disk, make):
    stream = AuditStream(disk.open(), interval=0.05)
    for urgent in (True, False):
        before = len(records(disk))
        stream.append([make()], urgent=urgent)
        deadline = time.monotonic() + 10
        while len(records(disk)) == before:
            assert time.monotonic() < deadline
            time.sleep(0.005)  # polls for a state
    stream.close()


def test_checkpoints_come_by_themselves_while_there_is_something_new(disk, make):
    stream = AuditStream(disk.open(), checkpoint_seconds=0.1, interval=0.01)
    stream.append([make(1)])
    deadline = time.monotonic() + 10
    while decode_checkpoint(stream.head).seq < 1:
        assert time.monotonic() < deadline
        time.sleep(0.005)  # polls for a state
    assert "regular" in kinds(disk)
    stream.close()


def test_a_block_has_1024_records_at_most(disk, make):
    appender = disk.open()
    stream = AuditStream(appender)
    stream.append([make(number) for number in range(3_000)])
    stream.close()
    assert kinds(disk) == ["begun", "regular", "regular", "closed"]
    assert disk.findings(head=stream.head) == []


def test_the_next_process_goes_on_where_the_one_before_closed(disk, make):
    for number in range(3):
        stream = AuditStream(disk.open())
        stream.append([make(number)])
        stream.close()
        disk.head = stream.head
    assert [one.seq for one in records(disk)] == [1, 2, 3]
    assert disk.findings() == []


def test_after_a_crash_an_unfinished_line_is_cut_and_the_rest_signed(disk, make):
    appender = disk.open()
    stream = AuditStream(appender)
    stream.append([make(1)])
    stream.flush()
    disk.head = stream.head
    stream.append([make(2)])
    stream.close()
    path = disk.files()[0][1]
    content = path.read_bytes()
    lost = content.index(b'{"seq":2,')
    end = content.index(b"\n", lost) + 1
    path.write_bytes(content[:end] + b'{"seq":3,"ti')  # what a process that was killed leaves
    again = AuditStream(disk.open())
    recovered = decode_checkpoint(again.head)
    assert (recovered.checkpoint, recovered.cut, recovered.seq) == (CheckpointKind.RECOVERED, 12, 2)
    again.append([make(3)])
    again.close()
    assert [one.seq for one in records(disk)] == [1, 2, 3]
    assert disk.findings(head=again.head) == []


def break_tail(path):
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"\n", 0, -2) + 1])


def remove(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def forge(path):
    content = path.read_bytes()
    start = content.rindex(b'{"checkpoint"')
    path.write_bytes(content[:start] + content[start:].replace(b'"hash":"', b'"hash":"0', 1))


@pytest.mark.parametrize("harm", [break_tail, remove, empty, forge])
def test_what_was_cut_while_the_server_stood_still_stays_known_after_its_start(disk, make, harm):
    stream = AuditStream(disk.open())
    stream.append([make(1), make(2)])
    stream.close()
    disk.head = stream.head
    harm(disk.files()[0][1])
    again = AuditStream(disk.open())
    again.append([make(3)])
    again.close()
    assert records(disk)[-1].seq == 3
    assert "broken" in kinds(disk)
    assert ("cut", 2) in disk.findings(head=again.head)
    third = AuditStream(disk.open(head=again.head))
    third.close()
    assert ("cut", 2) in disk.findings(head=third.head)


def test_a_broken_log_without_a_stored_head_takes_a_free_number(disk, make):
    AuditStream(disk.open()).close()
    path = disk.files()[0][1]
    path.write_bytes(b"nonsense\n")
    AuditStream(disk.open()).close()
    assert [first for first, _ in disk.files()] == [1, 2]


def test_another_streams_file_is_not_gone_on_with(disk, make):
    AuditStream(disk.open()).close()
    source = disk.files()[0][1]
    target = disk.folder / "worker-1"
    target.mkdir()
    (target / source.name).write_bytes(source.read_bytes())
    AuditStream(disk.open("worker-1")).close()
    assert [kind for kind, _ in disk.findings(name="worker-1", head=b"")][:1] == ["edited"]


def test_a_stream_has_one_writer(disk, stream):
    with pytest.raises(Problem) as refused:
        disk.open()
    assert refused.value.fault is errors.DATA_DIR_BUSY


def test_a_folder_that_cannot_be_made_is_a_problem(disk):
    disk.folder.parent.mkdir(exist_ok=True)
    disk.folder.write_bytes(b"")
    with pytest.raises(Problem) as refused:
        disk.open()
    assert refused.value.fault is errors.STORAGE_FAILED


def test_a_new_day_and_a_full_file_begin_a_new_file(disk, make):
    disk.file_bytes = 2_000
    stream = AuditStream(disk.open(), interval=60)
    disk.clock.now += DAY
    stream.append([make(1)])
    stream.flush()
    assert len(disk.files()) == 1  # it held nothing of the day before
    disk.clock.now += DAY
    for number in range(2, 12):
        stream.append([make(number)])
        stream.flush()
    stream.close()
    assert len(disk.files()) > 2
    assert disk.files()[1][0] == 2
    assert disk.findings(head=stream.head) == []


def test_a_file_is_found_by_its_first_number(disk, make):
    AuditStream(disk.open()).close()
    assert disk.files() == [(1, disk.folder / "worker-0" / name_of(1))]


def test_a_full_disk_fails_the_log_and_loses_nothing_that_fits_in_memory(disk, make):
    stream = AuditStream(disk.open(), checkpoint_seconds=0.05, interval=0.01)
    disk.free = 150  # in the midst of a line
    stream.append([make(1), make(2)])
    stream.flush()
    assert stream.is_failing
    assert os.strerror(errno.ENOSPC) in stream.failure
    stream.append([make(3)])
    stream.flush()
    assert stream.is_failing
    disk.free = None
    stream.flush()
    assert not stream.is_failing
    stream.close()
    assert [one.seq for one in records(disk)] == [1, 2, 3]
    assert disk.findings(head=stream.head) == []


def test_what_memory_cannot_hold_is_counted_and_said(disk, make, monkeypatch):
    stream = AuditStream(disk.open(), interval=60)
    disk.free = 0
    big = make(1, path="x" * 2_000)
    count = PENDING_MAX_BYTES // 2_000
    for _ in range(count):
        stream.append([big])
    disk.free = None
    stream.flush()
    stream.append([make(4)])
    stream.close()
    *kept, lost, last = records(disk)
    assert (lost.kind, lost.details) == (EventKind.LOST, {"records": count - len(kept)})
    assert 0 < len(kept) < count
    assert last.id == make(4).id
    assert disk.findings(head=stream.head) == []


def test_a_start_on_a_full_disk_goes_on_once_there_is_room(disk, make):
    disk.free = 0
    stream = AuditStream(disk.open())
    stream.append([make(1)])
    stream.flush()
    assert stream.is_failing
    disk.free = None
    stream.close()
    assert disk.findings(head=stream.head) == []


def test_a_close_on_a_full_disk_is_no_exception_and_the_next_start_recovers(disk, make):
    stream = AuditStream(disk.open(), interval=60)
    stream.append([make(1)])
    stream.flush()
    disk.head = stream.head
    disk.free = 0
    stream.append([make(2)])
    stream.close()
    stream.append([make(3)])  # too late, and no exception
    disk.free = None
    again = AuditStream(disk.open())
    again.close()
    assert disk.findings(head=again.head) == []


def test_text_that_is_no_utf_8_is_escaped(disk, make):
    stream = AuditStream(disk.open())
    record = make(1, path="/b/\udcff", details={"why": "\udcfe", "count": 1})
    stream.append([msgspec.structs.replace(record, kind=EventKind.DENIED)])
    stream.close()
    (found,) = records(disk)
    assert (found.path, found.details, found.kind) == ("/b/\\udcff", {"why": "\\udcfe", "count": 1}, "denied")


VICTIM = """
import sys
from pathlib import Path
from zotplus.adapters.audit.appending import Appender, Stream
from zotplus.adapters.audit.signing import Ed25519Signer, Verifier
from zotplus.adapters.audit.signing import Ed25519Signer, generate
from zotplus.adapters.audit.stream import AuditStream
from zotplus.domain.audit.records import EventKind, Record
signer = Ed25519Signer(bytes.fromhex(sys.argv[2]))
verify = Verifier({signer.key: signer.public})
at = Stream(name="worker-0", folder=Path(sys.argv[1]), signer=signer, verify=verify, file_bytes=20_000)
stream = AuditStream(Appender(at), checkpoint_seconds=0.01, interval=0.001)
number = 0
while True:
    number += 1
    stream.append([Record(0, "2026-11-21T12:00:00.000Z", EventKind.REQUEST, id=f"{number:016X}")])
    if number == 20:
        print("ready", flush=True)
"""


@pytest.mark.parametrize("attempt", range(5))
def test_a_killed_writer_leaves_a_log_that_is_whole_again_after_the_next_start(disk, attempt):
    key = generate()
    folder = disk.folder / "worker-0"
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, str(folder), key.hex()], stdout=subprocess.PIPE, text=True)
    assert victim.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 30
    while sum(path.stat().st_size for path in folder.glob("*.jsonl")) < 15_000 * attempt:
        assert time.monotonic() < deadline
        time.sleep(0.001)  # polls for a state: some moment of its work
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    disk.use(Ed25519Signer(key))
    stream = AuditStream(disk.open())
    stream.close()
    report = disk.report(head=stream.head)
    assert report.findings == ()
    assert report.last > 0 or attempt == 0
