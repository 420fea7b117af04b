"""What was seen of the scene: a blurred plane in its frame, and which of its pixels are data.

Pixels beyond the picture's border were not seen, and pixels at the sensor's limit say only that the
light was no less. Each iterative method therefore asks again, after a step, what its estimate x
would show there:

    y = seen: the photo;   clipped: max(limit, H x);   beyond the border: H x

which is the majoriser of the masked data term (Almeida & Figueiredo 2013; for highlights Whyte et
al. 2014 lower their weight instead). Noise is white on encoded values and so grows with light after
decoding; `spread` is its local standard deviation relative to the whole picture's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import irfft2, rfft2
from cepstro.psf import PSF
from cepstro.restore import wiener
from cepstro.restore.borders import Plane, embed
from cepstro.restore.prior import Prior
from cepstro.restore.response import response, squared

Spectrum = NDArray[np.complexfloating]

_CLIP_STEPS = 8  # Wiener steps that find the light of clipped pixels before a method starts
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

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the frame."""
        return self.frame.shape[0], self.frame.shape[1]

    def picture(self, frame: Plane) -> Plane:
        """Cut the part that the photo shows out of a frame (a view)."""
        return frame[: self.plane.shape[0], : self.plane.shape[1]]

    def refresh(self, estimate: Spectrum) -> None:
        """Ask the estimate's spectrum what the unseen and the clipped pixels show."""
        blurred = irfft2(estimate * self.otf, self.shape, overwrite=True)
        inside = self.picture(blurred)
        if self.clipped is None:
            inside[:] = self.plane
        else:
            if self.limit:
                np.maximum(inside, self.plane, out=inside, where=self.clipped)
            np.copyto(inside, self.plane, where=~self.clipped)
        self.frame = np.asarray(blurred, np.float32)


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
    otf, square = response(psf, error, shape)
    power = squared(otf)
    doubt: Plane | np.float32 = np.float32(1)
    if error > 0:
        doubt = 1 + (square - power) * (prior.signal(shape) / np.float32(prior.level() ** 2))
    del square
    filter = wiener.inverse(psf, prior, shape, error=error)
    seen = Observation(plane, clipped, limit, otf, power, doubt, prior, frame, filter)
    if clipped is not None and not limit:
        for _ in range(_CLIP_STEPS):
            spectrum = rfft2(seen.frame)
            spectrum *= filter
            seen.refresh(spectrum)
    return seen


def spread(slope: Plane, mean: float, seen: Observation) -> Plane:
    """Find the local noise relative to the whole picture's, about 1 on the average, over the frame.

    `slope` is d light / d encoded at each pixel, `mean` its mean square over the picture; noise of
    the neighbours arrives by the inverse filter, whose reach is the PSF's.
    """
    square = slope * slope
    spectrum = rfft2(embed(square - np.float32(mean), seen.shape))
    spectrum *= np.sqrt(seen.power)
    local = irfft2(spectrum, seen.shape, overwrite=True)
    local += np.float32(mean)
    local /= np.float32(mean)
    np.maximum(local, 0, out=local)
    local += np.float32((_MODEL / seen.prior.level()) ** 2 + 1e-3)
    return np.asarray(np.sqrt(local, out=local), np.float32)
