"""The transit engine of these tests."""

from tests.keyrings.transit import transit

__all__ = ["transit"]
