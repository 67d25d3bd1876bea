"""What ``zotplus status`` says of a server that is not well."""

import json

import pytest

from tests.faces.api.conftest import Terminal
from tests.faces.gateway import start
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.zot.discovery import MissingUpstream
from zotplus.domain import errors
from zotplus.domain.errors import Problem


class Failing(MissingUpstream, BlobsMemory):
    """A registry, or a blob store, whose check fails."""

    def __init__(self, failure):
        BlobsMemory.__init__(self)
        self.failure = failure

    async def status(self):
        raise self.failure

    check = status
    close = BlobsMemory.close


@pytest.fixture
def terminal_of(tmp_path):
    running = []

    def make(**parts):
        gateway = start(tmp_path, **parts)
        running.append(gateway)
        return Terminal(
            {
                "XDG_CONFIG_HOME": str(tmp_path),
                "ZOTPLUS_ENDPOINT": gateway.url,
                "ZOTPLUS_ACCESS_KEY": gateway.access_key,
                "ZOTPLUS_SECRET_KEY": gateway.secret,
            }
        )

    yield make
    for gateway in running:
        gateway.stop()


def test_an_upstream_that_is_down_is_named(terminal_of):
    terminal = terminal_of(upstream=Failing(Problem(errors.UPSTREAM_UNAVAILABLE)))
    result = terminal.run("status")
    assert result.exit_code == 10
    assert "The server is not ready: upstream (upstream_unavailable)." in result.stderr
    assert "The OCI registry does not answer." in result.stderr
    assert "version" in result.stdout
    assert json.loads(terminal.run("status", "--json").stdout)["ready"] is False


def test_all_that_failed_is_named_and_the_first_decides(terminal_of):
    terminal = terminal_of(
        upstream=Failing(TimeoutError()), blobs=Failing(Problem(errors.STORAGE_FAILED, "The disk is gone."))
    )
    code, told = terminal.fails("status")
    assert code == 7
    assert "The server is not ready: blobs (storage_failed), upstream (timeout)." in told


def test_a_check_that_takes_too_long_is_a_fault_of_its_part(terminal_of):
    code, told = terminal_of(upstream=Failing(TimeoutError())).fails("status")
    assert (code, "upstream (timeout)" in told) == (10, True)


def test_a_server_without_a_registry_is_ready(terminal_of):
    assert "yes" in terminal_of().ok("status")
