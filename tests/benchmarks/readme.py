"""Write the short form of the benchmark tables into the README.

    python tests/benchmarks/readme.py

Takes rows from results/*.md, as the benchmarks saved them, and puts them between the README's
``<!-- results -->`` marks. Run it whenever a benchmark was run; tables not at hand are left out.
"""

from __future__ import annotations

import re
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[2] / "README.md"
MARKS = ("<!-- results -->", "<!-- /results -->")


def section(name: str, title: str) -> list[list[str]]:
    """Cells of the first table under a heading of results/NAME.md; empty without the file."""
    path = RESULTS / f"{name}.md"
    if not path.exists():
        return []
    text = path.read_text("utf-8")
    after = text.split(f"## {title}\n", 1)[1] if title else text
    table = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)
    lines = table[0].splitlines() if table else []
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def columns(rows: list[list[str]], keep: list[int], names: list[str]) -> list[str]:
    """Some columns of a table under new names, as Markdown lines."""
    head = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return head + ["| " + " | ".join(row[i] for i in keep) + " |" for row in rows[2:]]


def short_form() -> str:
    """The README's section."""
    parts: list[str] = []
    rows = section("accuracy", "Diameter of disks of 3 to 60 px, by condition")
    if rows:
        rows = [[*row[:-1], row[-1].split(",")[0]] for row in rows]
        rows = [[cell.replace(" (nan %)", "") for cell in row] for row in rows]
        parts += [
            "Diameter of disks of 3 to 60 px, from one photo (`tests/benchmarks/accuracy.py`; "
            "refused: no answer rather than a wrong one):",
            "",
            *columns(
                rows,
                [0, 1, 2, 6, 7, 9],
                [
                    "condition",
                    "photos",
                    "median error, px (above 20 px: in %)",
                    "gross errors",
                    "refused",
                    "bare ring",
                ],
            ),
            "",
        ]
    rows = section("accuracy", "Real photos and lenses")
    if rows:
        names = ["real photo", "by hand, px", "verdict", "measured, px", "confidence"]
        parts += [*columns(rows, [0, 1, 2, 3, 4], names), ""]
    rows = section("restoration", "PSNR, dB, whole frame")
    # The check of our own Wiener is no peer; at 33 px it fails on smooth photos.
    rows = [row for row in rows if not row[0].startswith("1/f^2")]
    if rows:
        last = len(rows[0]) - 1
        about = (RESULTS / "restoration.md").read_text("utf-8").splitlines()[0].lstrip("# ")
        parts += [
            f"Restoration (`tests/benchmarks/restoration.py`). {about}; PSNR in dB, whole frame:",
            "",
            *columns(rows, list(range(last + 1)), rows[0]),
            "",
        ]
    rows = section("pairs", "Transfer to another photo, PSNR, dB")
    if rows:
        parts += [
            "Kernels from pairs, laid on another photo (`tests/benchmarks/pairs.py`): PSNR against "
            "the true blur in dB, median and worst; naive: the quotient of the spectra.",
            "",
            *columns(rows, list(range(len(rows[0]))), rows[0]),
            "",
        ]
    rows = section("speed", "")
    if rows:
        parts += [
            "Speed on two cores against bare work beside it (`tests/benchmarks/speed.py`):",
            "",
            *columns(rows, list(range(len(rows[0]))), rows[0]),
            "",
        ]
    return "\n".join(parts)


if __name__ == "__main__":
    text = README.read_text("utf-8")
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    README.write_text(f"{before}{MARKS[0]}\n{short_form()}\n{MARKS[1]}{after}", "utf-8")
