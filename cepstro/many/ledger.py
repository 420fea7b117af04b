"""What is done, written down as it happens, and the tables at the end.

The notes are lines of JSON, appended one a photo to a file in the folder ``.cepstro`` below the
results; a line that a crash tore is no JSON and is passed over. A note counts only for the settings
and the version that it was made with. Tables are built at the end and put in place whole.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from cepstro.errors import WriteError, extra
from cepstro.many.task import Record, Settings
from cepstro.photo import safe_name
from cepstro.photo.saving import hold, save

FOLDER = ".cepstro"
COLUMNS = (
    "input", "status", "output", "error", "width", "height", "verdict", "diameter",
    "diameter_error", "confidence", "model", "psf", "nsr", "noise", "reason", "sha256",
)  # fmt: skip
_NUMBERS = ("diameter", "diameter_error", "confidence", "nsr", "noise")


def known(out: Path, settings: Settings) -> dict[str, str]:
    """Read the notes made with these settings: the photo's key to its record, still as JSON."""
    digest = settings.digest()
    found: dict[str, str] = {}
    for path in sorted((out / FOLDER).glob("journal*.jsonl")):
        try:
            found |= _noted(path, digest)
        except OSError as error:
            raise WriteError(f"{safe_name(path)} cannot be read: {error.strerror}") from error
    return found


def _noted(path: Path, digest: str) -> dict[str, str]:
    """Read one file of notes."""
    found = {}
    with path.open("rb") as lines:
        for text in lines:
            try:
                note = json.loads(text)
                if note["settings"] == digest:
                    found[note["key"]] = json.dumps(note["record"])
            except (ValueError, KeyError, TypeError):
                continue  # torn by a crash, or not ours
    return found


class Journal:
    """The notes of one run (one shard), open for appending; used as a context manager.

    While they are open nobody else can have them: two runs would work on the same photos.
    """

    def __init__(self, out: Path, settings: Settings, shard: tuple[int, int]) -> None:
        self._digest = settings.digest()
        path = out / FOLDER / f"journal{_part(shard)}.jsonl"
        try:
            path.parent.mkdir(exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise WriteError(f"{safe_name(path)} cannot be written: {error.strerror}") from error
        try:
            hold(self._file.fileno(), out)
        except WriteError:
            self._file.close()
            raise
        if self._file.tell() > 0:
            self._file.write(b"\n")  # ends a line that a crash may have torn

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, key: str, record: Record) -> None:
        """Note that a photo is done."""
        note = {"settings": self._digest, "key": key, "record": record}
        self._file.write(json.dumps(note).encode() + b"\n")
        self._file.flush()


def line(row: dict[str, Any]) -> str:
    """One row as JSON, on one line."""
    return json.dumps(row, allow_nan=False)


def arrow() -> Any:
    """Return pyarrow, the extra ``parquet``.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    extra("pyarrow.parquet", "Parquet takes an extra", "parquet")
    return extra("pyarrow", "Parquet takes an extra", "parquet")


def write_tables(
    out: Path, rows: list[str], shard: tuple[int, int], *, parquet: bool = False
) -> tuple[Path, ...]:
    """Write the rows (JSON each) as ``results.csv``, ``results.jsonl`` and if wanted Parquet."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        values = json.loads(row)
        table.writerow([values.get(column) for column in COLUMNS])
    names = [out / f"results{_part(shard)}{ending}" for ending in (".csv", ".jsonl")]
    save(names[0], text.getvalue().encode("utf-8", "surrogateescape"))
    save(names[1], "".join(row + "\n" for row in rows).encode())
    if parquet:
        names.append(out / f"results{_part(shard)}.parquet")
        save(names[2], _parquet(rows))
    return tuple(names)


def _parquet(rows: list[str]) -> bytes:
    """Return the columns of the CSV table as a Parquet file."""
    pa = arrow()
    kinds = {column: pa.float64() for column in _NUMBERS}
    kinds |= {"width": pa.int64(), "height": pa.int64()}
    schema = pa.schema([(column, kinds.get(column, pa.string())) for column in COLUMNS])
    values = [json.loads(row) for row in rows]
    columns = {column: [_text(one.get(column)) for one in values] for column in COLUMNS}
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table(columns, schema=schema), sink)
    return bytes(sink.getvalue())


def _text(value: Any) -> Any:
    """Text as Parquet takes it: names of files need not be Unicode."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _part(shard: tuple[int, int]) -> str:
    return "" if shard[1] == 1 else f"-{shard[0]}-of-{shard[1]}"
