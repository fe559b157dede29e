"""The networks that are explained are also looked into."""

from tests.explain.conftest import convnet, digits

__all__ = ["convnet", "digits"]
