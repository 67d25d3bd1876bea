"""The pieces that transfers are made of."""

import asyncio
import itertools
import os
import zlib
from base64 import b64encode
from hashlib import md5, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.cli import faults
from zotplus.cli.content.downloads import part_path, safe_path
from zotplus.cli.content.integrity import Announced, announced, blocks, check, sums
from zotplus.cli.content.parallel import for_each, gather_bounded
from zotplus.cli.content.progress import Meter
from zotplus.cli.content.uploads import MOST_PARTS, SMALLEST_PART, guess_type, split
from zotplus.cli.remote import addresses, s3_xml
from zotplus.cli.remote.addresses import Address
from zotplus.cli.remote.connection import Answer, is_transient
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.s3.wire_errors import WIRE


@given(size=st.integers(1, 5 * 1024**4), part_size=st.integers(1, 5 * 1024**3))
def test_parts_cover_the_whole_within_the_limits(size, part_size):
    length = max(part_size, SMALLEST_PART, -(-size // MOST_PARTS))
    if size // length > 50:
        size = size % (50 * length) + 1
    runs = split(size, part_size)
    assert [run.number for run in runs] == list(range(1, len(runs) + 1))
    assert runs[0].offset == 0
    assert all(first.offset + first.length == second.offset for first, second in itertools.pairwise(runs))
    assert runs[-1].offset + runs[-1].length == size
    assert all(run.length >= SMALLEST_PART for run in runs[:-1])


def test_the_largest_object_fits_into_the_most_parts():
    assert len(split(5 * 1024**4, 1)) <= MOST_PARTS


@pytest.mark.parametrize("name", ["../x", "a/../x", "/x", "a//x", "", ".", "..", "a\0b", "a/"])
def test_keys_that_are_no_file_names_are_refused(tmp_path, name):
    with pytest.raises(Problem) as caught:
        safe_path(tmp_path, name)
    assert caught.value.fault is faults.FILE_FAILED


@given(name=st.text(max_size=60))
def test_no_key_leaves_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp()
    try:
        path = safe_path(folder, name)
    except Problem:
        return
    assert os.path.normpath(path).startswith(f"{folder}{os.sep}")


def test_every_version_of_an_object_has_its_own_partial_file(tmp_path):
    assert part_path(tmp_path / "a", '"1"') != part_path(tmp_path / "a", '"2"')
    assert part_path(tmp_path / "a", '"1"').name.startswith("a.")
    assert len(part_path(tmp_path / ("ü" * 127), '"1"').name.encode()) <= 255


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "text/plain"),
        ("a.tar.gz", "application/gzip"),
        ("a.svgz", "application/gzip"),
        ("a", "application/octet-stream"),
        ("a.tar.bz2", "application/x-bzip2"),
    ],
)
def test_types_are_guessed_from_what_the_file_is(name, kind):
    assert guess_type(name) == kind


@pytest.fixture
def opened(tmp_path):
    path = tmp_path / "content"
    path.write_bytes(b"0123456789" * 300_000)
    with path.open("rb") as file:
        yield file.fileno(), path.read_bytes()


def test_digests_are_of_the_run_and_nothing_else(opened):
    descriptor, content = opened
    assert sums(descriptor, 5, 2_000_000).sha256 == sha256(content[5:2_000_005]).hexdigest()


def test_a_file_that_became_shorter_is_noticed(opened):
    with pytest.raises(Problem, match="changed"):
        list(blocks(opened[0], 0, 3_000_001))


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "sha1", "crc32"])
def test_content_is_checked_by_what_was_announced(opened, algorithm):
    descriptor, content = opened
    values = {
        "md5": md5(content, usedforsecurity=False).digest(),
        "sha256": sha256(content).digest(),
        "crc32": zlib.crc32(content).to_bytes(4, "big"),
    }
    right = b64encode(values.get(algorithm, b"")).decode()
    if algorithm in values:
        check(descriptor, Announced(size=len(content), etag='"x"', algorithm=algorithm, value=right))
    with pytest.raises(Problem, match="differs"):
        check(descriptor, Announced(size=len(content), etag='"x"', algorithm=algorithm, value="AAAA"))
    with pytest.raises(Problem, match="announced"):
        check(descriptor, Announced(size=1, etag='"x"', algorithm=algorithm, value=right))


@pytest.mark.parametrize(
    ("headers", "algorithm"),
    [
        ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha256": "x"}, "sha256"),
        ({"x-amz-checksum-sha256": "x-3"}, "md5"),
        ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "COMPOSITE"}, "md5"),
        ({"ETag": '"0123-3"'}, ""),
    ],
)
def test_the_strongest_checksum_of_the_whole_is_taken(headers, algorithm):
    given = {"Content-Length": "3", "ETag": f'"{"0" * 32}"', **headers}
    assert announced(given).algorithm == algorithm


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "x", "ETag": '"a"'}, {"Content-Length": "3"}])
def test_an_answer_without_size_or_etag_is_no_object(headers):
    with pytest.raises(Problem):
        announced(headers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b/k", ("b", "k")),
        ("b/k/l", ("b", "k/l")),
        ("b", ("b", "")),
        ("s3://b/", ("b", "")),
        ("b//k", ("b", "/k")),
    ],
)
def test_addresses_are_read(text, expected):
    assert addresses.parse(text) == Address(*expected)


@pytest.mark.parametrize("text", ["", "s3://", "/k", "s3:///k", "b/\0"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Problem) as caught:
        addresses.parse(text)
    assert caught.value.fault is faults.ADDRESS_INVALID


def error(code):
    return (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message><RequestId>R</RequestId></Error>".encode()
    )


@pytest.mark.parametrize("fault", WIRE, ids=lambda fault: fault.code)
def test_every_error_of_the_server_is_understood(fault):
    code, status = WIRE[fault]
    problem = s3_xml.problem_of(Answer(status=status, headers={}, body=error(code)), bucket="b")
    assert WIRE[problem.fault][0] == code
    assert (problem.detail, problem.fields["request_id"]) == ("m", "R")


@pytest.mark.parametrize(
    ("status", "key", "fault"),
    [
        (404, "k", errors.OBJECT_NOT_FOUND),
        (404, "", errors.BUCKET_NOT_FOUND),
        (403, "k", errors.ACCESS_DENIED),
        (418, "k", faults.ANSWER_UNEXPECTED),
    ],
)
def test_an_answer_without_a_body_is_understood_by_its_status(status, key, fault):
    assert s3_xml.problem_of(Answer(status=status, headers={}, body=b""), bucket="b", key=key).fault is fault


@pytest.mark.parametrize(
    "body",
    [
        b"<a",
        b"\xff\xfe\x00",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<?xml version='1.0' encoding='nonsense'?><a/>",
    ],
)
def test_what_is_no_xml_is_refused(body):
    with pytest.raises(Problem) as caught:
        s3_xml.parse(body, "a")
    assert caught.value.fault is faults.ANSWER_UNEXPECTED


def test_an_error_inside_a_success_is_noticed_but_errors_of_single_keys_are_not():
    assert s3_xml.is_error(error("InternalError"))
    assert not s3_xml.is_error(b"<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>")


def test_only_passing_troubles_are_tried_again():
    assert is_transient(Problem(errors.SLOW_DOWN))
    assert is_transient(Problem(faults.CONNECTION_BROKEN))
    assert not is_transient(Problem(errors.ACCESS_DENIED))
    assert not is_transient(Problem(faults.SERVER_UNREACHABLE))


async def test_results_come_in_order_and_never_more_run_than_allowed():
    running, most = 0, 0

    async def work(number):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number * 2

    assert await gather_bounded(range(50), 3, work) == [number * 2 for number in range(50)]
    assert most == 3


async def test_the_first_failure_ends_the_others():
    ended = []

    async def items():
        for number in range(100):
            yield number

    async def work(number):
        if number == 3:
            raise Problem(errors.ACCESS_DENIED)
        try:
            await asyncio.sleep(0 if number < 3 else 60)
        finally:
            ended.append(number)

    with pytest.raises(Problem):
        await for_each(items(), 2, work)
    assert len(ended) <= 5


class Screen:
    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_the_meter_shows_share_and_size():
    screen = Screen()
    meter = Meter(screen, shows=True)
    meter.expect(200)
    meter.advance(150)
    meter.advance(-50)
    meter.close()
    assert " 50%  100 B of 200 B" in screen.text
    assert screen.text.endswith("\n")


def test_no_meter_is_drawn_where_nobody_looks():
    screen = Screen()
    meter = Meter(screen, shows=False)
    meter.expect(1)
    meter.advance(1)
    meter.close()
    assert screen.text == ""
