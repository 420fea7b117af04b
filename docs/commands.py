"""Write docs/commands.md: the `--help` of every command, as it is printed.

python docs/commands.py          # write it
"""

import os
from pathlib import Path

os.environ["COLUMNS"] = "90"
os.environ["TERM"] = "dumb"

PAGE = Path(__file__).with_name("commands.md")
INTRODUCTION = """# Commands

The text of `cepstro --help` and of each command's `--help`, copied by `python docs/commands.py`; a
test compares it with what the commands print.

Results go to standard output, everything else to standard error. Exit status 0: done, 1: an error
said in one line, 2: wrong usage, 3: analysed, but no defocus found (deblur: no blur that can be
undone), 130: stopped by Ctrl-C. A file appears whole or not at all, nothing but the OUT named is
overwritten, and OUT is the input only with `--overwrite`.

Shell completion: `cepstro --install-completion`.
"""


def pages() -> dict[str, str]:
    """The help text of the whole command and of each subcommand, by its name."""
    from typer.testing import CliRunner

    from cepstro.cli import app

    names = [command.callback.__name__ for command in app.registered_commands]
    for group in app.registered_groups:
        parts = [command.callback.__name__ for command in group.typer_instance.registered_commands]
        names += [group.name, *(f"{group.name} {part}" for part in parts)]
    texts = {}
    for name in ["", *names]:
        done = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="cepstro")
        texts[f"cepstro {name}".strip()] = done.stdout.strip()
    return texts


def page() -> str:
    """The whole page."""
    parts = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in pages().items()]
    return "\n".join([INTRODUCTION, *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
