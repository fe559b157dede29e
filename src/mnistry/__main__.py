"""Run the command line: ``python -m mnistry``."""

from mnistry.cli import main

main()
