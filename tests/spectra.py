"""Spectra with the truth at hand: made from the model itself, or from a blurred white scene."""

from __future__ import annotations

import numpy as np

from cepstro.families import smeared_power
from cepstro.fft import irfft2, rfft2
from cepstro.radial import PolarSpectrum, polar_spectrum
from cepstro.spectrum import Spectrum, cut, power_spectrum


def empty_polar(side: int, *, sectors: int = 12, step: float | None = None) -> PolarSpectrum:
    """The cells of a spectrum of this side, with nothing in them (log power 0)."""
    flat = Spectrum(np.ones((side, side // 2 + 1), np.float32), 1)
    return polar_spectrum(flat, step=step, sectors=sectors)


def model_polar(
    psf,
    side: int,
    *,
    sectors: int = 12,
    slope: float = -2.0,
    floor: float = 1e-3,
    noise: float = 1e-3,
    tilt: float = 0.0,
    scatter: float = 0.0,
    seed: int = 0,
) -> PolarSpectrum:
    """What the model of `cepstro.fit` says of a PSF: each sector its own power law and bend.

    `noise` is relative to the scene at 0.1 cycles/px; `scatter` is the standard deviation of one
    frequency's log power about the model.
    """
    cells = empty_polar(side, sectors=sectors)
    rho = np.maximum(cells.frequency, 1 / side)
    log_rho = np.log(rho / 0.1)
    turn = np.linspace(0, 2 * np.pi, sectors, endpoint=False)[:, None]
    trend = 2 + np.cos(turn) + (slope + 0.3 * np.sin(turn)) * log_rho - 0.1 * log_rho**2
    power = smeared_power(psf, cells)
    clean = np.log(np.exp(trend) * (power + floor) + np.exp(2) * noise * (rho / 0.1) ** tilt)
    error = np.random.default_rng(seed).standard_normal(clean.shape)
    noisy = clean + scatter * error / np.sqrt(np.maximum(cells.count, 1))
    return PolarSpectrum(
        np.where(cells.count > 0, noisy, 0.0),
        cells.count,
        cells.frequency,
        cells.distance,
        cells.resolution,
        1,
    )


def white_scene(psf, side: int = 1024, *, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """White Gaussian light of unit variance blurred by a PSF, wrapped round, float32.

    Nothing but the PSF and the `noise` (its sigma) is in its spectrum.
    """
    rng = np.random.default_rng(seed)
    shape = (side, side)
    plane = irfft2(rfft2(rng.standard_normal(shape, np.float32)) * psf.otf(shape), shape)
    return plane + np.float32(noise) * rng.standard_normal(shape, np.float32)


def spectrum_of(plane: np.ndarray, side: int) -> Spectrum:
    """Averaged spectrum of a plane in blocks of a side that share half."""
    return power_spectrum(cut(plane, side))


def power_law_scene(
    side: int, *, slope: float = -2.5, psf=None, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """A Gaussian scene of unit variance with power rho ** slope, blurred, with white noise."""
    rng = np.random.default_rng(seed)
    shape = (side, side)
    rho = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    rho[0, 0] = np.inf  # no mean
    plane = irfft2(rfft2(rng.standard_normal(shape)) * rho ** (slope / 2), shape)
    plane /= plane.std()
    if psf is not None:
        plane = irfft2(rfft2(plane) * psf.otf(shape), shape)
    return plane + noise * rng.standard_normal(shape)
