"""Pictures in blocks: the same as in one piece, whatever the blocks, the file and the PSF."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import cepstro
from cepstro import tiles
from cepstro.cli import app
from cepstro.errors import ReadError, UnsuitableImageError, WriteError
from cepstro.restore import areas, parts
from cepstro.tiles import look, source


def scene(height: int, width: int, *channels: int) -> np.ndarray:
    """A blurred, noisy picture in 16 bit, of walks with steps."""
    rng = np.random.default_rng(8)
    walk = rng.standard_normal((height, width, *channels)).cumsum(0).cumsum(1)
    light = 0.5 + 0.35 * np.sin(walk / 40)
    soft = cepstro.blur(light, cepstro.Disk(9), light="linear")
    noisy = soft + 0.002 * rng.standard_normal(soft.shape)
    return np.rint(65535 * np.clip(noisy, 0, 1)).astype(np.uint16)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(areas, "TILE", 64)
    monkeypatch.setattr(areas, "_MOST", 384)
    monkeypatch.setattr(parts, "_CORE", 128)


def steps(a: np.ndarray, b: np.ndarray, rim: int = 0) -> float:
    """Largest difference away from the border, in 1/255 of the range."""
    top = np.iinfo(a.dtype).max if a.dtype.kind == "u" else 1
    difference = np.abs(a.astype(float) - b) / top * 255
    return float(difference[rim : a.shape[0] - rim, rim : a.shape[1] - rim].max())


@pytest.mark.parametrize("nsr", [None, 1e-2])
@pytest.mark.parametrize("shape", [(600, 700), (900, 130), (500, 400, 3)])
def test_no_seams_and_the_same_border(tmp_path, nsr, shape):
    blurred = scene(*shape)
    photometric = "rgb" if len(shape) > 2 else "minisblack"
    tifffile.imwrite(
        tmp_path / "in.tif", blurred, tile=(128, 128), compression="zlib", photometric=photometric
    )
    tiles.deblur_file(tmp_path / "in.tif", tmp_path / "out.tif", cepstro.Disk(9), nsr=nsr)
    whole = cepstro.deblur(blurred, cepstro.Disk(9), nsr=nsr, method="wiener")
    made = tifffile.imread(tmp_path / "out.tif")
    assert made.dtype == blurred.dtype
    assert steps(made, whole) < 1
    assert steps(made, blurred) > 10  # deblurred it was


def test_strong_methods_give_the_values_of_memory(tmp_path):
    data = pytest.importorskip("skimage.data")
    rng = np.random.default_rng(1)
    soft = cepstro.blur(data.astronaut()[:420].astype(np.float32) / 255, cepstro.Disk(5))
    noisy = soft + 0.003 * rng.standard_normal(soft.shape)
    for blurred in (noisy[..., 1], noisy):
        codes = np.rint(65535 * np.clip(blurred, 0, 1)).astype(np.uint16)
        tifffile.imwrite(tmp_path / "in.tif", codes, tile=(128, 128))
        assert len(areas.areas(codes.shape[:2], cepstro.Disk(5).halfwidth)) > 3
        for method in ("sparse", None):
            tiles.deblur_file(
                tmp_path / "in.tif", tmp_path / "out.tif", cepstro.Disk(5), method=method
            )
            whole = cepstro.deblur(codes, cepstro.Disk(5), method=method)
            made = tifffile.imread(tmp_path / "out.tif")
            np.testing.assert_array_equal(made, whole)
            assert steps(made, codes) > 10


@pytest.mark.parametrize("small", [False, True])
def test_no_tile_is_decoded_twice(tmp_path, monkeypatch, small):
    """Windows overlap, sideways and downwards; what they share is decoded once.

    So is what is measured before, of a picture small enough to be kept.
    """
    tifffile.imwrite(tmp_path / "in.tif", scene(700, 520), tile=(64, 64), compression="zlib")
    decoded: list[int] = []
    segment = source._TiffSheet._segment

    def counted(sheet: source._TiffSheet, index: int) -> np.ndarray | None:
        decoded.append(index)
        return segment(sheet, index)

    monkeypatch.setattr(source._TiffSheet, "_segment", counted)
    if small:
        tiles.deblur_file(tmp_path / "in.tif", tmp_path / "out.tif", cepstro.Disk(9))
    else:
        monkeypatch.setattr(source, "_KEPT_BYTES", 700_000)
        tiles.blur_file(tmp_path / "in.tif", tmp_path / "out.tif", cepstro.Disk(9))
    assert sorted(decoded) == list(range(-(-700 // 64) * -(-520 // 64)))


def test_what_is_kept_of_many_sheets_is_no_more_than_of_one(tmp_path, monkeypatch):
    sheets = np.stack([scene(200, 150) + n for n in range(4)])
    tifffile.imwrite(tmp_path / "in.ome.tif", sheets, tile=(64, 64), metadata={"axes": "ZYX"})
    monkeypatch.setattr(source, "_KEPT_BYTES", 200_000)
    with source.TiffSource(tmp_path / "in.ome.tif") as opened:
        for sheet, whole in zip(opened.sheets, sheets, strict=True):
            for top in (0, 90):
                np.testing.assert_array_equal(sheet.window(top, 9, 110, 141), whole[top:, 9:][:110])
            assert 0 < sum(kept.nbytes for kept in sheet.kept.values()) <= 200_000


def test_a_constant_and_no_method_mean_plain_wiener_as_for_deblur(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", scene(150, 120))
    for name, method, nsr in (("a", None, np.float32(0.25)), ("b", "wiener", 0.25)):
        tiles.deblur_file(
            tmp_path / "in.tif", tmp_path / f"{name}.tif", cepstro.Disk(5), method=method, nsr=nsr
        )
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a.tif"), tifffile.imread(tmp_path / "b.tif")
    )


def test_method_that_needs_the_whole_picture_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", scene(90, 60))
    with pytest.raises(ValueError, match="decides on the whole picture when to stop"):
        tiles.deblur_file(tmp_path / "in.tif", tmp_path / "out.tif", cepstro.Disk(5), method="lucy")
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


@pytest.mark.parametrize(
    "form",
    [
        {"tile": (80, 48), "compression": "lzw", "predictor": 2},
        {"rowsperstrip": 7, "bigtiff": True},
        {"rowsperstrip": 500, "byteorder": ">"},
    ],
)
def test_blur_in_blocks_is_the_blur_whatever_the_form_of_the_file(tmp_path, form):
    clean = scene(301, 270, 3)
    tifffile.imwrite(tmp_path / "in.tif", clean, photometric="rgb", **form)
    tiles.blur_file(tmp_path / "in.tif", tmp_path / "out.tif", cepstro.Motion(11, angle=30))
    whole = cepstro.blur(clean, cepstro.Motion(11, angle=30))
    made = cepstro.read(tmp_path / "out.tif")
    assert steps(made.pixels, whole, 16) < 0.25
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.pages[0].is_tiled


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_small_pictures_alpha_and_other_depths(tmp_path, dtype):
    picture = scene(90, 60, 4)
    picture[..., 3] = 65535
    picture = (picture >> 8).astype(dtype) if dtype == "uint8" else (picture / 65535).astype(dtype)
    tifffile.imwrite(tmp_path / "in.tif", picture, photometric="rgb", extrasamples=["unassalpha"])
    seen: list[float] = []
    tiles.deblur_file(
        tmp_path / "in.tif", tmp_path / "out.tif", cepstro.Disk(5), nsr=1e-2, progress=seen.append
    )
    whole = cepstro.deblur(picture, cepstro.Disk(5), nsr=1e-2)
    made = tifffile.imread(tmp_path / "out.tif")
    assert made.dtype == picture.dtype
    assert steps(made, whole) <= 1.01
    assert (made[..., 3] == picture[..., 3]).all()
    assert seen == sorted(seen)
    assert seen[-1] == 1


class Stop(Exception):
    pass


@pytest.mark.parametrize("ending", [".tif", ".zarr"])
def test_stopped_work_shows_nothing_and_goes_on_where_it_was(tmp_path, ending, monkeypatch):
    if ending == ".zarr":
        pytest.importorskip("zarr")
    path, out = tmp_path / "in.tif", tmp_path / f"out{ending}"
    tifffile.imwrite(path, scene(500, 300), tile=(64, 64), compression="zlib")

    def stop(part: float) -> None:
        if part > 0.6:
            raise Stop

    with pytest.raises(Stop):
        tiles.deblur_file(path, out, cepstro.Disk(5), nsr=1e-2, progress=stop)
    assert not out.exists()
    seen: list[float] = []
    tiles.deblur_file(path, out, cepstro.Disk(5), nsr=1e-2, progress=seen.append)
    assert min(seen) > 0.5
    assert {one.name for one in tmp_path.iterdir()} == {"in.tif", out.name}
    tiles.deblur_file(path, tmp_path / f"whole{ending}", cepstro.Disk(5), nsr=1e-2)
    assert content(out) == content(tmp_path / f"whole{ending}")


def content(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_picture_of_one_row_of_blocks_is_written_at_once(tmp_path):
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(path, scene(100, 500), tile=(64, 64), resolution=(300, 300))
    beside: set[str] = set()

    def look(part: float) -> None:
        beside.update(one.name for one in tmp_path.iterdir() if part < 1)

    tiles.blur_file(path, out, cepstro.Disk(5), progress=look)
    assert beside == {"in.tif"}
    assert steps(tifffile.imread(out), cepstro.blur(tifffile.imread(path), cepstro.Disk(5)), 16) < 1
    with tifffile.TiffFile(out) as made:
        assert made.pages[0].tags["XResolution"].value == (300, 1)
        assert made.pages[0].is_tiled


def test_other_settings_or_another_input_start_anew(tmp_path):
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(path, scene(500, 300))

    def run(diameter: float, until: float) -> list[float]:
        seen: list[float] = []

        def tell(part: float) -> None:
            seen.append(part)
            if part > until:
                raise Stop

        with contextlib.suppress(Stop):
            tiles.blur_file(path, out, cepstro.Disk(diameter), progress=tell)
        return seen

    run(5, 0.6)
    assert min(run(7, 0.6)) < 0.2
    tifffile.imwrite(path, scene(500, 300)[::-1])
    assert min(run(7, 1)) < 0.2
    whole = cepstro.blur(tifffile.imread(path), cepstro.Disk(7))
    assert steps(tifffile.imread(out), whole, 16) < 0.25


def test_killed_work_is_finished_by_the_next_run(tmp_path):
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(path, scene(900, 900), tile=(64, 64), compression="zlib")
    code = (
        "import os, cepstro\n"
        "from cepstro import tiles\n"
        "from cepstro.restore import areas, parts\n"
        "parts._CORE, areas.TILE = 128, 64\n"
        "def kill(part):\n"
        "    if part > 0.5: os.kill(os.getpid(), 9)\n"
        f"tiles.blur_file({str(path)!r}, {str(out)!r}, cepstro.Disk(5), progress=kill)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == -9
    assert not out.exists()
    seen: list[float] = []
    tiles.blur_file(path, out, cepstro.Disk(5), progress=seen.append)
    assert min(seen) > 0.4
    assert steps(tifffile.imread(out), cepstro.blur(tifffile.imread(path), cepstro.Disk(5)), 16) < 1


def test_second_run_at_the_same_time_is_refused(tmp_path):
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(path, scene(500, 300))
    seen: list[float] = []

    def meanwhile(part: float) -> None:
        seen.append(part)
        for diameter in (5, 6):
            if part < 1:
                with pytest.raises(WriteError, match=r"another run is writing .*out\.tif"):
                    tiles.blur_file(path, out, cepstro.Disk(diameter))

    tiles.blur_file(path, out, cepstro.Disk(5), progress=meanwhile)
    assert len(seen) > 2
    assert steps(tifffile.imread(out), cepstro.blur(tifffile.imread(path), cepstro.Disk(5)), 16) < 1
    assert {one.name for one in tmp_path.iterdir()} == {"in.tif", "out.tif"}


def test_what_is_not_worked_on_is_refused_in_one_sentence(tmp_path):
    ok, odd = tmp_path / "ok.tif", tmp_path / "odd.tif"
    tifffile.imwrite(ok, scene(90, 60))
    tifffile.imwrite(odd, np.zeros((60, 60), np.int32))
    with pytest.raises(ReadError, match="8 or 16 bit or float32"):
        tiles.blur_file(odd, tmp_path / "out.tif", cepstro.Disk(5))
    tifffile.imwrite(
        odd, np.zeros((3, 60, 60), np.uint8), photometric="rgb", planarconfig="separate"
    )
    with pytest.raises(ReadError, match="channels side by side"):
        tiles.blur_file(odd, tmp_path / "out.tif", cepstro.Disk(5))
    odd.write_bytes(b"no TIFF")
    with pytest.raises(ReadError, match=r"odd\.tif cannot be read as TIFF"):
        tiles.blur_file(odd, tmp_path / "out.tif", cepstro.Disk(5))
    with pytest.raises(WriteError, match=r"must end in \.tif or \.zarr"):
        tiles.blur_file(ok, tmp_path / "out.png", cepstro.Disk(5))
    with pytest.raises(WriteError, match="is the input itself"):
        tiles.blur_file(ok, ok, cepstro.Disk(5))
    with pytest.raises(ValueError, match="nsr must be >= 0"):
        tiles.deblur_file(ok, tmp_path / "out.tif", cepstro.Disk(5), nsr=-1.0)


def test_damaged_tile_is_an_error_and_no_picture(tmp_path):
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, scene(300, 300), tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].dataoffsets[7]
    data = bytearray(path.read_bytes())
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(ReadError, match="it is broken"):
        tiles.blur_file(path, tmp_path / "out.tif", cepstro.Disk(5))
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize("command", ["deblur", "blur"])
def test_commands_work_in_blocks_where_a_picture_is_too_large(tmp_path, monkeypatch, command):
    blurred, out = scene(150, 300), tmp_path / "out.tif"
    tifffile.imwrite(tmp_path / "in.tif", blurred)
    words = [command, "-a", "5", str(tmp_path / "in.tif"), str(out)]
    assert not tiles.too_large(tmp_path / "in.tif")
    monkeypatch.setattr(tiles, "MAX_PIXELS", 1000)
    done = CliRunner().invoke(app, words, prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert "in blocks" in done.stderr
    work = cepstro.blur if command == "blur" else cepstro.deblur
    keywords = {} if command == "blur" else {"method": "wiener"}
    assert steps(tifffile.imread(out), work(blurred, cepstro.Disk(5), **keywords), 60) < 1
    if command == "deblur":
        done = CliRunner().invoke(app, [*words, "--method", "lucy"], prog_name="cepstro")
        assert done.exit_code == 2


def test_analysis_of_a_huge_picture_reads_some_windows_and_finds_the_blur(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "_WINDOW", 512)
    slide = np.full((2600, 2400), 60000, np.uint16)  # blank glass but for one corner
    slide[1400:, 1300:] = scene(1200, 1100)
    tifffile.imwrite(tmp_path / "in.tif", slide, tile=(256, 256), compression="zlib")
    read: list[int] = []
    window = source._TiffSheet.window

    def count(self, top, left, height, width):
        read.append(height * width)
        return window(self, top, left, height, width)

    monkeypatch.setattr(source._TiffSheet, "window", count)
    seen: list[float] = []
    found = tiles.analyze_file(tmp_path / "in.tif", progress=seen.append)
    assert found.verdict == "defocus"
    assert found.diameter == pytest.approx(9, rel=0.03)
    assert max(read) <= 512**2
    assert seen[-1] == 1
    part = tiles.analyze_file(tmp_path / "in.tif", region=(1500, 1600, 600, 700))
    assert part.diameter == pytest.approx(9, rel=0.03)
    with pytest.raises(ValueError, match="reaches outside the picture of 2400 x 2600 px"):
        tiles.analyze_file(tmp_path / "in.tif", region=(2000, 0, 500, 100))
    tifffile.imwrite(tmp_path / "blank.tif", np.full((1100, 1100), 9, np.uint16))
    with pytest.raises(UnsuitableImageError, match="flat"):
        tiles.analyze_file(tmp_path / "blank.tif")


def test_analysis_says_what_is_wrong_with_a_picture(tmp_path):
    """Not that it is flat, whatever it is."""
    path = tmp_path / "in.tif"
    picture = (scene(300, 300) / 65535).astype(np.float32)
    picture[150, 150] = np.nan
    tifffile.imwrite(path, picture)
    for region in (None, (100, 100, 100, 100)):
        with pytest.raises(UnsuitableImageError, match="NaN or infinity"):
            tiles.analyze_file(path, region=region)
    tifffile.imwrite(path, scene(9, 9))
    with pytest.raises(UnsuitableImageError, match="at least 64 px a side"):
        tiles.analyze_file(path)


def test_commands_measure_what_is_too_large_and_deblur_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "MAX_PIXELS", 1000)
    tifffile.imwrite(tmp_path / "in.tif", scene(400, 500))
    run = CliRunner().invoke
    done = run(app, ["analyze", "--json", str(tmp_path / "in.tif")], prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["diameter"] == pytest.approx(9, rel=0.03)
    words = ["deblur", str(tmp_path / "in.tif"), str(tmp_path / "out.tif")]
    done = run(app, [*words, "--psf-out", str(tmp_path / "psf.json")], prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.tif").exists()
    assert (tmp_path / "psf.json").exists()
    words = ["analyze", str(tmp_path / "in.tif"), "--figure", str(tmp_path / "why.png")]
    assert run(app, words, prog_name="cepstro").exit_code == 2


def stack() -> np.ndarray:
    """Three depths of a microscope."""
    return np.stack([scene(150, 140)[::step] for step in (1, -1, 1)])


@pytest.mark.parametrize("command", ["blur", "deblur"])
def test_commands_restore_every_sheet_of_an_ome_tiff(tmp_path, command):
    """A small one too: one sheet written beside metadata that tell of three is a loss unsaid."""
    path, out = tmp_path / "in.ome.tif", tmp_path / "out.ome.tif"
    tifffile.imwrite(path, stack(), metadata={"axes": "ZYX", "PhysicalSizeX": 0.5})
    done = CliRunner().invoke(app, [command, "-a", "5", str(path), str(out)], prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert "OME-TIFF of several sheets" in done.stderr
    with tifffile.TiffFile(out) as file:
        assert (file.series[0].shape, file.series[0].axes) == ((3, 150, 140), "ZYX")
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata
    made = tifffile.imread(out)
    if command == "blur":
        for one, sheet in zip(made, stack(), strict=True):
            assert steps(one, cepstro.blur(sheet, cepstro.Disk(5)), 16) < 1
    words = ["blur", "-a", "5", "--max-pixels", "99999", str(path), str(out)]
    done = CliRunner().invoke(app, words, prog_name="cepstro")
    assert done.exit_code == 2 and "takes no --max-pixels" in done.stderr


@pytest.mark.parametrize("about", [{"axes": "ZYX"}, {"imagej": True}, {"metadata": None}, {}])
def test_a_page_of_several_never_says_that_the_others_are_there(tmp_path, about):
    ome = "axes" in about
    path, out = tmp_path / ("in.ome.tif" if ome else "in.tif"), tmp_path / "out.ome.tif"
    how = {"metadata": about} if ome else about
    tifffile.imwrite(path, stack(), photometric="minisblack", **how)
    page = ["--page", "1"] if ome else []
    words = ["blur", "-a", "5", *page, str(path), str(out)]
    done = CliRunner().invoke(app, words, prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert done.stderr == ("" if ome else f"{path}: the first of its 3 pages was taken.\n")
    with tifffile.TiffFile(out) as file:
        assert file.series[0].shape == (150, 140)
        assert not file.is_ome
        assert file.pages[0].description == ""


def test_a_caption_and_ome_of_one_page_are_kept(tmp_path):
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    for caption in ("A shape on the hill", OME_OF_ONE):
        tifffile.imwrite(path, scene(40, 50), description=caption, metadata=None)
        cepstro.write(out, cepstro.read(path))
        with tifffile.TiffFile(out) as file:
            assert file.pages[0].description == caption


OME_OF_ONE = (
    '<OME><Image><Pixels SizeX="50" SizeY="40" SizeC="1" SizeZ="1" SizeT="1"/></Image></OME>'
)


def test_all_pages_of_a_plain_tiff_are_worked_on_or_it_is_refused(tmp_path):
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(path, stack(), photometric="minisblack", metadata=None)
    tiles.blur_file(path, out, cepstro.Disk(5))
    made = tifffile.imread(out)
    assert made.shape == (3, 150, 140)
    assert steps(made[1], cepstro.blur(stack()[1], cepstro.Disk(5)), 16) < 1
    with tifffile.TiffWriter(path) as writer:
        for page in (scene(90, 60), scene(60, 90)):
            writer.write(page, metadata=None)
    with pytest.raises(ReadError, match="pages of different sizes or kinds"):
        tiles.blur_file(path, out, cepstro.Disk(5))
    tifffile.imwrite(path, stack(), imagej=True, truncate=True)
    with pytest.raises(ReadError, match="describes one of its pictures only"):
        tiles.blur_file(path, out, cepstro.Disk(5))
    with tifffile.TiffWriter(path) as writer:  # a pyramid's levels are no pages
        writer.write(scene(90, 60), metadata=None)
        writer.write(scene(45, 30), metadata=None, subfiletype=1)
    tiles.blur_file(path, out, cepstro.Disk(5))
    assert tifffile.imread(out).shape == (90, 60)


def test_out_is_checked_before_the_analysis_and_the_input_is_never_to_be_removed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tiles, "MAX_PIXELS", 1000)
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, scene(90, 60))
    monkeypatch.setattr(look, "analyze", lambda *_, **__: pytest.fail("analysed first"))
    for out, words in (
        (path, "is the input itself; name another file"),
        (tmp_path / "out.png", "must end in .tif or .zarr"),
        (tmp_path / "no" / "out.tif", "does not exist"),
    ):
        done = CliRunner().invoke(app, ["deblur", str(path), str(out)], prog_name="cepstro")
        assert done.exit_code == 1 and words in done.stderr, done.output
    folder = tmp_path / "z.zarr"
    folder.mkdir()
    done = CliRunner().invoke(
        app, ["blur", "-a", "5", str(folder), str(folder)], prog_name="cepstro"
    )
    assert done.exit_code == 1 and "is the input itself; name another file" in done.stderr


def test_broken_tiff_gets_one_line_from_a_real_process(tmp_path):
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, scene(90, 60), metadata=None)
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    for tag in range(data[at]):
        struct.pack_into("<H", data, at + 4 + 12 * tag, 99)  # a type that is none
    path.write_bytes(data)
    words = ["deblur", "-a", "5", str(path), str(tmp_path / "out.tif")]
    done = subprocess.run(
        [sys.executable, "-m", "cepstro", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"cepstro: {path} cannot be read")
