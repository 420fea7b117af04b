"""A progress bar on standard error for work that takes longer than a second."""

import sys
import time
from types import TracebackType

_PATIENCE = 1.0  # seconds before the bar shows
_WIDTH = 30


class Progress:
    """Callable with the fraction done (0..1); draws nothing unless standard error is a terminal.

    Used as a context manager, so that the bar is gone when the work ends, however it ends.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._drawn = ""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            sys.stderr.write("\r" + " " * len(self._drawn) + "\r")
            sys.stderr.flush()

    def __call__(self, fraction: float) -> None:
        """Show the fraction done."""
        if not self._terminal or time.monotonic() - self._start < _PATIENCE:
            return
        fraction = min(max(fraction, 0.0), 1.0)
        bar = "#" * round(_WIDTH * fraction)
        line = f"{self._what} [{bar:.<{_WIDTH}}] {100 * fraction:3.0f} %"
        if line != self._drawn:
            sys.stderr.write("\r" + line)
            sys.stderr.flush()
            self._drawn = line
