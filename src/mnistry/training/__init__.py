"""Fit a network to arrays."""
