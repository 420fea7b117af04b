"""Dask arrays: pictures worked on chunk by chunk, and only when somebody asks for the result.

Each chunk is worked on together with its surroundings, as far as the work looks (`map_overlap`).
Dask is imported only where a Dask array is given, so nobody else needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import one_thread
from cepstro.light import Light, check_image

# A window, and whether it touches the picture's top or bottom, and its left or right side.
Work = Callable[[NDArray[Any], tuple[bool, bool]], NDArray[Any]]


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


def blocks(image: Any, samples: list[tuple[int, list[tuple[int, int]]]]) -> list[NDArray[Any]]:
    """Compute square blocks of a Dask array, given by side and corners: N x n x n (x C) each."""
    import dask

    found = dask.compute(
        *([image[y : y + side, x : x + side] for y, x in corners] for side, corners in samples)
    )
    return [np.stack(some) for some in found]


def windows(image: Any, work: Work, halo: int) -> Any:
    """Dask array of `work` done on every chunk within its surroundings of `halo` px."""
    import dask.array

    def on_chunk(window: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        here, count = block_info[0]["chunk-location"], block_info[0]["num-chunks"]
        border = here[0] in (0, count[0] - 1), here[1] in (0, count[1] - 1)
        with one_thread():  # Dask works on several chunks at a time
            return work(window, border)

    if image.ndim == 3:
        image = image.rechunk({2: -1})
    return dask.array.map_overlap(
        on_chunk,
        image,
        depth={axis: min(halo, image.shape[axis]) for axis in (0, 1)},
        boundary="none",
        dtype=image.dtype,
        meta=np.empty((0,) * image.ndim, image.dtype),
    )
