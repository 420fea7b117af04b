"""Many photos: analysed, deblurred or blurred by several processes, with a table of results.

Every photo is worked on alone (`task`), by one of several processes (`crew`) or on a Dask cluster
(`cluster`), and written down when it is done (`ledger`): work that was stopped, by Ctrl-C or kill
-9, goes on where it was, and what is done and intact is not done again. Tables are put in place at
the end, whole, with a row for each photo in the order of the input.

The room is not called ``batch``: a module of that name would hide the function `cepstro.batch` as
soon as anything imported it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cepstro.errors import WriteError
from cepstro.fft import threads
from cepstro.many import cluster, crew, ledger, places
from cepstro.many.task import Settings
from cepstro.photo import read, safe_name
from cepstro.psf import PSF
from cepstro.synthesis import likeness

__all__ = ["Batch", "batch"]


@dataclass(slots=True)
class Batch:
    """How far many photos have come, and in the end what became of them.

    Attributes
    ----------
    total, done : int
        Photos in all, and those that are finished, one way or another.
    kept : int
        Of them: done by an earlier run and still intact.
    failed : int
        Photos that could not be read, worked on or written.
    verdicts : Counter
        How many photos got which verdict.
    tables : tuple of Path
        The tables, once they are written.
    """

    total: int
    done: int = 0
    kept: int = 0
    failed: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    tables: tuple[Path, ...] = ()


def batch(
    task: Literal["analyze", "deblur", "blur"],
    photos: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    psf: PSF | None = None,
    nsr: float | None = None,
    method: str | None = None,
    like: str | os.PathLike[str] | None = None,
    grain: bool = True,
    jpeg: bool = False,
    scale: float = 1.0,
    seed: int = 0,
    name: str = "{stem}{ending}",
    quality: int | None = None,
    max_pixels: int | None = None,
    parquet: bool = False,
    shard: tuple[int, int] = (1, 1),
    jobs: int | None = None,
    client: Any = None,
    send: bool = False,
    progress: Callable[[Batch, dict[str, Any]], None] | None = None,
) -> Batch:
    """Analyse, deblur or blur many photos.

    Parameters
    ----------
    task : "analyze", "deblur" or "blur"
        What to do with each.
    photos : paths
        Files, and folders that are searched for photos, subfolders too.
    out : path
        Folder for the tables and pictures, made if it is missing. Pictures keep the subfolders
        that they were found in.
    psf : PSF, optional
        The blur to undo or lay. Deblurring without it measures each photo first.
    nsr, method : optional
        As for `deblur`.
    like : path, optional
        A photo whose blur is measured, once, and laid on the others instead of a `psf`.
    grain, jpeg, scale, seed : optional
        With `like`, as for `match`; every photo gets grain of its own.
    name : str
        Names of the pictures: ``{stem}`` and ``{ending}`` are those of the photo.
    quality, max_pixels : int, optional
        As for `write` and `read`.
    parquet : bool
        Write ``results.parquet`` too (extra ``parquet``).
    shard : (int, int)
        (I, N): only every N-th photo from the I-th on, I from 1; for array jobs.
    jobs : int, optional
        Processes; default the cores. Each holds one photo at a time.
    client : distributed.Client, optional
        A Dask cluster that works instead of processes here (extra ``cluster``); its workers see
        photos and `out` under the same paths, unless `send` is given.
    send : bool
        Send the cluster's workers the files themselves, and take the pictures back.
    progress : callable, optional
        Called after each photo with the `Batch` so far and the photo's row; an exception raised in
        it stops the work.

    Returns
    -------
    Batch
        The counts, and where the tables are: ``results.csv`` and ``results.jsonl``, one row a
        photo, in the order of the input.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, among them two photos with one name for their pictures.
    NoDefocusError
        If `like` shows no blur.
    MissingExtraError
        If an extra is not installed.
    ClusterError
        If the Dask scheduler no longer answers.
    WriteError
        If the folder cannot be written to, or another run (of the same shard) is writing there.

    Notes
    -----
    A photo is not done again if `out` holds a note that this version did it with these settings,
    the file has the size, time and content of then, and so has the picture made of it.
    Call this under ``if __name__ == "__main__":``, as all that starts processes.
    """
    if send and client is None:
        raise ValueError("send goes with client: processes here see the files")
    if parquet:
        ledger.arrow()
    model = None if like is None else likeness(read(like, max_pixels=max_pixels))
    settings = Settings(
        task, psf, nsr, method, quality, max_pixels, model, grain, jpeg, scale, seed
    )
    part, parts = shard
    if not 1 <= part <= parts:
        raise ValueError(f"shard must be I, N with 1 <= I <= N, got {part}, {parts}")
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be >= 1, got {jobs}")
    folder = Path(out)
    items = places.find(photos, folder, None if task == "analyze" else name)
    items = items[part - 1 :: parts]
    for one in (folder, *sorted({item.target.parent for item in items if item.target is not None})):
        _make(one)
    done = Batch(len(items))
    rows: dict[int, str] = {}
    known = ledger.known(folder, settings)
    questions = [(item, known.get(item.key)) for item in items]
    with ledger.Journal(folder, settings, shard) as journal:
        if client is None:
            answers = crew.locally(settings, questions, min(jobs or threads(), len(items) or 1))
        else:
            answers = cluster.remotely(settings, questions, client, send=send)
        try:
            for index, record, kept in answers:
                row = record["row"]
                if row["status"] != "failed" and not kept:
                    journal.add(items[index].key, record)
                rows[index] = ledger.line(row)
                done.done += 1
                done.kept += kept
                done.failed += row["status"] == "failed"
                if row.get("verdict"):
                    done.verdicts[row["verdict"]] += 1
                if progress is not None:
                    progress(done, row)
        finally:
            answers.close()
        table = [rows[i] for i in range(len(items))]
        done.tables = ledger.write_tables(folder, table, shard, parquet=parquet)
    return done


def _make(folder: Path) -> None:
    """Make a folder for results."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise WriteError(
            f"{safe_name(folder)} cannot be a folder: a file is in its way; name another folder "
            "for the results"
        ) from error
    except OSError as error:
        raise WriteError(f"{safe_name(folder)} cannot be made: {error.strerror}") from error
