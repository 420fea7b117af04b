"""A progress bar on standard error for work that takes longer than a second."""

import shutil
import sys
import time
from types import TracebackType

_PATIENCE = 1.0  # seconds before the bar shows
_WIDTH = 30


class Line:
    """One line on standard error that is drawn over and over; nothing unless it is a terminal.

    Used as a context manager, so that the line is gone when the work ends, however it ends.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn = ""

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Draw the line, cut to the terminal's width."""
        text = text[: shutil.get_terminal_size().columns - 1]
        if self._terminal and text != self._drawn:
            sys.stderr.write("\r" + text.ljust(len(self._drawn)))
            sys.stderr.flush()
            self._drawn = text

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            sys.stderr.write("\r" + " " * len(self._drawn) + "\r")
            sys.stderr.flush()
            self._drawn = ""


class Progress:
    """Callable with the fraction done (0..1); draws nothing unless standard error is a terminal.

    Used as a context manager, so that the bar is gone when the work ends, however it ends.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()
        self._line = Line()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.clear()

    def __call__(self, fraction: float) -> None:
        """Show the fraction done."""
        if time.monotonic() - self._start < _PATIENCE:
            return
        fraction = min(max(fraction, 0.0), 1.0)
        bar = "#" * round(_WIDTH * fraction)
        self._line.show(f"{self._what} [{bar:.<{_WIDTH}}] {100 * fraction:3.0f} %")
