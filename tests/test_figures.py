"""Figures: they show what was found, need no display and no network, and change nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import cepstro
from cepstro.errors import UnsuitableImageError, WriteError
from cepstro.figures import (
    DARK,
    analysis_figure,
    cepstrum_picture,
    comparison_figure,
    kernel_figure,
    report_html,
    save,
    words,
)
from cepstro.figures.comparison import liveliest
from cepstro.figures.panels import draw_cepstrum, thumbnail
from cepstro.figures.style import rendered
from cepstro.ring import Candidate

DIAMETER = 14.0


@pytest.fixture(scope="module")
def photo():
    from skimage import data

    sharp = data.astronaut()[80:400, 100:484].astype(np.float32) / 255
    soft = cepstro.blur(sharp, cepstro.Disk(DIAMETER))[10:-10, 10:-10]
    noise = np.random.default_rng(0).standard_normal(soft.shape) / 255
    return np.clip(np.rint(255 * (soft + noise)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def analysis(photo):
    return cepstro.analyze(photo)


@pytest.fixture(scope="module")
def nothing():
    """An analysis that found nothing."""
    from skimage import data

    found = cepstro.analyze(data.camera())
    assert found.verdict == "none"
    return found


def axes_titled(figure, words):
    return next(axes for axes in figure.axes if words in axes.get_title(loc="left"))


def all_text(figure):
    from matplotlib.text import Text

    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_page_says_the_verdict_and_marks_the_ring_of_diameter_2d(photo, analysis):
    from matplotlib.patches import Arc

    figure = analysis_figure(photo, analysis)
    assert words.headline(analysis, advise=False) in all_text(figure)
    (ring,) = axes_titled(figure, "cepstrum: a dark ring").findobj(Arc)
    assert ring.width == ring.height == pytest.approx(2 * analysis.diameter)
    assert f"2 D = {2 * analysis.diameter:.1f} px" in all_text(figure)


def test_profile_marks_the_diameter_and_spectrum_its_zeros(photo, analysis):
    figure = analysis_figure(photo, analysis)
    lines = axes_titled(figure, "averaged").get_lines()
    assert any(np.allclose(line.get_xdata(), analysis.diameter) for line in lines)
    marks = [line.get_xdata() for line in axes_titled(figure, "ripples").get_lines()]
    short = [x[0] for x in marks if len(x) == 2 and x[0] == x[1]]
    assert short == pytest.approx(analysis.radial.zeros)
    assert short[0] * analysis.diameter == pytest.approx(1.2197, rel=0.01)


@pytest.mark.parametrize(("step", "diameter"), [(3, 300.0), (1, 200.0)])
def test_ring_is_drawn_where_the_cepstrum_is_dark(analysis, step, diameter):
    from matplotlib.figure import Figure

    y, x = np.mgrid[-350:350, -350:350] * step
    cepstrum = np.where(abs(np.hypot(y, x) - diameter) < step, -1, 0).astype(np.float32)
    found = replace(
        analysis, diameter=diameter, psf=cepstro.Disk(diameter), cepstrum=cepstrum, step=step
    )
    axes = draw_cepstrum(Figure().add_subplot(), found)
    (image,) = axes.get_images()
    left, right, bottom, _ = image.get_extent()
    assert right == -left == bottom > diameter
    shown = image.get_array()
    px = (np.arange(shown.shape[1]) + 0.5) / shown.shape[1] * (right - left) + left
    dark = px[shown[shown.shape[0] // 2] < -0.5]
    assert abs(dark) == pytest.approx(diameter, abs=step)


def test_every_plotted_axis_names_its_quantity_and_unit(photo, analysis):
    figure = analysis_figure(photo, analysis)
    plots = [axes for axes in figure.axes if axes.get_xticks().size]
    assert len(plots) == 6
    for axes in plots:
        assert re.search(r"px|%", axes.get_xlabel())
        assert axes.get_ylabel() or "%" in axes.get_xlabel()


def test_page_without_a_finding_shows_no_ring_and_no_psf(photo, nothing):
    figure = analysis_figure(photo, nothing)
    assert len(figure.axes) == 4
    assert "2 D" not in all_text(figure)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figures_are_written_alike_every_time(photo, analysis, tmp_path, kind):
    for name in ("a", "b"):
        save(analysis_figure(photo, analysis), tmp_path / f"{name}.{kind}")
    first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("a", "b"))
    if kind == "svg":  # ids are random; the drawing is not
        first, second = (re.sub(rb"[a-z]?[0-9a-f]{10,}", b"", text) for text in (first, second))
    assert first == second
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind])


def test_figures_can_be_drawn_in_threads(photo, analysis):
    alone = rendered(analysis_figure(photo, analysis), "png")
    with ThreadPoolExecutor(2) as pool:
        many = list(pool.map(lambda _: rendered(analysis_figure(photo, analysis), "png"), range(2)))
    assert all(page == alone for page in many)


def test_other_endings_are_refused(photo, tmp_path, analysis):
    with pytest.raises(WriteError, match=r"\.png, \.svg or \.pdf, got why\.doc"):
        save(analysis_figure(photo, analysis), tmp_path / "why.doc")


def test_no_global_state_no_display():
    code = (
        "import sys, numpy as np, cepstro, matplotlib\n"
        "from cepstro.figures import analysis_figure\n"
        "from cepstro.figures.style import rendered\n"
        "before = matplotlib.rcParams.copy()\n"
        "photo = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)\n"
        "rendered(analysis_figure(photo, cepstro.analyze(photo)), 'png')\n"
        "assert matplotlib.rcParams.copy() == before\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((40, 60), np.uint8),
        np.full((40, 60, 1), 7, np.uint16),
        np.full((40, 60, 2), 0.5, np.float32),
        np.full((40, 60, 3), 0.5, np.float64),
        np.full((40, 60, 4), 9, np.uint8),
        np.zeros((3, 2000), bool),
        np.full((2000, 3, 3), 200, np.uint8),
    ],
    ids=lambda pixels: f"{pixels.shape}-{pixels.dtype}",
)
def test_pictures_of_every_kind_are_drawn(pixels):
    before = pixels.copy()
    save_size = len(rendered(comparison_figure(pixels, pixels), "png"))
    assert save_size > 1000
    assert np.array_equal(pixels, before)


def test_thumbnails_keep_the_mean_and_stay_small():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3000, 4100, 3), np.uint8)
    small = thumbnail(pixels)
    assert max(small.shape) <= 700 and small.shape[2] == 3
    assert small.mean() == pytest.approx(pixels.mean() / 255, abs=0.01)


def test_the_liveliest_part_is_where_the_edges_are():
    pixels = np.full((400, 600), 90, np.uint8)
    pixels[290:390, 440:590] = np.random.default_rng(0).integers(0, 256, (100, 150), np.uint8)
    x, y, width, height = liveliest(pixels)
    assert (width, height) == (150, 100)
    assert 400 <= x <= 450 and 250 <= y <= 300


def test_comparison_shows_the_parts_asked_for(photo):
    residual = np.random.default_rng(0).standard_normal(photo.shape[:2])
    figure = comparison_figure(photo, photo, crop=(5, 6, 70, 50), residual=residual, theme=DARK)
    assert len(figure.axes) == 6
    assert axes_titled(figure, "After, 70 x 50").get_images()[0].get_array().shape[:2] == (50, 70)


def test_comparison_refuses_other_sizes_and_crops_outside(photo):
    with pytest.raises(ValueError, match=r"one size, got 364 x 300 px and 364 x 299 px \(After\)"):
        comparison_figure(photo, photo[1:])
    with pytest.raises(ValueError, match="outside the picture of 364 x 300 px"):
        comparison_figure(photo, photo, crop=(360, 0, 10, 10))


@pytest.mark.parametrize("turned", [False, True])
def test_cepstrum_covers_the_whole_photo(turned):
    # A landscape photo whose left square is flat: the old script saw nothing in it.
    pixels = np.full((160, 480), 128, np.uint8)
    noise = np.random.default_rng(0).random((260, 260), np.float32)
    soft = cepstro.blur(noise, cepstro.Disk(9))[50:-50, 50:-50]
    pixels[:, 320:] = np.clip(128 + 2000 * (soft - soft.mean()), 0, 255)
    picture = cepstrum_picture(pixels.T if turned else pixels, side=60, constant=1e4).astype(float)
    n = picture.shape[0]
    assert picture.shape == (96, 96)
    y, x = np.mgrid[:n, :n] - n // 2
    radius = np.rint(np.hypot(y, x)).astype(int).ravel()
    profile = np.bincount(radius, picture.ravel()) / np.bincount(radius)
    assert 4 + np.argmin(profile[4:40]) == pytest.approx(9, abs=1)


def test_cepstrum_of_too_small_blocks_is_refused():
    with pytest.raises(UnsuitableImageError, match="give a larger part"):
        cepstrum_picture(np.zeros((40, 400), np.uint8))


def test_cepstrum_of_a_flat_picture_is_refused():
    with pytest.raises(UnsuitableImageError, match="flat"):
        cepstrum_picture(np.full((400, 400, 3), 90, np.uint8))


@pytest.mark.parametrize(
    "wrong", [{"side": 0}, {"overlap": 100}, {"rolloff": 101}, {"constant": np.inf}]
)
def test_cepstrum_numbers_out_of_range_are_named(photo, wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
        cepstrum_picture(photo, **wrong)


def test_cepstrum_is_scaled_between_linear_and_logarithm_for_any_constant(photo):
    linear = cepstrum_picture(photo, grey=True, constant=1e-300)  # log(1 + c x) / log(1 + c): x
    assert 64 < linear.min() < 127 and linear.max() == 255
    steep = cepstrum_picture(photo, grey=True, constant=1e300)
    assert (np.abs(steep - 127.5) > 120).mean() > 0.99


def finding(**fields):
    defaults = {
        "verdict": "defocus",
        "diameter": 18.62,
        "diameter_error": 0.12,
        "confidence": 0.95,
        "model": "disk",
        "psf": cepstro.Disk(18.62),
        "nsr": 4e-4,
        "noise": 0.004,
        "candidates": (),
        "reason": "four rings fit",
        "warnings": (),
        "channels": (),
    }
    return SimpleNamespace(**defaults | fields)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Out of focus: a disk 18.6 +- 0.1 px across. `cepstro deblur` will help."),
        (
            {"confidence": 0.5, "candidates": (Candidate(9.0, 0.3),)},
            "Probably out of focus: a disk 18.6 +- 0.1 px across. "
            "`cepstro deblur` may help; compare the others below.",
        ),
        (
            {"confidence": 0.5, "candidates": (Candidate(9.0, 0.0),)},
            "Probably out of focus: a disk 18.6 +- 0.1 px across. `cepstro deblur` may help.",
        ),
        (
            {"model": "ring", "psf": cepstro.Ring(18.62, hole=0.4)},
            "Out of focus: a ring (hole 40 %) 18.6 +- 0.1 px across. `cepstro deblur` will help.",
        ),
        (
            {"model": "polygon", "psf": cepstro.Polygon(18.62, blades=6)},
            "Out of focus: a polygon of 6 blades 18.6 +- 0.1 px across. "
            "`cepstro deblur` will help.",
        ),
        (
            {"verdict": "motion", "model": "motion", "psf": cepstro.Motion(18.62, angle=30)},
            "Moved: a smear 18.6 +- 0.1 px long at 30 degrees. `cepstro deblur` can undo it.",
        ),
        (
            {"verdict": "gaussian", "psf": None, "diameter": None},
            "Soft, but not by a defocus that can be sized.",
        ),
        (
            {"verdict": "gaussian", "psf": None, "diameter": None, "confidence": 0.2},
            "Soft, perhaps by a defocus that cannot be sized here.",
        ),
        (
            {"verdict": "none", "psf": None, "diameter": None},
            "No defocus that can be measured.",
        ),
    ],
    ids=lambda value: "",
)
def test_the_first_sentence_is_for_a_person(fields, sentence):
    assert words.headline(finding(**fields)) == sentence


def test_report_in_words_tells_warnings_and_the_next_command():
    text = words.report(finding(warnings=("highlights are clipped",)), "my photo.jpg")
    assert "Mind: Highlights are clipped." in text
    assert "cepstro deblur 'my photo.jpg' sharp.png" in text


def test_others_below_are_named_when_the_sentence_speaks_of_them():
    unsure = finding(confidence=0.5, candidates=(Candidate(9.0, 0.3), Candidate(40.0, 0.01)))
    text = words.report(unsure, "photo.jpg", region=(1, 2, 300, 400))
    assert "cepstro deblur --psf disk:" in text  # measured in the region, not anew
    assert "cepstro analyze photo.jpg --region 1,2,300,400 --figure why.png" in text
    text = words.report(unsure, "photo.jpg")
    assert "cepstro deblur photo.jpg sharp.png" in text
    assert "compare the others below" in text
    assert re.search(r"or else +9\.0 px \(30 %\)\n", text)


def test_report_in_words_says_how_to_sharpen_what_has_no_ring():
    soft = finding(verdict="gaussian", diameter=None, psf=cepstro.Gaussian(3.25))
    text = words.report(soft, "photo.jpg")
    assert "cepstro deblur --psf gaussian:3.25 photo.jpg sharp.png" in text
    assert "deblur -a DIAMETER" in words.report(finding(verdict="none", psf=None), "photo.jpg")


def test_report_in_words_tells_each_colour_that_was_measured():
    red = SimpleNamespace(name="red", diameter=18.9, diameter_error=0.12)
    text = words.report(finding(channels=(red,)), "photo.jpg")
    assert re.search(r"red +18.9 \+- 0.1 px", text)


def test_commands_of_the_html_report_run_on_a_soft_photo_too(photo, analysis):
    soft = replace(
        analysis, verdict="gaussian", model="gaussian", diameter=None, psf=cepstro.Gaussian(3.25)
    )
    page = report_html(photo, soft, name="soft.jpg")
    commands = re.findall(r"cepstro deblur [^\n<]*", page)
    assert len(commands) == 2
    assert all("--psf gaussian:3.25 " in command for command in commands)


def test_winner_without_a_diameter_is_named_by_its_sigma(analysis):
    soft = replace(
        analysis, verdict="gaussian", model="gaussian", diameter=None, psf=cepstro.Gaussian(7.2)
    )
    shown = all_text(analysis_figure(np.zeros((64, 64), np.uint8), soft))
    assert "gaussian, sigma 7.2 px" in shown
    assert "0.0 px" not in shown


def test_html_report_is_one_file_that_names_everything(photo, analysis):
    page = report_html(photo, analysis, sharp=photo, name="<b>&'.jpg")
    assert not re.search(r"(src|href|srcset)=\"(?!data:)", page)
    text = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", page)
    assert "http" not in text and "@import" not in text and "url(" not in text
    assert "<b>&" not in page.replace("&lt;b&gt;", "")
    assert "cepstro.parse_psf(" in page and f"{analysis.diameter:.1f}" in page
    assert 'id="slider"' in page
    assert 'id="slider"' not in report_html(photo, analysis)


@pytest.mark.browser
def test_html_report_works_in_a_browser(photo, analysis, tmp_path):
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None
    )
    if browser is None:
        pytest.skip("needs chromium (apt-get install chromium)")
    page = report_html(photo, analysis, sharp=photo)
    move = (
        "<script>slider.value = 20; slider.dispatchEvent(new Event('input'));"
        "document.body.dataset.broken = "
        "[...document.images].filter(i => !i.complete || !i.naturalWidth).length;"
        "document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth;"
        "</script></body>"
    )
    path = tmp_path / "report.html"
    path.write_text(page.replace("</body>", move), "utf-8")
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=700,900",
            "--virtual-time-budget=5000",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert 'data-broken="0"' in done.stdout
    assert 'data-wide="false"' in done.stdout
    assert re.search(r'id="before"[^>]*clip-path: inset\(0px 80% 0px 0px\)', done.stdout)


@pytest.fixture(scope="module")
def found():
    """A pair's kernel with the longest title there is."""
    from cepstro.pair import KernelFit, PairKernel

    psf = cepstro.Polygon(30, blades=6, rotation=12.125, softness=0.5)
    errors = {"diameter": 0.031, "softness": 0.26, "rotation": 0.44}
    return PairKernel(
        kernel=psf.kernel(),
        psf=cepstro.Kernel(psf.kernel()),
        fit=KernelFit(psf, errors, 0.014),
        shift=(-0.001, -2.02),
        scale=1.00001,
        rotation=-0.01,
        gain=1.0,
        offset=0.0,
        residual=0.0013,
        explained=0.99,
        method="lsqr",
    )


def test_words_above_the_kernel_page_lie_within_it(found):
    figure = kernel_figure(found)
    rendered(figure, "png")
    width, height = figure.get_size_inches() * figure.dpi
    assert len(figure.texts) == 2
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 > 0 and box.y0 > 0 and box.x1 < width and box.y1 < height


def test_no_shift_is_not_called_minus_zero(found):
    assert "+0.00 px down, -2.02 px right" in words.kernel_report(found, None)
    assert "Shift +0.00 px down, -2.02 px right" in all_text(kernel_figure(found))


@pytest.mark.parametrize("name", ["$\\frac$.jpg", "a$b$c.jpg", "写真 ü.jpg"])
def test_names_are_drawn_as_they_are(photo, analysis, name):
    figure = analysis_figure(photo, analysis, title=name)
    assert rendered(figure, "png").startswith(b"\x89PNG")  # formulas and lacking signs would warn
    title = figure.axes[0].get_title(loc="left")
    assert title == name.replace("写真", "\N{WHITE SQUARE}" * 2)
