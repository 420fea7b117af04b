"""Zarr arrays and OME-Zarr pictures larger than memory, the extra ``big``.

Of an array Y x X, or Y x X x C with 4 channels at most, one sheet is worked on; other arrays, and
OME-Zarr (of which the largest level is taken), hold a sheet for every index of their leading axes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cepstro.errors import ReadError, extra
from cepstro.photo import safe_name
from cepstro.photo.saving import first_line
from cepstro.tiles.source import DTYPES, Box, Form, Sheet

_SMALL = 1 << 24  # px


def library() -> Any:
    """Zarr.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return extra("zarr", "Zarr takes an extra", "big")


class ZarrSource(AbstractContextManager["ZarrSource"]):
    """A Zarr array or an OME-Zarr picture in a folder."""

    def __init__(self, path: Path) -> None:
        zarr = library()
        self.path = path
        name = safe_name(path)
        try:
            found = zarr.open(path, mode="r")
            ome = _multiscales(found)
            array = found[ome["datasets"][0]["path"]] if ome else found
        except Exception as error:  # whatever is wrong with it: Zarr raises of every kind
            raise ReadError(f"{name} cannot be read as Zarr: {first_line(error)}") from error
        if not isinstance(array, zarr.Array):
            raise ReadError(f"{name} is a Zarr group without OME's multiscales; name one array")
        dtype = np.dtype(array.dtype).newbyteorder("=")
        if array.ndim < 2 or dtype not in DTYPES:
            raise ReadError(
                f"{name} holds {dtype} of shape {array.shape}; pictures of 8 or 16 bit or float32 "
                "are worked on"
            )
        side = ome is None and array.ndim == 3 and array.shape[2] <= 4
        ends = (0, 2) if side else (array.ndim - 2, array.ndim)
        form = Form(
            (array.shape[ends[0]], array.shape[ends[0] + 1]), array.shape[2] if side else 1, dtype
        )
        self.shape: tuple[int, ...] = array.shape
        self.sheets: list[Sheet] = [
            _ZarrSheet(form, array, lead, path)
            for lead in product(*(range(n) for n in array.shape[: ends[0]]))
        ]
        self.said: dict[str, Any] = {"packed": True, "axes": ome["axes"] if ome else None}
        if ome:
            self.said["transformations"] = ome["datasets"][0].get("coordinateTransformations")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


@dataclass(frozen=True, slots=True, eq=False)
class _ZarrSheet:
    form: Form
    array: Any
    lead: tuple[int, ...]
    path: Path

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[Any]:
        """Decode a window: height x width, or with channels last."""
        part = (*self.lead, slice(top, top + height), slice(left, left + width))
        try:
            pixels = np.asarray(self.array[part], self.form.dtype)
        except Exception as error:
            raise ReadError(f"{safe_name(self.path)} cannot be read: it is broken") from error
        return pixels[..., 0] if self.form.samples == 1 and pixels.ndim == 3 else pixels

    def windows(self, boxes: list[Box]) -> list[NDArray[Any]]:
        """Decode several windows; what is around them at once, if they hold as many pixels."""
        top, left = (min(box[axis] for box in boxes) for axis in (0, 1))
        height, width = (max(b[axis] + b[axis + 2] for b in boxes) for axis in (0, 1))
        height, width = height - top, width - left
        if height * width > max(_SMALL, sum(box[2] * box[3] for box in boxes)):
            return [self.window(*box) for box in boxes]
        around = self.window(top, left, height, width)
        return [around[y - top : y - top + h, x - left : x - left + w] for y, x, h, w in boxes]


def create(path: Path, shape: tuple[int, ...], form: Form, said: dict[str, Any], chunk: int) -> Any:
    """Make an empty array, in an OME-Zarr group where the source was one; return the array."""
    zarr = library()
    side = form.samples > 1
    inner = (chunk, chunk, form.samples) if side else (chunk, chunk)
    chunks = (1,) * (len(shape) - len(inner)) + tuple(
        min(a, b) for a, b in zip(inner, shape[len(shape) - len(inner) :], strict=True)
    )
    keywords = {"shape": shape, "dtype": form.dtype, "chunks": chunks, "overwrite": True}
    if said.get("axes") is None:
        return zarr.create_array(path, **keywords)
    group = zarr.open_group(path, mode="w")
    level: dict[str, Any] = {"path": "0"}
    if said.get("transformations"):
        level["coordinateTransformations"] = said["transformations"]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": said["axes"], "datasets": [level]}],
    }
    return group.create_array("0", **keywords)


def _multiscales(found: Any) -> Any:
    """OME's description of the levels, or None."""
    attributes = dict(found.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    return scales[0] if scales else None
