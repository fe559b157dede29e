"""Campaigns that let things go wrong, for as long as it takes; ``python -m torture`` runs them all.

Each module is one campaign: its function `campaign` gives the figures, which
``docs/reliability.md`` shows. A short part of each is a test, in ``tests/torture``.
"""
