"""Polygons: how many blades, and which way they are turned."""

import numpy as np
import pytest
from degrade import blur_valid, scene, sharp_names
from PIL import Image, ImageDraw
from spectra import empty_polar, spectrum_of, white_scene

from cepstro.families import disk_family
from cepstro.fit import Fit, fit_band, fit_model
from cepstro.iris import SECTORS, fit_polygon, polygon_family
from cepstro.light import luminance
from cepstro.psf import Disk, Kernel, Polygon
from cepstro.radial import PolarSpectrum, polar_spectrum

DIAMETER = 20.0


def polar(plane: np.ndarray) -> PolarSpectrum:
    side = min(480, *plane.shape)
    return polar_spectrum(spectrum_of(plane, side), step=1 / (24 * DIAMETER), sectors=SECTORS)


def fitted(data: PolarSpectrum, diameter: float) -> Fit:
    """The polygon that is seen."""
    fit = fit_polygon(data, round_one(data, diameter))
    assert fit is not None
    return fit


def round_one(data: PolarSpectrum, diameter: float) -> Fit:
    """The disk that a polygon is looked for from."""
    return fit_model(data, disk_family(), [(diameter,)], fit_band(data, diameter))


def turned(found: float, true: float, blades: int) -> float:
    """Difference of two rotations that look the same in power, degrees."""
    period = 360 / blades / (1 + blades % 2)
    return abs((found - true + period / 2) % period - period / 2)


def drawn(blades: int, rotation: float) -> Kernel:
    """A polygon of equal area drawn by its corners, counter-clockwise from the right."""
    fine, side = 32, 27
    step = 2 * np.pi / blades
    radius = DIAMETER / 2 * np.sqrt(step / np.sin(step))
    turn = np.radians(rotation) + step * np.arange(blades)
    x = side / 2 + radius * np.cos(turn)
    y = side / 2 - radius * np.sin(turn)
    image = Image.new("L", (side * fine, side * fine))
    corners = [(float(a) * fine, float(b) * fine) for a, b in zip(x, y, strict=True)]
    ImageDraw.Draw(image).polygon(corners, fill=255)
    return Kernel(np.asarray(image.reduce(fine), float))


@pytest.mark.parametrize(
    ("blades", "rotation"), [(5, 7), (5, -7), (6, 13), (6, -13), (7, 3), (8, 10), (9, -5)]
)
def test_blades_and_rotation_are_found_with_the_right_sign(blades, rotation):
    psf = Polygon(DIAMETER, blades=blades, rotation=rotation)
    fit = fitted(polar(white_scene(psf, 768, noise=0.02)), 20.3)
    assert (fit.family, fit.psf.blades) == ("polygon", blades)
    assert turned(fit.psf.rotation, rotation, blades) < 1.0
    assert fit.psf.diameter == pytest.approx(DIAMETER, rel=0.005)


@pytest.mark.parametrize(("blades", "rotation"), [(5, 10), (6, 47)])
def test_polygon_that_was_drawn_by_its_corners_is_read_the_same(blades, rotation):
    fit = fitted(polar(white_scene(drawn(blades, rotation), 768, noise=0.02)), DIAMETER)
    assert fit.psf.blades == blades
    assert turned(fit.psf.rotation, rotation, blades) < 1.0
    assert fit.psf.diameter == pytest.approx(np.sqrt(DIAMETER**2 + 4 / 3 / np.pi), rel=0.005)


@pytest.mark.parametrize("rotation", [12.0, 48.0])
def test_blades_of_a_real_photo_are_found_with_the_right_sign(rotation):
    if "leptonica_wyom.jpg" not in sharp_names():
        pytest.skip("shared/data is not here")
    psf = Polygon(DIAMETER, blades=6, rotation=rotation)
    fit = fitted(polar(blur_valid(luminance(scene("leptonica_wyom.jpg")), psf)), DIAMETER)
    assert fit.psf.blades == 6
    assert turned(fit.psf.rotation, rotation, 6) < 1.0
    assert fit.psf.diameter == pytest.approx(DIAMETER, rel=0.005)


def test_soft_polygon_is_fitted_like_a_hard_one():
    psf = Polygon(DIAMETER, blades=6, rotation=13, softness=0.8)
    data = polar(white_scene(psf, 768, noise=0.02))
    hard = fitted(data, DIAMETER)
    family = polygon_family(6, data.resolution * DIAMETER, soft=True)
    soft = fit_model(data, family, [(*hard.parameters, 0.1)], hard.band).psf
    assert soft.softness == pytest.approx(0.8, abs=0.1)
    assert (soft.blades, soft.diameter) == (6, pytest.approx(DIAMETER, rel=0.005))


def test_disk_looks_alike_in_all_directions_and_is_no_polygon():
    data = polar(white_scene(Disk(DIAMETER), 768, noise=0.02))
    assert fit_polygon(data, round_one(data, DIAMETER)) is None


@pytest.mark.parametrize("blades", [5, 6, 9])
def test_tabulated_power_is_that_of_the_transfer_function(blades):
    psf = Polygon(DIAMETER, blades=blades, rotation=17, softness=0.4)
    cells = empty_polar(480, sectors=SECTORS)
    inside = (cells.frequency > 0.3 / DIAMETER) & (cells.frequency < 6 / DIAMETER)
    shape = np.array([[DIAMETER, 17.0, 0.4**2]])
    family = polygon_family(blades, cells.resolution * DIAMETER, soft=True)
    tabulated = family.power(shape, cells)[0][:, inside]
    rho = cells.frequency[inside] + cells.resolution * np.array([-1.0, 0.0, 1.0])[:, None]
    level = []
    for part in (np.arange(9) + 0.5) / 9:  # across a sector
        angle = ((np.arange(SECTORS) + part) * np.pi / SECTORS)[:, None, None]
        power = np.abs(psf.transfer(-rho * np.sin(angle), rho * np.cos(angle))) ** 2
        level.append(np.log(np.average(power, axis=1, weights=[1, 4, 1]) + 1e-9))
    off = np.log(tabulated) - np.mean(level, axis=0)
    assert np.median(np.abs(off)) < 0.02
    assert np.percentile(np.abs(off), 95) < 0.2
