"""read(): a file becomes a Photo. The content decides what it is, never the name.

Everything that a file claims is checked before it is believed: size before unpacking, kind by its
first bytes, metadata by parsers of our own that leave out what is broken. What cannot be read ends
in one `ReadError`, whatever the library underneath thought of it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

from cepstro.errors import CepstroError, ReadError
from cepstro.icc import tone_curve
from cepstro.light import Light
from cepstro.photo import exif, jpeg, png, tiff, webp
from cepstro.photo.colour import only_for
from cepstro.photo.limits import MAX_PIXELS, Limit
from cepstro.photo.model import Photo
from cepstro.photo.saving import safe_name


def read(
    path: str | os.PathLike[str],
    *,
    light: Light | None = None,
    page: int = 0,
    max_pixels: int | None = None,
) -> Photo:
    """Read a photo with everything that its file says about it.

    Parameters
    ----------
    path : path
        The file; its content decides how it is read, not its name.
    light : "srgb", "linear" or ToneCurve, optional
        How the pixels encode light, where the caller knows better than the file.
    page : int
        The page of a TIFF, from 0.
    max_pixels : int, optional
        Refuse larger pictures; 300 million unless given. Naming a number also lets pictures pass
        that are packed more tightly than photos ever are.

    Returns
    -------
    Photo
        Upright pixels at the file's depth: grey stays grey, palettes are expanded, CMYK and Lab
        become sRGB. Floats are left as they are, NaN included; the rooms that compute refuse them.

    Raises
    ------
    ReadError
        If the file is missing, no photo, broken, or too large.
    MissingExtraError
        If reading it takes a package that is not installed.
    """
    source = Path(path)
    limit = Limit(MAX_PIXELS, False) if max_pixels is None else Limit(max_pixels, True)
    if limit.pixels < 1:
        raise ValueError(f"max_pixels must be > 0, got {max_pixels}")
    if page < 0:
        raise ValueError(f"page must be >= 0, got {page}")
    name = safe_name(source)
    data = _bytes(source, limit)
    try:
        photo = _decode(data, page, limit)
    except ReadError as error:
        raise ReadError(f"{name} cannot be read: {error}") from error
    except CepstroError:
        raise
    except MemoryError as error:
        raise ReadError(f"{name} cannot be read: it needs more memory than there is") from error
    except Exception as error:
        raise ReadError(f"{name} cannot be read: it is broken ({_first_line(error)})") from error
    return _finished(photo, source, light)


def _decode(data: bytes, page: int, limit: Limit) -> Photo:
    """Return the Photo of a file's bytes, by their first ones."""
    if page and data[:4] not in tiff.SIGNATURES:
        raise ReadError(f"it has no page {page}; only TIFF files have pages")
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.decode(data, limit=limit)
    if data.startswith(png.SIGNATURE):
        return png.decode(data, limit=limit)
    if data[:4] in tiff.SIGNATURES:
        return tiff.decode(data, page=page, limit=limit)
    if webp.matches(data):
        return webp.decode(data, limit=limit)
    raise ReadError("it is no photo of a known kind")


def _finished(photo: Photo, source: Path, light: Light | None) -> Photo:
    """Upright, with clean metadata and the light that its profile tells."""
    turn = exif.orientation(photo.exif)
    pixels = exif.upright(photo.pixels, turn)
    channels = 1 if pixels.ndim == 2 or pixels.shape[2] <= 2 else 3
    icc = only_for(photo.icc, channels)
    own = tone_curve(icc) if icc else None
    dpi = photo.dpi or exif.resolution(photo.exif)
    if dpi and turn >= 5:
        dpi = (dpi[1], dpi[0])
    return replace(
        photo,
        pixels=pixels,
        path=source,
        exif=exif.cleaned(photo.exif),
        icc=icc,
        xmp=exif.xmp_upright(photo.xmp),
        dpi=dpi,
        light=light if light is not None else own if own is not None else photo.light,
    )


def _bytes(source: Path, limit: Limit) -> bytes:
    """Return the file's content, if it is a file and not absurdly long."""
    name = safe_name(source)
    try:
        found = source.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ReadError(f"{name} is a folder; name a file in it")
        if not stat.S_ISREG(found.st_mode):
            raise ReadError(f"{name} is a device or pipe, not a file")
        if found.st_size == 0:
            raise ReadError(f"{name} is empty")
        if found.st_size > 32 * limit.pixels + (64 << 20):
            raise ReadError(f"{name} has {found.st_size:,} bytes, more than a photo can have")
        return source.read_bytes()
    except FileNotFoundError:
        raise ReadError(f"{name} does not exist") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReadError(f"{name} cannot be read: {safe_name(why)}") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return safe_name(text[0]) if text else type(error).__name__
