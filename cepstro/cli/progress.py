"""A progress bar on standard error for work that takes longer than a second."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def bar(what: str) -> Iterator[Callable[[float], None]]:
    """Context with a function to call with the fraction done, 0..1, which draws a bar.

    Nothing is drawn in the first second, nor unless standard error is a terminal.
    """
    start = time.monotonic()
    with Line() as line:

        def show(fraction: float) -> None:
            if time.monotonic() - start >= _PATIENCE:
                fraction = min(max(fraction, 0.0), 1.0)
                done = "#" * round(_WIDTH * fraction)
                line.show(f"{what} [{done:.<{_WIDTH}}] {100 * fraction:3.0f} %")

        yield show
