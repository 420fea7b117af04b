"""Which photos, and where what is made of them goes.

Folders are searched with their subfolders for files that end like photos; hidden ones are left out.
Two photos never share a name for their pictures, not even on disks that do not tell A from a, and
no picture is put over a photo: both are refused before any work is done.
"""

from __future__ import annotations

import os
import string
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cepstro.errors import ReadError
from cepstro.photo import safe_name
from cepstro.photo.raw import ENDINGS as RAW
from cepstro.photo.writing import KINDS

_READ = (".gif", ".pbm", ".pam", ".dib", *RAW)  # and not written
ENDINGS = {*_READ, *(ending for kind in KINDS for ending in kind.endings)} - {".npy"}


@dataclass(frozen=True, slots=True)
class Item:
    """One photo: where it is, and where its picture goes (None where none is made)."""

    source: Path
    target: Path | None

    @property
    def key(self) -> str:
        """Name of the photo in the notes: absolute."""
        return os.path.abspath(self.source)  # noqa: PTH100 - links stay, `resolve` follows them


def find(photos: Iterable[str | os.PathLike[str]], out: Path, name: str | None) -> list[Item]:
    """List the photos in the order named, those of a folder sorted; each once.

    Raises
    ------
    ReadError
        If a name is neither a file nor a folder, or there is no photo at all.
    ValueError
        If pictures would overwrite a photo or each other, or `name` is no pattern.
    """
    if isinstance(photos, (str, os.PathLike)):
        raise TypeError(f"photos must be a list of paths, got {photos!r}")
    named = [Path(path) for path in photos]
    home = out.resolve()
    folders = [path for path in named if path.is_dir()]
    for folder in folders:
        if folder.resolve() == home or home in folder.resolve().parents:
            raise ValueError(
                f"{safe_name(out)} is the folder of the photos or holds it; name another for --out"
            )
    items: dict[str, Item] = {}
    for path in named:
        inside = path.is_dir()
        if not inside and not path.exists():
            raise ReadError(f"{safe_name(path)} does not exist")
        for source in _walk(path, home) if inside else (path,):
            below = source.parent.relative_to(path) if inside else Path()
            if inside and len(folders) > 1:
                below = Path(path.resolve().name) / below
            target = None if name is None else out / below / _named(name, source)
            item = Item(source, target)
            items.setdefault(item.key, item)
    if not items:
        raise ReadError(f"no photos in {', '.join(map(safe_name, named)) or 'nothing'}")
    _check(items)
    return list(items.values())


def _walk(folder: Path, out: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        at = Path(here)
        folders[:] = sorted(
            name for name in folders if name[0] != "." and (at / name).resolve() != out
        )
        for name in sorted(files):
            if name[0] != "." and Path(name).suffix.lower() in ENDINGS:
                yield at / name


def _named(pattern: str, source: Path) -> str:
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(pattern) if field}
        if fields <= {"stem", "ending"}:
            name = pattern.format(stem=source.stem, ending=source.suffix)
            if name.strip(".") and Path(name).name == name:
                return name
    except (ValueError, LookupError):
        pass
    raise ValueError(f"name must be a file name with {{stem}} and {{ending}}, got {pattern!r}")


def _same(path: str) -> str:
    """Write names alike that are one name on the disks of macOS or Windows."""
    return unicodedata.normalize("NFC", path).casefold()


def _check(items: dict[str, Item]) -> None:
    taken: dict[str, Item] = {}
    photos = {_same(key) for key in items}
    for item in items.values():
        if item.target is None:
            continue
        target = _same(os.path.abspath(item.target))  # noqa: PTH100
        if target in photos:
            raise ValueError(
                f"{safe_name(item.target)} is one of the photos; name another folder or pattern"
            )
        if target in taken:
            where = safe_name(item.target)
            if taken[target].target != item.target:
                where += " where disks do not tell such names apart"
            raise ValueError(
                f"{safe_name(taken[target].source)} and {safe_name(item.source)} would both be "
                f"written to {where}; name folders, or another pattern"
            )
        taken[target] = item
