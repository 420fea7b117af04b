"""PSF models in closed form: disk, ring, polygon, Gaussian and motion.

Each is a small frozen record of lengths in px that knows its transfer function H, 1 at frequency 0.

    disk      jinc(pi D rho),                     jinc(z) = 2 J1(z) / z
    ring      (jinc(z) - e**2 jinc(e z)) / (1 - e**2), z = pi D rho; hole e -> 1: J0(z)
    polygon   the divergence theorem over its edges
    motion    sinc(L (f . direction))
    softness  times exp(-2 pi**2 s**2 rho**2)

Kernels are sampled from H, so a hard edge rings within the band of the pixels: negative lobes of 6
to 8 % of the top beside the edge of a hard disk, 1 % or less from softness 0.5 on. They are kept:
clipping them would change H, and softening by a pixel's box would bias every diameter. The support
holds 99.9 % of the kernel's sum of squares; only a hard line at a slant (`Motion`), whose ringing
falls as 1/distance, would need some 90 px more for that and holds what lies within 2 px.
References: Cannon 1976 (IEEE ASSP 24:58); Savakis & Trussell 1993 (IEEE TIP 2:141).
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from cepstro.psf.base import check_length, check_number, jinc, soft, text_form
from cepstro.psf.grids import radial_otf, sampled_kernel, transfer_otf


@dataclass(frozen=True, slots=True)
class Disk:
    """A lens out of focus: an even disk of `diameter` px, its edge softened by `softness` px.

    Parameters
    ----------
    diameter : float
        px, > 0. Below about 1 px nothing is left of the blur.
    softness : float
        Sigma of the Gaussian that softens the edge, px, >= 0.

    Examples
    --------
    >>> from cepstro import Disk
    >>> Disk(33).kernel().shape
    (39, 39)
    >>> str(Disk(33, softness=0.5))
    'disk:33,softness=0.5'
    """

    diameter: float
    _: KW_ONLY
    softness: float = 0.0

    def __post_init__(self) -> None:
        check_length(self, "diameter", positive=True)
        check_length(self, "softness")

    @property
    def halfwidth(self) -> int:
        """Reach of the kernel, px."""
        return math.ceil(self.diameter / 2 + 3 * self.softness) + 2

    def radial(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transfer function at radial frequencies `rho`, cycles/px."""
        return jinc(np.pi * self.diameter * rho) * soft(self.softness, rho)

    def transfer(self, fy: NDArray[np.floating], fx: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transfer function at frequencies in cycles/px (broadcast together)."""
        return self.radial(np.hypot(fy, fx))

    def otf(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Transfer function in rfft2 layout, float32 H x (W // 2 + 1)."""
        return radial_otf(self.radial, self.diameter, shape)

    def kernel(self) -> NDArray[np.float64]:
        """Sample the PSF in space: odd square, centred, sum 1."""
        return sampled_kernel(self.transfer, self.halfwidth)

    def __str__(self) -> str:
        return text_form(self, "disk")


@dataclass(frozen=True, slots=True)
class Ring:
    """A mirror lens out of focus: a disk with a hole, or with ``hole=1`` a circle line.

    Parameters
    ----------
    diameter : float
        Outer diameter, px, > 0; with ``hole=1`` the circle's own.
    hole : float
        Inner diameter divided by the outer one, 0 (a disk) to 1 (infinitely thin).
    softness : float
        Sigma of the Gaussian that softens the edges, px, >= 0.

    Examples
    --------
    >>> from cepstro import Ring
    >>> str(Ring(27, hole=1.0, softness=2.0))
    'ring:27,hole=1,softness=2'
    """

    diameter: float
    _: KW_ONLY
    hole: float
    softness: float = 0.0

    def __post_init__(self) -> None:
        check_length(self, "diameter", positive=True)
        check_number(self, "hole")
        if not 0 <= self.hole <= 1:
            raise ValueError(f"hole must be 0 (disk) to 1 (thin ring), got {self.hole:g}")
        check_length(self, "softness")

    @property
    def halfwidth(self) -> int:
        """Reach of the kernel, px: thin hard rings ring further."""
        thickness = self.diameter * (1 - self.hole) / 2 + 2 * self.softness
        return math.ceil(self.diameter / 2 + 3 * self.softness + 18 * max(0.0, 1 - thickness)) + 2

    def radial(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transfer function at radial frequencies `rho`, cycles/px."""
        z, hole = np.pi * self.diameter * rho, self.hole
        if 1 - hole > 1e-4:
            sharp = (jinc(z) - hole**2 * jinc(hole * z)) / (1 - hole**2)
        else:  # the limit, which the fraction nears as (1 - hole) does; at the middle of the line
            from scipy.special import j0

            sharp = j0(z * (1 + hole) / 2)
        return np.asarray(sharp * soft(self.softness, rho), np.float64)

    def transfer(self, fy: NDArray[np.floating], fx: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transfer function at frequencies in cycles/px (broadcast together)."""
        return self.radial(np.hypot(fy, fx))

    def otf(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Transfer function in rfft2 layout, float32 H x (W // 2 + 1)."""
        # A thin ring's curvature at 0 is twice a disk's: a finer table.
        return radial_otf(self.radial, 1.5 * self.diameter, shape)

    def kernel(self) -> NDArray[np.float64]:
        """Sample the PSF in space: odd square, centred, sum 1."""
        return sampled_kernel(self.transfer, self.halfwidth)

    def __str__(self) -> str:
        return text_form(self, "ring")


@dataclass(frozen=True, slots=True)
class Polygon:
    """A stopped-down iris out of focus: an even regular polygon of `blades` sides.

    Parameters
    ----------
    diameter : float
        Of the disk of equal area, px, > 0: what a disk fitted to the blur reads.
    blades : int
        Number of sides, 3 to 64.
    rotation : float
        Degrees, counter-clockwise; at 0 one corner points right.
    softness : float
        Sigma of the Gaussian that softens the edge, px, >= 0.
    """

    diameter: float
    _: KW_ONLY
    blades: int
    rotation: float = 0.0
    softness: float = 0.0

    def __post_init__(self) -> None:
        check_length(self, "diameter", positive=True)
        check_number(self, "blades")
        if self.blades != int(self.blades) or not 3 <= self.blades <= 64:
            raise ValueError(f"blades must be a whole number from 3 to 64, got {self.blades:g}")
        object.__setattr__(self, "blades", int(self.blades))
        check_number(self, "rotation")
        check_length(self, "softness")

    @property
    def circumdiameter(self) -> float:
        """Diameter of the circle through the corners, px."""
        step = 2 * math.pi / self.blades
        return self.diameter * math.sqrt(step / math.sin(step))

    @property
    def halfwidth(self) -> int:
        """Reach of the kernel, px."""
        return math.ceil(self.circumdiameter / 2 + 3 * self.softness) + 1

    def transfer(
        self, fy: NDArray[np.floating], fx: NDArray[np.floating]
    ) -> NDArray[np.float64] | NDArray[np.complex128]:
        """Transfer function at frequencies in cycles/px; real for even `blades`.

        The polygon's indicator integrated over its edges (the divergence theorem):
        ``F = i / (2 pi |w|**2) * sum_a (u d_y - v d_x) sinc(w . d) exp(-2 pi i w . m)``.
        """
        corners = math.radians(self.rotation) + 2 * math.pi * np.arange(self.blades) / self.blades
        x = self.circumdiameter / 2 * np.cos(corners)
        y = -self.circumdiameter / 2 * np.sin(corners)  # rows run down, angles up
        # Corner phases, each a product of one factor a row and one a column.
        phases = [
            np.exp(-2j * np.pi * fy * b) * np.exp(-2j * np.pi * fx * a)
            for a, b in zip(x, y, strict=True)
        ]
        total = np.zeros(np.broadcast(fy, fx).shape, np.complex128)
        for a in range(self.blades):
            b = (a + 1) % self.blades
            dx, dy = x[b] - x[a], y[b] - y[a]
            along = fy * dy + fx * dx
            flat = np.abs(along) < 1e-7  # the edge stands across the wave: one phase all along
            # sinc(w . d) exp(-2 pi i w . m) as the difference of the corners' phases
            edge = (phases[a] - phases[b]) / np.where(flat, 1, 2j * np.pi * along)
            edge = np.where(flat, phases[a], edge)
            total += (fx * dy - fy * dx) * edge
        rho2 = fy * fy + fx * fx
        # The corners run clockwise in (x right, y down), hence the sign.
        area = np.pi * self.diameter**2 / 4
        zero = rho2 < 1e-16
        value = np.where(zero, 1, -1j * total / np.where(zero, 1, 2 * np.pi * area * rho2))
        value *= soft(self.softness, np.sqrt(rho2))
        return value.real if self.blades % 2 == 0 else value

    def otf(self, shape: tuple[int, int]) -> NDArray[np.float32] | NDArray[np.complex64]:
        """Transfer function in rfft2 layout, H x (W // 2 + 1); complex64 for odd `blades`."""
        return transfer_otf(self.transfer, shape)

    def kernel(self) -> NDArray[np.float64]:
        """Sample the PSF in space: odd square, centred, sum 1."""
        return sampled_kernel(self.transfer, self.halfwidth)

    def __str__(self) -> str:
        return text_form(self, "polygon")


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A soft blur without edge.

    Parameters
    ----------
    sigma : float
        Standard deviation along each axis, px, > 0.
    """

    sigma: float

    def __post_init__(self) -> None:
        check_length(self, "sigma", positive=True)

    @property
    def halfwidth(self) -> int:
        """Reach of the kernel, px."""
        return math.ceil(4 * self.sigma) + 1

    def radial(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transfer function at radial frequencies `rho`, cycles/px."""
        return soft(self.sigma, rho)

    def transfer(self, fy: NDArray[np.floating], fx: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transfer function at frequencies in cycles/px (broadcast together)."""
        return self.radial(np.hypot(fy, fx))

    def otf(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Transfer function in rfft2 layout, float32 H x (W // 2 + 1)."""
        return radial_otf(self.radial, 4 * self.sigma, shape)

    def kernel(self) -> NDArray[np.float64]:
        """Sample the PSF in space: odd square, centred, sum 1."""
        return sampled_kernel(self.transfer, self.halfwidth)

    def __str__(self) -> str:
        return text_form(self, "gaussian")


@dataclass(frozen=True, slots=True)
class Motion:
    """A camera moved evenly during the exposure: a line of `length` px at `angle` degrees.

    Parameters
    ----------
    length : float
        px, > 0.
    angle : float
        Degrees, counter-clockwise; 0 is along the rows, 90 along the columns.
    """

    length: float
    _: KW_ONLY
    angle: float = 0.0

    def __post_init__(self) -> None:
        check_length(self, "length", positive=True)
        check_number(self, "angle")

    @property
    def halfwidth(self) -> int:
        """Reach of the kernel, px."""
        return math.ceil(self.length / 2) + 2

    def transfer(self, fy: NDArray[np.floating], fx: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transfer function at frequencies in cycles/px (broadcast together)."""
        turn = math.radians(self.angle)
        cos, sin = math.cos(turn), math.sin(turn)
        return np.asarray(np.sinc(self.length * (cos * fx - sin * fy)), np.float64)

    def otf(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Transfer function in rfft2 layout, float32 H x (W // 2 + 1)."""
        return np.asarray(transfer_otf(self.transfer, shape), np.float32)

    def kernel(self) -> NDArray[np.float64]:
        """Sample the PSF in space: odd square, centred, sum 1."""
        return sampled_kernel(self.transfer, self.halfwidth)

    def __str__(self) -> str:
        return text_form(self, "motion")
