"""Objects through the command line: up, down, around and away."""

import hashlib
import os
import urllib.request

import msgspec
import pytest
from structlog.testing import capture_logs

from zotplus.cli.content.downloads import part_path
from zotplus.domain.conditions import WriteConditions
from zotplus.services.values import Attributes, Source

SMALL = b"some content\n" * 100


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(SMALL)
    return path


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(12 * 1024 * 1024 + 17))
    return path


def test_a_file_goes_up_and_comes_down_the_same(terminal, bucket, file, tmp_path):
    printed = terminal.json("upload", file, f"s3://{bucket}/a/b.txt")
    assert printed["transferred"][0]["size"] == len(SMALL)
    terminal.ok("download", f"{bucket}/a/b.txt", tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_bytes() == SMALL
    assert list(tmp_path.glob("*.part")) == []


def test_an_empty_file_is_an_object_too(terminal, bucket, tmp_path):
    (tmp_path / "empty").touch()
    terminal.ok("upload", tmp_path / "empty", f"{bucket}/")
    terminal.ok("download", f"{bucket}/empty", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b""


def test_a_large_file_goes_in_parts_and_comes_down_the_same(terminal, bucket, large, tmp_path):
    terminal.ok("upload", large, f"{bucket}/large", "--part-size", "5")
    listed = terminal.json("list", f"s3://{bucket}/")
    assert listed[0]["etag"].endswith("-3")
    terminal.ok("download", f"{bucket}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


@pytest.mark.parametrize(
    "key", ["a b+c%20ü", "x//y", "../up", "./here", "q?a=b&c#d", "'<&>\"", "täglich/日本", "-r", "a/"]
)
def test_any_key_can_be_stored_listed_read_and_deleted(terminal, bucket, file, tmp_path, key):
    terminal.ok("cp", file, f"s3://{bucket}/{key}x")
    assert [row["key"] for row in terminal.json("ls", "-r", f"s3://{bucket}")] == [f"{key}x"]
    terminal.ok("download", f"s3://{bucket}/{key}x", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == SMALL
    terminal.ok("rm", "-r", bucket)
    assert terminal.json("ls", "-r", bucket) == []


def test_a_folder_goes_up_and_comes_down_with_its_tree(terminal, bucket, tmp_path):
    tree = tmp_path / "tree"
    for name in ("one.txt", "sub/two.txt", "sub/deep/three.txt"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    terminal.ok("cp", "-r", tree, f"s3://{bucket}/tree")
    assert {row["key"] for row in terminal.json("ls", "-r", bucket)} == {
        "tree/one.txt", "tree/sub/two.txt", "tree/sub/deep/three.txt",
    }  # fmt: skip
    terminal.ok("cp", "-r", f"s3://{bucket}/tree", tmp_path / "back")
    assert (tmp_path / "back/sub/deep/three.txt").read_text() == "sub/deep/three.txt"


def test_a_prefix_is_a_folder_and_not_the_beginning_of_a_name(terminal, bucket, file, tmp_path):
    terminal.ok("cp", file, f"s3://{bucket}/logs/a")
    terminal.ok("cp", file, f"s3://{bucket}/logs-old/b")
    terminal.ok("cp", "-r", f"s3://{bucket}/logs", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    terminal.ok("rm", "-r", f"{bucket}/logs")
    assert [row["key"] for row in terminal.json("ls", "-r", bucket)] == ["logs-old/b"]


def test_keys_that_would_leave_the_folder_are_not_written(terminal, bucket, file, tmp_path):
    terminal.ok("cp", file, f"s3://{bucket}/x/../../../evil")
    terminal.ok("cp", file, f"s3://{bucket}/x/good")
    code, told = terminal.fails("cp", "-r", f"s3://{bucket}/x", tmp_path / "inner/out")
    assert code == 7
    assert "cannot be a file name" in told
    assert not (tmp_path / "evil").exists()
    assert (tmp_path / "inner/out/good").exists()


def test_a_link_in_the_target_folder_leads_nowhere_else(terminal, bucket, file, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path / "outside")
    terminal.ok("cp", file, f"s3://{bucket}/x/link/evil")
    code, _ = terminal.fails("cp", "-r", f"s3://{bucket}/x", tmp_path / "out")
    assert code == 7
    assert list((tmp_path / "outside").iterdir()) == []


def test_objects_are_copied_inside_the_server(terminal, bucket, file):
    terminal.ok("upload", file, f"{bucket}/a", "--content-type", "text/x-test", "--metadata", "Colour=red")
    terminal.ok("cp", f"s3://{bucket}/a", f"s3://{bucket}/b/")
    terminal.ok("cp", "-r", f"s3://{bucket}/b", f"s3://{bucket}/c")
    with urllib.request.urlopen(terminal.ok("presign", f"{bucket}/c/a").strip()) as answer:
        assert answer.read() == SMALL
        assert (answer.headers["Content-Type"], answer.headers["x-amz-meta-colour"]) == ("text/x-test", "red")


def test_a_presigned_link_can_upload(terminal, bucket):
    url = terminal.json("presign", f"{bucket}/put", "--method", "PUT", "--expires", "5m")["url"]
    urllib.request.urlopen(urllib.request.Request(url, data=b"hello", method="PUT")).close()
    assert terminal.json("ls", bucket)[0]["size"] == 5


def test_a_broken_download_goes_on_where_it_stopped(terminal, bucket, large, tmp_path, gateway):

    terminal.ok("upload", large, f"{bucket}/large")
    etag = terminal.json("ls", bucket)[0]["etag"]
    part = part_path(tmp_path / "back", f'"{etag}"')
    part.write_bytes(large.read_bytes()[:9_000_000])
    before = sent(gateway)
    terminal.ok("download", f"{bucket}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    assert sent(gateway) - before < 5_000_000
    assert not part.exists()


def sent(gateway):
    finished = gateway.finished()
    return sum(getattr(row, "bytes_out", 0) or 0 for row in finished)


def test_a_damaged_partial_file_is_found_and_thrown_away(terminal, bucket, large, tmp_path):

    terminal.ok("upload", large, f"{bucket}/large")
    part = part_path(tmp_path / "back", f'"{terminal.json("ls", bucket)[0]["etag"]}"')
    part.write_bytes(b"\0" * 1_000_000)
    code, told = terminal.fails("download", f"{bucket}/large", tmp_path / "back")
    assert code == 8
    assert "checksum differs" in told
    assert not part.exists()
    assert not (tmp_path / "back").exists()
    terminal.ok("download", f"{bucket}/large", tmp_path / "back")


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(terminal, bucket, tmp_path):
    (tmp_path / "there").write_text("old")
    code, _ = terminal.fails("download", f"{bucket}/missing", tmp_path / "there")
    assert code == 5
    assert (tmp_path / "there").read_text() == "old"


def test_listing_shows_folders_and_sizes(terminal, bucket, file):
    terminal.ok("upload", file, f"{bucket}/top")
    terminal.ok("upload", file, f"{bucket}/sub/inner")
    lines = terminal.ok("ls", f"s3://{bucket}/").splitlines()
    assert lines[0].split() == ["SIZE", "MODIFIED", "KEY"]
    assert lines[1].split() == ["-", "sub/"]
    assert lines[2].split()[0] == str(len(SMALL))
    assert "1.3 KiB" in terminal.ok("ls", "--human", bucket)


def test_what_a_terminal_would_act_on_is_printed_harmlessly(terminal, bucket, file):
    terminal.ok("cp", file, f"s3://{bucket}/red\x1b[31m")
    assert "\x1b" not in terminal.ok("ls", bucket)
    terminal.ok("rm", "-r", bucket)


def test_a_dry_run_deletes_nothing(terminal, bucket, file):
    terminal.ok("upload", file, f"{bucket}/a")
    assert "would delete" in terminal.ok("rm", "--dry-run", f"{bucket}/a")
    assert len(terminal.json("ls", bucket)) == 1


def test_thousands_of_objects_are_deleted_over_several_pages(terminal, bucket, gateway):

    async def fill():
        for number in range(1005):

            async def chunks():
                yield b"x"

            await gateway.services.objects.put(
                bucket, f"k{number:04}", Source(chunks=chunks()), Attributes(), WriteConditions()
            )

    gateway.run(fill())
    assert len(terminal.json("ls", bucket)) == 1005
    assert len(terminal.json("rm", "-r", bucket)["deleted"]) == 1005
    assert terminal.json("ls", bucket) == []


@pytest.mark.parametrize("damage", ["corrupt", "missing"])
def test_damaged_content_is_told_as_such(terminal, bucket, gateway, tmp_path, damage):
    content = damage.encode() + os.urandom(30_000)
    (tmp_path / "content").write_bytes(content)
    terminal.ok("upload", tmp_path / "content", f"{bucket}/content")
    blobs = gateway.parts.blobs.blobs
    digest = hashlib.sha256(content).hexdigest()
    whole = blobs.pop(digest)
    if damage == "corrupt":
        blobs[digest] = msgspec.structs.replace(whole, content=b"!" + content[1:])
    code, told = terminal.fails("download", f"{bucket}/content", tmp_path / "back")
    assert code == 8
    assert f"The stored content is {'damaged' if damage == 'corrupt' else 'missing'}." in told
    assert "zotplus scrub" in told


def test_a_refusal_says_everything_once(terminal, gateway, bucket, tmp_path):
    told = terminal.as_key(gateway.key()).fails("ls", bucket)[1]
    assert told.splitlines()[0].startswith("error: Access denied. You may not s3:ListBucket")
    told = terminal.fails("download", f"{bucket}/nothing", tmp_path / "x")[1]
    assert told.splitlines()[0].count("exist") == 1
    told = terminal.fails("ls", bucket, ZOTPLUS_ACCESS_KEY="UNKNOWNKEY")[1]
    assert told.splitlines()[0] == "error: The access key does not exist."


def test_rm_tells_where_nothing_was(terminal, bucket, file):
    terminal.ok("upload", file, f"{bucket}/tree/a")
    assert terminal.ok("rm", f"{bucket}/tree") == f"nothing there: s3://{bucket}/tree\n"
    assert terminal.ok("rm", "--dry-run", f"{bucket}/tree") == f"nothing there: s3://{bucket}/tree\n"
    printed = terminal.json("rm", f"{bucket}/tree", f"{bucket}/tree/a")
    assert printed == {"deleted": [f"s3://{bucket}/tree/a"], "missing": [f"s3://{bucket}/tree"], "failed": []}


def test_who_may_not_look_is_not_told_that_nothing_was_there(terminal, gateway, bucket):
    assert terminal.as_key(gateway.key()).fails("rm", f"{bucket}/nothing")[0] == 4


def test_a_prefix_without_objects_is_not_copied_in_silence(terminal, bucket, tmp_path):
    for target in (f"s3://{bucket}/b/", tmp_path / "down"):
        code, words = terminal.fails("cp", "-r", f"s3://{bucket}/nosuch/", target)
        assert (code, f"s3://{bucket}/nosuch/" in words) == (5, True)
    whole = terminal.run("cp", "-r", f"s3://{bucket}", tmp_path / "whole")
    assert (whole.exit_code, "nothing below" in whole.stderr) == (0, True)


def test_an_error_names_the_file_once(terminal, bucket, tmp_path):
    missing = tmp_path / "missing"
    told = terminal.fails("upload", missing, f"{bucket}/")[1].splitlines()[0]
    assert told == f"error: A local file cannot be read or written. {missing}: No such file or directory."
    (tmp_path / "folder").mkdir()
    assert terminal.fails("upload", tmp_path / "folder", f"{bucket}/")[1].count(str(tmp_path)) == 1


def test_what_a_scrub_or_backup_finds_is_logged_as_an_error_with_its_digest(terminal, bucket, gateway, tmp_path):
    content = os.urandom(30_000)
    (tmp_path / "content").write_bytes(content)
    terminal.ok("upload", tmp_path / "content", f"{bucket}/content")
    digest = hashlib.sha256(content).hexdigest()
    gateway.parts.blobs.blobs.pop(digest)
    with capture_logs() as lines:
        assert terminal.fails("scrub")[0] == 8
        assert terminal.fails("backup", tmp_path / "backup")[0] == 8
    told = [line for line in lines if line["event"] == "content_damaged" and line["digest"] == digest]
    assert [line["log_level"] for line in told] == ["error", "error"]
    terminal.ok("rm", f"{bucket}/content")
