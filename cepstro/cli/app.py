"""The command ``cepstro`` and what it can do: each command parses, calls the library and prints."""

from typing import Annotated

import typer

from cepstro.cli.batch import app as batch
from cepstro.cli.guard import Guarded, need_command
from cepstro.cli.making import blur, deblur
from cepstro.cli.measuring import analyze, cepstrum, kernel
from cepstro.cli.options import grouped

app = typer.Typer(
    name="cepstro",
    cls=Guarded,
    rich_markup_mode=None,  # Rich would treble the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (analyze, deblur, blur, kernel, cepstrum):
    app.command()(grouped(command))
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

    Exit status: 0 done, 1 an error said in one line, 2 wrong usage, 3 no defocus found (deblur:
    no blur that can be undone).
    """
    need_command(context)
