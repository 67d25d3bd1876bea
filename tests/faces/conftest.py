"""A gateway for face tests: one per module, since starting it costs more than most tests."""

import pytest

from tests.faces.gateway import start


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()
