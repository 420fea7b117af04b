"""Straight motion: its length, and its angle on the right side."""

import numpy as np
import pytest
from degrade import blur_valid, record, scene, sharp_names
from drawn import drawn
from spectra import spectrum_of, white_scene

from cepstro.light import luminance, to_linear
from cepstro.motion import find_motion
from cepstro.psf import Disk, Gaussian, Kernel, Motion

NOTHING = 2.3  # strength at which the analysis begins to speak of motion
PHOTOS = ("facerec_obama.jpg", "skimage_camera.png")


def turned(found: float, true: float) -> float:
    """Difference of two angles of lines, degrees."""
    return abs((found - true + 90) % 180 - 90)


def photographed(name: str, psf=None) -> np.ndarray:
    """Luminance of a photo through a camera: noise, 8 bit, JPEG."""
    if name not in sharp_names():
        pytest.skip("shared/data is not here")
    light = luminance(scene(name, 448, 448))
    light = light if psf is None else blur_valid(light, psf)
    return luminance(to_linear(record(light, noise=1, quality=90)))


@pytest.mark.parametrize(("length", "angle"), [(14, 35), (14, -35), (22.5, 80), (9, -62), (30, -8)])
def test_length_and_angle_of_a_white_scene(length, angle):
    plane = white_scene(Motion(length, angle=angle), 768, noise=0.02)
    motion = find_motion(spectrum_of(plane, 256), longest=64)
    assert motion.length == pytest.approx(length, rel=2e-3)
    assert turned(motion.angle, angle) < 0.1
    assert -90 <= motion.angle < 90
    assert 0 < motion.length_error < 0.05


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("angle", [25, -40, 75])
def test_length_and_angle_of_a_real_photo(name, angle):
    motion = find_motion(spectrum_of(photographed(name, Motion(17, angle=angle)), 384), longest=96)
    assert motion.length == pytest.approx(17, rel=0.01)
    assert turned(motion.angle, angle) < 0.4
    assert motion.strength > NOTHING


def test_error_of_the_length_covers_the_truth():
    away = []
    for name in (*PHOTOS, "leptonica_wyom.jpg", "skimage_gravel.png"):
        for length, angle in ((8, 25), (17, -40), (25, 75)):
            plane = photographed(name, Motion(length, angle=angle))
            motion = find_motion(spectrum_of(plane, 384), longest=96)
            away.append((motion.length - length) / motion.length_error)
    assert 0.5 < np.sqrt(np.mean(np.square(away))) < 1.5


def test_line_drawn_up_to_the_right_has_a_positive_angle():
    line = np.zeros((15, 15))
    line[np.arange(14, -1, -1), np.arange(15)] = 1  # rows run down
    motion = find_motion(spectrum_of(white_scene(Kernel(line), 768, noise=0.02), 256), longest=64)
    assert turned(motion.angle, 45) < 1
    assert motion.length == pytest.approx(15 * np.sqrt(2), rel=0.03)


def test_mirrored_photo_has_the_mirrored_angle():
    plane = white_scene(Motion(14, angle=35), 512, noise=0.02)
    motion = find_motion(spectrum_of(plane[:, ::-1], 256), longest=64)
    assert turned(motion.angle, -35) < 0.1
    turned_plane = np.rot90(plane)
    motion = find_motion(spectrum_of(turned_plane, 256), longest=64)
    assert turned(motion.angle, 125) < 0.1


@pytest.mark.parametrize("psf", [Disk(14), Gaussian(2.0)], ids=str)
def test_what_is_no_motion_gives_no_evidence(psf):
    motion = find_motion(spectrum_of(white_scene(psf, 768, noise=0.02), 256), longest=64)
    assert motion is None or motion.strength < NOTHING


@pytest.mark.parametrize("psf", [None, Disk(12)], ids=str)
@pytest.mark.parametrize("name", PHOTOS)
def test_sharp_and_defocused_photos_give_no_evidence(name, psf):
    motion = find_motion(spectrum_of(photographed(name, psf), 384), longest=96)
    assert motion is None or motion.strength < NOTHING


def test_nothing_to_look_for_is_none():
    spectrum = spectrum_of(white_scene(Motion(9, angle=30), 128), 32)
    assert find_motion(spectrum, longest=3) is None


def test_motion_stays_near_the_spot_it_was_found_at():
    # A drawing whose fit went from 125 px to 240 when each of its turns could go a quarter further.
    light = drawn("drawing", 11)
    plane = luminance(to_linear(record(light, quality=75, seed=11)))
    found = find_motion(spectrum_of(plane, 512), longest=128)
    assert found is None or found.length < 1.25 * 128
