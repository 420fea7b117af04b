"""Pictures too large to be held whole: the commands hand them to `cepstro.tiles`."""

from pathlib import Path
from typing import Any

import typer

from cepstro.cli.progress import Progress


def is_huge(image: Path, max_pixels: int | None) -> bool:
    """Whether a TIFF is too large to be read whole; who names --max-pixels has it read whole."""
    if max_pixels is not None or image.suffix.lower() not in (".tif", ".tiff"):
        return False
    from cepstro.tiles import too_large

    return too_large(image)


def work(image: Path, out: Path, psf: Any, *, deblur: bool, **settings: Any) -> None:
    """Deblur or blur in blocks."""
    from cepstro.tiles import blur_file, deblur_file

    how = "deblurred in blocks, by a Wiener filter" if deblur else "blurred in blocks"
    typer.echo(f"The picture is too large to be held whole: it is {how}.", err=True)
    with Progress("deblurring" if deblur else "blurring") as progress:
        (deblur_file if deblur else blur_file)(image, out, psf, progress=progress, **settings)
