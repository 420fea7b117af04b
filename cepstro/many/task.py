"""What is done to one photo, in whichever process: the result is plain data, errors included."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cepstro.errors import CepstroError, UnsuitableImageError
from cepstro.many.places import Item
from cepstro.photo import read, safe_name, write
from cepstro.photo.saving import first_line
from cepstro.photo.writing import kind_of
from cepstro.psf import PSF, psf_to_dict, scaled, short, too_wide
from cepstro.restore import METHODS
from cepstro.synthesis import Likeness

Record = dict[str, Any]  # what the notes keep of a photo; "row" is its row in the tables


@dataclass(frozen=True, slots=True)
class Settings:
    """What `batch` was asked to do with each photo, checked."""

    task: str
    psf: PSF | None = None
    nsr: float | None = None
    method: str | None = None
    quality: int | None = None
    max_pixels: int | None = None
    like: Likeness | None = None
    grain: bool = True
    jpeg: bool = False
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.task not in ("analyze", "deblur", "blur"):
            raise ValueError(f'task must be "analyze", "deblur" or "blur", got {self.task!r}')
        if self.psf is not None and not isinstance(self.psf, PSF):
            raise TypeError(f"psf must be a PSF, got {self.psf!r:.60}")
        if self.task == "blur" and (self.psf is None) == (self.like is None):
            raise ValueError("psf or like is needed, one of them: the blur to lay on the photos")
        if self.task != "blur" and self.like is not None:
            raise ValueError("like goes with blur")
        if self.like is None and (not self.grain or self.jpeg or self.scale != 1 or self.seed):
            raise ValueError("grain, jpeg, scale and seed go with like")
        if self.task == "analyze" and self.psf is not None:
            raise ValueError("psf goes with deblur and blur; analyze measures it")
        if self.method is not None and self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if self.task != "deblur" and (self.nsr is not None or self.method is not None):
            raise ValueError("nsr and method go with deblur")

    def digest(self) -> str:
        """Hash of all that the result hangs on but the photo: settings and version."""
        from cepstro import __version__

        psf = None if self.psf is None else psf_to_dict(self.psf)
        said: list[Any] = [
            __version__,
            self.task,
            psf,
            self.nsr,
            self.method,
            self.quality,
            self.max_pixels,
        ]
        if self.like is not None:
            like = self.like
            said += [psf_to_dict(like.psf), like.grain.tolist(), like.tables]
            said += [self.grain, self.jpeg, self.scale, self.seed]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def perform(settings: Settings, item: Item, note: str | None) -> tuple[Record, bool]:
    """Work on one photo, unless a note (a record as JSON) says so and nothing has changed since.

    Returns the record, and whether it is the one from before.
    """
    before = kept(item, note)
    if before is not None:
        return before, True
    row: dict[str, Any] = {
        "input": str(item.source),
        "status": "failed",
        "output": None,
        "error": None,
    }
    record: Record = {"row": row}
    try:
        record |= _identity(item.source)
        row["sha256"] = record["sha256"]
        row |= _work(settings, item, record["sha256"])
        if row["output"] is not None:
            record["output_sha256"] = _hash(Path(row["output"]))
    except Exception as error:  # one bad photo must not end the work on the others
        row["error"] = sentence(error)
    return record, False


def kept(item: Item, note: str | None) -> Record | None:
    """Record of a note (JSON), if photo and picture are still what they were then."""
    if note is None:
        return None
    try:
        before: Record = json.loads(note)
        if not _intact(before, _identity(item.source), item.target):
            return None
    except (OSError, ValueError, KeyError, TypeError):  # gone, or a note that is none
        return None
    before["row"]["input"] = str(item.source)
    if before["row"]["output"] is not None:
        before["row"]["output"] = str(item.target)
    return before


def _identity(source: Path) -> Record:
    """Size, time and content of a file."""
    found = source.stat()
    sha256 = _hash(source) if source.is_file() else None
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": sha256}


def failure(item: Item, why: str) -> Record:
    """Return the record of a photo whose process ended without a word."""
    row = {"input": str(item.source), "status": "failed", "output": None, "error": why}
    return {"row": row}


def _work(settings: Settings, item: Item, sha256: str | None) -> dict[str, Any]:
    """Analyse, deblur or blur; the rest of the photo's row."""
    from cepstro.analysis import analyze
    from cepstro.restore import deblur
    from cepstro.synthesis import blur, imitate

    if item.target is not None:
        kind_of(item.target)
    photo = read(item.source, max_pixels=settings.max_pixels)
    height, width = photo.shape[:2]
    row: dict[str, Any] = {"status": "done", "width": width, "height": height}
    psf, error = settings.psf, 0.0
    if settings.like is not None:
        psf = scaled(settings.like.psf, settings.scale)
    if psf is None:
        found = analyze(photo)
        row |= found.to_dict()
        psf, error = found.psf, found.diameter_error or 0.0
        if settings.task == "analyze":
            return row
        if psf is None or found.verdict not in ("defocus", "motion"):
            return row | {"status": "no defocus"}
    else:
        row["psf"] = short(psf)
        if why := too_wide(psf, photo.shape):
            raise UnsuitableImageError(why)
    if settings.like is not None:
        made = imitate(
            settings.like,
            photo,
            grain=settings.grain,
            jpeg=settings.jpeg,
            scale=settings.scale,
            seed=settings.seed + int((sha256 or "0")[:8], 16),  # no two photos share their grain
        )
    elif settings.task == "blur":
        made = blur(photo, psf)
    else:
        made = deblur(photo, psf, nsr=settings.nsr, method=settings.method, diameter_error=error)
    assert item.target is not None
    write(item.target, made, quality=settings.quality)
    return row | {"output": str(item.target)}


def _intact(before: Record, now: Record, target: Path | None) -> bool:
    """Whether photo and picture are what they were when the record was made."""
    if any(before.get(word) != now[word] for word in ("size", "mtime_ns", "sha256")):
        return False
    if before["row"]["output"] is None:
        return True
    return target is not None and target.is_file() and _hash(target) == before.get("output_sha256")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sentence(error: Exception) -> str:
    """Say what went wrong, for the table."""
    if isinstance(error, (CepstroError, ValueError)):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for this picture: crop or reduce it, or use fewer --jobs"
    if isinstance(error, OSError) and error.strerror:
        return f"{safe_name(error.filename or '')}: {error.strerror}"
    return f"something went wrong inside cepstro ({type(error).__name__}: {first_line(error)})"
