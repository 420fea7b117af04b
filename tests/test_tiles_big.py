"""Zarr, OME-Zarr and OME-TIFF in blocks: every sheet on its own, and what the file said is kept."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tifffile
from test_tiles import scene, steps
from typer.testing import CliRunner

import cepstro
from cepstro import tiles
from cepstro.cli import app
from cepstro.errors import MissingExtraError, ReadError, WriteError
from cepstro.restore import areas, parts

zarr = pytest.importorskip("zarr")
DISK = cepstro.Disk(5)
AXES = [
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]
SCALE = [{"type": "scale", "scale": [1.0, 0.25, 0.25]}]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(areas, "TILE", 64)
    monkeypatch.setattr(parts, "_CORE", 128)


@pytest.fixture(scope="module")
def stack() -> np.ndarray:
    """Two channels of a microscope, C x Y x X."""
    first = scene(260, 300)
    return np.stack([first, first[::-1] // 2])


@pytest.fixture
def ome_zarr(tmp_path, stack):
    group = zarr.open_group(tmp_path / "in.zarr", mode="w")
    level = {"path": "0", "coordinateTransformations": SCALE}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": AXES, "datasets": [level]}]}
    group.create_array("0", data=stack, chunks=(1, 100, 100))
    return tmp_path / "in.zarr"


@pytest.fixture
def ome_tiff(tmp_path, stack):
    path = tmp_path / "in.ome.tif"
    about = {"axes": "CYX", "Channel": {"Name": ["DAPI", "FITC"]}, "PhysicalSizeX": 0.25}
    tifffile.imwrite(path, stack, tile=(64, 64), compression="zlib", metadata=about)
    return path


def test_plain_zarr_to_zarr_and_tiff(tmp_path):
    clean = scene(260, 300, 3)
    zarr.create_array(tmp_path / "in.zarr", data=clean, chunks=(100, 100, 3))
    whole = cepstro.blur(clean, DISK)
    tiles.blur_file(tmp_path / "in.zarr", tmp_path / "out.zarr", DISK)
    tiles.blur_file(tmp_path / "in.zarr", tmp_path / "out.tif", DISK)
    for made in (zarr.open(tmp_path / "out.zarr")[:], tifffile.imread(tmp_path / "out.tif")):
        assert (made.dtype, made.shape) == (clean.dtype, clean.shape)
        assert steps(made, whole, 16) < 0.25


def test_each_channel_of_ome_zarr_is_deblurred_alone(tmp_path, stack, ome_zarr):
    tiles.deblur_file(ome_zarr, tmp_path / "out.zarr", DISK, light="linear")
    made = zarr.open(tmp_path / "out.zarr")
    for made_one, one in zip(made["0"][:], stack, strict=True):
        whole = cepstro.deblur(one, DISK, method="wiener", light="linear")
        assert steps(made_one, whole, 100) < 1
        assert steps(made_one, one, 100) > 4
    said = made.attrs["ome"]["multiscales"][0]
    assert said["axes"] == AXES
    assert said["datasets"] == [{"path": "0", "coordinateTransformations": SCALE}]


def test_ome_tiff_keeps_channels_and_their_names(tmp_path, stack, ome_tiff):
    tiles.blur_file(ome_tiff, tmp_path / "out.ome.tif", DISK)
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as made, tifffile.TiffFile(ome_tiff) as given:
        assert made.ome_metadata == given.ome_metadata
        assert "FITC" in made.ome_metadata
        assert made.series[0].axes == "CYX"
        pixels = made.series[0].asarray()
    for made_one, one in zip(pixels, stack, strict=True):
        assert steps(made_one, cepstro.blur(one, DISK), 16) < 0.25


def test_ome_tiff_and_ome_zarr_turn_into_each_other(tmp_path, stack, ome_tiff, ome_zarr):
    tiles.blur_file(ome_zarr, tmp_path / "out.ome.tif", DISK)
    tiles.blur_file(ome_tiff, tmp_path / "out.zarr", DISK)
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as file:
        assert file.series[0].axes == "CYX"
        pixels = file.series[0].asarray()
    assert steps(pixels[1], cepstro.blur(stack[1], DISK), 16) < 0.25
    made = zarr.open(tmp_path / "out.zarr")
    names = [axis["name"] for axis in made.attrs["ome"]["multiscales"][0]["axes"]]
    assert names == ["c", "y", "x"]
    assert (made["0"][:] == pixels).all()


def test_what_is_no_zarr_picture_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "empty.zarr").mkdir()
    out = tmp_path / "out.zarr"
    with pytest.raises(ReadError, match=r"empty\.zarr cannot be read as Zarr"):
        tiles.blur_file(tmp_path / "empty.zarr", out, DISK)
    zarr.create_array(tmp_path / "odd.zarr", data=np.zeros((60, 60), np.int64))
    with pytest.raises(ReadError, match="8 or 16 bit or float32"):
        tiles.blur_file(tmp_path / "odd.zarr", out, DISK)
    zarr.open_group(tmp_path / "group.zarr", mode="w")
    with pytest.raises(ReadError, match="without OME's multiscales"):
        tiles.blur_file(tmp_path / "group.zarr", out, DISK)
    zarr.create_array(tmp_path / "ok.zarr", data=np.zeros((60, 60), np.uint8))
    with pytest.raises(WriteError, match=r"odd\.zarr is there already"):
        tiles.blur_file(tmp_path / "ok.zarr", tmp_path / "odd.zarr", DISK)


def test_missing_zarr_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cepstro\[big\]'"):
        tiles.blur_file(tmp_path / "in.zarr", tmp_path / "out.tif", DISK)


def test_commands_take_zarr(tmp_path):
    zarr.create_array(tmp_path / "in.zarr", data=scene(260, 300), chunks=(100, 100))
    words = ["deblur", "-a", "9", "-n", "0.01", str(tmp_path / "in.zarr")]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "out.zarr")], prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert zarr.open(tmp_path / "out.zarr").shape == (260, 300)
    done = CliRunner().invoke(app, ["analyze", str(tmp_path / "in.zarr")], prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert "Out of focus: a disk" in done.stdout
    assert "sharp.zarr" in done.stdout
    assert "--figure" not in done.stdout
    done = CliRunner().invoke(app, [*words, str(tmp_path / "out.zarr")], prog_name="cepstro")
    assert done.exit_code == 1
    assert "is there already" in done.stderr
