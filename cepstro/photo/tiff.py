"""TIFF: any depth, tiled, BigTIFF, many pages, through tifffile; other colours turned into RGB.

EXIF lives in a TIFF's own directories: it is gathered into one EXIF block on reading and laid out
as directories again on writing. Signed integers become floats -1..1, since the rest of the package
knows unsigned ones only.
Source: TIFF 6.0, Adobe TIFF Technical Notes, BigTIFF.
"""

from __future__ import annotations

import io
import logging
import math
import re
import struct
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import ReadError
from cepstro.fft import threads
from cepstro.photo import exif
from cepstro.photo.colour import cmyk_to_rgb, lab_to_rgb
from cepstro.photo.depth import full_range, unpremultiplied
from cepstro.photo.limits import Limit
from cepstro.photo.model import Photo
from cepstro.photo.stored import Stored

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TAG_BYTES = 16 << 20  # of one tag's value; the largest are profiles
_DESCRIPTION, _ICC, _XMP, _DNG = 270, 34675, 700, 50706
_SHAPED = (b'{"shape"', b"shape=(")  # how tifffile describes arrays
_PLACED = (exif.ORIENTATION, exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT)
_ASSOCIATED = 1  # of extra samples: alpha that the colours are multiplied with
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB, _ICC_LAB, _CFA, _LINEAR_RAW = (
    0, 1, 2, 3, 5, 6, 8, 9, 32803, 34892,
)  # fmt: skip


def is_raw(data: Stored) -> bool:
    """Whether a TIFF is a camera's raw file: DNG, or a sensor's mosaic in the first directory."""
    ifd = exif.first_directory(data)
    if ifd is None:
        return False
    return _DNG in ifd.entries or ifd.number(262) in (_CFA, _LINEAR_RAW) or data[8:10] == b"CR"


def decode(data: Stored, *, page: int, limit: Limit) -> Photo:
    """Photo of one page of a TIFF, not yet upright."""
    import tifffile

    quiet()
    data.seek(0)
    data.most = _TAG_BYTES
    with tifffile.TiffFile(cast("BinaryIO", data), is_ome=False) as file:
        try:
            tiff = file.pages[page]
        except IndexError:
            raise ReadError(f"it has no page {page}; pages count from 0") from None
        assert isinstance(tiff, tifffile.TiffPage)
        if tiff.imagedepth > 1:
            raise ReadError("it is a volume, not a picture; save one plane of it")
        sample = tiff.dtype.itemsize if tiff.dtype else 1
        limit.check(
            tiff.imagewidth,
            tiff.imagelength,
            stored=len(data),
            sample_bytes=sample * tiff.samplesperpixel,
        )
        if tiff.samplesperpixel > 16:
            raise ReadError(f"it has {tiff.samplesperpixel} channels; grey, RGB and alpha are read")
        data.most = limit.bytes
        pixels = tiff.asarray(maxworkers=threads())
        if tiff.planarconfig == 2 and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        bits = tiff.bitspersample
        if isinstance(bits, tuple):
            bits = max(bits)
        icc = _value(tiff, _ICC)
        pixels, own = _to_rgb(_full_range(pixels, bits, tiff), tiff, icc)
        pages = _count(file)
        block = _exif_block(data, tiff, file.byteorder, pages)
        return Photo(
            pixels=pixels,
            format="tiff",
            depth=bits,
            exif=block or None,
            icc=icc if own else None,
            xmp=_value(tiff, _XMP),
            dpi=exif.resolution(block),
            pages=pages,
        )


def encode(photo: Photo) -> bytes:
    """TIFF bytes of a Photo of any dtype, deflated where that helps."""
    import tifffile

    pixels = photo.pixels
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    big = pixels.nbytes > 3.9e9
    ifd = exif.first_directory(photo.exif) if photo.exif and not big else None
    parts = exif.gathered(photo.exif, ifd) if photo.exif and ifd else None
    tags: list[tuple[int, int, int, Any, bool]] = [(274, 3, 1, 1, True)]
    if photo.xmp:
        tags.append((_XMP, 1, len(photo.xmp), photo.xmp, True))
    order: Any = parts.order if parts else "<"
    if parts:
        tags += [
            (tag, entry.kind, entry.count, entry.data, True)
            for tag, entry in parts.first.items()
            if entry.kind in (1, 2, 7)
        ]
        tags += [(tag - 1, 4, 1, 0, True) for tag, part in _inner(parts) if part]
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, bigtiff=big, byteorder=order) as writer:
        writer.write(
            np.ascontiguousarray(pixels),
            photometric="rgb" if channels >= 3 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            compression="zlib" if pixels.dtype.kind != "f" else None,
            compressionargs={"level": 1} if pixels.dtype.kind != "f" else None,
            predictor=2 if pixels.dtype.kind == "u" else None,
            rowsperstrip=max(1, (1 << 18) // max(1, pixels[0].nbytes)),
            iccprofile=photo.icc,
            resolution=photo.dpi,
            resolutionunit="INCH" if photo.dpi else None,
            extratags=tags,
            metadata=None,
            software=False,
        )
    data = buffer.getvalue()
    return _with_directories(data, parts) if parts else data


def _inner(parts: exif.Builder) -> tuple[tuple[int, dict[int, exif.Entry]], ...]:
    return ((exif.EXIF_IFD, parts.exif), (exif.GPS_IFD, parts.gps))


def _with_directories(data: bytes, parts: exif.Builder) -> bytes:
    """Put the EXIF and GPS directories behind the picture and set the pointers to them.

    tifffile will not write these tags, so `encode` leaves room under the free numbers before them.
    """
    ifd = exif.first_directory(data)
    out = bytearray(data)
    for tag, part in _inner(parts):
        if part and ifd is not None:
            out += bytes(len(out) % 2)
            at = ifd.entries[tag - 1].at
            struct.pack_into(parts.order + "H", out, at - 8, tag)
            struct.pack_into(parts.order + "I", out, at, len(out))
            out += exif.laid_out(part, len(out), parts.order)
    return bytes(out)


def quiet() -> None:
    """Keep tifffile's remarks on odd files off standard error; a log that is set up gets them."""
    logger = logging.getLogger("tifffile")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _value(tiff: Any, tag: int) -> bytes | None:
    found = tiff.tags.get(tag)
    value = found.value if found is not None else None
    if isinstance(value, tuple) and all(isinstance(v, int) and 0 <= v < 256 for v in value):
        value = bytes(value)
    return value if isinstance(value, bytes) and value else None


def _full_range(pixels: NDArray[Any], bits: int, tiff: Any) -> NDArray[Any]:
    """Return samples in a dtype that the package knows, spanning its range."""
    kind = pixels.dtype.kind
    if kind == "b":
        return pixels.astype(np.uint8) * np.uint8(255)
    if kind == "u" and pixels.dtype.itemsize <= 4:
        return pixels if tiff.photometric == _PALETTE else full_range(pixels, bits)
    if kind == "i" and pixels.dtype.itemsize <= 4:
        top = np.iinfo(pixels.dtype).max
        wide = np.float64 if pixels.dtype.itemsize == 4 else np.float32
        scaled: NDArray[Any] = np.divide(pixels, top, dtype=wide)
        return scaled
    if kind == "f" and pixels.dtype.itemsize <= 8:
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    raise ReadError(f"its samples are {pixels.dtype}; integers up to 32 bit and floats are read")


def _to_rgb(pixels: NDArray[Any], tiff: Any, icc: bytes | None) -> tuple[NDArray[Any], bool]:
    """Grey or RGB pixels with at most one alpha, and whether the profile still belongs to them."""
    photometric = int(tiff.photometric) if 262 in tiff.tags else _BLACK_IS_ZERO
    if photometric == _PALETTE:
        if tiff.colormap is None or pixels.ndim != 2:
            raise ReadError("its palette is missing")
        palette = np.asarray(tiff.colormap)
        wide = np.moveaxis(palette, 0, -1)[np.minimum(pixels, palette.shape[1] - 1)]
        return (wide >> 8).astype(np.uint8) if palette.max() > 255 else wide.astype(np.uint8), True
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    colours = {_CMYK: 4, _WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1}.get(photometric, 3)
    if pixels.ndim != 3 or pixels.shape[2] < colours:
        raise ReadError(f"it has samples of shape {pixels.shape}, too few for its colour model")
    colour, alpha = pixels[..., :colours], _alpha(pixels, colours, tiff)
    own = True
    if photometric == _WHITE_IS_ZERO:
        colour = (1 - colour) if colour.dtype.kind == "f" else ~colour
    elif photometric == _CMYK:
        if colour.dtype not in (np.uint8, np.uint16):
            raise ReadError(f"its CMYK samples are {colour.dtype}; 8 and 16 bit are read")
        colour, own = cmyk_to_rgb(np.ascontiguousarray(colour), icc), False
    elif photometric in (_LAB, _ICC_LAB):
        colour, own = _lab(colour, photometric), False
    elif photometric not in (_BLACK_IS_ZERO, _RGB, _YCBCR):
        raise ReadError(f"its colour model {photometric} is not read; convert it to RGB")
    if alpha is not None:
        if int(tiff.extrasamples[0]) == _ASSOCIATED:
            colour = unpremultiplied(colour, alpha)
        return np.concatenate([colour, alpha[..., None]], axis=2), own
    return (colour[..., 0] if colours == 1 else colour), own


def _alpha(pixels: NDArray[Any], colours: int, tiff: Any) -> NDArray[Any] | None:
    """Return the first extra sample, where it is said to be alpha."""
    kinds = [int(kind) for kind in tiff.extrasamples]
    if pixels.shape[2] == colours or not kinds or kinds[0] not in (1, 2):
        return None
    return pixels[..., colours]


def _lab(values: NDArray[Any], photometric: int) -> NDArray[Any]:
    """SRGB of TIFF's integer Lab: a and b signed for CIELab, offset by half for ICCLab."""
    if values.dtype not in (np.uint8, np.uint16):
        raise ReadError(f"its Lab samples are {values.dtype}; 8 and 16 bit are read")
    bits = 8 * values.dtype.itemsize
    unit = 1 << (bits - 8)
    white = (1 << bits) - 1 if photometric == _LAB else 255 * unit
    lightness = values[..., 0] * np.float32(100 / white)
    axes = values[..., 1:].astype(np.float32)
    half = np.float32(1 << (bits - 1))
    axes = np.where(axes >= half, axes - 2 * half, axes) if photometric == _LAB else axes - half
    lab = np.concatenate([lightness[..., None].astype(np.float32), axes / np.float32(unit)], axis=2)
    return lab_to_rgb(lab, values.dtype)


def _count(file: Any) -> int:
    """Pages of a file; those behind a broken pointer do not count."""
    try:
        return len(file.pages)
    except Exception:  # tifffile raises of every kind for what is broken
        return 1


def _of_several(description: bytes, pages: int, samples: int) -> bool:
    """Whether an ImageDescription tells how pages lie in a file rather than what a picture shows.

    OME and ImageJ may describe one page as well, which is true of what is written.
    """
    if description.startswith(_SHAPED):
        return True
    counts = [int(n) for n in re.findall(rb"\bSize[CZT]\s*=\s*[\"'](\d{1,9})", description)]
    if b"<OME" in description or b":OME" in description:
        return pages > 1 or math.prod(counts) > samples
    stacked = re.search(rb"^images=(?!1\s*$)", description, re.MULTILINE)
    return description.startswith(b"ImageJ=") and (pages > 1 or stacked is not None)


def _exif_block(data: Stored, tiff: Any, order: str, pages: int) -> bytes:
    """Captions, orientation, resolution, EXIF and GPS of a page as one EXIF block."""
    if tiff.parent.is_bigtiff:
        return _small_block(tiff, order)
    ifd = exif.directory(data, tiff.offset, order)
    if ifd is None:
        return b""
    parts = exif.gathered(data, ifd, (*exif.CAPTIONS, *_PLACED))
    said = parts.first.get(_DESCRIPTION)
    if said is not None and _of_several(said.data, pages, tiff.samplesperpixel):
        del parts.first[_DESCRIPTION]
    return parts.block()


def _small_block(tiff: Any, order: str) -> bytes:
    """Return what a BigTIFF says of orientation and resolution."""
    parts = exif.Builder(order)
    for tag, code, kind in ((exif.ORIENTATION, "H", 3), (exif.RESOLUTION_UNIT, "H", 3)):
        found = tiff.tags.get(tag)
        if found is not None and isinstance(found.value, int):
            parts.first[tag] = exif.Entry(kind, 1, struct.pack(order + code, int(found.value)), 0)
    for tag in (exif.X_RESOLUTION, exif.Y_RESOLUTION):
        found = tiff.tags.get(tag)
        if found is not None and isinstance(found.value, tuple) and len(found.value) == 2:
            parts.first[tag] = exif.Entry(5, 1, struct.pack(order + "II", *found.value), 0)
    return parts.block()
