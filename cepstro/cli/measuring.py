"""The commands that measure a blur, and the cepstrum as a picture."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cepstro.cli import huge
from cepstro.cli import options as opt
from cepstro.cli.given import measure, read
from cepstro.cli.progress import bar
from cepstro.errors import NoDefocusError


def analyze(
    image: opt.Image,
    as_json: opt.Json = False,
    figure: opt.Figure = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="OUT.html",
            help="Write one HTML page with verdict, before and after, figures and commands.",
        ),
    ] = None,
    psf_out: opt.PsfOut = None,
    region: opt.Region = None,
    channels: opt.EachChannel = opt.Channels.luminance,
    page: opt.Page = None,
    max_pixels: opt.MaxPixels = None,
) -> None:
    """Measure the blur of a photo.

    Says how far out of focus it is, how sure that is, and what to do about it.

    \b
    Examples:
      cepstro analyze blurry.jpg
      cepstro analyze blurry.jpg --figure why.png --report all.html
      cepstro analyze blurry.jpg --psf-out blur.json
      cepstro analyze blurry.jpg --region 200,150,800,600 --json

    Exit status 3 means that the photo was analysed and shows no defocus, be it sharp, soft or
    moved. (A movement that was found, `cepstro deblur` undoes all the same.)
    """
    from cepstro.cli import files
    from cepstro.figures import words
    from cepstro.photo import safe_name

    files.check_outputs(inputs=(image,), figure=figure, report=report, PSF=psf_out)
    photo: Any = None
    if huge.is_huge(image, max_pixels):
        huge.takes_no(figure=figure, report=report, page=page, max_pixels=max_pixels)
        result = huge.analyze(image, region=region, channels=channels.value)
    else:
        photo = read(image, page, max_pixels)
        result = measure(photo, region=region, channels=channels.value)
    if figure is not None:
        from cepstro.figures import analysis_figure, save

        save(analysis_figure(photo, result, title=image.name, region=region), figure)
    if report is not None:
        files.write_report(report, photo, result, image, region)
    if psf_out is not None and result.psf is None:
        typer.echo(f"No blur was found, so {safe_name(psf_out)} was not written.", err=True)
    elif psf_out is not None:
        files.write_psf(psf_out, result.psf)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2, allow_nan=False))
    else:
        typer.echo(words.report(result, str(image), in_blocks=photo is None, region=region))
    if result.verdict != "defocus":
        raise typer.Exit(NoDefocusError.exit_code)


def kernel(
    sharp: Annotated[Path, typer.Argument(metavar="SHARP", help="The sharp photo.")],
    blurred: Annotated[
        Path, typer.Argument(metavar="BLURRED", help="A blurred photo of the same scene.")
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The kernel: 16-bit .png (brightest white), float .tif or .npy (sum 1).",
        ),
    ],
    method: Annotated[
        opt.PairMethod,
        typer.Option("--method", help="Least squares, or the quicker averaged cross-spectrum."),
    ] = opt.PairMethod.lsqr,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            min=3,
            metavar="N",
            help="Side of the kernel in px, odd; chosen from the blur when not given.",
        ),
    ] = None,
    channels: opt.EachChannel = opt.Channels.luminance,
    as_json: opt.Json = False,
    figure: opt.Figure = None,
    psf_out: opt.PsfOut = None,
    max_pixels: opt.MaxPixels = None,
) -> None:
    """Measure the blur between a sharp and a blurred photo.

    Both show one scene. They are laid on each other first (shift, small scale and rotation,
    brightness). With --channels each, --json tells the blur of every colour.

    \b
    Examples:
      cepstro kernel sharp.jpg blurred.jpg kernel.png --psf-out blur.json
      cepstro kernel sharp.jpg blurred.jpg kernel.npy --method wiener --figure kernel-page.png
    """
    from cepstro import estimate_kernel
    from cepstro.cli import files
    from cepstro.figures import words

    if size is not None and size % 2 == 0:
        raise typer.BadParameter(f"--size must be odd, got {size}")
    files.check_outputs(inputs=(sharp, blurred), kernel=out, figure=figure, PSF=psf_out)
    photos = read(sharp, None, max_pixels), read(blurred, None, max_pixels)
    with bar("measuring") as progress:
        result = estimate_kernel(
            *photos, size=size, method=method.value, channels=channels.value, progress=progress
        )
    if figure is not None:
        from cepstro.figures import kernel_figure, save

        save(kernel_figure(result), figure)
    files.write_kernel(out, result.kernel)
    if psf_out is not None:
        files.write_psf(psf_out, result.psf)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2, allow_nan=False))
    else:
        typer.echo(words.kernel_report(result, _to_name(result, out, psf_out)))


def _to_name(found: Any, out: Path, psf_out: Path | None) -> str | None:
    """Name the file that --psf is to read; None where the model does as well."""
    from cepstro.pair.estimate import UNNAMED

    if psf_out is not None:
        return str(psf_out)
    if found.fit.misfit <= UNNAMED:
        return None
    return str(out) if out.suffix.lower() == ".npy" else "PSF-OUT.json"


def cepstrum(
    image: opt.Image,
    out: opt.Out,
    side: Annotated[
        float,
        typer.Option(
            "-s",
            parser=opt.some_percent,
            metavar="PERCENT",
            help="Side of the blocks, per cent of the photo's shorter side. It must exceed three "
            "times the blur's diameter for the ring to show.",
        ),
    ] = 25.0,
    overlap: Annotated[
        float,
        typer.Option(
            "-o",
            parser=opt.below_100_percent,
            metavar="PERCENT",
            help="Overlap of neighbouring blocks.",
        ),
    ] = 50.0,
    rolloff: Annotated[
        float,
        typer.Option(
            "-r",
            parser=opt.percent,
            metavar="PERCENT",
            help="Part of each block over which the cosine window rolls off.",
        ),
    ] = 40.0,
    constant: Annotated[
        float,
        typer.Option(
            "-c",
            parser=opt.positive,
            metavar="NUMBER",
            help="Constant of the logarithm that brightens the picture: log(1 + c x).",
        ),
    ] = 10000.0,
    grey: Annotated[
        bool, typer.Option("-G", help="One cepstrum of the luminance, not one for each colour.")
    ] = False,
    overwrite: opt.Overwrite = False,
    page: opt.Page = None,
    max_pixels: opt.MaxPixels = None,
) -> None:
    """Draw the cepstrum of a photo.

    A defocus shows as a dark ring. The diameter of that ring is TWICE the diameter of the blur: a
    ring 66 px across means a defocus of 33 px, so `cepstro deblur -a 33`. (Two dark spots instead
    of a ring: movement.) The whole photo is read, whatever its shape. `cepstro analyze` measures
    the ring for you.

    \b
    Examples:
      cepstro cepstrum blurry.jpg ring.png
      cepstro cepstrum -s 50 -c 100000 -G blurry.jpg ring.png
    """
    from cepstro import write
    from cepstro.cli import files
    from cepstro.figures import cepstrum_picture

    files.check_outputs(photo=out, inputs=(image,), overwrite=overwrite)
    picture = cepstrum_picture(
        read(image, page, max_pixels),
        side=side,
        overlap=overlap,
        rolloff=rolloff,
        constant=constant,
        grey=grey,
    )
    write(out, picture)
