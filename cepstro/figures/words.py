"""What `cepstro analyze` says to a person: a sentence, the numbers, and what to do next."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cepstro.photo.saving import safe_name

if TYPE_CHECKING:
    from cepstro import PSF, Analysis
    from cepstro.pair import PairKernel

SURE = 0.8  # confidence from which the sentence states the finding without "probably"
_EVEN = 0.5  # confidence below which the opposite is as likely
_LIKELY = 0.05  # candidates with less chance than this are not named


def headline(analysis: "Analysis", *, advise: bool = True) -> str:
    """Say the verdict in one or two sentences."""
    sure = analysis.confidence >= SURE
    if analysis.verdict == "defocus":
        text = f"{'Out' if sure else 'Probably out'} of focus: {_shape(analysis)} across."
        if not advise:
            return text
        if sure:
            return f"{text} `cepstro deblur` will help."
        compare = "; compare the others below" if _others(analysis) else ""
        return f"{text} `cepstro deblur` may help{compare}."
    if analysis.verdict == "motion":
        text = f"{'Moved' if sure else 'Probably moved'}: {_shape(analysis)}."
        return text + " `cepstro deblur` can undo it." if advise else text
    if analysis.verdict == "gaussian" and analysis.confidence < _EVEN:
        return "Soft, perhaps by a defocus that cannot be sized here."
    if analysis.verdict == "gaussian":
        return "Soft, but not by a defocus that can be sized."
    return "No defocus that can be measured."


def report(
    analysis: "Analysis",
    image: str,
    *,
    in_blocks: bool = False,
    region: tuple[int, int, int, int] | None = None,
) -> str:
    """Say all that `cepstro analyze IMAGE` prints."""
    lines = [headline(analysis), ""]
    lines += [f"  {name:<12} {value}" for name, value in numbers(analysis)]
    lines += ["", f"Why: {sentence(analysis.reason)}"]
    lines += [f"Mind: {sentence(warning)}" for warning in analysis.warnings]
    lines += ["", *_next(analysis, image, in_blocks, region)]
    return "\n".join(lines).rstrip()


def kernel_report(found: "PairKernel", psf_file: str | None) -> str:
    """Say all that `cepstro kernel` prints."""
    rows = [
        ("kernel", "{0} x {0} px".format(found.kernel.shape[0])),
        ("model", short(found.fit.psf)),
        ("misfit", f"{100 * found.fit.misfit:.1f} % between kernel and model"),
        ("shift", shifted(found)),
        ("scale", f"{found.scale:.5f}, turned by {found.rotation:.3f} degrees"),
        ("gain", f"{found.gain:.3f}, offset {found.offset:+.4f}"),
        ("left over", f"{found.residual:.4f} rms, of 1 in linear light"),
    ]
    lines = [sentence(f"the blur is {found.fit}".replace("±", "+-")), ""]
    lines += [f"  {name:<12} {value}" for name, value in rows]
    if found.warnings:
        lines += ["", *(f"Mind: {sentence(warning)}" for warning in found.warnings)]
    spec = as_argument(psf_file) if psf_file else shlex.quote(short(found.fit.psf))
    lines += ["", "Next:", f"  cepstro blur --psf {spec} OTHER.png blurred.png"]
    lines += [f"  cepstro deblur --psf {spec} BLURRED.png sharp.png"]
    return "\n".join(lines)


def shifted(found: "PairKernel") -> str:
    """Say where the blurred photo's content lies."""
    down, right = (round(way, 2) + 0.0 for way in found.shift)  # no -0.00
    return f"{down:+.2f} px down, {right:+.2f} px right"


def sentence(text: str) -> str:
    """Write a clause as a sentence: a capital at its beginning, a full stop at its end.

    >>> sentence("the photo is sharp")
    'The photo is sharp.'
    """
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def as_argument(name: str) -> str:
    """Write a file's name as a shell takes it, and no command for an option.

    >>> as_argument("my photo.jpg"), as_argument("-1.jpg")
    ("'my photo.jpg'", './-1.jpg')
    """
    return shlex.quote(safe_name(f"./{name}" if name.startswith("-") else name))


def short(psf: "PSF") -> str:
    """Write a PSF in its text form with numbers to a thousandth."""
    return re.sub(r"\d+\.\d{4,}", lambda number: f"{float(number[0]):.3f}", str(psf))


def measured(value: float, error: float | None) -> str:
    """Write a length and its standard deviation, to the digits that mean something.

    >>> measured(18.6234, 0.08), measured(33.0, None)
    ('18.62 +- 0.08', '33.0')
    """
    if error is None or not error > 0:
        return f"{value:.1f}"
    digits = 1 if error >= 0.095 else 2
    return f"{value:.{digits}f} +- {max(error, 0.01):.{digits}f}"


def _shape(analysis: "Analysis") -> str:
    size = f"{measured(analysis.diameter or 0.0, analysis.diameter_error)} px"
    psf: Any = analysis.psf
    if analysis.model == "ring":
        return f"a ring (hole {100 * psf.hole:.0f} %) {size}"
    if analysis.model == "polygon":
        return f"a polygon of {psf.blades} blades {size}"
    if analysis.model == "motion":
        return f"a smear {size} long at {psf.angle:.0f} degrees"
    return f"a disk {size}"


def _others(analysis: "Analysis") -> list[str]:
    """Say the other diameters that have a chance worth a word."""
    return [
        f"{other.diameter:.1f} px ({100 * other.strength:.0f} %)"
        for other in analysis.candidates[:3]
        if other.strength >= _LIKELY
    ]


def numbers(analysis: "Analysis") -> list[tuple[str, str]]:
    """Say the numbers of an analysis, each with its name and unit."""
    rows = []
    if analysis.diameter is not None:
        name = "length" if analysis.verdict == "motion" else "diameter"
        rows.append((name, f"{measured(analysis.diameter, analysis.diameter_error)} px"))
    for channel in analysis.channels:
        size = measured(channel.diameter, channel.diameter_error)
        rows.append((f"  {channel.name}", f"{size} px"))
    rows.append(("confidence", f"{100 * analysis.confidence:.0f} %"))
    others = _others(analysis)
    if analysis.verdict == "defocus" and analysis.confidence < SURE and others:
        rows.append(("or else", ", ".join(others)))
    if analysis.psf is not None:
        rows.append(("blur", f"{short(analysis.psf)}   (for --psf)"))
    rows.append(("noise", f"{analysis.noise:.4f} of 1   ({255 * analysis.noise:.1f} of 255)"))
    rows.append(("NSR", f"{analysis.nsr:.2g}   (for -n)"))
    return rows


def _next(
    analysis: "Analysis",
    image: str,
    in_blocks: bool,
    region: tuple[int, int, int, int] | None,
) -> list[str]:
    name = as_argument(image)
    sharp = f"sharp{Path(image).suffix}" if in_blocks else "sharp.png"
    if analysis.psf is None:
        return ["If you know the blur's diameter:", f"  cepstro deblur -a DIAMETER {name} {sharp}"]
    found = analysis.verdict in ("defocus", "motion")
    # What only a region showed, deblur would not find in the whole photo.
    blur = "" if found and region is None else f"--psf {shlex.quote(short(analysis.psf))} "
    lines = [f"  cepstro deblur {blur}{name} {sharp}"]
    if not found:
        return ["To sharpen it all the same:", *lines]
    if not in_blocks:
        part = "" if region is None else f" --region {','.join(str(n) for n in region)}"
        lines.append(f"  cepstro analyze {name}{part} --figure why.png")
    return ["Next:", *lines]
