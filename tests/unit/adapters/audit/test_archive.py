"""Searching, finding, verifying and removing: over files, streams and directions."""

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.adapters.audit.conftest import START, Disk
from zotplus.adapters.audit import searching
from zotplus.adapters.audit.archive import FileArchive
from zotplus.adapters.audit.files import REMOVED_FILE, streams
from zotplus.adapters.audit.retention import remove_old
from zotplus.adapters.audit.stream import AuditStream
from zotplus.domain import errors
from zotplus.domain.audit.filters import Filter
from zotplus.domain.audit.records import Decided, EventKind, Record, Who
from zotplus.domain.audit.times import timestamp
from zotplus.domain.errors import Problem
from zotplus.ports.audit import AuditQuery
from zotplus.services.audit.evidence import Known

DAY = 86_400


class Filled(Disk):
    """Two streams of some files each, with a record a second, turn about."""

    def fill(self, make, count=40):
        self.file_bytes = 1_200
        self.heads = {}
        made = [AuditStream(self.open(name), interval=60) for name in ("worker-0", "worker-1")]
        for number in range(count):
            self.clock.now = START + number
            stream = made[number % 2]
            kind = EventKind.DENIED if number % 5 == 0 else EventKind.REQUEST
            stream.append([make(number, at=START + number, kind=kind, operation="PutObject" if number % 3 else "Get")])
            stream.flush()
        for name, stream in zip(("worker-0", "worker-1"), made, strict=True):
            stream.close()
            self.heads[name] = stream.head
        return self

    @property
    def archive(self):
        async def evidence():
            return Known(keys={self.signer.key: self.signer.public}, heads=self.heads)

        return FileArchive(self.folder, evidence)

    def search(self, **given):
        wanted = {name: given.pop(name) for name in list(given) if name in Filter.__struct_fields__}
        return asyncio.run(self.archive.search(AuditQuery(filter=Filter(**wanted), **given)))

    def numbers(self, **given):
        return [number_of(record) for record in self.search(**given).records]

    def all_pages(self, **given):
        found, cursor = [], ""
        while True:
            page = self.search(cursor=cursor, **given)
            found += [number_of(record) for record in page.records]
            cursor = page.cursor
            if page.is_end:
                return found

    def verdict(self):
        return {report.stream: report for report in asyncio.run(self.archive.verify())}

    def problems(self):
        return [(f.stream, f.kind.value) for report in self.verdict().values() for f in report.findings]


def number_of(record):
    return int(record.id, 16) & 0xFFFFFFFF


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    def make(number, *, at, kind, operation):
        decided = Decided("s3:GetObject", f"s3:bucket/{number % 4}/key", allowed=kind is EventKind.REQUEST)
        who = Who(f"ZP{number % 2}", "key", f"name {number % 2}")
        return Record(
            0,
            timestamp(at),
            kind,
            f"{int(at) << 32 | number:016X}",
            "s3" if number % 2 else "oci",
            operation,
            who,
            (decided,),
            status=403 if kind is EventKind.DENIED else 200,
        )

    return Filled(tmp_path_factory.mktemp("filled") / "audit").fill(make)


def test_there_are_several_files_in_both_streams(filled):
    assert streams(filled.folder) == ["worker-0", "worker-1"]
    assert min(len(filled.files(name)) for name in ("worker-0", "worker-1")) > 3


def test_the_newest_come_first_and_streams_are_merged(filled):
    assert filled.numbers(limit=5) == [39, 38, 37, 36, 35]
    assert filled.search(limit=1).records[0].stream == "worker-1"


def test_the_oldest_come_first_when_asked(filled):
    assert filled.numbers(limit=3, oldest_first=True) == [0, 1, 2]


@settings(max_examples=30)
@given(limit=st.integers(1, 45), oldest_first=st.booleans())
def test_pages_of_any_size_show_every_record_once(filled, limit, oldest_first):
    wanted = list(range(40))
    assert filled.all_pages(limit=limit, oldest_first=oldest_first) == (wanted if oldest_first else wanted[::-1])


FILTERS = [
    ({"denied": True}, lambda n: n % 5 == 0),
    ({"denied": False}, lambda n: n % 5 != 0),
    ({"kind": EventKind.DENIED}, lambda n: n % 5 == 0),
    ({"status": 403}, lambda n: n % 5 == 0),
    ({"operation": "Get"}, lambda n: n % 3 == 0),
    ({"face": "oci"}, lambda n: n % 2 == 0),
    ({"principal": "ZP1"}, lambda n: n % 2 == 1),
    ({"principal": "name 1"}, lambda n: n % 2 == 1),
    ({"principal": "name"}, lambda _: False),
    ({"action": "s3:*"}, lambda _: True),
    ({"action": "s3:Put*"}, lambda _: False),
    ({"resource": "s3:bucket/3/*"}, lambda n: n % 4 == 3),
    ({"resource": "s3:bucket/[0-9]/*"}, lambda _: False),
    ({"action": "s3:Get*", "resource": "s3:bucket/?/key", "face": "s3", "denied": True}, lambda n: n % 10 == 5),
    ({"since": timestamp(START + 10)}, lambda n: n >= 10),
    ({"until": timestamp(START + 10)}, lambda n: n < 10),
    ({"since": timestamp(START + 10), "until": timestamp(START + 30)}, lambda n: 10 <= n < 30),
    ({"since": timestamp(START + 100)}, lambda _: False),
    ({"until": timestamp(START - 100)}, lambda _: False),
]


@pytest.mark.parametrize(("wanted", "fits"), FILTERS, ids=[str(sorted(wanted)) for wanted, _ in FILTERS])
@pytest.mark.parametrize("oldest_first", [True, False])
def test_filters_choose(filled, wanted, fits, oldest_first):
    expected = [number for number in range(40) if fits(number)]
    found = filled.all_pages(limit=7, oldest_first=oldest_first, **wanted)
    assert found == (expected if oldest_first else expected[::-1])


def test_a_search_by_time_reads_only_that_part(filled, monkeypatch):
    seen = []
    looking = searching.decode_record
    monkeypatch.setattr(searching, "decode_record", lambda line: seen.append(line) or looking(line))
    assert filled.numbers(since=timestamp(START + 30), until=timestamp(START + 31)) == [30]
    assert len(seen) < 20


def test_a_search_that_has_read_enough_goes_on_by_its_cursor(filled, monkeypatch):
    monkeypatch.setattr(searching, "SCAN_MAX_BYTES", 700)
    page = filled.search(limit=100, status=403)
    assert page.cursor
    assert not page.is_end
    assert len(page.records) < 8
    assert filled.all_pages(limit=100, status=403) == [35, 30, 25, 20, 15, 10, 5, 0]


def test_the_end_of_newest_first_has_no_cursor_and_that_of_oldest_first_goes_on(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make, count=4)
    assert disk.search().cursor == ""
    page = disk.search(oldest_first=True)
    assert page.is_end
    again = disk.search(oldest_first=True, cursor=page.cursor)
    assert (again.records, again.is_end) == ((), True)
    stream = AuditStream(disk.open(head=disk.heads["worker-0"]))
    stream.append([make(99)])
    stream.close()
    late = AuditStream(disk.open("worker-2", head=b""))
    late.append([make(98)])
    late.close()
    more = disk.search(oldest_first=True, cursor=again.cursor)
    assert sorted(number_of(record) for record in more.records) == [98, 99]


@pytest.mark.parametrize("cursor", ["?", "x", "gA", "kcOA", "A" * 70_000, "\u20ac"])
def test_a_cursor_that_is_none_is_refused(filled, cursor):
    with pytest.raises(Problem) as refused:
        filled.search(cursor=cursor)
    assert refused.value.fault is errors.ARGUMENT_INVALID


def test_a_cursor_of_the_other_direction_or_another_place_is_refused(filled):
    cursor = filled.search(limit=1).cursor
    with pytest.raises(Problem):
        filled.search(limit=1, cursor=cursor, oldest_first=True)
    odd = searching._encoded(searching._Cursor(True, {"../..": searching.Place(0, 0)}))
    with pytest.raises(Problem):
        filled.search(cursor=odd)


def test_a_cursor_into_the_midst_of_a_line_shows_whole_records_only(filled):
    odd = searching._Cursor(False, {"worker-0": searching.Place(1, 333), "worker-1": searching.Place(10**9, 5)})
    page = filled.search(cursor=searching._encoded(odd), oldest_first=True, limit=100)
    assert all(number_of(record) % 2 == 0 for record in page.records)


@pytest.mark.parametrize("number", [0, 1, 17, 39])
def test_a_decision_is_found_by_its_id(filled, number):
    wanted = f"{int(START + number) << 32 | number:016X}"
    found = asyncio.run(filled.archive.find(wanted))
    assert (found.id, found.stream) == (wanted, f"worker-{number % 2}")


@pytest.mark.parametrize("wanted", ["", "x", "6b5fc8b100000000", f"{int(START) << 32 | 77:016X}", "F" * 16, "0" * 16])
def test_an_id_that_is_not_there_is_not_found(filled, wanted):
    with pytest.raises(Problem) as refused:
        asyncio.run(filled.archive.find(wanted))
    assert refused.value.fault is errors.RECORD_NOT_FOUND


def test_a_long_transfers_record_is_found_although_it_came_much_later(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make, count=4)
    disk.clock.now = START + 7_200
    stream = AuditStream(disk.open(head=disk.heads["worker-0"]))
    record = make(77, at=START + 7_200)
    stream.append([msgspec.structs.replace(record, id=f"{int(START) << 32 | 77:016X}")])
    stream.close()
    assert asyncio.run(disk.archive.find(f"{int(START) << 32 | 77:016X}")).stream == "worker-0"


def test_an_archive_without_a_log_is_empty(tmp_path):
    disk = Filled(tmp_path / "nothing")
    disk.heads = {}
    assert disk.search().records == ()
    assert disk.search(oldest_first=True, since=timestamp(START)).is_end
    assert disk.verdict() == {}
    (tmp_path / "nothing" / "worker-0").mkdir(parents=True)
    assert disk.search(until=timestamp(START)).records == ()
    assert disk.search(oldest_first=True).records == ()
    with pytest.raises(Problem):
        asyncio.run(disk.archive.find("F" * 16))


def test_a_whole_log_verifies_and_a_removed_stream_does_not(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make)
    assert disk.problems() == []
    (disk.folder / "worker-1").rename(tmp_path / "gone")
    assert disk.problems() == [("worker-1", "cut")]


def test_a_file_that_is_just_being_made_is_no_damage(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make)
    last = disk.verdict()["worker-0"].last
    (disk.folder / "worker-0" / f"{last + 1:020d}.jsonl").write_bytes(b'{"checkpoint":"con')
    assert disk.problems() == []


def test_retention_removes_whole_files_and_what_is_left_verifies(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make)
    before = len(disk.files())
    removed = remove_old(disk.folder, START + 20, disk.signer, disk.clock)
    assert {one.stream for one in removed} == {"worker-0", "worker-1"}
    assert len(disk.files()) == before - removed[0].files
    assert disk.problems() == []
    assert disk.verdict()["worker-0"].removed == removed[0].seq
    assert min(disk.all_pages(oldest_first=True)) <= 20  # nothing younger went
    assert disk.numbers(since=timestamp(START + 21), oldest_first=True, limit=100) == list(range(21, 40))
    assert remove_old(disk.folder, START + 20, disk.signer, disk.clock) == ()
    assert remove_old(disk.folder, START + 30, disk.signer, disk.clock)
    assert disk.problems() == []


def test_the_newest_file_stays_however_old(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make)
    remove_old(disk.folder, START + 10**6, disk.signer, disk.clock)
    assert [len(disk.files(name)) for name in ("worker-0", "worker-1")] == [1, 1]
    assert disk.problems() == []
    stream = AuditStream(disk.open(head=disk.heads["worker-0"]))
    stream.append([make(50)])
    stream.close()
    disk.heads["worker-0"] = stream.head
    assert disk.problems() == []


def test_a_removal_that_was_broken_off_is_finished_by_the_next(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make)
    kept = {path: path.read_bytes() for _, path in disk.files()}
    remove_old(disk.folder, START + 30, disk.signer, disk.clock)
    last = [path for path in kept if not path.exists()][-1]  # the oldest go first
    last.write_bytes(kept[last])
    assert disk.problems() == []
    remove_old(disk.folder, START + 30, disk.signer, disk.clock)
    assert disk.problems() == []


def test_a_file_removed_by_hand_is_missed_even_after_retention(tmp_path, make):
    disk = Filled(tmp_path / "audit").fill(make)
    remove_old(disk.folder, START + 10, disk.signer, disk.clock)
    disk.files()[0][1].unlink()
    assert disk.problems() == [("worker-0", "missing")]
    (disk.folder / "worker-1" / REMOVED_FILE).unlink()
    assert ("worker-1", "missing") in disk.problems()
