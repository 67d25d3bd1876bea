"""Where the upstream comes from, and the configuration of a managed one."""

import json

import pytest

from zotplus.adapters.zot.client import HttpUpstream
from zotplus.adapters.zot.discovery import Given, Managed, Missing, MissingUpstream, connect, discover
from zotplus.adapters.zot.head import end_to_end, parse_head
from zotplus.adapters.zot.managed import prepare
from zotplus.adapters.zot.settings import UpstreamSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program named zot, alone on PATH."""
    path = tmp_path / "bin" / "zot"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent))
    return path


def test_an_address_goes_before_a_program(program):
    settings = UpstreamSettings(url="http://127.0.0.1:5000/", binary=str(program))
    assert discover(settings) == Given("http://127.0.0.1:5000")


def test_a_named_program_goes_before_path(program, tmp_path):
    other = tmp_path / "other"
    other.write_text("")
    other.chmod(0o755)
    assert discover(UpstreamSettings(binary=str(other))) == Managed(other)
    assert discover(UpstreamSettings()) == Managed(program)


def test_without_any_there_is_none(program):
    assert discover(UpstreamSettings(managed=False)) == Missing()
    program.unlink()
    assert discover(UpstreamSettings()) == Missing()
    assert isinstance(connect(UpstreamSettings()), MissingUpstream)


def test_a_program_that_cannot_be_run_is_refused(tmp_path):
    with pytest.raises(Problem) as refused:
        discover(UpstreamSettings(binary=str(tmp_path / "none")))
    assert refused.value.fault == errors.SETTING_INVALID


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "a:5000", "http://u:p@a", "http://a/v2", "http://a?x", "http://a:99999", "http://[x"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(Problem) as refused:
        discover(UpstreamSettings(url=url))
    assert refused.value.fault == errors.SETTING_INVALID


async def test_a_managed_upstream_is_known_not_to_link():
    upstream = connect(UpstreamSettings(), managed_url="http://127.0.0.1:5000")
    assert isinstance(upstream, HttpUpstream)
    assert not upstream._links
    await upstream.close()


async def test_a_missing_upstream_says_so_whatever_is_asked():
    missing = MissingUpstream()
    await missing.close()
    for ask in (missing.require, lambda: missing.status().send(None)):
        with pytest.raises(Problem) as refused:
            ask()
        assert refused.value.fault == errors.UPSTREAM_MISSING


def test_a_managed_zot_listens_on_loopback_without_dedupe_and_without_time_limits(tmp_path, program):
    made = prepare(UpstreamSettings(), tmp_path, program)
    document = json.loads(made.config_path.read_text())
    assert made.argv == (str(program), "serve", str(tmp_path / "zot" / "config.json"))
    assert made.url == f"http://127.0.0.1:{document['http']['port']}"
    assert document["http"]["address"] == "127.0.0.1"
    assert document["storage"]["dedupe"] is False
    assert (document["http"]["readTimeout"], document["http"]["writeTimeout"]) == ("0s", "0s")
    assert document["http"]["compat"] == ["docker2s2"]
    assert "extensions" not in document


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "localhost", "", "example.com"])
def test_a_managed_zot_that_would_listen_elsewhere_is_refused(tmp_path, program, address):
    with pytest.raises(Problem) as refused:
        prepare(UpstreamSettings(managed_address=address), tmp_path, program)
    assert refused.value.fault == errors.SETTING_INVALID
    assert not (tmp_path / "zot").exists()


def test_a_fixed_port_and_ipv6_are_taken_over(tmp_path, program):
    made = prepare(UpstreamSettings(managed_address="::1", managed_port=5001), tmp_path, program)
    assert made.url == "http://[::1]:5001"


def test_a_folder_that_cannot_be_written_is_a_storage_failure(tmp_path, program):
    (tmp_path / "zot").write_text("a file")
    with pytest.raises(Problem) as refused:
        prepare(UpstreamSettings(), tmp_path, program)
    assert refused.value.fault == errors.STORAGE_FAILED


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 99 X\r\nContent-Length: 1",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n folded",
        b"HTTP/1.1 200 OK\r\nContent-Length : 1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: a\0b",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: identity",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\nX: y",
        b"HTTP/2 200\r\nContent-Length: 1",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 40,
    ],
)
def test_a_head_of_another_form_is_not_read(head):
    assert parse_head(head) is None


def test_a_plain_head_is_read():
    head = parse_head(b"HTTP/1.1 206 Partial Content\r\ncontent-length: 12\r\nX-A:  b c \r\nConnection: Close")
    assert (head.status, head.length, head.keep_alive, head.headers[1]) == (206, 12, False, ("X-A", "b c"))
    assert list(end_to_end(head.headers)) == [("X-A", "b c")]
