"""The same work on many machines, by Ray; a single machine never needs it.

Ray schedules, moves data and tries again; here stands only what each worker does.
"""
