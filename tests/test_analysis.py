"""analyze(): known blurs, things that must not matter, honest no's, errors."""

import doctest
import json
import warnings

import numpy as np
import pytest
from degrade import DATA, blur_valid, record, scene, sharp, sharp_names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from spectra import power_law_scene

import cepstro
from cepstro import analysis as room
from cepstro.light import from_linear
from cepstro.psf import Disk, Gaussian, Motion, Polygon, Ring
from cepstro.radial import radial_profile


def photo(name: str, psf=None, *, side: int = 340, **camera) -> np.ndarray:
    """A real photo blurred in linear light, through a camera."""
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    light = scene(name, side, side + 60)
    return record(light if psf is None else blur_valid(light, psf), **camera)


@pytest.fixture(scope="module")
def light() -> np.ndarray:
    """A scene that needs no data, blurred by a disk of 12 px: linear light, float32."""
    plane = power_law_scene(300, psf=Disk(12), slope=-2.2, seed=5)[:260] * 0.1 + 0.4
    return np.clip(plane, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def grey(light) -> np.ndarray:
    return from_linear(light, np.dtype(np.uint8))


@pytest.fixture(scope="module")
def found(grey) -> cepstro.Analysis:
    return cepstro.analyze(grey)


@pytest.fixture(scope="module")
def linear(light) -> cepstro.Analysis:
    return cepstro.analyze(light, light="linear")


@pytest.fixture(scope="module")
def part(grey) -> cepstro.Analysis:
    return cepstro.analyze(grey[20:240, 30:280])


# --- known blurs on real photos -------------------------------------------------------------------

KNOWN = [
    ("facerec_obama.jpg", 6.0, {}),
    ("leptonica_wyom.jpg", 21.4, {}),
    ("skimage_camera.png", 40.0, {}),
    ("leptonica_wyom.jpg", 7.0, {"noise": 1, "quality": 90}),
    ("skimage_camera.png", 12.3, {"noise": 1, "quality": 90}),
    ("skimage_astronaut.png", 30.0, {"noise": 1, "quality": 90}),
]


@pytest.mark.parametrize(("name", "diameter", "camera"), KNOWN)
def test_diameter_of_a_known_blur_is_within_two_percent(name, diameter, camera):
    found = cepstro.analyze(photo(name, Disk(diameter), side=400, **camera))
    assert found.verdict == "defocus"
    assert found.diameter == pytest.approx(diameter, rel=0.02)
    assert abs(found.diameter - diameter) < 4 * found.diameter_error + 0.01
    assert found.confidence > 0.5
    assert found.psf.diameter == found.diameter


def test_ring_and_polygon_of_real_photos_are_named():
    ring = cepstro.analyze(photo("leptonica_wyom.jpg", Ring(24, hole=0.5), noise=0.5))
    assert (ring.verdict, ring.model) == ("defocus", "ring")
    assert ring.diameter == pytest.approx(24, rel=0.01)
    assert ring.psf.hole == pytest.approx(0.5, abs=0.02)
    psf = Polygon(22, blades=6, rotation=13)
    polygon = cepstro.analyze(photo("leptonica_wyom.jpg", psf, side=480, noise=0.5))
    assert (polygon.model, polygon.psf.blades) == ("polygon", 6)
    assert polygon.psf.rotation == pytest.approx(13, abs=1.5)


def test_thin_soft_ring_is_not_surely_a_thick_one():
    pixels = photo("leptonica_wyom.jpg", Ring(27, hole=1, softness=2), side=480, noise=0.5)
    found = cepstro.analyze(pixels)
    assert found.model == "ring"
    assert abs(found.diameter - 27) < 2 * found.diameter_error
    assert found.confidence < 0.7
    thin = found.candidates[0]
    assert (thin.diameter, thin.hole) == (pytest.approx(27, rel=0.01), 1)
    assert found.confidence + sum(other.strength for other in found.candidates) <= 1 + 1e-9
    assert any(",hole=1,softness=" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("text_defocus.jpg", 17.5, 20.5), ("original.jpg", 10.5, 12.2)]
)
def test_photos_really_out_of_focus_read_what_people_settled_on(name, low, high):
    path = DATA / "defocused" / "opencv" / name
    if not path.exists():
        pytest.skip("shared/data is not here")
    found = cepstro.analyze(cepstro.read(path))
    assert found.verdict == "defocus"
    assert low <= found.diameter <= high


def test_chances_of_an_ambiguous_photo_add_up_to_one_at_most():
    path = DATA / "defocused" / "opencv" / "text_defocus.jpg"
    if not path.exists():
        pytest.skip("shared/data is not here")
    found = cepstro.analyze(cepstro.read(path))
    strengths = [other.strength for other in found.candidates]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] > 0
    assert found.confidence + sum(strengths) <= 1 + 1e-9


def test_sharpest_of_a_focus_stack_is_not_defocused():
    path = DATA / "defocused" / "pcb_focus_stack" / "depthmap_pcb_004.JPG"
    if not path.exists():
        pytest.skip("shared/data is not here")
    assert cepstro.analyze(cepstro.read(path)).verdict != "defocus"


# --- honest no's ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["facerec_obama.jpg", "leptonica_wyom.jpg", "skimage_camera.png"])
def test_sharp_photo_is_not_called_defocus(name):
    found = cepstro.analyze(photo(name, noise=1))
    assert found.verdict in ("none", "gaussian")
    assert found.diameter is found.diameter_error is None
    assert found.reason


def test_large_sharp_photo_is_as_sharp_as_a_part_of_it():
    from skimage import data

    part = data.astronaut()
    large = np.pad(part, ((0, 1536), (0, 1536), (0, 0)), mode="symmetric")
    for pixels in (part, large):
        assert cepstro.analyze(pixels).verdict == "none"
    found = cepstro.analyze(large)
    assert found.step == 1
    assert found.radial.frequency[-1] > 0.6  # of the photo, not of a reduced copy


@pytest.mark.parametrize(
    ("name", "angle"), [("leptonica_wyom.jpg", 30), ("skimage_gravel.png", -55)]
)
def test_motion_is_called_motion_with_its_angle_on_the_right_side(name, angle):
    found = cepstro.analyze(photo(name, Motion(14, angle=angle), noise=1))
    assert (found.verdict, found.model) == ("motion", "motion")
    assert found.psf.length == found.diameter == pytest.approx(14, rel=0.02)
    assert found.psf.angle == pytest.approx(angle, abs=1)


@pytest.mark.parametrize("shape", [(64, 64), (200, 300)])
def test_noise_is_not_called_defocus(shape):
    noise = np.random.default_rng(13).random(shape)
    assert cepstro.analyze(noise).verdict in ("none", "gaussian")


# --- what must not matter -------------------------------------------------------------------------


def same(one: cepstro.Analysis, other: cepstro.Analysis, *, errors: float) -> None:
    """The diameters agree within so many error bars."""
    assert other.verdict == one.verdict == "defocus"
    assert other.diameter == pytest.approx(one.diameter, abs=errors * one.diameter_error)


def test_scene_reads_its_diameter(found):
    assert found.verdict == "defocus"
    assert found.diameter == pytest.approx(12, rel=0.01)


@pytest.mark.parametrize("turn", [np.rot90, np.fliplr], ids=["rot90", "lr"])
def test_turning_and_mirroring_do_not_matter(found, grey, turn):
    same(found, cepstro.analyze(turn(grey)), errors=0.05)


def test_colour_of_equal_channels_is_grey(found, grey):
    colour = cepstro.analyze(np.stack([grey] * 3, axis=-1))
    same(found, colour, errors=0.05)
    assert colour.noise == pytest.approx(found.noise, rel=1e-3)


def test_alpha_does_not_matter(found, grey):
    alpha = np.random.default_rng(14).integers(0, 256, grey.shape).astype(np.uint8)
    same(found, cepstro.analyze(np.dstack([grey, alpha])), errors=1e-6)


def test_same_values_in_other_types_are_the_same_photo(found, grey):
    for other in (grey * np.uint16(257), grey / 255):
        again = cepstro.analyze(other)
        same(found, again, errors=0.01)
        assert again.noise == pytest.approx(found.noise, rel=1e-3)
        assert again.nsr == pytest.approx(found.nsr, rel=0.2)  # a step of its grid


def test_depth_and_encoding_of_the_same_light_do_not_matter(found, linear, light):
    for other in (np.uint16, np.float32):
        encoded = cepstro.analyze(from_linear(light, np.dtype(other)))
        same(linear, encoded, errors=0.1)
    same(found, linear, errors=3)  # 8 bit adds noise


def test_photo_knows_its_own_light(linear, light):
    made = cepstro.Photo(light, light="linear")
    assert cepstro.analyze(made).to_dict() == linear.to_dict()


def test_crop_reads_the_same_within_the_error_bars(part, found):
    assert part.verdict == "defocus"
    error = float(np.hypot(part.diameter_error, found.diameter_error))
    assert part.diameter == pytest.approx(found.diameter, abs=3 * error)


def test_region_is_the_crop(part, grey):
    region = cepstro.analyze(grey, region=(30, 20, 250, 220))
    assert region.to_dict() == part.to_dict()


def test_doubled_photo_has_twice_the_diameter(found, grey):
    # Enlarged without a resampler's own blur: each value four times, a box of 2 px.
    doubled = cepstro.analyze(np.kron(grey, np.ones((2, 2), np.uint8)))
    assert doubled.verdict == "defocus"
    assert doubled.diameter == pytest.approx(2 * found.diameter, rel=0.02)


def test_twice_is_the_same_to_the_bit(found, grey):
    again = cepstro.analyze(grey)
    assert again.to_dict() == found.to_dict()
    np.testing.assert_array_equal(again.cepstrum, found.cepstrum)
    np.testing.assert_array_equal(again.spectrum.power, found.spectrum.power)
    np.testing.assert_array_equal(again.radial.model, found.radial.model)


def test_what_is_done_to_a_result_does_not_change_the_next(found, grey):
    one = cepstro.analyze(grey)
    count, mean = found.profile.count.copy(), found.profile.mean.copy()
    shown = (one.profile, one.radial, one.spectrum)
    arrays = [getattr(part, name) for part in shown for name in part.__slots__]
    for array in [*arrays, one.cepstrum]:
        if isinstance(array, np.ndarray) and array.flags.writeable:
            array *= 3
    again = cepstro.analyze(grey)
    assert again.to_dict() == found.to_dict()
    np.testing.assert_array_equal(again.profile.count, count)
    np.testing.assert_array_equal(again.profile.mean, mean)


def test_array_is_not_changed_and_nothing_is_said(grey, capfd):
    before = grey.copy()
    locked = grey.copy()
    locked.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cepstro.analyze(locked)
    np.testing.assert_array_equal(locked, before)
    said = capfd.readouterr()
    assert said.out == said.err == ""


def test_noncontiguous_photos_are_read_like_copies(found, grey):
    wide = np.repeat(grey, 2, axis=1)[:, ::2]
    assert not wide.flags.c_contiguous
    assert cepstro.analyze(wide).to_dict() == found.to_dict()


# --- parts, colours, results ----------------------------------------------------------------------


def test_region_tells_the_blurred_half_from_the_sharp_one():
    if "leptonica_wyom.jpg" not in sharp_names():
        pytest.skip("shared/data is not here")
    psf = Disk(12)
    sharp = scene("leptonica_wyom.jpg", 320, 640)
    soft = blur_valid(sharp, psf)
    reach = psf.halfwidth + 2
    mixed = sharp[reach:-reach, reach:-reach].copy()
    half = mixed.shape[1] // 2
    mixed[:, half:] = soft[:, half:]
    pixels = record(mixed, noise=0.5)
    height = pixels.shape[0]
    right = cepstro.analyze(pixels, region=(half, 0, pixels.shape[1] - half, height))
    assert right.verdict == "defocus"
    assert right.diameter == pytest.approx(12, rel=0.01)
    assert cepstro.analyze(pixels, region=(0, 0, half, height)).verdict != "defocus"


def test_each_channel_has_its_own_diameter():
    if "leptonica_wyom.jpg" not in sharp_names():
        pytest.skip("shared/data is not here")
    sharp = scene("leptonica_wyom.jpg", 400, 500)
    true = (13.0, 12.0, 11.4)
    planes = [blur_valid(sharp[..., c], Disk(true[c])) for c in range(3)]
    margin = [(planes[0].shape[0] - plane.shape[0]) // 2 for plane in planes]
    height, width = planes[0].shape
    assert max(margin) <= 0  # the largest disk leaves the smallest picture
    light = np.stack(
        [plane[-m : height - m, -m : width - m] for plane, m in zip(planes, margin, strict=True)],
        axis=-1,
    )
    found = cepstro.analyze(record(light, noise=0.5), channels="each")
    assert [one.name for one in found.channels] == ["red", "green", "blue"]
    assert [one.diameter for one in found.channels] == pytest.approx(true, rel=0.01)
    assert found.chromatic_difference == pytest.approx(1.6, abs=0.1)
    assert all(0 < one.diameter_error < 0.2 for one in found.channels)


def test_channels_of_a_ring_are_fitted_as_rings():
    photo_of_a_ring = photo("leptonica_wyom.jpg", Ring(27, hole=0.85), side=480, noise=0.5)
    found = cepstro.analyze(photo_of_a_ring, channels="each")
    assert found.model == "ring"
    assert found.diameter == pytest.approx(27, rel=0.02)
    sizes = [one.diameter for one in found.channels]
    assert sizes == pytest.approx([found.diameter] * 3, rel=0.01)
    assert found.chromatic_difference < 0.2


def test_grey_photo_has_one_channel(found, grey):
    assert found.channels == ()
    (only,) = cepstro.analyze(grey, channels="each").channels
    assert only.name == "grey"
    assert only.diameter == pytest.approx(found.diameter, rel=0.01)


def test_result_is_whole_and_goes_into_json(found, grey):
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["verdict"] == "defocus"
    assert cepstro.parse_psf(plain["psf"]) == found.psf
    assert 0 < found.confidence <= 1
    assert 0 < found.nsr < 1
    assert 0 <= found.noise < 0.01  # rounding to 8 bit alone
    n = found.cepstrum.shape[0]
    assert found.cepstrum.shape == (n, n)
    assert found.spectrum.power.shape == (n, n // 2 + 1)
    dark = 4 + int(np.argmin(found.profile.mean[4:30]))
    assert found.profile.quefrency[dark] == pytest.approx(12, abs=1.2)
    assert found.radial.zeros[0] == pytest.approx(1.2197 / found.diameter, rel=0.01)
    assert sum(other.strength for other in found.candidates) <= 1 - found.confidence + 1e-9
    for other in found.candidates:
        assert abs(other.diameter / found.diameter - 1) > 0.03
        assert 0 <= other.strength <= 1
    assert f"{found.diameter:.1f} px" in found.reason


def test_curves_of_a_blur_found_on_a_reduced_copy_are_in_px_of_the_photo():
    plane = power_law_scene(2100, psf=Disk(300), slope=-2.2, seed=5) * 0.13 + 0.4
    found = cepstro.analyze(from_linear(np.clip(plane, 0, 1), np.dtype(np.uint8)))
    assert found.step == 3
    assert found.diameter == pytest.approx(300, rel=0.01)
    dark = np.argmin(np.where(found.profile.quefrency > 100, found.profile.mean, np.inf))
    assert found.profile.quefrency[dark] == pytest.approx(300, rel=0.03)
    samples = radial_profile(found.cepstrum).quefrency[dark]
    assert samples * found.step == pytest.approx(found.profile.quefrency[dark])
    assert found.radial.zeros[0] == pytest.approx(1.2197 / found.diameter, rel=0.01)


def test_progress_runs_from_0_to_1_and_an_error_in_it_passes_through(grey):
    seen: list[float] = []
    cepstro.analyze(grey, progress=seen.append)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] == 1

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cepstro.analyze(grey, progress=stop)


def test_example_of_the_documentation_runs():
    result = doctest.testmod(room)
    assert result.attempted >= 4
    assert result.failed == 0


# --- errors ---------------------------------------------------------------------------------------

GOOD = np.random.default_rng(15).random((64, 80))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (GOOD[:63], "80 x 63 px.*at least 64"),
        (GOOD[:, :8], "8 x 64 px.*at least 64"),
        (np.full((64, 64), 128, np.uint8), "flat"),
        (np.zeros((64, 64, 3), np.float32), "flat"),
        (np.ones((64, 64), bool), "flat"),
        (np.where(GOOD > 0.99, np.nan, GOOD), "finite|NaN|number"),
        (np.where(GOOD > 0.99, np.inf, GOOD), "finite|infin|number"),
    ],
)
def test_unsuitable_pictures_are_named(pixels, message):
    with pytest.raises(cepstro.CepstroError, match=message) as caught:
        cepstro.analyze(pixels)
    assert type(caught.value).__name__ == "UnsuitableImageError"


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((-1, 0, 40, 40), "x, y >= 0"),
        ((0, 0, 0, 40), "width, height > 0"),
        ((30, 0, 64, 64), "outside the picture of 80 x 64 px"),
        ((0, 10, 64, 64), "outside the picture of 80 x 64 px"),
    ],
)
def test_regions_outside_the_picture_are_named(region, message):
    with pytest.raises(ValueError, match=message):
        cepstro.analyze(GOOD, region=region)


def test_region_too_small_is_an_unsuitable_picture():
    with pytest.raises(cepstro.CepstroError, match="16 x 20 px"):
        cepstro.analyze(GOOD, region=(0, 0, 16, 20))


def test_nan_outside_the_region_does_not_matter():
    spoilt = np.pad(GOOD, ((0, 0), (0, 20)), constant_values=np.nan)
    assert cepstro.analyze(spoilt, region=(0, 0, 80, 64)).to_dict() == (
        cepstro.analyze(GOOD).to_dict()
    )


def test_wrong_arguments_are_named():
    for region in ((1, 2, 3), (0.0, 0.0, 64.0, 64.0), "abcd"):
        with pytest.raises(TypeError, match="region must be four whole numbers"):
            cepstro.analyze(GOOD, region=region)
    with pytest.raises(ValueError, match=r"channels must be .*'red'"):
        cepstro.analyze(GOOD, channels="red")
    with pytest.raises(ValueError, match=r"light must be .*'gamma'"):
        cepstro.analyze(GOOD, light="gamma")
    with pytest.raises(ValueError, match=r"C of 1 to 4"):
        cepstro.analyze(np.zeros((40, 40, 5)))
    with pytest.raises(TypeError, match="int32"):
        cepstro.analyze(np.zeros((40, 40), np.int32))
    with pytest.raises(TypeError, match="list"):
        cepstro.analyze([[0.0]])
    with pytest.raises(TypeError):
        cepstro.analyze(GOOD, "srgb")  # keyword-only


DTYPES = st.sampled_from(
    ["bool", "u1", "u2", "u4", "u8", "i2", "i4", "f2", "f4", "f8", "c8", "U3", "M8[s]"]
)
SHAPES = st.one_of(
    st.tuples(st.integers(0, 70), st.integers(0, 70)),
    st.tuples(st.integers(30, 60), st.integers(30, 60), st.integers(0, 5)),
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=9),
)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    dtype=DTYPES,
    shape=SHAPES,
    kind=st.sampled_from(["noise", "step", "wave", "spike", "wild", "tiny"]),
    seed=st.integers(0, 99),
)
def test_any_array_gives_an_analysis_or_a_documented_error(dtype, shape, kind, seed):
    rng = np.random.default_rng(seed)
    values = rng.random(shape)
    if kind == "step":
        values = (values.cumsum(axis=0) > 3).astype(float)
    elif kind == "wave":
        values = 0.5 + 0.5 * np.sin(np.arange(values.size).reshape(shape) * seed)
    elif kind == "spike":
        values = (values > 0.999).astype(float)
    elif kind == "wild":
        values = (values - 0.5) * 1e30
    elif kind == "tiny":
        values = values * 1e-30
    kind_of = np.dtype(dtype).kind
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind_of in "ui":
            top = np.iinfo(dtype).max
            pixels = (np.clip(values, 0, 1) * (top - 1)).astype(dtype)
        elif kind_of == "M":
            pixels = values.astype("i8").astype(dtype)
        else:
            pixels = values.astype(dtype)
    try:
        found = cepstro.analyze(pixels)
    except (cepstro.CepstroError, ValueError, TypeError) as error:
        assert str(error)
        assert "\n" not in str(error)
        assert type(error).__name__ in ("UnsuitableImageError", "ValueError", "TypeError")
        assert not isinstance(error, np.linalg.LinAlgError)
        assert "broadcast" not in str(error)
    else:
        assert isinstance(found, cepstro.Analysis)
        assert found.verdict in ("defocus", "motion", "gaussian", "none")
        json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", ["leptonica_wyom.jpg", "skimage_gravel.png", "skimage_camera.png"])
@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_gaussian_blur_is_not_called_defocus(name, sigma):
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    found = cepstro.analyze(record(blur_valid(scene(name, 400, 400), Gaussian(sigma)), noise=1))
    assert found.verdict == "gaussian"
    assert found.psf.sigma == pytest.approx(sigma, rel=0.25)


def test_gaussian_is_surer_where_rings_would_have_shown():
    if "facerec_obama.jpg" not in sharp_names():
        pytest.skip("shared/data is not here")
    soft = record(blur_valid(sharp("facerec_obama.jpg"), Disk(16)), noise=1, quality=90)
    assert cepstro.analyze(soft).verdict == "defocus"
    shoulder = cepstro.analyze(soft, region=(195, 483, 220, 220))  # out of focus, little to see
    assert shoulder.verdict == "gaussian"
    assert shoulder.confidence < 0.5
    assert "too little" in shoulder.reason
    plain = cepstro.analyze(photo("leptonica_wyom.jpg", Gaussian(3), side=480, noise=1))
    assert plain.verdict == "gaussian"
    assert plain.confidence > 0.85
    assert "not come from defocus" in plain.reason


def test_white_noise_is_neither_soft_nor_out_of_focus():
    assert cepstro.analyze(np.random.default_rng(0).random((300, 300))).verdict == "none"


def test_blur_that_differs_over_the_photo_is_told():
    name = "skimage_gravel.png"
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    whole = scene(name)
    parts = [
        record(blur_valid(part, Disk(diameter)))
        for part, diameter in zip(np.hsplit(whole, 2), (9, 11), strict=True)
    ]
    found = cepstro.analyze(np.hstack([part[:480, :240] for part in parts]))
    assert any("from about 9.0 to 11.0 px" in sentence for sentence in found.warnings)
    assert cepstro.analyze(record(blur_valid(whole, Disk(10)))).warnings == ()
