"""PSFs: closed forms against quadrature, orientation, kernels, text and JSON."""

import base64
import contextlib
import json
import math
import re
import zlib
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import j0

from cepstro.psf import (
    PSF,
    BornWolf,
    Disk,
    Gaussian,
    Kernel,
    Motion,
    Polygon,
    Ring,
    parse_psf,
    psf_from_dict,
    psf_to_dict,
    read_psf,
    scaled,
    short,
)

MICROSCOPE = BornWolf(na=1.0, wavelength=0.55, defocus=2.0, pixel=0.1, index=1.33)
LOPSIDED = Kernel(np.arange(15.0).reshape(3, 5))
ALL = [
    Disk(8.6),
    Disk(33, softness=0.5),
    Ring(27, hole=1.0, softness=2.0),
    Ring(30, hole=0.4),
    Polygon(20, blades=6, rotation=10.0, softness=0.5),
    Polygon(20, blades=5, rotation=33.0),
    Gaussian(2.0),
    MICROSCOPE,
    Motion(20, angle=30.0),
    LOPSIDED,
]
IDS = [short(psf) for psf in ALL]
RHO = np.array([0.0, 1e-9, 1e-4, 0.01, 0.05, 0.1, 0.17, 0.3, 0.5, 0.7])


def integrate(function, low: float, high: float) -> float:
    return quad(function, low, high, epsabs=1e-11, epsrel=1e-11, limit=500)[0]


def hankel(profile, low: float, high: float, rho: float) -> float:
    """Transfer function of a radial profile by quadrature, 1 at 0."""
    weight = integrate(lambda r: profile(r) * r, low, high)
    return integrate(lambda r: profile(r) * j0(2 * np.pi * rho * r) * r, low, high) / weight


# --- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("diameter", [0.7, 8.6, 60.0])
def test_disk_agrees_with_quadrature(diameter):
    expected = [hankel(lambda r: 1.0, 0, diameter / 2, rho) for rho in RHO]
    np.testing.assert_allclose(Disk(diameter).transfer(RHO, 0 * RHO), expected, atol=1e-6)


@pytest.mark.parametrize("hole", [0.0, 0.3, 0.9, 0.9998])
def test_ring_agrees_with_quadrature(hole):
    expected = [hankel(lambda r: 1.0, 13.5 * hole, 13.5, rho) for rho in RHO]
    np.testing.assert_allclose(Ring(27, hole=hole).transfer(RHO, 0 * RHO), expected, atol=1e-6)


@pytest.mark.parametrize("hole", [0.99991, 1.0])
def test_thin_ring_is_a_circle_line(hole):
    expected = j0(np.pi * 27 * (1 + hole) / 2 * RHO)
    np.testing.assert_allclose(Ring(27, hole=hole).transfer(RHO, 0 * RHO), expected, atol=1e-6)


def test_softness_is_convolution_with_a_gaussian():
    expected = [
        hankel(lambda r: 1.0, 0, 4.3, rho)
        * hankel(lambda r: np.exp(-r * r / 2 / 1.5**2), 0, 20, rho)
        for rho in RHO
    ]
    np.testing.assert_allclose(Disk(8.6, softness=1.5).transfer(RHO, 0 * RHO), expected, atol=1e-6)


def test_gaussian_agrees_with_quadrature():
    expected = [hankel(lambda r: np.exp(-r * r / 2 / 2**2), 0, 25, rho) for rho in RHO]
    np.testing.assert_allclose(Gaussian(2).transfer(RHO, 0 * RHO), expected, atol=1e-6)


@pytest.mark.parametrize(("blades", "rotation"), [(3, 0.0), (5, 20.0), (6, 0.0), (8, 12.0)])
def test_polygon_agrees_with_quadrature(blades, rotation):
    psf = Polygon(20, blades=blades, rotation=rotation)
    # Triangles from the centre to each side, by Gauss-Legendre in both directions.
    nodes, weights = np.polynomial.legendre.leggauss(60)
    s, t = np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2)
    w = np.outer(weights, weights) / 4
    turn = np.deg2rad(rotation) + 2 * np.pi * np.arange(blades + 1) / blades
    area = np.pi * 20**2 / 4
    radius = np.sqrt(area / (blades / 2 * np.sin(2 * np.pi / blades)))
    corner_x, corner_y = radius * np.cos(turn), -radius * np.sin(turn)
    for fy, fx in [(0.0, 0.0), (0.0, 1e-9), (0.02, -0.03), (0.1, 0.0), (0.0, 0.2), (-0.3, 0.4)]:
        total = 0.0
        for a in range(blades):
            x = s * ((1 - t) * corner_x[a] + t * corner_x[a + 1])
            y = s * ((1 - t) * corner_y[a] + t * corner_y[a + 1])
            twice = abs(corner_x[a] * corner_y[a + 1] - corner_x[a + 1] * corner_y[a])
            total += np.sum(w * s * twice * np.exp(-2j * np.pi * (fy * y + fx * x)))
        got = psf.transfer(np.array([fy]), np.array([fx]))[0]
        assert abs(got - total / area) < 1e-6


def test_polygon_is_steady_where_an_edge_stands_across_the_wave():
    psf = Polygon(20, blades=6)
    fy = np.array([0.2, 0.2 + 3e-7, 0.2 - 1e-5])
    values = psf.transfer(fy, np.zeros(3))
    assert np.ptp(values) < 1e-3 * 20
    np.testing.assert_allclose(values[0], values[1], atol=1e-5)


def test_motion_agrees_with_quadrature():
    psf = Motion(20, angle=30)
    fy, fx = 0.03, -0.07
    along = fx * np.cos(np.pi / 6) - fy * np.sin(np.pi / 6)
    expected = integrate(lambda s: math.cos(2 * np.pi * along * s), -10, 10) / 20
    assert psf.transfer(np.array(fy), np.array(fx)) == pytest.approx(expected, abs=1e-6)


def test_kernel_transfer_is_its_fourier_sum():
    y, x = np.mgrid[-2:3, -2:3]
    fy, fx = np.array([[0.0], [0.11], [-0.4]]), np.array([[0.0, 0.23, 0.5]])
    got = LOPSIDED.transfer(fy, fx)
    for row, column in np.ndindex(got.shape):
        wave = np.exp(-2j * np.pi * (fy[row, 0] * y + fx[0, column] * x))
        assert got[row, column] == pytest.approx(np.sum(LOPSIDED.array * wave), abs=1e-12)


# --- Born & Wolf ----------------------------------------------------------------------------------


def direct_born_wolf(psf: BornWolf, r: float) -> float:
    """Intensity at `r` px from the axis by the diffraction integral itself."""
    v = 2 * np.pi * r * psf.pixel * psf.na / psf.wavelength
    u = 2 * np.pi / psf.wavelength * psf.defocus * psf.na**2 / psf.index
    real = integrate(lambda t: j0(v * t) * math.cos(u * t * t / 2) * t, 0, 1)
    imag = integrate(lambda t: j0(v * t) * math.sin(u * t * t / 2) * t, 0, 1)
    return 4 * (real**2 + imag**2)


@pytest.mark.parametrize("defocus", [0.0, 1.0, 2.92, 7.31, 21.94])  # W20 up to 15 wavelengths
def test_born_wolf_agrees_with_the_diffraction_integral(defocus):
    psf = BornWolf(na=1.0, wavelength=0.55, defocus=defocus, pixel=0.1, index=1.33)
    # The intensity from the transfer function, by the inverse Hankel transform.
    end = 2 * psf.na * psf.pixel / psf.wavelength
    nodes, weights = np.polynomial.legendre.leggauss(400)
    rho, weights = (nodes + 1) / 2 * end, weights / 2 * end
    h = psf.radial(rho)
    scale = np.pi * (psf.pixel * psf.na / psf.wavelength) ** 2  # of the direct form at unit light
    for r in (0.0, 0.6, 2.5, 7.0, 15.0, 60.0):
        got = 2 * np.pi * np.sum(weights * rho * h * j0(2 * np.pi * rho * r))
        assert got == pytest.approx(scale * direct_born_wolf(psf, r), abs=1e-6 * scale)


def test_born_wolf_kernel_samples_the_intensity():
    kernel = MICROSCOPE.kernel()
    middle = kernel.shape[0] // 2
    direct = np.array([direct_born_wolf(MICROSCOPE, r) for r in range(0, 12)])
    line = kernel[middle, middle : middle + 12]
    np.testing.assert_allclose(line / line.sum(), direct / direct.sum(), atol=1e-4)


@pytest.mark.parametrize(("waves", "shift"), [(2, 0.102), (5, 0.036), (15, 0.0116)])
def test_born_wolf_zeros_lie_beyond_the_geometric_disks(waves, shift):
    na, wavelength, pixel = 0.1, 0.5, 1.0
    psf = BornWolf(
        na=na, wavelength=wavelength, defocus=2 * waves * wavelength / na**2, pixel=pixel
    )
    assert psf.waves == pytest.approx(waves)
    disk_zero = 1.2196699 / psf.diameter
    rho = np.linspace(0.8, 1.3, 20001) * disk_zero
    value = psf.radial(rho)
    first = rho[np.argmax(value < 0)]
    assert first / disk_zero - 1 == pytest.approx(shift, abs=0.0005)


def test_born_wolf_has_no_zero_at_half_a_wave():
    psf = BornWolf(na=0.1, wavelength=0.5, defocus=2 * 0.5 * 0.5 / 0.01, pixel=1.0)
    inside = psf.radial(np.linspace(0, 0.99 * 2 * 0.1 / 0.5, 2000))
    assert inside.min() > 0
    assert psf.radial(np.array([0.41])) == pytest.approx(0, abs=1e-12)


# --- limits and layout ----------------------------------------------------------------------------


def test_limits_meet():
    fy, fx = np.mgrid[-0.5:0.5:17j, 0:0.5:9j]
    disk = Disk(20, softness=0.7).transfer(fy, fx)
    ring = Ring(20, hole=1e-6, softness=0.7).transfer(fy, fx)
    polygon = Polygon(20, blades=64, softness=0.7).transfer(fy, fx)
    point = Disk(1e-6).transfer(fy, fx)
    np.testing.assert_allclose(ring, disk, atol=1e-9)
    np.testing.assert_allclose(polygon, disk, atol=3e-4)
    np.testing.assert_allclose(point, 1, atol=1e-9)


@pytest.mark.parametrize("psf", ALL, ids=IDS)
@pytest.mark.parametrize("shape", [(64, 64), (65, 51), (1, 40), (40, 1), (900, 1201)])
def test_otf_is_the_transfer_function_on_the_rfft2_grid(psf, shape):
    otf = psf.otf(shape)
    assert otf.shape == (shape[0], shape[1] // 2 + 1)
    assert otf[0, 0] == 1
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    expected = psf.transfer(fy, fx)
    assert otf.dtype == (np.float32 if expected.dtype.kind == "f" else np.complex64)
    np.testing.assert_allclose(otf, expected, atol=5e-7)


def test_otf_is_real_exactly_for_symmetric_psfs():
    real = [psf.otf((8, 8)).dtype == np.float32 for psf in ALL]
    assert real == [True] * 5 + [False] + [True] * 3 + [False]
    assert Kernel(Polygon(9, blades=6).kernel()).otf((32, 32)).dtype == np.float32


@pytest.mark.parametrize("psf", ALL, ids=IDS)
def test_kernel_is_odd_centred_and_sums_to_one(psf):
    kernel = psf.kernel()
    assert kernel.shape == (2 * psf.halfwidth + 1,) * 2
    assert kernel.dtype == np.float64
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    if psf is not LOPSIDED:
        y, x = np.indices(kernel.shape) - psf.halfwidth
        assert abs(np.sum(kernel * y)) < 0.03
        assert abs(np.sum(kernel * x)) < 0.03


@pytest.mark.parametrize(
    "psf",
    [
        *(psf for psf in ALL if not isinstance(psf, Motion)),
        *(Disk(d) for d in (0.5, 1, 2, 3, 5, 20, 60)),
        *(Ring(d, hole=h) for d in (5, 27, 100) for h in (0.2, 0.9, 0.97, 1)),
        *(Polygon(12, blades=b) for b in (3, 5, 6)),
        *(Gaussian(s) for s in (0.2, 0.5, 1, 5)),
        Motion(20),
        Motion(20.5, angle=90),
    ],
    ids=str,
)
def test_kernel_holds_999_thousandths_of_the_energy(psf):
    plane = np.fft.irfft2(psf.otf((512, 512)), s=(512, 512))
    h = psf.halfwidth
    inside = np.arange(-h, h + 1)
    assert (plane[np.ix_(inside, inside)] ** 2).sum() >= 0.999 * (plane**2).sum()


@pytest.mark.parametrize("psf", [psf for psf in ALL if getattr(psf, "softness", 0)], ids=str)
def test_kernel_and_otf_are_a_fourier_pair(psf):
    size = 128
    plane = np.zeros((size, size))
    side = psf.kernel().shape[0]
    plane[:side, :side] = psf.kernel()
    plane = np.roll(plane, (-psf.halfwidth, -psf.halfwidth), (0, 1))
    np.testing.assert_allclose(np.fft.rfft2(plane), psf.otf((size, size)), atol=5e-3)
    again = Kernel(psf.kernel()).otf((size, size))
    np.testing.assert_allclose(again, psf.otf((size, size)), atol=5e-3)


def test_no_pixel_box_widens_the_kernel():
    kernel = Disk(9.3, softness=1.0).kernel()
    _y, x = np.indices(kernel.shape) - kernel.shape[0] // 2
    # Variance along x: D**2 / 16 of the disk and the Gaussian's; a pixel's box would add 1/12.
    assert np.sum(kernel * x * x) == pytest.approx(9.3**2 / 16 + 1, abs=0.01)


def test_hard_edges_ring_little_and_soft_ones_less():
    for psf, most in (
        (Disk(20), 0.09),
        (Disk(20, softness=0.5), 0.012),
        (Disk(20, softness=1), 1e-3),
    ):
        kernel = psf.kernel()
        assert -most < kernel.min() / kernel.max() < 0


def test_large_kernels_wrap_round_small_planes():
    plane = np.fft.irfft2(LOPSIDED.otf((4, 3)), s=(4, 3))
    expected = np.zeros((4, 3))
    for (row, column), value in np.ndenumerate(LOPSIDED.array):
        expected[(row - 2) % 4, (column - 2) % 3] += value
    np.testing.assert_allclose(plane, expected, atol=1e-6)


# --- orientation ----------------------------------------------------------------------------------


def spread(kernel: np.ndarray) -> tuple[float, float, float]:
    """Second moments along y, x and their product."""
    y, x = np.indices(kernel.shape) - kernel.shape[0] // 2
    return np.sum(kernel * y * y), np.sum(kernel * x * x), np.sum(kernel * x * y)


def test_motion_of_90_degrees_is_vertical():
    down, across, _ = spread(Motion(12, angle=90).kernel())
    assert down > 10 * abs(across)
    down, across, _ = spread(Motion(12, angle=0).kernel())
    assert across > 10 * abs(down)


def test_motion_angle_turns_counter_clockwise_on_the_screen():
    _, _, mixed = spread(Motion(12, angle=30).kernel())
    assert mixed < -1  # up (y negative) goes with right (x positive)


def test_polygon_corner_points_right_and_turns_counter_clockwise():
    triangle = Polygon(40, blades=3)
    side = triangle.halfwidth
    y, x = np.mgrid[-side : side + 1, -side : side + 1]
    right = triangle.kernel()
    assert np.sum(right * x**3) > 100
    up = Polygon(40, blades=3, rotation=90).kernel()
    assert np.sum(up * y**3) < -100  # rows run down: the corner at the top has negative y
    np.testing.assert_allclose(up, np.rot90(right), atol=2e-5)


def test_kernel_orientation_survives_the_otf():
    plane = np.fft.irfft2(LOPSIDED.otf((16, 16)), s=(16, 16))
    inside = np.arange(-2, 3)
    np.testing.assert_allclose(plane[np.ix_(inside, inside)], LOPSIDED.array, atol=1e-6)


# --- values ---------------------------------------------------------------------------------------


def test_equal_values_are_equal_and_hash_alike():
    assert Disk(33) == Disk(33.0) != Disk(33, softness=1)
    assert Disk(9) != Ring(9, hole=0)
    a = Kernel(np.eye(3))
    assert a == Kernel(5 * np.eye(3)) != Kernel(np.ones((3, 3)))
    assert len({a, Kernel(np.eye(3)), Disk(33), Disk(33.0)}) == 2
    assert a != Disk(33)


def test_kernel_keeps_its_own_read_only_copy():
    array = np.ones((3, 3))
    psf = Kernel(array)
    array[:] = 7
    assert psf.array[0, 0] == pytest.approx(1 / 9)
    with pytest.raises(ValueError, match="read-only"):
        psf.array[0, 0] = 1
    psf.kernel()[0, 0] = 1
    assert psf.array[0, 0] == pytest.approx(1 / 9)
    assert Kernel(np.ones((1, 5))).array.shape == (5, 5)


@pytest.mark.parametrize("psf", ALL, ids=IDS)
def test_every_psf_is_a_psf_and_frozen(psf):
    assert isinstance(psf, PSF)
    with pytest.raises(AttributeError):
        setattr(psf, fields(psf)[0].name, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Disk(-3), "diameter must be > 0 px, got -3"),
        (lambda: Disk(0), "diameter must be > 0 px, got 0"),
        (lambda: Disk(float("nan")), "diameter must be finite"),
        (lambda: Disk(10**400), "diameter must be finite"),
        (lambda: Disk(1e6), "diameter must be at most 10000 px"),
        (lambda: Disk(3, softness=-1), "softness must be >= 0 px, got -1"),
        (lambda: Ring(3, hole=1.5), r"hole must be 0 .* got 1.5"),
        (lambda: Polygon(3, blades=2), "blades must be a whole number from 3 to 64, got 2"),
        (lambda: Polygon(3, blades=5.5), "blades must be a whole number"),
        (lambda: Gaussian(0), "sigma must be > 0 px"),
        (lambda: Motion(3, angle=float("inf")), "angle must be finite"),
        (lambda: BornWolf(na=1.4, wavelength=1, defocus=1, pixel=1), "na must be below index"),
        (lambda: BornWolf(na=0.5, wavelength=1, defocus=-1, pixel=1), "defocus must be >= 0"),
        (lambda: BornWolf(na=0.5, wavelength=1, defocus=1e6, pixel=1), "use Disk"),
        (lambda: BornWolf(na=0.5, wavelength=1, defocus=1, pixel=1e-6), "unit of pixel"),
        (lambda: BornWolf(na=1e-300, wavelength=1, defocus=1, pixel=1e-300), "unit of pixel"),
        (lambda: BornWolf(na=1e200, wavelength=1, defocus=1, pixel=1, index=1e300), "use Disk"),
        (lambda: Kernel(np.ones((4, 5))), "odd sides"),
        (lambda: Kernel(np.ones(5)), "odd sides"),
        (lambda: Kernel(np.zeros((3, 3))), "sum > 0"),
        (lambda: Kernel(np.full((3, 3), np.nan)), "finite"),
        (lambda: Kernel(np.ones((1, 5001))), "at most 4097"),
        (lambda: Disk(3).otf((0, 4)), "shape must be"),
        (lambda: scaled(Disk(3), 0), "factor must be"),
        (lambda: scaled(Kernel(np.ones((99, 99))), 100), "larger than 4097 px"),
    ],
)
def test_wrong_values_are_refused_in_a_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("value", ["3", None, True, 3 + 0j, [3]])
def test_wrong_types_are_refused(value):
    with pytest.raises(TypeError, match="diameter must be a number"):
        Disk(value)
    with pytest.raises(TypeError, match="kernel must be"):
        Kernel([["a", "b", "c"]])
    with pytest.raises(TypeError, match="kernel must be"):
        Kernel(np.full((3, 3), 1 + 1j))


@pytest.mark.parametrize("psf", ALL, ids=IDS)
def test_wrong_shapes_are_refused_in_a_sentence(psf):
    for shape in (5, "ab", (5.0, 5), None):
        with pytest.raises(TypeError, match="shape must be two whole numbers of px, got"):
            psf.otf(shape)
    for shape in ((5, 5, 3), (0, 5)):
        with pytest.raises(ValueError, match="shape must be two sizes of at least 1 px"):
            psf.otf(shape)


# --- text and JSON --------------------------------------------------------------------------------

length = st.floats(1e-3, 1e4)
soft = st.floats(0, 100)
degrees = st.floats(-360, 360)
models = st.one_of(
    st.builds(Disk, length, softness=soft),
    st.builds(Ring, length, hole=st.floats(0, 1), softness=soft),
    st.builds(Polygon, length, blades=st.integers(3, 64), rotation=degrees, softness=soft),
    st.builds(Gaussian, length),
    st.builds(Motion, length, angle=degrees),
    st.builds(
        BornWolf,
        na=st.floats(0.01, 0.9),
        wavelength=st.floats(0.3, 0.9),
        defocus=st.floats(0, 20),
        pixel=st.floats(0.05, 5),
        index=st.floats(1, 2),
    ),
)


@st.composite
def kernels(draw):
    """Any kernel: grey, negative and tiny values, one whose values nearly cancel."""
    height, width = (2 * draw(st.integers(0, 6)) + 1 for _ in range(2))
    values = st.floats(-1e3, 1e3)
    array = np.reshape(draw(st.lists(values, min_size=height * width, max_size=height * width)),
                       (height, width))  # fmt: skip
    assume(array.sum() > 1e-6 * np.abs(array).sum())
    return Kernel(array)


psfs = models | kernels()


@given(psfs)
def test_text_reads_back(psf):
    assert parse_psf(str(psf)) == psf


@given(psfs)
def test_json_reads_back(psf):
    assert psf_from_dict(json.loads(json.dumps(psf_to_dict(psf)))) == psf


def test_kernel_is_named_in_few_words_and_its_text_needs_no_quotes():
    assert short(Kernel(np.ones((3, 5)))) == "kernel of 5 x 5 px"
    assert short(Disk(33.25)) == "disk:33.25"
    assert re.fullmatch(r"kernel:13x13,[\w=-]+", str(Kernel(Disk(7).kernel())))


def test_text_is_short_and_forgiving_about_space_and_case():
    assert str(Ring(27, hole=1.0, softness=2.0)) == "ring:27,hole=1,softness=2"
    assert str(Disk(33)) == "disk:33"
    assert parse_psf(" Ring: 27 , hole = 1,softness=2 ") == Ring(27, hole=1, softness=2)
    assert parse_psf("disk:diameter=33") == Disk(33)
    assert parse_psf(str(MICROSCOPE)) == MICROSCOPE


SWOLLEN = base64.urlsafe_b64encode(zlib.compress(bytes(99_000))).decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "PSF must be one of"),
        ("disk", "PSF must be one of"),
        ("box:3", "PSF must be one of"),
        ("disk:", "diameter must be a number, got ''"),
        ("disk:nan", "diameter must be a number, got 'nan'"),
        ("disk:inf", "diameter must be a number"),
        ("disk:1e999", "diameter must be finite"),
        ("disk:1_0", "diameter must be a number"),
        ("disk:٣", "diameter must be a number"),
        ("disk:0x10", "diameter must be a number"),
        ("disk:__import__('os')", "diameter must be a number"),
        ("disk:3,4", "needs key=value"),
        ("disk:3,hole=1", "disk knows diameter, softness, got 'hole'"),
        ("disk:3,diameter=4", "given diameter twice"),
        ("disk:3,softness=1,softness=1", "given softness twice"),
        ("ring:27", "ring needs hole"),
        ("bornwolf:na=1", "bornwolf needs wavelength, defocus, pixel"),
        ("disk:-3", "diameter must be > 0 px, got -3"),
        ("disk:" + "9" * 5000, "diameter must be"),
        ("kernel:nothing.json", "nothing.json: No such file"),
        ("kernel:picture.png", "must end in .json or .npy"),
        ("kernel:3x5,AAAA", "must end in .json or .npy"),
        ("kernel:3x3,", "values are not 3 x 3"),
        ("kernel:3x3,A", "values are damaged"),
        ("kernel:3x3,AAAA", "values are damaged"),
        (str(Kernel(np.eye(3)))[:-8], "values are "),
        (str(Kernel(np.eye(3))).replace("3x3", "1x1"), "values are not 1 x 1"),
        ("kernel:9999x9999,AAAA", "at most 4097 px a side, got 9999"),
        ("kernel:3x3," + SWOLLEN, "values are not 3 x 3"),
    ],
)
def test_wrong_text_is_refused_in_a_sentence(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_psf(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@given(st.text())
@settings(max_examples=200)
def test_any_text_gives_a_psf_or_a_value_error(text):
    for start in ("", "disk:", "polygon:3,"):
        with contextlib.suppress(ValueError):
            assert isinstance(parse_psf(start + text), PSF)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.sampled_from(["disk", "ring", "kernel", "bornwolf"]), anything, anything)
def test_any_json_gives_a_psf_or_a_value_error(name, first, second):
    for data in (first, {"psf": name, "diameter": first}, {"psf": name, "kernel": second}):
        with contextlib.suppress(ValueError):
            assert isinstance(psf_from_dict(data), PSF)


def test_psf_files_read_back(tmp_path):
    for psf in ALL:
        path = tmp_path / "psf.json"
        path.write_text(json.dumps(psf_to_dict(psf)))
        assert read_psf(path) == psf == parse_psf(str(path)) == parse_psf(f"kernel:{path}")
    np.save(tmp_path / "k.npy", LOPSIDED.array.astype(np.float32))
    read = parse_psf(f"kernel:{tmp_path / 'k.npy'}")
    np.testing.assert_allclose(read.kernel(), LOPSIDED.array, atol=1e-7)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"{",
        b"[" * 200_000,
        b'{"psf": "disk", "diameter": NaN}',
        b'{"psf": "disk", "diameter": Infinity}',
        b'{"psf": "disk", "diameter": 1' + b"0" * 400 + b"}",
        b'{"psf": "disk", "diameter": 1' + b"0" * 5000 + b"}",
        b'{"psf": "disk", "diameter": "3"}',
        b'{"psf": "disk", "diameter": true}',
        b'{"psf": "disk", "diameter": 3, "diameter": 4}',
        b'{"psf": "disk"}',
        b'{"psf": "kernel", "kernel": [[1, 2], [3]]}',
        b'{"psf": "kernel", "kernel": [[[1]]]}',
        b'{"psf": "kernel", "kernel": []}',
        b'{"psf": "kernel", "kernel": [[1]], "more": 1}',
    ],
)
def test_hostile_json_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "psf.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"psf\.json: ") as caught:
        read_psf(path)
    assert type(caught.value) is ValueError
    assert "\n" not in str(caught.value)


def test_hostile_npy_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "k.npy"
    for array in (np.array([{}], object), np.ones((2, 2, 2)), np.ones((3, 3), complex), np.eye(4)):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(ValueError, match=r"k\.npy: "):
            read_psf(path)
    with path.open("wb") as file:
        np.savez(file, np.eye(3))  # several arrays under the name of one
    with pytest.raises(ValueError, match=r"k\.npy: not a NumPy array"):
        read_psf(path)
    path.write_bytes(b"\x93NUMPY junk")
    with pytest.raises(ValueError, match="not a NumPy array"):
        read_psf(path)
