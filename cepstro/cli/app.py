"""The commands: each parses its options, calls the library and prints."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cepstro.cli import huge
from cepstro.cli import options as opt
from cepstro.cli.batch import app as batch
from cepstro.cli.given import check_fits, nsr_given, psf_given
from cepstro.cli.guard import Guarded
from cepstro.cli.progress import Progress
from cepstro.errors import NoDefocusError

NO_DEFOCUS = NoDefocusError.exit_code

app = typer.Typer(
    name="cepstro",
    cls=Guarded,
    rich_markup_mode=None,  # Rich would treble the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(batch, name="batch")


def main() -> None:
    """Run the command line."""
    app(prog_name="cepstro")


def _version(wanted: bool) -> None:
    if wanted:
        from cepstro import __version__

        typer.echo(f"cepstro {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def cepstro(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Measure how far a photo is out of focus, undo it, or lay the same blur on another picture.

    \b
    Examples:
      cepstro analyze blurry.jpg               how large is the blur, and what to do
      cepstro deblur blurry.jpg sharp.jpg      measure the blur and undo it
      cepstro deblur -a 33 -n 5e-4 blurry.jpg sharp.jpg
      cepstro blur --like blurry.jpg sharp.png twin.png

    Exit status: 0 done, 1 an error said in one line, 2 wrong usage, 3 no defocus found.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
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
    page: opt.Page = 0,
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

    Exit status 3 means that the photo was analysed and shows no defocus.
    """
    from cepstro.cli import files
    from cepstro.figures import words
    from cepstro.photo import safe_name

    files.check_outputs(figure, report, psf_out, inputs=(image,))
    if figure is not None:
        from cepstro.figures import check_format

        check_format(figure)
    photo: Any = None
    if huge.is_huge(image, max_pixels):
        if figure is not None or report is not None or page:
            raise typer.BadParameter("a picture of this size takes no --figure, --report or --page")
        result = huge.analyze(image, region=region, channels=channels.value)
    else:
        photo = _read(image, page, max_pixels)
        result = _analyze(photo, region=region, channels=channels.value)
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
        typer.echo(words.report(result, str(image), in_blocks=photo is None))
    if result.verdict != "defocus":
        raise typer.Exit(NO_DEFOCUS)


@app.command()
def deblur(
    image: opt.Image,
    out: opt.Out,
    amount: opt.Amount = None,
    kind: opt.Type = opt.BlurType.defocus,
    rotation: opt.Rotation = None,
    psf: opt.PsfSpec = None,
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
    page: opt.Page = 0,
    max_pixels: opt.MaxPixels = None,
) -> None:
    """Undo the blur of a photo. Without -a and --psf the blur is measured first.

    \b
    Examples:
      cepstro deblur blurry.jpg sharp.jpg
      cepstro deblur -a 33 -n 0.0005 blurry.jpg sharp.png
      cepstro deblur -t motion -a 20 -r 30 shaken.jpg still.jpg
      cepstro deblur --psf ring:27,hole=1,softness=2 --method best mirror.tif sharp.tif

    Exit status 3 means that no defocus was found; nothing is written then.
    """
    from cepstro import deblur as work
    from cepstro import write
    from cepstro.cli import files
    from cepstro.figures import words

    given = psf_given(amount, kind, rotation, psf)
    constant = nsr_given(nsr, snr)
    in_blocks = huge.is_huge(image, max_pixels, out)
    if in_blocks and (method is opt.Method.lucy or page):
        raise typer.BadParameter("a picture of this size takes no --method lucy and no --page")
    named = None if in_blocks else out
    files.check_outputs(psf_out, photo=named, inputs=(image,), overwrite=overwrite)
    photo: Any = None if in_blocks else _read(image, page, max_pixels)
    error = 0.0
    if given is None:
        result = (huge.analyze if in_blocks else _analyze)(photo or image, region=region)
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
        with Progress("deblurring") as progress:
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


@app.command()
def blur(
    image: opt.Image,
    out: opt.Out,
    amount: opt.Amount = None,
    kind: opt.Type = opt.BlurType.defocus,
    rotation: opt.Rotation = None,
    psf: opt.PsfSpec = None,
    like: opt.Like = None,
    scale: opt.Scale = None,
    grain: opt.Grain = True,
    jpeg: opt.Jpeg = False,
    seed: opt.Seed = 0,
    quality: opt.Quality = None,
    overwrite: opt.Overwrite = False,
    page: opt.Page = 0,
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

    given = psf_given(amount, kind, rotation, psf)
    opt.check_like(like, given, scale, grain, jpeg, seed)
    if given is not None and not page and huge.is_huge(image, max_pixels, out):
        huge.work(image, out, given, deblur=False)
        return
    inputs = (image,) if like is None else (image, like)
    files.check_outputs(photo=out, inputs=inputs, overwrite=overwrite)
    photo = _read(image, page, max_pixels)
    with Progress("blurring") as progress:
        if like is None:
            from cepstro import blur as lay

            check_fits(given, photo)
            soft = lay(photo, given, progress=progress)
        else:
            from cepstro import match

            soft = match(
                _read(like, 0, max_pixels),
                photo,
                grain=grain,
                jpeg=jpeg,
                scale=scale or 1.0,
                seed=seed,
                progress=progress,
            )
    write(out, soft, quality=quality, overwrite=overwrite)


@app.command()
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
    """Measure the blur between a sharp and a blurred photo of one scene.

    The photos are laid on each other first (shift, small scale and rotation, brightness). With
    --channels each, --json tells the blur of every colour.

    \b
    Examples:
      cepstro kernel sharp.jpg blurred.jpg kernel.png --psf-out blur.json
      cepstro kernel sharp.jpg blurred.jpg kernel.npy --method wiener --figure kernel-page.png
    """
    from cepstro import estimate_kernel
    from cepstro.cli import files
    from cepstro.figures import check_format, words

    files.check_kernel_out(out)
    if size is not None and size % 2 == 0:
        raise typer.BadParameter(f"--size must be odd, got {size}")
    if figure is not None:
        check_format(figure)
    files.check_outputs(psf_out, figure, photo=out, inputs=(sharp, blurred))
    photos = _read(sharp, 0, max_pixels), _read(blurred, 0, max_pixels)
    with Progress("measuring") as progress:
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
        typer.echo(words.kernel_report(result, str(psf_out) if psf_out else None))


@app.command()
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
    page: opt.Page = 0,
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
        _read(image, page, max_pixels),
        side=side,
        overlap=overlap,
        rolloff=rolloff,
        constant=constant,
        grey=grey,
    )
    write(out, picture)


def _read(image: Path, page: int, max_pixels: int | None) -> Any:
    from cepstro import read

    return read(image, page=page, max_pixels=max_pixels)


def _analyze(photo: Any, *, region: tuple[int, int, int, int] | None, **keywords: Any) -> Any:
    from cepstro import analyze as work

    if region is not None:
        x, y, width, height = region
        rows, columns = photo.shape[:2]
        if x + width > columns or y + height > rows:
            raise typer.BadParameter(
                f"--region must lie inside the photo of {columns} x {rows} px, got "
                f"{x},{y},{width},{height}"
            )
    with Progress("analysing") as progress:
        return work(photo, region=region, progress=progress, **keywords)
