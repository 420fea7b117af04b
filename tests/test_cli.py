"""The command line: what it prints and refuses, and the exit statuses people script against."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cepstro
from cepstro.cli import app

runner = CliRunner()
DIAMETER = 14.0


def run(*arguments: object):
    return runner.invoke(app, [str(argument) for argument in arguments], prog_name="cepstro")


def process(*arguments: object, **keywords):
    """The real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cepstro", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        **keywords,
    )


def scene() -> np.ndarray:
    from skimage import data

    return data.astronaut()[80:400, 100:484]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def sharp(folder):
    path = folder / "clean.png"
    Image.fromarray(scene()).save(path)
    return path


@pytest.fixture(scope="module")
def blurry(folder):
    soft = cepstro.blur(scene().astype(np.float32) / 255, cepstro.Disk(DIAMETER))[10:-10, 10:-10]
    noise = np.random.default_rng(0).standard_normal(soft.shape)
    path = folder / "blurry.jpg"
    pixels = np.clip(np.rint(255 * soft + noise), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=92)
    return path


def test_analyze_says_what_it_found_in_a_sentence_first(blurry):
    done = run("analyze", blurry)
    assert done.exit_code == 0, done.output
    first = done.stdout.splitlines()[0]
    told = re.fullmatch(
        r"(Out|Probably out) of focus: a disk ([\d.]+) \+- [\d.]+ px across.*", first
    )
    assert told and float(told[2]) == pytest.approx(DIAMETER, abs=0.2)
    assert "`cepstro deblur`" in first
    assert f"cepstro deblur {blurry}" in done.stdout


def test_analyze_json_is_the_analysis(blurry):
    done = run("analyze", blurry, "--json")
    told = json.loads(done.stdout)
    assert told == json.loads(json.dumps(cepstro.analyze(cepstro.read(blurry)).to_dict()))
    assert told["verdict"] == "defocus"
    assert told["diameter"] == pytest.approx(DIAMETER, abs=0.2)


def test_no_defocus_is_status_3_and_analyze_still_prints(sharp, tmp_path):
    done = run("analyze", sharp)
    assert done.exit_code == 3
    assert "Why:" in done.stdout
    out = tmp_path / "out.png"
    done = run("deblur", sharp, out)
    assert done.exit_code == 3
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_deblur_without_options_measures_first(blurry, tmp_path):
    out = tmp_path / "out.png"
    done = run("deblur", blurry, out, "--psf-out", tmp_path / "psf.json")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "a disk 14.0" in done.stderr
    truth = scene()[10:-10, 10:-10].astype(float)
    before, after = (cepstro.read(path).pixels.astype(float) for path in (blurry, out))
    assert np.mean((after - truth) ** 2) < 0.6 * np.mean((before - truth) ** 2)
    again = tmp_path / "again.png"
    assert run("deblur", blurry, again, "--psf", tmp_path / "psf.json").exit_code == 0


@pytest.mark.parametrize("same", [["-n", "0.0005"], ["-n", "5e-4"], ["--snr", "2000"], ["-n.0005"]])
def test_one_constant_however_it_is_written(blurry, tmp_path, same):
    out = tmp_path / "out.png"
    assert run("deblur", "-a", "14", *same, blurry, out).exit_code == 0
    expected = cepstro.deblur(cepstro.read(blurry), cepstro.Disk(14), nsr=5e-4)
    assert np.array_equal(cepstro.read(out).pixels, expected.pixels)


@pytest.mark.parametrize(
    "wrong",
    [
        ["-n", "nan"],
        ["-n", "-1"],
        ["-n", "inf"],
        ["-n", "-inf"],
        ["-n", "5e"],
        ["--snr", "0"],
        ["--snr", "nan"],
        ["-a", "nan"],
        ["-a", "0"],
        ["-a", "-3"],
        ["-a", "inf"],
        ["-a", "1e999"],
        ["-a", "1e7"],
        ["-a", "900"],
        ["--noise", "nan"],
        ["--noise", "-0.1"],
        ["-a", "9", "-n", "1e-3", "--snr", "1000"],
        ["-a", "9", "-r", "30"],
        ["-t", "motion"],
        ["-t", "motion", "-a", "9", "-r", "nan"],
        ["-t", "zoom"],
        ["--psf", "disk:-3"],
        ["--psf", "disk:nan"],
        ["--psf", "blob:3"],
        ["--psf", "missing.json"],
        ["--psf", "disk:3", "-a", "3"],
        ["--method", "magic"],
        ["--region", "1,2,3"],
        ["--region", "0,0,0,5"],
        ["--region", "-1,0,5,5"],
        ["--region", "a,b,c,d"],
        ["--max-pixels", "0"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_status_2(blurry, tmp_path, wrong):
    out = tmp_path / "out.png"
    done = run("deblur", *wrong, blurry, out)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("cepstro: ")
    assert not out.exists()


def test_motion_is_undone_along_its_direction(sharp, tmp_path):
    moved, still = tmp_path / "moved.png", tmp_path / "still.png"
    assert run("blur", "-t", "motion", "-a", "15", "-r", "30", sharp, moved).exit_code == 0
    done = run("deblur", "-t", "motion", "-a", "15", "-r", "30", "-n", "1e-3", moved, still)
    assert done.exit_code == 0, done.output
    truth, before, after = (cepstro.read(p).pixels.astype(float) for p in (sharp, moved, still))
    assert np.mean((after - truth) ** 2) < 0.5 * np.mean((before - truth) ** 2)


def test_blur_needs_to_know_which(sharp, tmp_path):
    done = run("blur", sharp, tmp_path / "out.png")
    assert done.exit_code == 2
    assert "-a DIAMETER" in done.stderr


def test_blur_is_the_library_blur(sharp, tmp_path):
    out = tmp_path / "out.png"
    assert run("blur", "--psf", "ring:9,hole=0.5", sharp, out).exit_code == 0
    expected = cepstro.blur(cepstro.read(sharp), cepstro.Ring(9, hole=0.5))
    assert np.array_equal(cepstro.read(out).pixels, expected.pixels)


def test_cepstrum_shows_a_dark_ring_of_diameter_2d_centred(blurry, tmp_path):
    out = tmp_path / "ring.png"
    done = run("cepstrum", "-G", "-s", "50", blurry, out)
    assert done.exit_code == 0, done.output
    picture = cepstro.read(out).pixels.astype(float)
    assert picture.ndim == 2 and picture.shape == (150, 150)
    n = picture.shape[0]
    y, x = np.mgrid[:n, :n] - n // 2
    radius = np.rint(np.hypot(y, x)).astype(int)
    profile = np.bincount(radius.ravel(), picture.ravel()) / np.bincount(radius.ravel())
    assert 5 + np.argmin(profile[5 : n // 2]) == pytest.approx(DIAMETER, abs=1)


def test_cepstrum_has_colours_without_grey(blurry, tmp_path):
    out = tmp_path / "ring.png"
    assert run("cepstrum", blurry, out).exit_code == 0
    assert cepstro.read(out).shape == (74, 74, 3)


def test_figure_and_psf_are_written(blurry, tmp_path):
    figure, psf = tmp_path / "why.png", tmp_path / "psf.json"
    assert run("analyze", blurry, "--figure", figure, "--psf-out", psf).exit_code == 0
    assert min(cepstro.read(figure).shape[:2]) > 600
    assert abs(cepstro.parse_psf(str(psf)).diameter - DIAMETER) < 0.2


def test_figure_of_another_kind_is_refused_before_the_work(blurry, tmp_path):
    done = run("analyze", blurry, "--figure", tmp_path / "why.doc")
    assert done.exit_code == 1
    assert ".png, .svg or .pdf" in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("option", "name", "endings"),
    [
        ("--psf-out", "blur.txt", ".json"),
        ("--report", "page.txt", ".html or .htm"),
        ("--figure", "why.jpg", ".png, .svg or .pdf"),
    ],
)
def test_a_name_that_does_not_say_what_it_holds_is_refused(blurry, tmp_path, option, name, endings):
    done = run("analyze", blurry, option, tmp_path / name)
    assert done.exit_code == 1 and done.stdout == ""
    assert f"must end in {endings}, got" in done.stderr
    assert not list(tmp_path.iterdir())


def test_only_a_photo_may_take_the_place_of_the_photo(blurry, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(blurry.read_bytes())
    done = run("analyze", photo, "--figure", photo)
    assert done.exit_code == 1
    assert "is the input itself; name another file" in done.stderr
    assert "--overwrite" not in done.stderr  # which analyze does not take
    assert photo.read_bytes() == blurry.read_bytes()


@pytest.mark.parametrize("what", ["missing", "folder", "text", "empty", "tiny", "flat", "nan"])
@pytest.mark.parametrize("command", ["analyze", "deblur", "blur", "cepstrum"])
def test_bad_photos_get_one_sentence(tmp_path, what, command):
    photo = tmp_path / "photo.jpg"
    if what == "folder":
        photo.mkdir()
    elif what == "text":
        photo.write_text("not a photo")
    elif what == "empty":
        photo.touch()
    elif what == "tiny":
        Image.new("RGB", (1, 1)).save(photo)
    elif what == "flat":
        Image.new("L", (200, 200), 90).save(photo)
    elif what == "nan":
        import tifffile

        photo = tmp_path / "photo.tif"
        values = np.random.default_rng(0).random((64, 64)).astype(np.float32)
        values[3, 4] = np.nan
        tifffile.imwrite(photo, values)
    out = tmp_path / "out.png"
    more = {"analyze": [], "deblur": [out], "blur": ["-a", "3", out], "cepstrum": [out]}[command]
    before = sorted(tmp_path.rglob("*"))
    done = run(command, photo, *more)
    assert done.exit_code in (0, 1, 3)
    assert "inside cepstro" not in done.stderr  # no accident, nor a warning, which is one in tests
    if done.exit_code == 1 or (done.exit_code == 3 and command == "deblur"):
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert sorted(tmp_path.rglob("*")) == before
    if what in ("missing", "folder", "text", "empty", "nan"):
        assert done.exit_code == 1
    if command == "deblur":
        assert done.exit_code in (1, 3)


def test_out_may_not_be_the_photo_unless_allowed(tmp_path, blurry):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(blurry.read_bytes())
    before = photo.read_bytes()
    done = run("blur", "-a", "5", photo, photo)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert photo.read_bytes() == before
    assert run("blur", "-a", "5", photo, photo, "--overwrite").exit_code == 0
    assert photo.read_bytes() != before


def test_out_in_a_missing_folder_is_refused_before_the_work(blurry, tmp_path):
    done = run("blur", "-a", "5", blurry, tmp_path / "no" / "out.png")
    assert done.exit_code == 1 and "folder" in done.stderr


def test_max_pixels_is_a_guard(blurry, tmp_path):
    done = run("analyze", "--max-pixels", "1000", blurry)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1


def test_region_outside_the_photo_is_wrong_usage(blurry):
    done = run("analyze", "--region", "0,0,5000,5000", blurry)
    assert done.exit_code == 2
    assert "364 x 300" in done.stderr


def test_control_characters_in_names_are_shown_escaped(tmp_path):
    done = run("analyze", tmp_path / "a\x1b[31m\nb.jpg")
    assert done.exit_code == 1
    assert "\x1b" not in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (MemoryError(), 1, "not enough memory"),
        (RuntimeError("boom"), 1, "Please report it"),
        (KeyboardInterrupt(), 130, ""),
        (OSError(28, "No space left on device", "x"), 1, "No space left"),
        (ConnectionError("no scheduler answers"), 1, "cepstro: no scheduler answers"),
        (RecursionError("deep"), 1, "Please report it"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_error_shows_a_traceback(monkeypatch, blurry, tmp_path, error, status, words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(cepstro, "blur", fail)
    out = tmp_path / "out.png"
    done = run("blur", "-a", "5", blurry, out)
    assert done.exit_code == status
    assert words in done.stderr and "Traceback" not in done.output
    assert not out.exists()


def test_traceback_is_there_for_a_report(monkeypatch, blurry, tmp_path):
    def fail(*_, **__):
        raise RuntimeError("boom")

    monkeypatch.setattr(cepstro, "blur", fail)
    monkeypatch.setenv("CEPSTRO_TRACEBACK", "1")
    assert "Traceback" in run("blur", "-a", "5", blurry, tmp_path / "out.png").stderr


@pytest.mark.parametrize("words", [[], ["batch"]])
def test_no_command_prints_the_help(words):
    done = run(*words)
    assert done.exit_code == 2 and done.stderr == ""
    assert done.stdout.startswith(" ".join(["Usage: cepstro", *words, "[OPTIONS]"]))
    assert "\nCommands:\n" in done.stdout


def test_version():
    assert run("--version").stdout.strip() == f"cepstro {cepstro.__version__}"


@pytest.mark.parametrize("command", ["analyze", "deblur", "blur", "kernel", "cepstrum"])
def test_help_of_each_command_has_two_examples(command):
    text = run(command, "--help").stdout
    assert text.count(f"  cepstro {command} ") >= 2


def test_help_says_that_the_ring_is_twice_the_blur():
    assert "TWICE" in run("cepstrum", "--help").stdout


def test_real_process_says_one_line_and_leaves_with_its_status(tmp_path, blurry):
    done = process("analyze", tmp_path / "none.jpg")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    done = process("analyze", blurry, "--json")
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout)["verdict"] == "defocus"


def test_closed_pipe_is_quiet(blurry):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cepstro", "analyze", str(blurry)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_stop_nothing(blurry, tmp_path, closed):
    psf = tmp_path / "psf.json"
    command = f'"$0" -m cepstro analyze "$1" --psf-out "$2" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, blurry, psf],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert psf.exists()


def resident(pid: int) -> float:
    """Memory of a process, bytes (Linux; elsewhere it counts as large)."""
    status = Path(f"/proc/{pid}/statm")
    pages = status.read_text().split()[1] if status.exists() else "1000000"
    return int(pages) * 4096.0


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    import tifffile

    photo, out = tmp_path / "large.tif", tmp_path / "out.tif"
    tifffile.imwrite(photo, np.full((4000, 6000, 3), 90, np.uint8), photometric="rgb")
    working = subprocess.Popen(
        [sys.executable, "-m", "cepstro", "deblur", "-a", "30", photo, out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # As in a terminal: a suite started in the background hands down an ignored interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while resident(working.pid) < 100e6 and time.monotonic() < deadline:
        time.sleep(0.02)  # until the photo is being worked on
    working.send_signal(signal.SIGINT)
    _, errors = working.communicate(timeout=60)
    assert working.returncode == 130, errors
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.tif"]


def test_completion_is_offered():
    environment = {**os.environ, "_CEPSTRO_COMPLETE": "complete_bash", "COMP_WORDS": "cepstro an"}
    done = subprocess.run(
        [sys.executable, "-c", "from cepstro.cli import main; main()"],
        env={**environment, "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["analyze"]


def test_progress_shows_after_a_second_on_a_terminal_only(monkeypatch):
    import io

    from cepstro.cli import progress

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    for stream, expected in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        now[0] = 0.0
        with progress.bar("deblurring") as show:
            show(0.1)
            assert stream.getvalue() == ""
            now[0] = 1.5
            show(0.5)
            assert ("50 %" in stream.getvalue()) is expected
        assert stream.getvalue().endswith("\r") is expected


def test_kernel_between_two_photos_is_told_and_written(sharp, tmp_path):
    soft, out, psf = tmp_path / "soft.png", tmp_path / "kernel.npy", tmp_path / "psf.json"
    assert run("blur", "--psf", "ring:12,hole=0.5,softness=1", sharp, soft).exit_code == 0
    done = run("kernel", sharp, soft, out, "--psf-out", psf, "--figure", tmp_path / "page.png")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("The blur is a ring of diameter 12.0")
    kernel = np.load(out)
    assert kernel.sum() == pytest.approx(1)
    again = tmp_path / "again.png"
    assert run("blur", "--psf", psf, sharp, again).exit_code == 0
    difference = cepstro.read(again).pixels.astype(float) - cepstro.read(soft).pixels
    assert np.sqrt(np.mean(difference**2)) < 1
    assert cepstro.read(tmp_path / "page.png").shape[2] in (3, 4)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_kernel_as_picture_and_as_json(sharp, tmp_path, ending):
    soft, out = tmp_path / "soft.png", tmp_path / f"kernel.{ending}"
    assert run("blur", "-a", "9", sharp, soft).exit_code == 0
    done = run("kernel", "--method", "wiener", "--size", "15", "--json", sharp, soft, out)
    told = json.loads(done.stdout)
    assert told["size"] == 15 and told["method"] == "wiener"
    pixels = cepstro.read(out).pixels
    assert pixels.shape == (15, 15)
    if ending == "png":
        assert pixels.dtype == np.uint16 and pixels.max() == 65535
    else:
        assert pixels.dtype == np.float32 and pixels.sum() == pytest.approx(1, abs=1e-5)


def test_kernel_of_two_scenes_is_refused_in_one_line(sharp, tmp_path):
    other, out = tmp_path / "other.png", tmp_path / "kernel.png"
    noise = np.random.default_rng(0).integers(0, 256, (320, 384), np.uint8)
    Image.fromarray(noise).save(other)
    done = run("kernel", sharp, other, out)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1 and not out.exists()


def test_kernel_of_swapped_photos_is_refused_in_one_line(sharp, tmp_path):
    soft, out = tmp_path / "soft.png", tmp_path / "kernel.png"
    assert run("blur", "-a", "9", sharp, soft).exit_code == 0
    done = run("kernel", soft, sharp, out)
    assert done.exit_code == 1 and "are the photos swapped?" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not out.exists()


def test_model_that_says_nothing_of_the_kernel_is_not_advised(sharp, tmp_path):
    corner = np.zeros((15, 15))
    corner[1:3, 1:14] = corner[1:14, 1:3] = 1
    np.save(tmp_path / "corner.npy", corner)
    soft, out = tmp_path / "soft.png", tmp_path / "kernel.npy"
    assert run("blur", "--psf", tmp_path / "corner.npy", sharp, soft).exit_code == 0
    done = run("kernel", sharp, soft, out)
    assert "Mind: No model describes the kernel" in done.stdout
    assert f"cepstro blur --psf {out} OTHER.png" in done.stdout


@pytest.mark.parametrize("wrong", [["--size", "8"], ["--size", "x"], ["--method", "magic"]])
def test_wrong_usage_of_kernel(sharp, tmp_path, wrong):
    assert run("kernel", *wrong, sharp, sharp, tmp_path / "k.png").exit_code == 2


def test_kernel_needs_an_ending_that_holds_it(sharp, tmp_path):
    done = run("kernel", sharp, sharp, tmp_path / "k.jpg")
    assert done.exit_code == 1 and ".png, .tif, .tiff or .npy" in done.stderr


def test_blur_like_lays_the_measured_blur_and_grain_on_another(blurry, sharp, tmp_path):
    out = tmp_path / "twin.png"
    done = run("blur", "--like", blurry, "--seed", "3", sharp, out)
    assert done.exit_code == 0, done.output
    expected = cepstro.match(cepstro.read(blurry), cepstro.read(sharp), seed=3)
    assert np.array_equal(cepstro.read(out).pixels, expected.pixels)
    assert cepstro.analyze(cepstro.read(out)).diameter == pytest.approx(DIAMETER, rel=0.02)


def test_blur_like_a_sharp_photo_is_status_3(sharp, tmp_path):
    out = tmp_path / "twin.png"
    done = run("blur", "--like", sharp, sharp, out)
    assert done.exit_code == 3
    assert len(done.stderr.splitlines()) == 1 and not out.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--like", "IMAGE", "-a", "5"],
        ["--like", "IMAGE", "--scale", "nan"],
        ["--like", "IMAGE", "--scale", "0"],
        ["--like", "IMAGE", "--scale", "1000"],
        ["-a", "5", "--scale", "2"],
        ["-a", "5", "--jpeg"],
        ["-a", "5", "--no-grain"],
    ],
    ids=" ".join,
)
def test_wrong_usage_of_like(blurry, sharp, tmp_path, wrong):
    words = [str(blurry) if word == "IMAGE" else word for word in wrong]
    done = run("blur", *words, sharp, tmp_path / "out.png")
    assert done.exit_code == 2, done.output
    assert len(done.stderr.splitlines()) == 1


def test_batch_says_once_which_photo_failed_and_why(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "text.jpg").write_text("not a photo")
    Image.new("L", (100, 90), 90).save(photos / "flat.png")
    done = run("batch", "analyze", photos, "--out", tmp_path / "out", "--jobs", "1")
    assert done.exit_code == 1
    told = sorted(done.stderr.splitlines())
    assert told[0].startswith(f"cepstro: {photos / 'flat.png'}: the picture is flat")
    assert told[1].startswith(f"cepstro: {photos / 'text.jpg'} cannot be read")


def test_send_without_a_scheduler_is_wrong_usage(tmp_path):
    done = run("batch", "analyze", tmp_path, "--out", tmp_path / "out", "--send")
    assert done.exit_code == 2 and "--send goes with --scheduler" in done.stderr
    assert not (tmp_path / "out").exists()


def test_zarr_is_refused_where_it_cannot_be_worked_on(blurry, tmp_path):
    done = run("blur", "-a", "9", blurry, tmp_path / "out.zarr")
    assert done.exit_code == 2 and "only a TIFF or a Zarr becomes a .zarr" in done.stderr
    (tmp_path / "in.zarr").mkdir()
    done = run("cepstrum", tmp_path / "in.zarr", tmp_path / "out.png")
    assert done.exit_code == 1 and "worked on in blocks, by analyze, deblur and blur" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]


def test_blocks_take_no_options_of_photos(tmp_path):
    for option in (
        ["--quality", "90"], ["--overwrite"], ["--page", "0"], ["--max-pixels", "9"]
    ):  # fmt: skip
        words = [*option, tmp_path / "in.zarr", tmp_path / "out.zarr"]
        for command in ("deblur", "blur"):
            done = run(command, "-a", "9", *words)
            assert done.exit_code == 2, done.output
            assert f"a picture worked on in blocks takes no {option[0]}" in done.stderr
