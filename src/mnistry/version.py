"""The version of mnistry."""

__version__ = "0.1.0"
