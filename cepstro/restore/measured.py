"""What is measured on a picture before it is restored: on blocks spread over it.

A picture in memory, a file that is never held whole and a Dask array are measured by the same
blocks (`samples`): those that tell the power law and the noise (`prior`), and a few larger crops
that ask for the constant (`tuning`) and tell the mean gradient (`sparse`). The methods that work
on luminance need a plan of it and one of what is left of each channel; a Wiener filter needs mean
and NSR of each channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cepstro.fft import side_by_side
from cepstro.light import LUMINANCE, Light, clipped, steepness, to_linear
from cepstro.noise import spread_corners
from cepstro.photo import check_finite
from cepstro.psf import PSF
from cepstro.restore import prior, sparse, tuning
from cepstro.restore.borders import Plane
from cepstro.restore.prior import Prior
from cepstro.restore.wiener import NSR

METHODS = ("wiener", "lucy", "sparse", "best")
LEAST = 1e-4  # share of clipped pixels below which they are not worth their transforms
_MOST = 0.2  # share above which the limit is taken for the white of a page, and so for data
_FLAT = 1e-4  # light: rests with less to them hold nothing to restore
_MEAN_SIDE, _MEAN_BLOCKS = 64, 96  # px; of blocks that tell the mean only
_THIN = 4  # of so many rows one tells the mean slope of the tone curve
_UNMEASURED = sparse.Scale(0.0, 0.0)

Found = TypeVar("Found")
Mask = NDArray[np.bool_]
Blocks = NDArray[Any]  # N x n x n (x C), as encoded
Sample = tuple[int, list[tuple[int, int]]]  # side and top left corners of blocks
Read = Callable[[list[tuple[slice, slice]]], list[NDArray[Any]]]  # boxes -> their pixels


@dataclass(frozen=True, slots=True)
class Task:
    """How a picture is to be restored: what `deblur` was asked for, as `asked` checks it."""

    psfs: list[PSF]  # one a colour channel
    method: str | None
    nsr: float | None  # None: chosen for the picture
    noise: float | None
    error: float
    light: Light

    @property
    def constant(self) -> bool:
        """Whether a Wiener filter's NSR is given."""
        return self.method == "wiener" and self.nsr is not None

    @property
    def halfwidth(self) -> int:
        """Of the widest PSF, px."""
        return max(psf.halfwidth for psf in self.psfs)

    @property
    def alike(self) -> bool:
        """Whether three channels share one PSF, so that their luminance can be restored."""
        return len(self.psfs) == 3 and all(psf == self.psfs[0] for psf in self.psfs)


def asked(
    psfs: list[PSF],
    method: str | None,
    nsr: float | str | None,
    noise: float | None,
    error: float,
    light: Light,
) -> Task:
    """Check what `deblur` is asked for, whether of a picture in memory or of a file."""
    for name, value in (("noise", 0.0 if noise is None else noise), ("diameter_error", error)):
        if not _is_number(value):
            raise TypeError(f"{name} must be a number, got {value!r:.60}")
    if nsr is None or (isinstance(nsr, str) and nsr == "auto"):
        constant = None
    elif not _is_number(nsr):
        raise TypeError(f'nsr must be a number or "auto", got {nsr!r:.60}')
    else:
        constant = float(nsr)
        if not 0 <= constant < np.inf:
            raise ValueError(f"nsr must be >= 0 and finite, got {nsr}")
    if noise is not None and not 0 <= noise <= 1:
        raise ValueError(f"noise must be 0 to 1, 1 being white, got {noise}")
    if not 0 <= error < np.inf:
        raise ValueError(f"diameter_error must be >= 0 px and finite, got {error}")
    if method is not None and method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if method is None and constant is not None:
        method = "wiener"
    return Task(psfs, method, constant, noise, error, light)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured on a plane of light."""

    psf: PSF
    prior: Prior
    mean: np.float32
    page: bool  # whether the sensor's limit is the white of a page; else clipped light is unknown
    slope: float = 0.0  # mean square of d light / d encoded
    scale: sparse.Scale = _UNMEASURED


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured on a picture for the methods that work on luminance.

    `plans` holds that of the luminance, with the share of it in each channel and the plans of the
    rests (None where a rest is flat), or one for each channel.
    """

    plans: list[Plan]
    shares: list[np.float32]
    rests: list[Plan | None]


def samples(shape: tuple[int, int], task: Task) -> list[Sample]:
    """Blocks of a picture of `shape` that are looked at; small ones if only for the mean."""
    if task.constant:
        side = min(_MEAN_SIDE, *shape)
        return [(side, spread_corners(shape, side, _MEAN_BLOCKS))]
    psf = max(task.psfs, key=lambda psf: psf.halfwidth)
    return [prior.places(shape, psf), tuning.places(shape, psf)]


def blocks_of(read: Read, samples: list[Sample]) -> list[Blocks]:
    """Read the blocks of a picture, all at once."""
    boxes = [
        (slice(y, y + side), slice(x, x + side)) for side, corners in samples for y, x in corners
    ]
    found = iter(read(boxes))
    return [np.stack(list(islice(found, len(corners)))) for _, corners in samples]


def in_memory(image: NDArray[Any]) -> Read:
    """How boxes of a picture in memory are read."""
    return lambda boxes: [image[box] for box in boxes]


def measure_channels(blocks: list[Blocks], task: Task) -> tuple[list[np.float32], list[NSR]]:
    """Measure the mean light of each channel, and its NSR if it is not given."""
    blocks = _checked(blocks)

    def channel(c: int) -> tuple[np.float32, NSR]:
        planes = [to_linear(some[..., c], light=task.light) for some in blocks]
        mean = np.float32(planes[0].mean(dtype=np.float64))
        if task.nsr is not None:
            return mean, task.nsr
        known = None
        if task.noise is not None:
            known = task.noise * _mean_square(planes[0], task.light) ** 0.5
        psf = task.psfs[c]
        fitted = prior.fit(planes[0] - mean, psf, noise=known)
        return mean, tuning.tuned(fitted, list(planes[1] - mean), psf, error=task.error)

    found = _together([partial(channel, c) for c in range(len(task.psfs))])
    means, nsrs = zip(*found, strict=True)
    return list(means), list(nsrs)


def measure_planes(blocks: list[Blocks], task: Task) -> Measured:
    """Measure the luminance of a picture and the rests of its channels, or channel by channel."""
    # Blocks on top of each other make a plane.
    tall, crops = (x.reshape(-1, *x.shape[2:]) for x in _checked(blocks))
    light, channels = task.light, range(len(task.psfs))
    planes = [to_linear(tall[..., c], light=light) for c in channels]
    masks = [clipped(tall[..., c]) for c in channels]
    if not task.alike:

        def channel(c: int) -> Plan:
            crop = to_linear(crops[..., c], light=light)
            return _plan(planes[c], masks[c], crop, task.psfs[c], task)

        return Measured(_together([partial(channel, c) for c in channels]), [], [])
    luminance = mix(planes)
    bright = bright_of(masks)
    shares = [_share_of(plane, luminance) for plane in planes]

    def rest(c: int) -> Plan | None:
        plane = planes[c] - shares[c] * luminance
        return _rest_plan(plane, bright | masks[c], task.psfs[0])

    def whole() -> Plan | None:
        crop = mix([to_linear(crops[..., c], light=light) for c in channels])
        return _plan(luminance, bright, crop, task.psfs[0], task)

    # The luminance first: it takes longest.
    works: list[Callable[[], Plan | None]] = [whole, *(partial(rest, c) for c in channels)]
    plan, *rests = _together(works)
    assert plan is not None
    return Measured([plan], shares, rests)


def _plan(plane: Plane, mask: Mask, crop: Plane, psf: PSF, task: Task) -> Plan:
    """Plan of a plane of blocks on top of each other; `crop` is one of crops."""
    square = _mean_square(plane, task.light)
    known = None if task.noise is None else task.noise * square**0.5
    mean = np.float32(plane.mean(dtype=np.float64))
    blocks, parts = _apart(plane - mean), list(_apart(crop - mean))
    fitted = prior.fit(blocks, psf, noise=known, clipped=_hidden(mask))
    if task.nsr is not None:
        fitted = fitted.at(task.nsr)
    share = mask.mean()
    if not LEAST < share < _MOST:
        fitted = tuning.tuned(fitted, parts, psf, error=task.error)
    scale = sparse.measure(parts, float(blocks.std(dtype=np.float64)), psf, fitted)
    return Plan(psf, fitted, mean, bool(share >= _MOST), square, scale)


def _rest_plan(plane: Plane, mask: Mask, psf: PSF) -> Plan | None:
    """Plan of what is left of a channel, which is destroyed; None where nothing is."""
    if float(np.ptp(plane)) < _FLAT:
        return None
    mean = np.float32(plane.mean(dtype=np.float64))
    plane -= mean
    fitted = prior.fit(_apart(plane), psf, clipped=_hidden(mask))
    return Plan(psf, fitted, mean, bool(mask.mean() >= _MOST))


def mix(planes: list[Plane]) -> Plane:
    """Luminance of three planes of light."""
    out = np.float32(LUMINANCE[0]) * planes[0]
    for weight, plane in zip(LUMINANCE[1:], planes[1:], strict=True):
        out += np.float32(weight) * plane
    return out


def bright_of(masks: list[Mask]) -> Mask:
    """Pixels whose luminance is clipped, from those of each channel: blue hardly counts."""
    return masks[0] | masks[1]


def _share_of(plane: Plane, luminance: Plane) -> np.float32:
    """Fit the factor with which the luminance explains a channel, by least squares."""
    sample = slice(None, None, max(1, plane.shape[0] // 1024))
    part = luminance[sample] - luminance[sample].mean(dtype=np.float64)
    square = float(np.vdot(part, part))
    return np.float32(np.vdot(part, plane[sample]) / square if square > 0 else 1.0)


def _mean_square(plane: Plane, light: Light) -> float:
    """Mean square of `steepness`."""
    return float(np.mean(np.square(steepness(plane[::_THIN], light)), dtype=np.float64))


def _apart(plane: Plane) -> Plane:
    """Square blocks of a plane of them: N x n x n."""
    return plane.reshape(-1, plane.shape[1], plane.shape[1])


def _hidden(mask: Mask) -> Plane | None:
    """Blocks of a mask of clipped pixels, as `prior.fit` takes them."""
    return _apart(mask.astype(np.float32)) if mask.any() else None


def _together(works: Sequence[Callable[[], Found]]) -> list[Found]:
    """Results of several works, side by side."""
    found: dict[int, Found] = {}

    def one(i: int) -> None:
        found[i] = works[i]()

    side_by_side(one, range(len(works)), lambda _: None)
    return [found[i] for i in range(len(works))]


def _checked(blocks: list[Blocks]) -> list[Blocks]:
    """Blocks with a channel axis, all finite."""
    for some in blocks:
        check_finite(some)
    return [x[..., None] if x.ndim == 3 else x for x in blocks]
