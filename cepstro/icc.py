"""Tone curves of ICC profiles: how a photo's own profile turns encoded values into light.

Matrix and grey profiles hold a tone reproduction curve (TRC): a gamma, a table, or one of five
formulas, all of which are special cases of ``Y = (a X + b)**g + e`` from ``X = d`` on and
``Y = c X + f`` below. Only the curve is used, never the primaries: blur acts on each channel's
light alone, so any set of primaries gives the same answer.
Source: ICC.1:2022 (profile version 4.4), sections 7.2, 7.3, 10.6 (curveType), 10.18
(parametricCurveType).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Formula = tuple[float, float, float, float, float, float, float]

# sRGB's linear light to XYZ under D50, as every sRGB profile rounds it.
SRGB_PRIMARIES = np.array(
    [[0.43604, 0.38512, 0.14305], [0.22249, 0.71690, 0.06061], [0.01392, 0.09706, 0.71391]]
)

_SAME = 2e-3  # light; sRGB and a plain gamma of 2.2 lie 8e-3 apart, rounded sRGB tables 1e-4
_SAMPLES = 4096  # of a curve that has no inverse in closed form
_MAX_TABLE = 65536  # entries in a table; the largest that 16 bit can use
_SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ToneCurve:
    """A tone curve: a formula where the profile has one, else equally spaced samples.

    Parameters
    ----------
    samples : tuple of float
        Light at equally spaced encoded values from 0 to 1, rising; two or more, or none.
    formula : tuple of float
        ``(g, a, b, c, d, e, f)`` of the module's formula; used when `samples` is empty.

    Examples
    --------
    >>> curve = ToneCurve.gamma(2.0)
    >>> float(curve.decode(np.float32(0.5)))
    0.25
    """

    samples: tuple[float, ...] = ()
    formula: Formula = (1, 1, 0, 0, 0, 0, 0)

    def __post_init__(self) -> None:
        if self.samples:
            rising = np.diff(self.samples)
            if len(self.samples) < 2 or not np.isfinite(rising).all() or (rising < 0).any():
                raise ValueError("samples must be two or more finite numbers that never fall")
            if not self.samples[-1] > self.samples[0]:
                raise ValueError("samples must rise from the first to the last")
        elif not _well_behaved(self.formula):
            raise ValueError(f"formula must rise without a step, got {self.formula}")

    @classmethod
    def gamma(cls, exponent: float) -> ToneCurve:
        """Return the curve ``light = encoded**exponent``."""
        return cls(formula=(float(exponent), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))

    def decode(self, encoded: NDArray[np.floating]) -> NDArray[np.floating]:
        """Light of encoded values, same shape and dtype (float32 or wider).

        Below 0 by odd symmetry; above 1 the formula, or the last slope of the samples.
        """
        values = np.asarray(encoded)
        size = np.abs(values)
        if self.samples:
            x, y = _table(self.samples)
            light = _interpolate(size, x, y)
        else:
            g, a, b, c, d, e, f = self.formula
            light = np.maximum(a * size + b, 0) ** g + e
            if d > 0:
                light = np.where(size < d, c * size + f, light)
        signed: NDArray[np.floating] = np.copysign(light, values)
        return signed.astype(values.dtype, copy=False)

    def encode(self, linear: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return encoded values of light: the inverse of `decode`, same conventions."""
        values = np.asarray(linear)
        size = np.abs(values)
        if self.samples:
            x, y = _table(self.samples)
            encoded = _interpolate(size, y, x)
        else:
            g, a, b, c, d, e, f = self.formula
            encoded = (np.maximum(size - e, 0) ** (1 / g) - b) / a
            if d > 0:
                low = (size - f) / c if c > 0 else np.zeros_like(size)
                encoded = np.where(size < c * d + f, low, encoded)
            encoded = np.maximum(encoded, 0)
        signed: NDArray[np.floating] = np.copysign(encoded, values)
        return signed.astype(values.dtype, copy=False)


def tone_curve(profile: bytes) -> ToneCurve | Literal["srgb", "linear"] | None:
    """Return the tone curve of an RGB or grey ICC profile; of three curves the green one.

    Curves that agree with sRGB's or a straight line are told by their name. None where the profile
    has no curve (lookup tables only), belongs to another kind of colour, or is broken.
    """
    tags = _tags(profile)
    for name in (b"kTRC", b"gTRC"):
        if name in tags:
            try:
                return _recognise(_read_curve(tags[name]))
            except (struct.error, ValueError, OverflowError):
                return None
    return None


def colour_space(profile: bytes) -> str | None:
    """Return the colour space of a profile: ``"RGB"``, ``"GRAY"``, ``"CMYK"``, ``"Lab"`` ...

    None where the bytes are no ICC profile.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return None
    return profile[16:20].decode("latin-1").strip()


def primaries(profile: bytes) -> NDArray[np.float64] | None:
    """Return the matrix from an RGB profile's linear light to XYZ under D50, 3 x 3.

    None where the profile has none (lookup tables only) or is broken.
    """
    tags = _tags(profile)
    columns = []
    for name in (b"rXYZ", b"gXYZ", b"bXYZ"):
        body = tags.get(name, b"")
        if len(body) < 20:
            return None
        columns.append([n / 65536 for n in struct.unpack_from(">3i", body, 8)])
    return np.array(columns).T


def is_srgb(profile: bytes) -> bool:
    """Whether an RGB profile means sRGB: its curve and, to 0.002, its primaries."""
    matrix = primaries(profile)
    same = matrix is not None and bool(np.abs(matrix - SRGB_PRIMARIES).max() < _SAME)
    return same and tone_curve(profile) == "srgb"


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the profile's tagged data by name; broken entries left out."""
    if colour_space(profile) not in ("RGB", "GRAY"):
        return {}
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {}
    for i in range(min(count, 100)):
        entry = profile[132 + 12 * i : 144 + 12 * i]
        if len(entry) < 12:
            break
        name, start, size = struct.unpack(">4sII", entry)
        if start + size <= len(profile):
            tags[name] = profile[start : start + size]
    return tags


def _read_curve(data: bytes) -> ToneCurve:
    """Return a curve from a ``curv`` or ``para`` tag."""
    kind = data[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", data, 8)
        if count == 0:
            return ToneCurve.gamma(1.0)
        if count == 1:
            return ToneCurve.gamma(struct.unpack_from(">H", data, 12)[0] / 256)
        if count > _MAX_TABLE:
            raise ValueError("table too long")
        table = np.array(struct.unpack_from(f">{count}H", data, 12)) / 65535
        return ToneCurve(samples=tuple(np.maximum.accumulate(table).tolist()))
    if kind == b"para":
        (shape,) = struct.unpack_from(">H", data, 8)
        count = (1, 3, 4, 5, 7)[shape] if shape <= 4 else 0
        if not count:
            raise ValueError("unknown formula")
        p = [n / 65536 for n in struct.unpack_from(f">{count}i", data, 12)]
        return _from_formula(_as_type_4(shape, p))
    raise ValueError("unknown curve")


def _as_type_4(shape: int, p: list[float]) -> Formula:
    """Any of the five formulas of ICC.1 table 70 as the fifth."""
    g = p[0]
    if shape == 0:
        return (g, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    a, b = p[1], p[2]
    if shape in (1, 2):
        if a == 0:
            raise ValueError("formula without slope")
        level = p[3] if shape == 2 else 0.0
        return (g, a, b, 0.0, max(-b / a, 0.0), level, level)
    c, d = p[3], p[4]
    e, f = (p[5], p[6]) if shape == 4 else (0.0, 0.0)
    return (g, a, b, c, d, e, f)


def _from_formula(
    formula: Formula,
) -> ToneCurve:
    """Return the formula itself where it can be inverted in closed form, else its samples."""
    if _well_behaved(formula):
        return ToneCurve(formula=formula)
    g, a, b, c, d, e, f = formula
    x = np.linspace(0, 1, _SAMPLES)
    with np.errstate(all="ignore"):
        y = np.where(x < d, c * x + f, np.maximum(a * x + b, 0) ** g + e)
    if not np.isfinite(y).all():
        raise ValueError("formula is not finite")
    return ToneCurve(samples=tuple(np.maximum.accumulate(y).tolist()))


def _well_behaved(formula: tuple[float, ...]) -> bool:
    """Whether a formula rises without a step at `d`, so that its inverse is a function."""
    g, a, b, c, d, e, f = formula
    if not np.isfinite(formula).all() or not (0.1 <= g <= 10 and a > 0 and c >= 0 and d <= 1):
        return False
    start = max(d, 0.0)
    if a * start + b < -1e-6:
        return False
    return d <= 0 or abs(max(a * d + b, 0.0) ** g + e - (c * d + f)) < 1e-3


def _recognise(curve: ToneCurve) -> ToneCurve | Literal["srgb", "linear"]:
    x = np.linspace(0, 1, 1025)
    light = curve.decode(x)
    if np.abs(light - ToneCurve(formula=_SRGB).decode(x)).max() < _SAME:
        return "srgb"
    if np.abs(light - x).max() < _SAME:
        return "linear"
    return curve


@lru_cache(maxsize=8)
def _table(samples: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return encoded values and light of the samples."""
    return np.linspace(0, 1, len(samples)), np.array(samples)


def _interpolate(
    at: NDArray[np.floating], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.floating]:
    """Linear interpolation that goes on beyond the last point at the mean slope of the end."""
    tail = max(1, len(x) // 64)
    run, rise = x[-1] - x[-1 - tail], y[-1] - y[-1 - tail]
    slope = rise / run if run > 0 else 1.0
    inside: NDArray[np.floating] = np.interp(at, x, y)
    return np.where(at > x[-1], y[-1] + (at - x[-1]) * slope, inside)
