"""Real FFTs: types kept, sizes good, threads as told, whichever library does them."""

import os
import sys
import time

import numpy as np
import pytest

from cepstro import fft
from cepstro.fft import (
    by_rows,
    columns,
    good_size,
    irfft2,
    meanwhile,
    one_thread,
    rfft2,
    side_by_side,
    threads,
)


@pytest.fixture(params=["scipy", "ducc0"])
def library(request, monkeypatch):
    """Without and with the extra ``fast``."""
    if request.param == "ducc0":
        pytest.importorskip("ducc0", reason="the extra fast is not installed")
    else:
        monkeypatch.setitem(sys.modules, "ducc0", None)
    fft._ducc.cache_clear()
    assert (fft._ducc() is not None) == (request.param == "ducc0")
    yield
    fft._ducc.cache_clear()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("real", "complex_", "within"), [("f4", "c8", 1e-5), ("f8", "c16", 1e-13)])
@pytest.mark.parametrize("shape", [(12, 16), (15, 27), (1, 8), (8, 1)])
def test_transform_is_numpys_and_keeps_the_precision(shape, real, complex_, within):
    plane = np.random.default_rng(1).standard_normal(shape).astype(real)
    spectrum = rfft2(plane)
    assert spectrum.dtype == complex_
    np.testing.assert_allclose(spectrum, np.fft.rfft2(plane), atol=100 * within)
    back = irfft2(spectrum, shape)
    assert back.dtype == real
    np.testing.assert_allclose(back, plane, atol=within)


@pytest.mark.usefixtures("library")
def test_last_two_axes_are_transformed():
    stack = np.random.default_rng(2).standard_normal((3, 8, 10))
    np.testing.assert_allclose(rfft2(stack)[1], np.fft.rfft2(stack[1]), atol=1e-12)


@pytest.mark.usefixtures("library")
def test_inverse_leaves_its_argument_alone_unless_told():
    spectrum = rfft2(np.random.default_rng(3).standard_normal((32, 32)))
    before = spectrum.copy()
    kept = irfft2(spectrum, (32, 32))
    np.testing.assert_array_equal(spectrum, before)
    np.testing.assert_array_equal(irfft2(spectrum, (32, 32), overwrite=True), kept)


@pytest.mark.usefixtures("library")
def test_views_integers_real_spectra_and_other_sides_are_transformed_too():
    plane = np.random.default_rng(2).standard_normal((40, 60)).astype(np.float32)
    view = plane.T[::-1, ::2]
    np.testing.assert_allclose(rfft2(view), np.fft.rfft2(view), atol=1e-4)
    whole = np.arange(24).reshape(4, 6)
    np.testing.assert_allclose(rfft2(whole), np.fft.rfft2(whole), atol=1e-4)
    power = np.abs(rfft2(plane))
    assert irfft2(power, (40, 60)).dtype == np.float32
    np.testing.assert_allclose(irfft2(power, (40, 60)), np.fft.irfft2(power), atol=1e-5)
    np.testing.assert_allclose(irfft2(power, (36, 50)), np.fft.irfft2(power, (36, 50)), atol=1e-5)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("cores", ["1", "2"])
def test_memory_that_is_there_takes_the_spectrum(cores, monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", cores)
    monkeypatch.setattr(fft, "_ROWS", 100)
    plane = np.random.default_rng(5).standard_normal((40, 60)).astype(np.float32)
    memory = np.full((40, 31), np.nan, np.complex64)
    found = rfft2(plane, out=memory)
    assert np.shares_memory(found, memory)
    np.testing.assert_allclose(found, np.fft.rfft2(plane), atol=1e-4)


@pytest.mark.usefixtures("library")
def test_columns_are_filtered_each_by_its_own():
    rng = np.random.default_rng(4)
    values = (rng.standard_normal((12, 5)) + 1j * rng.standard_normal((12, 5))).astype("c8")
    before, weight = values.copy(), rng.random((12, 5)).astype("f4")
    expected = np.fft.ifft(np.fft.fft(values, axis=0) * weight, axis=0)
    found = columns(values[:, 1:4], weight[:, 1:4])
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, expected[:, 1:4], atol=1e-5)
    np.testing.assert_array_equal(values, before)


def test_one_thread_holds_until_the_outermost_ends(monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", "3")
    with one_thread():
        with one_thread():
            pass
        assert threads() == 1
    assert threads() == 3


def test_items_side_by_side_share_the_threads_and_the_caller_is_told(monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", "5")
    seen: list[int] = []
    told: list[float] = []
    side_by_side(lambda item: seen.append(threads()), range(4), told.append, most=2)
    assert seen == [2, 2, 2, 2]
    assert told == [0.25, 0.5, 0.75, 1.0]
    assert threads() == 5


@pytest.mark.parametrize(("cores", "left"), [("1", 1), ("2", 1), ("4", 3)])
def test_work_beside_a_block_takes_the_other_cores_and_hands_on_what_it_made(
    cores, left, monkeypatch
):
    monkeypatch.setenv("CEPSTRO_THREADS", cores)
    with meanwhile(threads) as found:
        assert threads() == int(cores)
    assert found() == left
    with pytest.raises(ZeroDivisionError), meanwhile(lambda: 1 // 0) as found:
        found()


def test_error_of_one_item_ends_the_others(monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", "2")
    done: list[int] = []

    def work(item: int) -> None:
        if item == 1:
            raise ZeroDivisionError
        time.sleep(1e-3)  # the caller needs a moment to hear of it
        done.append(item)

    with pytest.raises(ZeroDivisionError):
        side_by_side(work, range(1000), lambda _: None)
    assert len(done) < 999


@pytest.mark.parametrize("cores", ["1", "2", "5"])
@pytest.mark.parametrize(("count", "rows"), [(0, 3), (1, 3), (7, 7), (8, 7), (541, 64), (3, 1)])
def test_bands_cover_all_rows_alike_on_any_number_of_threads(count, rows, cores, monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", cores)
    seen: list[slice] = []
    by_rows(seen.append, count, rows)
    seen.sort(key=lambda band: band.start)
    lengths = [band.stop - band.start for band in seen]
    assert [i for band in seen for i in range(band.start, band.stop)] == list(range(count))
    assert max(lengths) <= rows
    assert max(lengths) - min(lengths) <= 1
    assert len(seen) == 1 or len(seen) % 2 == 0 or len(seen) == count


@pytest.mark.parametrize("cores", ["1", "2"])
def test_error_in_a_band_is_raised_and_no_other_band_begun(cores, monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", cores)
    begun: list[int] = []

    def work(band):
        begun.append(band.start)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        by_rows(work, 1000, 1)
    assert len(begun) <= int(cores)


def test_good_sizes_have_small_factors_and_waste_little():
    for n in range(1, 700):
        size = good_size(n)
        assert n <= size <= 1.12 * n + 1
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        assert rest == 1


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", "3")
    assert threads() == 3
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for useless in ("", "0", "-2", "many"):
        monkeypatch.setenv("CEPSTRO_THREADS", useless)
        assert threads() == cores
    monkeypatch.delenv("CEPSTRO_THREADS")
    assert threads() == cores
