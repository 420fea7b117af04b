"""A PSF model fitted to the polar log spectrum of a photo: refined parameters and their error.

The mean log power in a cell of direction s and frequency rho is modelled as

    y[s, rho] = ln( exp(t_s(rho)) (|H(rho)|**2 + f) + n(rho) ),    t_s = a_s + b_s L + c_s L**2

with L = ln rho, the scene's own smooth trend t_s in each of 12 directions, the model's transfer
function H (its power smeared as the Hann window smears the spectrum), a relative floor f (what
fills the zeros: several depths, JPEG) and a noise floor n whose logarithm is quadratic in L. All
are found together by Levenberg-Marquardt steps on the count-weighted squares; the trends are
eliminated first (their normal matrix is block diagonal). There are several minima: searches run
side by side from several starts, the worse half of them given up every three steps. Errors come
from the curvature at the minimum and the scatter.

Tried: white noise instead of tilted, median error 0.12 % for 0.09 % at noise 1/255, JPEG 90, and
0.90 % for 0.56 % at JPEG 75; bent instead of tilted, 0.024 px for 0.040 at noise 1/255, JPEG 90;
noise of its own in each direction, 42 for 70 of 85 disks below 5 px found; a trend linear in L, one
sector, robust losses: worse or the same. One search instead of several: a Gaussian's cost up to
0.58 (ln) too high in 1 of 100 fits, which then look like rings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cepstro.psf import PSF, Disk, Gaussian, Ring
from cepstro.psf.base import jinc
from cepstro.radial import PolarSpectrum

RINGS = 6.0  # zeros of the transfer function that take part in a fit
_LOWEST = 0.3  # lowest frequency that takes part, in units of 1 / diameter
_HIGHEST = 0.7  # cycles/px, near the corner of the frequency plane
_TREND = 3  # parameters of a sector's trend
_STEPS = 40
_HALVING = 3  # steps after which the worse half of the searches ends
# ln f, ln n, its tilt and bend at least and at most: JPEG empties the high frequencies.
_FLOORS = ((np.log(1e-7), -np.inf, -3.0, -3.0), (np.log(0.3), np.inf, 3.0, 3.0))
_BELOW = (0.3, 3.0)  # how far below the log power at the band's top the noise is first taken to be
_TOP = 0.85  # of the band's columns, from where on is its top
SETTLED, ROUGHLY = 1e-6, 1e-3  # where a search ends: at a twentieth of an error bar; in the race
# Gaussians that a fit without rings starts from, in diameters.
_SIGMAS = (0.03, 0.08, 0.15, 0.25, 0.4)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of PSF with its free shape parameters, as the fit sees them.

    `build` takes the parameters in the fit's own units (softness and Gaussian sigma squared, so
    that the derivative at 0 does not vanish); `lower` and `upper` are their bounds and `widest`
    the largest change in one step (of the first, relative to its size). `power`, where given,
    computes the model's power in the cells for many shapes at once, (k, 1 or sectors, columns),
    instead of `smeared_power` for one after the other.
    """

    name: str
    build: Callable[[NDArray[np.float64]], PSF]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    widest: tuple[float, ...]
    power: (
        Callable[[NDArray[np.float64], PolarSpectrum, NDArray[np.intp]], NDArray[np.float64]] | None
    ) = None


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A model fitted to a polar spectrum.

    Attributes
    ----------
    family : str
        Name of the kind of PSF.
    psf : PSF
        The PSF found.
    parameters, errors : (p,) float64
        Shape parameters in the family's units, and one standard deviation of each from the
        curvature of the fit.
    floor : float
        Relative floor f.
    log_noise : (m,) float64
        ln of the noise floor n at each frequency of the data; valid in `band`.
    cost : float
        Weighted sum of squared residuals over `band`.
    cells, size : float
        Cells in the band, and parameters fitted.
    misfit : float
        Scatter left over, in units of what the number of blocks alone would leave.
    model, trend : (sectors, m) float64
        Fitted log power, and the trend alone; valid in `band`.
    band : (sectors, m) bool
        Cells that took part.
    """

    family: str
    psf: PSF
    parameters: NDArray[np.float64]
    errors: NDArray[np.float64]
    floor: float
    log_noise: NDArray[np.float64]
    cost: float
    cells: int
    size: int
    misfit: float
    model: NDArray[np.float64]
    trend: NDArray[np.float64]
    band: NDArray[np.bool_]


def disk_family(*, soft: bool = False) -> Family:
    """Disks: (diameter[, softness ** 2])."""
    if not soft:
        return Family("disk", lambda p: Disk(p[0]), (1.5,), (1e4,), (0.05,), _disk_power)
    return Family(
        "disk",
        lambda p: Disk(p[0], softness=float(np.sqrt(p[1]))),
        (1.5, 0.0),
        (1e4, 400.0),
        (0.05, 0.5),
    )


def ring_family(*, soft: bool = False) -> Family:
    """Rings: (outer diameter, hole[, softness ** 2])."""
    if not soft:
        return Family("ring", lambda p: Ring(p[0], hole=p[1]), (1.5, 0.1), (1e4, 1.0), (0.05, 0.1))
    return Family(
        "ring",
        lambda p: Ring(p[0], hole=p[1], softness=float(np.sqrt(p[2]))),
        (1.5, 0.1, 0.0),
        (1e4, 1.0, 400.0),
        (0.05, 0.1, 0.5),
    )


def gaussian_family() -> Family:
    """Gaussians: (sigma ** 2,)."""
    return Family(
        "gaussian",
        lambda p: Gaussian(float(np.sqrt(p[0]))),
        (1e-4,),
        (1e4,),
        (0.5,),
        _gaussian_power,
    )


def fit_band(
    data: PolarSpectrum, diameter: float, *, rings: float = RINGS, lowest: float = _LOWEST
) -> NDArray[np.bool_]:
    """Cells that hold the first `rings` rings of a blur of this diameter."""
    low = max(lowest / diameter, 3 * data.resolution)
    inside = (data.frequency > low) & (data.frequency < min(_HIGHEST, rings / diameter))
    return inside[None, :] & (data.count > 0)


def fit_model(
    data: PolarSpectrum,
    family: Family,
    starts: Sequence[tuple[float, ...]],
    band: NDArray[np.bool_],
    *,
    settled: float = SETTLED,
) -> Fit:
    """Fit a family of PSFs to a polar spectrum, from all starts at once; the deepest is kept.

    Parameters
    ----------
    data : PolarSpectrum
    family : Family
    starts : sequence of tuple of float
        Shape parameters that may be started from, in the family's units.
    band : (sectors, m) bool
        Cells that take part, as from `fit_band`.
    settled : float
        Relative fall of the cost in one step at which the search ends; above `ROUGHLY` the noise
        stays straight.

    References
    ----------
    Levenberg-Marquardt with variable elimination: Golub & Pereyra, SIAM J. Numer. Anal. 10:413
    (1973).
    """
    columns = np.flatnonzero(band.any(axis=0))
    y = data.log_power[:, columns]
    weight = np.where(band, data.count, 0.0)[:, columns]
    problem = _Problem(data, columns, y, weight, family)
    shapes = np.clip(np.array(starts, np.float64), family.lower, family.upper)
    shapes = np.repeat(shapes, len(_BELOW), axis=0)
    noises = problem.top() - np.tile(_BELOW, len(starts))
    states = problem.start(shapes, noises)
    # Bent noise has many minima: it is freed near the deepest, and not where fits are compared.
    states = problem.descend(states, max(settled, ROUGHLY), bent=False)
    if settled <= ROUGHLY:
        states = problem.descend(states, settled, bent=True)
    return problem.result(states, band)


def smooth_fit(data: PolarSpectrum, diameter: float, band: NDArray[np.bool_]) -> Fit:
    """Fit what has no rings in a band: a Gaussian."""
    starts = [((part * diameter) ** 2,) for part in _SIGMAS]
    return fit_model(data, gaussian_family(), starts, band, settled=ROUGHLY)


@dataclass(slots=True, eq=False)
class _States:
    """Points of k searches side by side, with what the next step needs."""

    shape: NDArray[np.float64]  # (k, p)
    floors: NDArray[np.float64]  # (k, 4): ln f, ln n, its tilt and bend
    trend: NDArray[np.float64]  # (k, sectors, _TREND)
    power: NDArray[np.float64]  # |H|**2, smeared, (k, 1 or sectors, columns)
    scene: NDArray[np.float64]  # exp(t_s), (k, sectors, columns)
    noise: NDArray[np.float64]
    total: NDArray[np.float64]
    residual: NDArray[np.float64]
    cost: NDArray[np.float64]  # (k,)

    def take(self, index: NDArray[np.intp]) -> _States:
        """Keep some of the searches."""
        return _States(*(getattr(self, field.name)[index] for field in fields(self)))


def _chosen(better: NDArray[np.bool_], new: _States, old: _States) -> _States:
    """Take the new point of a search where it is better."""
    if better.all():
        return new
    if not better.any():
        return old
    pick = [
        np.where(better.reshape(-1, *(1,) * (one.ndim - 1)), one, other)
        for one, other in (
            (getattr(new, field.name), getattr(old, field.name)) for field in fields(new)
        )
    ]
    return _States(*pick)


class _Problem:
    """The least squares problem of one fit; arrays are (sectors, columns in the band)."""

    def __init__(
        self,
        data: PolarSpectrum,
        columns: NDArray[np.intp],
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        family: Family,
    ) -> None:
        self.data, self.columns, self.y, self.weight, self.family = data, columns, y, weight, family
        log_rho = np.log(data.distance[:, columns])
        log_rho = log_rho - log_rho[weight > 0].mean()
        self.basis = np.stack([log_rho**power for power in range(_TREND)], axis=1)
        # The noise shows at the band's top: its tilt turns about that.
        self.below_top = log_rho - log_rho.max()

    def top(self) -> float:
        """Mean log power at the top of the band."""
        first = int(_TOP * self.y.shape[1])
        return float(np.average(self.y[:, first:], weights=self.weight[:, first:]))

    def power(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Smeared power of the family's transfer function, (k, 1 or sectors, columns)."""
        if self.family.power is not None:
            return self.family.power(shapes, self.data, self.columns)
        return np.stack(
            [smeared_power(self.family.build(shape), self.data, self.columns) for shape in shapes]
        )

    def evaluate(
        self,
        shapes: NDArray[np.float64],
        floors: NDArray[np.float64],
        trend: NDArray[np.float64],
    ) -> _States:
        power = self.power(shapes)
        scene = np.exp(np.clip((trend[:, :, None, :] @ self.basis)[:, :, 0], -60, 60))
        relative, level, tilt, bend = floors.T[:, :, None, None]
        noise = np.exp(level + (tilt + bend * self.below_top) * self.below_top)
        total = scene * (power + np.exp(relative)) + noise
        residual = self.y - np.log(total)
        cost = np.einsum("sm,ksm->k", self.weight, residual**2)
        return _States(shapes, floors, trend, power, scene, noise, total, residual, cost)

    def start(self, shapes: NDArray[np.float64], log_noise: NDArray[np.float64]) -> _States:
        """Solve for the trends alone, with the noise subtracted."""
        power = self.power(shapes)
        signal = np.clip(1 - np.exp(log_noise[:, None, None] - self.y), 0.05, 1)
        target = self.y + np.log(signal) - np.log(power + 0.02)
        weight = self.weight * signal**2 * (power + 0.02)
        weighted = self.basis * weight[:, :, None, :]
        left = weighted @ self.basis.transpose(0, 2, 1) + 1e-6 * np.eye(_TREND)
        trend = np.linalg.solve(left, weighted @ target[..., None])[..., 0]
        nothing = np.zeros(len(shapes))
        floors = np.stack([nothing + np.log(1e-3), log_noise, nothing, nothing], axis=1)
        return self.evaluate(shapes, floors, trend)

    def descend(self, states: _States, settled: float, *, bent: bool) -> _States:
        """Go down from all points side by side, the worse half given up time and again."""
        damping = np.full(len(states.cost), 1e-3)
        done = np.zeros(len(damping), bool)
        normal = self.normal(states)
        for count in range(1, _STEPS + 1):
            trial, promised = self.step(states, normal, damping, bent=bent)
            fall = states.cost - trial.cost
            better = fall >= 0
            done |= np.where(better, fall, promised) < settled * states.cost
            # Steps that keep what they promise may be longer.
            kept = fall / np.maximum(promised, 1e-30)
            damping *= np.select([kept > 0.75, kept > 0.4, better], [0.1, 0.5, 2.0], 5.0)
            damping = np.clip(damping, 1e-9, 1e9)
            states = _chosen(better, trial, states)
            if done.all() or (done[np.argmin(states.cost)] and count > _HALVING):
                break
            if count % _HALVING == 0 and len(done) > 1:
                best = np.sort(np.argsort(states.cost, kind="stable")[: (len(done) + 1) // 2])
                states, damping, done = states.take(best), damping[best], done[best]
                better = np.ones(len(best), bool)
            if better.any():
                normal = self.normal(states)
        return states.take(np.argsort(states.cost, kind="stable")[:1])

    def normal(self, states: _States) -> tuple[NDArray[np.float64], ...]:
        """Build the normal matrices: of shared parameters, of both kinds, of the trends."""
        searches, free = states.shape.shape
        gain = states.scene / states.total
        noise = states.noise / states.total
        shared = np.empty((searches, free + 4, *self.y.shape))
        for index in range(free):
            step = 1e-4 * np.maximum(np.abs(states.shape[:, index]), 0.1)
            step = np.where(states.shape[:, index] + step > self.family.upper[index], -step, step)
            moved = states.shape.copy()
            moved[:, index] += step
            shared[:, index] = gain * (self.power(moved) - states.power) / step[:, None, None]
        shared[:, free] = gain * np.exp(states.floors[:, 0, None, None])
        shared[:, free + 1] = noise
        shared[:, free + 2] = noise * self.below_top
        shared[:, free + 3] = noise * self.below_top**2
        slope = 1 - noise  # d y / d t_s
        flat = (shared * self.weight).reshape(searches, free + 4, -1)
        matrix = flat @ shared.reshape(flat.shape).transpose(0, 2, 1)
        vector = (flat @ states.residual.reshape(searches, -1, 1))[..., 0]
        inner = self.basis * (self.weight * slope)[:, :, None, :]
        cross = shared.transpose(0, 2, 1, 3) @ inner.transpose(0, 1, 3, 2)
        block = (inner * slope[:, :, None, :]) @ self.basis.transpose(0, 2, 1)
        block_vector = (inner @ states.residual[..., None])[..., 0]
        return matrix, vector, cross, block, block_vector

    def step(
        self,
        states: _States,
        normal: tuple[NDArray[np.float64], ...],
        damping: NDArray[np.float64],
        *,
        bent: bool,
    ) -> tuple[_States, NDArray[np.float64]]:
        """Take one damped step; also the fall of the cost that the linear model promises."""
        matrix, vector, cross, block, block_vector = normal
        free = states.shape.shape[1]
        damped = block * (1 + damping[:, None, None, None]) + 1e-6 * np.eye(_TREND)
        solved = np.linalg.solve(
            damped, np.concatenate([cross.transpose(0, 1, 3, 2), block_vector[..., None]], axis=3)
        )
        stiff = damping[:, None] * np.diagonal(matrix, axis1=1, axis2=2) + 1e-9
        if not bent:
            stiff[:, -1] = 1e30
        schur = matrix + stiff[:, :, None] * np.eye(free + 4)
        schur = schur - (cross @ solved[..., :-1]).sum(axis=1)
        right = vector - (cross @ solved[..., -1:]).sum(axis=1)[..., 0]
        change = np.linalg.solve(schur, right[..., None])[..., 0]
        reach = np.tile(self.family.widest, (len(change), 1))
        reach[:, 0] *= np.maximum(np.abs(states.shape[:, 0]), 1.0)
        shapes = np.clip(
            states.shape + np.clip(change[:, :free], -reach, reach),
            self.family.lower,
            self.family.upper,
        )
        floors = np.clip(states.floors + np.clip(change[:, free:], -2, 2), _FLOORS[0], _FLOORS[1])
        promised = np.sum(right * change, axis=1)
        promised += np.sum(block_vector * solved[..., -1], axis=(1, 2))
        # The trends follow what the bounds left of the change.
        change = np.concatenate([shapes - states.shape, floors - states.floors], axis=1)
        trend_change = solved[..., -1] - (solved[..., :-1] @ change[:, None, :, None])[..., 0]
        return self.evaluate(shapes, floors, states.trend + trend_change), promised

    def result(self, state: _States, band: NDArray[np.bool_]) -> Fit:
        """Describe the only search left."""
        matrix, _, cross, block, _ = (part[0] for part in self.normal(state))
        solved = np.linalg.solve(block + 1e-6 * np.eye(_TREND), cross.transpose(0, 2, 1))
        information = matrix - (cross @ solved).sum(axis=0)
        shape, floors, cost = state.shape[0], state.floors[0], float(state.cost[0])
        cells = int(np.count_nonzero(self.weight))
        size = len(shape) + 4 + state.trend[0].size
        scatter = cost / max(1, cells - size)
        covariance = np.linalg.pinv(information, hermitian=True) * scatter
        errors = np.sqrt(np.maximum(np.diag(covariance)[: len(shape)], 0))
        log_noise = np.zeros(band.shape[1])
        top = self.below_top.mean(axis=0)
        log_noise[self.columns] = floors[1] + (floors[2] + floors[3] * top) * top
        model = np.zeros(band.shape)
        trend = np.zeros(band.shape)
        model[:, self.columns] = np.log(state.total[0])
        trend[:, self.columns] = np.log(state.scene[0])
        return Fit(
            self.family.name,
            self.family.build(shape),
            shape,
            errors,
            float(np.exp(floors[0])),
            log_noise,
            cost,
            cells,
            size,
            cost / cells * self.data.blocks,
            model,
            trend,
            band,
        )


def _disk_power(
    shapes: NDArray[np.float64], data: PolarSpectrum, columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    return _smeared(jinc(np.pi * shapes[:, :, None] * _around(data, columns)) ** 2)


def _gaussian_power(
    shapes: NDArray[np.float64], data: PolarSpectrum, columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    return _smeared(np.exp(-((2 * np.pi * _around(data, columns)) ** 2) * shapes[:, :, None]))


def _around(data: PolarSpectrum, columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Frequencies of the cells and their neighbours at the spectrum's own step: (3, columns)."""
    return data.frequency[columns] + data.resolution * np.array([[-1.0], [0.0], [1.0]])


def _smeared(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smear as the Hann window does: its own spectrum has the power 1/6, 4/6, 1/6 in the middle."""
    mean: NDArray[np.float64] = (power[:, :1] + 4 * power[:, 1:2] + power[:, 2:]) / 6
    return mean


def smeared_power(psf: PSF, data: PolarSpectrum, columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Power of a transfer function in the cells of a polar spectrum, as the Hann window smears it.

    Returns
    -------
    (1, k) float64
    """
    around = _around(data, columns)
    # Along x: the same in every direction, or for a motion (fitted in strips) along it.
    power = np.abs(psf.transfer(np.zeros_like(around), around)) ** 2
    return np.asarray(_smeared(power[None])[0], np.float64)
