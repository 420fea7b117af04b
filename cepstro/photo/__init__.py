"""Photos in and out: Photo, read and write, with everything that a file says about its pixels.

`read` looks at a file's content, checks its size, unpacks it at its own depth and turns it upright;
`write` puts a photo in place whole or not at all. Formats have a module each; what they share is
the Photo (`model`), EXIF and XMP (`exif`), other colour models (`colour`), size limits (`limits`)
and safe files (`saving`).
"""

from cepstro.photo.limits import MAX_PIXELS
from cepstro.photo.model import Photo, check_finite, repack, unpack
from cepstro.photo.reading import read
from cepstro.photo.saving import check_output, safe_name
from cepstro.photo.writing import encode, write

__all__ = [
    "MAX_PIXELS",
    "Photo",
    "check_finite",
    "check_output",
    "encode",
    "read",
    "repack",
    "safe_name",
    "unpack",
    "write",
]
