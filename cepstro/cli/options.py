"""The options and arguments that several commands share, and how their text becomes numbers.

Numbers may be written in any usual form (``5e-4`` is ``0.0005``); NaN, infinite and out-of-range
values are wrong usage, said in one line.
"""

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class BlurType(StrEnum):
    """What ``-t`` names."""

    defocus = "defocus"
    motion = "motion"


class Channels(StrEnum):
    """What ``--channels`` names."""

    luminance = "luminance"
    each = "each"


class Method(StrEnum):
    """What deblur's ``--method`` names."""

    wiener = "wiener"
    lucy = "lucy"
    sparse = "sparse"
    best = "best"


class PairMethod(StrEnum):
    """What kernel's ``--method`` names."""

    wiener = "wiener"
    lsqr = "lsqr"


def number(text: str, rule: str, allowed: Callable[[float], bool]) -> float:
    """Read a finite number that is `allowed`, or wrong usage with the `rule` and what was given."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not allowed(value):
        raise typer.BadParameter(f"{rule}, got {text}")
    return value


def positive(text: str) -> float:
    """Read a number above 0."""
    return number(text, "must be a number above 0", lambda value: value > 0)


def not_negative(text: str) -> float:
    """Read a number of 0 or more."""
    return number(text, "must be a number of 0 or more", lambda value: value >= 0)


def finite(text: str) -> float:
    """Read any finite number."""
    return number(text, "must be a finite number", lambda value: True)


def percent(text: str) -> float:
    """Read per cent, 0 to 100."""
    return number(text, "must be from 0 to 100 (per cent)", lambda value: 0 <= value <= 100)


def some_percent(text: str) -> float:
    """Read per cent, above 0 up to 100."""
    return number(text, "must be above 0, up to 100 (per cent)", lambda value: 0 < value <= 100)


def below_100_percent(text: str) -> float:
    """Read per cent, 0 to below 100."""
    return number(text, "must be 0 or more, below 100 (per cent)", lambda value: 0 <= value < 100)


def factor(text: str) -> float:
    """Read a factor of resolution, as `cepstro.match` takes it."""
    return number(text, "must be from 0.01 to 100", lambda value: 0.01 <= value <= 100)


def region(text: str) -> tuple[int, int, int, int]:
    """Read ``X,Y,W,H`` in px: left, top, width, height."""
    parts = text.split(",")
    try:
        x, y, width, height = (int(part) for part in parts)
    except ValueError:
        raise typer.BadParameter(
            f"must be four whole numbers X,Y,W,H (left, top, width, height in px), got {text}"
        ) from None
    if min(x, y) < 0 or min(width, height) < 1:
        raise typer.BadParameter(f"must lie inside the photo, got {text}")
    return x, y, width, height


Image = Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo to read.")]
Out = Annotated[
    Path, typer.Argument(metavar="OUT", help="The file to write; its ending names the format.")
]
Amount = Annotated[
    float | None,
    typer.Option(
        "-a",
        "--amount",
        parser=positive,
        metavar="PX",
        help="Diameter of the defocus disk in px (with -t motion: length of the movement).",
    ),
]
Type = Annotated[BlurType, typer.Option("-t", "--type", help="What -a and -r describe.")]
Rotation = Annotated[
    float | None,
    typer.Option(
        "-r",
        "--rotation",
        parser=finite,
        metavar="DEG",
        help="Direction of the movement, in degrees counter-clockwise from the right "
        "(-t motion only; a defocus disk is round).",
    ),
]
PsfSpec = Annotated[
    str | None,
    typer.Option(
        "--psf",
        metavar="SPEC",
        help="The blur in words, such as disk:33,softness=0.5 or ring:27,hole=1,softness=2, "
        "or a file made by --psf-out.",
    ),
]
Nsr = Annotated[
    float | None,
    typer.Option(
        "-n",
        "--nsr",
        parser=not_negative,
        metavar="NSR",
        help="Noise-to-signal constant of the Wiener filter: larger is smoother, smaller "
        "sharper and noisier. Chosen for the photo when not given.",
    ),
]
Snr = Annotated[
    float | None,
    typer.Option("--snr", parser=positive, metavar="SNR", help="The same as -n 1/SNR."),
]
MethodOption = Annotated[
    Method | None,
    typer.Option(
        "--method",
        help="wiener is quickest, best is slowest; without it the best quick picture.",
    ),
]
Region = Annotated[
    tuple | None,  # type: ignore[type-arg]
    typer.Option(
        "--region",
        parser=region,
        metavar="X,Y,W,H",
        help="Measure the blur in this part of the photo only: left, top, width, height in px.",
    ),
]
EachChannel = Annotated[
    Channels, typer.Option("--channels", help="Measure the luminance, or each colour as well.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Allow OUT to be the same file as the input.")
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        help="Refuse photos of more pixels than this (a guard against hostile files).",
    ),
]
Page = Annotated[
    int | None,
    typer.Option(
        "--page",
        min=0,
        metavar="N",
        help="Page of a TIFF of several, from 0; the first when not given.",
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        "--quality",
        min=1,
        max=100,
        metavar="N",
        help="Quality of a JPEG, WebP, AVIF, HEIC or JPEG XL, 1 to 100; without it that of the "
        "photo, where it is kept.",
    ),
]
PsfOut = Annotated[
    Path | None,
    typer.Option("--psf-out", metavar="FILE.json", help="Write the blur as JSON, for --psf."),
]
Figure = Annotated[
    Path | None,
    typer.Option(
        "--figure",
        metavar="OUT",
        help="Draw what was found and why, as PNG, SVG or PDF by the ending.",
    ),
]

Like = Annotated[
    Path | None,
    typer.Option(
        "--like",
        metavar="BLURRED",
        help="Measure the blur of this photo and lay it, and its grain, on IMAGE.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        parser=factor,
        metavar="FACTOR",
        help="With --like: resolution of IMAGE divided by that of BLURRED.",
    ),
]
Grain = Annotated[
    bool, typer.Option("--grain/--no-grain", help="With --like: add the noise of BLURRED too.")
]
Jpeg = Annotated[
    bool, typer.Option("--jpeg", help="With --like: add the JPEG compression of BLURRED too.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="With --like: of the grain.")]


@dataclass(frozen=True)
class Blur:
    """The options that say which blur."""

    amount: Amount = None
    kind: Type = BlurType.defocus
    rotation: Rotation = None
    psf: PsfSpec = None


@dataclass(frozen=True)
class Imitation:
    """The options that say whose blur, and what else of that photo."""

    like: Like = None
    scale: Scale = None
    grain: Grain = True
    jpeg: Jpeg = False
    seed: Seed = 0

    def check(self, psf: object) -> None:
        """Refuse a blur that is said twice or not at all, and what goes only with --like."""
        if self.like is not None and psf is not None:
            raise typer.BadParameter("--like measures the blur: leave out -a and --psf")
        if self.like is None and psf is None:
            raise typer.BadParameter("say which blur: -a DIAMETER, --psf SPEC or --like BLURRED")
        if self.like is None and self != Imitation():
            raise typer.BadParameter("--scale, --no-grain, --jpeg and --seed go with --like")


def grouped(work: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function that takes groups of options, which are dataclasses as above."""
    options: list[inspect.Parameter] = []
    groups: dict[str, tuple[Any, list[str]]] = {}
    for one in inspect.signature(work).parameters.values():
        if isinstance(one.annotation, type) and is_dataclass(one.annotation):
            within = inspect.signature(one.annotation).parameters
            groups[one.name] = one.annotation, list(within)
            options += within.values()
        else:
            options.append(one)

    @functools.wraps(work)
    def command(**given: Any) -> None:
        for name, (group, within) in groups.items():
            given[name] = group(**{option: given.pop(option) for option in within})
        work(**given)

    made: Any = command  # Typer reads both
    keyword = inspect.Parameter.KEYWORD_ONLY
    made.__signature__ = inspect.Signature([one.replace(kind=keyword) for one in options])
    made.__annotations__ = {one.name: one.annotation for one in options}
    return command
