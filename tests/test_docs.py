"""The documentation: every example runs, the copies of --help are true, every name is listed."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cepstro
from cepstro.cli import app

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), TOP / "README.md"])
BLOCK = re.compile(r"^```(sh|bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETUP = 2  # the README's first two blocks make an environment: CI runs them

sys.path.insert(0, str(TOP / "figures"))
sys.path.insert(0, str(DOCS))


def blocks(page: Path) -> list[tuple[str, str]]:
    """Kind and text of a page's examples."""
    found = BLOCK.findall(page.read_text("utf-8"))
    return found[SETUP:] if page.name == "README.md" else found


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the photos that the examples speak of."""
    import example

    clean, blurred = (pixels[:320, 90:410] for pixels in example.pair())
    Image.fromarray(blurred).save(tmp_path / "blurry.jpg", quality=92)
    Image.fromarray(clean).save(tmp_path / "sharp.png")
    (tmp_path / "figures").symlink_to(TOP / "figures")
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    return tmp_path


def run_shell(text: str) -> None:
    """Run the lines of an ``sh`` block: cepstro in this process, the rest in one of its own."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "cepstro":
            done = CliRunner().invoke(app, words[1:], prog_name="cepstro")
            assert done.exit_code == 0, f"{line}: {done.output}"
        else:
            words[0] = sys.executable if words[0] == "python" else words[0]
            subprocess.run(words, check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p)], ids=lambda page: str(page.relative_to(TOP))
)
def test_every_example_of_a_page_runs(page, desk):
    names: dict[str, object] = {"__name__": "example_of_the_docs"}
    for kind, text in blocks(page):
        if kind == "sh":
            run_shell(text)
        elif kind == "bash":
            subprocess.run(["bash", "-uc", text], check=True, capture_output=True, timeout=120)
        else:
            exec(compile(text, str(page), "exec"), names)


def modules() -> list[str]:
    found = pkgutil.walk_packages(cepstro.__path__, "cepstro.")
    return [module.name for module in found if module.name != "cepstro.__main__"]


@pytest.mark.parametrize("name", modules())
def test_examples_of_the_docstrings_run(name):
    module = importlib.import_module(name)
    with np.printoptions(legacy=False):
        assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def words_of(text: str) -> list[str]:
    """The words of a help text; what Typer adds to them differs with its version."""
    return re.findall(r"[A-Za-z0-9-]+", re.sub(r"[\[{<][^\]}>]*[\]}>]", "", text))


def test_copies_of_help_are_true():
    import commands

    stored = commands.PAGE.read_text("utf-8")
    copies = dict(re.findall(r"^## (.*?)\n\n```text\n(.*?)\n```$", stored, re.M | re.S))
    printed = commands.pages()
    assert copies.keys() == printed.keys()
    for name, text in printed.items():
        assert words_of(copies[name]) == words_of(text), f"run: python docs/commands.py ({name})"


def test_every_public_name_is_in_the_reference():
    text = (DOCS / "reference.md").read_text("utf-8")
    assert [n for n in cepstro.__all__ if not re.search(rf":: cepstro\.{n}[.\n]", text)] == []


def test_every_option_is_explained():
    import commands

    for name, text in commands.pages().items():
        body = text.split("Options:")[1]
        for line in re.findall(r"^  (-\S.*)$", body, re.M):
            option = line.split("  ")[0]
            after = body.split(option, 1)[1].strip()
            assert re.match(r"[A-Za-z]", after), f"{name}: {option} has no help"


def test_readme_has_two_commands_that_do_all_the_set_up():
    found = BLOCK.findall((TOP / "README.md").read_text("utf-8"))[:SETUP]
    assert [kind for kind, _ in found] == ["sh", "sh"]
    for _, text in found:
        assert len(text.strip().splitlines()) == 1
        assert text.startswith("python3 -m venv .venv && ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_pictures_and_links_of_a_page_exist(page):
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    targets += re.findall(r"```\{(?:image|figure)\} (\S+)", text)
    for target in targets:
        path = page.parent / target
        assert path.exists() or path.with_suffix(".md").exists(), f"{target} is missing"
