"""Shares of 1 as percentages, written the same way everywhere.

Knows nothing of what the shares mean.
"""

_SURE = 1 - 1e-9  # softmax reaches 0 and 1 only by rounding


def percent(share: float, places: int = 2) -> str:
    """Write a share of 1 as a percentage; 100 % is written only for exactly 1, 0 % only for 0.

    Examples
    --------
    >>> percent(0.979), percent(1), percent(0.99999), percent(0.0004, places=1)
    ('97.90 %', '100.00 %', '> 99.99 %', '< 0.1 %')
    """
    least = 10.0**-places
    text = f"{100 * share:.{places}f}"
    if share < 1 and float(text) >= 100:
        return f"> {100 - least:.{places}f} %"
    if share > 0 and float(text) == 0:
        return f"< {least:.{places}f} %"
    return f"{text} %"


def confidence(probability: float, places: int = 1) -> str:
    """Write a network's probability as a percentage; no network is sure, so never 0 % or 100 %.

    Examples
    --------
    >>> confidence(0.975), confidence(1.0), confidence(0.0)
    ('97.5 %', '> 99.9 %', '< 0.1 %')
    """
    return percent(min(max(probability, 1 - _SURE), _SURE), places)
