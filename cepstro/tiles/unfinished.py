"""What is done of a large result: kept row by row beside it, so that stopped work goes on.

Rows of blocks are put, whole or not at all, into a hidden folder with the name of the result. Work
of the same kind on the same input (size and time) goes on after the last of them, whatever stopped
it; any other work starts anew. When all rows are there the result is put together, takes its name
in one step, and the folder goes. A TIFF's rows are TIFFs, whose packed tiles are copied. One of a
single row of blocks is written at once: a third of its time went into the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import WriteError
from cepstro.fft import threads
from cepstro.photo import check_output, safe_name
from cepstro.photo.saving import hold, placing, same_file, save
from cepstro.restore import areas
from cepstro.tiles.source import Form, Source, is_zarr
from cepstro.tiles.zarrs import create, library

_BUFFER = 16 << 20  # bytes of tiles that wait to be packed
_BIG = 3_900_000_000  # bytes from which on a BigTIFF is written
_SETTINGS = "settings"


class Unfinished(Protocol):
    """A result in the making."""

    def has(self, sheet: int, top: int) -> bool:
        """Whether the rows from `top` on of a sheet are done."""
        ...

    def keep(self, sheet: int, top: int, band: NDArray[Any]) -> None:
        """Keep rows of a sheet, height x width x samples."""
        ...

    def finish(self, tops: list[int]) -> None:
        """Put the result in place; every sheet has rows from `tops` on."""
        ...


def check_target(target: Path, source: Path) -> None:
    """Refuse a place that a result must not or cannot go to.

    Raises
    ------
    WriteError
        As `check_output`, for other endings than those of TIFF and Zarr, and for a Zarr that is
        there already.
    """
    name = safe_name(target)
    if same_file(target, source):
        raise WriteError(f"{name} is the input itself; name another file")
    if not is_zarr(target) and target.suffix.lower() not in (".tif", ".tiff"):
        raise WriteError(
            f"{name} must end in .tif or .zarr: what is worked on in blocks is written so"
        )
    if is_zarr(target) and (target.exists() or target.is_symlink()):
        raise WriteError(f"{name} is there already; remove it or name another")
    check_output(target, source)


@contextlib.contextmanager
def begin(source: Source, target: Path, settings: list[Any], parts: int) -> Iterator[Unfinished]:
    """Start, or go on with, a result of `settings` from an open source; nobody else can meanwhile.

    `parts` is the number of rows of blocks, of all sheets together.

    Raises
    ------
    WriteError
        If `target` is no place for it, or other work is writing it.
    """
    check_target(target, source.path)
    if parts == 1 and not is_zarr(target):
        yield _AtOnce(source, target)
        return
    folder = target.parent / f".{target.name}.cepstro"
    digest = hashlib.sha256(json.dumps([settings, _stamp(source.path)]).encode()).hexdigest()
    note = folder / _SETTINGS
    with _held(folder, target):
        try:
            if not (note.is_file() and note.read_text() == digest):
                _empty(folder)
                save(note, digest.encode())
        except OSError as error:
            raise _cannot_be_made(folder, error) from error
        yield (_Zarr if is_zarr(target) else _Tiff)(source, target, folder)


@contextlib.contextmanager
def _held(folder: Path, target: Path) -> Iterator[None]:
    """Make the folder and hold it for this work alone."""
    try:
        folder.mkdir(exist_ok=True)
        folds = hasattr(os, "O_DIRECTORY")  # Windows opens no folders
        fd = os.open(folder, os.O_RDONLY) if folds else None
    except OSError as error:
        raise _cannot_be_made(folder, error) from error
    try:
        if fd is not None:
            hold(fd, target)
        yield
    finally:
        if fd is not None:
            os.close(fd)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _cannot_be_made(folder: Path, error: OSError) -> WriteError:
    return WriteError(f"{safe_name(folder)} cannot be made: {error.strerror}")


def _stamp(path: Path) -> list[Any]:
    """Where a source is, its size and its time; of a folder, of all its files together."""
    files = [path]
    if path.is_dir():
        files = [Path(here) / name for here, _, names in os.walk(path) for name in names]
    found = [file.stat() for file in files]
    return [
        str(path.resolve()), sum(s.st_size for s in found), max(s.st_mtime_ns for s in found),
    ]  # fmt: skip


class _Tiff:
    def __init__(self, source: Source, target: Path, folder: Path) -> None:
        self._source, self._target, self._folder = source, target, folder

    def has(self, sheet: int, top: int) -> bool:
        return self._part(sheet, top).is_file()

    def keep(self, sheet: int, top: int, band: NDArray[Any]) -> None:
        import tifffile

        with placing(self._part(sheet, top)) as file:
            tifffile.imwrite(
                tifffile.FileHandle(file, name="part.tif"),
                band[..., 0] if band.shape[2] == 1 else band,
                metadata=None,
                maxworkers=threads(),
                buffersize=_BUFFER,
                **_options(self._source.sheets[0].form, self._source.said),
            )

    def finish(self, tops: list[int]) -> None:
        _write(self._source, self._target, self._segments(tops))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _part(self, sheet: int, top: int) -> Path:
        return self._folder / f"{sheet}-{top}.tif"

    def _segments(self, tops: list[int]) -> Iterator[bytes]:
        """Tiles as they are packed, row by row, sheet by sheet."""
        import tifffile

        for sheet in range(len(self._source.sheets)):
            for top in tops:
                with tifffile.TiffFile(self._part(sheet, top), is_ome=False) as part:
                    page: Any = part.pages[0]
                    for at, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                        part.filehandle.seek(at)
                        yield part.filehandle.read(count)


class _AtOnce:
    """A TIFF of one row of blocks: there is nothing to go on with."""

    def __init__(self, source: Source, target: Path) -> None:
        self._source, self._target = source, target
        self._band: NDArray[Any] | None = None

    def has(self, sheet: int, top: int) -> bool:
        return False

    def keep(self, sheet: int, top: int, band: NDArray[Any]) -> None:
        self._band = band

    def finish(self, tops: list[int]) -> None:
        assert self._band is not None
        _write(self._source, self._target, self._band.reshape(self._source.shape))


def _write(source: Source, target: Path, data: NDArray[Any] | Iterator[bytes]) -> None:
    """Put a TIFF in place, of pixels or of tiles that are packed already."""
    import tifffile

    form, said = source.sheets[0].form, source.said
    axes: Any = said.get("axes")
    named = target.name.lower().endswith((".ome.tif", ".ome.tiff"))
    new = bool(axes and named and not said.get("ome"))
    about: dict[str, Any] = {"metadata": None}
    if new:
        about = {"metadata": {"axes": "".join(axis["name"].upper() for axis in axes)}}
    elif said.get("ome") and named:
        about["description"] = said["ome"].encode()
    size = int(np.prod(source.shape)) * form.dtype.itemsize
    with (
        placing(target) as file,
        tifffile.TiffWriter(
            tifffile.FileHandle(file, name=target.name), bigtiff=size > _BIG, ome=new
        ) as writer,
    ):
        writer.write(
            data,
            shape=source.shape,
            dtype=form.dtype,
            iccprofile=said.get("icc"),
            resolution=said.get("resolution"),
            resolutionunit=said.get("unit"),
            software=False,
            maxworkers=threads(),
            buffersize=_BUFFER,
            **about,
            **_options(form, said),
        )


def _options(form: Form, said: dict[str, Any]) -> dict[str, Any]:
    """How tiles are laid out and packed: the same for the parts and the whole."""
    packed = bool(said.get("packed"))
    return {
        "tile": (areas.TILE, areas.TILE),
        "photometric": "rgb" if form.colours == 3 else "minisblack",
        "planarconfig": "contig" if form.samples > 1 else None,
        "extrasamples": ["unassalpha"] if form.samples in (2, 4) else None,
        "compression": "zlib" if packed else None,
        "compressionargs": {"level": 1} if packed else None,
        "predictor": 2 if packed and form.dtype.kind == "u" else None,
    }


class _Zarr:
    def __init__(self, source: Source, target: Path, folder: Path) -> None:
        self._target, self._folder = target, folder
        form = source.sheets[0].form
        self._side = source.shape[: len(source.shape) - (3 if form.samples > 1 else 2)]
        self._made = folder / "made.zarr"
        begun = folder / "begun"
        if begun.is_file():
            found = library().open(self._made, mode="r+")
            self._array = found["0"] if source.said.get("axes") else found
        else:
            self._array = create(self._made, source.shape, form, source.said, areas.TILE)
            save(begun, b"")

    def has(self, sheet: int, top: int) -> bool:
        return (self._folder / f"{sheet}-{top}").is_file()

    def keep(self, sheet: int, top: int, band: NDArray[Any]) -> None:
        lead = tuple(int(i) for i in np.unravel_index(sheet, self._side)) if self._side else ()
        rows = slice(top, top + band.shape[0])
        shape = self._array[(*lead, slice(0, 0))].shape[1:]
        self._array[(*lead, rows)] = band.reshape(band.shape[0], *shape)
        save(self._folder / f"{sheet}-{top}", b"")

    def finish(self, tops: list[int]) -> None:
        try:
            self._made.rename(self._target)
        except OSError as error:
            raise WriteError(
                f"{safe_name(self._target)} cannot be written: {error.strerror}"
            ) from error
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)
