"""What is worked on in blocks: the commands hand it to `cepstro.tiles`.

Pictures too large to be held whole, Zarr, and OME-TIFFs of several sheets, each restored alone.
"""

from pathlib import Path
from typing import Any

import typer

from cepstro.cli.progress import bar

_IN_BLOCKS = (".tif", ".tiff", ".zarr")


def is_huge(
    image: Path, max_pixels: int | None, out: Path | None = None, page: int | None = None
) -> bool:
    """Whether a picture is worked on in blocks; who names --max-pixels has a TIFF read whole.

    So are all sheets of an OME-TIFF where `out` can hold them, unless one `page` is named.
    """
    endings = [path.suffix.lower() for path in (image, out) if path is not None]
    if ".zarr" in endings:
        if endings[0] not in _IN_BLOCKS:
            raise typer.BadParameter("only a TIFF or a Zarr becomes a .zarr; name another OUT")
        return True
    if endings[0] not in _IN_BLOCKS:
        return False
    from cepstro.tiles import too_large
    from cepstro.tiles.source import has_sheets

    if out is not None and page is None and endings[1] in _IN_BLOCKS and has_sheets(image):
        return True
    return max_pixels is None and too_large(image)


def takes_no(**options: object) -> None:
    """Refuse options that are not for pictures worked on in blocks, should they be given."""
    given = [
        f"--{name.replace('_', '-')}"
        for name, value in options.items()
        if value is not None and value is not False
    ]
    if given:
        raise typer.BadParameter(f"a picture worked on in blocks takes no {', '.join(given)}")


def check_out(image: Path, out: Path) -> None:
    """Refuse an OUT that cannot be written, before any work."""
    from cepstro.tiles.unfinished import check_target

    check_target(out, image)


def analyze(image: Path, **settings: Any) -> Any:
    """Measure the blur where it shows most."""
    from cepstro.tiles import analyze_file

    with bar("analysing") as progress:
        return analyze_file(image, progress=progress, **settings)


def work(image: Path, out: Path, psf: Any, *, deblur: bool, **settings: Any) -> None:
    """Deblur or blur in blocks."""
    from cepstro.tiles import blur_file, deblur_file

    how = f"deblurred in blocks ({settings['method']})" if deblur else "blurred in blocks"
    why = "too large to be held whole, Zarr, or an OME-TIFF of several sheets"
    typer.echo(f"The picture is {how}, as it is {why}.", err=True)
    with bar("deblurring" if deblur else "blurring") as progress:
        (deblur_file if deblur else blur_file)(image, out, psf, progress=progress, **settings)
