"""These tests use the network and the digits of the tests of explanations."""

from tests.explain.conftest import convnet, digits

__all__ = ["convnet", "digits"]
