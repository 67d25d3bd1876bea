"""What tests of services share: memory adapters and a clock that only moves when told."""

import pytest

from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.services.access import Access


class Clock:
    """Seconds since the epoch; ``now`` is set by the test."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store():
    return KeyValueMemory()


@pytest.fixture
def sealing():
    return AeadSealing([b"k" * 32])


@pytest.fixture
def access(store, sealing, clock):
    return Access(store, sealing, clock=clock)
