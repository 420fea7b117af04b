"""What a person sees when something goes wrong: one line and an exit status, never a traceback.

`Guarded` is the Typer group that every command runs in. It turns wrong usage, the errors of
`cepstro.errors`, a full disk, too little memory, a closed pipe and Ctrl-C into one sentence each;
an unexpected exception becomes a sentence that says how to report it, and
``CEPSTRO_TRACEBACK=1`` prints the traceback to put into the report.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from cepstro.errors import CepstroError

INTERRUPTED = 130  # 128 + SIGINT, as shells count it
_afterwards: list[str] = []  # lines for the end of the command that runs


class Guarded(TyperGroup):
    """A group of commands whose every failure is one line on standard error."""

    def main(self, *args: Any, **keywords: Any) -> Any:
        """Run the command line and leave with the exit status that `cepstro.cli` names."""
        for name in ("stdout", "stderr"):
            stream: Any = getattr(sys, name)
            if stream is None:  # closed by whoever started us: what is said there is lost
                setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
            elif hasattr(stream, "reconfigure"):  # a terminal that lacks a sign shows its code
                stream.reconfigure(errors="backslashreplace")
        keywords["standalone_mode"] = False  # errors come here instead of being printed there
        _afterwards.clear()
        try:
            status = super().main(*args, **keywords)
            sys.stdout.flush()
            for line in dict.fromkeys(_afterwards):
                _say(line)
        except SystemExit:
            raise
        except BaseException as error:
            _leave(error)
        sys.exit(status if isinstance(status, int) else 0)


def shown(text: object) -> str:
    """Escape control characters: safe for a terminal, and on one line."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii")
        for c in str(text)
    )


def complain(message: object) -> None:
    """One line on standard error."""
    _say(f"cepstro: {shown(' '.join(str(message).split()))}")


def mention(text: str) -> None:
    """Say a line on standard error when the command has ended well; an error stands alone."""
    _afterwards.append(shown(text))


def need_command(context: typer.Context) -> None:
    """Print the help of a group that was given no command, which is wrong usage."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def _leave(error: BaseException) -> NoReturn:
    if os.environ.get("CEPSTRO_TRACEBACK") == "1":
        import traceback

        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        _say("")
        sys.exit(INTERRUPTED)
    if isinstance(error, BrokenPipeError):  # the reader of our output has left: nothing to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    status, message = _sentence(error)
    complain(message)
    sys.exit(status)


def _sentence(error: BaseException) -> tuple[int, str]:
    """Exit status and sentence of an error."""
    if hasattr(error, "format_message"):  # the parser's own errors: wrong usage
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "cepstro"
        text = error.format_message().rstrip().rstrip(".")
        return int(getattr(error, "exit_code", 2)), f"{text}. See `{command} --help`."
    if isinstance(error, CepstroError):
        return error.exit_code, str(error)
    if isinstance(error, MemoryError):
        return 1, "not enough memory for this picture: crop or reduce it, or close other programs"
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return 1, f"{error.strerror}{where}"
    if isinstance(error, (OSError, ValueError)):
        return 1, str(error)
    return 1, (
        f"something went wrong inside cepstro ({type(error).__name__}: {error}). Please report it "
        "with the command you gave and what it prints with CEPSTRO_TRACEBACK=1 set"
    )


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # standard error closed: there is nobody to tell
        print(line, file=sys.stderr, flush=True)
