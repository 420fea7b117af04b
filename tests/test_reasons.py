"""Reasons are sentences for a person, with the figures that matter."""

import pytest

from cepstro import reasons
from cepstro.psf import Disk, Motion, Polygon, Ring

SENTENCES = [
    (reasons.of_defocus(Disk(33.04), 33.04), ("disk", "33.0 px")),
    (reasons.of_defocus(Ring(24, hole=0.37), 24.0), ("ring", "hole", "37 %", "24.0 px")),
    (reasons.of_defocus(Polygon(18.26, blades=7), 18.26), ("polygon 18.3 px across of 7 blades",)),
    (reasons.of_motion(Motion(17.34, angle=-40.2)), ("motion", "17.3 px", "-40 degrees")),
    (reasons.of_gaussian(2.04, 0.9), ("Gaussian", "2.0 px", "no rings", "not come from defocus")),
    (reasons.of_gaussian(2.04, 0.2), ("Gaussian", "2.0 px", "too little", "larger part")),
    (reasons.of_none(0.05, None), ("no rings", "sharp")),
    (reasons.of_none(0.05, 12.0), ("no rings", "sharp")),
    (reasons.of_none(0.4, 3.2), ("3.2 px", "-a")),
    (reasons.of_none(0.4, 12.34), ("12.3 px", "--region", "-a")),
    (reasons.of_varying_blur([20.0, 25.04], [0.1, 0.2])[0], ("20.0", "25.0 px", "--region")),
    (
        reasons.of_thin_ring(Ring(27.04, hole=1, softness=2.21))[0],
        ("thin soft ring", "--psf ring:27.0,hole=1,softness=2.2"),
    ),
    (reasons.of_large_blur(95.0, 100.0)[0], ("larger part",)),
]


@pytest.mark.parametrize(("sentence", "words"), SENTENCES)
def test_sentence_says_what_was_found(sentence, words):
    for word in words:
        assert word in sentence
    assert "\n" not in sentence
    assert not sentence.endswith(".")
    assert sentence[0].islower() or sentence[0].isdigit()
    assert "None" not in sentence
    assert "nan" not in sentence


def test_article_of_a_disk_is_not_that_of_a_ring():
    assert "ring with" not in reasons.of_defocus(Disk(8), 8.0)
    assert "a disk" in reasons.of_defocus(Disk(8), 8.0)


def test_varying_blur_is_told_only_where_parts_differ_by_more_than_their_errors():
    assert reasons.of_varying_blur([20.0], [0.1]) == []
    assert reasons.of_varying_blur([20.0, 20.4], [0.1, 0.1]) == []
    assert reasons.of_varying_blur([20.0, 25.0], [2.0, 0.1]) == []
    assert len(reasons.of_varying_blur([20.0, 25.0, 22.0], [0.1, 0.1, 0.3])) == 1


def test_large_blur_is_told_only_near_the_limit():
    assert reasons.of_large_blur(30.0, 100.0) == []
    assert len(reasons.of_large_blur(99.0, 100.0)) == 1
