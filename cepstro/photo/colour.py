"""Colours that are not grey or RGB, turned into sRGB: CMYK through its profile, Lab by its formula.

Depth is kept: 8 bit in, 8 bit out, 16 in, 16 out.
Sources: ISO 11664-4 (CIE L*a*b*), IEC 61966-2-1, TIFF 6.0 section 23, Adobe TIFF Technical Note 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.icc import SRGB_PRIMARIES, colour_space, primaries
from cepstro.light import Light, from_linear, to_linear
from cepstro.photo.depth import as_float, requantised

_WHITE_D65 = (0.3127, 0.3290)
_CHROMATICITIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_WHITE_D50 = (0.96422, 1.0, 0.82521)


def only_for(icc: bytes | None, channels: int) -> bytes | None:
    """Return the profile if it is for that many colours (1 grey, 3 RGB, 4 CMYK), else None."""
    wanted = {1: "GRAY", 3: "RGB", 4: "CMYK"}[channels]
    return icc if icc and colour_space(icc) == wanted else None


def cmyk_to_rgb(inks: NDArray[Any], icc: bytes | None) -> NDArray[Any]:
    """SRGB of CMYK inks (0 none, top of the range full) through their profile.

    Without a usable profile: light left over after each ink and black, ``(1 - c) (1 - k)``.
    """
    profile = only_for(icc, 4)
    rgb = _through_profile(inks, profile, "cmyk") if profile else None
    if rgb is not None:
        return rgb
    top = np.iinfo(inks.dtype).max
    left = (top - inks).astype(np.float32) / top
    return np.rint(left[..., :3] * left[..., 3:] * top).astype(inks.dtype)


def linear_profile(channels: int) -> bytes:
    """Return an ICC profile for linear light: grey for 1 channel, sRGB's primaries for 3."""
    import imagecodecs

    if channels == 1:
        return bytes(imagecodecs.cms_profile("gray", gamma=1.0))
    return bytes(
        imagecodecs.cms_profile("rgb", whitepoint=_WHITE_D65, primaries=_CHROMATICITIES, gamma=1.0)
    )


def to_srgb(
    pixels: NDArray[Any], light: Light, icc: bytes | None, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Turn grey or RGB pixels without alpha into sRGB of `dtype`.

    Of a profile with primaries these and `light` are used, of others the lookup tables; without a
    profile, and for grey, only the tone curve changes.
    """
    linear = to_linear(pixels, light=light)
    if icc is not None and pixels.ndim == 3:
        matrix = primaries(icc)
        if matrix is not None:
            linear = linear @ (np.linalg.inv(SRGB_PRIMARIES) @ matrix).T.astype(np.float32)
        else:
            rgb = _through_profile(requantised(pixels, np.dtype(np.uint16)), icc, "rgb")
            if rgb is not None:
                return as_float(rgb).astype(dtype) if dtype.kind == "f" else requantised(rgb, dtype)
    return from_linear(linear, dtype)


def _through_profile(pixels: NDArray[Any], icc: bytes, space: str) -> NDArray[Any] | None:
    """Return sRGB of pixels in a profile's colours, depth kept; None if the profile is broken."""
    import imagecodecs

    try:
        rgb: NDArray[Any] = imagecodecs.cms_transform(
            np.ascontiguousarray(pixels),
            icc,
            imagecodecs.cms_profile("srgb"),
            colorspace=space,
            outcolorspace="rgb",
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
        )
    except imagecodecs.CmsError:
        return None
    return rgb


def lab_to_rgb(lab: NDArray[np.floating], dtype: np.dtype[Any]) -> NDArray[Any]:
    """SRGB of CIE L*a*b* under D50 (L 0..100)."""
    fy = (lab[..., 0] + 16) / 116
    axes = (fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200)
    xyz = np.stack(
        [
            white * np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2)
            for f, white in zip(axes, _WHITE_D50, strict=True)
        ],
        axis=-1,
    ).astype(np.float32)
    linear = xyz @ np.linalg.inv(SRGB_PRIMARIES).T.astype(np.float32)
    return from_linear(linear, dtype)
