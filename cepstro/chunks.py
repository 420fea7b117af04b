"""Dask arrays: pictures worked on chunk by chunk, and only when somebody asks for the result.

Each chunk is worked on together with what lies around it, as far as the work looks (`overlap`).
Dask is imported only where a Dask array is given, so nobody else needs it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import one_thread
from cepstro.light import Light, check_image

Slices = tuple[slice, slice]


def is_lazy(image: object) -> bool:
    """Whether this is something of Dask's."""
    return type(image).__module__.partition(".")[0] == "dask"


def unpack(image: Any, light: Light | None, progress: object) -> tuple[Any, Light]:
    """Check a Dask array as `cepstro.photo.unpack` checks an array.

    Raises
    ------
    TypeError, ValueError
        For what is no picture, for unknown sizes, and where `progress` is given.
    """
    import dask.array

    if not isinstance(image, dask.array.Array):
        raise TypeError(
            f"image must be an array, a Photo or a Dask array, got {type(image).__name__}"
        )
    if any(np.isnan(length) for length in image.shape):
        raise ValueError("the size of image must be known: call its compute_chunk_sizes() first")
    # A pixel of the same kind: only shape and dtype are looked at.
    check_image(np.empty([min(n, 1) for n in image.shape[:2]] + list(image.shape[2:]), image.dtype))
    if progress is not None:
        raise ValueError("progress goes with arrays; dask.diagnostics shows that of a Dask array")
    return image, "srgb" if light is None else light


def read(image: Any, boxes: list[Slices]) -> list[NDArray[Any]]:
    """Compute boxes of a Dask array."""
    import dask

    return list(dask.compute(*(image[box] for box in boxes)))


def cores(image: Any) -> list[list[slice]]:
    """Where the chunks of a Dask array lie, by rows and by columns."""
    edges = [[0, *np.cumsum(some).tolist()] for some in image.chunks[:2]]
    return [[slice(*edge) for edge in pairwise(some)] for some in edges]


def at_least(image: Any, halo: int) -> Any:
    """Join chunks until none is shorter than a halo."""
    from dask.array.overlap import ensure_minimum_chunksize

    sides = {
        axis: ensure_minimum_chunksize(halo, image.chunks[axis])
        for axis in (0, 1)
        if image.shape[axis] > halo
    }
    short = {axis: -1 for axis in (0, 1) if image.shape[axis] <= halo}
    return image.rechunk(sides | short)


def windows(image: Any, work: Any, halo: int) -> Any:
    """Dask array of `work` done on every chunk, none of which is shorter than `halo` px.

    `work` is a `cepstro.restore.parts.Parts`, or a Delayed of one.
    """
    import dask
    import dask.array

    depth = {axis: halo if image.numblocks[axis] > 1 else 0 for axis in range(2)}
    if image.ndim == 3:
        image = image.rechunk({2: -1})
        depth[2] = 0
    rows, columns = cores(image)

    def on_chunk(window: NDArray[Any], work: Any, block_info: Any = None) -> Any:
        y, x = block_info[0]["chunk-location"][:2]
        with one_thread():  # Dask works on several chunks at a time
            return work(window, work.area((rows[y], columns[x])), lambda _: None)

    wide = dask.array.overlap.overlap(image, depth, "none", allow_rechunk=False)
    return wide.map_blocks(
        on_chunk,
        work=dask.delayed(work),
        dtype=image.dtype,
        chunks=image.chunks,
        meta=np.empty((0,) * image.ndim, image.dtype),
    )
