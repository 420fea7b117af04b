"""Learned corrections: an estimate, what the photo says of it, and a network that weighs both.

    v_1 = N_1(t; W y, W' y, y)                    t: total variation (`sparse`), a few steps
    v_2 = N_2(u; W y, u + W' r, u + W r),         u: v_1 after `plug_and_play`, r = y - H u

on encoded values, where noise is white. W is the photo's Wiener filter and W' one with an eighth
of its NSR: of the rest r that u does not explain they bring back what was smoothed away, W' more
of it and more noise. The network is `network`, trained by tests/benchmarks/train_network.py.

On photos without a part in the training (120 cases, known disks): total variation 28.16 dB, 5 steps
of plug-and-play from there 28.92, v_1 28.90, N_2 on v_1 29.21; with plug-and-play between the two,
0.2 dB more (24 cases). Networks before plug-and-play and none after gained half as much.
"""

from __future__ import annotations

import numpy as np

from cepstro.fft import irfft2, rfft2
from cepstro.light import Light, from_linear, to_linear
from cepstro.restore.borders import Plane
from cepstro.restore.network import correct
from cepstro.restore.observation import Observation, Spectrum

_LESS = 8  # W' has so much less NSR than W
_FLOAT = np.dtype(np.float32)

Estimates = tuple[Plane, list[Plane]]  # the one to correct, and others


def first(seen: Observation, frame: Plane, mean: float, light: Light) -> Estimates:
    """Gather what N_1 sees, encoded; `frame` holds total variation's estimate, its mean removed."""
    data = rfft2(seen.frame)
    others = [_cut(seen, data * seen.filter), _cut(seen, data * seen.bolder(_LESS)), seen.plane]
    encoded = [_encode(plane, mean, light) for plane in others]
    return _encode(seen.picture(frame), mean, light), encoded


def second(seen: Observation, frame: Plane, mean: float, light: Light) -> Estimates:
    """Gather what N_2 sees, encoded; `frame` holds an estimate, its mean removed."""
    wiener = _cut(seen, rfft2(seen.frame) * seen.filter)
    estimate = rfft2(frame)
    seen.refresh(estimate.copy())
    rest = rfft2(seen.frame)
    rest -= estimate * seen.otf
    bold = _cut(seen, estimate + rest * seen.bolder(_LESS))
    rest *= seen.filter
    rest += estimate
    encoded = [_encode(plane, mean, light) for plane in (wiener, bold, _cut(seen, rest))]
    return _encode(seen.picture(frame), mean, light), encoded


def restore(
    seen: Observation,
    frame: Plane,
    mean: float,
    level: float,
    light: Light,
    *,
    stage: int,
    turns: int,
) -> Plane:
    """Correct an estimate of an observed plane by N_1 or N_2; float32, the whole frame.

    `frame` and the result have their mean removed; `level` is the standard deviation of the
    photo's noise, encoded.
    """
    base, others = (first if stage == 1 else second)(seen, frame, mean, light)
    middle = float(_encode(np.zeros(1, np.float32), mean, light)[0])
    v = correct(stage, base, others, middle, level, turns=turns)
    out = frame.copy()
    picture = seen.picture(out)
    np.maximum(to_linear(v, light=light), 0, out=picture)
    picture -= np.float32(mean)
    return out


def _cut(seen: Observation, spectrum: Spectrum) -> Plane:
    """Transform a spectrum, which is destroyed, and cut the picture out."""
    return seen.picture(np.asarray(irfft2(spectrum, seen.shape, overwrite=True), np.float32))


def _encode(plane: Plane, mean: float, light: Light) -> Plane:
    return from_linear(plane + np.float32(mean), _FLOAT, light=light)
