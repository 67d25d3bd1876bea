"""Bad networks and wrong servers: what breaks is tried again or told, and credentials stay where they belong."""

import os
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from zotplus.cli.content.downloads import part_path

SIZE = 6_000_000


class Cutter:
    """A way to the gateway that cuts the first ``cuts`` connections after ``after`` bytes of answer."""

    def __init__(self, port, *, cuts, after):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.port, self.cuts, self.after = port, cuts, after
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.ends = [self.listening]
        self.thread.start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            self.ends += [client, server]
            threading.Thread(target=self.pump, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, self.after), daemon=True).start()

    def pump(self, source, target, limit):
        passed = 0
        try:
            while data := source.recv(65536):
                passed += len(data)
                if limit is not None and passed > limit and self.cuts:
                    self.cuts -= 1
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for end in self.ends:
            end.close()


@pytest.fixture
def content(tmp_path):
    path = tmp_path / "content"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.mark.parametrize("cuts", [1, 3])
def test_a_download_survives_connections_that_break(terminal, bucket, content, gateway, cuts):
    terminal.ok("upload", content, f"{bucket}/content")
    back = content.with_name("back")
    with closing(Cutter(gateway.port, cuts=cuts, after=1_000_000)) as way:
        terminal.ok("download", f"{bucket}/content", back, "--endpoint", way.url)
        assert way.cuts == 0
    assert back.read_bytes() == content.read_bytes()


def test_a_download_that_fails_for_good_keeps_what_came_for_the_next_try(terminal, bucket, content, tmp_path, gateway):
    terminal.ok("upload", content, f"{bucket}/content")
    etag = terminal.json("ls", bucket)[0]["etag"]
    with closing(Cutter(gateway.port, cuts=1000, after=900)) as way:
        code, told = terminal.fails("download", f"{bucket}/content", tmp_path / "back", "--endpoint", way.url)
    assert (code, "The connection broke." in told) == (10, True)
    part_path(tmp_path / "back", f'"{etag}"').write_bytes(content.read_bytes()[:100])
    terminal.ok("download", f"{bucket}/content", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content.read_bytes()


def test_an_object_that_is_replaced_leaves_no_mixture(terminal, bucket, content, tmp_path):
    terminal.ok("upload", content, f"{bucket}/content")
    etag = terminal.json("ls", bucket)[0]["etag"]
    part_path(tmp_path / "back", f'"{etag}"').write_bytes(content.read_bytes()[:3_000_000])
    content.write_bytes(os.urandom(SIZE))
    terminal.ok("upload", content, f"{bucket}/content")
    terminal.ok("download", f"{bucket}/content", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content.read_bytes()


class Stranger(BaseHTTPRequestHandler):
    status, answer, seen = 200, b"<html>hello</html>", []

    def do_GET(self):
        self.seen.append(self.path)
        self.send_response(self.status)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger():
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        Stranger.seen = []
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("words", [["keys", "list"], ["ls"]])
def test_redirects_are_not_followed_with_credentials(terminal, stranger, monkeypatch, status, words):
    monkeypatch.setattr(Stranger, "status", status)
    code, told = terminal.fails(*words, "--endpoint", stranger)
    assert (code, "redirects" in told) == (10, True)
    assert not any("elsewhere" in path for path in Stranger.seen)


@pytest.mark.parametrize("status", [200, 404, 418, 499])
@pytest.mark.parametrize("words", [["keys", "list"], ["ls"], ["ls", "b"], ["status"], ["rb", "b", "--force"]])
def test_another_kind_of_server_is_told_from_this_one(terminal, stranger, monkeypatch, status, words):
    monkeypatch.setattr(Stranger, "status", status)
    code, told = terminal.fails(*words, "--endpoint", stranger)
    assert (code, told.startswith("error: The server gives no answer")) == (10, True), told


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(
    "words", [["download", "b/k", "/nowhere"], ["rm", "b/k"], ["upload", __file__, "b/k"], ["rb", "bucket"]]
)
def test_no_stranger_is_taken_for_s3(terminal, stranger, monkeypatch, status, words):
    monkeypatch.setattr(Stranger, "status", status)
    monkeypatch.setattr(Stranger, "answer", b"")
    code, told = terminal.fails(*words, "--endpoint", stranger)
    assert (code, told.startswith("error: The server gives no answer")) == (10, True), told


COMMANDS = [["keys", "list"], ["ls"], ["ls", "bucket"], ["status"], ["download", "bucket/key", "x"], ["login"]]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("place", ["s3 port", "/s3", "/api/v1"])
def test_a_part_of_the_server_is_told_from_its_main_address(terminal, gateway, place, words):
    endpoint = gateway.s3_url if place == "s3 port" else gateway.url + place
    where = [endpoint, "--secret-stdin"] if words == ["login"] else ["--endpoint", endpoint]
    result = terminal.run(*words, *where, stdin=gateway.secret)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: The endpoint is not the main address of the server."), result.stderr
    assert "8080" in result.stderr


@pytest.mark.parametrize("words", [["keys", "list"], ["ls"], ["status"]])
def test_https_to_a_port_without_tls_is_told_as_such(terminal, gateway, words):
    code, told = terminal.fails(*words, "--endpoint", gateway.url.replace("http:", "https:"))
    assert (code, told.startswith("error: The server does not speak TLS")) == (10, True), told


@pytest.mark.parametrize("words", [["keys", "list"], ["ls"]])
def test_what_is_no_http_server_is_told_as_such(terminal, words):
    def greet():
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                client.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
                client.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=greet)
        thread.start()
        code, told = terminal.fails(*words, "--endpoint", f"http://127.0.0.1:{listening.getsockname()[1]}")
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert (code, "does not speak HTTP" in told) == (10, True), told


def test_a_list_that_fails_has_no_headings(terminal):
    result = terminal.run("ls", "nosuchbucket")
    assert (result.exit_code, result.stdout) == (5, "")
