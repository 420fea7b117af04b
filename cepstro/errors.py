"""The errors that cepstro raises on purpose, each with its exit status on the command line.

Wrong *arguments* raise ``ValueError`` or ``TypeError``; these classes are for the world outside:
files, photos and what they show. Every message says in one sentence what was wrong and what to do.
"""

import types
from importlib import import_module


class CepstroError(Exception):
    """Base of all errors raised by cepstro itself."""

    exit_code = 1


class ReadError(CepstroError):
    """A file that cannot be read as a photo: missing, broken, too large or of an unknown kind."""


class WriteError(CepstroError):
    """A result that cannot be written where it was asked for."""


class MissingExtraError(CepstroError):
    """A feature whose optional dependency is not installed; the message names the command."""


class ClusterError(CepstroError):
    """A Dask cluster that cannot be reached, or no longer."""


class UnsuitableImageError(CepstroError):
    """A picture that the operation cannot work on: too small, flat, not finite, another scene."""


class NoDefocusError(CepstroError):
    """A photo was analysed and shows no blur that could be undone or copied."""

    exit_code = 3


def extra(module: str, what: str, name: str) -> types.ModuleType:
    """Import a module that comes with an extra; `what` takes it, the extra is called `name`.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{what}: pip install 'cepstro[{name}]'") from error
