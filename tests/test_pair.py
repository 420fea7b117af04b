"""Kernels from pairs: accuracy, registration, refusals."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from degrade import DATA, blur_valid, record, scene, valid_slices

from cepstro.errors import UnsuitableImageError
from cepstro.light import from_linear
from cepstro.pair import PairKernel, estimate_kernel
from cepstro.pair.align import coarse_shift, overlap
from cepstro.pair.similarity import Similarity, warp
from cepstro.photo import Photo
from cepstro.psf import Disk, Gaussian, Kernel, Polygon, Ring
from cepstro.synthesis import blur

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="no test photos")
NAME = "leptonica_wyom.jpg"
DISK = Disk(8.6, softness=0.5)
HEXAGON = Polygon(12, blades=6, rotation=10, softness=0.5)
RING = Ring(27, hole=1, softness=2)


def pair(psf, *, height=380, width=460, name=NAME, **how) -> tuple[np.ndarray, np.ndarray]:
    """A sharp and a blurred photo as a camera stores them, their noise not the same."""
    light = scene(name, height, width)
    part = valid_slices(light.shape, psf)
    return record(light, seed=1, **how)[part], record(blur_valid(light, psf), seed=2, **how)


def moved(light: np.ndarray, dy: float, dx: float) -> np.ndarray:
    """The scene shifted by parts of a pixel (it wraps round: cut the border afterwards)."""
    fy, fx = np.fft.fftfreq(light.shape[0])[:, None], np.fft.rfftfreq(light.shape[1])[None]
    turn = np.exp(-2j * np.pi * (fy * dy + fx * dx))
    planes = [np.fft.irfft2(np.fft.rfft2(p) * turn, s=p.shape) for p in np.moveaxis(light, 2, 0)]
    return np.stack(planes, axis=-1).astype(np.float32)


def error(found: PairKernel, psf) -> float:
    """Relative L2 distance between two kernels, on the larger support."""
    kernels = [found.kernel, psf.kernel()]
    side = max(k.shape[0] for k in kernels)
    a, b = (np.pad(k, (side - k.shape[0]) // 2) for k in kernels)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize(
    ("psf", "method"),
    [(psf, method) for psf in (DISK, HEXAGON, RING) for method in ("wiener", "lsqr")],
    ids=str,
)
def test_kernel_of_8_bit_photos_is_right_to_one_per_cent(psf, method):
    found = estimate_kernel(*pair(psf), method=method)
    assert error(found, psf) < 0.01
    assert found.kernel.min() >= 0
    assert found.kernel.sum() == pytest.approx(1)
    assert max(np.abs(found.shift)) < 0.03
    assert found.gain == pytest.approx(1, abs=0.01)
    assert type(found.fit.psf) is type(psf)
    assert found.fit.psf.diameter == pytest.approx(psf.diameter, abs=0.05)
    assert found.psf == Kernel(found.kernel)


@pytest.mark.parametrize(
    ("how", "limit"), [({"noise": 2.55}, 0.04), ({"quality": 90}, 0.08)], ids=["noise", "jpeg"]
)
def test_noise_and_jpeg_leave_the_kernel_usable(how, limit):
    assert error(estimate_kernel(*pair(DISK, **how)), DISK) < limit


def test_what_jpeg_wipes_out_is_not_taken_for_softness():
    found = estimate_kernel(*pair(DISK, quality=90))
    assert isinstance(found.fit.psf, Disk)
    assert found.fit.psf.softness < 0.52
    assert abs(found.fit.psf.softness - 0.5) < 3 * found.fit.errors["softness"]
    assert error(found, DISK) < 0.02


def test_a_photo_with_little_detail_is_not_turned_to_fit():
    found = estimate_kernel(*pair(RING, name="facerec_obama.jpg", height=512, width=768))
    assert (found.scale, found.rotation) == (1, 0)
    assert max(np.abs(found.shift)) < 0.03
    assert error(found, RING) < 0.01


def drawn_by_area(diameter: float) -> Kernel:
    """A disk as many programs draw it: each pixel by the part of it that is covered."""
    side, fine = 2 * math.ceil(diameter / 2) + 1, 33
    at = (np.arange(side * fine) + 0.5) / fine - side / 2
    inside = at[:, None] ** 2 + at**2 <= (diameter / 2) ** 2
    return Kernel(inside.reshape(side, fine, side, fine).mean(axis=(1, 3)))


@pytest.mark.parametrize(
    ("psf", "how", "kind"),
    [
        (Gaussian(2), {}, Gaussian),
        (Gaussian(3), {"noise": 2.55}, Gaussian),
        (Gaussian(4), {"quality": 90}, Gaussian),
        (Gaussian(6), {}, Gaussian),
        (Disk(12), {}, Disk),
        (Disk(9, softness=1.5), {"noise": 2.55}, Disk),
        (drawn_by_area(6.3), {}, Disk),
        (drawn_by_area(6.3), {"quality": 90}, Disk),
        (Ring(20, hole=0.3, softness=1), {}, Ring),
        (Ring(16, hole=0.6, softness=1), {"quality": 90}, Ring),
        (Polygon(12, blades=6, rotation=10, softness=0.5), {"noise": 2.55}, Polygon),
        (Polygon(20, blades=8, rotation=3, softness=0.7), {}, Polygon),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_blur_is_named_by_its_own_family(psf, how, kind):
    found = estimate_kernel(*pair(psf, **how))
    assert isinstance(found.fit.psf, kind), found.fit


def test_all_texture_is_not_taken_for_noise():
    found = estimate_kernel(*pair(RING, name="skimage_gravel.png", height=512, width=512))
    assert found.fit.psf.softness == pytest.approx(2, abs=0.02)
    assert error(found, RING) < 0.01


def test_a_blur_wider_than_the_first_look_is_found():
    wide = Ring(76, hole=0.4, softness=2)
    found = estimate_kernel(*pair(wide, height=500, width=600))
    assert found.kernel.shape[0] >= wide.kernel().shape[0] - 4
    assert found.fit.psf.diameter == pytest.approx(76, abs=0.3)
    assert error(found, wide) < 0.02


def test_shift_gain_and_offset_are_found_and_undone():
    light = scene(NAME, 400, 480)
    cut = tuple(slice(p.start + 8, p.stop - 8) for p in valid_slices(light.shape, DISK))
    blurred = 0.9 * blur_valid(moved(light, 3.4, -2.7), DISK)[8:-8, 8:-8] + 0.02
    found = estimate_kernel(record(light)[cut], record(blurred))
    assert found.shift == pytest.approx((3.4, -2.7), abs=0.03)
    assert found.gain == pytest.approx(0.9, abs=0.01)
    assert found.offset == pytest.approx(0.02, abs=0.003)
    assert error(found, DISK) < 0.02


def test_large_shifts_are_found():
    light = scene(NAME, 420, 520)
    sharp = record(light)[:330, 60:]
    blurred = record(blur(light, DISK, light="linear"))[50:, :440]
    found = estimate_kernel(sharp, blurred)
    assert found.shift == pytest.approx((-50, 60), abs=0.03)
    assert error(found, DISK) < 0.02


def test_scale_and_rotation_are_found_and_undone():
    light = scene(NAME, 420, 520)
    truth = Similarity((3.0, -2.0), 1.01, math.radians(0.5))
    laid = np.stack([warp(light[..., c], truth, light.shape, order=5) for c in range(3)], axis=-1)
    part = valid_slices(light.shape, DISK)
    found = estimate_kernel(record(light)[part], record(blur_valid(laid, DISK)))
    assert found.scale == pytest.approx(1.01, abs=2e-4)
    assert found.rotation == pytest.approx(0.5, abs=0.02)
    assert found.shift == pytest.approx((3, -2), abs=0.05)
    assert error(found, DISK) < 0.02


def test_kernel_reproduces_the_blur_of_another_photo():
    found = estimate_kernel(*pair(DISK))
    other = scene("skimage_astronaut.png", 300, 300)
    truth = from_linear(blur(other, DISK, light="linear"), np.dtype(np.float32))
    again = from_linear(blur(other, found.psf, light="linear"), np.dtype(np.float32))
    assert -10 * np.log10(np.mean((again - truth) ** 2)) > 45


def test_a_blur_that_no_model_knows_keeps_its_form():
    shape = np.zeros((21, 21))
    shape[4:8, 4:17] = 1
    shape[4:17, 4:7] = 2
    angle = Kernel(np.maximum(blur(shape, Gaussian(0.8), light="linear"), 0))
    found = estimate_kernel(*pair(angle, height=420, width=520), size=29)
    assert found.fit.misfit > 0.3
    fy, fx = np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64)[None]
    turn = np.exp(-2j * np.pi * (fy * found.shift[0] + fx * found.shift[1]))
    there = np.fft.irfft2(found.psf.transfer(fy, fx) * turn, s=(64, 64))
    truth = np.fft.irfft2(angle.transfer(fy, fx), s=(64, 64))
    assert np.linalg.norm(there - truth) < 0.1 * np.linalg.norm(truth)


def test_grey_and_colour_floats_and_photos_are_taken():
    sharp, blurred = pair(DISK, height=200, width=240)
    photo = estimate_kernel(Photo(sharp), Photo(blurred), method="wiener", size=19)
    floats = estimate_kernel(sharp[..., 1] / 255, blurred[..., 1] / 255, method="wiener", size=19)
    assert error(photo, DISK) < 0.05
    assert error(floats, DISK) < 0.05


def test_kernels_of_each_colour():
    light = scene(NAME, 240, 260)
    psfs = [Disk(7, softness=0.5), Disk(9, softness=0.5), Disk(11, softness=0.5)]
    part = valid_slices(light.shape, psfs[2])
    found = estimate_kernel(
        record(light)[part],
        record(blur(light, psfs, light="linear"))[part],
        channels="each",
        method="wiener",
        size=21,
    )
    diameters = [one.fit.psf.diameter for one in found.channels]
    assert diameters == pytest.approx([7, 9, 11], abs=0.1)


def test_clipped_highlights_are_left_out():
    light = scene(NAME, 400, 480)
    part = valid_slices(light.shape, DISK)
    how = {"gain": float(0.7 / np.quantile(light, 0.97))}
    found = estimate_kernel(record(light, **how)[part], record(blur_valid(light, DISK), **how))
    assert error(found, DISK) < 0.03


def test_size_is_kept_when_given_and_its_limit_told_when_not():
    sharp, blurred = pair(DISK, height=200, width=240)
    assert estimate_kernel(sharp, blurred, size=31, method="wiener").kernel.shape == (31, 31)
    small = estimate_kernel(sharp[:70, :70], blurred[:70, :70], method="wiener")
    assert small.kernel.shape[0] <= 35


def test_result_is_plain_json_and_deterministic():
    sharp, blurred = pair(DISK, height=200, width=240)
    one, two = (estimate_kernel(sharp, blurred, method="wiener", size=19) for _ in range(2))
    assert json.dumps(one.to_dict(), allow_nan=False) == json.dumps(two.to_dict())
    np.testing.assert_array_equal(one.kernel, two.kernel)
    assert str(one.fit).startswith("a disk of diameter 8.")


def test_progress_rises_to_one_and_cancels():
    sharp, blurred = pair(DISK, height=200, width=240)
    for channels in ("luminance", "each"):
        seen: list[float] = []
        how = {"method": "wiener", "size": 19, "channels": channels}
        estimate_kernel(sharp, blurred, **how, progress=seen.append)
        assert seen == sorted(seen) and seen[-1] == 1

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimate_kernel(sharp, blurred, progress=stop)


@pytest.mark.parametrize("psf", [DISK, RING], ids=str)
@pytest.mark.parametrize("method", ["lsqr", "wiener"])
def test_other_scenes_are_refused_by_name(psf, method):
    names = (NAME, "skimage_astronaut.png", "skimage_gravel.png", "leptonica_juditharismax.jpg")
    photos = [pair(psf, height=240, width=300, name=name) for name in names]
    for i, (sharp, _) in enumerate(photos):
        for j, (_, blurred) in enumerate(photos):
            if i != j:
                with pytest.raises(UnsuitableImageError, match="do not show the same scene"):
                    estimate_kernel(sharp, blurred, method=method)


@pytest.mark.parametrize("psf", [DISK, Disk(4, softness=0.5), Gaussian(2)], ids=str)
@pytest.mark.parametrize("how", [{}, {"noise": 2.55}, {"quality": 90}], ids=str)
def test_swapped_photos_are_refused_and_asked_for(psf, how):
    sharp, blurred = pair(psf, **how)
    with pytest.raises(UnsuitableImageError, match="are the photos swapped"):
        estimate_kernel(blurred, sharp)


def test_kernel_that_no_model_describes_is_told():
    corner = np.zeros((15, 15))
    corner[1:3, 1:14] = corner[1:14, 1:3] = 1
    found = estimate_kernel(*pair(Kernel(corner)))
    assert found.fit.misfit > 0.5
    assert [w for w in found.warnings if w.startswith("no model describes the kernel (misfit ")]
    assert not estimate_kernel(*pair(DISK)).warnings


def test_planes_without_a_kernel_between_them_are_refused():
    light = np.random.default_rng(0).random((120, 130)).astype(np.float32)
    with pytest.raises(UnsuitableImageError, match="do not show the same scene"):
        estimate_kernel(light, 1 - light, light="linear")


@pytest.mark.parametrize(
    ("sharp", "blurred", "keywords", "kind", "message"),
    [
        (np.ones((90, 90)), np.ones((90, 90)), {}, UnsuitableImageError, "sharp photo is flat"),
        (np.eye(20), np.eye(90), {}, UnsuitableImageError, "sharp photo must be at least"),
        (np.eye(90), np.full((90, 90), np.nan), {}, UnsuitableImageError, "not finite"),
        (np.eye(90), np.eye(90), {"method": "fft"}, ValueError, "method must be"),
        (np.eye(90), np.eye(90), {"size": 10}, ValueError, "size must be an odd number"),
        (np.eye(90), np.eye(90), {"size": 9.0}, TypeError, "size must be a whole number"),
        (np.eye(90), np.eye(90), {"channels": "red"}, ValueError, "channels must be"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(sharp, blurred, keywords, kind, message):
    with pytest.raises(kind, match=message):
        estimate_kernel(sharp, blurred, **keywords)


def test_a_kernel_too_large_for_the_photos_is_refused():
    sharp, blurred = pair(DISK, height=240, width=300)
    with pytest.raises(ValueError, match=r"size may be at most 1\d\d px for these photos, got 201"):
        estimate_kernel(sharp, blurred, size=201)
    # What clipped light was smeared over tells nothing: here, the lower two thirds.
    sharp, blurred = ((0.8 * photo).astype(np.uint8) for photo in (sharp, blurred))
    sharp[126:, ::40] = 255
    with pytest.raises(UnsuitableImageError, match=r"only .* pixels tell of a kernel of 101 x 101"):
        estimate_kernel(sharp, blurred, size=101)


def test_coarse_shift_and_overlap_agree():
    rng = np.random.default_rng(0)
    whole = rng.random((200, 240)).astype(np.float32)
    sharp, blurred = whole[:150, 30:], whole[20:, :200]
    hump = coarse_shift(sharp, blurred)
    assert hump.shift == (-20, 30)
    first, second = overlap(sharp, blurred, hump.shift)
    np.testing.assert_array_equal(sharp[first], blurred[second])
