"""What tests of encryption share."""

import pytest

from zotplus.adapters.sealing_aead.ciphers import AesGcm
from zotplus.services.encryption.encryption import Encryption, Rings
from zotplus.services.encryption.ring import LocalKeyRing


@pytest.fixture
def ring(store, sealing, clock):
    return LocalKeyRing(store, sealing, AesGcm, makes=frozenset({"sse:s3", "s3-default"}), clock=clock)


@pytest.fixture
def encryption(ring):
    return Encryption(Rings(ring, ring, AesGcm))
