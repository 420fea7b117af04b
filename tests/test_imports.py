"""The architecture, enforced: who imports whom, what start-up loads, which names are public."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cepstro

PACKAGE = Path(cepstro.__file__).parent

# The path of the data (DESIGN): a room imports only from rooms before it. Foundations come first.
# radial stands before cepstrum because means around circles serve spectra and cepstra alike; the
# rooms between ring and analysis are the parts of ring, fit and analysis that outgrew them.
PATH = [
    "errors",
    "fft",
    "icc",
    "light",
    "photo",
    "spectrum",
    "radial",
    "cepstrum",
    "psf",
    "ring",
    "scan",
    "noise",
    "families",
    "descent",
    "fit",
    "gaussian",
    "iris",
    "motion",
    "race",
    "refine",
    "condition",
    "nsr",
    "reasons",
    "result",
    "view",
    "analysis",
    "chunks",
    "restore",
    "synthesis",
    "pair",
    "tiles",
    "many",
    "figures",
    "cli",
]
FREE = {"__init__", "__main__"}  # the lazy public names, and the command's front door

PUBLIC = {
    "Analysis",
    "BornWolf",
    "CepstroError",
    "Disk",
    "Gaussian",
    "Kernel",
    "Motion",
    "PSF",
    "Photo",
    "Polygon",
    "Ring",
    "analyze",
    "batch",
    "blur",
    "deblur",
    "errors",
    "estimate_kernel",
    "figures",
    "many",
    "match",
    "pair",
    "parse_psf",
    "read",
    "tiles",
    "write",
}

HEAVY = {"numpy", "scipy", "skimage", "matplotlib", "PIL", "tifffile", "imagecodecs", "rich"}


def room(path: Path) -> str:
    """The room that a source file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of cepstro that a source file imports anywhere, inside functions too."""
    package = ("cepstro", *path.relative_to(PACKAGE).parent.parts)
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            # "from cepstro import x" names a public thing: found where it is defined.
            modules = (
                [defined_in(alias.name) for alias in node.names]
                if module == "cepstro"
                else [module]
            )
        else:
            continue
        rooms |= {name.split(".")[1] for name in modules if name.startswith("cepstro.")}
    return rooms


def defined_in(name: str) -> str:
    """Where a name of ``cepstro`` itself comes from: its module, or the submodule of that name."""
    if name.startswith("__"):
        return "cepstro"
    if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file():
        return f"cepstro.{name}"
    return str(getattr(cepstro, name).__module__)


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if room(path) not in FREE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_rooms_before_them(path):
    home = room(path)
    assert home in PATH, f"{home} is no room that the design knows"
    allowed = set(PATH[: PATH.index(home) + 1])
    assert imported_rooms(path) <= allowed, f"{home} may import only {sorted(allowed)}"


def test_guard_sees_an_import_inside_a_function(tmp_path, monkeypatch):
    source = tmp_path / "light.py"
    source.write_text("def f():\n    from cepstro.photo import read\n    return read\n")
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert imported_rooms(source) == {"photo"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["deblur", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from cepstro.cli import main\n"
        f"sys.argv = ['cepstro', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as leave:\n    assert not leave.code, leave.code\n"
        f"print('loaded:', *sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


def test_public_names_are_pinned():
    assert set(cepstro.__all__) == PUBLIC


def test_every_public_name_resolves():
    for name in cepstro.__all__:
        assert getattr(cepstro, name) is not None


REFERENCE = PACKAGE.parent / "docs" / "reference.md"
NAMES = re.findall(r"auto\w+:: (cepstro\.\w+\.\w+)", REFERENCE.read_text("utf-8"))


@pytest.mark.parametrize("name", [*NAMES, "cepstro.errors.ReadError"])
def test_every_name_of_the_reference_is_reached_from_cepstro_alone(name):
    code = f"import sys, cepstro; assert not {HEAVY!r} & set(sys.modules); {name}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
