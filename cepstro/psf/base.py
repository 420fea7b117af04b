"""What all PSFs share: the protocol, the checks of their numbers, their text form.

Lengths are px, angles degrees counter-clockwise as seen on the screen, frequencies cycles/px with
fy down the rows and fx along the columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

_SMALL = 256  # px; pictures below may be narrower than their blur
LARGEST = 10_000.0  # px: beyond any photo's blur; keeps hostile text from asking for all memory


@runtime_checkable
class PSF(Protocol):
    """What every point spread function offers.

    Those of cepstro refuse what is no number by a `TypeError`, and numbers out of their range by a
    `ValueError`.
    """

    @property
    def halfwidth(self) -> int:
        """Reach of the kernel, px: its side is ``2 * halfwidth + 1``."""
        ...

    def transfer(
        self, fy: NDArray[np.floating], fx: NDArray[np.floating]
    ) -> NDArray[np.float64] | NDArray[np.complex128]:
        """Transfer function at frequencies in cycles/px (broadcast together)."""
        ...

    def otf(self, shape: tuple[int, int]) -> NDArray[np.float32] | NDArray[np.complex64]:
        """Transfer function in rfft2 layout, H x (W // 2 + 1), 1 at [0, 0]."""
        ...

    def kernel(self) -> NDArray[np.float64]:
        """Sample the PSF in space: odd square, centred, sum 1."""
        ...


def one_each(psf: PSF | Sequence[PSF], channels: int) -> list[PSF]:
    """List one PSF for each colour channel, from one for all or one for each.

    Raises
    ------
    TypeError, ValueError
        For what is no PSF, and for a wrong number of them.
    """
    if isinstance(psf, PSF):
        return [psf] * channels
    psfs = list(psf) if isinstance(psf, Sequence) and not isinstance(psf, str) else []
    if not psfs or not all(isinstance(one, PSF) for one in psfs):
        raise TypeError(f"psf must be a PSF or one for each colour, got {psf!r:.60}")
    if len(psfs) != channels:
        more = f" or {channels}, one a colour" if channels > 1 else ""
        raise ValueError(f"psf must be one PSF{more}, got {len(psfs)}")
    return psfs


def too_wide(psf: PSF, shape: tuple[int, ...]) -> str | None:
    """Say that a blur is wider than a picture, through which nothing could be seen, or None.

    Pictures of up to 256 px may be narrower than their blur.
    """
    rows, columns = shape[:2]
    if 2 * psf.halfwidth - 2 <= max(rows, columns, _SMALL):
        return None
    return (
        f"the blur, {2 * psf.halfwidth + 1} px across, is wider than the photo of "
        f"{columns} x {rows} px"
    )


def jinc(z: NDArray[np.floating]) -> NDArray[np.float64]:
    """2 J1(z) / z, its series near 0."""
    from scipy.special import j1

    z = np.asarray(z, np.float64)
    small = np.abs(z) < 1e-3
    value: NDArray[np.float64] = np.where(small, 1 - z * z / 8, 2 * j1(z) / np.where(small, 1, z))
    return value


def soft(sigma: float, rho: NDArray[np.floating]) -> NDArray[np.float64]:
    """Transfer function of a Gaussian."""
    return np.exp(-2 * (np.pi * sigma * np.asarray(rho, np.float64)) ** 2)


def check_number(psf: Any, name: str) -> None:
    """Make a field a finite float, or say what is wrong with it."""
    value = getattr(psf, name)
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r:.50}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    object.__setattr__(psf, name, number)


def check_length(psf: Any, name: str, *, positive: bool = False) -> None:
    """Check a length in px: 0 or more, or above 0, and not absurd."""
    check_number(psf, name)
    value = getattr(psf, name)
    if value < 0 or (positive and value == 0):
        raise ValueError(f"{name} must be {'>' if positive else '>='} 0 px, got {value:g}")
    if value > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST:g} px, got {value:g}")


def text_form(psf: Any, name: str, *, first: bool = True) -> str:
    """Text form: ``name:first,key=value``; what has its default (0) is left out."""
    parts = []
    for index, field in enumerate(fields(psf)):
        value = getattr(psf, field.name)
        if index == 0 and first:
            parts.append(_shortest(value))
        elif value != field.default:
            parts.append(f"{field.name}={_shortest(value)}")
    return f"{name}:{','.join(parts)}"


def _shortest(value: float) -> str:
    """Fewest digits that read back as the same number: 33, 0.5."""
    return repr(value).removesuffix(".0")
