"""What is known of a photo before it is restored: a power law for its spectrum, and its noise.

A sharp photo's power falls as a power of frequency, so that a blurred one shows

    P(f) = exp(a) rho^-p (|H(f)|^2 + g) + n,      rho = |f| in cycles/px,

with n the noise and g (`floor`) what fills the zeros in proportion to the scene: several depths,
JPEG. The Wiener filter's noise-to-signal ratio is then

    NSR(f) = c (n / (exp(a) rho^-p) + g (1 - |H|^2)).

a, p, n and g are fitted to the logarithm of the block-averaged spectrum, up to the circle on which
|H|^2 falls below 1/1000: JPEG empties the frequencies beyond, and a floor believed there let
through what ruined both OpenCV photos. Without the factor 1 - |H|^2 the filter pulled the frame's
surroundings to the mean, and the border rang (31.7 instead of 35.4 dB on one photo).

With c = 1.25 it was 0.5 dB (mean of 8 photos x 9 conditions) above rho^-2 with c = 4 and an
iterated border. With c = 0.455 (NSR at the edge of the band)^-0.15 it is 0.26 dB below the best c
of each photo, truth at hand (tests/benchmarks/restoration.py, 6 photos x 12 conditions). n is
taken from the corner of the spectrum unless JPEG emptied it: fitted to the band alone it read 0.25
to 2 times the truth, and once 1e-8 of it. Small cells tell sigma on crops of 256 x 384 px to 4 %
(44 cases), where the fit's large blocks, windowed, were off by 17 %.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import rfft2
from cepstro.noise import CORNER, spread_corners
from cepstro.psf import PSF

CAUTION = 0.455  # c where the noise at the edge of the band is as strong as the scene
_LESS = -0.15  # power of that ratio by which c grows as it falls
_SLOPE = 2.2  # p of sharp photos, loosely believed
_FLOOR = np.log(1e-5)  # ln g of a perfect model
_BAND = 1e-3  # |H|^2, mean over a circle, down to which the photo can tell of its noise
_EMPTY = 0.4  # the corner's power over the noise in the band: below, JPEG has emptied the corner
_MORE = 1.35  # noise at the spectrum's sides over the corner's: white 0.7 to 1.2, JPEG above 1.6
_MOST_BLOCKS = 96
_CELL = 32  # px: side of the cells that tell the noise
_MOST_CELLS = 1024
_BATCH = 1 << 17  # px of blocks transformed at a time


@dataclass(frozen=True, slots=True)
class Prior:
    """A photo's power law, per px^2 and (cycles/px)^2, and its noise variance."""

    log_power: float  # ln of the power at 1 cycle/px
    slope: float  # p
    noise: float  # variance n, in the plane's units squared
    floor: float  # g: what fills the zeros of |H|^2 in proportion to the scene
    edge: float  # cycles/px where the blur's band ends, near its first zero
    white: bool = False  # whether the noise was seen to be as strong at all high frequencies
    factor: float = 1.0  # on the NSR: what the photo itself asks for (`tuning`)

    def level(self) -> float:
        """Sigma of white noise as harmful as n and g together at the edge of the band.

        g counts for a sixteenth: it is the scene's own light, astray, and taken in full it smooths
        away the letters of photographed pages.
        """
        return float(np.sqrt(self.noise + self.floor / 16 * self._signal()))

    def edge_nsr(self) -> float:
        """Noise over the scene's power at the edge of the band."""
        return self.noise / self._signal() + self.floor

    def at(self, nsr: float) -> Prior:
        """Give the same scene the noise that makes `nsr` the ratio at the edge of the band."""
        noise = max(nsr, 1e-12) * self._signal()
        return replace(self, noise=noise, floor=0.0, white=False)

    def _signal(self) -> float:
        return float(np.exp(np.clip(self.log_power - self.slope * np.log(self.edge), -80, 80)))

    def nsr(self, power: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
        """NSR at the frequencies of a frame (rfft2 layout), where |H|^2 is `power`; float32."""
        caution = self.factor * CAUTION * float(np.clip(self.edge_nsr(), 1e-6, 10.0)) ** _LESS
        nsr = _power_law(shape, self.slope)
        nsr *= np.float32(caution * self.noise * np.exp(-self.log_power))
        nsr += np.float32(caution * self.floor) * (1 - power)
        return nsr

    def signal(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Power of the scene at the frequencies of a frame (rfft2 layout), float32."""
        power = _power_law(shape, -self.slope)
        power *= np.float32(np.exp(self.log_power))
        return power


def _power_law(shape: tuple[int, int], exponent: float) -> NDArray[np.float32]:
    """|f| to a power, at the frequencies of a frame; at 0 as at half a cycle a side."""
    fy = np.fft.fftfreq(shape[0]).astype(np.float32)
    fx = np.fft.rfftfreq(shape[1]).astype(np.float32)
    squared = np.asarray(fy[:, None] ** 2 + fx**2, np.float32)
    squared[0, 0] = min(1.0 / shape[0], 1.0 / shape[1]) ** 2 / 4
    return np.power(squared, np.float32(exponent / 2), out=squared)


def places(shape: tuple[int, int], psf: PSF) -> tuple[int, list[tuple[int, int]]]:
    """Side and top left corners of the blocks of a plane of `shape` that `fit` looks at."""
    side, most = _blocks(shape, psf)
    return side, spread_corners(shape, side, most)


def fit(
    blocks: NDArray[np.float32],
    psf: PSF,
    *,
    noise: float | None = None,
    clipped: NDArray[np.float32] | None = None,
) -> Prior:
    """Fit the power law and, unless `noise` (sigma) is given, the noise of a blurred plane.

    `blocks` (N x n x n) are those at its `places`, its mean removed. Where `clipped` is 1 a pixel
    is at the sensor's limit: blocks with such pixels do not count, if a quarter of all is left, as
    hard edges of light cut off belong to no blur.
    """
    side = blocks.shape[1]
    edge = min(0.5, 1 / (2 * max(psf.halfwidth, 1) - 1))
    if side < 16 or np.ptp(blocks) == 0:
        spread = float(np.var(blocks))
        known = 1e-6 * spread if noise is None else noise**2
        return Prior(np.log(max(spread, 1e-12)) - 3.0, 2.0, max(known, 1e-12), 0.0, edge)
    if clipped is not None:
        whole = clipped.mean(axis=(1, 2)) < 1e-3
        if 4 * whole.sum() >= len(blocks):
            blocks = blocks[whole]
    power = _mean_power(blocks)
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    response = smear(np.abs(psf.transfer(fy, fx)) ** 2, side)
    log_rho = 0.5 * np.log(np.maximum(fy**2 + fx**2, 1e-12))
    used = (np.abs(fy) > 2.5 / side) & (fx > 2.5 / side) & _band(response, fy, fx, side)
    if not used.any():
        used = log_rho > -13  # all but the mean
    data = np.log(power[used]), log_rho[used], np.maximum(response[used], 1e-12)
    found = Prior(*_fit_log(*data, noise), edge)
    if noise is None:
        corner, sides = _high(_cells(blocks), psf, found)
        if corner > _EMPTY * found.noise:
            white = 0 < sides < _MORE * corner
            found = Prior(*_fit_log(*data, corner**0.5), edge, white)
    return found


def _cells(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut blocks into cells, and take some of them.

    Where blocks overlap, the rim of a small picture counts less: for a disk of 4 px on 256 x 384 px
    sigma was 11 % off with noise three times less in the middle.
    """
    side = min(_CELL, blocks.shape[1])
    n = blocks.shape[1] // side
    cells = blocks[:, : n * side, : n * side].reshape(-1, n, side, n, side).swapaxes(2, 3)
    step = len(blocks) * n * n // _MOST_CELLS | 1  # odd: not always the same columns
    return cells.reshape(-1, side, side)[::step]


def _high(cells: NDArray[np.float32], psf: PSF, scene: Prior) -> tuple[float, float]:
    """Variance of the noise in the corner of the spectrum and at its sides.

    Both are powers less what the PSF lets through to them. JPEG and cameras leave more at the
    sides, at 0.3 to 0.48 cycles/px along one axis and 0.05 to 0.2 along the other. Read in small
    cells, as each part must count alike: noise grows with light after decoding, and the window of a
    large block looks at its middle.
    """
    side = cells.shape[1]
    power = _mean_power(cells)
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    rho = np.hypot(fy, fx)
    response = smear(np.abs(psf.transfer(fy, fx)) ** 2, side)
    rest = power - np.exp(scene.log_power) * np.maximum(rho, 1 / side) ** -scene.slope * response
    more, less = np.maximum(np.abs(fy), fx), np.minimum(np.abs(fy), fx)
    corner = less > CORNER
    sides = (more > 0.3) & (more < 0.48) & (less > 0.05) & (less < 0.2)
    return float(np.median(rest[corner])), float(np.median(rest[sides]))


def _band(
    response: NDArray[np.float64], fy: NDArray[np.floating], fx: NDArray[np.floating], side: int
) -> NDArray[np.bool_]:
    """Frequencies up to the last circle on which the blur leaves something to see."""
    ring = np.rint(np.sqrt(fy**2 + fx**2) * side).astype(int)
    mean = np.bincount(ring.ravel(), response.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    last = int(np.flatnonzero(mean > _BAND)[-1]) if mean.max() > _BAND else 0
    used: NDArray[np.bool_] = ring <= max(last, side // 10)
    return used


def _blocks(shape: tuple[int, int], psf: PSF) -> tuple[int, int]:
    """Side and largest number of the blocks."""
    side = int(np.clip(2 ** np.ceil(np.log2(32 * max(psf.halfwidth, 1))), 64, 512))
    side = min(side, *shape)
    return side, max(4, min(_MOST_BLOCKS, (1 << 23) // side**2))


def _mean_power(blocks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean power of Hann-windowed blocks: the logarithm of white noise of sigma reads ln sigma^2.

    The logarithm of a mean of few periodograms lies low, by 1/(2 n) + 1/(12 n^2): put right.
    """
    side = blocks.shape[1]
    window = np.hanning(side + 2)[1:-1].astype(np.float32)
    window = window[:, None] * window
    total = np.zeros((side, side // 2 + 1))
    some = max(1, _BATCH // side**2)
    for start in range(0, len(blocks), some):
        part = blocks[start : start + some]
        spectra = rfft2((part - part.mean(axis=(1, 2), keepdims=True)) * window)
        power = spectra.real**2
        power += spectra.imag**2
        total += power.sum(axis=0)
    total /= len(blocks) * np.sum(window.astype(np.float64) ** 2)
    count = max(1.0, 0.7 * len(blocks)) if len(blocks) > 1 else 1.0  # overlapping blocks are kin
    total *= np.exp(1 / (2 * count) + 1 / (12 * count**2))
    return np.maximum(total, 1e-30)


def smear(power: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Spread a power response over its neighbours as the Hann window's spectrum does."""
    wide = 2 / 3 * power + (np.roll(power, 1, 0) + np.roll(power, -1, 0)) / 6
    left = np.concatenate([wide[:, 1:2], wide[:, :-1]], axis=1)
    right = np.concatenate([wide[:, 1:], wide[:, -2:-1] if side % 2 == 0 else wide[:, -1:]], axis=1)
    spread: NDArray[np.float64] = 2 / 3 * wide + (left + right) / 6
    return spread


def _fit_log(
    data: NDArray[np.float64],
    log_rho: NDArray[np.float64],
    response: NDArray[np.float64],
    noise: float | None,
) -> tuple[float, float, float, float]:
    """Levenberg-Marquardt on ln P with Huber weights and a loose belief about p."""
    # A circle holds bins as it is long: weigh circles alike.
    weight_at = np.exp(-log_rho)
    weight_at /= weight_at.sum()
    white = float(np.percentile(data, 5)) if noise is None else 2 * np.log(max(noise, 1e-30))
    clear = response >= np.quantile(response, 0.8)
    level = float(np.median((data + _SLOPE * log_rho - np.log(response))[clear]))
    now = np.array([level, _SLOPE, max(white, -60.0), np.log(1e-3)])
    free = np.array([True, True, noise is None, True])
    belief = np.array([0.0, _SLOPE, 0.0, _FLOOR])
    trust = np.array([0.0, 0.01, 0.0, 0.001])

    def model(q: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        scene = np.exp(np.clip(q[0] - q[1] * log_rho, -80, 80))
        floor = scene * np.exp(q[3])
        signal = scene * response
        total = signal + floor + np.exp(q[2])
        share = (signal + floor) / total
        return np.log(total), np.stack([share, -share * log_rho, 1 - share, floor / total])

    def cost(values: NDArray[np.float64], q: NDArray[np.float64]) -> float:
        size = np.abs(data - values)
        fit = np.sum(weight_at * np.where(size < 1, size**2, 2 * size - 1))
        return float(fit + np.sum(trust * (q - belief) ** 2))

    values, slopes = model(now)
    best, damping = cost(values, now), 1e-2
    for _ in range(60):
        residual = data - values
        weight = weight_at / np.maximum(1, np.abs(residual))
        normal = (slopes * weight) @ slopes.T + np.diag(trust)
        normal += damping * np.diag(np.diag(normal) + 1e-9)
        right = (slopes * weight) @ residual + trust * (belief - now)
        step = np.zeros(4)
        step[free] = np.linalg.solve(normal[np.ix_(free, free)], right[free])
        trial = np.clip(now + np.clip(step, -2, 2), [-90, 0.5, -60, -14], [90, 5, 60, -2])
        new_values, new_slopes = model(trial)
        new = cost(new_values, trial)
        if new < best:
            done = best - new < 1e-6 * best
            now, values, slopes, best, damping = trial, new_values, new_slopes, new, damping / 4
            if done:
                break
        else:
            damping *= 8
            if damping > 1e8:
                break
    level, slope, white, floor = (float(value) for value in now)
    return level, slope, float(np.exp(white)), float(np.exp(floor))
