"""Why a verdict was given, in a sentence for a person, with what can be done about it."""

from __future__ import annotations

from cepstro.psf import PSF, Motion, Polygon, Ring
from cepstro.race import SMALLEST_FIT

_SMALL = 3.5  # px
_LARGE_PART = 0.8  # of the largest diameter that the photo can show
_DOUBTFUL = 0.2  # chance from which on a candidate is worth a word
_EVEN = 0.5  # confidence below which the opposite is as likely
_DIFFERENT = 1.06  # ratio of diameters within one photo


def of_defocus(psf: PSF, diameter: float) -> str:
    """Why this is defocus."""
    kind, more = "disk", ""
    if isinstance(psf, Ring):
        kind, more = "ring", f" with a hole of {100 * psf.hole:.0f} %"
    elif isinstance(psf, Polygon):
        kind, more = "polygon", f" of {psf.blades} blades"
    return f"the spectrum shows the rings of zeros of a {kind} {diameter:.1f} px across{more}"


def of_motion(psf: Motion) -> str:
    """Why this is motion."""
    return (
        f"the spectrum shows the stripes of zeros of a straight motion over {psf.length:.1f} px at "
        f"{psf.angle:.0f} degrees"
    )


def of_gaussian(sigma: float, confidence: float) -> str:
    """Why this is soft, but nothing that can be sized as defocus."""
    seen = (
        f"the spectrum falls off like a Gaussian of sigma {sigma:.1f} px and shows no rings of "
        "zeros"
    )
    if confidence < _EVEN:
        return (
            f"{seen}, but too little of the scene to tell that from defocus; look at a larger part "
            "or one with more detail"
        )
    return f"{seen}, so the softness does not come from defocus that can be measured"


def of_none(best: float, diameter: float | None) -> str:
    """Why nothing was found; `best` is the chance of the best candidate, `diameter` its size."""
    if diameter is None or best < _DOUBTFUL:
        return (
            "the spectrum shows no rings of zeros, so the photo is sharp, or its blur is too small "
            f"(below about {SMALLEST_FIT:.0f} px), varies too much or is of another kind"
        )
    if diameter < _SMALL:
        return (
            f"there may be rings of zeros of a disk {diameter:.1f} px across, but so small a blur "
            "looks like a soft lens; try it with -a and compare"
        )
    return (
        f"there may be rings of zeros of a disk {diameter:.1f} px across, but they are too faint "
        "to be sure; point at the blurred part with --region, or try it with -a and compare"
    )


def of_varying_blur(diameters: list[float], errors: list[float]) -> list[str]:
    """Tell when parts of the photo have diameters that differ by more than their errors."""
    if len(diameters) < 2:
        return []
    low, high = min(diameters), max(diameters)
    if high / low < _DIFFERENT or high - low < 3 * max(errors):
        return []
    return [
        f"the blur differs over the photo, from about {low:.1f} to {high:.1f} px, as with several "
        "depths; --region measures one part"
    ]


def of_thin_ring(psf: PSF) -> list[str]:
    """Tell when a thin soft ring may be what a thick sharp one was taken for."""
    if not isinstance(psf, Ring):
        return []
    spec = f"ring:{psf.diameter:.1f},hole=1,softness={psf.softness:.1f}"
    return [f"a thin soft ring explains the spectrum nearly as well; compare with --psf {spec}"]


def of_large_blur(diameter: float, largest: float) -> list[str]:
    """Tell when the blur nears what the photo can show."""
    if diameter < _LARGE_PART * largest:
        return []
    return ["the blur is nearly larger than the photo can show; use a larger part of the photo"]
