"""Files put in place whole or not at all, and names shown safely.

The new content goes to a nameless file in the same folder, is flushed to the disk, and only then
takes the name of OUT in one step; a crash before that leaves what was there. Where the file system
knows no nameless files, a hidden one is used and removed again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cepstro.errors import WriteError

_LONGEST = 200  # characters of a name shown in a message


def safe_name(path: str | os.PathLike[str]) -> str:
    """Return a name fit for a message: nothing unprintable, the middle of a long one left out."""
    text = os.fspath(path)
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
    return (
        shown if len(shown) <= _LONGEST else shown[: _LONGEST // 2] + "…" + shown[-_LONGEST // 2 :]
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says of an error, fit for a message."""
    text = str(error).strip().splitlines()
    return safe_name(text[0]) if text else type(error).__name__


def check_output(
    path: str | os.PathLike[str],
    *inputs: str | os.PathLike[str] | None,
    overwrite: bool = False,
) -> Path:
    """Refuse a place that a result must not or cannot go to, before any work is done for it.

    Parameters
    ----------
    path : path
        OUT.
    *inputs : path
        Files that OUT must not be, under whatever name (links included), unless `overwrite`.
    overwrite : bool
        Allow OUT to be one of the inputs.

    Returns
    -------
    Path
        OUT as a Path.

    Raises
    ------
    WriteError
        If OUT is an input, a folder, a link, a device, read-only, or in a folder that is missing or
        read-only.
    """
    out = Path(path)
    name = safe_name(out)
    try:
        found = out.lstat()
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:
        raise WriteError(f"{name} cannot be written: {_why(error)}") from error
    if out.is_dir():
        raise WriteError(f"{name} is a folder; name a file in it")
    if found is not None:
        if not overwrite and any(same_file(out, source) for source in inputs if source is not None):
            raise WriteError(
                f"{name} is the input itself; name another file, "
                "or allow it with --overwrite (overwrite=True)"
            )
        if stat.S_ISLNK(found.st_mode):
            raise WriteError(f"{name} is a symbolic link; name the file that it should be")
        if not stat.S_ISREG(found.st_mode):
            raise WriteError(f"{name} is a device or pipe, not a file")
        if not found.st_mode & 0o222 or not os.access(out, os.W_OK):
            raise WriteError(f"{name} is read-only; allow writing or name another file")
    if not out.parent.is_dir():
        raise WriteError(f"the folder of {name} does not exist; make it first")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise WriteError(f"the folder of {name} is read-only")
    return out


def save(out: Path, data: bytes | bytearray | memoryview) -> None:
    """Put `data` in place as the file `out`, whole or not at all; permissions of an old file kept.

    Raises
    ------
    WriteError
        If the disk is full or the system refuses.
    """
    with placing(out) as file:
        file.write(data)


@contextlib.contextmanager
def placing(out: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the name `out` when all is written; after an error nothing is there.

    Raises
    ------
    WriteError
        If the disk is full or the system refuses.
    """
    hidden = out.parent / f".cepstro-{secrets.token_hex(8)}.tmp"
    try:
        mode = stat.S_IMODE(out.stat().st_mode) if out.exists() else None
        fd = _nameless(out.parent)
        named = fd is None
        if fd is None:
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
            fd = os.open(hidden, flags, 0o666)
        with os.fdopen(fd, "w+b") as file:
            yield file
            file.flush()
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
            os.fsync(fd)
            if not named:
                _give_name(fd, hidden)
        hidden.replace(out)
        _sync_folder(out.parent)
    except OSError as error:
        raise WriteError(f"{safe_name(out)} cannot be written: {_why(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)


def hold(fd: int, out: str | os.PathLike[str]) -> None:
    """Hold an open file or folder for this work alone, until it is closed, by whatever end.

    The system lets go of it when a process is killed, so that no lock is ever left behind. Where
    there are no such locks (Windows, some network disks) nothing is held.

    Raises
    ------
    WriteError
        If other work holds it; `out` is what both would write.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WriteError(
            f"another run is writing {safe_name(out)}; let it end, or name another place"
        ) from None
    except OSError:
        return


def _nameless(folder: Path) -> int | None:
    """Return a file without a name, which is gone if we are killed; None where that is unknown."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
    except OSError:
        return None


def _give_name(fd: int, path: Path) -> None:
    """Link a nameless file to a free name."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Only with a folder given does Python follow the link in /proc, as this needs.
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _sync_folder(folder: Path) -> None:
    """Make the new name last a power cut; not every system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def same_file(a: Path, b: str | os.PathLike[str]) -> bool:
    """Whether two names lead to one file that is there; False where that cannot be told."""
    try:
        return a.samefile(b)
    except OSError:
        return False


def _why(error: BaseException) -> str:
    """Return the system's reason in its own words, without the name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return safe_name(str(error))
