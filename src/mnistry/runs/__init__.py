"""Run directories: training and scoring a network, and keeping the results."""
