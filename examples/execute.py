"""Run the notebook from start to end, and keep what its cells show.

``python examples/execute.py`` writes the outputs into the notebook; ``-o FILE`` writes the whole
to another file. Knows nothing of what the cells do; where one fails, that is the end, with its
traceback, and nothing is written.
"""

import argparse
import os
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from mnistry.system.files import write_bytes

NOTEBOOK = Path(__file__).with_name("mnist_with_keras.ipynb")


def execute(notebook: nbformat.NotebookNode) -> None:
    """Run every cell in this Python, whatever kernels and settings the user has."""
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[])),
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=40"],
    )
    # Figures go into the notebook, even where another place is set.
    client.execute(env=os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"})
    # The kernel has put its version there, which would change with the machine.
    notebook.metadata.language_info = {"name": "python"}


def main() -> None:
    """Execute the notebook and write it whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=NOTEBOOK, metavar="FILE")
    output = parser.parse_args().output
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    execute(notebook)
    write_bytes(output, (nbformat.writes(notebook) + "\n").encode())


if __name__ == "__main__":
    main()
