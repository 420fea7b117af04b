"""A small neural network that corrects an estimate of a sharp picture.

A U-net of three scales works on a picture at half size, four neighbours a channel (as in FFDNet,
Zhang et al. 2018). It sees an estimate, its differences from others, and the noise level, and adds
a correction. It has no biases, so that scaling its inputs scales the correction (Mohan et al.
2020): a network for pictures of any brightness and noise. Its weights come from
`tests/benchmarks/train_network.py`, which says on what pictures; each file holds one stage.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Layers = dict[str, Plane]

_STEP = 8  # sides of what the network works on are multiples of this
_LEVEL = np.float32(8)  # factor of the noise level among the inputs
_RUN = 48  # pixels of a product: as large as BLAS takes without threads of its own
_RUNS = 64  # products at a time: the pixels' neighbours stay in the cache


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
    total = np.zeros_like(base)
    for k in range(turns):
        turned = (np.rot90(plane, k) for plane in (base, *others))
        total += np.rot90(_change(layers, list(turned), middle, level), -k)
    total /= np.float32(turns)
    total += base
    return total


def _change(layers: Layers, planes: list[Plane], middle: float, level: float) -> Plane:
    """Find what the network adds to the first of its planes."""
    height, width = planes[0].shape
    pad = (0, -height % _STEP), (0, -width % _STEP)
    base, *others = (np.pad(plane, pad, mode="edge") for plane in planes)
    planes = [base - np.float32(middle), *(other - base for other in others)]
    inputs = np.concatenate([_apart(plane[None]) for plane in planes])
    noise = np.full((1, *inputs.shape[1:]), _LEVEL * np.float32(level), np.float32)
    change = _together(_run(layers, np.concatenate([inputs, noise])))
    return change[0, :height, :width]


@cache
def _layers(stage: int) -> Layers:
    """Weights of a stage by layer: outputs x (inputs x positions)."""
    with np.load(Path(__file__).with_name(f"network_{stage}.npz")) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def _run(layers: Layers, x: Plane) -> Plane:
    fine = _conv(_conv(x, layers["e1"]), layers["e2"])
    middle = _relu(_mix(_apart(fine), layers["d1"]))
    middle = _conv(_conv(middle, layers["f1"]), layers["f2"])
    coarse = _relu(_mix(_apart(middle), layers["d2"]))
    coarse = _conv(_conv(coarse, layers["g1"]), layers["g2"])
    middle += _together(_mix(coarse, layers["u2"]))
    middle = _conv(_conv(_relu(middle), layers["h1"]), layers["h2"])
    fine += _together(_mix(middle, layers["u1"]))
    return _conv(_conv(_relu(fine), layers["k1"]), layers["out"], last=True)


def _conv(x: Plane, weights: Plane, *, last: bool = False) -> Plane:
    """3 x 3 convolution of C x H x W, zeros beyond; negative values to zero unless `last`."""
    channels, height, width = x.shape
    wide = width + 2
    count = -(-height * wide // _RUN)
    flat = np.zeros((channels, (height + 2) * wide + 2 + _RUN), np.float32)
    flat[:, : (height + 2) * wide].reshape(channels, height + 2, wide)[:, 1:-1, 1:-1] = x
    step, next_channel = flat.itemsize, flat.strides[0]
    near = np.lib.stride_tricks.as_strided(
        flat,
        (count, channels, 3, 3, _RUN),
        (_RUN * step, next_channel, wide * step, step, step),
        writeable=False,
    )
    out = np.empty((len(weights), count, _RUN), np.float32)
    for start in range(0, count, _RUNS):
        part = near[start : start + _RUNS].reshape(-1, 9 * channels, _RUN)
        out[:, start : start + len(part)] = (weights @ part).transpose(1, 0, 2)
    if not last:
        _relu(out)
    return out.reshape(len(weights), -1)[:, : height * wide].reshape(-1, height, wide)[..., :width]


def _mix(x: Plane, weights: Plane) -> Plane:
    """Mix the channels of each pixel."""
    channels, height, width = x.shape
    count = -(-height * width // _RUN)
    flat = np.zeros((channels, count * _RUN), np.float32)
    flat[:, : height * width] = x.reshape(channels, -1)
    out = weights @ flat.reshape(channels, count, _RUN).transpose(1, 0, 2)
    mixed = out.transpose(1, 0, 2).reshape(len(weights), -1)[:, : height * width]
    return mixed.reshape(-1, height, width)


def _relu(x: Plane) -> Plane:
    return np.maximum(x, 0, out=x)


def _apart(x: Plane) -> Plane:
    """C x H x W to 4 C x H/2 x W/2: the four pixels of a square become channels."""
    channels, height, width = x.shape
    squares = x.reshape(channels, height // 2, 2, width // 2, 2).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(squares).reshape(4 * channels, height // 2, width // 2)


def _together(x: Plane) -> Plane:
    """Undo `_apart`."""
    channels, height, width = x.shape
    squares = x.reshape(channels // 4, 2, 2, height, width).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(squares).reshape(channels // 4, 2 * height, 2 * width)
