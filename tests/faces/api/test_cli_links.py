"""``zotplus presign``: what it makes works for whoever has it, and for nothing else."""

import subprocess
import urllib.error
import urllib.request

import pytest


@pytest.fixture
def stored(terminal, bucket, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    terminal.ok("upload", file, f"{bucket}/a")
    return f"{bucket}/a"


def fetch(url, method="GET", data=None, **headers):
    request = urllib.request.Request(url, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read()


def test_a_download_link_says_what_a_browser_shall_do_with_it(terminal, stored):
    link = terminal.ok("presign", stored, "--filename", "größe.txt", "--content-type", "text/x-test").strip()
    status, headers, body = fetch(link)
    assert (status, body, headers["Content-Type"]) == (200, b"content", "text/x-test")
    assert headers["Content-Disposition"] == "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"
    assert fetch(link.replace("x-test", "html"))[0] == 403


def test_an_upload_link_is_for_one_type(terminal, bucket):
    url = terminal.json("presign", f"{bucket}/put", "--method", "PUT", "--content-type", "image/png")["url"]
    assert fetch(url, "PUT", b"x", **{"Content-Type": "text/html"})[0] == 403
    assert fetch(url, "PUT", b"x", **{"Content-Type": "image/png"})[0] == 200


def test_a_form_uploads_below_a_folder(terminal, bucket, tmp_path):
    file = tmp_path / "cat.png"
    file.write_bytes(b"meow" * 10_000)
    made = terminal.json("presign", f"s3://{bucket}/pictures/", "--form", "--max-size", "1MiB")
    fields = [part for name, value in made["fields"].items() for part in ("-F", f"{name}={value}")]
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *fields, "-F", f"file=@{file}", made["url"]]
    assert subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout == "204"
    assert [row["key"] for row in terminal.json("ls", "-r", bucket)] == ["pictures/cat.png"]
    small = terminal.json("presign", f"s3://{bucket}/pictures/", "--form", "--max-size", "1KB")
    fields = [part for name, value in small["fields"].items() for part in ("-F", f"{name}={value}")]
    command = ["curl", "-sS", *fields, "-F", f"file=@{file}", small["url"]]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert "<Code>EntityTooLarge</Code>" in told


@pytest.mark.parametrize(
    "options",
    [
        ["--expires", "8d"],
        ["--expires", "0s"],
        ["--method", "POST"],
        ["--form", "--filename", "a"],
        ["--form", "--max-size", "many"],
    ],
)
def test_what_cannot_be_made_is_a_usage_error(terminal, options):
    assert terminal.fails("presign", "s3://bucket/key", *options)[0] == 2
