"""What tests with real programs share: registries, and the gateway in front of each."""

from collections.abc import Iterator

import pytest

from tests.peers.keycloak import keycloak  # noqa: F401 - a fixture
from tests.peers.programs import PeerGateway, Running, start_gateway, start_registry, start_zot


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "/tests/peers/" in str(item.path):
            item.add_marker(pytest.mark.peer)


@pytest.fixture(scope="session", params=["registry", "zot"])
def upstream(request, tmp_path_factory) -> Iterator[Running]:
    """The CNCF registry, and stock Zot where it is there."""
    folder = tmp_path_factory.mktemp(request.param)
    running = start_registry(folder) if request.param == "registry" else start_zot(folder)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def gateway(upstream, tmp_path_factory) -> Iterator[PeerGateway]:
    """The gateway over ``upstream``: ``writer`` publishes team/**, ``reader`` reads it, ``stranger`` may nothing."""
    made = start_gateway(tmp_path_factory.mktemp("gateway"), upstream.url)
    try:
        made.add_user("writer", ("publisher", "oci:team/**"), ("publisher", "oci:public/**"))
        made.add_user("reader", ("reader", "oci:team/**"))
        made.add_user("stranger")
        made.grant("public", "reader", "oci:public/**")
        yield made
    finally:
        made.running.stop()


@pytest.fixture(scope="session")
def bare_gateway(tmp_path_factory) -> Iterator[PeerGateway]:
    """A gateway without any registry behind it."""
    made = start_gateway(tmp_path_factory.mktemp("bare"), None)
    try:
        made.add_user("writer", ("publisher", "oci:team/**"))
        yield made
    finally:
        made.running.stop()
