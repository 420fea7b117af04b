"""The least squares problem of a fit, and searches that go down it side by side.

The model of `cepstro.fit` has parameters that all directions share (the PSF's shape, the relative
floor, the noise, its tilt and bend) and a trend of its own in each direction. Levenberg-Marquardt
steps are taken for the shared ones; the trends follow each step, as their normal matrix is block
diagonal and is solved once for each point. There are several minima, so several searches run side
by side, the worse half given up time and again. What a step would carry too far is held at its
bound and the step solved again for the others.

Tried, CPU of 354 fits in turns: the worse half given up every five steps instead of three 1.07, in
the coarse cells to the end instead of until one search is left 1.10, for the same minima. Steps cut
off at the bounds instead of solved again: 1.7 for 210 fits. Parameters held one after the other
instead of all at once: 1.05. The trends of each direction stepped back on their own where a step
fails: as many steps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cepstro.families import Family, smeared_power
from cepstro.radial import PolarSpectrum

TREND = 3  # parameters of a sector's trend
_STEPS = 40
_FIRST, _EVERY = 5, 3  # steps after which the worse half of the searches ends, and again
_WIDEST = 2.0  # largest change of ln f, ln n, its tilt and bend in one step
_STUCK = 1e30  # damping of what must not move
_RISE = 8.0  # of the damping where a step fails, twice that at the next
# ln f, ln n, its tilt and bend at least and at most: JPEG empties the high frequencies.
_FLOORS = ((np.log(1e-7), -np.inf, -3.0, -3.0), (np.log(0.3), np.inf, 3.0, 3.0))
_TOP = 0.85  # of the band's columns, from where on is its top
_HIGHEST_SCENE = 60.0  # ln
_EYE, _LEAST, _COUNT = np.eye(8), 1e-6 * np.eye(TREND), np.arange(9)


@dataclass(slots=True, eq=False)
class States:
    """Points of k searches side by side, with what the next step needs."""

    shared: NDArray[np.float64]  # (k, p + 4): shape, ln f, ln n, its tilt and bend
    trend: NDArray[np.float64]  # (k, sectors, TREND)
    slope: NDArray[np.float64]  # of |H|**2, smeared, by each shape: (k, p, 1 or sectors, columns)
    scene: NDArray[np.float64]  # exp(t_s), (k, sectors, columns)
    noise: NDArray[np.float64]  # (k, 1 or sectors, columns)
    total: NDArray[np.float64]
    residual: NDArray[np.float64]  # weighted
    cost: NDArray[np.float64]  # (k,)

    def take(self, index: NDArray[np.intp]) -> States:
        """Keep some of the searches."""
        return States(*(getattr(self, name)[index] for name in _FIELDS))


_FIELDS = tuple(field.name for field in fields(States))


def _chosen(better: NDArray[np.bool_], new: States, old: States) -> States:
    """Take the new point of a search where it is better."""
    if better.all():
        return new
    if not better.any():
        return old
    pick = []
    for name in _FIELDS:
        one, other = getattr(new, name), getattr(old, name)
        pick.append(np.where(better.reshape(-1, *(1,) * (one.ndim - 1)), one, other))
    return States(*pick)


@dataclass(slots=True, eq=False)
class Normal:
    """Normal equations at k points, the trends eliminated."""

    total: NDArray[np.float64]  # (k, m + 1, m + 1): of the m shared parameters and the residual
    less: NDArray[np.float64]  # of the same size: what the trends take from that
    solved: NDArray[np.float64]  # (k, sectors, TREND, m + 1): how the trends follow


class Problem:
    """The least squares problem of one fit; arrays are (sectors, columns in the band)."""

    def __init__(
        self, data: PolarSpectrum, family: Family, pivots: tuple[float, float] | None = None
    ) -> None:
        self.data, self.family, self.free = data, family, len(family.lower)
        self.lower, self.upper = (
            np.append(*both) for both in ((family.lower, _FLOORS[0]), (family.upper, _FLOORS[1]))
        )
        self.relative = np.arange(len(self.lower)) == 0  # the first is a size
        self.widest = np.append(family.widest, 4 * (_WIDEST,))
        self.y, self.weight, self.root_weight = data.log_power, data.count, np.sqrt(data.count)
        distance = data.distance
        if (distance == distance[:1]).all():
            distance = distance[:1]  # the same in every sector: one row serves all
        log_rho = np.log(distance)
        # The noise shows at the band's top: its tilt turns about that.
        if pivots is None:
            everywhere = np.broadcast_to(log_rho, self.weight.shape)
            pivots = float(everywhere[self.weight > 0].mean()), float(log_rho.max())
        self.pivots = pivots
        # (1 or sectors, powers, columns)
        self.floors = np.stack([(log_rho - pivots[1]) ** power for power in range(3)], axis=1)
        self.basis = np.stack([(log_rho - pivots[0]) ** power for power in range(TREND)], axis=1)

    def top(self) -> float:
        """Mean log power at the top of the band."""
        first = int(_TOP * self.y.shape[1])
        return float(np.average(self.y[:, first:], weights=self.weight[:, first:]))

    def power(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Smeared power of the family's transfer function, (k, 1 or sectors, columns)."""
        if self.family.power is not None:
            return self.family.power(shapes, self.data)
        return np.stack([smeared_power(self.family.build(shape), self.data) for shape in shapes])

    def evaluate(self, shared: NDArray[np.float64], trend: NDArray[np.float64]) -> States:
        """Model, residual and cost at some points."""
        searches, free = len(shared), self.free
        shape = shared[:, :free]
        step = 1e-4 * np.maximum(np.abs(shape), 0.1)
        step[shape + step > self.upper[:free]] *= -1
        # The shapes and their neighbours, which tell the slopes, in one call.
        around = np.repeat(shape[:, None], free + 1, axis=1)
        around[:, _COUNT[1 : free + 1], _COUNT[:free]] += step
        power = self.power(around.reshape(-1, free))
        power = power.reshape(searches, free + 1, *power.shape[1:])
        slope = (power[:, 1:] - power[:, :1]) / step[:, :, None, None]
        scene = _times(trend, self.basis)
        np.minimum(scene, _HIGHEST_SCENE, out=scene)
        np.exp(scene, out=scene)
        noise = np.exp(_times(shared[:, None, free + 1 :], self.floors))
        total = scene * (power[:, 0] + np.exp(shared[:, free, None, None]))
        total += noise
        residual = np.log(total)
        np.subtract(self.y, residual, out=residual)
        residual *= self.root_weight
        flat = residual.reshape(searches, -1)
        cost = np.einsum("kn,kn->k", flat, flat)
        return States(shared, trend, slope, scene, noise, total, residual, cost)

    def start(self, shapes: NDArray[np.float64], floors: NDArray[np.float64]) -> States:
        """Solve for the trends alone, with the noise subtracted.

        `floors` are ln f, ln n, its tilt and bend: (k, 4) or (4,).
        """
        shared = np.zeros((len(shapes), self.free + 4))
        shared[:, : self.free], shared[:, self.free :] = shapes, floors
        shared = np.clip(shared, self.lower, self.upper)
        log_noise = _times(shared[:, None, self.free + 1 :], self.floors)
        power = self.power(shared[:, : self.free])
        signal = np.clip(1 - np.exp(np.minimum(log_noise - self.y, 0)), 0.05, 1)
        target = self.y + np.log(signal) - np.log(power + 0.02)
        weight = self.weight * signal**2 * (power + 0.02)
        weighted = self.basis * weight[:, :, None, :]
        left = weighted @ self.basis.transpose(0, 2, 1) + _LEAST
        trend = np.linalg.solve(left, weighted @ target[..., None])[..., 0]
        return self.evaluate(shared, trend)

    def descend(self, states: States, settled: float, *, bent: bool, alone: bool = True) -> States:
        """Go down from all points side by side; the deepest is kept.

        Ends where a step falls by less than `settled` of the cost or, unless the last one may go
        on `alone`, where the others have been given up. The noise bends only if `bent`.
        """
        damping = np.full(len(states.cost), 1e-3)
        rise = np.full(len(damping), _RISE)
        done = np.zeros(len(damping), bool)
        normal = self.normal(states)
        for count in range(1, _STEPS + 1):
            trial, promised = self.step(states, normal, damping, bent=bent)
            fall = states.cost - trial.cost
            better = fall >= 0
            done |= np.where(better, fall, np.abs(promised)) < settled * states.cost
            # Steps that keep what they promise may be longer; the more fail, the shorter the next.
            kept = fall / np.maximum(promised, 1e-30)
            longer = np.where(kept > 0.75, 0.3, np.where(kept > 0.4, 0.5, 2.0))
            damping = np.minimum(np.maximum(damping * np.where(better, longer, rise), 1e-7), 1e9)
            rise = np.where(better, _RISE, 2 * rise)
            states = _chosen(better, trial, states)
            if done.all():
                break
            if len(done) > 1 and count >= _FIRST and (count - _FIRST) % _EVERY == 0:
                best = np.sort(np.argsort(states.cost, kind="stable")[: (len(done) + 1) // 2])
                if len(best) == 1 and not alone:
                    break
                states = states.take(best)
                damping, rise, done = damping[best], rise[best], done[best]
                better = np.ones(len(best), bool)
            if better.any():
                normal = self.normal(states)
        return states.take(np.argsort(states.cost, kind="stable")[:1])

    def normal(self, states: States) -> Normal:
        """Multiply all derivatives out and solve for the trends in each sector."""
        searches, free, shared = len(states.cost), self.free, self.free + 4
        sectors, columns = self.y.shape
        seen = self.root_weight / states.total
        gain, noise = states.scene * seen, states.noise * seen
        # Derivatives by the shared parameters, the residual, derivatives by the trend.
        rows = np.empty((searches, shared + 1 + TREND, sectors, columns))
        np.multiply(gain[:, None], states.slope, out=rows[:, :free])
        np.multiply(gain, np.exp(states.shared[:, free, None, None]), out=rows[:, free])
        np.multiply(noise[:, None], self.floors.transpose(1, 0, 2), out=rows[:, free + 1 : shared])
        rows[:, shared] = states.residual
        rest = (self.root_weight - noise)[:, None]
        np.multiply(rest, self.basis.transpose(1, 0, 2), out=rows[:, shared + 1 :])
        flat = rows[:, : shared + 1].reshape(searches, shared + 1, -1)
        total = flat @ flat.transpose(0, 2, 1)
        by_sector = rows.transpose(0, 2, 1, 3)
        product = by_sector[:, :, shared + 1 :] @ by_sector.transpose(0, 1, 3, 2)
        cross, block = product[..., : shared + 1], product[..., shared + 1 :]
        solved = np.asarray(np.linalg.solve(block + _LEAST, cross), np.float64)
        tall = (searches, sectors * TREND, shared + 1)
        less = cross.reshape(tall).transpose(0, 2, 1) @ solved.reshape(tall)
        return Normal(total, less, solved)

    def step(
        self, states: States, normal: Normal, damping: NDArray[np.float64], *, bent: bool
    ) -> tuple[States, NDArray[np.float64]]:
        """Take one damped step; also the fall of the cost that the linear model promises."""
        shared = self.free + 4
        part = 1 / (1 + damping[:, None, None])  # damped, the trends go that part of their way
        left = normal.total - part * normal.less
        schur, right = left[:, :shared, :shared], left[:, :shared, shared:]
        stiff = damping[:, None] * np.einsum("kii->ki", normal.total)[:, :shared] + 1e-9
        if not bent:
            stiff[:, -1] = _STUCK
        change = self._bounded(states.shared, schur, right, stiff)
        promised = ((2 * right - schur @ change) * change).sum(axis=(1, 2))
        promised += (part * normal.less[:, shared:, shared:])[:, 0, 0]
        solved = normal.solved
        follow = solved[..., shared] - (solved[..., :shared] @ change[:, None])[..., 0]
        return self.evaluate(states.shared + change[..., 0], states.trend + part * follow), promised

    def _bounded(
        self,
        shared: NDArray[np.float64],
        schur: NDArray[np.float64],
        right: NDArray[np.float64],
        stiff: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Solve for the change of the shared parameters, (k, m, 1), within their bounds."""
        reach = self.widest * np.where(self.relative, np.maximum(shared, 1.0), 1.0)
        least = np.maximum(self.lower - shared, -reach)[..., None]
        most = np.minimum(self.upper - shared, reach)[..., None]
        eye = _EYE[: len(self.lower), : len(self.lower)]
        matrix = schur + stiff[:, :, None] * eye
        free = np.linalg.solve(matrix, right)
        change: NDArray[np.float64] = np.minimum(np.maximum(free, least), most)
        held = np.abs(change - free) > 1e-9 * reach[..., None]
        if held.any():
            # What would go too far goes to its bound, and the others follow that.
            fixed = _STUCK * held
            free = np.linalg.solve(matrix + fixed * eye, right + fixed * change)
            change = np.minimum(np.maximum(free, least), most)
        return change


def _times(parameters: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of a basis, (1 or sectors, n, columns), by (k, 1 or sectors, n) parameters."""
    if len(basis) == 1:
        flat = parameters.reshape(-1, parameters.shape[-1]) @ basis[0]
        made: NDArray[np.float64] = flat.reshape(*parameters.shape[:2], -1)
        return made
    return np.asarray((parameters[:, :, None] @ basis)[:, :, 0], np.float64)
