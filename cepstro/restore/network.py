"""A small neural network that corrects an estimate of a sharp picture.

A U-net of three scales works on a picture at half size, four neighbours a channel (as in FFDNet,
Zhang et al. 2018). It sees an estimate, its differences from others, and the noise level, and adds
a correction. It has no biases, so that scaling its inputs scales the correction (Mohan et al.
2020): a network for pictures of any brightness and noise. Its weights come from
`tests/benchmarks/train_network.py`, which says on what pictures; each file holds one stage.

Planes of channels are kept as rows x channels x columns. Three copies of a few rows, each a column
further, then hold the 9 neighbours of every pixel at even steps, and one product a row is the
convolution. In tiles that stay in the cache that takes 0.6 of the processor time of gathering all
neighbours of 48 pixels at a time (in turns, one thread, 1 MP).
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from cepstro.fft import by_rows

Plane = NDArray[np.float32]
Layers = dict[str, Plane]
Memory = dict[int, Plane]  # flat, for one layer's channels after the other

_STEP = 8  # sides of what the network works on are multiples of this
_LEVEL = np.float32(8)  # factor of the noise level among the inputs
_ROWS = 32  # of a tile
_PRODUCT = 1 << 19  # multiplications of a product: below, BLAS takes no threads of its own


def correct(
    stage: int, base: Plane, others: list[Plane], middle: float, level: float, *, turns: int = 1
) -> Plane:
    """Correct an estimate.

    Parameters
    ----------
    stage : int
        Which weights.
    base : H x W float32
        The estimate, encoded values.
    others : list of H x W float32
        Other estimates of the same picture, in the order of the training.
    middle : float
        The whole picture's mean, encoded; it is taken from what the network sees.
    level : float
        Standard deviation of the photo's noise, encoded.
    turns : int
        The mean of so many corrections, each of the picture turned by a right angle more.
    """
    layers = _layers(stage)
    height, width = base.shape
    # Filled up before they are turned, so that squares fall alike in an area and in the whole.
    pad = (0, -height % _STEP), (0, -width % _STEP)
    planes = [np.pad(plane, pad, mode="edge") for plane in (base, *others)]
    total = planes[0].copy()
    memory: Memory = {}
    for k in range(turns):
        turned = [np.rot90(plane, k) for plane in planes]
        change = _run(layers, _inputs(turned, middle, level, memory), memory)
        _add(np.rot90(total, k), change, np.float32(1 / turns))
    return total[:height, :width]


def _inputs(planes: list[Plane], middle: float, level: float, memory: Memory) -> Plane:
    """Squares of the first plane, of what the others differ from it by, and the noise level."""
    base, *others = planes
    rows, columns = base.shape[0] // 2, base.shape[1] // 2
    x = _empty(memory, 0, (rows, 4 * len(planes) + 1, columns))

    def work(band: slice) -> None:
        into, double = _inner(x)[band], slice(2 * band.start, 2 * band.stop)
        part = base[double]
        parts = [part - np.float32(middle), *(other[double] - part for other in others)]
        for i, plane in enumerate(parts):
            squares = plane.reshape(-1, 2, columns, 2).transpose(0, 1, 3, 2)
            into[:, 4 * i : 4 * i + 4] = squares.reshape(-1, 4, columns)
        into[:, -1] = _LEVEL * np.float32(level)

    by_rows(work, rows, _ROWS)
    return x


def _add(plane: Plane, change: Plane, weight: np.float32) -> None:
    """Add squares that the network made to a plane, in place."""
    source = _inner(change)

    def work(band: slice) -> None:
        count, _, columns = source[band].shape
        squares = (weight * source[band]).reshape(count, 2, 2, columns).transpose(0, 1, 3, 2)
        plane[2 * band.start : 2 * band.stop] += squares.reshape(2 * count, 2 * columns)

    by_rows(work, len(source), _ROWS)


@cache
def _layers(stage: int) -> Layers:
    """Weights of a stage by layer: outputs x inputs, of positions and then channels."""
    layers = {}
    with np.load(Path(__file__).with_name(f"network_{stage}.npz")) as file:
        for name in file.files:
            weights = file[name].astype(np.float32)
            if name.startswith("u"):  # four outputs a channel
                weights = weights.reshape(-1, 4, weights.shape[1]).swapaxes(0, 1)
                weights = weights.reshape(-1, weights.shape[2])
            else:
                positions = 4 if name.startswith("d") else 9
                weights = weights.reshape(len(weights), -1, positions).swapaxes(1, 2)
                weights = weights.reshape(len(weights), -1)
            layers[name] = np.ascontiguousarray(weights)
    return layers


def _run(layers: Layers, x: Plane, memory: Memory) -> Plane:
    def pair(x: Plane, first: str, second: str, place: int, *, last: bool = False) -> Plane:
        height, _, width = _inner(x).shape
        out = _empty(memory, place, (height, len(layers[second]), width))
        return _pair(x, layers[first], layers[second], out, last=last)

    def down(x: Plane, name: str, place: int) -> Plane:
        height, _, width = _inner(x).shape
        out = _empty(memory, place, (height // 2, len(layers[name]), width // 2))
        return _down(x, layers[name], out)

    fine = pair(x, "e1", "e2", 1)
    middle = pair(down(fine, "d1", 2), "f1", "f2", 3)
    coarse = pair(down(middle, "d2", 4), "g1", "g2", 5)
    _up(middle, coarse, layers["u2"])
    middle = pair(middle, "h1", "h2", 2)
    _up(fine, middle, layers["u1"])
    return pair(fine, "k1", "out", 0, last=True)


def _pair(x: Plane, first: Plane, second: Plane, out: Plane, *, last: bool) -> Plane:
    """Two 3 x 3 convolutions, zeros beyond; negative values to zero, but after the `last`.

    The second follows the first band by band, so that what is between them stays in the cache.
    """
    height, _, width = _inner(x).shape
    spare: list[Plane] = []  # memory of bands before

    def work(rows: slice) -> None:
        a, b = max(rows.start - 1, 0), min(rows.stop + 1, height)
        try:
            between = spare.pop()
        except IndexError:
            between = np.empty((_ROWS + 2, len(first), width + 2), np.float32)
        band = between[: rows.stop - rows.start + 2]
        band[..., 0], band[..., -1] = 0, 0
        if rows.start == 0:
            band[0] = 0
        if rows.stop == height:
            band[-1] = 0
        _conv(x[a : b + 2], first, band[a - rows.start + 1 : b - rows.start + 1, :, 1:-1])
        _conv(band, second, _inner(out)[rows], last=last)
        spare.append(between)

    by_rows(work, height, _ROWS)
    return out


def _conv(x: Plane, weights: Plane, out: Plane, *, last: bool = False) -> None:
    """3 x 3 convolution of rows with their rim into rows without."""
    count, _, width = out.shape
    channels = x.shape[1]
    row, channel, column = x.strides
    for columns in _tiles(width, weights):
        size = columns.stop - columns.start
        near = np.ascontiguousarray(
            as_strided(
                x[..., columns.start :],
                (count + 2, 3, channels, size),
                (row, column, channel, column),
            )
        )
        product = weights @ as_strided(
            near, (count, 9 * channels, size), (near.strides[0], *near.strides[2:])
        )
        if last:
            out[..., columns] = product
        else:
            np.maximum(product, 0, out=out[..., columns])


def _down(x: Plane, weights: Plane, out: Plane) -> Plane:
    """Mix the channels of squares of four pixels into one; negative values to zero."""
    height, channels, width = _inner(out).shape[0], x.shape[1], _inner(out).shape[2]
    squares = _squares(x)

    def work(rows: slice) -> None:
        for columns in _tiles(width, weights):
            part = squares[rows, ..., columns]
            product = weights @ part.reshape(len(part), 4 * channels, -1)
            np.maximum(product, 0, out=_inner(out)[rows, :, columns])

    by_rows(work, height, _ROWS)
    return out


def _up(x: Plane, coarse: Plane, weights: Plane) -> None:
    """Add the mixed channels of coarse pixels to their four; negative values to zero, in place."""
    source = _inner(coarse)
    squares = _squares(x)

    def work(rows: slice) -> None:
        for columns in _tiles(source.shape[2], weights):
            product = weights @ source[rows, :, columns]
            into = squares[rows, ..., columns]
            into += product.reshape(into.shape)
            np.maximum(into, 0, out=into)

    by_rows(work, len(source), _ROWS)


def _tiles(width: int, weights: Plane) -> list[slice]:
    """Cut rows into pieces of which one product stays small."""
    count = -(-width * weights.size // _PRODUCT)
    edges = [i * width // count for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _empty(memory: Memory, place: int, shape: tuple[int, int, int]) -> Plane:
    """Rows x channels x columns with a rim of zeros, in memory used before where it suffices.

    Memory got anew for each layer, page by page, took a fifth of the network's time.
    """
    height, channels, width = shape[0] + 2, shape[1], shape[2] + 2
    size = height * channels * width
    if place not in memory or memory[place].size < size:
        memory[place] = np.empty(size, np.float32)
    x = memory[place][:size].reshape(height, channels, width)
    x[0], x[-1], x[..., 0], x[..., -1] = 0, 0, 0, 0
    return x


def _inner(x: Plane) -> Plane:
    """Leave the rim away (a view)."""
    return x[1:-1, :, 1:-1]


def _squares(x: Plane) -> Plane:
    """Rows x 2 x 2 x channels x columns: the four pixels of each square (a view)."""
    row, channel, column = x.strides
    height, channels, width = _inner(x).shape
    shape = height // 2, 2, 2, channels, width // 2
    return as_strided(_inner(x), shape, (2 * row, row, column, channel, 2 * column))
