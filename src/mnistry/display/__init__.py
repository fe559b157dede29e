"""Digits in a terminal, figures, and progress."""
