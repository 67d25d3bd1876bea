"""Forms are read the same however they are cut, and what two readers could read differently is refused."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.forms.multipart import FIELDS_LIMIT, HEAD_LIMIT, FormReader, boundary_of

FIELD = 'Content-Disposition: form-data; name="{}"'
FILE = FIELD.format("file") + '; filename="{}"\r\nContent-Type: text/plain'


def form(*parts: tuple[str, bytes], boundary: str = "b", end: bytes = b"--\r\n") -> bytes:
    body = b"".join([f"--{boundary}\r\n{head}\r\n\r\n".encode() + value + b"\r\n" for head, value in parts])
    return body + f"--{boundary}".encode() + end


def read(body: bytes, cuts: list[int] | None = None, boundary: str = "b"):
    """Fields, file name and content; None for a form that ends too early."""
    reader = FormReader(boundary)
    places = [0, *sorted(cuts or []), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    head, content = None, b""
    for piece in pieces:
        if head is not None:
            content += reader.content(piece)
            continue
        head = reader.head(piece)
        if head is not None:
            content += reader.content(head.begun)
    return (head.fields, head.filename, content) if head is not None and reader.is_complete else None


def refusal(body: bytes, boundary: str = "b") -> errors.Fault:
    with pytest.raises(Problem) as caught:
        read(body, boundary=boundary)
    return caught.value.fault


def test_fields_come_before_the_file_and_what_follows_is_ignored():
    body = form((FIELD.format("Key"), b"a/b"), (FILE.format("x.txt"), b"content"), (FIELD.format("late"), b"x"))
    assert read(body) == ({"key": "a/b"}, "x.txt", b"content")
    assert read(form((FILE.format("x"), b"c"), end=b"--\r\n") + b"tail of no form") == ({}, "x", b"c")


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 400), max_size=30),
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--b", b"\r\n--", b"\r\n--a", b"x"]), max_size=12).map(b"".join),
)
def test_a_form_is_the_same_however_it_is_cut(cuts, content):
    body = form((FIELD.format("key"), b"a\r\n-b"), (FILE.format("f"), content))
    if b"\r\n--b" in content:
        return
    assert read(body, [min(cut, len(body)) for cut in cuts]) == ({"key": "a\r\n-b"}, "f", content)


def test_a_form_is_read_byte_by_byte_in_one_pass():
    body = form((FIELD.format("key"), b"k" * 15_000), (FILE.format("f"), b"\r\n-" * 5_000))
    assert read(body, list(range(len(body)))) == ({"key": "k" * 15_000}, "f", b"\r\n-" * 5_000)


def test_a_boundary_may_begin_with_dashes():
    assert read(form((FILE.format("f"), b"hello"), boundary="--x-y"), boundary="--x-y") == ({}, "f", b"hello")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("C:\\\\My Files\\\\a.txt", "a.txt"),
        ("/home/x/a.txt", "a.txt"),
        ("say %22hi%22.txt", 'say "hi".txt'),
        ('say \\"hi\\".txt', 'say "hi".txt'),
        ("größe.txt", "größe.txt"),
        ("", ""),
    ],
)
def test_a_file_is_called_without_its_folders(given, name):
    assert read(form((FILE.format(given), b"x")))[1] == name


def test_names_may_stand_without_quotes_and_beside_others():
    head = "content-disposition:form-data; filename*=utf-8''x; name=file; filename=a"
    assert read(form((head, b"x"))) == ({}, "a", b"x")


@pytest.mark.parametrize(
    "body",
    [
        b"preamble\r\n" + form((FILE.format("f"), b"x")),
        form((FIELD.format("key"), b"1"), (FIELD.format("KEY"), b"2"), (FILE.format("f"), b"x")),
        form(("Content-Type: text/plain", b"1"), (FILE.format("f"), b"x")),
        form(("no header", b"1"), (FILE.format("f"), b"x")),
        form((FIELD.format(""), b"1"), (FILE.format("f"), b"x")),
        form((FIELD.format("a") + "\r\n" + FIELD.format("b"), b"1")),
        form((FIELD.format("a") + "; name=b", b"1")),
        form((FIELD.format("a") + " junk", b"1")),
        form(("Content-Disposition: attachment; name=a", b"1")),
        form((FIELD.format("key") + "\r\nContent-Transfer-Encoding: base64", b"a2V5"), (FILE.format("f"), b"x")),
        form((FIELD.format("key"), b"\xff"), (FILE.format("f"), b"x")),
        b"--b x\r\n" + FILE.format("f").encode() + b"\r\n\r\nx\r\n--b--",
        b"--b\r\n\r\nvalue\r\n--b--\r\n",
        form(*[(FIELD.format(f"f{n}"), b"") for n in range(FIELDS_LIMIT + 1)], (FILE.format("f"), b"x")),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body):
    assert refusal(body) is errors.FORM_MALFORMED


def test_a_form_without_a_file_is_refused():
    assert refusal(form((FIELD.format("key"), b"a"))) is errors.FORM_WITHOUT_FILE


@pytest.mark.parametrize("padding", ["value", "header", "endless"])
def test_all_before_the_file_is_bounded(padding):
    """Whatever of it is large: nothing of a form is kept beyond that."""
    large = "x" * HEAD_LIMIT
    parts = {
        "value": form((FIELD.format("a"), large.encode()), (FILE.format("f"), b"x")),
        "header": form((FILE.format(large), b"x")),
        "endless": b"--b\r\n" + FIELD.format("a").encode() + b"\r\n\r\n" + large.encode(),
    }
    assert refusal(parts[padding]) is errors.FORM_TOO_LARGE


def test_a_large_file_is_no_large_head():
    content = b"x" * (4 * HEAD_LIMIT)
    assert read(form((FIELD.format("key"), b"a"), (FILE.format("f"), content)))[2] == content


def test_a_form_that_ends_early_is_not_complete():
    body = form((FIELD.format("key"), b"a"), (FILE.format("f"), b"content"))
    end = body.rindex(b"\r\n--b")
    for length in range(len(body)):
        assert (read(body[:length]) is not None) is (length >= end + 5)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('Multipart/Form-Data;charset=utf-8; BOUNDARY="a b"', "a b"),
        ("multipart/form-data; boundary=" + "a" * 70, "a" * 70),
        ("application/json", None),
        ("", None),
    ],
)
def test_the_boundary_is_read_from_the_content_type(content_type, boundary):
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "a" * 71,
        "multipart/form-data; boundary=a; boundary=b",
        'multipart/form-data; boundary="a',
        "multipart/form-data; boundary=ä",
        "multipart/form-data; x=" + "a" * 2_000 + "; boundary=a",
    ],
)
def test_a_boundary_outside_of_its_form_is_refused(content_type):
    with pytest.raises(Problem) as caught:
        boundary_of(content_type)
    assert caught.value.fault is errors.FORM_MALFORMED


WHOLE = form(
    (FIELD.format("key"), b"a/b"), (FIELD.format("Content-Type"), b"text/plain"), (FILE.format("f"), b"content")
)


@settings(max_examples=200)
@given(
    st.integers(0, len(WHOLE)), st.integers(0, 12), st.binary(max_size=12), st.lists(st.integers(0, 300), max_size=4)
)
def test_whatever_is_done_to_a_form_it_is_read_or_refused(at, removed, inserted, cuts):
    body = WHOLE[:at] + inserted + WHOLE[at + removed :]
    try:
        found = read(body, [min(cut, len(body)) for cut in cuts])
    except Problem:
        return
    assert found is None or all(name == name.lower() and "\r\n--b" not in found[0][name] for name in found[0])


@settings(max_examples=100)
@given(st.text(max_size=80))
def test_whatever_a_content_type_says_it_is_read_or_refused(text):
    for content_type in (text, "multipart/form-data; boundary=" + text, "multipart/form-data;" + text):
        try:
            boundary = boundary_of(content_type)
        except Problem:
            continue
        assert boundary is None or 0 < len(boundary) <= 70
