"""Text and JSON forms of PSFs: ``ring:27,hole=1,softness=2`` and back.

The name, a colon, the first length, then ``key=value`` separated by commas. A kernel is
``kernel:9x9,`` and its values, float64 packed by zlib in base64, or ``kernel:FILE.json`` or
``kernel:FILE.npy``. Nothing is ever evaluated; whatever is not exactly this form is refused in one
sentence.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from cepstro.psf.base import PSF
from cepstro.psf.bornwolf import BornWolf
from cepstro.psf.measured import MOST_SIDE, Kernel, unpacked
from cepstro.psf.models import Disk, Gaussian, Motion, Polygon, Ring

_MODELS: dict[str, type] = {
    "disk": Disk,
    "ring": Ring,
    "polygon": Polygon,
    "gaussian": Gaussian,
    "bornwolf": BornWolf,
    "motion": Motion,
}
_PACKED = re.compile(r"([1-9][0-9]{0,4})x\1,([A-Za-z0-9_=-]*)")  # no file: those have endings
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MOST_BYTES = 512 << 20  # a kernel of MOST_SIDE as JSON text
_SUFFIXES = (".json", ".npy")


def parse_psf(text: str) -> PSF:
    """Read the text form of a PSF, or the file that it names.

    Parameters
    ----------
    text : str
        ``disk:33,softness=0.5``, ``ring:27,hole=1,softness=2``,
        ``polygon:40,blades=8,rotation=12``, ``gaussian:2``, ``motion:20,angle=30``,
        ``bornwolf:na=1,wavelength=0.55,defocus=2,pixel=0.1,index=1.33``; ``kernel:9x9,...`` as
        ``str`` writes it; or ``kernel:FILE`` or FILE, a ``.json`` written by ``--psf-out`` or a
        ``.npy`` of a kernel.

    Raises
    ------
    ValueError
        With one sentence on what is wrong.

    Examples
    --------
    >>> from cepstro import parse_psf
    >>> parse_psf("ring:27,hole=1,softness=2")
    Ring(diameter=27.0, hole=1.0, softness=2.0)
    """
    if not isinstance(text, str):
        raise TypeError(f"PSF must be text such as disk:33, got {type(text).__name__}")
    name, colon, rest = text.strip().partition(":")
    if name.lower() == "kernel" and colon:
        packed = _PACKED.fullmatch(rest)
        return unpacked(int(packed[1]), packed[2]) if packed else read_psf(rest)
    if text.strip().lower().endswith(_SUFFIXES):
        return read_psf(text.strip())
    model = _MODELS.get(name.strip().lower())
    if model is None or not colon:
        raise ValueError(
            f"PSF must be one of {', '.join(_MODELS)} or kernel, a colon and its values, such as "
            f"disk:33; got {_short(text)}"
        )
    values: dict[str, Any] = {}
    keys = [field.name for field in fields(model)]
    for index, part in enumerate(rest.split(",")):
        key, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals and index == 0:
            key, number = keys[0], key
        elif not equals:
            raise ValueError(f"{name} needs key=value after the first value, got {_short(part)}")
        if key not in keys:
            raise ValueError(f"{name} knows {', '.join(keys)}, got {_short(key)}")
        if key in values:
            raise ValueError(f"{name} was given {key} twice")
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"{key} must be a number, got {_short(number)}")
        values[key] = float(number)
    return _make(name.strip().lower(), values)


def short(psf: PSF) -> str:
    """Name a PSF for a person: its text form, but for kernels, whose values nobody reads.

    Examples
    --------
    >>> from cepstro.psf import Disk, Kernel, short
    >>> short(Disk(33)), short(Kernel(Disk(7).kernel()))
    ('disk:33', 'kernel of 13 x 13 px')
    """
    if isinstance(psf, Kernel):
        return f"kernel of {len(psf.array)} x {len(psf.array)} px"
    return str(psf)


def psf_to_dict(psf: PSF) -> dict[str, Any]:
    """Plain JSON-able form of a PSF: its name under ``"psf"`` and its values.

    Examples
    --------
    >>> from cepstro.psf import Disk, psf_to_dict
    >>> psf_to_dict(Disk(33))
    {'psf': 'disk', 'diameter': 33.0, 'softness': 0.0}
    """
    if isinstance(psf, Kernel):
        return {"psf": "kernel", "kernel": psf.array.tolist()}
    for name, model in _MODELS.items():
        if isinstance(psf, model):
            return {"psf": name, **{f.name: getattr(psf, f.name) for f in fields(model)}}
    raise TypeError(f"only the PSFs of cepstro have a JSON form, got {type(psf).__name__}")


def psf_from_dict(data: object) -> PSF:
    """Read the form that `psf_to_dict` writes.

    Raises
    ------
    ValueError
        With one sentence, whatever the data.
    """
    if not isinstance(data, dict) or not isinstance(data.get("psf"), str):
        raise ValueError('a PSF in JSON must be an object with its name under "psf"')
    name = data["psf"]
    values = {key: value for key, value in data.items() if key != "psf"}
    if name == "kernel":
        rows = values.pop("kernel", None)
        if values:
            raise ValueError(f"kernel knows only kernel, got {_short(next(iter(values)))}")
        return _kernel_from_rows(rows)
    model = _MODELS.get(name)
    if model is None:
        raise ValueError(f"PSF must be one of {', '.join(_MODELS)} or kernel, got {_short(name)}")
    keys = [field.name for field in fields(model)]
    for key, value in values.items():
        if key not in keys:
            raise ValueError(f"{name} knows {', '.join(keys)}, got {_short(key)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{key} must be a number, got {_short(value)}")
    return _make(name, values)


def read_psf(path: str | Path) -> PSF:
    """Read a PSF from a ``.json`` of `psf_to_dict` or a kernel from a ``.npy``.

    Raises
    ------
    ValueError
        When the file is missing or holds no PSF, with one sentence.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"a PSF file must end in .json or .npy, got {_short(path.name)}")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{path}: too large for a PSF")
        if path.suffix.lower() == ".npy":
            return _kernel_from_npy(path)
        return psf_from_dict(
            json.loads(
                path.read_text("utf-8"), object_pairs_hook=_no_twins, parse_constant=_no_constant
            )
        )
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a JSON text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON: {error.msg} in line {error.lineno}") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply for a PSF") from None
    except ValueError as error:
        message = str(error)
        raise ValueError(
            message if message.startswith(str(path)) else f"{path}: {message}"
        ) from None


def _make(name: str, values: dict[str, Any]) -> PSF:
    model = _MODELS[name]
    try:
        first = next(iter(fields(model))).name
        if model is BornWolf or first not in values:
            psf: PSF = model(**values)
        else:
            psf = model(values.pop(first), **values)
    except TypeError as error:
        missing = re.findall(r"'(\w+)'", str(error))
        raise ValueError(f"{name} needs {', '.join(missing)}") from None
    return psf


def _kernel_from_rows(rows: object) -> Kernel:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise ValueError("kernel must be a list of rows of numbers")
    if len({len(row) for row in rows}) != 1:
        raise ValueError("kernel must have rows of one length")
    for row in rows:
        for value in row:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"kernel must hold numbers only, got {_short(value)}")
    try:
        return Kernel(np.array(rows, np.float64))
    except (TypeError, OverflowError):
        raise ValueError("kernel must hold finite numbers only") from None


def _kernel_from_npy(path: Path) -> Kernel:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):  # an archive of several
            array.close()
            raise ValueError
    except (ValueError, EOFError, SyntaxError, TypeError, MemoryError):
        raise ValueError(f"{path}: not a NumPy array of numbers") from None
    if array.dtype.kind not in "uif" or array.ndim != 2 or max(array.shape) > MOST_SIDE:
        raise ValueError(
            f"{path}: a kernel must be 2-D numbers of at most {MOST_SIDE} px a side, got "
            f"{array.dtype} {array.shape}"
        )
    return Kernel(array)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key is given twice")
    return data


def _no_constant(name: str) -> float:
    raise ValueError(f"numbers must be finite, got {name}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
