"""Richardson-Lucy deconvolution in linear light, accelerated, with a rule to stop.

    x <- x * H^T (y / (H x))

from Richardson 1972 and Lucy 1974. Beyond the border the ratio is 1, the expectation step for data
that were not seen; so it is at clipped pixels unless the estimate falls below the limit. The steps
are extrapolated along their own direction (Biggs & Andrews 1997), and end when the residual inside
is no larger than the noise (the discrepancy principle) or at a limit. Dividing by H^T m instead,
with m the mask of the picture (Bertero & Boccacci 2005), grew oscillations with the extrapolation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cepstro.fft import irfft2, rfft2
from cepstro.restore.borders import Plane
from cepstro.restore.observation import Observation

LIMIT = 60  # steps; acceleration makes them worth several hundred plain ones
_DARK = np.float32(1e-5)
_MOST = np.float32(10)  # largest ratio of the photo to its estimate that a step believes


def restore(
    seen: Observation, mean: float, *, steps: int = LIMIT, tell: Callable[[float], None]
) -> Plane:
    """Restore an observed plane; float32, the whole frame, its mean removed as it came."""
    shape = seen.shape
    frame = np.maximum(seen.frame + np.float32(mean), _DARK)
    data = np.maximum(seen.plane + np.float32(mean), 0)
    conjugate = np.conj(seen.otf)
    sigma2 = max(seen.prior.level() ** 2, 1e-10)
    x = before = frame
    change = change_before = np.zeros_like(frame)
    for k in range(steps):
        along = _dot(change, change_before)
        pull = along / max(_dot(change_before, change_before), 1e-20) if k > 1 else 0.0
        guess = x + np.float32(min(max(pull, 0.0), 0.95)) * (x - before)
        np.maximum(guess, _DARK, out=guess)
        blurred = irfft2(rfft2(guess) * seen.otf, shape, overwrite=True)
        np.maximum(blurred, _DARK, out=blurred)
        inside = seen.picture(blurred)
        wanted = (
            data if seen.clipped is None else np.where(seen.clipped, np.maximum(inside, data), data)
        )
        left = float(np.mean((wanted - inside) ** 2, dtype=np.float64))
        if left <= sigma2 and steps == LIMIT:
            break
        ratio = np.ones(shape, np.float32)
        # Kernels sampled from a hard edge have negative lobes, under which H x may all but vanish.
        seen.picture(ratio)[:] = np.minimum(wanted / inside, _MOST)
        step = irfft2(rfft2(ratio) * conjugate, shape, overwrite=True)
        before, x = x, np.maximum(guess * step, _DARK)
        change_before, change = change, x - guess
        tell((k + 1) / steps)
    x -= np.float32(mean)
    return np.asarray(x, np.float32)


def _dot(a: Plane, b: Plane) -> float:
    return float(np.vdot(a, b))
