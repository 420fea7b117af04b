"""The PSF model that a measured kernel stands for, and the kernel regularised by it.

A model's transfer function, shifted and scaled, is fitted to the measured one with the precision of
each frequency as weight; disk, ring, polygon and Gaussian compete by their chi-square and number of
parameters. What the measurement leaves open is then filled from the best model instead of from
nothing: ``min_k |K - K_measured|**2 * precision + |k - model|**2 / t``, where the variance t of the
true deviations from the model is the most likely one (empirical Bayes): a kernel that no model
describes keeps its own form. Light is not negative, nor is the kernel, unless the photos refuse
that: the hard edge of an ideal disk rings within the band of the pixels (synthetic blur only).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cepstro.pair.measure import Measured
from cepstro.psf import PSF, Disk, Gaussian, Kernel, Polygon, Ring, scaled
from cepstro.psf.grids import sampled_kernel

_BLADES = (5, 6, 7, 8, 9)
_SYSTEMATIC = 0.002  # of H: what no number of pixels averages away (JPEG, registration)
_DESCENTS = 40  # steps of a model's fit at most
_NUDGE = 1e-4  # px or degrees: step of its numerical derivatives
_ROUNDS = 300  # of the constrained solution at most
_REFUSED = 0.4  # chi-square a pixel that light without negative values may cost
_LOOKS = 30.0  # pixels' worth of precision a frequency is believed at most, likewise


@dataclass(frozen=True, slots=True)
class KernelFit:
    """The best PSF model of a kernel.

    Attributes
    ----------
    psf : PSF
        Disk, Ring, Polygon or Gaussian.
    errors : dict of str to float
        One standard deviation of each parameter of `psf`, from the curvature of the fit.
    misfit : float
        Relative L2 distance between the kernel and the model, 0..1.
    """

    psf: PSF
    errors: dict[str, float]
    misfit: float

    def __str__(self) -> str:
        def value(name: str, unit: str = "") -> str:
            number, error = getattr(self.psf, name), self.errors.get(name)
            if error is None:  # fixed, not fitted
                return f"{number:g}{unit}"
            digits = 2 if not 0 < error < 100 else min(4, max(0, 1 - math.floor(math.log10(error))))
            return f"{number:.{digits}f} ± {error:.{digits}f}{unit}"

        psf = self.psf
        if isinstance(psf, Gaussian):
            return f"a Gaussian of sigma {value('sigma')} px"
        text = f"diameter {value('diameter')} px, softness {value('softness')} px"
        if isinstance(psf, Ring):
            return f"a ring of {text}, hole {value('hole')}"
        if isinstance(psf, Polygon):
            return f"a polygon of {psf.blades} blades, {text}, rotation {value('rotation')} degrees"
        return f"a disk of {text}"


@dataclass(frozen=True, slots=True)
class _Family:
    """A model by its parameters: how to build it, where to start, and its bounds."""

    names: tuple[str, ...]
    build: Callable[..., PSF | _Raster]
    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A fitted model: the PSF, its errors, gain and shift.

    `explained` is the part of the measurement's chi-square that the model accounts for, 0..1;
    `expected` is what the kernel is completed by: the PSF, or the PSF averaged over pixels where
    that fits better (blur made by a rasterised kernel).
    """

    psf: PSF
    errors: dict[str, float]
    gain: float
    shift: tuple[float, float]
    cost: float
    explained: float
    expected: PSF | _Raster


@dataclass(frozen=True, slots=True)
class _Raster:
    """A PSF averaged over square pixels, as kernels drawn by area are."""

    psf: PSF

    def transfer(self, fy: NDArray[np.floating], fx: NDArray[np.floating]) -> NDArray[np.inexact]:
        return np.asarray(self.psf.transfer(fy, fx) * np.sinc(fy) * np.sinc(fx))


def first_shape(measured: Measured) -> Shape:
    """Fit a disk, and a ring where a disk explains too little: enough to tell centre and size."""
    points = _Points(measured, 1500)
    disk = _fit(points, _disk(points))
    if disk.explained > 0.99:
        return disk
    return min(disk, _fit(points, _ring(points, 0.75)), key=lambda one: one.cost)


def fit_shape(measured: Measured) -> Shape:
    """Fit every family to a measured kernel and return the likeliest."""
    points = _Points(measured, 5000)
    disk = _fit(points, _disk(points))
    assert isinstance(disk.psf, Disk)
    sigma = math.hypot(disk.psf.diameter / 4, disk.psf.softness)
    candidates = [
        disk,
        _fit(points, _Family(("sigma",), Gaussian, (sigma,), (0.05,), (points.size,))),
    ]
    rings = [_fit(points, _ring(points, hole)) for hole in (0.4, 0.75, 0.95)]
    rings.append(_fit(points, _thin_ring(points)))
    candidates += rings
    # Corners matter where the middle is full.
    if disk.psf.diameter > 4 and min(ring.cost for ring in rings) > 0.3 * disk.cost:
        candidates += [_fit(points, family) for family in _polygons(points, disk.psf)]
    # Bayes' criterion for a noise of unknown size: the precision is believed with much caution.
    weight = math.log(points.looks)
    best = min(
        candidates, key=lambda one: points.looks * math.log(one.cost) + len(one.errors) * weight
    )
    raster = _fit(points, _rastered(best.psf, tuple(best.errors), points))
    if points.looks * math.log(raster.cost / best.cost) < -weight:
        return replace(best, expected=_drawn(raster.psf, int(points.size)), gain=raster.gain)
    return best


def _drawn(psf: PSF, size: int) -> Kernel:
    """Draw a PSF by area, as rasterised kernels are: averages over pixels, 9 x 9 points each."""
    fine = 9
    plane = sampled_kernel(scaled(psf, fine).transfer, size * fine // 2)
    return Kernel(plane.reshape(size, fine, size, fine).mean(axis=(1, 3)))


def _rastered(psf: PSF, names: tuple[str, ...], points: _Points) -> _Family:
    """Build the same model averaged over pixels."""

    def build(*values: float) -> _Raster:
        return _Raster(replace(psf, **dict(zip(names, values, strict=True))))  # type: ignore[type-var]

    return _Family(
        names,
        build,
        tuple(float(getattr(psf, name)) for name in names),
        tuple({"softness": 0.0, "hole": 0.0, "rotation": -720.0}.get(name, 0.05) for name in names),
        tuple({"hole": 1.0, "rotation": 720.0}.get(name, 2 * points.size) for name in names),
    )


def _disk(points: _Points) -> _Family:
    start = _scan(points, Disk)
    return _Family(
        ("diameter", "softness"),
        lambda d, s: Disk(d, softness=s),
        (start, 0.6),
        (0.3, 0.0),
        (2.0 * points.size, points.size),
    )


def _ring(points: _Points, hole: float) -> _Family:
    start = _scan(points, lambda d: Ring(d, hole=hole, softness=0.05 * d))
    return _Family(
        ("diameter", "hole", "softness"),
        lambda d, h, s: Ring(d, hole=h, softness=s),
        (start, hole, 0.05 * start),
        (0.3, 0.0, 0.0),
        (2.0 * points.size, 1.0, points.size),
    )


def _thin_ring(points: _Points) -> _Family:
    start = _scan(points, lambda d: Ring(d, hole=1, softness=0.05 * d))
    return _Family(
        ("diameter", "softness"),
        lambda d, s: Ring(d, hole=1, softness=s),
        (start, 0.05 * start),
        (0.3, 0.0),
        (2.0 * points.size, points.size),
    )


def _polygons(points: _Points, disk: Disk) -> list[_Family]:
    """List the two likeliest numbers of blades, each from its best rotation."""
    trials = []
    soft = max(0.3, disk.softness / 2)
    for blades in _BLADES:
        for part in range(6):
            turn = part / 6 * 360 / blades
            psf = Polygon(disk.diameter, blades=blades, rotation=turn, softness=soft)
            trials.append((points.cost(points.model(psf, (0.0, 0.0))), blades, turn))
    trials.sort()
    families: dict[int, _Family] = {}
    for _, blades, turn in trials:
        if blades in families:
            continue
        families[blades] = _Family(
            ("diameter", "rotation", "softness"),
            lambda d, r, s, blades=blades: Polygon(d, blades=blades, rotation=r, softness=s),
            (disk.diameter, turn, soft),
            (0.3, -360.0, 0.0),
            (2.0 * points.size, 360.0, points.size),
        )
        if len(families) == 2:
            break
    return list(families.values())


class _Grid:
    """The measurement on every second frequency of its grid."""

    def __init__(self, measured: Measured) -> None:
        m = measured.precision.shape[0]
        self.size = measured.kernel.shape[0]
        self.side = m // 2
        reach = np.arange(-(self.size // 2), self.size // 2 + 1)
        self.place = np.ix_(reach, reach)
        self.data = np.fft.rfft2(self.spread(measured.kernel))
        self.fy = np.fft.fftfreq(self.side)[:, None]
        self.fx = np.fft.rfftfreq(self.side)[None]
        self.precision = believed(measured)[::2, ::2][:, : self.data.shape[1]]

    def spread(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        plane = np.zeros((self.side, self.side))
        plane[self.place] = kernel
        return plane

    def back(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        plane: NDArray[np.float64] = np.fft.irfft2(spectrum, s=(self.side, self.side))
        return plane


class _Points:
    """The frequencies that models are fitted to: those where H is known at all."""

    def __init__(self, measured: Measured, most: int) -> None:
        grid = _Grid(measured)
        self.size = float(grid.size)
        self.freedom = self.size**2
        twice = np.full(grid.data.shape, 2.0)  # the half-plane left out
        twice[:, 0] = 1
        if grid.side % 2 == 0:
            twice[:, -1] = 1
        # Known to better than half of H's whole range; all, should that leave next to nothing.
        known = grid.precision > (2 * self.size / measured.kernel.sum()) ** 2
        if np.count_nonzero(known) < 64:
            known[:] = True
        # Neighbouring frequencies tell nearly the same: evenly thinned, each stands for several.
        stride = -(-np.count_nonzero(known) // most)
        self.looks = np.count_nonzero(known) / 2  # independent ones: the grid is twice as fine
        chosen = np.flatnonzero(known)[::stride]
        self.data = grid.data.ravel()[chosen]
        self.root = np.sqrt(stride * (grid.precision * twice).ravel()[chosen]) / grid.side
        self.fy = np.broadcast_to(grid.fy, known.shape).ravel()[chosen]
        self.fx = np.broadcast_to(grid.fx, known.shape).ravel()[chosen]

    def model(
        self, psf: PSF | _Raster, shift: tuple[float, float] = (0.0, 0.0)
    ) -> NDArray[np.inexact]:
        """Transfer function of a shifted PSF."""
        transfer = psf.transfer(self.fy, self.fx)
        if not any(shift):
            return transfer
        turn = np.exp(-2j * np.pi * (self.fy * shift[0] + self.fx * shift[1]))
        return np.asarray(transfer * turn)

    def gain(self, model: NDArray[np.inexact]) -> float:
        """Scale of the model that fits best."""
        weighed = self.root**2 * np.conj(model)
        top = float(np.sum((weighed * self.data).real))
        return top / max(float(np.sum((weighed * model).real)), 1e-30)

    def cost(self, model: NDArray[np.inexact]) -> float:
        left = self.root * np.abs(self.data - self.gain(model) * model)
        return float(np.sum(left * left))


def believed(measured: Measured) -> NDArray[np.float64]:
    """Precision, less what no number of pixels averages away."""
    size = measured.kernel.shape[0]
    top = float(measured.kernel.sum()) or 1.0
    precision = measured.precision / (1 + measured.pixels / size**2 / _LOOKS)
    return np.asarray(1 / (1 / precision + (_SYSTEMATIC * top) ** 2 / size**2))


def _scan(points: _Points, build: Callable[[float], PSF]) -> float:
    """Diameter of the best of a row of models."""
    diameters = np.geomspace(1.0, points.size * 0.98, 40)
    costs = [points.cost(points.model(build(float(d)), (0.0, 0.0))) for d in diameters]
    return float(diameters[int(np.argmin(costs))])


def _fit(points: _Points, family: _Family) -> Shape:
    """Least squares over shape and shift; the gain follows in closed form."""
    count = len(family.names)
    low = np.array([*family.low, -points.size / 2, -points.size / 2])
    high = np.array([*family.high, points.size / 2, points.size / 2])

    def error(values: NDArray[np.float64]) -> NDArray[np.float64]:
        model = points.model(family.build(*values[:count]), (values[count], values[count + 1]))
        left = points.root * (points.data - points.gain(model) * model)
        return np.concatenate([left.real, left.imag])

    start = np.clip(np.array([*family.start, 0.0, 0.0]), low, high)
    values, cost, normal = _descend(error, start, low, high)
    psf = family.build(*values[:count])
    shift = (float(values[count]), float(values[count + 1]))
    covariance = np.linalg.pinv(normal) * max(1.0, cost / points.freedom)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0))
    errors = {name: float(spread[i]) for i, name in enumerate(family.names)}
    nothing = float(np.sum(np.abs(points.root * points.data) ** 2))
    return Shape(
        psf=psf.psf if isinstance(psf, _Raster) else psf,
        errors=errors,
        gain=points.gain(points.model(psf, shift)),
        shift=shift,
        cost=cost,
        explained=1 - cost / max(nothing, 1e-30),
        expected=psf,
    )


def _descend(
    error: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Levenberg-Marquardt steps with numerical derivatives, kept within bounds.

    Several times faster here than scipy.optimize.least_squares, which decomposes the whole
    Jacobian. Returns the values, the sum of squares and the normal matrix there.
    """
    values, left = start, error(start)
    cost, damping = float(left @ left), 1e-2
    normal = np.eye(values.size)
    for _ in range(_DESCENTS):
        step = np.where(values + _NUDGE <= high, _NUDGE, -_NUDGE)
        slopes = (
            np.stack([(error(values + step * unit) - left) for unit in np.eye(values.size)])
            / step[:, None]
        )
        normal, pull = slopes @ slopes.T, slopes @ left
        for _ in range(8):
            bent = normal + damping * np.diag(np.diag(normal) + 1e-12 * np.trace(normal))
            # Least squares: a parameter may have no effect at all (the turn of a soft polygon).
            trial = np.clip(values - np.linalg.lstsq(bent, pull)[0], low, high)
            ahead = error(trial)
            new = float(ahead @ ahead)
            if new < cost:
                break
            damping *= 6
        else:
            break
        moved, gained = float(np.abs(trial - values).max()), (cost - new) / max(cost, 1e-30)
        values, left, cost, damping = trial, ahead, new, damping / 6
        if moved < 1e-5 or gained < 1e-7:
            break
    return values, cost, normal


def regularise(measured: Measured, shape: Shape) -> NDArray[np.float64]:
    """Most likely kernel given the measurement and its model: centred, sum 1."""
    grid = _Grid(measured)
    back = np.exp(2j * np.pi * (grid.fy * shape.shift[0] + grid.fx * shape.shift[1]))
    data = grid.data * back
    prior = np.asarray(shape.gain * shape.expected.transfer(grid.fy, grid.fx), np.complex128)
    stiffness = 1 / _deviation(grid, data - prior)
    kernel = _posterior(grid, data, prior, stiffness, signed=False)
    free = _posterior(grid, data, prior, stiffness, signed=True)
    if _price(grid, kernel, data) - _price(grid, free, data) > _REFUSED * grid.size**2:
        kernel = free
    return np.asarray(kernel / kernel.sum())


def _price(grid: _Grid, kernel: NDArray[np.float64], data: NDArray[np.complex128]) -> float:
    """Chi-square of a kernel against the measurement."""
    error = np.abs(np.fft.rfft2(grid.spread(kernel)) - data) ** 2
    return float(2 * np.sum(grid.precision * error) / grid.side**2)


def glimpse(measured: Measured) -> NDArray[np.float64]:
    """Kernel without any model, noise damped, in closed form: n x n, any sign and sum."""
    grid = _Grid(measured)
    stiffness = 1 / _deviation(grid, grid.data)
    damped = grid.data * (grid.precision / (grid.precision + stiffness))
    return np.asarray(grid.back(damped)[grid.place])


def _deviation(grid: _Grid, error: NDArray[np.complex128]) -> float:
    """Likeliest variance t a pixel of deviations whose spectrum is `error`, measured with noise."""
    power = np.abs(error) ** 2 / grid.size**2
    noise = 1 / grid.precision
    top = 100 * float(np.median(power[noise <= np.quantile(noise, 0.5)])) + 1e-18
    trials = top * np.geomspace(1e-12, 1, 60)
    cost = [float(np.sum(np.log(noise + t) + power / (noise + t))) for t in trials]
    return float(trials[int(np.argmin(cost))])


def _posterior(
    grid: _Grid,
    data: NDArray[np.complex128],
    prior: NDArray[np.complex128],
    stiffness: float,
    *,
    signed: bool,
) -> NDArray[np.float64]:
    """``min_k |K - data|**2 precision + |K - prior|**2 stiffness``, k >= 0 on its support: ADMM."""
    total = grid.precision + stiffness
    pull = grid.precision * data + stiffness * prior
    penalty = float(np.sqrt(np.median(total) * np.quantile(total, 0.02)))
    kept = grid.spread(grid.back(pull / total)[grid.place])
    dual = np.zeros((grid.side, grid.side))
    for _ in range(_ROUNDS):
        free = grid.back((pull + penalty * np.fft.rfft2(kept - dual)) / (total + penalty))
        free = 1.6 * free - 0.6 * kept
        inner = (free + dual)[grid.place]
        new = grid.spread(inner if signed else np.maximum(inner, 0))
        dual += free - new
        change = float(np.abs(new - kept).max())
        kept = new
        if change < 1e-6 * float(np.abs(kept).max()):
            break
    return np.asarray(kept[grid.place])
