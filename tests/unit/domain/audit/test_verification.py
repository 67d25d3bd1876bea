"""Every edit, cut, swap and insertion in a stream is found, and named by its record."""

import random

import msgspec
import pytest

from tests.unit.domain.audit.chains import SIGNER, TIME, VERIFY, findings, line, report_of, stream
from zotplus.adapters.audit.signing import Ed25519Signer, generate
from zotplus.domain.audit.chain import Chain, unpack_sums
from zotplus.domain.audit.records import (
    CHECKPOINT_START,
    CheckpointKind,
    Removed,
    decode_checkpoint,
    encode,
    signed_bytes,
)
from zotplus.domain.audit.verification import Evidence, StreamVerifier


@pytest.fixture(scope="module")
def short():
    return stream(20, every=5)


@pytest.fixture(scope="module")
def log():
    """10,000 records in 100 blocks."""
    return stream(10_000)


def is_checkpoint(one):
    return one.startswith(CHECKPOINT_START)


def flipped(lines, index, position, bit):
    changed = bytearray(lines[index])
    changed[position] ^= 1 << bit
    return [*lines[:index], bytes(changed), *lines[index + 1 :]]


def test_a_whole_stream_has_no_findings(log):
    report = report_of(log)
    assert report.findings == ()
    assert (report.first, report.last, report.checkpoints, report.unproven) == (1, 10_000, 101, 0)


def test_every_single_bit_edit_of_a_block_and_its_checkpoints_is_found(short):
    head = short[-1][:-1]
    window = short[:13]  # the opening checkpoint, two blocks of five and theirs
    whole = [findings(window, head=window[-1][:-1])]
    assert whole == [[]]
    missed = [
        (index, position, bit)
        for index, one in enumerate(window)
        for position in range(len(one))
        for bit in range(8)
        if not findings(flipped(window, index, position, bit), head=window[-1][:-1])
    ]
    assert missed == []
    assert head != window[-1][:-1]


def test_single_bit_edits_all_over_10000_records_are_found(log):
    """Only the blocks around an edit are computed again: a chain is as strong as each link."""
    opening = [index for index, one in enumerate(log) if is_checkpoint(one)]
    chosen = random.Random(4)
    for _ in range(2_000):
        index = chosen.randrange(len(log))
        position, bit = chosen.randrange(len(log[index])), chosen.randrange(8)
        start = max(at for at in opening if at < max(index, 1))
        later = [at for at in opening if at > index][:1] or [len(log) - 1]
        window = log[start : later[0] + 1]
        first = decode_checkpoint(log[start][:-1]).seq + 1
        left = removed(first - 1, log[start]) if first > 1 else b""
        head = window[-1][:-1]
        assert findings(window, head=head, first=first, removed=left) == []
        assert findings(flipped(window, index - start, position, bit), head=head, first=first, removed=left)


def test_an_edited_record_is_named(log):
    places = [index for index, one in enumerate(log) if not is_checkpoint(one)]
    for seq in (1, 2, 99, 100, 101, 5_000, 10_000):
        edited = flipped(log, places[seq - 1], 60, 0)
        assert findings(edited) == [("edited", seq)]


@pytest.mark.parametrize("seq", [1, 57, 100, 101, 9_999])
def test_a_deleted_record_is_named(log, seq):
    places = [index for index, one in enumerate(log) if not is_checkpoint(one)]
    assert findings([*log[: places[seq - 1]], *log[places[seq - 1] + 1 :]]) == [("missing", seq)]


def test_the_last_record_of_a_block_is_missed(short):
    assert findings([*short[:5], *short[6:]]) == [("missing", 5)]


def test_swapped_records_are_named_wherever_they_went(short):
    assert findings([short[0], short[2], short[1], *short[3:]]) == [("reordered", 1)]
    across = list(short)
    across[1], across[8] = across[8], across[1]
    assert findings(across) == [("missing", 1), ("missing", 7)]


@pytest.mark.parametrize("seq", range(1, 20))
def test_every_swap_of_neighbours_is_found(short, seq):
    swapped = list(short)
    swapped[seq], swapped[seq + 1] = swapped[seq + 1], swapped[seq]
    assert findings(swapped)


def test_inserted_lines_are_named(short):
    assert findings([*short[:2], short[1], *short[2:]]) == [("inserted", 2)]
    assert findings([*short[:2], b"{}\n", *short[2:]]) == [("inserted", 2)]
    assert findings([*short[:6], line(6), *short[6:]]) == [("inserted", 5)]


@pytest.mark.parametrize("index", range(25))
def test_a_checkpoint_put_in_again_anywhere_is_found(short, index):
    assert findings([*short[:index], short[6], *short[index:]], head=short[-1][:-1])


def test_a_deleted_checkpoint_is_found(short):
    assert findings([*short[:6], *short[7:]]) == [("missing", 5)]


def test_a_damaged_checkpoint_is_named(short):
    damaged = flipped(short, 6, 40, 1)
    assert ("edited", 5) in findings(damaged)
    unlike = flipped(short, 6, 3, 1)  # no longer looks like one
    assert findings(unlike) == [("missing", 5)]


def test_every_cut_is_found(short):
    content, head = b"".join(short), short[-1][:-1]
    for size in range(len(content)):
        kept = content[:size]
        verifier = StreamVerifier("worker-0", Evidence(head=head), VERIFY)
        verifier.file(1, [one for one in kept.split(b"\n") if one])
        kinds = {found.kind.value for found in verifier.report().findings}
        assert "cut" in kinds or size == len(content) - 1  # only the last line end is missing


def test_a_stream_that_is_gone_is_found(short):
    report = StreamVerifier("worker-0", Evidence(head=short[-1][:-1]), VERIFY).report()
    assert [(found.kind.value, found.seq) for found in report.findings] == [("cut", 20)]
    unreadable = StreamVerifier("worker-0", Evidence(head=b"{}"), VERIFY).report()
    assert [found.kind.value for found in unreadable.findings] == ["cut"]


def test_a_line_that_was_edited_and_fits_its_sum_is_still_found(short):
    """CRC-32 says which record it was, SHA-256 that there was one: whoever makes both sums fit changes the hash."""
    checkpoint = decode_checkpoint(short[6][:-1])
    forged = msgspec.structs.replace(checkpoint, hash="0" * 64)
    signed = msgspec.structs.replace(forged, signature=SIGNER.sign(signed_bytes(forged)))
    lines = [*short[:6], encode(signed) + b"\n"]
    assert findings(lines) == [("edited", 1)]


def test_another_key_or_another_streams_checkpoint_is_refused(short):
    assert findings(short, verify=lambda *_: False)[0] == ("edited", 0)
    stranger = Chain("worker-0", Ed25519Signer(generate()))
    assert findings([stranger.checkpoint(CheckpointKind.BEGUN, TIME)])[0] == ("edited", 0)
    assert findings(short, name="worker-1")[0] == ("edited", 0)


def test_records_that_were_signed_with_a_gap_are_found():
    chain = Chain("worker-0", SIGNER)
    lines = [chain.checkpoint(CheckpointKind.BEGUN, TIME), line(1), line(3)]
    chain.add(lines[1:])
    lines.append(chain.checkpoint(CheckpointKind.RECOVERED, TIME))
    assert findings(lines) == [("missing", 2)]


def test_records_after_the_newest_checkpoint_are_counted_and_read(short):
    report = report_of([*short, line(21), line(22)], head=short[-1][:-1])
    assert (report.findings, report.unproven, report.last) == ((), 2, 22)
    assert findings([*short, line(22)], head=short[-1][:-1]) == [("edited", 21)]


def test_a_log_that_was_found_broken_stays_so():
    chain = Chain("worker-0", SIGNER, seq=7)
    lines = [chain.checkpoint(CheckpointKind.BROKEN, TIME), line(8)]
    chain.add(lines[1:])
    lines.append(chain.checkpoint(CheckpointKind.REGULAR, TIME))
    assert findings(lines, first=8) == [("cut", 7)]


def files(count):
    """Two files: ``count`` records in the first, one in the second."""
    lines = stream(count, every=5)
    chain = Chain("worker-0", SIGNER, seq=count, last=lines[-1][:-1])
    second = [chain.checkpoint(CheckpointKind.CONTINUED, TIME), line(count + 1)]
    chain.add(second[1:])
    return lines, [*second, chain.checkpoint(CheckpointKind.CLOSED, TIME)]


def removed(seq, opening, stream_name="worker-0", signer=SIGNER):
    value = Removed(removed=stream_name, seq=seq, hash=decode_checkpoint(opening[:-1]).hash, time=TIME, key=signer.key)
    return encode(msgspec.structs.replace(value, signature=signer.sign(signed_bytes(value))))


def judged(*parts, left=b"", head=b""):
    verifier = StreamVerifier("worker-0", Evidence(head=head, removed=left), VERIFY)
    for name, lines in parts:
        verifier.file(name, [one[:-1] for one in lines])
    return verifier.report()


def test_the_chain_goes_on_in_the_next_file():
    first, second = files(10)
    assert judged((1, first), (11, second)).findings == ()
    assert [found.kind.value for found in judged((1, first[:-1]), (11, second)).findings] == ["missing"]


def test_a_removed_file_is_missed_unless_retention_signed_for_it():
    _, second = files(10)
    assert [(f.kind.value, f.seq) for f in judged((11, second)).findings] == [("missing", 1)]
    report = judged((11, second), left=removed(10, second[0]))
    assert (report.findings, report.first, report.removed) == ((), 11, 10)
    earlier = removed(5, second[0])
    assert [(f.kind.value, f.seq) for f in judged((11, second), left=earlier).findings] == [("missing", 6)]


def test_a_file_that_retention_was_about_to_remove_may_still_be_there():
    first, second = files(10)
    assert judged((1, first), (11, second), left=removed(10, second[0])).findings == ()
    third = removed(20, second[0])
    assert judged((11, second), left=third).findings == ()


@pytest.mark.parametrize(
    "left",
    [
        b"{}",
        removed(10, files(10)[1][0], stream_name="worker-1"),
        removed(10, files(10)[1][0], signer=Ed25519Signer(generate())),
    ],
    ids=["malformed", "another stream's", "another key's"],
)
def test_a_statement_of_retention_must_be_genuine(left):
    _, second = files(10)
    assert [found.kind.value for found in judged((11, second), left=left).findings] == ["missing"]


def test_the_first_file_must_be_the_one_that_retention_left():
    _, second = files(10)
    statement = removed(10, stream(1)[0])
    assert [found.kind.value for found in judged((11, second), left=statement).findings] == ["edited"]


def test_a_renamed_or_empty_file_is_found():
    first, second = files(10)
    assert [f.kind.value for f in judged((1, first), (12, second)).findings] == ["edited"]
    assert [f.kind.value for f in judged((1, first), (11, [])).findings] == ["cut"]
    assert next(f.kind.value for f in judged((1, first[1:])).findings) == "cut"


def test_sums_that_are_no_base64_are_none():
    assert unpack_sums("?") == []
