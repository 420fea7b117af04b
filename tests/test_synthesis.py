"""Blur laid on pictures: light, borders, alpha, dtypes, sizes."""

import degrade
import numpy as np
import pytest
from scipy.ndimage import correlate

from cepstro.analysis import analyze
from cepstro.errors import CepstroError, NoDefocusError
from cepstro.light import srgb_to_linear, to_linear
from cepstro.photo import Photo
from cepstro.psf import BornWolf, Disk, Gaussian, Kernel, Motion, Polygon, Ring, scaled
from cepstro.synthesis import blur, match

LOPSIDED = Kernel(np.random.default_rng(3).random((5, 7)))


def picture(*shape: int, dtype=np.uint8, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random(shape)
    if np.dtype(dtype).kind in "bu":
        top = 1 if dtype is bool else np.iinfo(dtype).max
        return np.rint(values * top).astype(dtype)
    return values.astype(dtype)


@pytest.mark.parametrize("shape", [(64, 64), (31, 53), (1, 40), (40, 1), (1, 1), (6, 5)])
def test_blur_is_convolution_with_mirrored_borders(shape):
    image = picture(*shape, dtype=np.float32)
    expected = correlate(image.astype(float), LOPSIDED.array[::-1, ::-1], mode="reflect")
    np.testing.assert_allclose(blur(image, LOPSIDED, light="linear"), expected, atol=2e-6)


def test_a_point_becomes_the_psf():
    image = np.zeros((65, 65), np.float32)
    image[32, 32] = 1
    psf = Ring(27, hole=0.8, softness=1)
    got = blur(image, psf, light="linear")
    h = psf.halfwidth
    np.testing.assert_allclose(got[32 - h : 33 + h, 32 - h : 33 + h], psf.kernel(), atol=2e-5)


def test_blur_happens_in_light():
    image = np.zeros((33, 33))
    image[:, 16:] = 1.0
    got = blur(image, Disk(9, softness=1))
    # Half-way over the edge lies half the light, which sRGB encodes as 0.735.
    across = srgb_to_linear(got)[16]
    assert across[15] + across[16] == pytest.approx(1, abs=1e-4)
    assert got[16, 15:17].mean() == pytest.approx(0.73, abs=0.02)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, bool, "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 1), (20, 31, 2), (20, 31, 3), (20, 31, 4)])
def test_shape_and_dtype_stay(dtype, shape):
    image = picture(*shape, dtype=dtype)
    before = image.copy()
    got = blur(image, Disk(5))
    assert got.shape == shape and got.dtype == image.dtype
    np.testing.assert_array_equal(image, before)
    if image.dtype != bool:
        top = 1 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
        assert got[..., 0].std() / top < 0.6 * image[..., 0].std() / top
    if len(shape) == 3 and shape[2] in (2, 4):
        np.testing.assert_array_equal(got[..., -1], image[..., -1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, "f2", "f4", "f8", bool])
def test_flat_pictures_stay_exactly_flat(dtype):
    image = np.full((50, 70, 3), picture(1, dtype=dtype)[0])
    got = blur(image, Disk(12.3))
    if image.dtype.kind == "f":
        np.testing.assert_allclose(got, image, rtol=1e-3 if dtype == "f2" else 1e-6)
    else:
        np.testing.assert_array_equal(got, image)


def test_floats_beyond_the_range_are_kept():
    image = np.full((30, 30), 3.0, np.float32)
    image[10:20, 10:20] = -1.0
    got = blur(image, Gaussian(1.0), light="linear")
    assert got.max() > 2.9 and got.min() < -0.5


def test_mean_light_is_kept_by_a_mirrored_border():
    image = picture(41, 60, dtype=np.float64)
    got = blur(image, Motion(9, angle=30), light="linear")
    assert got.mean() == pytest.approx(image.mean(), abs=0.02)


def test_hidden_colours_do_not_bleed():
    image = np.zeros((40, 40, 4), np.uint8)
    image[:, :20] = (0, 255, 0, 0)  # bright green under full transparency
    image[:, 20:] = (200, 0, 0, 255)
    got = blur(image, Disk(9))
    assert got[:, 20:, 1].max() == 0
    assert np.abs(got[:, 20:, 0].astype(int) - 200).max() <= 1
    np.testing.assert_array_equal(got[..., 3], image[..., 3])
    np.testing.assert_array_equal(got[:, :10], image[:, :10])


def test_opaque_alpha_changes_nothing():
    image = picture(30, 40, 4)
    image[..., 3] = 255
    np.testing.assert_array_equal(blur(image, Disk(7))[..., :3], blur(image[..., :3], Disk(7)))


def test_each_colour_may_have_its_own_psf():
    image = picture(30, 40, 3)
    psfs = [Disk(3), Disk(6), Gaussian(2)]
    got = blur(image, psfs)
    for c, psf in enumerate(psfs):
        np.testing.assert_array_equal(got[..., c], blur(image[..., c], psf))


def test_blur_in_memory_order_and_views_of_any_kind():
    image = picture(30, 40, 3)
    expected = blur(image, Disk(5))
    np.testing.assert_array_equal(blur(np.asfortranarray(image), Disk(5)), expected)
    np.testing.assert_array_equal(blur(image[::-1, ::-1], Disk(5)), expected[::-1, ::-1])
    image.flags.writeable = False
    np.testing.assert_array_equal(blur(image, Disk(5)), expected)


def test_photo_in_photo_out():
    photo = Photo(picture(30, 40, 3), light="linear")
    got = blur(photo, Disk(5))
    assert isinstance(got, Photo) and got.light == "linear"
    np.testing.assert_array_equal(got.pixels, blur(photo.pixels, Disk(5), light="linear"))
    assert not np.array_equal(got.pixels, blur(photo, Disk(5), light="srgb").pixels)


def test_progress_rises_to_one_and_cancels():
    seen: list[float] = []
    blur(picture(9, 9, 3), Disk(3), progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blur(picture(9, 9, 3), Disk(3), progress=stop)


def test_wrong_arguments_are_refused_in_a_sentence():
    image = picture(9, 9, 3)
    with pytest.raises(TypeError, match="psf must be a PSF"):
        blur(image, "disk:3")
    with pytest.raises(TypeError, match="psf must be a PSF"):
        blur(image, [Disk(3), 4, 5])
    with pytest.raises(ValueError, match=r"one PSF or 3, one a colour, got 2"):
        blur(image, [Disk(3), Disk(4)])
    with pytest.raises(ValueError, match="light must be"):
        blur(image, Disk(3), light="gamma")
    with pytest.raises(CepstroError, match="not finite"):
        blur(np.full((5, 5), np.nan), Disk(3))


def test_a_psf_larger_than_the_picture_blurs_it_flat():
    image = picture(12, 9)
    got = to_linear(blur(image, Disk(200)))
    assert np.ptp(got) < 0.02


# --- match ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos() -> tuple[np.ndarray, np.ndarray]:
    """A photo blurred by a disk of 12.3 px, with noise of 2/255, and a clean picture."""
    if not degrade.DATA.exists():
        pytest.skip("no test photos")
    scene = degrade.scene("skimage_astronaut.png")
    blurred = degrade.record(degrade.blur_valid(scene, Disk(12.3)), noise=2)
    return blurred, degrade.record(degrade.scene("leptonica_wyom.jpg", 400, 500))


def test_match_gives_the_blur_and_the_noise_of_the_other_photo(photos):
    blurred, clean = photos
    twin = match(blurred, clean)
    assert twin.shape == clean.shape and twin.dtype == clean.dtype
    there, here = analyze(blurred), analyze(twin)
    assert here.verdict == "defocus"
    assert here.diameter == pytest.approx(there.diameter, rel=0.02)
    assert here.noise == pytest.approx(there.noise, rel=0.1)


def test_match_is_seeded(photos):
    blurred, clean = photos
    small = clean[:100, :120]
    np.testing.assert_array_equal(match(blurred, small), match(blurred, small))
    assert (match(blurred, small) != match(blurred, small, seed=1)).mean() > 0.3
    quiet = match(blurred, small, grain=False)
    assert np.abs(quiet.astype(int) - blur(small, analyze(blurred).psf)).max() <= 1


def test_match_scales_the_blur_to_another_resolution(photos):
    blurred, clean = photos
    twin = match(blurred, clean, scale=1.5)
    assert analyze(twin).diameter == pytest.approx(1.5 * 12.3, rel=0.02)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, "f4"])
@pytest.mark.parametrize("shape", [(60, 70), (60, 70, 3), (60, 70, 4)])
def test_match_keeps_shape_dtype_and_alpha(photos, dtype, shape):
    clean = picture(*shape, dtype=dtype)
    twin = match(photos[0], clean)
    assert twin.shape == shape and twin.dtype == clean.dtype
    if shape[-1] == 4:
        np.testing.assert_array_equal(twin[..., 3], clean[..., 3])


def test_match_refuses_a_photo_without_blur(photos):
    with pytest.raises(NoDefocusError, match="no blur to copy: "):
        match(photos[1], photos[1])
    with pytest.raises(ValueError, match="scale must be"):
        match(*photos, scale=0)
    with pytest.raises(ValueError, match="JPEG"):
        match(*photos, jpeg=True)
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        match(*photos, seed=-1)


def test_match_passes_through_the_jpeg_of_the_blurred_photo(photos):
    tables = (tuple([40] * 64), tuple([40] * 64))
    blurred = Photo(photos[0], jpeg_tables=tables)
    twin = match(blurred, photos[1], jpeg=True, grain=False)
    plain = match(blurred, photos[1], grain=False)
    change = np.abs(twin.astype(int) - plain)
    assert 1 < change.mean() < 12


def test_scaled_psfs_keep_their_form():
    fy, fx = np.mgrid[-0.2:0.2:9j, 0:0.2:5j]
    for psf in (
        Disk(8, softness=1),
        Ring(9, hole=0.5, softness=1),
        Polygon(9, blades=5, rotation=3, softness=1),
        Gaussian(2),
        Motion(6, angle=20),
        BornWolf(na=0.3, wavelength=0.5, defocus=20, pixel=1),
        Kernel(Polygon(9, blades=5, softness=1.5).kernel()),
    ):
        np.testing.assert_allclose(
            scaled(psf, 2).transfer(fy, fx), psf.transfer(2 * fy, 2 * fx), atol=3e-3
        )
        assert scaled(psf, 1) == psf
    with pytest.raises(ValueError, match="factor"):
        scaled(Disk(3), float("nan"))
