"""One HTML file about one photo: verdict, before and after, figures, numbers, commands.

Everything is inside the file, so it works from a USB stick without a network: pictures as data
URIs, a style sheet that follows the reader's light or dark setting, and six lines of script that
move the slider between before and after.
"""

from __future__ import annotations

import base64
import html
import json
import shlex
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cepstro.figures.analysis_page import analysis_figure
from cepstro.figures.comparison import comparison_figure
from cepstro.figures.panels import thumbnail
from cepstro.figures.style import DARK, LIGHT, Theme
from cepstro.figures.words import as_argument, headline, numbers, sentence, short
from cepstro.photo import Photo, encode, safe_name, unpack

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cepstro import Analysis

_LONGEST = 1600  # px of the pictures in the slider


def report_html(
    image: Photo | NDArray[Any],
    analysis: Analysis,
    *,
    sharp: Photo | NDArray[Any] | None = None,
    name: str = "photo.jpg",
    region: tuple[int, int, int, int] | None = None,
) -> str:
    """Write the report on one photo as the text of one HTML file.

    Parameters
    ----------
    image : Photo or array
        The photo.
    analysis : Analysis
        What `analyze` said of it.
    sharp : Photo or array, optional
        The photo deblurred; without it there is no before and after.
    name : str
        The photo's file name, as the commands of the report should say it.
    region : (x, y, width, height), optional
        The part that was analysed, px.
    """
    shown = safe_name(name)
    pages = {
        theme: analysis_figure(image, analysis, title=Path(shown).name, region=region, theme=theme)
        for theme in (LIGHT, DARK)
    }
    parts = {
        "title": html.escape(f"{Path(shown).name}: {headline(analysis, advise=False)}"),
        "name": html.escape(shown),
        "verdict": html.escape(headline(analysis)),
        "reasons": "".join(
            f"<p>{html.escape(sentence(text))}</p>"
            for text in (analysis.reason, *analysis.warnings)
        ),
        "slider": "" if sharp is None else _slider(image, sharp),
        "figure": _two_themes(pages, "The analysis: photo, cepstrum, blur, profile, spectrum"),
        "numbers": "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
            for key, value in numbers(analysis)
        ),
        "shell": html.escape(_shell(analysis, name)),
        "python": html.escape(_python(analysis, name)),
        "json": html.escape(json.dumps(analysis.to_dict(), indent=2)),
    }
    return _PAGE.substitute(parts)


def _slider(image: Photo | NDArray[Any], sharp: Photo | NDArray[Any]) -> str:
    """Before and after under one slider, and the enlarged part of both."""
    enlarged = {
        theme: comparison_figure(image, sharp, whole=False, theme=theme) for theme in (LIGHT, DARK)
    }
    before, after = (_jpeg(unpack(picture)[0]) for picture in (image, sharp))
    return _SLIDER.substitute(
        before=before, after=after, enlarged=_two_themes(enlarged, "Before and after, enlarged")
    )


def _jpeg(pixels: NDArray[Any]) -> str:
    small = np.rint(255 * thumbnail(pixels, _LONGEST)).astype(np.uint8)
    return _data(encode(Photo(small), Path("x.jpg"), quality=90), "jpeg")


def _two_themes(figures: dict[Theme, Figure], text: str) -> str:
    light, dark = (_drawn(figures[theme]) for theme in (LIGHT, DARK))
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{html.escape(text)}"></picture>'
    )


def _drawn(figure: Figure) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)  # its methods carry no types
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    return _data(encode(Photo(np.ascontiguousarray(pixels)), Path("x.webp"), quality=90), "webp")


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _shell(analysis: Analysis, name: str) -> str:
    quoted = as_argument(name)
    if analysis.psf is None:
        return f"cepstro deblur -a DIAMETER {quoted} sharp.png"
    psf = f"--psf {shlex.quote(short(analysis.psf))}"
    return (
        f"cepstro deblur {psf} {quoted} sharp.png\n"
        f"cepstro deblur {psf} --method best {quoted} best.png\n"
        f"cepstro blur {psf} OTHER.png blurred.png"
    )


def _python(analysis: Analysis, name: str) -> str:
    psf = (
        f"cepstro.parse_psf({short(analysis.psf)!r})" if analysis.psf else "cepstro.Disk(DIAMETER)"
    )
    return (
        "import cepstro\n\n"
        f"photo = cepstro.read({name!r})\n"
        f"sharp = cepstro.deblur(photo, {psf})\n"
        'cepstro.write("sharp.png", sharp)'
    )


_SLIDER = Template("""<section>
<h2>Before and after</h2>
<div class="pair">
<div class="stack"><img src="$after" alt="After"><img id="before" src="$before" alt="Before"></div>
<input type="range" id="slider" min="0" max="100" value="50" aria-label="Part that shows before">
<p class="ends"><span>before</span><span>after</span></p>
</div>
$enlarged
</section>
<script>
const slider = document.getElementById("slider"), before = document.getElementById("before");
const show = () => { before.style.clipPath = `inset(0 $${100 - slider.value}% 0 0)`; };
slider.addEventListener("input", show);
show();
</script>""")

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --page: #fff; --ink: #1a1a1a; --quiet: #666; --line: #ddd;
  --accent: #0072b2; --code: #f4f5f6; }
@media (prefers-color-scheme: dark) { :root { --page: #16181c; --ink: #ececec; --quiet: #a3a9b2;
  --line: #33373e; --accent: #56b4e9; --code: #20242a; } }
body { max-width: 72rem; margin: 0 auto; padding: 1.5rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.25rem 0 0.75rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.6rem; }
.name { color: var(--quiet); margin: 0; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; display: block; }
.pair { width: fit-content; }
.stack { position: relative; }
.stack #before { position: absolute; inset: 0; }
input[type=range] { width: 100%; accent-color: var(--accent); margin: 0.6rem 0 0;
  box-sizing: border-box; }
.ends { display: flex; justify-content: space-between; color: var(--quiet); margin: 0 0 1rem; }
th { text-align: left; font-weight: 600; padding: 0.2rem 1.5rem 0.2rem 0; vertical-align: top; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
pre { background: var(--code); padding: 0.8rem 1rem; overflow-x: auto; border-radius: 4px; }
summary { cursor: pointer; }
</style>
</head>
<body>
<p class="name">$name</p>
<h1>$verdict</h1>
$reasons
$slider
<section><h2>Why</h2>
$figure</section>
<section><h2>The numbers</h2>
<table>$numbers</table>
<details><summary>As JSON</summary><pre>$json</pre></details></section>
<section><h2>Go on</h2>
<p>In a shell:</p><pre>$shell</pre>
<p>In Python:</p><pre>$python</pre></section>
</body>
</html>
""")
