"""Dask arrays in, lazy Dask arrays out: the same picture as in one piece."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from test_tiles import scene, steps

import cepstro
from cepstro.restore import areas

da = pytest.importorskip("dask.array")
SOFT = cepstro.Disk(9)


def untouchable(*shape: int):
    """A Dask array that fails where it is computed."""

    def fail(block):
        raise AssertionError("computed")

    return da.zeros(shape, dtype=np.uint16, chunks=100).map_blocks(fail, dtype=np.uint16)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_blur_of_a_dask_array_is_lazy_and_the_blur(channels):
    clean = scene(300, 350, *channels)
    soft = cepstro.blur(da.from_array(clean, chunks=128), cepstro.Motion(11, angle=30))
    assert isinstance(soft, da.Array)
    assert (soft.shape, soft.dtype) == (clean.shape, clean.dtype)
    whole = cepstro.blur(clean, cepstro.Motion(11, angle=30))
    assert steps(soft.compute(), whole) < 1
    assert steps(soft.compute(), whole, 16) < 0.25
    assert isinstance(cepstro.blur(untouchable(300, 300), SOFT), da.Array)


@pytest.mark.parametrize("nsr", ["auto", 1e-2])
def test_deblur_of_a_dask_array_shows_no_seams(nsr):
    blurred = scene(600, 700)
    lazy = cepstro.deblur(da.from_array(blurred, chunks=256), SOFT, nsr=nsr, method="wiener")
    assert isinstance(lazy, da.Array)
    made = lazy.compute()
    whole = cepstro.deblur(blurred, SOFT, nsr=nsr, method="wiener")
    assert made.dtype == blurred.dtype
    assert steps(made, whole) < 1
    assert steps(made, blurred) > 10  # deblurred it was
    corner = lazy[:50, :60].compute()
    np.testing.assert_array_equal(corner, made[:50, :60])


def test_measuring_reads_some_blocks_of_a_large_picture():
    read: list[int] = []

    def grain(block, block_info=None):
        read.append(block.size)
        return np.random.default_rng(len(read)).integers(0, 65535, block.shape, np.uint16)

    large = da.zeros((8192, 8192), dtype=np.uint16, chunks=256).map_blocks(grain, dtype=np.uint16)
    read.clear()
    assert isinstance(cepstro.deblur(large, SOFT, method="wiener"), da.Array)
    assert 0 < sum(read) < large.size / 2


def test_colours_alpha_and_their_own_psfs_are_kept_apart():
    picture = scene(200, 220, 4)
    psfs = [cepstro.Disk(5), cepstro.Disk(6), cepstro.Disk(7)]
    lazy = cepstro.deblur(da.from_array(picture, chunks=(100, 220, 2)), psfs, nsr=1e-2)
    made = lazy.compute()
    assert steps(made, cepstro.deblur(picture, psfs, nsr=1e-2)) < 1
    assert (made[..., 3] == picture[..., 3]).all()


def test_what_is_no_picture_is_refused_when_it_is_asked_for():
    zeros = da.zeros((50, 50), dtype=np.uint16)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        cepstro.blur(zeros[zeros[:, 0] > 0], SOFT)
    with pytest.raises(TypeError, match="uint8, uint16, uint32 or float, got int64"):
        cepstro.blur(zeros.astype(np.int64), SOFT)
    with pytest.raises(TypeError, match="a Dask array, got Delayed"):
        cepstro.deblur(zeros.to_delayed()[0, 0], SOFT)
    with pytest.raises(ValueError, match=r"dask\.diagnostics"):
        cepstro.deblur(zeros, SOFT, nsr=1e-2, progress=print)
    with pytest.raises(ValueError, match="psf must be one PSF, got 2"):
        cepstro.deblur(zeros, [SOFT, SOFT], nsr=1e-2)


def test_arrays_do_not_load_dask():
    code = (
        "import sys, numpy, cepstro\n"
        "cepstro.deblur(numpy.zeros((40, 40)), cepstro.Disk(5), nsr=1e-2)\n"
        "cepstro.blur(numpy.zeros((40, 40)), cepstro.Disk(5))\n"
        "assert 'dask' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_default_method_gives_the_values_of_memory_and_lucy_is_refused(monkeypatch):
    data = pytest.importorskip("skimage.data")
    monkeypatch.setattr(areas, "TILE", 64)
    monkeypatch.setattr(areas, "_MOST", 384)
    soft = cepstro.blur(data.astronaut()[:400, :450].astype(np.float32) / 255, cepstro.Disk(5))
    noisy = soft + 0.003 * np.random.default_rng(1).standard_normal(soft.shape)
    codes = np.rint(65535 * np.clip(noisy, 0, 1)).astype(np.uint16)
    lazy = cepstro.deblur(da.from_array(codes, chunks=(150, 450, 3)), cepstro.Disk(5))
    assert lazy.numblocks[:2] == (2, 2)
    np.testing.assert_array_equal(lazy.compute(), cepstro.deblur(codes, cepstro.Disk(5)))
    with pytest.raises(ValueError, match="decides on the whole picture when to stop"):
        cepstro.deblur(da.from_array(codes), cepstro.Disk(5), method="lucy")
