"""Versions of objects through the command line: seen, read, deleted and put back."""

import pytest


@pytest.fixture
def kept(terminal, request, tmp_path):
    """A bucket that keeps versions; the key ``a`` was written twice and deleted."""
    name = f"v-{abs(hash(request.node.nodeid)) % 10**12}"
    terminal.ok("buckets", "create", name, "--versioning")
    for text in ("first", "second one"):
        (tmp_path / "file").write_text(text)
        terminal.ok("upload", tmp_path / "file", f"{name}/a")
    terminal.ok("rm", f"{name}/a")
    return name


def test_all_versions_are_listed_the_newest_first(terminal, kept):
    rows = terminal.json("ls", "--versions", kept)
    assert [(row["key"], row["size"], row["latest"], row["deleted"]) for row in rows] == [
        ("a", 0, True, True),
        ("a", 10, False, False),
        ("a", 5, False, False),
    ]
    lines = [line.split() for line in terminal.ok("ls", "--versions", f"s3://{kept}/").splitlines()]
    assert lines[0] == ["SIZE", "MODIFIED", "VERSION", "KEY"]
    assert [(line[0], line[3], line[4:]) for line in lines[1:]] == [
        ("deleted", rows[0]["version"], ["a", "(latest)"]),
        ("10", rows[1]["version"], ["a"]),
        ("5", rows[2]["version"], ["a"]),
    ]
    assert terminal.json("ls", kept) == []


def test_versions_are_listed_below_folders_and_over_pages(terminal, kept, tmp_path, monkeypatch):
    monkeypatch.setattr("zotplus.cli.remote.s3.PAGE", 2)
    for _ in range(3):
        terminal.ok("upload", tmp_path / "file", f"{kept}/folder/ü b")
    assert terminal.json("ls", "--versions", kept)[-1] == {"prefix": "folder/"}
    assert len(terminal.json("ls", "--versions", "-r", kept)) == 6
    assert [row["key"] for row in terminal.json("ls", "--versions", f"{kept}/folder/")] == ["folder/ü b"] * 3


def test_a_version_is_downloaded_copied_back_and_deleted_for_good(terminal, kept, tmp_path):
    marker, second, first = [row["version"] for row in terminal.json("ls", "--versions", kept)]
    terminal.ok("download", "--version-id", first, f"{kept}/a", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "first"
    terminal.ok("cp", "--version-id", first, f"s3://{kept}/a", f"s3://{kept}/a")
    terminal.ok("download", f"{kept}/a", tmp_path / "again")
    assert (tmp_path / "again").read_text() == "first"
    would = terminal.ok("rm", "--dry-run", "--version-id", second, f"{kept}/a")
    assert would == f"would delete s3://{kept}/a?versionId={second}\n"
    printed = terminal.json("rm", "--version-id", second, f"{kept}/a")
    assert printed["deleted"] == [f"s3://{kept}/a?versionId={second}"]
    terminal.ok("rm", "--version-id", marker, f"{kept}/a")
    versions = [row["version"] for row in terminal.json("ls", "--versions", kept)]
    assert versions[1:] == [first]
    assert "nothing there" in terminal.ok("rm", "--version-id", second, f"{kept}/a")


def test_a_version_that_is_not_there_is_told(terminal, kept, tmp_path):
    code, words = terminal.fails("download", "--version-id", "0" * 32, f"{kept}/a", tmp_path / "back")
    assert (code, "The version does not exist." in words) == (5, True)


@pytest.mark.parametrize("words", [
    ("download", "-r", "--version-id", "x", "s3://bucket/a", "."),
    ("rm", "-r", "--version-id", "x", "bucket/a"),
    ("rm", "--version-id", "x", "bucket/a", "bucket/b"),
    ("cp", "--version-id", "x", "file", "s3://bucket/a"),
    ("cp", "-r", "--version-id", "x", "s3://bucket/a", "s3://bucket/b"),
    ("ls", "--versions"),
])  # fmt: skip
def test_a_version_is_of_one_object(terminal, words):
    code, told = terminal.fails(*words)
    assert (code, "--version" in told) == (2, True)
