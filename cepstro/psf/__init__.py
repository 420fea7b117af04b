"""Point spread functions: the shapes that a point of light takes in a blurred photo."""

from cepstro.psf.base import PSF, one_each, too_wide
from cepstro.psf.bornwolf import BornWolf
from cepstro.psf.measured import Kernel
from cepstro.psf.models import Disk, Gaussian, Motion, Polygon, Ring
from cepstro.psf.scaling import scaled
from cepstro.psf.text import parse_psf, psf_from_dict, psf_to_dict, read_psf, short

__all__ = [
    "PSF",
    "BornWolf",
    "Disk",
    "Gaussian",
    "Kernel",
    "Motion",
    "Polygon",
    "Ring",
    "one_each",
    "parse_psf",
    "psf_from_dict",
    "psf_to_dict",
    "read_psf",
    "scaled",
    "short",
    "too_wide",
]
