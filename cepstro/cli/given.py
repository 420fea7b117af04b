"""What options of several commands say together: the photo, the PSF, the Wiener constant."""

from pathlib import Path
from typing import Any

import typer

from cepstro.cli import options as opt
from cepstro.cli.guard import mention
from cepstro.cli.progress import bar


def nsr_given(nsr: float | None, snr: float | None) -> float | None:
    """Constant that -n or --snr name; None when neither was given."""
    if nsr is not None and snr is not None:
        raise typer.BadParameter("-n and --snr say the same thing: give one of them")
    return 1 / snr if snr is not None else nsr


def psf_given(blur: opt.Blur) -> Any:
    """Make the PSF that -a, -t, -r or --psf name; None when none of them was given."""
    from cepstro.psf import Disk, Motion

    amount, rotation = blur.amount, blur.rotation
    motion = blur.kind is opt.BlurType.motion
    if blur.psf is not None:
        if amount is not None or motion or rotation is not None:
            raise typer.BadParameter("--psf says it all: leave out -a, -t and -r")
        from cepstro.psf import parse_psf

        try:
            return parse_psf(blur.psf)
        except ValueError as error:
            raise typer.BadParameter(f"--psf: {error}") from None
    if rotation is not None and not motion:
        raise typer.BadParameter("-r turns a movement (-t motion); a defocus disk is round")
    if amount is None:
        if motion:
            raise typer.BadParameter("-t motion needs the movement's length: -a PX")
        return None
    try:
        return Motion(amount, angle=rotation or 0.0) if motion else Disk(amount)
    except ValueError as error:
        raise typer.BadParameter(f"-a: {error}") from None


def check_fits(psf: Any, photo: Any) -> None:
    """Refuse a blur wider than the photo: nothing could be seen through it, or for hours."""
    from cepstro.psf import too_wide

    if why := too_wide(psf, photo.shape):
        raise typer.BadParameter(why)


def read(image: Path, page: int | None, max_pixels: int | None) -> Any:
    """Read a photo; where it is the first of several pages and none was named, mention it."""
    from cepstro import read as work

    photo = work(image, page=page or 0, max_pixels=max_pixels)
    if page is None and photo.pages > 1:
        from cepstro.photo import safe_name

        mention(f"{safe_name(image)}: the first of its {photo.pages} pages was taken.")
    return photo


def measure(photo: Any, *, region: tuple[int, int, int, int] | None, **keywords: Any) -> Any:
    """Measure the blur of a photo, with a line that tells how far it is."""
    from cepstro import analyze as work

    if region is not None:
        from cepstro.analysis import check_region

        try:
            check_region(region, photo.shape)
        except ValueError as error:
            raise typer.BadParameter(f"--region: {error}") from None
    with bar("analysing") as progress:
        return work(photo, region=region, progress=progress, **keywords)
