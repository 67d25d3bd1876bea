"""The values of x-amz-content-sha256."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.signatures.payloads import EMPTY_SHA256, PayloadMode, payload_mode


def test_every_supported_mode_is_known():
    assert payload_mode(EMPTY_SHA256) is PayloadMode.SHA256
    assert payload_mode(EMPTY_SHA256.upper()) is PayloadMode.SHA256
    named = [mode for mode in PayloadMode if mode is not PayloadMode.SHA256]
    assert [payload_mode(mode.value) for mode in named] == named
    assert [mode for mode in PayloadMode if mode.is_signed] == [mode for mode in named if "HMAC" in mode]
    assert [mode for mode in PayloadMode if mode.has_trailer] == [mode for mode in named if "TRAILER" in mode]
    assert [mode for mode in PayloadMode if mode.is_chunked] == [mode for mode in named if "STREAMING" in mode]


@pytest.mark.parametrize("value", [
    "", "sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
    "unsigned-payload", "0" * 63, "g" * 64, "\u0660" * 64,
])  # fmt: skip
def test_other_values_are_refused(value):
    with pytest.raises(Problem) as caught:
        payload_mode(value)
    assert caught.value.fault is errors.ARGUMENT_INVALID
