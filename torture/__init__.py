"""Long campaigns of fault injection; ``python -m torture`` runs them all.

Each campaign is a module with a function `campaign`, which returns the figures that
``docs/reliability.md`` shows. ``tests/torture`` runs a short part of each as a test.
"""
