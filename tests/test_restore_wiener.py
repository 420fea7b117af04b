"""Wiener deblurring: the formula, the borders, and what goes in comes out."""

import numpy as np
import pytest
from degrade import blur_valid, record, scene, sharp_names, valid_slices

from cepstro.errors import UnsuitableImageError
from cepstro.light import linear_to_srgb, srgb_to_linear
from cepstro.psf import BornWolf, Disk, Kernel, Polygon
from cepstro.restore import METHODS, deblur
from cepstro.restore.response import response

PHOTOS = ["lomiri_Picture_1A_by_freespace.jpg", "skimage_astronaut.png"]


def psnr(a, b):
    return -10 * np.log10(np.mean((np.asarray(a, float) - b) ** 2))


def circular_wiener(plane, psf, constant):
    otf = psf.otf(plane.shape)
    mean = plane.mean()
    ratio = np.conj(otf) / (np.abs(otf) ** 2 + constant)
    return np.fft.irfft2(np.fft.rfft2(plane - mean) * ratio, s=plane.shape) + mean


@pytest.fixture(params=PHOTOS)
def photo(request):
    if request.param not in sharp_names():
        pytest.skip("shared/data is not here")
    return scene(request.param, 300, 400)


@pytest.mark.parametrize("psf", [Disk(9), Polygon(9, blades=5)])
def test_constant_is_the_textbook_formula_inside(psf):
    """On a picture that repeats, the infinite picture's filter is known exactly."""
    rng = np.random.default_rng(0)
    tile = rng.random((64, 80))
    expected = np.tile(circular_wiener(tile, psf, 0.05), (6, 6))
    got = deblur(np.tile(tile, (6, 6)), psf, nsr=0.05, light="linear")
    inside = (slice(150, 230), slice(190, 290))
    assert np.abs(got[inside] - expected[inside]).max() < 2e-3


def test_measured_asymmetric_kernel_keeps_its_phase():
    kernel = np.zeros((7, 7))
    kernel[0, 0], kernel[3, 3], kernel[5, 2] = 0.1, 0.75, 0.15
    sharp = np.random.default_rng(3).random((120, 150))
    psf = Kernel(kernel)
    blurred = np.fft.irfft2(np.fft.rfft2(sharp) * psf.otf(sharp.shape), s=sharp.shape)
    restored = deblur(blurred, psf, nsr=1e-5, light="linear")
    inside = (slice(30, -30), slice(30, -30))
    assert np.abs(restored - sharp)[inside].max() < 0.01


@pytest.mark.parametrize(("diameter", "gain"), [(5, 2.0), (9, 3.5), (14, 3.5)])
def test_borders_gain_over_wrapping_round(photo, diameter, gain):
    psf = Disk(diameter)
    truth = linear_to_srgb(photo[valid_slices(photo.shape, psf)])
    blurred = record(blur_valid(photo, psf), noise=0.5)
    auto = deblur(blurred, psf, method="wiener") / 255
    light = srgb_to_linear(blurred / 255)
    wrapped = np.stack([circular_wiener(light[..., c], psf, 1e-3) for c in range(3)], -1)
    wrapped = linear_to_srgb(np.clip(wrapped, 0, 1))
    assert psnr(auto, truth) > psnr(blurred / 255, truth) + gain
    assert psnr(auto, truth) > psnr(wrapped, truth) + 2


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(33, 47), (21, 30, 1), (24, 31, 2), (20, 37, 3), (19, 23, 4)])
def test_dtype_shape_and_alpha_come_out_as_they_went_in(dtype, shape):
    rng = np.random.default_rng(5)
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    image = (rng.random(shape) * top).astype(dtype)
    before = image.copy()
    out = deblur(image, Disk(4))
    assert out.dtype == image.dtype
    assert out.shape == image.shape
    assert np.array_equal(image, before)
    if shape[-1] in (2, 4):
        assert np.array_equal(out[..., -1], image[..., -1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (5, 3), (7, 64), (17, 31)])
@pytest.mark.parametrize("nsr", [None, 1e-3])
def test_tiny_pictures_are_restored_without_trouble(shape, nsr):
    image = np.random.default_rng(1).random(shape)
    assert np.isfinite(deblur(image, Disk(33), nsr=nsr)).all()


@pytest.mark.parametrize("nsr", [None, 1e-3])
def test_flat_pictures_stay_flat(nsr):
    image = np.full((40, 50, 3), (200, 20, 128), np.uint8)
    assert np.array_equal(deblur(image, Disk(12), nsr=nsr), image)


def test_mean_light_is_kept(photo):
    psf = Disk(10)
    blurred = blur_valid(photo, psf)
    restored = deblur(blurred, psf, method="wiener", light="linear")
    assert restored.mean(axis=(0, 1)) == pytest.approx(blurred.mean(axis=(0, 1)), abs=1 / 255)


def test_turned_and_mirrored_pictures_give_turned_and_mirrored_results(photo):
    blurred = record(blur_valid(photo[:200, :260], Disk(9)), noise=1)
    straight = deblur(blurred, Disk(9), method="wiener").astype(int)
    for there, back in [(np.rot90, lambda a: np.rot90(a, -1)), (np.fliplr, np.fliplr)]:
        other = back(deblur(np.ascontiguousarray(there(blurred)), Disk(9), method="wiener"))
        assert np.abs(other.astype(int) - straight).mean() < 0.5


def test_one_psf_a_channel_restores_a_chromatic_difference(photo):
    psfs = [Disk(7), Disk(9), Disk(11)]
    cut = valid_slices(photo.shape, psfs[2])
    placed = np.zeros_like(photo)
    for c, p in enumerate(psfs):
        rows, columns = valid_slices(photo.shape, p)
        placed[rows, columns, c] = blur_valid(photo[..., c], p)
    blurred = record(placed[cut], noise=0.5)
    truth = linear_to_srgb(photo[cut])
    each = deblur(blurred, psfs, method="wiener") / 255
    same = deblur(blurred, psfs[1], method="wiener") / 255
    assert psnr(each, truth) > psnr(same, truth) + 1


def test_constants_of_numpy_are_numbers():
    image = np.random.default_rng(0).random((40, 50))
    for nsr in (np.float32(0.25), np.float64(0.25)):
        np.testing.assert_array_equal(
            deblur(image, Disk(5), nsr=nsr), deblur(image, Disk(5), nsr=0.25)
        )
    assert np.isfinite(deblur(image, Disk(5), nsr=1e300)).all()


def test_wrong_arguments_are_refused_in_one_sentence():
    image = np.zeros((20, 20, 3))
    for bad in (
        {"nsr": -1.0},
        {"nsr": float("nan")},
        {"method": "magic"},
        {"noise": -1},
        {"noise": 2},
    ):
        with pytest.raises(ValueError, match="must be"):
            deblur(image, Disk(5), **bad)
    with pytest.raises(ValueError, match="one a colour"):
        deblur(image, [Disk(5), Disk(5)])
    with pytest.raises(TypeError):
        deblur(image, Disk(5), nsr="lots")
    with pytest.raises(TypeError, match="PSF"):
        deblur(image, None)
    image[3, 4] = np.nan
    with pytest.raises(UnsuitableImageError, match="finite"):
        deblur(image, Disk(5))


def test_exception_in_progress_cancels_the_work():
    class Stop(Exception):
        pass

    def stop(fraction):
        if fraction > 0:
            raise Stop

    with pytest.raises(Stop):
        deblur(np.random.default_rng(0).random((64, 64, 3)), Disk(5), progress=stop)


def test_progress_rises_to_one():
    seen = []
    deblur(np.random.default_rng(0).random((64, 64, 3)), Disk(5), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(("diameter", "nsr"), [(33, 5e-4), (10, 5e-4), (33, 1e-2)])
def test_constant_rings_no_more_at_the_frame_than_inside(diameter, nsr):
    if "skimage_camera.png" not in sharp_names():
        pytest.skip("shared/data is not here")
    light, psf = scene("skimage_camera.png", 330, 460), Disk(diameter)
    truth = linear_to_srgb(light[valid_slices(light.shape, psf)])
    blurred = record(blur_valid(light, psf), noise=0.5)
    error = (deblur(blurred, psf, nsr=nsr) / 255 - truth) ** 2
    inside = error[40:-40, 40:-40].mean()
    for rim in (error[:3], error[-3:], error[:, :3], error[:, -3:]):
        assert rim.mean() < 1.5 * inside


@pytest.mark.parametrize("method", [*METHODS, None])
def test_kernel_of_one_pixel_leaves_a_picture_as_it_is(method):
    rng = np.random.default_rng(0)
    picture = 0.5 + 0.3 * np.sin(rng.standard_normal((90, 110)).cumsum(0).cumsum(1) / 20)
    restored = deblur(picture, Kernel(np.ones((1, 1))), method=method, noise=1e-4)
    assert psnr(restored, picture) > 35


@pytest.mark.parametrize("method", [*METHODS, None])
def test_photo_without_noise_is_restored_without_a_warning(method):
    blurred = np.random.default_rng(0).random((90, 110)).cumsum(0).cumsum(1) / 1e4
    assert np.isfinite(deblur(blurred, Disk(5), method=method, noise=0)).all()


def test_doubt_about_a_microscope_s_diameter_closes_the_filter():
    psf = BornWolf(na=1.0, wavelength=0.55, defocus=3.0, pixel=0.1, index=1.33)
    (_, sure), (_, power) = (response(psf, error, (256, 256)) for error in (0.0, 2.0))
    zero = 10 + int(np.argmin(sure[0, 10:20]))  # the second: the first is shallow
    assert sure[0, zero] < 0.01 * sure[0, zero - 4]
    assert power[0, zero] > 20 * sure[0, zero]
    assert power[0, 1] == pytest.approx(sure[0, 1], rel=0.01)


@pytest.mark.parametrize("name", ["noise", "diameter_error", "nsr"])
def test_argument_that_is_no_number_is_named(name):
    with pytest.raises(TypeError, match=f"{name} must be a number"):
        deblur(np.zeros((20, 20)), Disk(3), **{name: "much"})
