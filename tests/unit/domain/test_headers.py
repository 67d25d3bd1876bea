"""Plain headers behave as the server's own."""

from zotplus.domain.headers import PlainHeaders


def test_names_are_case_insensitive_and_may_repeat():
    headers = PlainHeaders([("Host", "a"), ("X-Note", "1"), ("x-note", "2")])
    assert headers.get("HOST") == "a"
    assert headers.get("x-NOTE") == "1"
    assert headers.get("none") is None
    assert headers.getall("X-note", []) == ["1", "2"]
    assert headers.getall("none", ["d"]) == ["d"]
    assert list(headers) == ["Host", "X-Note", "x-note"]
    assert headers.pairs() == (("Host", "a"), ("X-Note", "1"), ("x-note", "2"))
