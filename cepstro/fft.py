"""Real two-dimensional FFTs as every room uses them: float32 kept, good sizes, all cores.

``scipy.fft`` keeps float32 and is about five times faster than ``numpy.fft`` on large planes. The
extra ``fast`` (ducc0) is used, where it is installed, for what it does sooner: real rows forth in
0.75 of SciPy's time, while it takes 1.1 down the columns and 2 back (24 and 6 MP; ducc0 0.42, SciPy
1.17, processor time on a busy machine). Sizes are those that real transforms like best
(`next_fast_len`), never powers of two for their own sake.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
_here = threading.local()
_BAND = 1 << 20  # elements of a band
_ROWS = 1 << 18  # of rows to be transformed, which takes longer


@contextmanager
def at_most(count: int) -> Iterator[None]:
    """Within this context, `threads` is `count` or less in the calling thread."""
    before = getattr(_here, "most", None)
    _here.most = count if before is None else min(count, before)
    try:
        yield
    finally:
        _here.most = before


def one_thread() -> AbstractContextManager[None]:
    """Context of one thread: for work already side by side."""
    return at_most(1)


def threads() -> int:
    """Threads that one transform may use: the cores of this process, or ``CEPSTRO_THREADS``."""
    wanted = os.environ.get("CEPSTRO_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        count = int(wanted)
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    most: int | None = getattr(_here, "most", None)
    return count if most is None else min(count, most)


def by_rows(work: Callable[[slice], None], count: int, rows: int) -> None:
    """Call `work` for bands of at most `rows` rows out of `count`, on all cores.

    NumPy leaves the GIL. The bands are the same for any number of threads, and so is the result;
    they are even, and of an even number, so that no core waits for another.
    """
    parts = min(count, 2 * -(-count // (2 * rows))) if count > rows else 1
    edges = [i * count // parts for i in range(parts + 1)]
    bands = [slice(*edge) for edge in pairwise(edges)]
    todo = iter(bands)

    def some() -> None:
        try:
            for band in todo:
                work(band)
        except BaseException:
            list(todo)  # nobody begins another
            raise

    helpers = min(len(bands), threads()) - 1  # beside this thread
    if helpers < 1:
        some()
        return
    with ThreadPoolExecutor(helpers) as pool:
        others = [pool.submit(some) for _ in range(helpers)]
        some()
        for other in others:
            other.result()


@contextmanager
def meanwhile(work: Callable[[], Item]) -> Iterator[Callable[[], Item]]:
    """Do `work` on the other cores while the block works on one; what is yielded gives its result.

    Where there is but one core it is done before.
    """
    count = threads() - 1

    def beside() -> Item:
        with at_most(count):
            return work()

    if count < 1:
        found = work()
        yield lambda: found
    else:
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(beside).result


def side_by_side(
    work: Callable[[Item], None],
    items: Sequence[Item],
    tell: Callable[[float], None],
    *,
    most: int | None = None,
    over: threading.Event | None = None,
) -> None:
    """Work on several items at a time, which share the cores; an exception ends it all.

    `tell` is called with the fraction done, from this thread only; `most` items at a time. `over`
    is set at the end: after an exception it asks what is under way to stop.
    """
    count = min(len(items), threads(), most or len(items))
    share = threads() // count

    def alone(item: Item) -> None:
        with at_most(share):
            work(item)

    pool = ThreadPoolExecutor(count)
    try:
        found = as_completed([pool.submit(alone, item) for item in items])
        for done, future in enumerate(found, 1):
            future.result()
            tell(done / len(items))
    finally:
        if over is not None:
            over.set()
        pool.shutdown(cancel_futures=True)


def multiply(
    spectrum: NDArray[np.complexfloating],
    factor: NDArray[np.inexact],
    *,
    plus: NDArray[np.complexfloating] | None = None,
) -> None:
    """Multiply a 2-D spectrum by a filter, add another if given, in place, on all cores."""

    def work(band: slice) -> None:
        part = spectrum[band]
        part *= factor[band]
        if plus is not None:
            part += plus[band]

    by_rows(work, len(spectrum), max(1, _BAND // spectrum.shape[1]))


def shift(plane: NDArray[np.floating], value: np.floating) -> None:
    """Add a number to a plane, in place, on all cores."""

    def work(band: slice) -> None:
        plane[band] += value

    by_rows(work, len(plane), max(1, _BAND // plane.shape[1]))


def good_size(n: int) -> int:
    """Smallest length >= `n` whose real FFT is fast."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(n, real=True))


@cache
def _ducc() -> Any:
    """``ducc0.fft``, the extra ``fast``, or None where it is not installed."""
    try:
        import ducc0
    except ImportError:
        return None
    return ducc0.fft


def rfft2(
    plane: NDArray[np.floating], *, out: NDArray[np.complexfloating] | None = None
) -> NDArray[np.complexfloating]:
    """Real 2-D FFT over the last two axes; float32 gives complex64.

    `out` takes the spectrum of one plane: new memory of its size is as dear as a third of the
    transform.
    """
    import scipy.fft

    spectrum: NDArray[np.complexfloating]
    if out is None:
        spectrum = scipy.fft.rfft2(plane, workers=threads())
        return spectrum

    def work(rows: slice) -> None:
        with one_thread():
            out[rows] = rfft(plane[rows])

    by_rows(work, len(plane), max(1, _ROWS // plane.shape[1]))
    spectrum = scipy.fft.fft(out, axis=0, overwrite_x=True, workers=threads())
    return spectrum


def irfft2(
    spectrum: NDArray[np.complexfloating],
    shape: tuple[int, int],
    *,
    overwrite: bool = False,
    out: NDArray[np.floating] | None = None,
) -> NDArray[np.floating]:
    """Inverse of `rfft2` for planes of `shape`; complex64 gives float32.

    With `overwrite`, `spectrum` may be destroyed to save memory; `out` takes the plane.
    """
    if spectrum.shape[-2:] != (shape[0], shape[1] // 2 + 1):
        import scipy.fft

        plane: NDArray[np.floating] = scipy.fft.irfft2(spectrum, s=shape, workers=threads())
        return plane
    half = unroll(spectrum, overwrite=overwrite)
    if out is None:
        return irfft(half, shape[1])

    def work(rows: slice) -> None:
        with one_thread():
            out[rows] = irfft(half[rows], shape[1])

    by_rows(work, shape[0], max(1, _ROWS // shape[1]))
    return out


def unroll(
    spectrum: NDArray[np.complexfloating], *, overwrite: bool = False
) -> NDArray[np.complexfloating]:
    """First half of `irfft2`, down the columns; `irfft` is the second, row by row.

    In two halves it takes 0.7 of the time of SciPy's (processor time, one thread), which works in
    new memory and leaves `overwrite` be.
    """
    import scipy.fft

    half: NDArray[np.complexfloating]
    half = scipy.fft.ifft(
        spectrum, axis=spectrum.ndim - 2, workers=threads(), overwrite_x=overwrite
    )
    return half


def rfft(rows: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    """Real FFT of every row."""
    half: NDArray[np.complexfloating]
    fast = _ducc()
    if fast is not None and rows.dtype in (np.float32, np.float64):
        half = fast.r2c(rows, axes=(rows.ndim - 1,), nthreads=threads())
        return half
    import scipy.fft

    half = scipy.fft.rfft(rows, workers=threads())
    return half


def irfft(half: NDArray[np.complexfloating], width: int) -> NDArray[np.floating]:
    """Inverse of `rfft` for rows of `width`."""
    import scipy.fft

    rows: NDArray[np.floating] = scipy.fft.irfft(half, n=width, workers=threads())
    return rows


def columns(
    values: NDArray[np.complexfloating], filter: NDArray[np.floating]
) -> NDArray[np.complexfloating]:
    """Filter every column of an array, on one thread: FFT, `filter`, and back."""
    import scipy.fft

    made: NDArray[np.complexfloating] = scipy.fft.fft(values, axis=0)
    made *= filter
    made = scipy.fft.ifft(made, axis=0, overwrite_x=True)
    return made
