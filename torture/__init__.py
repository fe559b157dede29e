"""Long campaigns of fault injection; ``python -m torture`` runs them all.

Each campaign is a module with a function `campaign`, which returns the figures that
``docs/reliability.md`` shows. Tests run a short part of each: in ``tests/torture``, and for the API
in ``tests/studio``.
"""
