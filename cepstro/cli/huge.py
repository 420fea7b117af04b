"""Pictures too large to be held whole, and Zarr: the commands hand them to `cepstro.tiles`."""

from pathlib import Path
from typing import Any

import typer

from cepstro.cli.progress import bar

_IN_BLOCKS = (".tif", ".tiff", ".zarr")


def is_huge(image: Path, max_pixels: int | None, out: Path | None = None) -> bool:
    """Whether a picture is worked on in blocks; who names --max-pixels has a TIFF read whole."""
    endings = [path.suffix.lower() for path in (image, out) if path is not None]
    if ".zarr" in endings:
        if endings[0] not in _IN_BLOCKS:
            raise typer.BadParameter("only a TIFF or a Zarr becomes a .zarr; name another OUT")
        return True
    if max_pixels is not None or endings[0] not in _IN_BLOCKS:
        return False
    from cepstro.tiles import too_large

    return too_large(image)


def takes_no(**options: object) -> None:
    """Refuse options that are not for pictures worked on in blocks, should they be given."""
    if given := [f"--{name}" for name, value in options.items() if value]:
        raise typer.BadParameter(f"a picture worked on in blocks takes no {', '.join(given)}")


def analyze(image: Path, **settings: Any) -> Any:
    """Measure the blur where it shows most."""
    from cepstro.tiles import analyze_file

    with bar("analysing") as progress:
        return analyze_file(image, progress=progress, **settings)


def work(image: Path, out: Path, psf: Any, *, deblur: bool, **settings: Any) -> None:
    """Deblur or blur in blocks."""
    from cepstro.tiles import blur_file, deblur_file

    how = f"deblurred in blocks ({settings['method']})" if deblur else "blurred in blocks"
    typer.echo(f"The picture is {how}, as it is too large to be held whole, or Zarr.", err=True)
    with bar("deblurring" if deblur else "blurring") as progress:
        (deblur_file if deblur else blur_file)(image, out, psf, progress=progress, **settings)
