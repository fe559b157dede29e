"""Import the packages that only some formats need, or say what to install."""

import importlib
from types import ModuleType

from mnistry.errors import UsageError


def needed(module: str, package: str, what: str, where: object) -> ModuleType:
    """Import a module.

    Parameters
    ----------
    module, package
        The module's name, and that of the package that contains it.
    what
        The kind of file that needs it, for the message.
    where
        The file that needs it, for the message.

    Raises
    ------
    UsageError
        If the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(
            f"{what} needs the package {package}",
            where=where,
            remedy="pip install 'mnistry[data]'",
        ) from None
