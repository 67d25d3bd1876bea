"""Buckets through the command line: made with options, bounded, copied, removed."""

import pytest


@pytest.fixture
def name(request):
    return f"c-{abs(hash(request.node.nodeid)) % 10**12}"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(b"x" * 1000)
    return path


def listed(terminal, name):
    return next(row for row in terminal.json("buckets", "list") if row["name"] == name)


def test_a_bucket_is_made_with_options(terminal, name):
    terminal.ok(
        *("buckets", "create", name, "--versioning", "--lock", "--tag", "team=blue", "--tag", "empty="),
        *("--quota-bytes", "1.5GiB", "--quota-objects", "10"),
    )
    row = listed(terminal, name)
    assert (row["versioning"], row["lock"], row["quota_bytes"], row["quota_objects"]) == (
        "Enabled",
        True,
        1_610_612_736,
        10,
    )
    shown = terminal.ok("buckets", "list")
    assert "locked" in shown
    assert "1.5 GiB, 10 objects" in shown


def test_a_quota_of_none_is_no_quota(terminal, name):
    terminal.ok("buckets", "create", name, "--quota-bytes", "none", "--quota-objects", "none")
    row = listed(terminal, name)
    assert (row["quota_bytes"], row["quota_objects"]) == (None, None)
    for option in ("--quota-bytes", "--quota-objects"):  # as at the creation, and shorter
        assert "5" in terminal.ok("buckets", "quota", name, option, "5")
        terminal.ok("buckets", "quota", name, option, "none")
    row = listed(terminal, name)
    assert (row["quota_bytes"], row["quota_objects"]) == (None, None)
    words = terminal.fails("buckets", "create", name, "--quota-objects", "many")[1]
    assert "'many' is no number from 1; say none for no bound." in words


@pytest.mark.parametrize("options", [
    ("--tag", "noequals"),
    ("--tag", "a=1", "--tag", "a=2"),
    ("--quota-bytes", "much"),
    ("--quota-bytes", "0"),
    ("--quota-bytes", "0.000KiB"),
    ("--quota-objects", "0"),
    ("--kms-key", "k", "--encryption", "SSE-S3"),
    ("--encryption", "rot13"),
])  # fmt: skip
def test_options_that_mean_nothing_are_refused(terminal, name, options):
    code, words = terminal.fails("buckets", "create", name, *options)
    assert (code, "Usage" in words or "error" in words) == (2, True)
    assert name not in terminal.ok("buckets", "list")


def test_usage_is_shown_and_a_quota_set_and_taken_away(terminal, name, file):
    terminal.ok("buckets", "create", name)
    terminal.ok("upload", file, f"{name}/")
    usage = terminal.json("buckets", "usage", name)
    assert (usage["bytes"], usage["objects"], usage["quota_bytes"]) == (1000, 1, None)
    assert terminal.json("buckets", "quota", name, "--bytes", "1500", "--objects", "5")["quota_objects"] == 5
    assert terminal.json("buckets", "quota", name, "--objects", "none")["quota_bytes"] == 1500
    _, words = terminal.fails("upload", file, f"{name}/again")
    assert "quota" in words
    shown = terminal.ok("buckets", "quota", name, "--bytes", "none")
    assert "none" in shown
    terminal.ok("upload", file, f"{name}/again")
    for options in ((), ("--objects", "-1"), ("--objects", "some"), ("--bytes", "some")):
        assert terminal.fails("buckets", "quota", name, *options)[0] == 2
    code, words = terminal.fails("buckets", "quota", name, "--bytes", "0")
    assert (code, "none for no bound" in words) == (2, True)


def test_a_bucket_is_removed_with_what_is_in_it(terminal, name, tmp_path):
    terminal.ok("buckets", "create", name)
    for number in range(3):
        (tmp_path / f"f{number}").write_bytes(b"x")
        terminal.ok("upload", tmp_path / f"f{number}", f"{name}/")
    assert terminal.fails("buckets", "delete", name)[0] == 6
    assert terminal.ok("buckets", "delete", name, "--recursive") == f"deleted {name} with 3 objects\n"
    assert name not in terminal.ok("buckets", "list")
    terminal.ok("buckets", "create", name)
    assert terminal.ok("rb", name, "--force", "--detach").endswith(f"{name} with 0 objects\n")


def test_all_below_a_prefix_is_copied_in_batches(terminal, name, tmp_path):
    for bucket in (name, f"{name}-b"):
        terminal.ok("buckets", "create", bucket)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(5):
        (folder / f"f{number}").write_bytes(b"x" * number)
    terminal.ok("upload", "--recursive", folder, f"{name}/from/")
    terminal.ok("upload", folder / "f1", f"{name}/from-not")
    printed = terminal.json("cp", "--recursive", f"s3://{name}/from", f"s3://{name}-b/to")
    assert (len(printed["transferred"]), printed["failed"], printed["bytes"]) == (5, [], 10)
    keys = [row["key"] for row in terminal.json("list", f"s3://{name}-b/", "--recursive")]
    assert keys == [f"to/f{number}" for number in range(5)]
    code, words = terminal.fails("cp", "--recursive", f"s3://{name}/from", f"s3://{name}/from/below")
    assert (code != 0, "among what is to be copied" in words) == (True, True)


def test_a_bucket_can_encrypt_by_default_from_its_beginning(terminal, name, gateway):
    terminal.ok("buckets", "create", name, "--encryption", "sse-s3")
    record = gateway.run(gateway.services.documents.bucket(name))
    assert record.encryption.scheme == "SSE-S3"
    code, words = terminal.fails("buckets", "create", f"{name}-2", "--kms-key", "nosuchkey")
    assert code != 0, words
    assert "key" in words, words
    assert f"{name}-2" not in terminal.ok("buckets", "list")
