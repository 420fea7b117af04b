"""Kinds of PSF as the fits see them."""

import numpy as np
import pytest
from spectra import empty_polar

from cepstro.families import (
    disk_family,
    gaussian_family,
    motion_family,
    ring_family,
    smeared_power,
    thin_ring_family,
)
from cepstro.psf import Disk, Gaussian, Motion, Ring

KINDS = [
    (disk_family(), [(5.3,), (12.0,)], [Disk(5.3), Disk(12)]),
    (disk_family(soft=True), [(12.0, 0.64)], [Disk(12, softness=0.8)]),
    (
        ring_family(),
        [(21.0, 0.3), (14.0, 0.9), (30.0, 1.0)],
        [Ring(21, hole=0.3), Ring(14, hole=0.9), Ring(30, hole=1.0)],
    ),
    (ring_family(soft=True), [(22.0, 0.5, 0.25)], [Ring(22, hole=0.5, softness=0.5)]),
    (
        thin_ring_family(),
        [(22.0, 0.25), (14.0, 0.0)],
        [Ring(22, hole=1.0, softness=0.5), Ring(14, hole=1.0)],
    ),
    (motion_family(14.0, (0.8, 1.25)), [(13.0,), (15.5,)], [Motion(13), Motion(15.5)]),
    (gaussian_family(), [(0.64,), (6.0,)], [Gaussian(0.8), Gaussian(6**0.5)]),
]


@pytest.mark.parametrize(("family", "shapes", "psfs"), KINDS, ids=lambda row: str(row)[:12])
def test_power_of_many_shapes_at_once_is_that_of_each_psf(family, shapes, psfs):
    cells = empty_polar(256)
    together = family.power(np.array(shapes), cells)
    assert together.shape == (len(shapes), 1, len(cells.frequency))
    for power, shape, psf in zip(together, shapes, psfs, strict=True):
        np.testing.assert_allclose(power, smeared_power(psf, cells), atol=2e-5)
        assert str(family.build(np.array(shape))) == str(psf)
