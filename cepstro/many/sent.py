"""One photo sent to a worker as bytes, and the picture made of it sent back.

For clusters whose workers do not see the files. The work is that of `task` in a folder of the
worker's own, so that records are the same, byte for byte; whether a photo is done and intact is
found out here, before it is sent.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cepstro.many.places import Item
from cepstro.many.task import Record, Settings, kept, perform, sentence
from cepstro.photo.saving import save


@dataclass(frozen=True, slots=True)
class Question:
    """A photo on its way: its bytes, or what is known of it already."""

    item: Item
    data: bytes | None
    modified: int  # ns
    record: Record | None = None


def question(item: Item, note: str | None) -> Question:
    """Read a photo, unless it is done and intact or cannot be read."""
    record = kept(item, note)
    try:
        if record is None:
            return Question(item, item.source.read_bytes(), item.source.stat().st_mtime_ns)
    except OSError:
        return Question(item, None, 0)
    return Question(item, None, 0, record)


def perform_sent(settings: Settings, asked: Question) -> tuple[Record, bool, bytes | None]:
    """Work on a photo that was sent: its record, whether that was known, and the picture made."""
    if asked.record is not None:
        return asked.record, True, None
    if asked.data is None:
        return *perform(settings, asked.item, None), None
    with tempfile.TemporaryDirectory(prefix="cepstro-") as name:
        source = Path(name, "in", asked.item.source.name)
        target = None
        if asked.item.target is not None:
            target = Path(name, "out", asked.item.target.name)
            target.parent.mkdir()
        source.parent.mkdir()
        source.write_bytes(asked.data)
        os.utime(source, ns=(asked.modified, asked.modified))
        record, _ = perform(settings, Item(source, target), None)
        made = target.read_bytes() if target is not None and target.is_file() else None
        row = record["row"]
        if row["error"] is not None:
            row["error"] = row["error"].replace(str(source), str(asked.item.source))
            row["error"] = row["error"].replace(str(target), str(asked.item.target))
        return record, False, made


def place(item: Item, record: Record, known: bool, made: bytes | None) -> tuple[Record, bool]:
    """Put the picture that came back in place, and the names of here into the record."""
    row = record["row"]
    row["input"] = str(item.source)
    if row["output"] is not None:
        row["output"] = str(item.target)
        if made is not None and item.target is not None:
            try:
                save(item.target, made)
            except Exception as error:
                row |= {"status": "failed", "output": None, "error": sentence(error)}
    return record, known
