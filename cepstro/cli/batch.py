"""``cepstro batch``: the same work on many photos, with a table of results."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cepstro.cli import options as opt
from cepstro.cli.given import nsr_given, psf_given
from cepstro.cli.guard import complain, need_command
from cepstro.cli.progress import Line

app = typer.Typer(cls=TyperGroup, rich_markup_mode=None)


def shard(text: str) -> tuple[int, int]:
    """Read ``I/N``."""
    try:
        part, parts = (int(number) for number in text.split("/"))
    except ValueError:
        raise typer.BadParameter(f"must be I/N, such as 1/8, got {text}") from None
    if not 1 <= part <= parts:
        raise typer.BadParameter(f"I must be 1 to N, got {text}")
    return part, parts


Photos = Annotated[
    list[Path],
    typer.Argument(metavar="PHOTOS", help="Photos, and folders to search for photos."),
]
Out = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Folder for the tables and the pictures made."),
]
Name = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="PATTERN",
        help="Names of the pictures made, from the photo's {stem} and {ending}.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help="Processes, each with one photo in memory; default the cores.",
    ),
]
Shard = Annotated[
    tuple | None,  # type: ignore[type-arg]
    typer.Option(
        "--shard",
        parser=shard,
        metavar="I/N",
        help="Only every N-th photo from the I-th on, for array jobs.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let the Dask cluster work whose scheduler answers there, such as tcp://host:8786.",
    ),
]
Send = Annotated[
    bool,
    typer.Option("--send", help="With --scheduler: send the files; its workers need not see them."),
]
Parquet = Annotated[bool, typer.Option("--parquet", help="Write results.parquet too.")]


@dataclass(frozen=True)
class Run:
    """The options that every command here takes."""

    jobs: Jobs = None
    shard: Shard = None
    scheduler: Scheduler = None
    send: Send = False
    parquet: Parquet = False
    max_pixels: opt.MaxPixels = None


@app.callback(invoke_without_command=True)
def batch(context: typer.Context) -> None:
    """Analyse, deblur or blur many photos.

    Started again after a stop, of whatever kind, it goes on where it was: photos that are done and
    intact are not done again. DIR gets results.csv and results.jsonl, a row for each photo.

    \b
    Examples:
      cepstro batch analyze holiday/ --out results
      cepstro batch deblur holiday/ --out sharp --name '{stem}-sharp.png'

    Exit status: 0 all done, 1 some failed (one line for each), 2 wrong usage.
    """
    need_command(context)


def analyze(photos: Photos, out: Out, *, run: Run) -> None:
    """Measure the blur of many photos.

    \b
    Examples:
      cepstro batch analyze holiday/ more/*.jpg --out results
      cepstro batch analyze holiday/ --out results --shard 3/8
    """
    _start("analyze", photos, out, run)


def deblur(
    photos: Photos,
    out: Out,
    *,
    which: opt.Blur,
    nsr: opt.Nsr = None,
    snr: opt.Snr = None,
    method: opt.MethodOption = None,
    name: Name = "{stem}{ending}",
    quality: opt.Quality = None,
    run: Run,
) -> None:
    """Undo the blur of many photos. Without -a and --psf each is measured first.

    Photos that show no blur that can be undone are left out, and the table says so.

    \b
    Examples:
      cepstro batch deblur holiday/ --out sharp
      cepstro batch deblur -a 12 --name '{stem}-sharp.png' holiday/ --out sharp
    """
    _start(
        "deblur",
        photos,
        out,
        run,
        psf=psf_given(which),
        nsr=nsr_given(nsr, snr),
        method=method.value if method else None,
        name=name,
        quality=quality,
    )


def blur(
    photos: Photos,
    out: Out,
    *,
    which: opt.Blur,
    whose: opt.Imitation,
    name: Name = "{stem}{ending}",
    quality: opt.Quality = None,
    run: Run,
) -> None:
    """Lay the same blur on many pictures.

    \b
    Examples:
      cepstro batch blur -a 12.5 holiday/ --out soft
      cepstro batch blur --like blurry.jpg holiday/ --out soft
    """
    given = psf_given(which)
    whose.check(given)
    _start(
        "blur",
        photos,
        out,
        run,
        psf=given,
        like=whose.like,
        scale=whose.scale or 1.0,
        grain=whose.grain,
        jpeg=whose.jpeg,
        seed=whose.seed,
        name=name,
        quality=quality,
    )


for one in (analyze, deblur, blur):
    app.command()(opt.grouped(one))


def _start(task: Any, photos: list[Path], out: Path, run: Run, **settings: Any) -> None:
    """Do the work with a line on the terminal that counts, and leave with the right status."""
    import contextlib

    from cepstro.many import Batch
    from cepstro.many import batch as work

    if run.send and run.scheduler is None:
        raise typer.BadParameter("--send goes with --scheduler: processes here see the files")
    start = time.monotonic()
    with Line() as line, contextlib.ExitStack() as stack:
        if run.scheduler is not None:
            from cepstro.many.cluster import connect

            settings["client"] = stack.enter_context(connect(run.scheduler))

        def tell(so_far: Batch, row: dict[str, Any]) -> None:
            if row["status"] == "failed":
                line.clear()
                complain(_failure(row))
            line.show(f"{_counts(so_far)}; {_left(so_far, time.monotonic() - start)}")

        try:
            done = work(
                task,
                photos,
                out,
                jobs=run.jobs,
                shard=run.shard or (1, 1),
                send=run.send,
                parquet=run.parquet,
                max_pixels=run.max_pixels,
                progress=tell,
                **settings,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    typer.echo(f"{_counts(done)}; see {done.tables[0]}")
    if done.failed:
        raise typer.Exit(1)


def _failure(row: dict[str, Any]) -> str:
    """Say which photo failed, and why: errors of files name it themselves."""
    error = str(row["error"])
    return error if error.startswith(row["input"]) else f"{row['input']}: {error}"


def _counts(batch: Any) -> str:
    parts = [f"{batch.done} of {batch.total} photos"]
    if batch.kept:
        parts.append(f"{batch.kept} done before")
    parts += [f"{count} {verdict}" for verdict, count in sorted(batch.verdicts.items())]
    if batch.failed:
        parts.append(f"{batch.failed} failed")
    return ", ".join(parts)


def _left(batch: Any, seconds: float) -> str:
    """Time left, from the photos that this run has done itself."""
    fresh = batch.done - batch.kept
    if not fresh:
        return "..."
    left = round((batch.total - batch.done) * seconds / fresh)
    return f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
