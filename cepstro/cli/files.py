"""The small files beside the photos: PSFs as JSON, figures, and the check before any work."""

import json
from pathlib import Path

from cepstro.errors import WriteError
from cepstro.photo.saving import check_output, safe_name, save
from cepstro.psf import PSF, psf_to_dict


def check_outputs(*outputs: Path | None, inputs: tuple[Path, ...], overwrite: bool = False) -> None:
    """Refuse outputs that cannot be written, are an input, or are named twice, before any work."""
    named = [path for path in outputs if path is not None]
    for index, path in enumerate(named):
        check_output(path, *inputs, overwrite=overwrite)
        if path.absolute() in [other.absolute() for other in named[:index]]:
            raise WriteError(f"{safe_name(path)} is named for two different outputs")


def write_psf(path: Path, psf: PSF) -> None:
    """Write a PSF as the JSON that ``--psf`` reads."""
    save(path, (json.dumps(psf_to_dict(psf)) + "\n").encode())
