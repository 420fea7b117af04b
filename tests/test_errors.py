"""The errors: one family, exit codes as the command line promises them."""

import inspect

import pytest

import cepstro
from cepstro import errors

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_is_a_cepstro_error_with_its_own_words(error):
    assert issubclass(error, cepstro.CepstroError)
    assert not issubclass(error, ValueError | TypeError)
    assert inspect.getdoc(error) != inspect.getdoc(Exception)
    assert str(error("what was wrong")) == "what was wrong"


def test_exit_codes_are_one_for_errors_and_three_for_no_defocus():
    codes = {error.__name__: error.exit_code for error in CLASSES}
    assert codes.pop("NoDefocusError") == 3
    assert set(codes) >= {"CepstroError", "ReadError", "WriteError", "UnsuitableImageError"}
    assert set(codes.values()) == {1}
