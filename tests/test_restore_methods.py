"""The iterative methods: what they gain, what they leave alone, and their parts."""

import numpy as np
import pytest
from degrade import blur_valid, record, scene, sharp_names, valid_slices
from test_prior import fit

from cepstro.fft import irfft2, rfft2
from cepstro.light import linear_to_srgb, srgb_to_linear, steepness
from cepstro.psf import Disk, Kernel, Motion
from cepstro.restore import METHODS, areas, deblur
from cepstro.restore.dct import basis, coefficient_variance, denoise, shifts
from cepstro.restore.gradients import divergence, gradients, shrink
from cepstro.restore.observation import observe, weigh
from cepstro.restore.prior import Prior
from cepstro.restore.response import expected, response

PHOTOS = ["facerec_obama.jpg", "leptonica_juditharismax.jpg", "skimage_astronaut.png"]


def psnr(a, b):
    return -10 * np.log10(np.mean((np.asarray(a, float) - b) ** 2))


def example(name, diameter, noise, size=(240, 320)):
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    photo = scene(name, *size)
    psf = Disk(diameter)
    truth = linear_to_srgb(photo[valid_slices(photo.shape, psf)])
    return record(blur_valid(photo, psf), noise=noise), truth, psf


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(("diameter", "noise"), [(8, 0.5), (8, 2.55)])
def test_default_gains_over_the_blurred_photo_and_over_wiener(name, diameter, noise):
    blurred, truth, psf = example(name, diameter, noise)
    got = {m: psnr(deblur(blurred, psf, method=m) / 255, truth) for m in (None, "wiener")}
    assert got[None] > psnr(blurred / 255, truth) + (3.5 if noise < 1 else 2.0)
    assert got[None] > got["wiener"] + (0.8 if noise < 1 else 0.5)


def test_best_is_better_than_the_default_and_than_total_variation():
    ahead_of = {None: [], "sparse": []}
    for name in PHOTOS:
        blurred, truth, psf = example(name, 8, 0.5)
        best = psnr(deblur(blurred, psf, method="best") / 255, truth)
        for method, leads in ahead_of.items():
            leads.append(best - psnr(deblur(blurred, psf, method=method) / 255, truth))
    assert min(ahead_of[None]) > 0
    assert min(ahead_of["sparse"]) > 0
    assert np.mean(ahead_of[None]) > 0.1
    assert np.mean(ahead_of["sparse"]) > 0.4


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gains_and_rings_no_more_at_the_border_than_inside(method):
    blurred, truth, psf = example(PHOTOS[2], 10, 1.0)
    restored = deblur(blurred, psf, method=method) / 255
    assert psnr(restored, truth) > psnr(blurred / 255, truth) + 1.5
    error = np.abs(restored - truth)
    rim = np.ones(error.shape[:2], bool)
    rim[12:-12, 12:-12] = False
    assert np.median(error[rim]) < 1.6 * np.median(error[~rim])


@pytest.mark.parametrize("method", METHODS)
def test_dtype_shape_and_arguments_are_kept(method):
    image = np.random.default_rng(0).integers(0, 65536, (35, 41, 4), np.uint16)
    before = image.copy()
    out = deblur(image, Disk(5), method=method)
    assert out.dtype == np.uint16
    assert out.shape == image.shape
    assert np.array_equal(out[..., 3], image[..., 3])
    assert np.array_equal(image, before)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 9), (20, 5)])
def test_tiny_and_flat_pictures_pass(method, shape):
    noise = np.random.default_rng(0).random(shape)
    assert np.isfinite(deblur(noise, Disk(9), method=method)).all()
    flat = np.full(shape, 77, np.uint8)
    assert np.array_equal(deblur(flat, Disk(9), method=method), flat)


def lamp(limit):
    """Bright lamps on a dim wall, blurred, recorded by a sensor with a limit: linear, 0..1."""
    light = np.full((200, 260), 0.15)
    light[60:66, 80:86] = 30.0
    light[120:150, 170:200] = 2.0
    psf = Disk(14)
    blurred = np.fft.irfft2(np.fft.rfft2(light) * psf.otf(light.shape), s=light.shape)
    rng = np.random.default_rng(0)
    return np.clip(blurred + rng.normal(0, 0.002, blurred.shape), 0, limit), light, psf


@pytest.mark.parametrize("method", [None, "best", "sparse"])
def test_clipped_lamps_grow_no_dark_halos(method):
    seen, light, psf = lamp(1.0)
    restored = deblur(seen, psf, method=method, light="linear")
    wall = np.ones(light.shape, bool)
    wall[36:90, 56:110] = False
    wall[96:174, 146:224] = False
    assert np.abs(restored - 0.15)[wall].max() < 0.06
    plain = deblur(seen, psf, nsr=1e-3, light="linear")
    assert np.abs(restored - 0.15)[wall].std() < 0.5 * np.abs(plain - 0.15)[wall].std()


def test_grey_pictures_stay_grey():
    blurred, _, psf = example("skimage_astronaut.png", 8, 0.5, (160, 200))
    grey = np.repeat(blurred[..., 1:2], 3, axis=2)
    restored = deblur(grey, psf).astype(int)
    assert np.ptp(restored, axis=2).max() <= 1
    alone = deblur(grey[..., 0], psf).astype(int)
    assert np.abs(restored[..., 0] - alone).mean() < 0.1


def test_blur_is_never_taken_to_be_larger_than_known_with_an_error_bar():
    blurred, truth, _ = example(PHOTOS[1], 10, 0.5)
    wrong = Disk(10.5)
    plain = psnr(deblur(blurred, wrong) / 255, truth)
    careful = psnr(deblur(blurred, wrong, diameter_error=0.4) / 255, truth)
    assert careful > plain - 0.1


def test_cancelled_by_an_exception_in_progress():
    class Stop(Exception):
        pass

    def stop(fraction):
        if fraction > 0.2:
            raise Stop

    image = np.random.default_rng(0).random((50, 60, 3))
    for method in ("lucy", "sparse", "best", None):
        with pytest.raises(Stop):
            deblur(image, Disk(5), method=method, progress=stop)


@pytest.mark.parametrize("method", ["lucy", "sparse", "best", None])
def test_progress_never_falls_and_ends_at_one(method):
    seen = []
    image = np.random.default_rng(0).random((30, 40, 3))
    deblur(image, Disk(5), method=method, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == 1


def test_crop_with_surroundings_restores_as_the_whole():
    """Away from the cut, a tile with a halo equals the whole picture."""
    blurred, _, psf = example("skimage_astronaut.png", 6, 1.0, (320, 400))
    whole = deblur(blurred, psf, nsr=2e-3).astype(int)
    tile = deblur(blurred[:, :240], psf, nsr=2e-3).astype(int)
    inside = (slice(60, -60), slice(60, 160))
    assert np.abs(tile[inside] - whole[inside]).max() <= 1


def test_gradient_and_divergence_are_adjoint():
    rng = np.random.default_rng(1)
    x, p, q = (rng.standard_normal((17, 22)).astype(np.float32) for _ in range(3))
    down, right = gradients(x)
    left = np.vdot(down, p) + np.vdot(right, q)
    assert left == pytest.approx(np.vdot(x, divergence(p, q)), rel=1e-4)


@pytest.mark.parametrize("threads", ["1", "3"])
def test_shrinking_gradients_holds_back_what_it_takes(monkeypatch, threads):
    monkeypatch.setenv("CEPSTRO_THREADS", threads)
    x, *planes = np.random.default_rng(3).standard_normal((5, 150, 40)).astype(np.float32)
    left, held = (planes[0].copy(), planes[1].copy()), (planes[2].copy(), planes[3].copy())
    down, right = (
        1.8 * gradient - 0.8 * (rest + old) + old
        for gradient, rest, old in zip(gradients(x), left, held, strict=True)
    )
    kept = np.maximum(1 - 0.7 / np.hypot(down, right), 0)
    shrink(x, left, held, np.float32(0.7))
    for g, rest, old in zip((down, right), left, held, strict=True):
        assert old == pytest.approx(g * (1 - kept), abs=1e-5)
        assert rest == pytest.approx(g * (2 * kept - 1), abs=1e-5)


def test_blur_and_its_conjugate_are_adjoint_for_a_lopsided_kernel():
    kernel = np.zeros((5, 5))
    kernel[0, 1], kernel[2, 2], kernel[4, 0] = 0.3, 0.5, 0.2
    otf, _ = response(Kernel(kernel), 0.0, (24, 30))
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 24, 30))
    forth = np.fft.irfft2(np.fft.rfft2(x) * otf, s=x.shape)
    back = np.fft.irfft2(np.fft.rfft2(y) * otf.conj(), s=x.shape)
    assert np.vdot(forth, y) == pytest.approx(np.vdot(x, back), rel=1e-5)


def test_error_bar_fills_the_zeros_of_the_transfer_function():
    plain, power = response(Disk(20), 0.0, (128, 128))
    assert power == pytest.approx(plain**2, abs=1e-6)
    mean, wide = response(Disk(20), 0.4, (128, 128))
    assert (wide >= mean**2 - 1e-6).all()
    assert wide[power < 1e-5].mean() > 5 * power[power < 1e-5].mean()


def test_error_bar_hardly_touches_the_lowest_frequencies():
    """There the scene is a billion times the noise, and counts for what an error bar takes away."""
    shape, error = (256, 256), 0.05
    _, variance = expected(Disk(9), error, shape)
    fy, fx = np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)
    slope = (Disk(9.01).transfer(fy, fx) - Disk(8.99).transfer(fy, fx)) / 0.02
    low = np.hypot(fy, fx) < 0.03
    assert variance[low] == pytest.approx((error * slope[low]) ** 2, rel=0.1, abs=1e-12)
    assert variance.min() >= 0


@pytest.mark.parametrize("error", [0.01, 0.036, 0.1])
def test_doubt_about_the_diameter_is_noise_and_never_less_than_none(error):
    """Rounding at the lowest frequencies made it negative, and cost 11 to 30 dB on a white page."""
    plane = np.random.default_rng(0).normal(0, 0.1, (200, 260)).astype(np.float32)
    steep = Prior(-9.0, 3.0, 1e-9, 0.0, 0.2)
    doubt = observe(plane, Disk(4), steep, error=error).doubt
    assert doubt.min() >= 1
    assert doubt[0, 0] == pytest.approx(1, abs=1e-3)
    assert doubt.max() > 2


def test_cosine_basis_is_orthonormal_and_noise_variances_are_right():
    assert basis(8) @ basis(8).T == pytest.approx(np.eye(8), abs=1e-12)
    shape = (64, 64)
    power = (Disk(3).otf(shape) ** 2).astype(np.float32)
    predicted = coefficient_variance(power, shape)
    rng = np.random.default_rng(4)
    found = np.zeros((8, 8))
    for _ in range(30):
        noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * Disk(3).otf(shape))
        blocks = noise.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3)
        found += np.mean((basis(8) @ blocks @ basis(8).T) ** 2, axis=(0, 1)) / 30
    assert found == pytest.approx(predicted, rel=0.25, abs=1e-3)


@pytest.mark.parametrize("shape", [(40, 50), (41, 51)])
def test_noise_variances_follow_from_the_autocovariance(shape):
    rng = np.random.default_rng(5)
    spot = np.zeros(shape)
    spot[:4, :6] = rng.random((4, 6))
    power = np.abs(np.fft.rfft2(spot)) ** 2
    covariance = np.fft.irfft2(power, s=shape)
    lag = np.arange(8)[:, None] - np.arange(8)
    near = covariance[lag[:, None, :, None], lag[None, :, None, :]]  # of px (y, x) and (v, u)
    expected = np.einsum("iy,jx,yxvu,iv,ju->ij", basis(8), basis(8), near, basis(8), basis(8))
    assert coefficient_variance(power, shape) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("local", [None, 1.0])
def test_denoiser_is_smooth_where_a_threshold_jumps(local):
    rng = np.random.default_rng(6)
    picture = rng.normal(0, 1, (200, 1000)).astype(np.float32)
    other = picture + rng.normal(0, 1e-3, picture.shape).astype(np.float32)
    around = None if local is None else np.full(picture.shape, local, np.float32)
    first, second = (
        denoise(plane, np.full((8, 8), 0.3), threshold=2.7, local=around, grids=[(0, 0)])
        for plane in (picture, other)
    )
    assert np.abs(first - second).max() < 0.02


def test_denoiser_keeps_a_clean_picture_and_cleans_a_noisy_one():
    y, x = np.mgrid[:96, :120]
    clean = (np.sin(x / 9) + np.cos(y / 7) > 0.3).astype(np.float32)
    noisy = clean + np.random.default_rng(5).normal(0, 0.1, clean.shape).astype(np.float32)
    variance = np.full((8, 8), 0.01)
    grids = shifts(8, 0)
    out = denoise(noisy, variance, threshold=2.7, local=None, grids=grids)
    assert psnr(out, clean) > psnr(noisy, clean) + 5
    kept = denoise(clean, variance * 1e-8, threshold=2.7, local=None, grids=grids)
    assert np.abs(kept - clean).max() < 1e-3


def test_fitted_noise_is_right_on_blurred_photos():
    if "skimage_astronaut.png" not in sharp_names():
        pytest.skip("shared/data is not here")
    plane = blur_valid(scene("skimage_astronaut.png", 400, 420)[..., 1], Disk(9))
    noisy = plane + np.random.default_rng(6).normal(0, 0.01, plane.shape)
    assert np.sqrt(fit(noisy, Disk(9)).noise) == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("method", ["sparse", "best"])
def test_larger_nsr_makes_a_smoother_picture(method):
    blurred, _, psf = example("skimage_astronaut.png", 8, 2.0, (160, 200))
    rough = [
        np.abs(np.diff(deblur(blurred, psf, method=method, nsr=k).astype(float), axis=0)).mean()
        for k in (1e-4, 1e-1)
    ]
    assert rough[1] < 0.8 * rough[0]


def test_given_noise_overrides_what_is_measured():
    blurred, truth, psf = example(PHOTOS[0], 8, 2.0)
    right = psnr(deblur(blurred, psf, noise=2.0 / 255) / 255, truth)
    wrong = psnr(deblur(blurred, psf, noise=30.0 / 255) / 255, truth)
    measured = psnr(deblur(blurred, psf) / 255, truth)
    assert wrong < right - 1
    assert abs(measured - right) < 0.5


def test_default_undoes_a_lopsided_measured_kernel():
    if "skimage_astronaut.png" not in sharp_names():
        pytest.skip("shared/data is not here")
    kernel = np.zeros((11, 11))
    kernel[2:9, 3] = kernel[8, 3:10] = 1.0
    photo, psf = scene("skimage_astronaut.png", 200, 240), Kernel(kernel / kernel.sum())
    truth = linear_to_srgb(photo[valid_slices(photo.shape, psf)])
    blurred = record(blur_valid(photo, psf), noise=1)
    assert psnr(deblur(blurred, psf) / 255, truth) > psnr(blurred / 255, truth) + 4


@pytest.mark.parametrize(("method", "most"), [("best", 1.5), (None, 2.2)])
def test_a_turned_picture_is_restored_as_the_result_turned(method, most):
    """But for what the networks make of another orientation: those of the default look once."""
    blurred, _, psf = example("skimage_astronaut.png", 8, 1.0, (200, 240))
    straight, sideways, mirrored = (
        deblur(np.ascontiguousarray(picture), psf, method=method).astype(int)
        for picture in (blurred, np.rot90(blurred), blurred[:, ::-1])
    )
    assert np.abs(np.rot90(sideways, -1) - straight).mean() < most
    assert np.abs(mirrored[:, ::-1] - straight).mean() < most


@pytest.fixture
def small_areas(monkeypatch):
    """Areas of about 200 px with their halos."""
    monkeypatch.setattr(areas, "TILE", 64)
    monkeypatch.setattr(areas, "_MOST", 384)


def test_areas_cover_a_picture_once_and_join_without_seams(request, monkeypatch):
    blurred, _, psf = example("skimage_astronaut.png", 6, 1.0, (330, 420))
    whole = deblur(blurred, psf).astype(int)
    request.getfixturevalue("small_areas")
    covered = np.zeros((1000, 1700), int)
    for part in areas.areas((1000, 1700), 8):
        covered[part.core] += 1
        assert all(s.start % 8 == 0 for s in (*part.outer, *part.core))
        assert covered[part.outer][part.inside].shape == covered[part.core].shape
    assert (covered == 1).all()
    assert len(areas.areas((330, 420), psf.halfwidth)) == 2
    tiled = deblur(blurred, psf).astype(int)
    apart = np.abs(tiled - whole)[25:-25, 25:-25]  # away from the picture's border
    assert apart.mean() < 0.1
    assert np.mean(apart > 1) < 0.003
    seam = areas.cuts(420, psf.halfwidth)[1].start - 25
    assert apart[:, [seam - 1, seam]].mean() < 0.1


@pytest.mark.parametrize("halfwidth", [3, 17, 51, 100, 150])
@pytest.mark.parametrize("size", [(816, 1224), (2000, 3000), (4000, 6000), (5774, 8660)])
def test_areas_are_small_enough_to_hold_two_and_large_beside_their_halos(size, halfwidth):
    cut = areas.areas(size, halfwidth)
    reach = areas.halo(halfwidth)
    for part in cut:
        for outer, core, length in zip(part.outer, part.core, size, strict=True):
            assert outer.stop - outer.start <= max(2304, 4 * reach + 512)
            assert length == core.stop - core.start or core.stop - core.start >= reach
            assert core.start % 512 == 0
    seen = sum(np.prod([s.stop - s.start for s in part.outer]) for part in cut)
    if halfwidth <= 17:
        assert seen <= 1.3 * np.prod(size)


@pytest.mark.parametrize(("length", "count"), [(1, 1), (64, 1), (191, 2), (500, 3), (1281, 10)])
def test_pieces_of_a_side_are_even_and_begin_at_whole_tiles(length, count):
    pieces = areas.even(length, count, 64)
    assert [p.stop for p in pieces[:-1]] == [p.start for p in pieces[1:]]
    assert (pieces[0].start, pieces[-1].stop) == (0, length)
    assert len(pieces) == count
    most = -(-length // 64 // count) * 64 + 64
    assert all(p.start % 64 == 0 and 0 < p.stop - p.start <= most for p in pieces)


def test_exception_cancels_work_in_several_areas(small_areas):
    class Stop(Exception):
        pass

    def stop(fraction):
        if fraction > 0:
            raise Stop

    assert len(areas.areas((400, 400), 3)) > 3
    with pytest.raises(Stop):
        deblur(np.random.default_rng(0).random((400, 400, 3)), Disk(5), progress=stop)


@pytest.mark.parametrize("method", [*METHODS, None])
def test_result_does_not_hang_on_the_number_of_threads(monkeypatch, method):
    rng = np.random.default_rng(8)
    light = 0.5 + 0.35 * np.sin(rng.standard_normal((600, 700)).cumsum(0).cumsum(1) / 40)
    blurred = record(blur_valid(light, Disk(9)), noise=0.5)
    monkeypatch.setenv("CEPSTRO_THREADS", "3")
    together = deblur(blurred, Disk(9), method=method)
    monkeypatch.setenv("CEPSTRO_THREADS", "1")
    alone = deblur(blurred, Disk(9), method=method)
    np.testing.assert_array_equal(alone, together)


def page(height=200, width=260, *, white=1.0):
    """Lines of drawn letters on white paper: linear light."""
    rng = np.random.default_rng(7)
    light = np.full((height, width), white)
    for top in range(6, height - 12, 18):
        for left in range(4, width - 10, 9):
            strokes = rng.random((5, 3)) < 0.5
            light[top : top + 10, left : left + 6][np.kron(strokes, np.ones((2, 2), bool))] = 0.02
    return light


def recorded_page(psf, noise, white=1.0):
    light = page(white=white)
    blurred = record(blur_valid(light, psf), noise=noise)
    return blurred, linear_to_srgb(np.minimum(light[valid_slices(light.shape, psf)], 1))


@pytest.mark.parametrize("method", [*METHODS, None])
@pytest.mark.parametrize("psf", [Motion(15, angle=30), Motion(12, angle=45)])
def test_slanted_motion_on_a_page_at_the_limit_is_undone(method, psf):
    blurred, truth = recorded_page(psf, 1.0, white=1.1)
    assert psnr(deblur(blurred, psf, method=method) / 255, truth) > psnr(blurred / 255, truth) + 2


@pytest.mark.parametrize("noise", [2.55, 7.65])
def test_lucy_does_not_let_noise_run_away(noise):
    for name in (*PHOTOS, "popos_galen-crout-175291.jpg"):
        blurred, truth, psf = example(name, 8, noise)
        gained = psnr(deblur(blurred, psf, method="lucy") / 255, truth)
        assert gained > psnr(blurred / 255, truth) + 0.8


def test_paper_is_no_lighter_than_white(monkeypatch):
    blurred, truth = recorded_page(Disk(6), 1.0)
    bounded = psnr(deblur(blurred, Disk(6), method="best") / 255, truth)
    monkeypatch.setattr("cepstro.restore.plug_and_play._LAMP", -99.0)
    free = psnr(deblur(blurred, Disk(6), method="best") / 255, truth)
    assert bounded > free + 0.2


def test_noise_is_seen_where_a_large_blur_hides_it_from_the_band():
    """Fitted to the band alone, it read 1e-8 of the truth here, and ruined the picture."""
    blurred, truth, psf = example("skimage_camera.png", 33, 0.5, (330, 460))
    light = srgb_to_linear(blurred / 255)
    slope = np.gradient(srgb_to_linear(np.linspace(0, 1, 256)), 1 / 255)[blurred]
    sigma = np.sqrt((0.5**2 + 1 / 12) * np.mean(slope**2)) / 255
    assert np.sqrt(fit(light - light.mean(), psf).noise) == pytest.approx(sigma, rel=0.25)
    for method in (*METHODS, None):
        assert (
            psnr(deblur(blurred, psf, method=method) / 255, truth) > psnr(blurred / 255, truth) + 2
        )


def test_noise_in_colour_does_not_lift_the_black():
    """The rest of a channel beside its luminance had a mean of its own taken away."""
    blurred, truth, psf = example("popos_galen-crout-175291.jpg", 8, 2.55)
    for method in (None, "sparse", "lucy"):
        restored = deblur(blurred, psf, method=method) / 255
        assert np.median(restored) == pytest.approx(np.median(truth), abs=1.5 / 255)


def test_frame_is_the_photo_where_seen_and_the_estimate_elsewhere():
    plane = np.random.default_rng(8).normal(0, 0.1, (40, 50)).astype(np.float32)
    dim = np.zeros(plane.shape, bool)
    dim[10:20, 10:20] = True
    seen = observe(plane, Disk(5), Prior(-8.0, 2.0, 1e-4, 0.0, 0.1), clipped=dim)
    estimate = rfft2(np.random.default_rng(9).normal(0, 1, seen.shape).astype(np.float32))
    shown = irfft2(estimate * seen.otf, seen.shape)
    seen.refresh(estimate)
    frame, inside = seen.picture(seen.frame), seen.picture(shown)
    assert np.abs(frame - plane)[~dim].max() < 1e-6
    assert np.abs(frame - np.maximum(inside, plane))[dim].max() < 1e-6
    assert np.abs(seen.frame - shown)[plane.shape[0] :].max() < 1e-6


def test_pixels_count_as_data_as_their_noise_allows():
    """At the fixed point of a weighed frame the estimate meets precise pixels more closely."""
    plane = np.random.default_rng(10).normal(0, 0.1, (64, 64)).astype(np.float32)
    light = np.full(plane.shape, 0.05, np.float32)
    light[:, 32:] = 0.8
    slope = steepness(light, "srgb")
    weight = weigh(slope, float(np.mean(slope**2)))
    assert 0.5 <= weight[:, 40].max() < 1 < weight[:, 10].min() <= 2
    seen = observe(plane, Disk(2), Prior(-8.0, 2.0, 1e-2, 0.0, 0.25))
    seen.weight = weight
    for _ in range(30):
        estimate = rfft2(seen.frame) * seen.otf / (seen.power + 0.5)
        seen.refresh(estimate.copy())
    left = np.abs(seen.picture(irfft2(estimate * seen.otf, seen.shape)) - plane)
    assert left[:, 2:30].mean() < 0.9 * left[:, 34:62].mean()
