"""The small files beside the photos: PSFs as JSON, and a check of all outputs before any work."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cepstro.analysis import Analysis
from cepstro.cli.progress import bar
from cepstro.errors import WriteError
from cepstro.figures.style import FORMATS
from cepstro.light import from_linear
from cepstro.photo import Photo, write
from cepstro.photo.saving import check_output, safe_name, same_file, save
from cepstro.photo.writing import kind_of
from cepstro.psf import PSF, psf_to_dict

_ENDINGS = {
    "figure": FORMATS,
    "report": (".html", ".htm"),
    "PSF": (".json",),
    "kernel": (".png", ".tif", ".tiff", ".npy"),
}


def check_outputs(
    *,
    inputs: tuple[Path, ...],
    photo: Path | None = None,
    overwrite: bool = False,
    **others: Path | None,
) -> None:
    """Refuse, before any work, outputs that cannot be written, are an input, or are named twice.

    `others` are files of the kinds of `_ENDINGS`. Only the `photo` may be one of the inputs, and
    only with `overwrite`.
    """
    seen: list[Path] = []
    if photo is not None:
        kind_of(photo)
        seen.append(check_output(photo, *inputs, overwrite=overwrite).resolve())
    for kind, path in others.items():
        if path is None:
            continue
        name = safe_name(path)
        *most, last = _ENDINGS[kind]
        if path.suffix.lower() not in (*most, last):
            allowed = f"{', '.join(most)} or {last}" if most else last
            raise WriteError(
                f"the name of a {kind} must end in {allowed}, got {safe_name(path.name)}"
            )
        if any(same_file(path, source) for source in inputs):
            raise WriteError(f"{name} is the input itself; name another file")
        if check_output(path).resolve() in seen:
            raise WriteError(f"{name} is named for two different outputs")
        seen.append(path.resolve())


def write_report(
    out: Path,
    photo: Photo,
    analysis: Analysis,
    image: Path,
    region: tuple[int, int, int, int] | None,
) -> None:
    """Write the HTML report, with the photo deblurred where its blur is known."""
    from cepstro import deblur
    from cepstro.figures import report_html

    sharp = None
    if analysis.psf is not None:
        with bar("deblurring for the report") as progress:
            error = analysis.diameter_error or 0.0
            sharp = deblur(photo, analysis.psf, diameter_error=error, progress=progress)
    text = report_html(photo, analysis, sharp=sharp, name=str(image), region=region)
    save(out, text.encode())


def write_kernel(out: Path, kernel: NDArray[np.float64]) -> None:
    """Write a kernel: 16-bit PNG with its top white, float32 TIFF or float64 .npy with sum 1."""
    if out.suffix.lower() == ".png":
        write(out, from_linear(kernel / kernel.max(), np.dtype(np.uint16), light="linear"))
    else:
        write(out, kernel if out.suffix.lower() == ".npy" else kernel.astype(np.float32))


def write_psf(path: Path, psf: PSF) -> None:
    """Write a PSF as the JSON that ``--psf`` reads."""
    save(path, (json.dumps(psf_to_dict(psf)) + "\n").encode())
