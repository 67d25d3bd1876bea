"""Heads on the lane of plain requests and beside it: both ways give the same answer, log and record."""

import pytest

from tests.faces.serving.comparing import check, comparing, head_of, joined

GET, PUT = ("GET", "/bucket/key", b""), ("PUT", "/bucket/written", b"content")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    with comparing(tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "body"), [GET, ("HEAD", "/bucket/key", b""), PUT], ids=["GET", "HEAD", "PUT"]
)
def test_a_plain_request_is_answered_told_and_recorded_as_any_other(compared, method, path, body):
    first, lines = head_of(compared, method, path, body)
    done = check(compared, joined(first, [*lines, b"User-Agent: one  of\x21 many"], body), taken=1)
    assert [answer[0] for answer in done.answers] == [b"HTTP/1.1 200 OK"]
    (entry,), (record,) = done.finished, done.records
    assert (entry.bytes_in, entry.bytes_out) == (len(body), 4 if method == "GET" else 0)
    assert (record.agent, record.status, len(record.decisions)) == ("one  of! many", 200, 1)
    assert not done.is_closed


@pytest.mark.parametrize("request_", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize(
    ("line", "is_plain"),
    [
        (b"User-Agent: a\rb", False),
        (b"User-Agent: a\nb", False),
        (b"User-Agent: a\n", False),
        (b"User-Agent: a\r", False),
        (b"User-Agent: a\0b", False),
        (b"User-Agent: a\tb", False),
        (b"User-Agent: a\x7fb", False),
        (b"User-Agent: \xc3\xa4", False),
        (b"User-Agent: \xff", False),
        (b"User-Agent: a\r\n b", False),
        (b"User-Agent: a\r\n\tb", False),
        (b"User-Agent : a", False),
        (b"User-Agent:a", False),
        (b"User-Agent:a: b", False),
        (b"User-Agent:  a", None),
        (b"User-Agent: a ", None),
        (b"User-Agent: ", None),
        (b"User-Agent:", False),
        (b" User-Agent: a", False),
        (b"User-Agent", False),
        (b"Accept", False),
        (b": a", False),
        (b"", False),
        (b"User-Agent: a\r\nuser-agent: b", False),
        (b"Host: other", False),
        (b"Host", False),
        (b"Authorization", False),
        (b"x-amz-date", False),
        (b"Content-Length: 0", False),
        (b"Content-Type", False),
        (b"Transfer-Encoding: identity", False),
        (b"Transfer-Encoding : chunked", False),
        (b"Transfer-Encoding:\x0bchunked", False),
        (b"Upgrade: websocket\r\nConnection: Upgrade", False),
        (b"Connection: close", False),
        (b"Connection: Close", False),
        (b"Connection: keep-alive, close", False),
        (b"Connection: upgrade", False),
        (b"Connection: keep-alive", True),
        (b"Connection: Keep-Alive", True),
        (b"Cookie: a=b", False),
        (b"X-Forwarded-For: 192.0.2.9", False),
        (b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        (b"Accept: */*", True),
        (b"ACCEPT-ENCODING: gzip", True),
    ],
    ids=repr,
)
def test_a_line_more_is_read_by_both_ways_alike(compared, request_, line, is_plain):
    first, lines = head_of(compared, *request_)
    check(compared, joined(first, [*lines[:1], line, *lines[1:]], request_[2]), taken=is_plain)


@pytest.mark.parametrize("request_", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize(
    ("line", "body"),
    [
        (b"Content-Length: 7", b"content"),
        (b"Content-Length: 07", b"content"),
        (b"Content-Length: 7, 7", b"content"),
        (b"Content-Length: 7\r\nContent-Length: 8", b"content"),
        (b"Transfer-Encoding: chunked", b"0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"7\r\ncontent\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        (b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
        (b"Expect: 100-continue", b""),
        (b"Expect: 100-continue\r\nContent-Length: 7", b"content"),
    ],
    ids=repr,
)
def test_where_a_body_ends_is_read_by_both_ways_alike(compared, request_, line, body):
    """And so is what comes behind it, which must not become a request for the one and a body for the other."""
    first, lines = head_of(compared, *request_)
    lines = [one for one in lines if not one.startswith(b"Content-Length")]
    head, following = joined(first, [*lines, line]), joined(*head_of(compared, *GET))
    if (request_, line) == (PUT, b"Content-Length: 7"):
        check(compared, head + body, taken=1)
    else:
        check(compared, head + body, taken=0)
    check(compared, head + body + following, taken=0)


@pytest.mark.parametrize("name", [b"Host", b"Authorization", b"x-amz-date", b"x-amz-content-sha256", b"Content-Length"])
@pytest.mark.parametrize(
    "change",
    [
        b"",
        b"<name>\r\n",
        b"<name>:<value>\r\n",
        b"<name> : <value>\r\n",
        b"<name>:  <value>\r\n",
        b"<name>: <value> \r\n",
        b"<name>: +<value>\r\n",
        b"<name>: 0<value>\r\n",
        b"<name>: -<value>\r\n",
        b"<name>: <value>,<value>\r\n",
        b"<name>: <value>\r\n<name>: <value>\r\n",
        b"<name>: \r\n",
    ],
    ids=["none", "name", "close", "blank", "two", "trailing", "plus", "zero", "minus", "list", "twice", "empty"],
)
def test_what_is_needed_is_read_by_both_ways_alike(compared, name, change):
    first, lines = head_of(compared, *PUT)
    changed = []
    for line in lines:
        found, _, value = line.partition(b": ")
        made = line + b"\r\n"
        if found.lower() == name.lower():
            made = change.replace(b"<name>", found).replace(b"<value>", value)
        changed += made.split(b"\r\n")[:-1]
    assert changed != lines
    check(compared, joined(first, changed, PUT[2]), taken=0)


@pytest.mark.parametrize(
    ("path", "is_plain"),
    [
        ("/bucket/a//..", True),
        ("/bucket//", False),
        ("/bucket/../key", False),
        ("/bucket/./key", False),
        ("//bucket/key", False),
        ("/bucket/key?", False),
        ("/bucket/key?versionId=null", False),
        ("/bucket/key#a", False),
        ("/bucket/k%65y", False),
        ("/bucket/key;a", False),
        ("http://s3.test/bucket/key", False),
        ("https://bucket/key", False),
        ("*", False),
        ("bucket/key", False),
        ("/", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_targets_are_read_by_both_ways_alike(compared, method, path, is_plain):
    body = b"odd" if method == "PUT" else b""
    first, lines = head_of(compared, method, path, body)
    if method == "PUT":  # a key may be written that is not there yet
        is_plain = path in ("/bucket/a//..", "/bucket//", "/bucket/../key", "/bucket/./key")
    plainly, usually = compared.both(joined(first, lines, body))
    assert plainly[:-1] == usually[:-1]
    assert plainly.taken == (is_plain and plainly.answers[0][0] == b"HTTP/1.1 200 OK")
    assert usually.taken == 0


@pytest.mark.parametrize(
    "first",
    [
        b"GET /bucket/key HTTP/1.0",
        b"GET /bucket/key HTTP/1.10",
        b"GET /bucket/key HTTP/1.2",
        b"GET /bucket/key HTTP/2.0",
        b"GET /bucket/key",
        b"GET  /bucket/key HTTP/1.1",
        b"GET /bucket/key  HTTP/1.1",
        b"GET /bucket/key HTTP/1.1 ",
        b" GET /bucket/key HTTP/1.1",
        b"GET\t/bucket/key HTTP/1.1",
        b"get /bucket/key HTTP/1.1",
        b"GET /bucket/key http/1.1",
        b"DELETE /bucket/other HTTP/1.1",
        b"OPTIONS /bucket/key HTTP/1.1",
        b"\r\nGET /bucket/key HTTP/1.1",
        b"",
    ],
    ids=repr,
)
def test_request_lines_are_read_by_both_ways_alike(compared, first):
    _, lines = head_of(compared, *GET)
    check(compared, joined(first, lines), taken=0)


@pytest.mark.parametrize(("method", "path", "body"), [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize(
    "line", [b"Connection: keep-alive", b"Connection: Keep-Alive", b"Connection: close", b"Via: a"]
)
def test_requests_of_http_1_0_are_read_by_both_ways_alike(compared, method, path, body, line):
    first, lines = head_of(compared, method, path, body)
    old = joined(first.replace(b"HTTP/1.1", b"HTTP/1.0"), [*lines, line], body)
    done = check(compared, old, taken=None)
    assert done.is_closed == (b"eep-" not in line)
    assert done.answers[0][0] == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("number", [55, 57, 124, 200])
def test_heads_of_many_lines_are_read_by_both_ways_alike(compared, number):
    first, lines = head_of(compared, *GET)
    check(compared, joined(first, [*lines, *[b"x-%d: a" % turn for turn in range(number)]]), taken=0)


@pytest.mark.parametrize(("length", "is_plain"), [(3_000, True), (5_000, False), (20_000, False), (150_000, False)])
def test_long_heads_are_read_by_both_ways_alike(compared, length, is_plain):
    first, lines = head_of(compared, *GET)
    check(compared, joined(first, [*lines, b"User-Agent: " + b"a" * length]), taken=int(is_plain))


def test_two_reads_in_one_segment_are_answered_in_order(compared):
    for key in ("one", "three"):
        check(compared, joined(*head_of(compared, "PUT", f"/bucket/{key}", key.encode()), key.encode()), taken=1)
    one, three = [joined(*head_of(compared, "GET", f"/bucket/{key}")) for key in ("one", "three")]
    assert [answer[2] for answer in check(compared, one + three, taken=0).answers] == [b"one", b"three"]
    assert [answer[2] for answer in check(compared, one, three, taken=2).answers] == [b"one", b"three"]
    head = joined(*head_of(compared, "HEAD", "/bucket/one"))
    check(compared, head + head, taken=0)


def test_a_head_in_two_segments_is_read_wherever_it_is_cut(compared):
    head = joined(*head_of(compared, *GET))
    for cut in (1, 3, 4, 20, len(head) // 2, len(head) - 3, len(head) - 2, len(head) - 1):
        done = check(compared, head[:cut], head[cut:], taken=0)
        assert done.answers[0][0] == b"HTTP/1.1 200 OK"


def test_a_body_of_more_than_its_length_begins_the_next_request(compared):
    first, lines = head_of(compared, *PUT)
    following = joined(*head_of(compared, *GET))
    for rest in (b"GARBAGE\r\n\r\n", b"\r\n", following, joined(first, lines, b"content")):
        check(compared, joined(first, lines, b"content" + rest), taken=0)


def test_a_body_of_less_than_its_length_is_waited_for(compared):
    first, lines = head_of(compared, *PUT)
    following = joined(*head_of(compared, *GET))
    done = check(compared, joined(first, lines, b"con"), b"tent", taken=0)
    assert len(done.answers) == 1
    done = check(compared, joined(first, lines, b"con"), b"tent" + following, taken=0)
    assert len(done.answers) == 2


def test_a_body_that_looks_like_a_request_is_a_body(compared):
    """What comes between the segments of a usual request is never read as a plain one."""
    following = joined(*head_of(compared, *GET))
    first, lines = head_of(compared, "PUT", "/bucket/written", following)
    done = check(compared, joined(first, lines), following, taken=0)
    assert len(done.answers) == 1
    done = check(compared, joined(first, lines, following[:9]), following[9:], following, taken=1)
    assert len(done.answers) == 2


@pytest.mark.parametrize("before", ["read", "write", "nothing", "plain write"])
def test_the_end_of_a_head_that_looks_like_a_request_is_the_end_of_a_head(compared, before):
    """Somebody who may choose a header's value must not make a request of its own of it."""
    inner = joined(*head_of(compared, *GET))
    outer = b"GET /bucket HTTP/1.1\r\nX-Value: "
    earlier = {
        "nothing": b"",
        "read": b"GET /bucket HTTP/1.1\r\nHost: h\r\n\r\n",
        "write": joined(*head_of(compared, "PUT", "/bucket/k%65y", b"x"), b"x"),
        "plain write": joined(*head_of(compared, *PUT), PUT[2]),
    }[before]
    done = check(compared, earlier + outer, inner, taken=0)
    assert done.answers[-1][0] == b"HTTP/1.1 403 Forbidden"


def test_a_head_that_begins_while_a_write_waits_is_read_to_its_end(compared):
    """The same, where the head's beginning comes before the answer to the write that was plain."""
    inner = joined(*head_of(compared, *GET))
    client = compared.connect()
    client.send(joined(*head_of(compared, *PUT), PUT[2]))
    assert client.answer()[0] == 200
    compared.hold()
    client.send(joined(*head_of(compared, *PUT), PUT[2]))
    connection = compared.connection_of(client)
    compared.until(lambda: connection.is_busy)
    client.send(b"GET /bucket HTTP/1.1\r\nX-Value: ")
    compared.until(lambda: connection.head_since is not None)
    compared.release()
    assert client.answer()[0] == 200
    client.send(inner)
    assert client.answer()[0] == 403
    client.close()
