"""Tone curves: what a profile says is what light does, both ways; hostile profiles say nothing."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cepstro.icc import ToneCurve, colour_space, is_srgb, tone_curve
from cepstro.light import from_linear, srgb_to_linear, to_linear


def profile(curve: bytes, *, space: bytes = b"RGB ", tag: bytes = b"gTRC") -> bytes:
    """A profile with nothing but one curve."""
    head = bytearray(128)
    head[16:20] = space
    head[36:40] = b"acsp"
    return bytes(head) + struct.pack(">I4sII", 1, tag, 144, len(curve)) + curve


def curv(*values: int) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def para(shape: int, *values: float) -> bytes:
    fixed = [round(v * 65536) for v in values]
    return b"para\0\0\0\0" + struct.pack(f">HH{len(values)}i", shape, 0, *fixed)


SRGB_PARA = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
PROPHOTO = para(3, 1.8, 1.0, 0.0, 1 / 16, 16 / 512)
REC709 = para(3, 1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
CURVES = {
    "gamma 1.8": curv(round(1.8 * 256)),
    "gamma 2.2 formula": para(0, 2.2),
    "formula 1": para(1, 2.0, 1.1, -0.1),
    "formula 2": para(2, 2.0, 1.0, 0.0, 0.0),
    "ProPhoto": PROPHOTO,
    "Rec. 709": REC709,
    "formula 4": para(4, 2.2, 0.95, 0.05, 0.1, 0.0, 0.0, 0.0 + 0.05**2.2),
    "table of 256": curv(*(round(65535 * (i / 255) ** 2.2) for i in range(256))),
    "table of 17": curv(*(round(65535 * (i / 16) ** 1.5) for i in range(17))),
}


@pytest.mark.parametrize("name", CURVES)
def test_encoding_undoes_decoding(name):
    curve = tone_curve(profile(CURVES[name]))
    assert isinstance(curve, ToneCurve)
    x = np.linspace(0.2, 1.3, 500, dtype=np.float32)
    back = curve.encode(curve.decode(x))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, x, atol=2e-5)


@pytest.mark.parametrize("name", CURVES)
def test_curves_rise_and_have_odd_symmetry(name):
    curve = tone_curve(profile(CURVES[name]))
    x = np.linspace(0, 1.5, 2000)
    light = curve.decode(x)
    assert (np.diff(light) >= 0).all()
    np.testing.assert_array_equal(curve.decode(-x[1:]), -light[1:])


def test_gamma_and_formula_follow_their_definition():
    x = np.linspace(0, 1, 101)
    np.testing.assert_allclose(tone_curve(profile(curv(0x0180))).decode(x), x**1.5, atol=1e-12)
    g, a, b, c, d, e, f = 2.0, 0.8, 0.2, 0.5, 0.25, 0.0, 0.035
    steps = tone_curve(profile(para(4, g, a, b, c, d, e, f)))
    expected = np.where(x < d, c * x + f, (a * x + b) ** g + e)
    np.testing.assert_allclose(steps.decode(x), expected, atol=2e-4)


def test_srgb_and_linear_curves_are_told_by_name():
    assert tone_curve(profile(SRGB_PARA)) == "srgb"
    table = srgb_to_linear(np.linspace(0, 1, 1024)) * 65535
    assert tone_curve(profile(curv(*np.rint(table).astype(int)))) == "srgb"
    assert tone_curve(profile(curv())) == "linear"
    assert tone_curve(profile(curv(256))) == "linear"
    assert tone_curve(bytes(imagecodecs.cms_profile("srgb"))) == "srgb"
    assert isinstance(tone_curve(profile(curv(round(2.2 * 256)))), ToneCurve)


def test_grey_profiles_tell_their_curve():
    curve = tone_curve(profile(curv(512), space=b"GRAY", tag=b"kTRC"))
    np.testing.assert_allclose(curve.decode(np.array([0.5])), [0.25])


def test_primaries_tell_srgb_from_adobe_rgb():
    assert is_srgb(bytes(imagecodecs.cms_profile("srgb")))
    assert not is_srgb(bytes(imagecodecs.cms_profile("adobergb")))
    wide = imagecodecs.cms_profile(
        "rgb", whitepoint=(0.3127, 0.329), primaries=(0.68, 0.32, 0.265, 0.69, 0.15, 0.06), gamma=1
    )
    assert not is_srgb(bytes(wide))


def test_profiles_without_a_curve_of_use_tell_nothing():
    assert tone_curve(b"") is None
    assert tone_curve(b"no profile at all" * 20) is None
    assert tone_curve(profile(curv(512), space=b"CMYK")) is None
    assert tone_curve(profile(curv(512), tag=b"A2B0")) is None
    assert tone_curve(profile(curv(*([0] * 16)))) is None  # all black
    assert tone_curve(profile(para(7, 1.0))) is None
    assert tone_curve(profile(curv(512))[:-4]) is None
    assert colour_space(b"short") is None


@given(st.binary(max_size=80), st.sampled_from([b"curv", b"para", b"junk"]))
def test_no_bytes_break_the_reader(body, kind):
    curve = tone_curve(profile(kind + body))
    if isinstance(curve, ToneCurve):
        x = np.linspace(0, 1, 33)
        light = curve.decode(x)
        assert np.isfinite(light).all()
        assert (np.diff(light) >= 0).all()
        assert np.isfinite(curve.encode(light)).all()


def test_light_goes_through_a_curve_and_back_unchanged():
    curve = tone_curve(profile(PROPHOTO))
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    linear = to_linear(pixels, light=curve)
    np.testing.assert_allclose(linear[-1, -1], 1.0, atol=1e-6)
    assert (from_linear(linear, np.dtype(np.uint8), light=curve) == pixels).all()


@pytest.mark.parametrize("samples", [(0.5,), (0.0, 1.0, 0.5), (0.0, float("nan")), (1.0, 1.0)])
def test_samples_that_do_not_rise_are_refused(samples):
    with pytest.raises(ValueError, match="samples must"):
        ToneCurve(samples=samples)


def test_formulas_with_a_step_are_refused():
    with pytest.raises(ValueError, match="formula must rise"):
        ToneCurve(formula=(2.4, 1.0, 0.0, 5.0, 0.5, 0.0, 0.0))
