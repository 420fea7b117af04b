"""The cepstrum as a picture, as users of the older cepstrum script know it, of the whole photo.

The power spectra of overlapping square blocks are averaged, and their cepstrum is drawn on a
logarithmic scale that keeps the sign: mid-grey is 0, the ring of a defocus is dark. Quefrency 0 is
the middle, one px of the picture is one px of quefrency, so the ring's *diameter* is 2 D.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cepstro.cepstrum import power_cepstrum
from cepstro.errors import UnsuitableImageError
from cepstro.light import luminance, split_alpha, to_linear
from cepstro.photo import check_finite, unpack
from cepstro.spectrum import cut, power_spectrum

if TYPE_CHECKING:
    from cepstro import Photo

_SMALLEST = 16  # px, side of a block


def cepstrum_picture(
    image: Photo | NDArray[Any],
    *,
    side: float = 25.0,
    overlap: float = 50.0,
    rolloff: float = 40.0,
    constant: float = 10000.0,
    grey: bool = False,
) -> NDArray[np.uint8]:
    """Draw the power cepstrum of a photo.

    Parameters
    ----------
    image : Photo or array
        H x W or H x W x C; alpha is left out.
    side : float
        Side of the blocks, per cent of the photo's shorter side, above 0 up to 100.
    overlap : float
        Overlap of neighbouring blocks, per cent, 0 to below 100.
    rolloff : float
        Part of the block over which its cosine window rolls off, per cent, 0 to 100.
    constant : float
        c of ``sign(v) log(1 + c abs(v)) / log(1 + c)``, v the cepstrum over its largest value.
    grey : bool
        One cepstrum of the luminance instead of one for each colour.

    Returns
    -------
    n x n or n x n x 3 uint8
        n is the block's side; quefrency 0 at ``[n // 2, n // 2]``.

    Raises
    ------
    UnsuitableImageError
        When a block would be smaller than 16 px, and for pictures that are flat or not finite.
    TypeError, ValueError
        For what is no picture, and for numbers out of their range.
    """
    if not 0 < side <= 100:
        raise ValueError(f"side must be above 0, up to 100 (per cent), got {side:g}")
    if not 0 <= overlap < 100:
        raise ValueError(f"overlap must be 0 to below 100 (per cent), got {overlap:g}")
    if not 0 <= rolloff <= 100:
        raise ValueError(f"rolloff must be 0 to 100 (per cent), got {rolloff:g}")
    if not 0 < constant < np.inf:
        raise ValueError(f"constant must be finite and above 0, got {constant:g}")
    pixels, light = unpack(image)
    check_finite(pixels)
    linear = to_linear(split_alpha(pixels)[0], light=light)
    if grey or linear.ndim == 2 or linear.shape[2] == 1:
        linear = luminance(linear)[..., None]
    shorter = min(linear.shape[:2])
    block = round(shorter * side / 100) // 2 * 2
    if block < _SMALLEST:
        raise UnsuitableImageError(
            f"blocks of {side:g} % of the photo's shorter side ({shorter} px) are below "
            f"{_SMALLEST} px; give a larger part with -s"
        )
    if np.ptp(linear, axis=(0, 1)).max() == 0:
        raise UnsuitableImageError("the picture is flat: it shows nothing that could be blurred")
    drawn = [
        _drawn(linear[..., channel], block, overlap / 100, rolloff / 100, constant)
        for channel in range(linear.shape[2])
    ]
    return drawn[0] if len(drawn) == 1 else np.stack(drawn, axis=-1)


def _drawn(
    plane: NDArray[np.float32], block: int, overlap: float, rolloff: float, constant: float
) -> NDArray[np.uint8]:
    blocks = cut(plane, block, overlap=overlap)
    cepstrum = power_cepstrum(power_spectrum(blocks, rolloff=rolloff)).astype(np.float64)
    value = cepstrum / max(float(np.abs(cepstrum).max()), 1e-30)
    scaled = np.copysign(np.log1p(constant * np.abs(value)) / np.log1p(constant), value)
    return np.asarray(np.rint(127.5 * (1 + scaled)), np.uint8)
