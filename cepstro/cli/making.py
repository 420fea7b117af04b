"""The commands that make pictures: sharper ones, and softer ones."""

from typing import Annotated, Any

import typer

from cepstro.cli import huge
from cepstro.cli import options as opt
from cepstro.cli.given import check_fits, measure, nsr_given, psf_given, read
from cepstro.cli.progress import bar
from cepstro.errors import NoDefocusError


def deblur(
    image: opt.Image,
    out: opt.Out,
    *,
    which: opt.Blur,
    nsr: opt.Nsr = None,
    snr: opt.Snr = None,
    method: opt.MethodOption = None,
    noise: Annotated[
        float | None,
        typer.Option(
            "--noise",
            parser=opt.not_negative,
            metavar="SIGMA",
            help="Noise of the photo, sigma in encoded units 0..1, if you know it better.",
        ),
    ] = None,
    region: opt.Region = None,
    psf_out: opt.PsfOut = None,
    quality: opt.Quality = None,
    overwrite: opt.Overwrite = False,
    page: opt.Page = None,
    max_pixels: opt.MaxPixels = None,
) -> None:
    """Undo the blur of a photo. Without -a and --psf the blur is measured first.

    \b
    Examples:
      cepstro deblur blurry.jpg sharp.jpg
      cepstro deblur -a 33 -n 0.0005 blurry.jpg sharp.png
      cepstro deblur -t motion -a 20 -r 30 shaken.jpg still.jpg
      cepstro deblur --psf ring:27,hole=1,softness=2 --method best mirror.tif sharp.tif

    Exit status 3 means that no defocus or movement was found, so no blur that can be undone;
    nothing is written then.
    """
    from cepstro import deblur as work
    from cepstro import write
    from cepstro.cli import files
    from cepstro.figures import words

    given = psf_given(which)
    constant = nsr_given(nsr, snr)
    in_blocks = huge.is_huge(image, max_pixels, out, page)
    if in_blocks:
        huge.takes_no(page=page, quality=quality, overwrite=overwrite, max_pixels=max_pixels)
        if method is opt.Method.lucy:
            raise typer.BadParameter("lucy decides on the whole picture: name another --method")
        huge.check_out(image, out)
    named = None if in_blocks else out
    files.check_outputs(inputs=(image,), photo=named, overwrite=overwrite, PSF=psf_out)
    photo: Any = None if in_blocks else read(image, page, max_pixels)
    error = 0.0
    if given is None:
        result = (huge.analyze if in_blocks else measure)(photo or image, region=region)
        if result.psf is None or result.verdict not in ("defocus", "motion"):
            raise NoDefocusError(
                f"{words.headline(result)} {words.sentence(result.reason)} Nothing was written; "
                "-a DIAMETER deblurs all the same"
            )
        typer.echo(words.headline(result, advise=False), err=True)
        given, error = result.psf, result.diameter_error or 0.0
    elif region is not None:
        raise typer.BadParameter("--region is for measuring; it does nothing beside -a and --psf")
    if in_blocks:
        how = method.value if method else "wiener"
        settings = {"nsr": constant, "method": how, "noise": noise, "diameter_error": error}
        huge.work(image, out, given, deblur=True, **settings)
    else:
        check_fits(given, photo)
        with bar("deblurring") as progress:
            sharp = work(
                photo,
                given,
                nsr=constant,
                method=method.value if method else None,
                noise=noise,
                diameter_error=error,
                progress=progress,
            )
        write(out, sharp, quality=quality, overwrite=overwrite)
    if psf_out is not None:
        files.write_psf(psf_out, given)


def blur(
    image: opt.Image,
    out: opt.Out,
    *,
    which: opt.Blur,
    whose: opt.Imitation,
    quality: opt.Quality = None,
    overwrite: opt.Overwrite = False,
    page: opt.Page = None,
    max_pixels: opt.MaxPixels = None,
) -> None:
    """Lay the blur of a lens on a picture.

    The blur is made in linear light, as a camera would have recorded it.

    \b
    Examples:
      cepstro blur -a 12.5 sharp.png soft.png
      cepstro blur --psf polygon:30,blades=6,rotation=10 sharp.jpg soft.jpg
      cepstro blur --like blurry.jpg sharp.png twin.png
    """
    from cepstro import write
    from cepstro.cli import files

    given = psf_given(which)
    whose.check(given)
    if given is not None and huge.is_huge(image, max_pixels, out, page):
        huge.takes_no(page=page, quality=quality, overwrite=overwrite, max_pixels=max_pixels)
        huge.check_out(image, out)
        huge.work(image, out, given, deblur=False)
        return
    inputs = (image,) if whose.like is None else (image, whose.like)
    files.check_outputs(photo=out, inputs=inputs, overwrite=overwrite)
    photo = read(image, page, max_pixels)
    with bar("blurring") as progress:
        if whose.like is None:
            from cepstro import blur as lay

            check_fits(given, photo)
            soft = lay(photo, given, progress=progress)
        else:
            from cepstro import match

            soft = match(
                read(whose.like, None, max_pixels),
                photo,
                grain=whose.grain,
                jpeg=whose.jpeg,
                scale=whose.scale or 1.0,
                seed=whose.seed,
                progress=progress,
            )
    write(out, soft, quality=quality, overwrite=overwrite)
