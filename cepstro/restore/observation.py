"""What was seen of the scene: a blurred plane in its frame, and how far each pixel is data.

Pixels beyond the picture's border were not seen, pixels at the sensor's limit say only that the
light was no less, and noise, white on encoded values, grows with light after decoding. The data
term therefore has a weight w at each pixel, 0 beyond the border. Each iterative method works on a
frame y that is renewed after a step from its estimate x by the alternating direction method
(Almeida & Figueiredo 2013; for highlights Whyte et al. 2014 lower their weight instead):

    t = H x + u,   u <- (t - photo) w / (1 + w)  (clipped: no more than 0),   y = t - 2 u

so that y is the photo where w = 1 and H x where nothing was seen. With w = 1 / slope of the tone
curve, within 1/2 and 2, default and TV are 0.1 to 0.2 dB above w = 1 on 9 photos in 4 conditions,
0.4 to 0.8 dB on drawn-like ones; 1 / slope^2, the noise's true weight, amplified noise in the dark.
`spread` is the local noise in the restored picture relative to the whole's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import by_rows, irfft2, multiply, rfft2
from cepstro.psf import PSF
from cepstro.restore import wiener
from cepstro.restore.borders import Plane, embed
from cepstro.restore.prior import Prior
from cepstro.restore.response import expected, squared

Spectrum = NDArray[np.complexfloating]

_ROWS = 128  # worked on at a time: they stay in the cache
_CLIP_STEPS = 8  # Wiener steps that find the light of clipped pixels before a method starts
_WEIGHT = np.float32(2)  # most weight of a pixel as data, and its inverse the least
_EVEN = 0.25  # power of the variance: half the standard deviation's, as pixels are weighed already
_MODEL = 0.4 / 255  # light: error of the model itself, alike in shadows and lights


@dataclass(slots=True)
class Observation:
    """A blurred plane in its periodic frame; see the module."""

    plane: Plane  # the photo, its mean removed
    clipped: NDArray[np.bool_] | None  # pixels of it at the sensor's limit
    limit: bool  # whether clipped pixels are a lower bound (light) or nothing (colour differences)
    otf: NDArray[np.inexact]
    power: Plane  # |E H|^2
    doubt: Plane | np.float32  # noise at each frequency over white noise, >= 1: an unsure diameter
    prior: Prior
    frame: Plane  # the extended photo
    filter: NDArray[np.inexact]  # the Wiener filter
    weight: Plane | None = None  # of the photo's pixels as data, about 1; None: all 1
    dual: Plane | None = None  # u; None: 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the frame."""
        return self.frame.shape[0], self.frame.shape[1]

    def picture(self, frame: Plane) -> Plane:
        """Cut the part that the photo shows out of a frame (a view)."""
        return frame[: self.plane.shape[0], : self.plane.shape[1]]

    def bolder(self, factor: float) -> NDArray[np.inexact]:
        """Return the Wiener filter with an NSR less by `factor`."""
        nsr = self.prior.nsr(self.power, self.shape)
        nsr /= np.float32(factor)
        nsr += self.power
        bold: NDArray[np.inexact] = np.conj(self.otf) / nsr
        return bold

    def refresh(self, estimate: Spectrum) -> None:
        """Renew the frame from the spectrum of an estimate, which is destroyed."""
        multiply(estimate, self.otf)
        irfft2(estimate, self.shape, overwrite=True, out=self.frame)
        inside = self.picture(self.frame)
        if self.dual is None:
            self.dual = np.zeros_like(self.plane)
        dual = self.dual

        def work(rows: slice) -> None:
            shown, apart = inside[rows], dual[rows]
            shown += apart
            np.subtract(shown, self.plane[rows], out=apart)
            if self.weight is None:
                apart *= np.float32(0.5)
            else:
                weight = self.weight[rows]
                apart *= weight / (1 + weight)
            if self.clipped is not None:
                beyond = np.minimum(apart, 0) if self.limit else np.float32(0)
                np.copyto(apart, beyond, where=self.clipped[rows])
            shown -= 2 * apart

        by_rows(work, len(dual), _ROWS)

    def reblurred(self) -> Plane:
        """Blur the Wiener estimate again: the photo with little of its noise."""
        spectrum = rfft2(self.frame)
        multiply(spectrum, self.filter)
        multiply(spectrum, self.otf)
        return self.picture(irfft2(spectrum, self.shape, overwrite=True))


def observe(
    plane: Plane,
    psf: PSF,
    prior: Prior,
    *,
    error: float = 0.0,
    clipped: NDArray[np.bool_] | None = None,
    limit: bool = True,
) -> Observation:
    """Lay a plane (its mean removed) in a frame that continues it, clipped pixels estimated."""
    frame = wiener.extend(plane, psf, prior, error=error)
    shape = (frame.shape[0], frame.shape[1])
    otf, variance = expected(psf, error, shape)
    power = squared(otf)
    doubt: Plane | np.float32 = np.float32(1)
    if variance is not None:
        doubt = 1 + variance * (prior.signal(shape) / np.float32(prior.level() ** 2))
    del variance
    filter = wiener.inverse(psf, prior, shape, error=error)
    seen = Observation(plane, clipped, limit, otf, power, doubt, prior, frame, filter)
    if clipped is not None and not limit:
        for _ in range(_CLIP_STEPS):
            spectrum = rfft2(seen.frame)
            multiply(spectrum, filter)
            seen.refresh(spectrum)
    return seen


def weigh(slope: Plane, mean: float) -> Plane:
    """Weight of each pixel as data, about 1: less where its light decodes to more noise.

    `slope` is d light / d encoded at each pixel, `mean` its mean square over the picture.
    """
    weight = np.float32(mean**0.5) / np.maximum(slope, np.float32(1e-6))
    return np.asarray(np.clip(weight, 1 / _WEIGHT, _WEIGHT, out=weight), np.float32)


def spread(slope: Plane, mean: float, seen: Observation) -> Plane:
    """Find the local noise relative to the whole picture's, about 1 on the average, over the frame.

    `slope` is d light / d encoded at each pixel, `mean` its mean square over the picture; noise of
    the neighbours arrives by the inverse filter, whose reach is the PSF's.
    """
    square = slope * slope
    spectrum = rfft2(embed(square - np.float32(mean), seen.shape, max(square.shape)))
    spectrum *= np.sqrt(seen.power)
    local = irfft2(spectrum, seen.shape, overwrite=True)
    local += np.float32(mean)
    local /= np.float32(mean)
    np.maximum(local, 0, out=local)
    local += np.float32((_MODEL / seen.prior.level()) ** 2 + 1e-3)
    return np.asarray(np.power(local, np.float32(_EVEN), out=local), np.float32)
