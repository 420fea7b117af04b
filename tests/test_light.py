"""Light: the sRGB curve to the letter, every dtype, every code there and back."""

import numpy as np
import pytest

from cepstro import light as light_module
from cepstro.icc import ToneCurve
from cepstro.light import (
    check_image,
    clipped,
    from_linear,
    linear_to_srgb,
    luminance,
    split_alpha,
    srgb_to_linear,
    steepness,
    to_linear,
)


def test_srgb_is_exact_at_values_of_the_standard():
    # IEC 61966-2-1: both pieces, their joint, and 8-bit codes worked out by hand from its formula.
    codes = np.array([0.0, 10 / 255, 0.04045, 0.5, 188 / 255, 1.0])
    lights = [
        0.0,
        10 / 255 / 12.92,
        0.04045 / 12.92,
        ((0.5 + 0.055) / 1.055) ** 2.4,
        ((188 / 255 + 0.055) / 1.055) ** 2.4,
        1.0,
    ]
    np.testing.assert_allclose(srgb_to_linear(codes), lights, rtol=1e-14)
    assert srgb_to_linear(np.array(0.5)) == pytest.approx(0.21404114, abs=1e-8)
    assert linear_to_srgb(np.array(0.18)) == pytest.approx(0.46135613, abs=1e-8)


def test_srgb_curves_undo_each_other():
    values = np.linspace(-2, 3, 100_001)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=3e-7)
    single = values.astype(np.float32)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(single)), single, atol=1e-6)


def test_srgb_curves_rise_and_are_odd():
    values = np.linspace(0, 2, 20_001)
    for curve in (srgb_to_linear, linear_to_srgb):
        assert (np.diff(curve(values)) > 0).all()
        np.testing.assert_array_equal(curve(-values), -curve(values))
        assert curve(values.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("light", ["srgb", "linear"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_code_survives_the_round_trip(light, dtype):
    codes = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 16)
    there = to_linear(codes, light=light)
    assert there.dtype == np.float32 and there.min() == 0 and there.max() == 1
    assert (np.diff(there.ravel()) > 0).all()
    np.testing.assert_array_equal(from_linear(there, codes.dtype, light=light), codes)


@pytest.mark.parametrize("light", ["srgb", "linear"])
def test_bool_and_floats_survive_the_round_trip(light):
    bits = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(to_linear(bits, light=light), bits.astype(np.float32))
    np.testing.assert_array_equal(from_linear(to_linear(bits), bits.dtype, light=light), bits)
    values = np.linspace(-1, 4, 60).reshape(5, 12)
    for dtype, close in ((np.float16, 3e-3), (np.float32, 2e-6), (np.float64, 2e-6)):
        image = values.astype(dtype)
        there = to_linear(image, light=light)
        assert there.dtype == np.float32
        back = from_linear(there, image.dtype, light=light)
        assert back.dtype == dtype
        np.testing.assert_allclose(back, image, atol=close)


def test_uint32_spans_its_whole_range():
    image = np.array([[0, 2**31, 2**32 - 1]], np.uint32)
    there = to_linear(image, light="linear")
    np.testing.assert_allclose(there, [[0, 0.5, 1]], atol=1e-7)
    np.testing.assert_allclose(from_linear(there, image.dtype, light="linear"), image, rtol=1e-7)


def test_integers_are_rounded_and_clipped():
    values = np.array([[-0.5, 0.0, 0.4999 / 255, 0.5001 / 255, 254.6 / 255, 1.0, 7.0]])
    got = from_linear(values, np.dtype(np.uint8), light="linear")
    np.testing.assert_array_equal(got, [[0, 0, 0, 1, 255, 255, 255]])
    got = from_linear(values, np.dtype(bool), light="linear")
    np.testing.assert_array_equal(got, [[0, 0, 0, 0, 1, 1, 1]])


def test_8_bit_light_agrees_with_the_formula_in_double_precision():
    codes = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_allclose(to_linear(codes)[0], srgb_to_linear(np.arange(256) / 255), rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_chunks_and_threads_change_nothing(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    image = rng.random((67, 41, 3))
    image = (image * 255).astype(dtype) if dtype != np.float32 else image.astype(dtype)
    whole = to_linear(image)
    back = from_linear(whole, image.dtype)
    for chunk in (1, 500, 5000):
        monkeypatch.setattr(light_module, "_CHUNK", chunk)
        np.testing.assert_array_equal(to_linear(image), whole)
        np.testing.assert_array_equal(from_linear(whole, image.dtype), back)
    monkeypatch.setenv("CEPSTRO_THREADS", "1")
    np.testing.assert_array_equal(to_linear(image), whole)


def test_views_of_any_memory_order_are_read_right():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 4), np.uint8)
    np.testing.assert_array_equal(to_linear(image[::-1, ::2, 1]), to_linear(image)[::-1, ::2, 1])
    colour, alpha = split_alpha(image)
    assert alpha is not None and np.shares_memory(colour, image) and np.shares_memory(alpha, image)
    assert split_alpha(image[..., :3])[1] is None
    assert split_alpha(image[..., :2])[0].shape == (20, 30, 1)


def test_luminance_weighs_linear_colours():
    image = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.25, 0.25, 0.25]]])
    np.testing.assert_allclose(luminance(image), [[0.2126, 0.7152, 0.0722, 0.25]], atol=1e-7)
    assert luminance(image).dtype == np.float32
    np.testing.assert_array_equal(luminance(image[..., 0]), image[..., 0])
    np.testing.assert_array_equal(luminance(image[..., :1]), image[..., 0])


def test_clipped_marks_pixels_at_the_top_in_any_colour():
    image = np.full((2, 3, 4), 100, np.uint8)
    image[0, 1, 2] = 255
    image[1, 0, 1] = 254
    image[1, 2, 3] = 255  # alpha is no light
    np.testing.assert_array_equal(clipped(image), [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(clipped(image[..., 0]), np.zeros((2, 3)))
    np.testing.assert_array_equal(clipped(image[..., :3] * np.uint16(257)), [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(clipped(image[..., :3] / 255), [[0, 1, 0], [1, 0, 0]])
    assert not clipped(np.ones((3, 3), bool)).any()


def test_a_tone_curve_serves_as_light():
    gamma = ToneCurve(tuple((np.arange(1025) / 1024) ** 1.8))
    codes = np.arange(256, dtype=np.uint8)[None]
    there = to_linear(codes, light=gamma)
    np.testing.assert_allclose(there[0], (np.arange(256) / 255) ** 1.8, atol=2e-6)
    np.testing.assert_array_equal(from_linear(there, codes.dtype, light=gamma), codes)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        ([[1, 2]], TypeError),
        (np.zeros((3, 3), np.int32), TypeError),
        (np.zeros((3, 3), complex), TypeError),
        (np.zeros((3, 3), np.uint64), TypeError),
        (np.zeros((3, 3), np.longdouble), TypeError),
        (np.zeros(3), ValueError),
        (np.zeros((3, 3, 5)), ValueError),
        (np.zeros((2, 3, 3, 3)), ValueError),
        (np.zeros((0, 3)), ValueError),
    ],
)
def test_what_is_no_picture_is_refused(image, error):
    with pytest.raises(error, match="image must"):
        check_image(image)


def test_unknown_light_is_refused():
    with pytest.raises(ValueError, match="light must be"):
        to_linear(np.ones((2, 2)), light="gamma")
    with pytest.raises(ValueError, match="light must be"):
        from_linear(np.ones((2, 2)), np.dtype(np.uint8), light="gamma")


@pytest.mark.parametrize("light", ["srgb", "linear", ToneCurve.gamma(1.8), ToneCurve.gamma(0.2)])
def test_codes_by_table_are_those_of_the_formula(light):
    rng = np.random.default_rng(3)
    bits = rng.integers(0, np.float32(1.001).view(np.int32), 300_000, np.int32)
    values = np.concatenate([bits.view(np.float32), rng.random(300_000, np.float32)])
    values = np.append(values, np.array([0, -0.0, 1, -3, 7, 1e-40], np.float32))
    encoded = from_linear(np.clip(values, 0, 1), np.float32, light=light)
    expected = np.rint(np.clip(encoded, 0, 1) * np.float32(255)).astype(np.uint8)
    assert (from_linear(values, np.uint8, light=light) == expected).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.uint32, np.float32, np.float64])
def test_a_number_is_taken_away_and_put_back_on_the_way(dtype):
    rng = np.random.default_rng(6)
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    image = (rng.random((20, 30)) * top).astype(dtype)
    light = to_linear(image)
    less = to_linear(image, less=0.25)
    assert less == pytest.approx(light - 0.25, abs=1e-6)
    assert np.array_equal(
        from_linear(less, np.dtype("u1"), plus=0.25), from_linear(less + 0.25, np.dtype("u1"))
    )
    assert from_linear(less, image.dtype, plus=0.25) == pytest.approx(
        from_linear(light, image.dtype), abs=2e-6 * top
    )
    assert np.array_equal(from_linear(light, image.dtype, plus=0), from_linear(light, image.dtype))


def test_steepness_is_the_slope_of_the_tone_curve():
    light = np.full((4, 4), 0.2, np.float32)
    code = from_linear(light, np.dtype(np.float32))
    slope = 2.4 / 1.055 * ((code + 0.055) / 1.055) ** 1.4
    np.testing.assert_allclose(steepness(light, "srgb"), slope, rtol=1e-3)
    np.testing.assert_allclose(steepness(light, "linear"), 1, rtol=1e-3)
