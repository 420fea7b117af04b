"""Parts of a picture that is never held whole: the frame they see is that of the whole picture."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tiles import scene

import cepstro
from cepstro.restore import borders, measured, parts, wiener, windows

PSF = cepstro.Disk(9)  # of the scene
SEVERAL = [slice(0, 99), slice(99, 200)], [slice(0, 200)]  # cuts of some picture


def planned(picture: np.ndarray, nsr: float | None, method: str | None = "wiener"):
    """The plan of a picture, and how its boxes are read."""
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    task = measured.asked([PSF] * channels, method, nsr, None, 0.0, "srgb")
    read = measured.in_memory(picture)
    return windows.measure(
        measured.blocks_of(read, measured.samples(picture.shape[:2], task)), task
    ), read


@pytest.mark.parametrize("size", [(400, 500), (500, 90), (60, 70)])
@pytest.mark.parametrize("nsr", [1e-2, 1e-4])
def test_gap_hangs_on_the_sides_of_a_picture_alone(size, nsr):
    rng = np.random.default_rng(0)
    plane = rng.standard_normal(size).astype(np.float32)
    gain = wiener.border_gain(PSF, nsr)
    frame, deep = borders.frame_shape(size, PSF.halfwidth), borders.depth(PSF.halfwidth)
    whole = borders.embed(plane, frame, deep)
    borders.fill_gap(whole, size, gain, deep)
    down, across = borders.looked_at(size, frame, deep)
    rows = plane if 2 * down >= size[0] else np.r_[plane[:down], plane[-down:]]
    columns = plane if 2 * across >= size[1] else np.c_[plane[:, :across], plane[:, -across:]]
    beside, below = borders.gap_of(rows, columns, frame, size, gain, deep)
    np.testing.assert_array_equal(below, whole[size[0] :])
    np.testing.assert_array_equal(beside[: size[0]], whole[: size[0], size[1] :])


@given(
    length=st.integers(1, 300),
    halo=st.integers(1, 120),
    halfwidth=st.integers(1, 12),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    long=st.booleans(),
)
def test_windows_lie_in_the_endless_frame(length, halo, halfwidth, ends, long):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_LONG", 0 if long else 8192)
        windows_lie_in_the_endless_frame(length, halo, halfwidth, ends)


def windows_lie_in_the_endless_frame(length, halo, halfwidth, ends):
    side = parts._Side(length, halo, halfwidth, 4 * halfwidth)
    first, last = sorted(round(end * (length - 1)) for end in ends)
    core = slice(first, last + 1)
    window = side.window(core)
    found = np.full(window.stop - window.start, -1)
    every = np.arange(side.frame)
    picture, gap = every[:length], every[length:]
    kept = {
        "far": np.concatenate([picture[end] for end in side.picture.there()]),
        "gap": np.concatenate([gap[end] for end in side.gap.there()]),
    }
    for run in side.runs(window):
        if run.kind == "near":
            assert max(window.start, 0) <= run.there.start < run.there.stop <= window.stop
            found[run.here] = picture[run.there]
        else:
            ends_of = side.gap if run.kind == "gap" else side.picture
            found[run.here] = kept[run.kind][ends_of.at(run.there)]
    np.testing.assert_array_equal(found, np.arange(window.start, window.stop) % side.frame)
    assert side.own(len(found)) >= len(found)


@pytest.mark.parametrize("nsr", [None, 1e-2, 1e-4])
@pytest.mark.parametrize("shape", [(420, 400), (300, 320, 3)])
@pytest.mark.parametrize("long", [0, 8192])
def test_core_of_a_part_is_that_of_the_picture_wherever_it_lies(shape, nsr, long, monkeypatch):
    """Also from another process, where nothing is kept, and in memory of another window."""
    monkeypatch.setattr(parts, "_LONG", long)
    blurred = scene(*shape)
    whole = cepstro.deblur(blurred, PSF, nsr=nsr, method="wiener").astype(float)
    plan, read = planned(blurred, nsr)
    size = blurred.shape[:2]
    framed = parts.framed(plan, size, read(parts.side_boxes(plan, size, SEVERAL)))
    elsewhere = pickle.loads(pickle.dumps(framed))
    for y, x in [(0, 0), (150, 120), (shape[0] - 50, shape[1] - 40), (0, 200)]:
        part = framed.area((slice(y, y + 50), slice(x, x + 40)))
        seen: list[float] = []
        made = framed(blurred[part.outer], part, seen.append)
        assert made.shape == whole[part.core].shape
        assert np.abs(made - whole[part.core]).max() < 65535 / 255
        assert seen[-1] == 1
        np.testing.assert_array_equal(elsewhere(blurred[part.outer], part, seen.append), made)


def test_part_that_is_all_of_a_picture_is_deblurred_as_it_is():
    blurred = scene(90, 70)
    plan, _ = planned(blurred, 1e-2)
    every = slice(0, 90), slice(0, 70)
    whole = parts.parts(plan, (90, 70), ([every[0]], [every[1]]), [])
    made = whole(blurred[whole.area(every).outer], whole.area(every), lambda _: None)
    np.testing.assert_array_equal(made, cepstro.deblur(blurred, PSF, nsr=1e-2))


def test_values_that_are_not_finite_are_refused_wherever_they_lie():
    picture = scene(300, 200).astype(np.float32) / 65535
    plan, read = planned(picture, 1e-2)
    picture[3, 100] = np.nan
    with pytest.raises(cepstro.CepstroError, match="not finite"):
        parts.framed(plan, (300, 200), read(parts.side_boxes(plan, (300, 200), SEVERAL)))
