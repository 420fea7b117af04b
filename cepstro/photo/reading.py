"""read(): a file becomes a Photo. The content decides what it is, never the name.

Everything that a file claims is checked before it is believed: size before unpacking, kind by its
first bytes, metadata by parsers of our own that leave out what is broken. What cannot be read ends
in one `ReadError`, whatever the library underneath thought of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from cepstro.errors import CepstroError, ReadError
from cepstro.icc import tone_curve
from cepstro.light import Light
from cepstro.photo import avif, exif, heif, jpeg, jxl, npy, png, pnm, raw, simple, tiff, webp
from cepstro.photo.colour import only_for
from cepstro.photo.limits import MAX_PIXELS, Limit, megapixels
from cepstro.photo.model import Photo
from cepstro.photo.saving import first_line, safe_name
from cepstro.photo.stored import Stored


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
    ValueError
        For a page below 0, or a limit below 1.
    """
    source = Path(path)
    limit = Limit(MAX_PIXELS, False) if max_pixels is None else Limit(max_pixels, True)
    if limit.pixels < 1:
        raise ValueError(f"max_pixels must be > 0, got {max_pixels}")
    if page < 0:
        raise ValueError(f"page must be >= 0, got {page}")
    name = safe_name(source)
    try:
        with _opened(source) as stream:
            photo = _decode(Stored(stream), source.suffix.lower(), page, limit)
        return _finished(photo, source, light)
    except ReadError as error:
        raise ReadError(f"{name} cannot be read: {error}") from error
    except CepstroError:
        raise
    except FileNotFoundError:
        raise ReadError(f"{name} does not exist") from None
    except MemoryError as error:
        raise ReadError(f"{name} cannot be read: it needs more memory than there is") from error
    except OSError as error:
        why = error.strerror or first_line(error)
        raise ReadError(f"{name} cannot be read: {why[0].lower()}{why[1:]}") from error
    except Exception as error:
        raise ReadError(f"{name} cannot be read: it is broken ({first_line(error)})") from error


def _opened(source: Path) -> BinaryIO:
    """Open a file, if it is a file at all: a pipe could keep us waiting for ever."""
    found = source.stat()
    if stat.S_ISDIR(found.st_mode) and source.suffix.lower() == ".zarr":
        raise ReadError("a Zarr is worked on in blocks, by analyze, deblur and blur alone")
    if stat.S_ISDIR(found.st_mode):
        raise ReadError("it is a folder; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise ReadError("it is a device or pipe, not a file")
    if found.st_size == 0:
        raise ReadError("it is empty")
    return source.open("rb")


def _decode(stored: Stored, ending: str, page: int, limit: Limit) -> Photo:
    """Return the Photo of a file's bytes; their beginning decides what they are.

    Only among TIFF files does the name's ending have a say: cameras' raw files are TIFF files too.
    """
    if raw.matches(stored, ending):
        return raw.decode(stored, limit=limit)
    if stored[:4] in tiff.SIGNATURES:
        return tiff.decode(stored, page=page, limit=limit)
    if page:
        raise ReadError(f"it has no page {page}; only TIFF files have pages")
    decode = _decoder(stored[:_HEAD])
    if len(stored) > limit.file_bytes:
        raise ReadError(
            f"it has {len(stored):,} bytes, more than {megapixels(limit.pixels)} are believed to "
            "take; if it is to be trusted, raise --max-pixels (max_pixels)"
        )
    return decode(stored[:], limit=limit)


def _decoder(head: bytes) -> Callable[..., Photo]:
    """Return the function that reads files which begin so; TIFF and RAW are told apart before."""
    for signatures, decode in _BY_BEGINNING:
        if head.startswith(signatures):
            return decode
    if webp.matches(head):
        return webp.decode
    if pnm.matches(head):
        return pnm.decode
    brands = _brands(head)
    if brands.intersection(avif.BRANDS):
        return avif.decode
    if brands.intersection(heif.BRANDS):
        return heif.decode
    for signatures, kind in _UNREAD:
        if head.startswith(signatures):
            raise ReadError(f"it is {kind}, which is not read; save it as PNG or TIFF")
    raise ReadError("it is no photo of a known kind")


_BY_BEGINNING: tuple[tuple[bytes | tuple[bytes, ...], Callable[..., Photo]], ...] = (
    (jpeg.SIGNATURE, jpeg.decode),
    (png.SIGNATURE, png.decode),
    (simple.GIF_SIGNATURES, simple.decode_gif),
    (simple.BMP_SIGNATURE, simple.decode_bmp),
    ((jxl.CODESTREAM, jxl.CONTAINER), jxl.decode),
    (npy.SIGNATURE, npy.decode),
)
_UNREAD: tuple[tuple[bytes | tuple[bytes, ...], str], ...] = (
    ((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), "JPEG 2000"),
    (b"8BPS", "a Photoshop document"),
    (b"v/1\x01", "OpenEXR"),
    ((b"#?RADIANCE", b"#?RGBE"), "Radiance HDR"),
    (b"DDS ", "a DirectDraw surface"),
    ((b"\0\0\1\0", b"\0\0\2\0"), "an icon"),
    ((b"%PDF", b"%!PS"), "a document"),
    ((b"<svg", b"<?xml"), "text"),
)
_HEAD = 256  # bytes that tell what a file is
_UPRIGHT = ("heif", "jxl", "raw")  # turned by the library, whatever their EXIF says


def _brands(data: bytes) -> set[bytes]:
    """Brands of an ISO media file, the family of AVIF and HEIC."""
    if data[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(data[:4], "big"), len(data))
    return {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}


def _finished(photo: Photo, source: Path, light: Light | None) -> Photo:
    """Upright, with clean metadata and the light that its profile tells."""
    turn = 1
    if photo.format not in _UPRIGHT:
        turn = exif.orientation(photo.exif) or exif.xmp_orientation(photo.xmp)
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
        exif=exif.cleaned(photo.exif, (pixels.shape[1], pixels.shape[0])),
        icc=icc,
        xmp=exif.xmp_upright(photo.xmp),
        dpi=dpi,
        light=light if light is not None else own if own is not None else photo.light,
    )
