"""Digits in a terminal, figures by matplotlib, and progress bars."""
