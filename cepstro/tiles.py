"""Pictures larger than memory: TIFF and BigTIFF read, deblurred or blurred, and written in blocks.

Each block is worked on inside a window that reaches further by a halo, and only its core is kept:
what a method makes of a pixel hangs on its surroundings no further than the halo, so no seams show.
A blur reaches as far as its PSF. A Wiener filter W reaches further; its halo is the distance r at
which the tail of its response to an edge, the sums over |x| > r of the transform of W along each
axis, has fallen below `_TAIL`. Mean, prior and noise are found once, from blocks spread over the
whole picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import ReadError, WriteError
from cepstro.fft import threads
from cepstro.icc import tone_curve
from cepstro.light import Light, from_linear, to_linear
from cepstro.photo import MAX_PIXELS, check_finite, check_output, safe_name
from cepstro.photo.limits import Limit
from cepstro.photo.saving import placing
from cepstro.psf import PSF, Motion
from cepstro.restore import prior, wiener
from cepstro.restore.borders import Plane, embed, frame_shape
from cepstro.synthesis import blur

Progress = Callable[[float], None]
Shape = tuple[int, int]

_TILE = 512  # px; of the files written
_CORE = 2048  # px; of the blocks worked on
_TAIL = 1e-3  # of an edge's height: what may reach a pixel from beyond the halo
_LONGEST_HALO = 1024  # px
_SAMPLES = 64  # blocks that tell the mean
_BUFFER = 16 << 20  # bytes of tiles that wait to be packed
_BIG = 3_900_000_000  # bytes from which on a BigTIFF is written


def too_large(path: str | Path) -> bool:
    """Whether a file is a TIFF that `read` refuses for its size, and so is one for this module."""
    import tifffile

    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with tifffile.TiffFile(path, is_ome=False) as file:
            page: Any = file.pages[0]
            pixels = page.imagelength * page.imagewidth
            size = pixels * page.samplesperpixel * page.bitspersample // 8
            return bool(pixels > MAX_PIXELS or size > Limit().bytes)
    except Exception:  # whatever is wrong with it, `read` says it better
        return False


def deblur_file(
    source: str | Path,
    target: str | Path,
    psf: PSF,
    *,
    nsr: float | None = None,
    diameter_error: float = 0.0,
    progress: Progress | None = None,
) -> None:
    """Deblur a TIFF of any size by a Wiener filter, without ever holding it whole.

    Parameters
    ----------
    source, target : path
        TIFF or BigTIFF, grey or RGB, with or without alpha, of 8 or 16 bit or float32; tiled or
        in strips. The result is tiled, and deflated if the source is compressed.
    psf : PSF
        The blur.
    nsr : float, optional
        Noise-to-signal constant; without it the spectrum of the noise and of the scene are fitted
        to each channel, as `deblur` with ``method="wiener"`` does.
    diameter_error : float
        One standard deviation of the PSF's diameter, px.
    progress : callable, optional
        Called with the fraction done, 0..1; an exception raised in it cancels the work.

    Raises
    ------
    ReadError, WriteError
        If a file cannot be read or written, or is of a kind that is not worked on in blocks.

    Notes
    -----
    Away from the picture's border the result equals that of `deblur` to less than 1/255, as long as
    the filter reaches no further than 1024 px. With a small `nsr` and a large blur it does: with
    1e-4 and a disk of 33 px, differences of 5/255 were measured.
    """
    if nsr is not None and not 0 <= nsr < np.inf:
        raise ValueError(f"nsr must be >= 0 and finite, got {nsr}")
    with _Source(Path(source)) as picture:
        filters = [_Wiener(picture, c, psf, nsr, diameter_error) for c in range(picture.colours)]
        halo = max(one.halo for one in filters)

        def work(window: NDArray[Any], at: Shape) -> NDArray[Any]:
            out = window.copy()
            planes, targets = (x if x.ndim == 3 else x[..., None] for x in (window, out))
            for c, one in enumerate(filters):
                plane = to_linear(planes[..., c], light=picture.light)
                sharp = one(plane, picture.touches(at, window.shape))
                targets[..., c] = from_linear(sharp, window.dtype, light=picture.light)
            return out

        _stream(picture, Path(target), work, halo, progress)


def blur_file(
    source: str | Path, target: str | Path, psf: PSF, *, progress: Progress | None = None
) -> None:
    """Blur a TIFF of any size in linear light, without ever holding it whole.

    Parameters and errors as for `deblur_file`; the result equals that of `blur`.
    """
    with _Source(Path(source)) as picture:

        def work(window: NDArray[Any], at: Shape) -> NDArray[Any]:
            return blur(window, psf, light=picture.light)

        halo = 4 * psf.halfwidth + 16  # band-limited edges ring beyond the halfwidth
        _stream(picture, Path(target), work, halo, progress)


class _Source:
    """A TIFF whose pixels are decoded window by window."""

    def __init__(self, path: Path) -> None:
        import tifffile

        self.path = path
        try:
            self._file = tifffile.TiffFile(path, is_ome=False)
        except (OSError, tifffile.TiffFileError) as error:
            raise ReadError(f"{safe_name(path)} cannot be read as TIFF: {error}") from error
        page: Any = self._file.pages[0]
        self.page = page
        self._lock = threading.Lock()
        try:
            self._check()
        except ReadError:
            self._file.close()
            raise
        self.size: Shape = (page.imagelength, page.imagewidth)
        self.dtype = np.dtype(page.dtype).newbyteorder("=")
        self.samples = int(page.samplesperpixel)
        self.colours = self.samples - (self.samples in (2, 4))
        self.icc = page.iccprofile
        own = tone_curve(self.icc) if self.icc else None
        self.light: Light = own if own is not None else "srgb"
        if page.is_tiled:
            self._tile: Shape = (page.tilelength, page.tilewidth)
        else:
            self._tile = (min(page.rowsperstrip, self.size[0]), self.size[1])
        self._pool = ThreadPoolExecutor(threads())

    def _check(self) -> None:
        page, name = self.page, safe_name(self.path)
        orientation = page.tags.get(274)
        bits = page.bitspersample
        if (
            page.dtype is None
            or np.dtype(page.dtype).newbyteorder("=") not in (np.uint8, np.uint16, np.float32)
            or (bits if isinstance(bits, int) else max(bits)) != 8 * page.dtype.itemsize
        ):
            raise ReadError(
                f"{name} has samples of another kind than 8 or 16 bit or float32; "
                "pictures of this size are worked on in those only"
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
                "pictures of this size are worked on in that form only"
            )

    def __enter__(self) -> _Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()
        self._file.close()

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[Any]:
        """Decode a window: height x width, or with channels last."""
        out = np.zeros((height, width, self.samples), self.dtype)
        rows, columns = self._tile
        across = -(-self.size[1] // columns)

        def decode(place: Shape) -> None:
            row, column = place
            segment = self._segment(row * across + column)
            if segment is None:
                return
            y, x = row * rows - top, column * columns - left  # of the segment in the window
            here = np.s_[max(y, 0) : y + segment.shape[0], max(x, 0) : x + segment.shape[1]]
            part = out[here]
            there = np.s_[
                max(-y, 0) : max(-y, 0) + part.shape[0], max(-x, 0) : max(-x, 0) + part.shape[1]
            ]
            part[:] = segment[there]

        places = [
            (row, column)
            for row in range(top // rows, -(-(top + height) // rows))
            for column in range(left // columns, -(-(left + width) // columns))
        ]
        list(self._pool.map(decode, places))
        return out[..., 0] if self.samples == 1 else out

    def _segment(self, index: int) -> NDArray[Any] | None:
        offset, count = self.page.dataoffsets[index], self.page.databytecounts[index]
        if count == 0:
            return None
        with self._lock:
            self._file.filehandle.seek(offset)
            data = self._file.filehandle.read(count)
        try:
            decoded, _, shape = self.page.decode(data, index, jpegtables=self.page.jpegtables)
        except Exception as error:
            raise ReadError(f"{safe_name(self.path)} cannot be read: it is broken") from error
        return None if decoded is None else decoded[0, : shape[1], : shape[2]]

    def touches(self, at: Shape, shape: tuple[int, ...]) -> bool:
        """Whether a window touches the picture's border."""
        return 0 in at or at[0] + shape[0] == self.size[0] or at[1] + shape[1] == self.size[1]


class _Plane:
    """Light of one channel less its mean, decoded where it is looked at: what `prior.fit` needs."""

    def __init__(self, source: _Source, channel: int) -> None:
        self._source, self._channel = source, channel
        self.shape = source.size
        side = min(256, *self.shape)
        grid = int(_SAMPLES**0.5)
        tops, lefts = (np.linspace(0, n - side, grid).astype(int) for n in self.shape)
        self.mean = np.float32(0)
        blocks = [self[y : y + side, x : x + side] for y in tops for x in lefts]
        self.mean = np.float32(np.mean(blocks, dtype=np.float64))
        self._variance = float(np.var(blocks, dtype=np.float64))

    def __getitem__(self, part: tuple[slice, slice]) -> Plane:
        y, x = part
        window = self._source.window(y.start, x.start, y.stop - y.start, x.stop - x.start)
        check_finite(window)
        plane = window if window.ndim == 2 else window[..., self._channel]
        return to_linear(plane, light=self._source.light) - self.mean

    def var(self, **_: Any) -> float:
        """Variance, as `numpy.var` asks for it."""
        return self._variance


class _Wiener:
    """The Wiener filter of one channel, kept for all blocks."""

    def __init__(
        self, source: _Source, channel: int, psf: PSF, nsr: float | None, error: float
    ) -> None:
        plane: Any = _Plane(source, channel)
        self.mean = plane.mean
        self.psf, self.error = psf, error
        self.nsr: wiener.NSR = prior.fit(plane, psf) if nsr is None else nsr
        self.halo = _reach(psf, self.nsr, error)
        self._filter: NDArray[np.inexact] | None = None

    def __call__(self, plane: Plane, border: bool) -> Plane:
        """Restore a window of light."""
        plane -= self.mean
        size = plane.shape[0], plane.shape[1]
        if border:
            frame = wiener.extend(plane, self.psf, self.nsr, error=self.error)
        else:
            frame = embed(plane, frame_shape(size, self.psf.halfwidth))
        if self._filter is None:
            self._filter = wiener.inverse(
                self.psf, self.nsr, (frame.shape[0], frame.shape[1]), error=self.error
            )
        sharp = wiener.restore(frame, size, self._filter)
        sharp += self.mean
        return sharp


def _reach(psf: PSF, nsr: wiener.NSR, error: float) -> int:
    """Find how far a Wiener filter's response to an edge reaches, px."""
    length = 4 * _LONGEST_HALO
    rows = wiener.inverse(psf, nsr, (1, length), error=error)[0]
    columns = wiener.inverse(psf, nsr, (length, 2), error=error)[: length // 2 + 1, 0]
    reach = 2 * psf.halfwidth
    for line in (rows, columns):
        response = np.fft.irfft(line, length)
        for side in (response[1 : length // 2], response[: length // 2 : -1]):
            tail = np.abs(np.cumsum(side[::-1])[::-1])
            far = np.flatnonzero(tail > _TAIL)
            reach = max(reach, int(far[-1]) + 2 if far.size else 1)
    if isinstance(psf, Motion):
        reach *= 2  # a line, which does not thin out with distance as what is round does
    return min(reach, _LONGEST_HALO)


def _stream(
    source: _Source,
    target: Path,
    work: Callable[[NDArray[Any], Shape], NDArray[Any]],
    halo: int,
    progress: Progress | None,
) -> None:
    """Work through a picture in blocks, and put the result in place whole or not at all."""
    import tifffile

    if target.suffix.lower() not in (".tif", ".tiff"):
        raise WriteError(
            f"{safe_name(target)} must end in .tif: a picture of this size is written as TIFF"
        )
    check_output(target, source.path)
    packed = source.page.compression != 1
    whole = source.dtype.kind == "u"
    shape = source.size if source.samples == 1 else (*source.size, source.samples)
    with (
        placing(target) as file,
        tifffile.TiffWriter(
            tifffile.FileHandle(file, name=target.name),
            bigtiff=np.prod(shape, dtype=float) * source.dtype.itemsize > _BIG,
        ) as writer,
    ):
        writer.write(
            _tiles(source, work, halo, progress or (lambda _: None)),
            shape=shape,
            dtype=source.dtype,
            tile=(_TILE, _TILE),
            photometric="rgb" if source.colours == 3 else "minisblack",
            planarconfig="contig" if source.samples > 1 else None,
            extrasamples=["unassalpha"] if source.samples in (2, 4) else None,
            compression="zlib" if packed else None,
            compressionargs={"level": 1} if packed else None,
            predictor=2 if packed and whole else None,
            iccprofile=source.icc,
            resolution=source.page.resolution,
            resolutionunit=source.page.resolutionunit,
            metadata=None,
            software=False,
            maxworkers=threads(),
            buffersize=_BUFFER,
        )


def _tiles(
    source: _Source,
    work: Callable[[NDArray[Any], Shape], NDArray[Any]],
    halo: int,
    tell: Progress,
) -> Iterator[NDArray[Any]]:
    """Tiles of the result, row by row."""
    height, width = source.size
    sides = min(height, _CORE + 2 * halo), min(width, _CORE + 2 * halo)
    for top in range(0, height, _CORE):
        rows = min(_CORE, height - top)
        band = np.zeros(
            (-(-rows // _TILE) * _TILE, -(-width // _TILE) * _TILE, source.samples), source.dtype
        )
        for left in range(0, width, _CORE):
            columns = min(_CORE, width - left)
            y = min(max(top - halo, 0), height - sides[0])
            x = min(max(left - halo, 0), width - sides[1])
            window = source.window(y, x, *sides)
            check_finite(window)
            made = work(window, (y, x))[top - y : top - y + rows, left - x : left - x + columns]
            band[:rows, left : left + columns] = made.reshape(rows, columns, source.samples)
            tell((top * width + rows * (left + columns)) / (height * width))
        for y in range(0, band.shape[0], _TILE):
            for x in range(0, band.shape[1], _TILE):
                tile = band[y : y + _TILE, x : x + _TILE]
                yield tile[..., 0] if source.samples == 1 else tile
