"""The ``cepstro`` command: parses, calls, prints; no numerics.

Results go to standard output, everything else to standard error. Exit status 0: done, 1: an error
said in one line, 2: wrong usage, 3: analysed, but no defocus found (deblur: no blur that can be
undone), 130: stopped by Ctrl-C. Everything heavy is imported inside the commands, so that
``cepstro --help`` answers at once.
"""

from cepstro.cli.app import app, main

__all__ = ["app", "main"]
