"""Hard files through every command: no traceback, no hang, little memory, no OUT after an error.

Each command runs in a process of its own (forked from one that has imported cepstro, which saves a
second each). By default a part of the files runs; all of them, with the counts:
``pytest -m benchmark -s tests/test_hard_files.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cepstro.cli import app
from tests.degrade import DATA

HARD = sorted(path for path in (DATA / "hard").rglob("*") if path.is_file())
pytestmark = pytest.mark.skipif(not HARD, reason=f"no hard files in {DATA}")

SECONDS, MEGABYTES = 20, 1500
COMMANDS = {
    "blur": ["blur", "-a", "5", "{file}", "{out}"],
    "deblur -a": ["deblur", "-a", "5", "{file}", "{out}"],
    "cepstrum": ["cepstrum", "{file}", "{out}"],
    "analyze": ["analyze", "--json", "{file}"],
    "deblur": ["deblur", "{file}", "{out}"],
    "kernel": ["kernel", "--size", "9", "{file}", "{file}", "{out}"],
}
CHEAP = ("blur", "deblur -a", "cepstrum")

RUNNER = """
import json, os, resource, signal, sys, tempfile, time
from pathlib import Path
import cepstro, cepstro.analysis, cepstro.photo, cepstro.restore, cepstro.synthesis
from cepstro.cli import main
import imagecodecs, scipy.fft, tifffile
from PIL import Image
for line in sys.stdin:
    arguments = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            signal.alarm(60)
            sys.argv = ["cepstro", *arguments]
            try:
                main()
                status = 0
            except SystemExit as leaving:
                status = leaving.code or 0
            sys.stdout.flush()
            os._exit(status)
        _, status, used = os.wait4(child, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        print(json.dumps([
            os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss / 1024,
            out.read().decode(errors="replace"), err.read().decode(errors="replace"),
        ]), flush=True)
"""


def through(jobs: list[tuple[Path, str]], folder: Path) -> Counter[str]:
    """Run the jobs, check each, and count how they ended."""
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"},
    )
    assert runner.stdin is not None
    assert runner.stdout is not None
    ends: Counter[str] = Counter()
    out = folder / "out.png"
    with runner:
        for file, name in jobs:
            job = [word.format(file=file, out=out) for word in COMMANDS[name]]
            runner.stdin.write(json.dumps(job) + "\n")
            runner.stdin.flush()
            status, seconds, peak, printed, told = json.loads(runner.stdout.readline())
            what = f"cepstro {' '.join(job)}: status {status}, {told[-300:]}"
            assert status in (0, 1, 3), what
            assert "Traceback" not in told, what
            assert "inside cepstro" not in told, what
            assert seconds < SECONDS, what
            assert peak < MEGABYTES, what
            written = [path.name for path in folder.iterdir()]
            if status == 1:
                assert told.startswith("cepstro: "), what
                assert len(told.splitlines()) == 1, what
                assert printed == "", what
            if status == 0 and "{out}" in COMMANDS[name]:
                assert written == ["out.png"], what
                out.unlink()
            else:
                assert written == [], what
            ends["opened" if status != 1 else "refused"] += 1
        runner.stdin.close()
    return ends


def test_some_hard_files_through_each_command(tmp_path):
    some = [*HARD[::8], *(DATA / "hard" / "made").glob("*")]
    jobs = [(file, CHEAP[i % 3]) for i, file in enumerate(some)]
    jobs += [(file, name) for file in HARD[5::100] for name in ("analyze", "deblur")]
    ends = through(jobs, tmp_path)
    # Many are icons of 32 px, which are blurred, but too small to be analysed.
    assert min(ends["opened"], ends["refused"]) > 0.4 * len(jobs)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("float_nan_inf_negative.tif", "not finite numbers"),
        ("black.png", "the picture is flat"),
        ("white.png", "the picture is flat"),
        ("1x1.png", "at least 64 px a side"),
        ("float_huge_range.tif", None),
        ("uint16_only10bits.tif", None),
    ],
)
def test_odd_numbers_are_analysed_or_refused_for_a_reason(name, reason):
    done = CliRunner().invoke(app, ["analyze", str(DATA / "hard" / "made" / name)])
    if reason is None:
        assert done.exit_code in (0, 3), done.output
    else:
        assert done.exit_code == 1
        assert reason in done.stderr


def test_awkward_names_are_echoed_safely(tmp_path):
    names = ["a\x1b[31m red.png", "new\nline.png", "bell\x07.jpg", "-n.png", "ä ö \u202e.png"]
    for name in names:
        file = tmp_path / name
        file.write_bytes(b"no photo")
        done = subprocess.run(
            [sys.executable, "-m", "cepstro", "analyze", f"./{name}"],
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        told = done.stderr.decode()
        assert done.returncode == 1
        assert told.rstrip("\n").isprintable(), told
        assert "no photo of a known kind" in told


@pytest.mark.benchmark
@pytest.mark.parametrize("command", COMMANDS)
def test_every_hard_file_through(command, tmp_path):
    ends = through([(file, command) for file in HARD], tmp_path)
    print(f"\ncepstro {command}: {len(HARD)} files, {dict(ends)}, 0 crashed")
