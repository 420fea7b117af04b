__version__: str

from . import errors as errors
from . import figures as figures
from . import many as many
from . import pair as pair
from . import tiles as tiles
from .analysis import Analysis as Analysis
from .analysis import analyze as analyze
from .errors import CepstroError as CepstroError
from .many import batch as batch
from .pair import estimate_kernel as estimate_kernel
from .photo import Photo as Photo
from .photo import read as read
from .photo import write as write
from .psf import PSF as PSF
from .psf import BornWolf as BornWolf
from .psf import Disk as Disk
from .psf import Gaussian as Gaussian
from .psf import Kernel as Kernel
from .psf import Motion as Motion
from .psf import Polygon as Polygon
from .psf import Ring as Ring
from .psf import parse_psf as parse_psf
from .restore import deblur as deblur
from .synthesis import blur as blur
from .synthesis import match as match
