"""The run directory, and how one comes about."""
