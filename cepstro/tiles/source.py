"""Where pictures larger than memory come from: TIFF, BigTIFF and OME-TIFF, window by window.

A file holds one or more sheets, flat pictures of one size: a TIFF one for every page, an OME-TIFF
one for every channel, depth and time. Only the tiles or strips that a window touches are decoded.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import ReadError
from cepstro.fft import threads
from cepstro.icc import tone_curve
from cepstro.light import Light
from cepstro.photo import safe_name
from cepstro.photo.tiff import quiet

Shape = tuple[int, int]
Box = tuple[int, int, int, int]  # top, left, height, width
_AXES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}  # of OME-Zarr
_KEPT_ROWS = 512  # px above the end of a window whose tiles the window below it may want again
_KEPT_BYTES = 64 << 20  # of decoded tiles, or of a picture that is kept whole
DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))


class Sheet(Protocol):
    """A flat picture whose pixels are decoded window by window."""

    @property
    def form(self) -> Form:
        """Size, samples and dtype."""
        ...

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[Any]:
        """Decode a window: height x width, or with channels last."""
        ...

    def windows(self, boxes: list[Box]) -> list[NDArray[Any]]:
        """Decode several windows; of those that lie together, what they share once."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """What all sheets of a file have in common."""

    size: Shape
    samples: int  # channels side by side, alpha last of 2 or 4
    dtype: np.dtype[Any]
    light: Light = "srgb"

    @property
    def colours(self) -> int:
        """Channels without alpha."""
        return self.samples - (self.samples in (2, 4))


class Source(AbstractContextManager["Source"], Protocol):
    """A file that is open: its sheets, and what the copy of it needs to know."""

    path: Path
    sheets: list[Sheet]
    shape: tuple[int, ...]  # of the whole, as an array
    said: dict[str, Any]  # what the file said beside its pixels


def is_zarr(path: str | Path) -> bool:
    """Whether a path is meant for, or is, a Zarr folder."""
    return Path(path).suffix.lower() == ".zarr"


def has_sheets(path: str | Path) -> bool:
    """Whether a file is an OME-TIFF of several sheets."""
    import tifffile

    quiet()
    try:
        with tifffile.TiffFile(path) as file:
            return bool(file.is_ome and len(file.pages) > 1)
    except Exception:  # whatever is wrong with it, `read` says it better
        return False


def opened(path: Path) -> Source:
    """Open a file for reading by windows."""
    if is_zarr(path):
        from cepstro.tiles.zarrs import ZarrSource

        return ZarrSource(path)
    return TiffSource(path)


class TiffSource(AbstractContextManager["TiffSource"]):
    """A TIFF, BigTIFF or OME-TIFF."""

    def __init__(self, path: Path) -> None:
        import tifffile

        quiet()
        self.path = path
        try:
            self._file = tifffile.TiffFile(path)
        except (OSError, tifffile.TiffFileError) as error:
            raise ReadError(f"{safe_name(path)} cannot be read as TIFF: {error}") from error
        self._pool = ThreadPoolExecutor(threads())
        try:
            pages = self._pages()
            first = pages[0].keyframe
            form = self._form(first)
            if any(self._form(page.keyframe) != form for page in pages[1:]):
                raise ReadError(
                    f"{safe_name(path)} holds pages of different sizes or kinds; save each as a "
                    "file of its own"
                )
        except Exception as error:  # tifffile raises of every kind for what is broken
            self.__exit__(None, None, None)
            if isinstance(error, ReadError):
                raise
            raise ReadError(f"{safe_name(path)} cannot be read: it is broken") from error
        lock, kept = threading.Lock(), _Segments()
        self.sheets: list[Sheet] = [
            _TiffSheet(form, path, page, self._file.filehandle, lock, self._pool, kept)
            for page in pages
        ]
        inner = form.size if form.samples == 1 else (*form.size, form.samples)
        self.shape = inner if len(pages) == 1 else (len(pages), *inner)
        axes = self._file.series[0].axes.lower() if self._file.is_ome else ""
        known = bool(axes) and set(axes) <= set(_AXES)
        if known:
            self.shape = tuple(self._file.series[0].shape)
        self.said = {
            "axes": [{"name": name, "type": _AXES[name]} for name in axes] if known else None,
            "icc": first.iccprofile,
            "resolution": first.resolution,
            "unit": first.resolutionunit,
            "packed": first.compression != 1,
            "ome": self._file.ome_metadata,
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()
        self._file.close()

    def _pages(self) -> list[Any]:
        if not self._file.is_ome:
            found: list[Any] = list(self._file.pages)
            arrays = self._file.is_shaped or self._file.is_imagej
            if len(found) == 1 and arrays and self._file.series[0].size > found[0].size:
                raise ReadError(
                    f"{safe_name(self.path)} describes one of its pictures only; save it with a "
                    "page for each"
                )
            # Smaller copies of the picture, such as a pyramid's levels, are no pages.
            return [page for page in found if not page.is_reduced] or found[:1]
        pages = list(self._file.series[0].levels[0].pages)
        if len(self._file.series) > 1 or any(
            p is None or p.parent is not self._file for p in pages
        ):
            raise ReadError(
                f"{safe_name(self.path)} is an OME-TIFF of several pictures or files; "
                "save one picture as one file, or name a page"
            )
        return pages

    def _form(self, page: Any) -> Form:
        name = safe_name(self.path)
        orientation = page.tags.get(274)
        bits = page.bitspersample
        if (
            page.dtype is None
            or np.dtype(page.dtype).newbyteorder("=") not in DTYPES
            or (bits if isinstance(bits, int) else max(bits)) != 8 * page.dtype.itemsize
        ):
            raise ReadError(
                f"{name} has samples of another kind than 8 or 16 bit or float32; "
                "what is worked on in blocks has those only"
            )
        if (
            page.photometric not in (1, 2)
            or page.samplesperpixel > 4
            or (page.samplesperpixel > 1 and page.planarconfig != 1)
            or page.imagedepth > 1
            or (orientation is not None and orientation.value != 1)
        ):
            raise ReadError(
                f"{name} is not upright grey or RGB with its channels side by side; "
                "what is worked on in blocks has that form only"
            )
        own = tone_curve(page.iccprofile) if page.iccprofile else None
        return Form(
            (page.imagelength, page.imagewidth),
            int(page.samplesperpixel),
            np.dtype(page.dtype).newbyteorder("="),
            own if own is not None else "srgb",
        )


_Segments = dict[tuple[int, int], NDArray[Any]]  # decoded, by place in the file and in the picture


@dataclass(frozen=True, slots=True, eq=False)
class _TiffSheet:
    form: Form
    path: Path
    page: Any
    file: Any
    lock: threading.Lock
    pool: ThreadPoolExecutor
    kept: _Segments  # that the next window may want again

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[Any]:
        """Decode a window: height x width, or with channels last."""
        return self.windows([(top, left, height, width)])[0]

    def windows(self, boxes: list[Box]) -> list[NDArray[Any]]:
        """Decode several windows, each tile or strip once, on all cores.

        Of a small picture all are kept for the next windows, of a large one the last rows.
        """
        form, key = self.form, self.page.keyframe
        outs = [np.zeros((*box[2:], form.samples), form.dtype) for box in boxes]
        if key.is_tiled:
            rows, columns = key.tilelength, key.tilewidth
        else:
            rows, columns = min(key.rowsperstrip, form.size[0]), form.size[1]
        across = -(-form.size[1] // columns)
        small = form.size[0] * form.size[1] * form.samples * form.dtype.itemsize <= _KEPT_BYTES
        low = max(top + height for top, _, height, _ in boxes) - _KEPT_ROWS
        wanted: dict[Shape, list[int]] = {}  # boxes by the tile that they touch
        for at, (top, left, height, width) in enumerate(boxes):
            for row in range(top // rows, -(-(top + height) // rows)):
                for column in range(left // columns, -(-(left + width) // columns)):
                    wanted.setdefault((row, column), []).append(at)
        found: _Segments = {}

        def decode(place: Shape) -> None:
            row, column = place
            index = row * across + column
            name = self.page.dataoffsets[index], index
            segment = self.kept[name] if name in self.kept else self._segment(index)
            if segment is None:
                return
            if small or (row + 1) * rows > low:
                found[name] = segment
            for at in wanted[place]:
                top, left = boxes[at][:2]
                y, x = row * rows - top, column * columns - left  # of the segment in the window
                here = np.s_[max(y, 0) : y + segment.shape[0], max(x, 0) : x + segment.shape[1]]
                part = outs[at][here]
                there = np.s_[
                    max(-y, 0) : max(-y, 0) + part.shape[0], max(-x, 0) : max(-x, 0) + part.shape[1]
                ]
                part[:] = segment[there]

        list(self.pool.map(decode, wanted))
        self._keep({**self.kept, **found} if small else found, found)
        return [out[..., 0] if form.samples == 1 else out for out in outs]

    def _keep(self, *choices: _Segments) -> None:
        """Keep the first choice that is not too much, or nothing."""
        for some in choices:
            if sum(segment.nbytes for segment in some.values()) <= _KEPT_BYTES:
                break
        else:
            some = {}
        self.kept.clear()
        self.kept.update(some)

    def _segment(self, index: int) -> NDArray[Any] | None:
        offset, count = self.page.dataoffsets[index], self.page.databytecounts[index]
        if count == 0:
            return None
        with self.lock:
            self.file.seek(offset)
            data = self.file.read(count)
        key = self.page.keyframe
        try:
            decoded, _, shape = key.decode(data, index, jpegtables=key.jpegtables)
        except Exception as error:
            raise ReadError(f"{safe_name(self.path)} cannot be read: it is broken") from error
        return None if decoded is None else decoded[0, : shape[1], : shape[2]]
